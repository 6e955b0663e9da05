"""Bar files to one source: judged daily or minute bars in order of their ends, and quality events."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketbell.adapters.feeds.replay.arrow import words
from marketbell.adapters.feeds.replay.corporate_actions import Actions, mark, previous_closes
from marketbell.adapters.feeds.replay.tables import Table, as_numbers
from marketbell.adapters.feeds.replay.times import parse_times
from marketbell.adapters.feeds.replay.venues import Sessions, calendar_of, describe, symbol_of
from marketbell.core.columns.frame import Columns
from marketbell.core.market.instrument import Instrument
from marketbell.core.market.session import DAY, MINUTE, SessionTable, session_index, session_of_date
from marketbell.core.primitives.errors import InvalidSourceError
from marketbell.core.quality.daily import PRICES, judge_daily
from marketbell.core.quality.kinds import ACTIONS, QualityKind


@dataclass(slots=True)
class BarSource:
    """BAR columns in order of their ends, the end of each (`clock`, ns UTC), and what was wrong.

    `events` are quality items with the clock at which they are told.
    """

    instruments: list[Instrument]
    bars: Columns
    clock: NDArray[np.int64]
    timeframe_s: int
    events: list[tuple[int, dict[str, Any]]] = field(default_factory=list)


def read_bars(
    tables: Sequence[Table], calendar: str | None, sessions: Sessions, actions: Actions = MappingProxyType({})
) -> BarSource:
    """Read files of one timeframe. InvalidSourceError where no row of them can be read.

    A split or bonus among `actions` explains a jump, and the previous close of its ex-date is adjusted.
    """
    parts = [_part(table, calendar or calendar_of(table, sessions), sessions, actions) for table in tables]
    bars = {name: np.concatenate([part.bars[name] for part in parts]) for name in parts[0].bars}
    clock = np.concatenate([part.clock for part in parts])
    order = np.argsort(clock, kind="stable")
    events = sorted((event for part in parts for event in part.events), key=lambda event: event[0])
    instruments = list({one.key: one for part in parts for one in part.instruments}.values())
    return BarSource(
        instruments,
        {name: column[order] for name, column in bars.items()},
        clock[order],
        parts[0].timeframe_s,
        events,
    )


def no_bars() -> BarSource:
    """A source without prices."""
    empty = np.empty(0)
    bars: Columns = {
        "instrument_id": np.empty(0, np.int64),
        "timeframe_s": np.empty(0, np.int32),
        "start": np.empty(0, np.int64),
        **dict.fromkeys((*PRICES, "volume", "prev_close"), empty),
    }
    return BarSource([], bars, np.empty(0, np.int64), 86_400)


def _part(table: Table, calendar: str, sessions: Sessions, actions: Actions) -> BarSource:
    book = sessions(calendar)
    is_daily = table.format == "daily"
    # A date is the venue's own: it is not moved by the zone.
    time, readable = parse_times(table.known["time"], "UTC" if is_daily else book.zone)
    close = table.numbers("close")
    if close is None or not (readable & ~np.isnan(close)).any():
        raise InvalidSourceError(f"{table.path}: not one row has a time and a price")
    symbols, names = _symbols(table)
    order = np.argsort(symbols, kind="stable")
    symbols, time, readable = symbols[order], np.where(readable, time, 0)[order], readable[order]
    prices = {name: values[order] for name in PRICES if (values := table.numbers(name)) is not None}
    volume, prev_close = table.numbers("volume"), table.numbers("prev_close")
    volume = np.full(len(order), np.nan) if volume is None else volume[order]
    prev_close = None if prev_close is None else prev_close[order]
    start, end, is_open = _places(time, book, is_daily=is_daily)

    others: dict[str, NDArray[np.generic]] = {"volume": volume}
    if prev_close is not None:
        others["prev_close"] = prev_close
    for name, column in table.others.items():
        others[name] = as_numbers(column)[order]
    if is_daily:
        explained = mark(symbols, names, time // DAY, actions) if actions else None
        verdict = judge_daily(symbols, prices, others, prev_close=prev_close, is_open_day=is_open, has_action=explained)
        keep, kinds = verdict.keep, dict(verdict.kinds)
    else:
        # A quiet minute may repeat the one before: only prices and sessions are judged.
        verdict = judge_daily(np.arange(len(symbols)), prices, {})
        keep = verdict.keep & is_open
        kinds = {QualityKind.BAD_PRICE: ~verdict.keep, QualityKind.OUT_OF_SESSION: verdict.keep & ~is_open}
        if QualityKind.BAD_BAR in verdict.kinds:
            kinds[QualityKind.BAD_BAR] = verdict.kinds[QualityKind.BAD_BAR] & keep
    kinds = {kind: mask & readable for kind, mask in kinds.items()}
    kinds[QualityKind.EPOCH_TIMESTAMP] = ~readable
    keep = keep & readable
    again = _again(symbols, start, keep)
    kinds[QualityKind.DUPLICATE] = again
    keep = keep & ~again

    instruments, ids = [], np.zeros(len(symbols), np.int64)
    for number, name in enumerate(names):
        mine = symbols == number
        one = describe(name, calendar, prices=verdict.prices["close"][mine], has_volume=bool((volume[mine] > 0).any()))
        instruments.append(one)
        ids[mine] = one.instrument_id
    rows = np.flatnonzero(keep)
    before = np.full(len(rows), np.nan) if prev_close is None else prev_close[rows]
    if is_daily and actions:
        close = verdict.prices["close"][rows]
        before = previous_closes(symbols[rows], names, time[rows] // DAY, close, before, actions)
    bars: Columns = {
        "instrument_id": ids[rows],
        "timeframe_s": np.full(len(rows), 86_400 if is_daily else 60, np.int32),
        "start": start[rows],
        **{name: verdict.prices[name][rows] for name in PRICES},
        "volume": volume[rows],
        "prev_close": before,
    }
    events = [
        (
            int(end[at]),
            {
                "instrument_id": int(ids[at]),
                "kind": kind.label,
                "action": ACTIONS[kind],
                "event_time": int(start[at]),
                "count": 1,
            },
        )
        for kind, mask in kinds.items()
        for at in np.flatnonzero(mask)
    ]
    return BarSource(instruments, bars, end[rows], 86_400 if is_daily else 60, events)


def _symbols(table: Table) -> tuple[NDArray[np.int64], list[str]]:
    column = table.known.get("symbol")
    if column is None:
        return np.zeros(table.rows, np.int64), [symbol_of(table.path)]
    at, names = words(column)
    rank = np.argsort(np.argsort(np.array(names)))
    return rank[at].astype(np.int64), sorted(names)


def _places(
    time: NDArray[np.int64], book: SessionTable, *, is_daily: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Start and end of each bar (ns UTC) and whether it lies in a session.

    A day starts at its session's open, else at 00:00 UTC and lasts the whole date.
    """
    if is_daily:
        at = session_of_date(book.date, time // DAY)
        known = at >= 0
        midnight = time // DAY * DAY
        start = np.where(known, book.open[at], midnight)
        return start, np.where(known, book.close[at], midnight + DAY), known
    at = session_index(book.open, book.close, time)
    known = at >= 0
    return time, np.where(known, np.minimum(time + MINUTE, book.close[at]), time + MINUTE), known


def _again(symbols: NDArray[np.int64], start: NDArray[np.int64], keep: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A kept bar of the same instrument and start stands further up in the file."""
    rows = np.flatnonzero(keep)
    order = rows[np.lexsort((rows, start[rows], symbols[rows]))]
    again = np.zeros(len(symbols), np.bool_)
    if len(order) > 1:
        same = (symbols[order[1:]] == symbols[order[:-1]]) & (start[order[1:]] == start[order[:-1]])
        again[order[1:][same]] = True
    return again
