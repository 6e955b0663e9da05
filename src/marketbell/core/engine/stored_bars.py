"""Closed bars that are kept for who begins to watch later: the newest minutes of each row, and its days."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketbell.core.engine import stored_kernel as sk
from marketbell.core.engine.timeframes import Bars, Sessions

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class MinuteRing:
    """The newest `size` closed minutes of each row, oldest first."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.start = np.zeros((0, size), np.int64)
        self.trades = np.zeros((0, size), np.int64)
        self.values = np.zeros((0, size, 6))
        self.count = np.zeros(0, np.int64)

    def grow(self, rows: int) -> None:
        """Make room for `rows` rows."""
        for name in ("start", "trades", "values", "count"):
            setattr(self, name, _grown(getattr(self, name), rows))

    def push(self, rows: Ints, start: Ints, trades: Ints, values: Floats) -> None:
        """Append closed minutes, those of a row ascending."""
        sk.push(rows, start, trades, values, self.start, self.trades, self.values, self.count)

    def clear(self, rows: Ints) -> None:
        """Forget the minutes of these rows."""
        self.count[rows] = 0

    def oldest(self) -> tuple[NDArray[np.bool_], Ints]:
        """Whether a row has lost minutes, and the start of its oldest one (0 without any)."""
        has_lost = self.count > self.size
        at = np.where(has_lost, self.count % self.size, 0)
        return has_lost, np.where(self.count > 0, self.start[np.arange(len(at)), at], 0)

    def bars(self, rows: Ints, sessions: Sessions) -> Bars:
        """The minutes of these rows, row by row, oldest first."""
        held = np.minimum(self.count[rows], self.size)
        at = (_places(held) + np.repeat(self.count[rows] - held, held)) % self.size
        who = np.repeat(rows, held)
        return sessions.minute_bars(who, self.start[who, at], self.values[who, at], self.trades[who, at])

    def checkpoint(self, count: int) -> dict[str, NDArray[Any]]:
        """Copies of the first `count` rows."""
        return {name: getattr(self, name)[:count].copy() for name in ("start", "trades", "values", "count")}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """The inverse. ValueError where the ring has another size."""
        if arrays["start"].shape[1] != self.size:
            message = f"a ring of {arrays['start'].shape[1]} minutes, not {self.size}"
            raise ValueError(message)
        for name in ("start", "trades", "values", "count"):
            getattr(self, name)[: len(arrays[name])] = arrays[name]


class DayShelf:
    """The daily bars of each row by start, at most `most` of them.

    Days change seldom and are many: a checkpoint takes the arrays themselves, and who changes them next
    makes copies first.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.start = np.zeros((0, 4), np.int64)
        self.values = np.zeros((0, 4, 6))
        self.count = np.zeros(0, np.int64)
        self._is_lent = False

    def grow(self, rows: int) -> None:
        """Make room for `rows` rows."""
        for name in ("start", "values", "count"):
            setattr(self, name, _grown(getattr(self, name), rows))

    def put(self, rows: Ints, start: Ints, values: Floats) -> None:
        """Insert bars, or replace those with the same start."""
        if not len(rows):
            return
        if self._is_lent:
            self.start, self.values, self.count = self.start.copy(), self.values.copy(), self.count.copy()
            self._is_lent = False
        need = int((self.count + np.bincount(rows, minlength=len(self.count))).max())
        room = self.start.shape[1]
        if need > room and room < self.most:
            more = min(self.most, max(need, 2 * room)) - room
            self.start = np.pad(self.start, ((0, 0), (0, more)))
            self.values = np.pad(self.values, ((0, 0), (0, more), (0, 0)))
        sk.put(rows, start, values, self.start, self.values, self.count)

    def bars(self, rows: Ints, sessions: Sessions) -> Bars:
        """The days of these rows, row by row, oldest first."""
        held = self.count[rows]
        at, who = _places(held), np.repeat(rows, held)
        return sessions.day_bars(who, self.start[who, at], self.values[who, at])

    def checkpoint(self, count: int) -> dict[str, NDArray[Any]]:
        """The first `count` rows. The arrays are never written to again."""
        self._is_lent = True
        return {name: getattr(self, name)[:count] for name in ("start", "values", "count")}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """The inverse."""
        rows = max(len(self.count), len(arrays["count"]))
        for name in ("start", "values", "count"):
            setattr(self, name, np.array(arrays[name]))
        self._is_lent = False
        self.grow(rows)


def _grown(array: NDArray[Any], rows: int) -> NDArray[Any]:
    more = rows - len(array)
    return array if more <= 0 else np.concatenate([array, np.zeros((more, *array.shape[1:]), array.dtype)])


def _places(held: Ints) -> Ints:
    """0, 1, … of each row, one row after the other."""
    ends = np.cumsum(held)
    return np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - held, held)
