"""Plans cut in two give what the whole plan gives, whichever shard has which rows."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from marketbell.core.engine.across_history import AcrossHistory
from marketbell.core.engine.beyond import cut, is_far
from marketbell.core.engine.program import Program, evaluate
from marketbell.core.engine.timeframes import Bars, Sessions
from marketbell.core.engine.universes import Universes
from marketbell.core.language.compile import compile_plan
from marketbell.core.language.expression_reader import parse_expression
from marketbell.core.language.plan import Op, Plan
from marketbell.core.market.instrument import Instrument
from marketbell.core.market.session import DAY, MINUTE, SessionTable
from marketbell.core.market.timeframe import DAY_1

INSTRUMENTS = [
    Instrument("NSE:NIFTY", kind="index"),
    *(Instrument(f"NSE:S{number}", indices=("NIFTY500",) if number % 3 else ()) for number in range(6)),
]
KEYS = [one.key for one in INSTRUMENTS]
TEXTS = {
    "strength": "roc(close, 3)@1d - $NSE:NIFTY.roc(close, 3)@1d > 1%",
    "top": "rank(roc(close, 2)@1d, NIFTY500) <= 2",
    "breadth": "pct_of(ALL, close@1d > sma(close, 3)@1d)",
    "smooth": "sma(avg_of(NIFTY500, macd(close, 2, 3, 2)@1d.hist), 2)@1d",
    "signal": "macd(close, 2, 3, 2)@1d.signal",
    "own": "rsi(close, 3)@1d + 1",
}


def plan_of(*names: str) -> Plan:
    return compile_plan([(name, parse_expression(TEXTS[name])) for name in names], DAY_1)


def history(seed: int, rows: int, days: int = 14) -> Bars:
    """Daily bars with holes, day by day."""
    random = np.random.default_rng(seed)
    dates = np.arange(19_723, 19_723 + days)
    opens = dates * DAY
    table = SessionTable("T", "UTC", opens, opens + 60 * MINUTE, dates, np.zeros(days, np.uint8))
    which = [(day, row) for day in range(days) for row in range(rows) if random.random() < 0.85]
    price = random.integers(90, 110, len(which)).astype(np.float64)
    values = np.column_stack([price, price + 2, price - 2, price, price * 10, price])
    numbers = np.array([row for _, row in which], np.int64)
    sessions = Sessions.of([table] * rows)
    return sessions.day_bars(numbers, opens[[day for day, _ in which]], values)


def of(bars: Bars, rows: list[int]) -> tuple[Bars, NDArray[np.int64]]:
    """A shard's bars with its own row numbers, and their places among all."""
    at = np.flatnonzero(np.isin(bars.rows, rows))
    part = bars.take(at)
    return replace(part, rows=np.searchsorted(np.array(rows), part.rows)), at


@settings(max_examples=20, deadline=None)
@given(
    st.sets(st.sampled_from(sorted(TEXTS)), min_size=1), st.integers(1, 3), st.integers(0, 2**32 - 1), st.integers(1, 5)
)
def test_both_parts_make_the_whole(names: set[str], shards: int, seed: int, pieces: int) -> None:
    plan = plan_of(*sorted(names))
    bars = history(seed, len(KEYS))
    across = AcrossHistory(Universes(INSTRUMENTS))
    expected = evaluate(plan, {DAY_1: bars}, foreign=KEYS.index, cross=across)

    parts = cut(plan)
    assert not is_far(parts.near)
    home = np.random.default_rng(seed).integers(0, shards, len(KEYS))
    told = {name: np.full(len(bars), np.nan) for name in parts.columns}
    for shard in range(shards):
        own, at = of(bars, np.flatnonzero(home == shard).tolist())
        for name, found in evaluate(parts.near, {DAY_1: own}).items():
            told[name][at] = found.values
    program = Program(parts.far, len(KEYS), foreign=KEYS.index, cross=AcrossHistory(Universes(INSTRUMENTS)))
    days = np.unique(bars.end)
    found = {name: np.full(len(bars), np.nan) for name in names}
    for some in np.array_split(days, pieces):  # the market comes in moments
        at = np.flatnonzero(np.isin(bars.end, some))
        piece = replace(bars.take(at), fields={name: column[at] for name, column in told.items()})
        values = program.commit({DAY_1: piece})
        for name in names:
            item = program.results[name]
            if item.node in values:
                found[name][at] = values[item.node][item.output]
    for name in names:
        assert found[name].tobytes() == expected[name].values.tobytes(), name


def test_the_examples_have_values() -> None:
    plan = plan_of(*TEXTS)
    found = evaluate(
        plan, {DAY_1: history(1, len(KEYS))}, foreign=KEYS.index, cross=AcrossHistory(Universes(INSTRUMENTS))
    )
    for name in TEXTS:
        assert np.isfinite(found[name].values).sum() > 20, name
        assert len(np.unique(found[name].values[np.isfinite(found[name].values)])) > 1, name


def test_equal_parts_share_their_columns() -> None:
    first, second = cut(plan_of("top", "signal")), cut(plan_of("signal", "strength", "top"))
    assert set(first.columns) < set(second.columns)
    again = cut(plan_of("top", "signal"))
    assert again == first
    assert cut(plan_of("smooth")).columns != cut(plan_of("signal")).columns


@pytest.mark.parametrize("name", ["own", "signal"])
def test_a_near_plan_is_told_as_it_is(name: str) -> None:
    plan = plan_of(name)
    parts = cut(plan)
    assert not is_far(plan)
    assert [node.op for node in parts.far.nodes] == [Op.FIELD]
    assert parts.far.nodes[0].name == parts.columns[0]
    assert parts.near.nodes == plan.nodes
    assert is_far(plan_of("top"))
