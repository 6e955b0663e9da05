"""How far back each row's bars are known without a hole: where its history ends, where its live bars begin.

A stream that was there sees that an instrument did not trade; so live begins with the first heartbeat that
the row has lived through, or with its first bar. History reaches as far as the newest bar of the frame that
brought it. Times are ns UTC, one a row; NEVER is none.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketbell.core.engine.aligned import Sessions
from marketbell.core.engine.bars import Ints
from marketbell.core.engine.feeding import NEVER
from marketbell.core.engine.operators import ClosedBars
from marketbell.core.market.session import MINUTE

_ARRAYS = (
    "first_minute",  # start of the first live minute
    "first_day",  # open of the first live session
    "live_from",  # the first heartbeat
    "covered",  # how far the history of minutes reaches
    "day_covered",  # start of the last session that the history of days reaches
    "hole_from",
    "hole_until",
    "day_hole_from",
    "day_hole_until",
)


class Coverage:
    """See the module's docstring."""

    first_minute: Ints
    first_day: Ints
    live_from: Ints
    covered: Ints
    day_covered: Ints
    hole_from: Ints
    hole_until: Ints
    day_hole_from: Ints
    day_hole_until: Ints

    def __init__(self) -> None:
        for name in _ARRAYS:
            setattr(self, name, np.empty(0, np.int64))

    def grow(self, rows: int) -> None:
        """Make room for `rows` rows."""
        for name in _ARRAYS:
            array = getattr(self, name)
            setattr(self, name, np.concatenate([array, np.full(max(0, rows - len(array)), NEVER, np.int64)]))

    def heartbeat(self, clock: int) -> None:
        """The venue's time: rows that hear of it first are live from then on."""
        if clock > 0:
            self.live_from[self.live_from == NEVER] = clock

    def begin(self, minutes: ClosedBars, days: ClosedBars, sessions: Sessions) -> tuple[Ints, Ints]:
        """Live bars came: rows whose first minute is among them, and rows whose first session is."""
        rows, first = _first_of(minutes, self.first_minute)
        daily, opened = _first_of(days, self.first_day)
        if not len(rows) and not len(daily):
            return rows, daily
        self.first_minute[rows] = first
        self.first_day[daily] = opened
        new = self.first_day[rows] == NEVER
        begun, at = rows[new], first[new]
        inside = sessions.find(begun, at)
        opened = sessions.opens[np.maximum(inside, 0)] if len(sessions.opens) else at
        self.first_day[begun] = np.where(inside >= 0, opened, at)
        return rows, np.concatenate([begun, daily])

    def live_point(self, rows: Ints, first: Ints) -> Ints:
        """From when on nothing of these rows was missed; `first` is what live begins with at the latest."""
        clock = self.live_from[rows]
        return np.where(clock == NEVER, first, np.minimum(first, clock))

    def minute_holes(self, rows: Ints, sessions: Sessions) -> Ints:
        """Rows (live ones) that lack a minute or more of session time; remembered as such, the others as whole."""
        covered, live = self.covered[rows], self.live_point(rows, self.first_minute[rows])
        missing = sessions.elapsed(rows, live) - sessions.elapsed(rows, covered)
        holes = (covered != NEVER) & (missing >= MINUTE)
        self.hole_from[rows] = np.where(holes, covered, NEVER)
        self.hole_until[rows] = live
        found: Ints = rows[holes]
        return found

    def day_holes(self, rows: Ints, sessions: Sessions) -> Ints:
        """Rows (live ones) that lack a session or more."""
        covered, live = self.day_covered[rows], self.live_point(rows, self.first_day[rows])
        missing = sessions.passed(rows, live) - sessions.begun(rows, covered)
        holes = (covered != NEVER) & (missing > 0)
        self.day_hole_from[rows] = np.where(holes, covered, NEVER)
        self.day_hole_until[rows] = live
        found: Ints = rows[holes]
        return found

    def first_known_day(self) -> Ints:
        """Of each row the first live session where days before it are missing, else NEVER."""
        return np.where(self.day_hole_from == NEVER, NEVER, self.first_day)

    def checkpoint(self, count: int) -> dict[str, NDArray[Any]]:
        """Copies of the first `count` rows."""
        return {name: getattr(self, name)[:count].copy() for name in _ARRAYS}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """The inverse, after `grow`."""
        for name in _ARRAYS:
            getattr(self, name)[: len(arrays[name])] = arrays[name]


def _first_of(bars: ClosedBars, known: Ints) -> tuple[Ints, Ints]:
    """Rows of which nothing is known yet, and the start of their first bar."""
    at = np.flatnonzero(known[bars.rows] == NEVER)
    if not len(at):
        return at, at
    rows, first = np.unique(bars.rows[at], return_index=True)
    return rows, bars.start[at[first]]
