"""Bars of every timeframe: rolled up from closed minutes, days and ticks, aligned to each row's sessions.

Of a longer bar: high and low are those of the parts that are known; the volume is the sum of the known
ones and unknown (NaN) only when all are; vwap is the parts' vwap weighted by their volume, unknown when a
part with volume has none; trades is the sum. Where bars begin and end: see aligned.py.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketbell.core.engine import roll_kernel as rk
from marketbell.core.engine.aligned import Sessions
from marketbell.core.engine.bars import COLUMNS, Bars, Floats, Ints
from marketbell.core.market.timeframe import Timeframe

__all__ = ["COLUMNS", "Bars", "Roller", "Sessions", "TickRoller", "roll"]

FAR = (1 << 62) - 1


class Roller:
    """The open bars of one timeframe, a row each, fed with closed base bars in the order of their closing."""

    def __init__(self, timeframe: Timeframe, rows: int = 0) -> None:
        self.timeframe = timeframe
        self.sf = np.zeros((rows, rk.NS))
        self.si = np.zeros((rows, rk.NT), np.int64)

    def grow(self, rows: int) -> None:
        """Make room for `rows` rows; new ones have no open bar."""
        if rows > len(self.sf):
            self.sf = np.concatenate([self.sf, np.zeros((rows - len(self.sf), rk.NS))])
            self.si = np.concatenate([self.si, np.zeros((rows - len(self.si), rk.NT), np.int64)])

    def add(self, bars: Bars, sessions: Sessions) -> Bars:
        """Take base bars; gives the longer ones that they closed."""
        return self._roll(bars, sessions, is_every=False)

    def follow(self, bars: Bars, sessions: Sessions) -> Bars:
        """Take base bars; gives, for each of them, the longer bar as it stands after it."""
        return self._roll(bars, sessions, is_every=True)

    def _roll(self, bars: Bars, sessions: Sessions, *, is_every: bool) -> Bars:
        if not len(bars):
            return Bars.empty()
        start, end, session, opened = sessions.buckets(bars, self.timeframe)
        oi = np.empty((2 * len(bars), rk.NI), np.int64)
        of = np.empty((2 * len(bars), rk.NF))
        count = rk.roll(
            bars.rows, start, end, bars.end, session, opened, bars.values, bars.trades,
            self.sf, self.si, is_every, oi, of,
        )  # fmt: skip
        return _bars(oi[:count], of[:count], sessions, self.timeframe)

    def due(self, until: Ints, sessions: Sessions) -> Bars:
        """Close the bars whose end is not after their row's `until` (ns, one a row)."""
        open_ = (self.si[: len(until), rk.T_PARTS] > 0) & (self.si[: len(until), rk.T_END] <= until)
        count = int(np.count_nonzero(open_))
        if not count:
            return Bars.empty()
        oi, of = np.empty((count, rk.NI), np.int64), np.empty((count, rk.NF))
        rk.close_due(until, self.sf, self.si, oi, of)
        return _bars(oi, of, sessions, self.timeframe)

    def forming(self, rows: Ints, sessions: Sessions) -> Bars:
        """The open bars of these rows as they stand; rows without one are left out."""
        held = _plain(rows[self.si[rows, rk.T_PARTS] > 0])
        si, sf = self.si[held], self.sf[held]
        with np.errstate(invalid="ignore", divide="ignore"):
            vwap = np.where(sf[:, rk.S_SIZE] > 0, sf[:, rk.S_PV] / sf[:, rk.S_SIZE], np.nan)
        lines = np.column_stack([held, si[:, 1:6]])
        return _bars(lines, np.column_stack([sf[:, :5], vwap]), sessions, self.timeframe)

    def take(self, rows: Ints) -> "Roller":
        """A copy of these rows alone, in their order."""
        other = Roller(self.timeframe)
        other.sf, other.si = self.sf[rows], self.si[rows]
        return other

    def reset(self, rows: Ints) -> None:
        """Forget the open bars of these rows."""
        self.si[rows] = 0


class TickRoller:
    """Open bars of n seconds (of any width inside a session), a few a row, fed with accepted ticks in log order."""

    def __init__(self, timeframe: Timeframe, late: int, rows: int = 0) -> None:
        """`late`: how far behind its row's newest a tick may come, ns. ValueError for d, w, mo and tick."""
        if timeframe.nanoseconds is None:
            message = f"bars of {timeframe} are not made from ticks"
            raise ValueError(message)
        self.timeframe, self.late = timeframe, late
        self.width = timeframe.nanoseconds
        self.slots = late // self.width + 2
        self.sf = np.zeros((rows * self.slots, rk.NP))
        self.si = np.zeros((rows * self.slots, rk.NU), np.int64)
        self.day = np.full(rows, -1, np.int64)
        self.newest = np.full(rows, -FAR, np.int64)
        self.base = np.full(rows, -1.0)

    def grow(self, rows: int) -> None:
        """Make room for `rows` rows."""
        more = rows - len(self.day)
        if more <= 0:
            return
        self.sf = np.concatenate([self.sf, np.zeros((more * self.slots, rk.NP))])
        self.si = np.concatenate([self.si, np.zeros((more * self.slots, rk.NU), np.int64)])
        self.day = np.concatenate([self.day, np.full(more, -1, np.int64)])
        self.newest = np.concatenate([self.newest, np.full(more, -FAR, np.int64)])
        self.base = np.concatenate([self.base, np.full(more, -1.0)])

    def add(
        self, rows: Ints, times: Ints, price: Floats, volume: Floats, amount: Floats,
        ordered: NDArray[np.bool_], sessions: Sessions,
    ) -> Bars:  # fmt: skip
        """Take accepted ticks (as Operator.ticks gives them); gives the bars that they closed."""
        if not len(rows):
            return Bars.empty()
        rows, times = _plain(rows), _plain(times)
        room = len(rows) + int(np.count_nonzero(self.si[:, rk.T_PARTS])) + 1
        oi, of = np.empty((room, rk.NI), np.int64), np.empty((room, rk.NF))
        count = rk.roll_ticks(
            rows, times, np.ascontiguousarray(price), np.ascontiguousarray(volume), np.ascontiguousarray(amount),
            np.ascontiguousarray(ordered, np.bool_), sessions.find(rows, times), sessions.opens, sessions.closes,
            sessions.dates, self.width, self.late, self.slots, self.day, self.newest, self.base, self.sf, self.si,
            oi, of,
        )  # fmt: skip
        return _bars(oi[:count], of[:count], sessions, self.timeframe)

    def due(self, until: Ints, sessions: Sessions) -> Bars:
        """Close the bars whose end is not after their row's `until` (ns, one a row)."""
        until = _plain(until)
        room = int(np.count_nonzero(self.si[:, rk.T_PARTS]))
        if not room:
            return Bars.empty()
        oi, of = np.empty((room, rk.NI), np.int64), np.empty((room, rk.NF))
        count = rk.close_seconds(until, self.base, self.slots, self.sf, self.si, oi, of)
        return _bars(oi[:count], of[:count], sessions, self.timeframe)

    def open_bars(self, rows: Ints, sessions: Sessions) -> Bars:
        """The open bars of these rows as they stand, ascending for each."""
        places = rows[:, None] * self.slots + np.arange(self.slots)
        start = np.where(self.si[places, rk.T_PARTS] > 0, self.si[places, rk.T_START], FAR)
        places = np.take_along_axis(places, np.argsort(start, axis=1, kind="stable"), axis=1)
        base = np.maximum(self.base[rows], 0.0)
        parts: list[tuple[Ints, Ints, Floats]] = []
        for at in places.T:
            is_open = self.si[at, rk.T_PARTS] > 0
            si, sf = self.si[at], self.sf[at]
            volume = sf[:, rk.P_SIZES] + np.maximum(0.0, sf[:, rk.P_CUM] - base)
            volume = np.where(si[:, rk.U_HAS_VOLUME] == 1, volume, np.nan)
            base = np.where(is_open, np.maximum(base, sf[:, rk.P_CUM]), base)
            with np.errstate(invalid="ignore", divide="ignore"):
                vwap = np.where(sf[:, rk.S_SIZE] > 0, sf[:, rk.S_PV] / sf[:, rk.S_SIZE], np.nan)
            values = np.column_stack([sf[:, :4], volume, vwap])
            parts.append((np.flatnonzero(is_open), si, values))
        lines = [np.column_stack([rows[at], si[at, 1:6]]) for at, si, _ in parts]
        return _bars(np.concatenate(lines), np.concatenate([v[at] for at, _, v in parts]), sessions, self.timeframe)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The state, to read and to write: the row is the first axis of each array."""
        rows = len(self.day)
        return {
            "sf": self.sf.reshape(rows, self.slots, rk.NP),
            "si": self.si.reshape(rows, self.slots, rk.NU),
            "day": self.day,
            "newest": self.newest,
            "base": self.base,
        }


def roll(bars: Bars, timeframe: Timeframe, sessions: Sessions) -> tuple[Bars, Bars]:
    """Whole histories at once: closed bars of `timeframe`, and the forming ones (at most one a row).

    `bars` are one-minute, daily or other bars of which the longer ones consist, ascending for each row. The
    last bar of a row is closed when the base bar that completes it is there, else it is forming.
    """
    roller = Roller(timeframe, int(bars.rows.max()) + 1 if len(bars) else 0)
    closed = roller.add(bars, sessions)
    return closed, roller.forming(np.arange(len(roller.sf)), sessions)


def _bars(lines: Ints, values: Floats, sessions: Sessions, timeframe: Timeframe) -> Bars:
    rows, start, end, session, opened, trades = (np.ascontiguousarray(lines[:, at]) for at in range(6))
    per_year = sessions.per_year(rows, timeframe)
    return Bars(rows, start, end, session, opened, trades, np.ascontiguousarray(values), per_year)


def _plain(values: NDArray[Any]) -> Ints:
    return np.ascontiguousarray(values, np.int64)
