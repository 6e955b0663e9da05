"""From closed minutes, days and ticks to closed bars of all timeframes that somebody reads."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketbell.core.engine.timeframes import Bars, Roller, Sessions, TickRoller
from marketbell.core.market.timeframe import DAY_1, MINUTE_1, TICK, Timeframe

Ints = NDArray[np.int64]

NEVER = -(1 << 62)

Fields = Callable[[Ints], Mapping[str, NDArray[np.float64]]]
"""Registry fields at ticks by their places."""


class Feed:
    """The open bars of every longer timeframe. `wants_ticks` where one is finer than a minute."""

    def __init__(self, late: int = 0, rows: int = 0) -> None:
        self.late, self.rows = late, rows
        self.rollers: dict[Timeframe, Roller] = {}
        self.tick_rollers: dict[Timeframe, TickRoller] = {}
        self.timeframes: frozenset[Timeframe] = frozenset()
        self._since: dict[Timeframe, Ints] = {}
        self._from_ticks: dict[Timeframe, list[Bars]] = {}

    def use(self, timeframes: Iterable[Timeframe]) -> None:
        """Keep bars of these timeframes and no others; new ones begin with nothing open."""
        wanted = frozenset(timeframes)
        for gone in self.timeframes - wanted:
            self.rollers.pop(gone, None)
            self.tick_rollers.pop(gone, None)
            self._since.pop(gone, None)
        for new in wanted - self.timeframes:
            if new.unit == "s":
                self.tick_rollers[new] = TickRoller(new, self.late, self.rows)
            elif new not in {TICK, MINUTE_1, DAY_1} and not new.is_instant:
                self.rollers[new] = Roller(new, self.rows)
        self.timeframes = wanted

    @property
    def wants_ticks(self) -> bool:
        """True where a timeframe is made from ticks."""
        return bool(self.tick_rollers) or TICK in self.timeframes

    def grow(self, rows: int) -> None:
        """Make room for `rows` rows."""
        self.rows = max(self.rows, rows)
        for roller in self.rollers.values():
            roller.grow(rows)
        for ticks in self.tick_rollers.values():
            ticks.grow(rows)
        for timeframe, since in self._since.items():
            self._since[timeframe] = np.concatenate([since, np.full(max(0, rows - len(since)), NEVER)])

    def take_ticks(self, rows: Ints, times: Ints, price: Any, volume: Any, amount: Any, ordered: Any,
                   sessions: Sessions, wanted: Any = None, fields: Fields | None = None) -> None:  # fmt: skip
        """Accepted ticks; what they close comes out of the next `closed`.

        `wanted` are those that are evaluations (those in order, where nothing is said), `fields` gives what is read
        at them.
        """
        for timeframe, roller in self.tick_rollers.items():
            found = roller.add(rows, times, price, volume, amount, ordered, sessions)
            self._from_ticks.setdefault(timeframe, []).append(found)
        if TICK in self.timeframes:
            at = np.flatnonzero(ordered if wanted is None else wanted)
            ticks = sessions.tick_bars(rows[at], times[at], price[at], amount[at], self.late)
            if fields is not None:
                ticks = replace(ticks, fields=fields(at))
            self._from_ticks.setdefault(TICK, []).append(ticks)

    def closed(self, minutes: Bars, days: Bars, until: Ints, sessions: Sessions) -> dict[Timeframe, Bars]:
        """Bars of all timeframes that closed: with these minutes and days, or because time passed (`until` a row)."""
        return self._closed(self.timeframes, minutes, days, until, sessions)

    def _closed(
        self, timeframes: Iterable[Timeframe], minutes: Bars, days: Bars, until: Ints, sessions: Sessions
    ) -> dict[Timeframe, Bars]:
        out: dict[Timeframe, Bars] = {}
        for timeframe in timeframes:
            if timeframe == MINUTE_1:
                out[timeframe] = minutes
            elif timeframe == DAY_1:
                out[timeframe] = days
            elif timeframe in self.rollers:
                roller = self.rollers[timeframe]
                base = minutes if timeframe.is_intraday else days
                found = Bars.joined([roller.add(base, sessions), roller.due(until, sessions)])
                out[timeframe] = self._complete(timeframe, found)
            else:
                parts = self._from_ticks.pop(timeframe, [])
                if timeframe in self.tick_rollers:
                    parts.append(self.tick_rollers[timeframe].due(until, sessions))
                out[timeframe] = Bars.joined(parts)
        return {timeframe: bars for timeframe, bars in out.items() if len(bars)}

    def resumed(
        self, longer: Mapping[Timeframe, tuple[Bars, Ints]], minutes: Bars, days: Bars, until: Ints, sessions: Sessions
    ) -> dict[Timeframe, Bars]:
        """As `closed`, where longer bars are known: by timeframe these, and from when on (ns, a row) minutes go on."""
        out: dict[Timeframe, Bars] = {}
        for timeframe, (bars, opened) in longer.items():
            roller = self.rollers[timeframe]
            rest = roller.add(minutes.take(minutes.start >= opened[minutes.rows]), sessions)
            found = self._complete(timeframe, Bars.joined([bars, rest, roller.due(until, sessions)]))
            if len(found):
                out[timeframe] = found
        others = self.timeframes - longer.keys()
        return out | self._closed(others, minutes, days, until, sessions)

    def begin(self, timeframe: Timeframe, since: Ints) -> None:
        """Bars of a rolled timeframe that start before `since` (ns, a row; NEVER: none) lack parts: leave them out."""
        if (since > NEVER).any():
            self._since[timeframe] = since
        else:
            self._since.pop(timeframe, None)

    def _complete(self, timeframe: Timeframe, bars: Bars) -> Bars:
        since = self._since.get(timeframe)
        if since is None or not len(bars):
            return bars
        return bars.take(bars.start >= since[bars.rows])

    def forming(
        self, rows: Ints, open_minutes: Bars, days: Bars, sessions: Sessions
    ) -> tuple[dict[Timeframe, Bars], dict[Timeframe, Bars]]:
        """Forming bars of these rows (one a row), and older ones that are still open.

        `open_minutes`: the open minutes of these rows, ascending for each; `days`: their forming day.
        """
        forming: dict[Timeframe, Bars] = {}
        pending: dict[Timeframe, Bars] = {}
        for timeframe in self.timeframes:
            if timeframe == MINUTE_1:
                pending[timeframe], forming[timeframe] = _apart(open_minutes)
            elif timeframe == DAY_1:
                forming[timeframe] = days
            elif timeframe in self.rollers:
                copy = Roller(timeframe)
                copy.sf, copy.si = self.rollers[timeframe].sf.copy(), self.rollers[timeframe].si.copy()
                base = open_minutes if timeframe.is_intraday else days
                pending[timeframe] = self._complete(timeframe, copy.add(_unfinished(base), sessions))
                forming[timeframe] = self._complete(timeframe, copy.forming(rows, sessions))
            elif timeframe in self.tick_rollers:
                found = self.tick_rollers[timeframe].open_bars(rows, sessions)
                pending[timeframe], forming[timeframe] = _apart(found)
        return forming, pending

    def reset(self, rows: Ints, *, is_intraday: bool) -> None:
        """Forget the open bars of these rows that are made of minutes, or of days."""
        for timeframe, roller in self.rollers.items():
            if timeframe.is_intraday == is_intraday:
                roller.reset(rows)

    def adopt(self, other: "Feed", rows: Ints, theirs: Ints | None = None, *, only: Iterable[Timeframe]) -> None:
        """Take over the open bars of these timeframes and rows (`theirs`: their numbers over there)."""
        source = rows if theirs is None else theirs
        for timeframe in only:
            if timeframe in self.rollers and timeframe in other.rollers:
                self.rollers[timeframe].sf[rows] = other.rollers[timeframe].sf[source]
                self.rollers[timeframe].si[rows] = other.rollers[timeframe].si[source]
                since = other._since.get(timeframe)  # noqa: SLF001 — another of its own kind
                if since is not None or timeframe in self._since:
                    mine = self._since.get(timeframe, np.full(self.rows, NEVER))
                    mine[rows] = NEVER if since is None else since[source]
                    self.begin(timeframe, mine)

    def taken(self, rows: Ints) -> "Feed":
        """A copy of these rows alone, in their order; without what is made from ticks."""
        other = Feed(self.late, len(rows))
        other.timeframes = frozenset(t for t in self.timeframes if t.unit not in {"s", "tick"})
        other.rollers = {timeframe: roller.take(rows) for timeframe, roller in self.rollers.items()}
        other._since = {timeframe: since[rows] for timeframe, since in self._since.items()}
        return other

    def checkpoint(self, count: int) -> dict[str, NDArray[Any]]:
        """Open bars of the first `count` rows; the row is the first axis of every array."""
        out: dict[str, NDArray[Any]] = {}
        for timeframe, roller in self.rollers.items():
            out[f"{timeframe}.sf"], out[f"{timeframe}.si"] = roller.sf[:count].copy(), roller.si[:count].copy()
            since = self._since.get(timeframe)
            out[f"{timeframe}.since"] = np.full(count, NEVER) if since is None else since[:count].copy()
        for timeframe, ticks in self.tick_rollers.items():
            for name, array in ticks.arrays().items():
                out[f"{timeframe}.{name}"] = array[:count].copy()
        return out

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """The inverse, after `use` and `grow`. KeyError or ValueError where the arrays do not fit."""
        for timeframe, roller in self.rollers.items():
            sf, si = arrays[f"{timeframe}.sf"], arrays[f"{timeframe}.si"]
            roller.sf[: len(sf)], roller.si[: len(si)] = sf, si
            since = np.full(self.rows, NEVER)
            since[: len(sf)] = arrays[f"{timeframe}.since"]
            self.begin(timeframe, since)
        for timeframe, ticks in self.tick_rollers.items():
            for name, array in ticks.arrays().items():
                saved = arrays[f"{timeframe}.{name}"]
                array[: len(saved)] = saved


def _apart(bars: Bars) -> tuple[Bars, Bars]:
    """All but the newest bar of each row, and the newest ones. Those of a row are ascending."""
    if not len(bars):
        return bars, bars
    at = np.full(int(bars.rows.max()) + 1, -1)
    at[bars.rows] = np.arange(len(bars))
    is_newest = at[bars.rows] == np.arange(len(bars))
    return bars.take(~is_newest), bars.take(is_newest)


def _unfinished(bars: Bars) -> Bars:
    """The same bars as parts that complete nothing."""
    return Bars(
        bars.rows, bars.start, np.full(len(bars), NEVER), bars.session, bars.session_open, bars.trades, bars.values,
        bars.per_year,
    )  # fmt: skip
