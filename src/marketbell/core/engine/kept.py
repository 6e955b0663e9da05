"""What is kept of closed bars for who begins to watch later, and where history and live meet.

Of each row the newest minutes and the days; how far back they are known without a hole stands in coverage.py. Bars
from elsewhere count only before the row's first live bar, and only where they reach up to it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketbell.core.engine.aligned import Sessions
from marketbell.core.engine.bars import Bars, Floats, Ints
from marketbell.core.engine.coverage import Coverage
from marketbell.core.engine.feeding import NEVER, Feed
from marketbell.core.engine.operators import ClosedBars
from marketbell.core.engine.past_bars import PastBars
from marketbell.core.engine.stored_bars import DayShelf, MinuteRing
from marketbell.core.market.session import MINUTE

_NOTHING = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Joined:
    """Rows whose stored bars and kept minutes are one history, and from when on it is whole (ns UTC, a row)."""

    rows: Ints
    since: Ints
    minutes: Bars
    """Stored minutes and those that are kept, ascending for each row, without what lies before `since`."""


class Kept:
    """See the module's docstring."""

    def __init__(self, ring_minutes: int, shelf_days: int) -> None:
        self.ring = MinuteRing(ring_minutes)
        self.shelf = DayShelf(shelf_days)
        self.cover = Coverage()
        self.sessions = Sessions(*(_NOTHING for _ in range(6)))
        self._ring_newest = np.empty(0, np.int64)
        """Start of the newest minute of history in the ring."""
        self._stale = np.zeros(0, np.bool_)
        self._has_stale = False

    def grow(self, rows: int, sessions: Sessions) -> None:
        """Make room for `rows` rows."""
        self.sessions = sessions
        self.ring.grow(rows)
        self.shelf.grow(rows)
        self.cover.grow(rows)
        more = rows - len(self._stale)
        self._ring_newest = np.concatenate([self._ring_newest, np.full(more, NEVER)])
        self._stale = np.concatenate([self._stale, np.zeros(more, np.bool_)])

    # --- live --------------------------------------------------------------------------------------

    def take(self, minutes: ClosedBars, days: ClosedBars) -> tuple[Ints, Ints]:
        """Keep live bars. Gives the rows whose minutes, and those whose days, do not reach up to their first ones."""
        rows, day_rows = self.cover.begin(minutes, days, self.sessions)
        holes = day_holes = _NOTHING
        if len(rows):
            holes = self.cover.minute_holes(rows, self.sessions)
            self.ring.clear(holes)
        if len(day_rows):
            day_holes = self.cover.day_holes(day_rows, self.sessions)
        self.ring.push(minutes.rows, minutes.start, minutes.trades, minutes.values)
        self.shelf.put(days.rows, days.start, days.values)
        return holes, day_holes

    # --- history -----------------------------------------------------------------------------------

    def history(self, rows: Ints, columns: Mapping[str, NDArray[Any]]) -> Ints:
        """Keep bars from elsewhere (BAR schema). Gives the rows that lack days between them and live."""
        close = columns["close"]
        known = (rows >= 0) & (close > 0) & np.isfinite(close)
        values = np.column_stack([columns[n] for n in ("open", "high", "low", "close", "volume")] + [close * np.nan])
        holes = _NOTHING
        for seconds in (86_400, 60):
            at = np.flatnonzero(known & (columns["timeframe"] == seconds))
            if len(at):
                at = at[np.lexsort((columns["start"][at], rows[at]))]
                mine = rows[at], columns["start"][at], np.ascontiguousarray(values[at])
                if seconds == 60:
                    self._minutes(*mine)
                else:
                    holes = self._days(*mine)
        return holes

    def _days(self, rows: Ints, start: Ints, values: Floats) -> Ints:
        first = self.cover.first_day[rows]
        older = (first == NEVER) | (start < first)
        if not older.any():
            return _NOTHING
        rows, start, values = rows[older], start[older], values[older]
        self.shelf.put(rows, start, values)
        touched = np.unique(rows)
        self.cover.day_covered[touched] = np.maximum(self.cover.day_covered[touched], start.max())
        self._stale[touched] = True
        self._has_stale = True
        return self.cover.day_holes(touched[self.cover.first_day[touched] != NEVER], self.sessions)

    def _minutes(self, rows: Ints, start: Ints, values: Floats) -> None:
        waiting = self.cover.first_minute[rows] == NEVER
        rows, start, values = rows[waiting], start[waiting], values[waiting]
        if not len(rows):
            return
        touched = np.unique(rows)
        bars = self.sessions.minute_bars(rows, start, values)
        self.cover.covered[touched] = np.maximum(self.cover.covered[touched], bars.end.max())
        new = start > self._ring_newest[rows]
        self.ring.push(rows[new], start[new], bars.trades[new], values[new])
        np.maximum.at(self._ring_newest, rows[new], start[new])

    def take_stale(self) -> Ints:
        """Rows whose history of days has grown since the last call."""
        if not self._has_stale:
            return _NOTHING
        rows = np.flatnonzero(self._stale)
        self._stale[:], self._has_stale = False, False
        return rows

    # --- what is kept ------------------------------------------------------------------------------

    def minutes(self, rows: Ints) -> Bars:
        """The newest minutes of these rows."""
        return self.ring.bars(rows, self.sessions)

    def days(self, rows: Ints) -> Bars:
        """The days of these rows that follow each other without a hole."""
        days = self.shelf.bars(rows, self.sessions)
        return days.take(days.start >= self.cover.first_known_day()[days.rows])

    def begin(self, feed: Feed, rows: Ints | None = None, *, only_days: bool = False) -> None:
        """Let a feed of these rows (all) leave out longer bars that began before what is kept of them."""
        at = slice(None) if rows is None else rows
        ring_lost, oldest = self.ring.oldest()
        shelf_lost = self.shelf.count >= self.shelf.most
        for timeframe in feed.rollers:
            if not timeframe.is_intraday:
                feed.begin(timeframe, np.where(shelf_lost, self.shelf.start[:, 0], NEVER)[at])
            elif not only_days:
                feed.begin(timeframe, np.where(ring_lost, oldest, NEVER)[at])

    def join(self, past: PastBars, seen: Ints) -> Joined:
        """Put stored bars in front of the minutes that are kept; rows where a minute lies between are left out.

        What lies before a hole is left out, unless the row has been live since before it: then nobody traded. A row
        without a live minute counts as joined, and its first one shows whether that was right. Holes are remembered.
        `seen`: each row's newest tick (ns), NEVER without one.
        """
        rows = np.unique(past.minutes.rows)
        newest = np.full(len(self.ring.count), NEVER)
        np.maximum.at(newest, past.minutes.rows, past.minutes.start)
        first, clock = self.cover.first_minute[rows], self.cover.live_from[rows]
        live = np.where(clock == NEVER, first, np.where(first == NEVER, clock, np.minimum(first, clock)))
        has_lost, oldest = (found[rows] for found in self.ring.oldest())
        is_held = self.ring.count[rows] > 0
        sessions = self.sessions
        missing = sessions.elapsed(rows, live) - sessions.elapsed(rows, np.full(len(rows), past.until))
        is_near = ~has_lost & (live != NEVER) & (missing < MINUTE)
        joined = ~is_held | (newest[rows] >= oldest) | is_near
        apart = rows[~joined]
        self.cover.hole_from[apart] = np.minimum(past.until, oldest[~joined])
        self.cover.hole_until[apart] = oldest[~joined]
        since, hole = np.full(len(rows), NEVER), np.full(len(rows), NEVER)
        for low, high in past.holes:
            counts = (live == NEVER) | (low < live)
            edge = np.where(live == NEVER, high, np.minimum(high, live))
            hole = np.where(counts & (edge > since), low, hole)
            since = np.where(counts, np.maximum(since, edge), since)
        rows, since, hole = rows[joined], since[joined], hole[joined]
        self.cover.hole_from[rows], self.cover.hole_until[rows] = hole, since
        self.cover.covered[rows] = np.maximum(self.cover.covered[rows], past.until)
        return Joined(rows, since, self._minutes_of(past, rows, since, seen))

    def _minutes_of(self, past: PastBars, rows: Ints, since: Ints, seen: Ints) -> Bars:
        first = np.full(len(self.ring.count), NEVER)
        first[rows] = since
        is_joined = np.zeros(len(first), np.bool_)
        is_joined[rows] = True
        until = np.where(seen == NEVER, np.iinfo(np.int64).max, seen // MINUTE * MINUTE)
        held = self.ring.count > 0
        until[held] = self.ring.oldest()[1][held]
        stored = past.minutes
        stored = stored.take(is_joined[stored.rows] & (stored.start < until[stored.rows]))
        kept = self.minutes(rows)
        both = Bars.joined([stored, kept])
        return both.take(both.start >= first[both.rows])

    # --- checkpoints -------------------------------------------------------------------------------

    def checkpoint(self, count: int) -> dict[str, NDArray[Any]]:
        """The first `count` rows."""
        parts: Mapping[str, Any] = {"cover": self.cover, "ring": self.ring, "shelf": self.shelf}
        arrays = {"row.ring_newest": self._ring_newest[:count].copy()}
        for prefix, own in parts.items():
            arrays |= {f"{prefix}.{name}": array for name, array in own.checkpoint(count).items()}
        return arrays

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """The inverse, after `grow`. KeyError or ValueError where the arrays do not fit."""
        newest = arrays["row.ring_newest"]
        self._ring_newest[: len(newest)] = newest
        parts: Mapping[str, Any] = {"cover": self.cover, "ring": self.ring, "shelf": self.shelf}
        for prefix, own in parts.items():
            own.restore(
                {name[len(prefix) + 1 :]: array for name, array in arrays.items() if name.startswith(f"{prefix}.")}
            )
