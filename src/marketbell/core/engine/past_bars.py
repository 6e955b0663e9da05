"""Stored bars on their way to who begins to watch: BAR frames with the role `past` (decision 0010).

A frame holds whole instruments, each row by itself: of an instrument the newest longer bars that are wanted, and its
minutes from where the longest of its open bars begins. So what is sent is bounded by bars, not by minutes, and the
engine goes on from there with the minutes that it keeps. Payload: {"role": "past", "timeframes": […], "until",
"holes": [[from, until], …], "series": […]}; times in ns UTC. `timeframes` are the longer bars that were asked for.
Minutes are whole up to `until`; in a hole nobody was there to see whether something traded. `series` say what the bars
are for, in the words of beyond.py; where nothing is said, for all.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from marketbell.core.columns.frame import Columns
from marketbell.core.engine.aligned import Sessions
from marketbell.core.engine.bars import Bars, Floats, Ints
from marketbell.core.engine.beyond import words
from marketbell.core.engine.timeframes import FAR, Roller
from marketbell.core.language.plan import Plan
from marketbell.core.market.session import MINUTE, SECOND, SessionTable
from marketbell.core.market.timeframe import MINUTE_1, Timeframe

PAST = "past"
QUIET = 5 * MINUTE
"""Session time without a bar of anybody that is still taken for quiet; where it is longer, nobody was there."""
_VALUES = ("open", "high", "low", "close", "volume", "vwap")
_NEVER = -(1 << 62)


@dataclass(frozen=True, slots=True)
class PastBars:
    """What a frame says: `minutes` and `longer` bars by timeframe, ascending for each row; see the module."""

    minutes: Bars
    longer: Mapping[Timeframe, Bars]
    until: int
    holes: tuple[tuple[int, int], ...]

    @classmethod
    def read(cls, rows: Ints, columns: Mapping[str, NDArray[Any]], payload: Mapping[str, Any], of: Sessions) -> Self:
        """From a frame's columns; `rows` are the engine's, -1 where an instrument is not known."""
        close = np.asarray(columns["close"], np.float64)
        good = np.flatnonzero((rows >= 0) & (close > 0) & np.isfinite(close))
        start = np.asarray(columns["start"], np.int64)
        good = good[np.lexsort((start[good], rows[good]))]
        seconds = np.asarray(columns["timeframe_s"], np.int64)[good]
        values = np.column_stack([_floats(columns, name, good) for name in _VALUES])
        trades = np.asarray(columns["trades"], np.int64)[good] if "trades" in columns else np.zeros(len(good), np.int64)
        found = {Timeframe.parse(str(one)): Bars.empty() for one in payload["timeframes"]}
        for length in np.unique(seconds).tolist():
            mine = np.flatnonzero(seconds == length)
            timeframe = Timeframe("s", int(length))
            at = good[mine]
            found[timeframe] = of.bars(timeframe, rows[at], start[at], values[mine], trades[mine])
        minutes = found.pop(MINUTE_1, Bars.empty())
        holes = tuple((int(low), int(high)) for low, high in payload.get("holes", ()))
        return cls(minutes, found, int(payload["until"]), holes)

    def payload(self, series: Iterable[str] | None = None) -> dict[str, Any]:
        """What a frame says beside its columns; `series`: what it is for, all where nothing is said."""
        told = {
            "role": PAST,
            "timeframes": [str(one) for one in sorted(self.longer, key=lambda one: one.rank)],
            "until": self.until,
            "holes": [list(hole) for hole in self.holes],
        }
        return told if series is None else told | {"series": sorted(series)}

    def columns(self, ids: Ints) -> Columns:
        """The same as columns of a frame, instrument by instrument; `ids` are their ids by row."""
        parts = [(MINUTE_1, self.minutes), *self.longer.items()]
        parts = [(timeframe, bars) for timeframe, bars in parts if len(bars)]
        rows = np.concatenate([bars.rows for _, bars in parts] or [np.empty(0, np.int64)])
        order = np.argsort(rows, kind="stable")
        seconds = [np.full(len(bars), (timeframe.nanoseconds or 0) // SECOND, np.int32) for timeframe, bars in parts]
        values = np.concatenate([bars.values for _, bars in parts] or [np.empty((0, 6))])[order]
        out: Columns = {
            "instrument_id": ids[rows[order]],
            "timeframe_s": np.concatenate(seconds or [np.empty(0, np.int32)])[order],
            "start": np.concatenate([bars.start for _, bars in parts] or [np.empty(0, np.int64)])[order],
            "trades": np.concatenate([bars.trades for _, bars in parts] or [np.empty(0, np.int64)])[order],
        }
        return out | {name: np.ascontiguousarray(values[:, at]) for at, name in enumerate(_VALUES)}


def series_of(plan: Plan) -> frozenset[str]:
    """The words of what a plan gives: what a frame is for."""
    said = words(plan)
    return frozenset(said[item.node] for _, item in plan.results)


def past_of(minutes: Bars, wanted: Mapping[Timeframe, int], sessions: Sessions) -> tuple[Bars, dict[Timeframe, Bars]]:
    """Of stored minutes (ascending for each row) what a frame holds: minutes, and longer bars by timeframe.

    `wanted` are bars of whole minutes. A row's open bars are those that its newest minute lies in, also where that
    completes them: the engine closes them as it does its own.
    """
    longer: dict[Timeframe, Bars] = {}
    rows = minutes.rows
    count = int(rows.max()) + 1 if len(rows) else 0
    tail = np.full(count, FAR)
    np.maximum.at(tail, rows, _NEVER)
    for timeframe, most in wanted.items():
        if timeframe == MINUTE_1:
            continue
        opened = open_since(minutes, timeframe, sessions, count)
        roller = Roller(timeframe, count)
        closed = roller.add(minutes.take(minutes.start < opened[rows]), sessions)
        rest = roller.due(np.full(count, FAR), sessions)
        longer[timeframe] = _newest(_ordered(Bars.joined([closed, rest])), most)
        tail = np.minimum(tail, opened)
    newest = open_since(minutes, MINUTE_1, sessions, count)
    tail = np.minimum(tail, newest)
    kept = minutes.take(minutes.start >= tail[rows])
    if wanted.get(MINUTE_1, 0) > 0:
        some = _newest(minutes, wanted[MINUTE_1])
        first = np.full(count, FAR)
        np.minimum.at(first, some.rows, some.start)
        kept = minutes.take(minutes.start >= np.minimum(first, tail)[rows])
    return kept, longer


def open_since(minutes: Bars, timeframe: Timeframe, sessions: Sessions, count: int) -> Ints:
    """Of each of `count` rows the start of the bar that its newest minute lies in; never where it has none."""
    found = np.full(count, _NEVER)
    if len(minutes):
        start = minutes.start if timeframe == MINUTE_1 else sessions.buckets(minutes, timeframe)[0]
        np.maximum.at(found, minutes.rows, start)
    return found


def holes_of(starts: Ints, table: SessionTable, begin: int, until: int) -> list[tuple[int, int]]:
    """Spans of session time in [begin, until) in which no minute begins, longer than `QUIET`; ns UTC.

    `starts` are those of the minutes of everybody that was asked; what lies before the first and behind the last of
    them is no hole.
    """
    known = np.unique(np.asarray(starts, np.int64))
    known = known[(known >= begin) & (known < until)]
    if len(known) < 2:
        return []
    opens, closes = np.asarray(table.open, np.int64), np.asarray(table.close, np.int64)
    before = np.concatenate([[0], np.cumsum(closes - opens)])

    def elapsed(times: Ints) -> Ints:
        at = np.searchsorted(opens, times, side="right")
        held = np.maximum(at - 1, 0)
        inside = np.minimum(times, closes[held]) - opens[held]
        return np.where(at > 0, before[held] + inside, 0)

    if not len(opens):
        return []
    ends = known[:-1] + MINUTE
    gap = elapsed(known[1:]) - elapsed(ends)
    return [(int(ends[at]), int(known[at + 1])) for at in np.flatnonzero(gap > QUIET)]


def _floats(columns: Mapping[str, NDArray[Any]], name: str, at: Ints) -> Floats:
    column = columns.get(name)
    return np.full(len(at), np.nan) if column is None else np.asarray(column, np.float64)[at]


def _ordered(bars: Bars) -> Bars:
    return bars.take(np.lexsort((bars.start, bars.rows)))


def _newest(bars: Bars, most: int) -> Bars:
    """The newest `most` bars of each row; those of a row stand together or at least in the order of time."""
    order = np.argsort(bars.rows, kind="stable")
    rows = bars.rows[order]
    behind = np.searchsorted(rows, rows, side="right") - np.arange(len(rows)) - 1
    return bars.take(np.sort(order[behind < most]))


def cut_by_instrument(columns: Columns, most: int) -> Sequence[Columns]:
    """Pieces of at most `most` rows, or of one instrument; none is torn apart."""
    ids = columns["instrument_id"]
    edges = np.flatnonzero(np.concatenate([[True], ids[1:] != ids[:-1]])) if len(ids) else np.empty(0, np.int64)
    edges = np.append(edges, len(ids))
    pieces: list[Columns] = []
    low = 0
    for at in range(1, len(edges)):
        is_last = at == len(edges) - 1
        if is_last or edges[at + 1] - low > most:
            high = int(edges[at])
            pieces.append({name: column[low:high] for name, column in columns.items()})
            low = high
    return pieces
