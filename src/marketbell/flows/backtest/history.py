"""The stored history that a preview runs over: which bars it needs, what is there, and what is missing.

A rule that looks at days alone runs over daily bars. Everything else runs over minutes where they are known; what looks
at each tick is tried at the close of each minute and, where only days are known, at theirs.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from marketbell.core.columns.frame import Columns
from marketbell.core.engine.bars import Bars, Ints
from marketbell.core.language.plan import Plan
from marketbell.core.language.rule_plan import CHAIN_UPDATE, RulePlan
from marketbell.core.market.instrument import Instrument
from marketbell.core.market.session import DAY, MINUTE, SessionTable
from marketbell.core.market.timeframe import TICK, Timeframe
from marketbell.ports.stores import BarStore, Fact, FundamentalStore

MOST_MINUTES = 1_500_000
"""Minute bars of a preview: a year of sixteen instruments, a month of two hundred."""
MOST_DAYS = 2_000_000
"""Daily bars of a preview: a year of five thousand instruments and what warms them."""
_DAYS_OF = {"d": 1, "w": 5, "mo": 21}
_PRICES = ("open", "high", "low", "close", "volume", "vwap")
_ROLE = {"1m": 60, "1d": 86_400}


@dataclass(frozen=True, slots=True)
class Needs:
    """What a rule needs: minutes or not, and sessions before the first day so that everything is warm."""

    minutes: bool
    days_count_alone: bool
    """Where only days are known, each of them is an evaluation."""
    warm_days: int
    warm_minute_days: int
    facts: bool


def needs_of(plan: RulePlan, session_minutes: int) -> Needs:
    """What a compiled rule needs of history, with sessions of so many minutes."""
    timing = plan.timing
    # chains come all day, other news seldom
    is_update = timing.unit.startswith("update ") and not timing.unit.startswith(str(CHAIN_UPDATE))
    fine = [one for one in plan.plan.timeframes if one.is_intraday and one != TICK and not one.is_instant]
    looks_once = not timing.is_intraday or is_update
    warm_days = warm_minutes = 0
    for timeframe, bars in _warm(plan.plan):
        if timeframe.is_intraday:
            warm_minutes = max(warm_minutes, bars * (timeframe.nanoseconds or MINUTE) // MINUTE)
        else:
            warm_days = max(warm_days, bars * _DAYS_OF[timeframe.unit] * timeframe.count)
    return Needs(
        minutes=bool(fine) or not looks_once,
        days_count_alone=timing.is_instant or timing == TICK,
        warm_days=warm_days + 1,
        warm_minute_days=ceil(warm_minutes / session_minutes) + 1 if warm_minutes else 0,
        facts=any(name.startswith("fund.") for name in plan.fields),
    )


def _warm(plan: Plan) -> Iterator[tuple[Timeframe, int]]:
    for node in plan.nodes:
        if node.warm_up and node.timeframe != TICK and not node.timeframe.is_instant:
            yield node.timeframe, node.warm_up


@dataclass(frozen=True, slots=True)
class Loaded:
    """Bars of the store. `days` and `minutes` are what was seen before the stretch and in it, by start.

    `first_minute` is when minutes begin (ns UTC) inside of the stretch, None where there are none.
    """

    start: int
    end: int
    days: Columns
    minutes: Columns
    facts: Sequence[Fact]
    first_minute: int | None
    gaps: tuple[str, ...]


class HistoryLoader:
    """Reads history for previews; what was read last is kept for the next question about the same instruments."""

    def __init__(self, bars: BarStore, fundamentals: FundamentalStore) -> None:
        self._bars = bars
        self._fundamentals = fundamentals
        self._kept: dict[tuple[str, tuple[int, ...]], tuple[int, int, Columns]] = {}

    def load(
        self, instruments: Sequence[Instrument], table: SessionTable, needs: Needs, days: int, until: int
    ) -> Loaded:
        """History of the last `days` days before `until` (ns UTC), and what must be known before them."""
        ids = tuple(sorted(int(one.instrument_id) for one in instruments))
        start = until - days * DAY
        gaps: list[str] = []
        start, cut = _fitting_days(table, len(ids), needs.warm_days, start, until)
        if cut:
            gaps.append(cut)
        day_bars = self._read("1d", ids, _sessions_before(table, start, needs.warm_days), until)
        minutes = self._read("1m", ids, until, until)
        first_minute = None
        if needs.minutes:
            minute_start, cut = _fits(table, len(ids), start, until)
            if cut:
                gaps.append(cut)
            minutes = self._read("1m", ids, _sessions_before(table, minute_start, needs.warm_minute_days), until)
            live = starts_of(minutes)
            live = live[live >= minute_start]
            first_minute = int(live.min()) if len(live) else None
        facts = self._fundamentals.published(ids, until) if needs.facts else []
        return Loaded(start, until, day_bars, minutes, facts, first_minute, tuple(gaps))

    def _read(self, timeframe: str, ids: tuple[int, ...], start: int, end: int) -> Columns:
        """Bars with start in [start, end); what was read before is cut from it."""
        if end <= start:
            return self._bars.across([], timeframe, 0, 0)
        kept = self._kept.get((timeframe, ids))
        width = _ROLE[timeframe] * 1_000_000_000
        if kept is None or start < kept[0] or end > kept[1] + width:
            if len(self._kept) > 4:
                self._kept.clear()
            kept = self._kept[timeframe, ids] = (start, end, self._bars.across(ids, timeframe, start, end))
        bars = kept[2]
        low, high = np.searchsorted(bars["start"], [start, end])
        return {name: column[low:high] for name, column in bars.items()}


def _sessions_before(table: SessionTable, time: int, count: int) -> int:
    """The open of the session so many sessions before the one at `time`."""
    at = int(np.searchsorted(table.open, time, side="right")) - 1 - count
    return int(table.open[max(at, 0)]) if len(table.open) else time - count * DAY


def _fitting_days(table: SessionTable, count: int, warm: int, start: int, end: int) -> tuple[int, str]:
    """The same of days, those that warm included."""
    opens = np.asarray(table.open)
    inside = opens[(opens >= start) & (opens < end)]
    most = max(MOST_DAYS // max(count, 1) - warm, 1)
    if len(inside) <= most:
        return start, ""
    return int(inside[-most]), f"{count} instruments were tried for the newest {most} trading days: more are too many."


def _fits(table: SessionTable, count: int, start: int, end: int) -> tuple[int, str]:
    """From when on minutes of so many instruments can be tried, and a word where that is later than `start`."""
    opens, closes = np.asarray(table.open), np.asarray(table.close)
    inside = np.flatnonzero((opens < end) & (closes > start))
    minutes = np.minimum(closes[inside], end) - np.maximum(opens[inside], start)
    cost = np.cumsum(minutes[::-1] // MINUTE) * max(count, 1)
    fitting = int(np.searchsorted(cost, MOST_MINUTES, side="right"))
    if fitting >= len(inside):
        return start, ""
    kept = max(fitting, 1)
    first = int(opens[inside[len(inside) - kept]])
    return (
        first,
        f"Minutes of {count} instruments were tried for the newest {kept} trading days alone: more are too many.",
    )


def starts_of(columns: Columns) -> Ints:
    """Starts of bars, ns UTC."""
    return np.asarray(columns["start"], np.int64)


def bars_of(columns: Columns, rows: Mapping[int, int], make: Callable[..., Bars]) -> Bars:
    """Stored bars as those of rows; `make` is Sessions.minute_bars or day_bars."""
    ids, inverse = np.unique(columns["instrument_id"], return_inverse=True)
    at = np.array([rows[ident] for ident in ids.tolist()], np.int64)[inverse]
    values = np.ascontiguousarray(np.column_stack([columns[name] for name in _PRICES]))
    return make(at, columns["start"], values, columns["trades"]) if len(at) else Bars.empty()


def missing(loaded: Loaded, instruments: Sequence[Instrument], table: SessionTable, needs: Needs) -> Iterator[str]:
    """What a person must know about what was not there."""
    yield from loaded.gaps
    inside = starts_of(loaded.days) >= loaded.start
    seen = {*loaded.days["instrument_id"][inside].tolist(), *loaded.minutes["instrument_id"].tolist()}
    absent = len({int(one.instrument_id) for one in instruments} - seen)
    if absent:
        yield f"{absent:,} of {len(instruments):,} instruments have no bars in this time."
    if needs.minutes:
        yield from _missing_minutes(loaded, table, needs)
    opens = np.asarray(table.open)
    wanted = opens[(opens >= loaded.start) & (np.asarray(table.close) <= loaded.end)]
    known = np.unique(np.concatenate([loaded.days["start"], _opens_of(starts_of(loaded.minutes), opens)]))
    holes = int(np.isin(wanted, known, invert=True).sum())
    if holes and len(wanted):
        yield f"{holes:,} of {len(wanted):,} trading days are missing in the store."


def _missing_minutes(loaded: Loaded, table: SessionTable, needs: Needs) -> Iterator[str]:
    alone = "each day before counts with its close alone" if needs.days_count_alone else "nothing before was looked at"
    if loaded.first_minute is None:
        yield f"No minutes are stored for this time: {alone.replace('before ', '').replace(' before', '')}."
        return
    first = int(np.searchsorted(np.asarray(table.open), loaded.start, side="left"))
    if first < len(table.open) and loaded.first_minute > int(table.open[first]) + DAY // 2:
        day = np.datetime64(loaded.first_minute // 1_000_000_000, "s").astype("datetime64[D]")
        yield f"Minutes are known from {day} on: {alone}."


def _opens_of(starts: Ints, opens: Ints) -> Ints:
    at = np.unique(np.searchsorted(opens, starts, side="right") - 1)
    return opens[at[at >= 0]]
