"""Tables to rows: long ones (a contract a row, with its side) and wide ones (a strike a row, calls and puts beside)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from marketbell.adapters.feeds.replay.arrow import words
from marketbell.adapters.feeds.replay.chains.loading import Content
from marketbell.adapters.feeds.replay.chains.notes import Notes
from marketbell.adapters.feeds.replay.chains.rows import UNITS, Rows, bound, days_of
from marketbell.adapters.feeds.replay.chains.symbols import key_of
from marketbell.adapters.feeds.replay.tables import as_numbers
from marketbell.adapters.feeds.replay.times import parse_times
from marketbell.core.options.chain import Floats, Ints
from marketbell.core.options.expiry import expires_at
from marketbell.core.primitives.errors import InvalidSourceError

DAY = 86_400 * 10**9
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Bools = NDArray[np.bool_]

_CALLS, _PUTS = {"CE", "C", "CALL", "1", "CALLS"}, {"PE", "P", "PUT", "-1", "PUTS"}


@dataclass(frozen=True, slots=True)
class Layout:
    """Which columns (lower case, the first that is there) hold what.

    `shared`: underlying, expiry, as_of, strike, spot, lot, quote_time. Long: `side` and `long`, columns of QUOTES;
    without a side each row counts as a call, without a strike as one of 1 (futures). Wide: `wide`, columns of QUOTES
    with `{}` where calls and puts have one of the pairs `sides`. `iv_scale` is 100 where volatilities are in per cent.
    `zone` is that of times without an offset.
    """

    shared: Mapping[str, tuple[str, ...]]
    side: tuple[str, ...] = ()
    long: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    wide: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sides: tuple[tuple[str, str], ...] = (("ce", "pe"),)
    zone: str = "Asia/Kolkata"
    venue: str = "NSE"
    iv_scale: float = 100.0
    oi_unit: str = UNITS
    volume_unit: str = UNITS


@dataclass(frozen=True, slots=True)
class Stated:
    """What the caller says where a file does not: an underlying's key, the expiry in days since 1970, a moment.

    (The price of the underlying is filled in afterwards.)
    """

    underlying: str | None = None
    expiry: int = days_of(None)
    as_of: int = 0


def rows_of_table(content: Content, layout: Layout, stated: Stated, source: str, notes: Notes) -> Rows:
    """The rows of a table. InvalidSourceError where strikes are missing; unreadable rows are left out and noted."""
    if content.table is None:
        raise InvalidSourceError(f"{content.path}: is no table")
    count = content.table.num_rows
    strike_column = content.column(*layout.shared.get("strike", ()))
    if strike_column is None and "strike" in layout.shared:
        raise InvalidSourceError(f"{content.path}: has no column for the strike")
    strike = np.ones(count) if strike_column is None else as_numbers(strike_column)
    names, name = _names(content, layout, stated, count)
    expiry, is_dated = _dates(content.column(*layout.shared["expiry"]), stated.expiry, count)
    as_of, is_timed = _moments(content.column(*layout.shared.get("as_of", ())), layout.zone, stated.as_of, count)
    as_of = _at_the_close(as_of, is_timed, layout.zone, names, name)
    spot = _numbers(content.column(*layout.shared.get("spot", ())), count)
    lot_column = content.column(*layout.shared.get("lot", ()))
    lot = None if lot_column is None else _numbers(lot_column, count)
    quote_time = None
    quote_column = content.column(*layout.shared.get("quote_time", ()))
    if quote_column is not None:
        quote_time = _moments(quote_column, layout.zone, 0, count)[0]
    columns, repeat, is_call, is_known = _contracts(content, layout, count)
    keep = np.flatnonzero(is_known & (is_dated & is_timed)[repeat])
    notes.add("unreadable", content.path.name, content.path.name, len(repeat) - len(keep))
    take = repeat[keep]
    made = Rows(
        names=names,
        name=name[take],
        expiry=expiry[take],
        as_of=as_of[take],
        strike=strike[take],
        is_call=is_call[keep],
        spot=spot[take],
        columns={one: column[keep] for one, column in columns.items()},
        quote_time=None if quote_time is None else quote_time[take],
        lot=None if lot is None else lot[take],
        oi_unit=layout.oi_unit,
        volume_unit=layout.volume_unit,
        source=source,
    )
    return bound(made, notes)


def _contracts(content: Content, layout: Layout, count: int) -> tuple[dict[str, Floats], Ints, Bools, Bools]:
    """Columns of the contracts, the row of each, whether it is a call, and whether its side could be read."""
    side = content.column(*layout.side)
    if side is not None or (layout.long and not layout.side):
        kind = np.ones(count, np.int64) if side is None else _kinds(side)
        return _columns(content, layout.long, layout.iv_scale, ""), np.arange(count), kind == 1, kind >= 0
    halves = [_columns(content, layout.wide, layout.iv_scale, word) for word in _sides(content, layout)]
    unknown = np.full(count, np.nan)
    columns = {
        name: np.concatenate([half.get(name, unknown) for half in halves])
        for name in dict.fromkeys([*halves[0], *halves[1]])
    }
    both = np.arange(2 * count)
    return columns, both % max(count, 1), both < count, np.ones(2 * count, np.bool_)


def symbol_of_file(path: Path) -> str:
    """The underlying that a file's name bears: its first word that is no noise."""
    stem = path.name.split(".")[0]
    noise = {"nse", "option", "options", "chain", "chains", "optionchain", "upstox", "dhan", "kite", "fo", "data"}
    found = [one for one in stem.replace("-", "_").split("_") if one.lower() not in noise and not one.isdigit()]
    return found[0].upper() if found else "UNKNOWN"


def _names(content: Content, layout: Layout, stated: Stated, count: int) -> tuple[list[str], Ints]:
    column = content.column(*layout.shared.get("underlying", ()))
    if column is None:
        return [stated.underlying or key_of(symbol_of_file(content.path), layout.venue)], np.zeros(count, np.int64)
    at, listed = words(column.cast(pa.string()))
    keys = [key_of(one, layout.venue) for one in listed]
    names = list(dict.fromkeys(keys))
    place = np.array([names.index(one) for one in keys], np.int64)
    return names, place[at] if len(place) else at


def _dates(column: pa.ChunkedArray | None, stated: int, count: int) -> tuple[Ints, Bools]:
    if column is None:
        return np.full(count, stated, np.int64), np.ones(count, np.bool_)
    times, known = parse_times(column, "UTC")  # a date is a date wherever it is
    return times // DAY, known


def _moments(column: pa.ChunkedArray | None, zone: str, stated: int, count: int) -> tuple[Ints, Bools]:
    if column is None:
        return np.full(count, stated, np.int64), np.ones(count, np.bool_)
    return parse_times(column, zone)


def _at_the_close(as_of: Ints, known: Bools, zone: str, names: list[str], name: Ints) -> Ints:
    """Dates alone, midnight in the zone, are the close of that day; other moments stay."""
    dates, place = np.unique(as_of[known], return_inverse=True)
    local = ZoneInfo(zone)
    days = [(_EPOCH + timedelta(microseconds=one // 1_000)).astimezone(local) for one in dates.tolist()]
    if not days or any((one.hour, one.minute, one.second) != (0, 0, 0) for one in days):
        return as_of
    closes = np.array([[expires_at(key, day.date()) for day in days] for key in names], np.int64)
    found = as_of.copy()
    found[known] = np.where(closes[name[known], place] > 0, closes[name[known], place], as_of[known])
    return found


def _numbers(column: pa.ChunkedArray | None, count: int) -> Floats:
    return np.full(count, math.nan) if column is None else as_numbers(column)


def _kinds(column: pa.ChunkedArray) -> Ints:
    """1 for a call, 0 for a put, -1 for what is neither."""
    at, listed = words(column.cast(pa.string()))
    names = [one.strip().upper() for one in listed]
    return np.array([1 if one in _CALLS else 0 if one in _PUTS else -1 for one in names] or [-1], np.int64)[at]


def _sides(content: Content, layout: Layout) -> tuple[str, str]:
    for pair in layout.sides:
        if all(
            any(content.has(name.format(word)) for names in layout.wide.values() for name in names) for word in pair
        ):
            return pair
    raise InvalidSourceError(f"{content.path}: has neither a side of the contract nor columns of calls and puts")


def _columns(content: Content, names: Mapping[str, tuple[str, ...]], iv_scale: float, word: str) -> dict[str, Floats]:
    found: dict[str, Floats] = {}
    for ours, theirs in names.items():
        column = content.column(*(name.format(word) for name in theirs))
        if column is not None:
            values = as_numbers(column)
            found[ours] = values / iv_scale if ours == "published_iv" else values
    return found
