"""One row of what somebody sends us, read field by field. What cannot be read names the field that is to blame."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

KINDS = ("equity", "index", "future", "option", "crypto", "currency")
_KEY = re.compile(r"[A-Z0-9_]{1,16}:[A-Za-z0-9&._\-/^+ ]{1,48}")
_EARLIEST_NS = -(1 << 62)
_LATEST_NS = 1 << 62


class RowError(Exception):
    """Why a row cannot be read, and which of its fields is to blame."""

    def __init__(self, reason: str, name: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.name = name


def key_of(row: Mapping[str, Any], name: str = "instrument") -> str:
    """VENUE:SYMBOL."""
    value = row.get(name)
    if not isinstance(value, str) or not _KEY.fullmatch(value):
        raise RowError(f"{name} is VENUE:SYMBOL", name)
    return value


def kind_of(row: Mapping[str, Any]) -> str | None:
    """What the instrument is, where the row says so."""
    value = row.get("kind")
    if value is not None and value not in KINDS:
        raise RowError(f"kind is {', '.join(KINDS[:-1])} or {KINDS[-1]}", "kind")
    return value


def number_of(row: Mapping[str, Any], name: str, *, default: float | None = None) -> float:
    """A number; `default` where it is missing, None: it must be there."""
    value = row.get(name)
    if value is None:
        if default is None:
            raise RowError(f"{name} is missing", name)
        return default
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise RowError(f"{name} is a number", name)
    return float(value)


def integer_of(row: Mapping[str, Any], name: str, *, default: int) -> int:
    """A whole number from 0."""
    value = row.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _LATEST_NS:
        raise RowError(f"{name} is a whole number from 0", name)
    return value


def time_of(row: Mapping[str, Any], name: str) -> int:
    """Nanoseconds since 1970 UTC, or ISO 8601 with an offset."""
    return moment_of(row.get(name), name)


def moment_of(value: Any, name: str) -> int:
    """The same of a value that bears the name."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise RowError(f"{name} is not an ISO 8601 time", name) from None
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise RowError(f"{name} lacks its offset from UTC", name)
        delta = value - datetime(1970, 1, 1, tzinfo=UTC)
        return (delta.days * 86_400 + delta.seconds) * 1_000_000_000 + delta.microseconds * 1_000
    if isinstance(value, bool) or not isinstance(value, int) or not _EARLIEST_NS < value < _LATEST_NS:
        raise RowError(f"{name} is nanoseconds since 1970 UTC or an ISO 8601 time", name)
    return value
