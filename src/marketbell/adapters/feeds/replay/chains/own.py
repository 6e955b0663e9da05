"""Our own chains: what `Chain.as_dict` gives, one, a list, or a list under `items`, times in ns or ISO 8601."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from marketbell.adapters.feeds.replay.chains.loading import Content
from marketbell.core.options.chain import Chain
from marketbell.core.primitives.errors import InvalidSourceError

NAME = "marketbell"
TEXT = "our own JSON: underlying, expiry, as_of, spot, strikes, call, put; a list, or a list under items"


def is_one(content: Content) -> bool:
    """Whether it looks like one."""
    items = _items(content.data)
    return bool(items) and isinstance(items[0], dict) and {"underlying", "expiry", "strikes", "call"} <= items[0].keys()


def read_chains(content: Content) -> list[Chain]:
    """The chains of the file. InvalidSourceError where one is incomplete."""
    found = []
    for at, item in enumerate(_items(content.data)):
        if not isinstance(item, dict):
            raise InvalidSourceError(f"{content.path}: item {at} is no chain")
        try:
            found.append(Chain.from_dict({**item, **_times(item)}))
        except (InvalidSourceError, ValueError) as error:
            raise InvalidSourceError(f"{content.path}: item {at}: {error}") from error
    return found


def _items(data: Any) -> list[Any]:
    if isinstance(data, dict):
        items = data.get("items")
        return items if isinstance(items, list) else [data]
    return data if isinstance(data, list) else []


def _times(item: Mapping[str, Any]) -> dict[str, int]:
    return {name: _nanoseconds(item[name]) for name in ("as_of", "expires_at") if isinstance(item.get(name), str)}


def _nanoseconds(text: str) -> int:
    moment = datetime.fromisoformat(text)
    past = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)
    return (past.days * 86_400 + past.seconds) * 10**9 + past.microseconds * 1_000
