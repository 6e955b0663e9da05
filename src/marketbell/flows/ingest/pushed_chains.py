"""Option chains that somebody sends us: one object a chain, read into what the log carries.

Only what cannot be read is refused: names, types, times, strikes that do not rise. A quote that makes no sense is the
analysis's to judge, so that it is shown with its reason.
"""

import math
from collections.abc import Mapping
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np

from marketbell.core.options.chain import QUOTES, Chain, Side
from marketbell.core.options.expiry import expires_at
from marketbell.flows.ingest.rows import RowError, key_of, kind_of, moment_of, time_of

MAX_CHAINS = 2_000
"""In one request."""
MAX_STRIKES = 2_000
AHEAD_NS = 300 * 10**9
"""So far ahead of our clock a chain may be. One of tomorrow would make all of today late."""
_SAME_INDEX = {"NIFTY50": "NIFTY"}
_SIGNED = frozenset({"oi_change"})
_NAMES = frozenset({
    "underlying", "kind", "expiry", "as_of", "expires_at", "spot", "future", "lot_size", "source", "flags", "strikes",
    "call", "put",
})  # fmt: skip
_FIRST, _LAST = date(1990, 1, 1), date(2200, 1, 1)
_MOST_FLAGS, _LONGEST_WORD = 20, 64


def read_chain(row: Mapping[str, Any], now: int) -> tuple[Chain, str | None]:
    """The chain of one object in the shape of `Chain.as_dict`, and the underlying's kind where it is said.

    `now` is our clock, ns UTC. RowError with the reason and the field.
    """
    strange = sorted(set(row) - _NAMES)
    if strange:
        raise RowError(f"a chain has no {strange[0]}", str(strange[0]))
    venue, _, symbol = key_of(row, "underlying").partition(":")
    underlying = f"{venue}:{_SAME_INDEX.get(symbol, symbol)}"
    expiry = _day(row.get("expiry"))
    as_of = time_of(row, "as_of")
    if not 0 < as_of <= now + AHEAD_NS:
        raise RowError("as_of is after 1970 and at most five minutes ahead of now", "as_of")
    ends = row.get("expires_at")
    strikes = _strikes(row.get("strikes"))
    chain = Chain(
        underlying=underlying,
        expiry=expiry,
        as_of=as_of,
        spot=_positive(row.get("spot"), "spot"),
        strikes=strikes,
        call=_side(row.get("call"), "call", len(strikes)),
        put=_side(row.get("put"), "put", len(strikes)),
        expires_at=moment_of(ends, "expires_at") if ends else expires_at(underlying, expiry),
        future=_positive(row.get("future"), "future"),
        lot_size=_positive(row.get("lot_size"), "lot_size"),
        source=_word(row.get("source") or "push", "source"),
        flags=_flags(row.get("flags")),
    )
    return chain, kind_of(row)


def _day(value: Any) -> date:
    try:
        found = date.fromisoformat(value) if isinstance(value, str) and len(value) == len("2026-08-25") else None
    except ValueError:
        found = None
    if found is None or not _FIRST <= found < _LAST:
        raise RowError("expiry is a date like 2026-08-25", "expiry")
    return found


def _positive(value: Any, name: str) -> float:
    """A number above 0; NaN where it is not said."""
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise RowError(f"{name} is a number above 0, or null", name)
    return float(value)


def _strikes(value: Any) -> Any:
    if not isinstance(value, list) or not 0 < len(value) <= MAX_STRIKES:
        raise RowError(f"strikes is a list of 1 to {MAX_STRIKES} numbers", "strikes")
    found = [_positive(one, "strikes") for one in value]
    if math.isnan(found[0]) or not all(low < high for low, high in pairwise(found)):
        raise RowError("strikes rise, each once, none is null", "strikes")
    return np.array(found, np.float64)


def _side(value: Any, name: str, count: int) -> Side:
    if value is None:
        return Side.of(count)
    if not isinstance(value, Mapping):
        raise RowError(f"{name} is an object of columns", name)
    columns: dict[str, Any] = {}
    for column, entries in value.items():
        where = f"{name}.{column}"
        if column not in (*QUOTES, "quote_time"):
            raise RowError(f"an option's quote has no {column}", where)
        if not isinstance(entries, list) or len(entries) != count:
            raise RowError(f"{where} has one entry for each of {count} strikes", where)
        columns[column] = _times(entries, where) if column == "quote_time" else _numbers(entries, column, where)
    return Side.of(count, **columns)


def _numbers(entries: list[Any], column: str, where: str) -> list[float]:
    found = []
    for entry in entries:
        if entry is None:
            found.append(math.nan)
            continue
        if isinstance(entry, bool) or not isinstance(entry, (int, float)) or not math.isfinite(entry):
            raise RowError(f"{where} has numbers and null", where)
        if entry < 0 and column not in _SIGNED:
            raise RowError(f"{where} has no numbers under 0", where)
        found.append(float(entry))
    return found


def _times(entries: list[Any], where: str) -> list[int]:
    return [moment_of(entry, where) if entry else 0 for entry in entries]


def _word(value: Any, name: str) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_WORD or not value.isprintable():
        raise RowError(f"{name} is a word of at most {_LONGEST_WORD} printable characters", name)
    return value


def _flags(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > _MOST_FLAGS:
        raise RowError(f"flags is a list of at most {_MOST_FLAGS} words", "flags")
    return tuple(_word(one, "flags") for one in value)
