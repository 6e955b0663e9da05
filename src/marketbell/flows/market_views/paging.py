"""Cursors: where the next page goes on, as one opaque word."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any

import orjson

from marketbell.core.primitives.errors import UserError

MAX_LIMIT = 500


def encode_cursor(*parts: Any) -> str:
    """The parts of a sort key as one URL-safe word."""
    return base64.urlsafe_b64encode(orjson.dumps(parts)).rstrip(b"=").decode()


def decode_cursor(word: str, *kinds: type | tuple[type, ...]) -> list[Any]:
    """The parts again, each of the kind asked for. UserError where the word was not made by us."""
    try:
        parts = orjson.loads(base64.urlsafe_b64decode(word + "=" * (-len(word) % 4)))
    except (binascii.Error, orjson.JSONDecodeError, ValueError):
        parts = None
    if (
        not isinstance(parts, list)
        or len(parts) != len(kinds)
        or not all(isinstance(part, kind) for part, kind in zip(parts, kinds, strict=True))
    ):
        raise UserError("the cursor is not one of ours: leave it out to start at the beginning", field="cursor")
    return parts


def page_of_keys(keys: Sequence[str], cursor: str | None, limit: int) -> tuple[list[str], str | None]:
    """A page of a ranked list and the cursor behind it.

    The cursor holds the last rank and key. When the ranking moved in between, the page goes on
    behind where that key stands now, else behind the rank.
    """
    start = 0
    if cursor:
        rank, key = decode_cursor(cursor, int, str)
        start = (keys.index(key) if key in keys else rank) + 1
    page = list(keys[start : start + limit])
    end = start + len(page)
    return page, encode_cursor(end - 1, page[-1]) if page and end < len(keys) else None
