"""Everything that screens read as it stood at the close of an earlier day: the days that the engine keeps."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketbell.core.engine import kernel as k
from marketbell.core.engine.across_history import AcrossHistory
from marketbell.core.engine.bars import Bars
from marketbell.core.engine.engine import Engine
from marketbell.core.engine.enrichment import Enrichment
from marketbell.core.language.plan import Plan
from marketbell.core.market.session import DAY
from marketbell.core.screening.newest import Closed, Newest, Who

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

_YEAR = 364 * DAY


class ClosedThen:
    """Closed series of the bars that had ended at a time."""

    def __init__(self, engine: Engine, until: int) -> None:
        self._engine = engine
        self._until = until

    def values(self, plan: Plan, universes: Any) -> dict[str, Floats]:
        """See ClosedSeries."""
        state = self._engine.tick_state()
        return self._engine.series.read(plan, state, AcrossHistory(universes), self._until)


class Past(Newest):
    """See the module's docstring. What no day and no publication tells is unknown."""

    def __init__(self, engine: Engine, who: Who, as_of: int) -> None:
        closed: Closed = ClosedThen(engine, as_of)
        days = engine.series.days(as_of)
        count = len(who.instruments)
        self._last, self._session, columns = _fields(days, count, as_of)
        state = engine.tick_state()
        facts = next(one for one in engine.operators if isinstance(one, Enrichment))
        rows = np.arange(count)
        times = np.full(count, as_of)
        columns |= facts.at(rows, times, columns["close"], state)

        def field(name: str) -> NDArray[Any] | None:
            base, bracket, back = name.partition("[")
            return facts.offset(base, rows, times, int(back.removesuffix("q]"))) if bracket else columns.get(name)

        super().__init__(who, state, as_of, field, closed)

    def _old(self) -> Mask:
        own, state = self._state.I[: self.count], self._state
        stale = np.zeros(self.count, np.bool_)
        for low, high in {(int(a), int(b)) for a, b in own[:, [k.I_CAL_LO, k.I_CAL_HI]]}:
            at = int(np.searchsorted(state.closes[low:high], self.now, side="right")) - 1
            if at >= 0:
                mine = (own[:, k.I_CAL_LO] == low) & (self._last > 0)
                stale |= mine & (self._session < state.dates[low + at])
        return stale

    def _bar(self, name: str) -> Floats:
        if name == "session":
            return np.where(self._last > 0, self._session.astype(np.float64), np.nan)
        if name == "session_open":
            return np.where(self._last > 0, self._last.astype(np.float64), np.nan)
        return super()._bar(name)


def _fields(days: Bars, count: int, as_of: int) -> tuple[Ints, Ints, dict[str, NDArray[Any]]]:
    """Start (0: none) and session of each row's last day, and the fields that days tell."""
    nothing = np.full(count, np.nan)
    last, session = np.zeros(count, np.int64), np.zeros(count, np.int64)
    columns: dict[str, NDArray[Any]] = {}
    at = np.full(count, -1, np.int64)
    at[days.rows] = np.arange(len(days))  # those of a row are ascending: the last one stays
    known = np.flatnonzero(at >= 0)
    mine = at[known]
    last[known], session[known] = days.start[mine], days.session[mine]
    for place, name in enumerate(("day.open", "day.high", "day.low", "close", "volume", "vwap")):
        columns[name] = nothing.copy()
        columns[name][known] = days.values[mine, place]
    before = nothing.copy()
    has = known[(mine > 0) & (days.rows[np.maximum(mine - 1, 0)] == known)]
    before[has] = days.values[at[has] - 1, 3]
    high, low = np.full(count, -np.inf), np.full(count, np.inf)
    year = np.flatnonzero(days.start > as_of - _YEAR)
    np.fmax.at(high, days.rows[year], np.fmax(days.values[year, 1], days.values[year, 3]))
    np.fmin.at(low, days.rows[year], np.fmin(days.values[year, 2], days.values[year, 3]))
    close = columns["close"]
    basis = np.where(before > 0, before, columns["day.open"])
    with np.errstate(invalid="ignore", divide="ignore"):
        columns |= {
            "day.volume": columns["volume"],
            "prev_day.close": before,
            "change": close - basis,
            "change_pct": (close - basis) / basis * 100.0,
            "high_52w": np.where(np.isfinite(high), high, np.nan),
            "low_52w": np.where(np.isfinite(low), low, np.nan),
        }
        columns["from_high_52w_pct"] = (close / columns["high_52w"] - 1.0) * 100.0
        columns["from_low_52w_pct"] = (close / columns["low_52w"] - 1.0) * 100.0
        columns["event_time"] = np.zeros(count, np.int64)
    return last, session, columns
