"""What the tick kernel tells beside bars: accepted ticks, rows at the end of a minute; and minutes of history."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketbell.core.columns.frame import Columns
from marketbell.core.engine import kernel as k
from marketbell.core.engine.engine import Engine, EngineConfig
from marketbell.core.engine.operators import Begun, Operator, Ticks, TickState
from marketbell.core.market.instrument import Instrument
from marketbell.core.market.session import DAY, MINUTE, SECOND, SessionTable

FIRST_DAY = 18_700
ONE = Instrument("NSE:A")
IDENT = int(ONE.instrument_id)


def sessions(name: str) -> SessionTable:
    """Two days of two hours."""
    days = np.arange(FIRST_DAY, FIRST_DAY + 2, dtype=np.int64)
    opens = days * DAY + 4 * 3_600 * SECOND
    return SessionTable(name, "UTC", opens, opens + 120 * MINUTE, days, np.zeros(2, np.uint8))


OPEN = int(sessions("").open[0])


class Listener(Operator):
    """Remembers what it was told."""

    name = "listener"

    def __init__(self, *, wants: bool = True) -> None:
        self.wants = wants
        self.taken: list[tuple[float, ...]] = []
        self.started: list[tuple[int, int, float]] = []

    @property
    def wants_ticks(self) -> bool:
        return self.wants

    @property
    def wants_minutes(self) -> bool:
        return self.wants

    def ticks(self, ticks: Ticks, state: TickState) -> None:
        columns = (ticks.rows, ticks.event_time, ticks.price, ticks.volume, ticks.amount, ticks.is_ordered)
        self.taken += list(zip(*(column.tolist() for column in columns), strict=True))

    def begun(self, begun: Begun, state: TickState) -> None:
        last = begun.F[:, k.F_LAST].tolist()
        self.started += list(zip(begun.rows.tolist(), begun.start.tolist(), last, strict=True))


def engine_with(listener: Operator) -> Engine:
    engine = Engine(EngineConfig(), sessions)
    engine.operators = (*engine.operators, listener)
    engine.define([ONE])
    return engine


def ticks(rows: Sequence[tuple[float, float, float]]) -> Columns:
    """(seconds after the open, price, cumulative volume)."""
    times = np.array([OPEN + round(row[0] * SECOND) for row in rows], np.int64)
    return {
        "instrument_id": np.full(len(rows), IDENT, np.int64),
        "event_time": times,
        "ingest_time": times.copy(),
        "price": np.array([row[1] for row in rows], np.float64),
        "volume": np.array([row[2] for row in rows], np.float64),
    }


def minutes(starts: Sequence[int], closes: Sequence[float]) -> Columns:
    count = len(starts)
    return {
        "instrument_id": np.full(count, IDENT, np.int64),
        "timeframe_s": np.full(count, 60, np.int32),
        "start": np.array(starts, np.int64),
        **{name: np.array(closes, np.float64) for name in ("open", "high", "low", "close")},
        "volume": np.ones(count),
    }


def test_accepted_ticks_are_told_with_their_sizes() -> None:
    listener = Listener()
    engine = engine_with(listener)
    engine.apply_trades(ticks([(1, 100, 5), (1, 100, 5), (3, 101, 9), (2, 99, 7), (0.5, 98, 1), (4, 0, 10)]))
    assert listener.taken == [
        (0, OPEN + SECOND, 100.0, 5.0, 5.0, True),
        (0, OPEN + 3 * SECOND, 101.0, 9.0, 4.0, True),
        (0, OPEN + 2 * SECOND, 99.0, 7.0, 0.0, False),
    ]


def test_nobody_is_told_who_does_not_want_it() -> None:
    listener = Listener(wants=False)
    engine = engine_with(listener)
    engine.apply_trades(ticks([(1, 100, 5), (61, 101, 9)]))
    assert listener.taken == listener.started == []


def test_a_row_is_told_as_it_stood_at_the_end_of_its_minute() -> None:
    listener = Listener()
    engine = engine_with(listener)
    engine.apply_trades(ticks([(1, 100, 5), (30, 102, 6), (59.5, 103, 7), (60, 104, 8), (59.8, 99, 9), (250, 105, 10)]))
    assert [(start, last) for _, start, last in listener.started if not math.isnan(last)] == [
        (OPEN + MINUTE, 103.0),
        (OPEN + 4 * MINUTE, 104.0),
    ]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 90), min_size=1, max_size=40), st.integers(1, 40))
def test_what_is_told_does_not_depend_on_cuts(steps: list[int], cut: int) -> None:
    rows = [(float(at), 100.0 + n, float(n)) for n, at in enumerate(np.cumsum(steps).tolist())]
    whole, parts = Listener(), Listener()
    engine_with(whole).apply_trades(ticks(rows))
    engine = engine_with(parts)
    for first in range(0, len(rows), cut):
        engine.apply_trades(ticks(rows[first : first + cut]))
    assert whole.taken == parts.taken
    assert repr(whole.started) == repr(parts.started)


def test_outputs_that_are_full_are_made_longer_and_nothing_is_lost() -> None:
    listener = Listener()
    engine = engine_with(listener)
    rows = [(n * 0.01, 100.0 + n % 3, float(n)) for n in range(3_000)]
    bad = [(30.0, 0.0, 1.0)] * 3_000
    late = [(1.0, 50.0, 1.0)] * 3_000
    out = engine.apply_trades(ticks([*rows, *bad, *late, *[(60.0 * n, 100.0, 1e6 + n) for n in range(1, 115)]]))
    assert len(listener.taken) == 3_000 + 114
    assert len(out.late["price"]) == 3_000
    assert engine.counters()["accepted"] == 3_114
    assert len(out.bars_1m["start"]) == 113
    assert engine.quality_counts()["NSE:A"]["bad_price"] == 3_000


def volatility(closes: Sequence[float]) -> float:
    returns = np.diff(np.log(closes))[-20:]
    return float(100 * np.sqrt(returns.var() * 120 * 252))


def test_minutes_of_history_seed_the_volatility() -> None:
    engine = engine_with(Listener(wants=False))
    closes = [100.0, 101.0, 100.5, 102.0, 101.0, 103.0, 102.5, 104.0, 103.0, 105.0, 104.0, 106.0]
    engine.history(minutes([OPEN + n * MINUTE for n in range(12)], closes))
    assert engine.columns()["volatility"][0] == pytest.approx(volatility(closes), rel=1e-12)
    engine.history(minutes([OPEN + n * MINUTE for n in range(12)], closes))  # told again: nothing changes
    # our own ticks go on where history ends
    engine.apply_trades(ticks([(12 * 60 + 5, 107.0, 1), (13 * 60 + 3, 108.0, 2)]))
    assert engine.columns()["volatility"][0] == pytest.approx(volatility([*closes, 107.0]), rel=1e-12)
    # the oldest open minute and later ones are ours to close
    engine.history(minutes([OPEN + 13 * MINUTE], [500.0]))
    assert engine.columns()["volatility"][0] == pytest.approx(volatility([*closes, 107.0]), rel=1e-12)


def test_no_return_spans_two_sessions() -> None:
    engine = engine_with(Listener(wants=False))
    first = [100.0 + n % 4 for n in range(12)]
    second = [200.0 + n % 3 for n in range(12)]
    starts = [OPEN + n * MINUTE for n in range(12)] + [OPEN + DAY + n * MINUTE for n in range(12)]
    engine.history(minutes(starts, [*first, *second]))
    returns = [*np.diff(np.log(first)), *np.diff(np.log(second))][-20:]
    wanted = float(100 * np.sqrt(np.var(returns) * 120 * 252))
    assert engine.columns()["volatility"][0] == pytest.approx(wanted, rel=1e-12)


def test_history_and_profiles_go_into_a_checkpoint_once_and_come_back() -> None:
    engine = engine_with(Listener(wants=False))
    days = minutes([OPEN - n * DAY for n in range(400, 0, -1)], [100.0 + n for n in range(400)])
    days["timeframe_s"] = np.full(400, 86_400, np.int32)
    engine.history(days)
    engine.apply_trades(ticks([(n * 61.0, 100.0 + n, float(n)) for n in range(20)]))
    first, second = engine.checkpoint(), engine.checkpoint()
    shared = [name for name in first if name.startswith(("history/", "profile/"))]
    assert len(shared) > 10
    assert all(first[name] is second[name] for name in shared)
    engine.apply_trades(ticks([(20 * 61.0, 130.0, 30.0), (21 * 61.0 + 5, 131.0, 31.0)]))
    third = engine.checkpoint()
    assert all(first[name] is third[name] for name in shared)
    assert {name.partition("/")[0] for name in third.keys() - first.keys()} == {"profile"}
    back = Engine.restore(third, EngineConfig(), sessions)
    assert {name: array.tobytes() for name, array in back.checkpoint().items()} == {
        name: array.tobytes() for name, array in third.items()
    }
    assert back.columns()["high_52w"][0] == engine.columns()["high_52w"][0]
