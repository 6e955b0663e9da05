"""Programs: the same values however bars are cut into calls, through checkpoints, peeks and growing plans."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketbell.core.engine.program import Program, evaluate
from marketbell.core.engine.timeframes import Bars, Roller, Sessions, roll
from marketbell.core.indicators.implementations import batch
from marketbell.core.language.plan import Input, Node, Op, Plan
from marketbell.core.market.session import DAY, MINUTE, SessionTable
from marketbell.core.market.timeframe import Timeframe
from marketbell.core.primitives.errors import CheckpointError, UserError

# ruff: noqa: PD011 — the values of bars are no DataFrame

M1, M5, M15, D1, W1 = (Timeframe.parse(text) for text in ("1m", "5m", "15m", "1d", "1w"))
FIRST_DAY = 19_723  # Monday, 2024-01-01


def table(days: int = 12) -> SessionTable:
    """Sessions of 50 minutes on weekdays."""
    dates = np.array([d for d in range(FIRST_DAY, FIRST_DAY + 2 * days) if (d + 3) % 7 < 5][:days], np.int64)
    opens = dates * DAY + 4 * 60 * MINUTE
    return SessionTable("T", "UTC", opens, opens + 50 * MINUTE, dates, np.zeros(days, np.uint8))


TABLE = table()


class Builder:
    """A plan written by hand: equal nodes are one, as from the compiler."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.results: dict[str, Input] = {}

    def node(self, op: Op, timeframe: Timeframe, name: str = "", p: Sequence[float] = (), *inputs: Input) -> Input:
        node = Node(op, timeframe, name, tuple(float(x) for x in p), inputs)
        if node not in self.nodes:
            self.nodes.append(node)
        return Input(self.nodes.index(node))

    def bar(self, name: str, timeframe: Timeframe) -> Input:
        return self.node(Op.BAR, timeframe, name)

    def call(self, name: str, timeframe: Timeframe, p: Sequence[float], *inputs: Input) -> Input:
        return self.node(Op.FUNCTION, timeframe, name, p, *inputs)

    def plan(self, **results: Input) -> Plan:
        return Plan(tuple(self.nodes), tuple(results.items()))


def mixed_plan(*, is_live: bool = False) -> Plan:
    """Functions of several timeframes that read each other."""
    b = Builder()
    sma5 = b.call("sma", M5, [3], b.bar("close", M5))
    ema15 = b.call("ema", M15, [2], b.bar("high", M15))
    daily = b.call("sma", D1, [2], b.bar("close", D1))
    held15 = b.node(Op.HOLD, M5, "", (), ema15)
    held_day = b.node(Op.HOLD, M5, "", (), daily)
    above = b.node(Op.MAP, M5, ">", (), sma5, held15)
    before = b.node(Op.SHIFT, M5, "", [2], sma5)
    spread = b.node(Op.MAP, M5, "-", (), sma5, held_day)
    macd = b.call("macd", M1, [2, 3, 2], b.bar("close", M1))
    results = {
        "above": above, "before": before, "spread": spread, "day": daily,
        "rsi": b.call("rsi", M5, [3], spread), "hist": Input(macd.node, 2),
    }  # fmt: skip
    if is_live:
        results["live"] = b.node(Op.LIVE, M5, "", (), daily)
    return b.plan(**results)


def minutes(spots: Sequence[tuple[int, int, int]], rows: int) -> tuple[Bars, Sessions]:
    """Bars from (row, minute of all sessions, price), ascending in time."""
    minute = np.concatenate([np.arange(o, c, MINUTE) for o, c in zip(TABLE.open, TABLE.close, strict=True)])
    unique = sorted({(place % len(minute), row): price for row, place, price in spots}.items())
    price = np.array([float(price) for _, price in unique])
    values = np.column_stack([price, price + 1, price - 1, price, price, price])
    sessions = Sessions.of([TABLE] * rows)
    return sessions.minute_bars(
        np.array([row for (_, row), _ in unique]), minute[[place for (place, _), _ in unique]], values
    ), sessions


def walk(rows: int = 3, seed: int = 3, share: float = 0.8, most: int = 300) -> tuple[Bars, Sessions]:
    """A fixed irregular history."""
    noise = np.random.default_rng(seed)
    spots = [
        (row, place, int(noise.integers(50, 150)))
        for place in range(most) for row in range(rows) if noise.random() < share
    ]  # fmt: skip
    return minutes(spots, rows)


def all_timeframes(base: Bars, sessions: Sessions) -> dict[Timeframe, Bars]:
    """Closed bars of the whole history; at the end everything is closed."""
    out = {M1: base}
    for timeframe in (M5, M15, D1):
        out[timeframe] = Bars.joined(list(roll(base, timeframe, sessions)))
    return out


class Live:
    """What the engine does: minutes come in pieces, longer bars close by time; everything is committed at once."""

    def __init__(self, program: Program, sessions: Sessions, rows: int) -> None:
        self.program, self.sessions = program, sessions
        self.rollers = {timeframe: Roller(timeframe, rows) for timeframe in (M5, M15, D1)}
        self.until = np.full(rows, -1, np.int64)
        self.found: dict[str, list[tuple[int, int, float]]] = {name: [] for name in program.results}

    def take(self, piece: Bars) -> None:
        np.maximum.at(self.until, piece.rows, piece.end)
        bars = {M1: piece}
        for timeframe, roller in self.rollers.items():
            # A bar that is due closes before a later one of the row opens: by time, as with ticks.
            bars[timeframe] = Bars.joined([roller.add(piece, self.sessions), roller.due(self.until, self.sessions)])
        self.keep(bars)

    def finish(self) -> None:
        far = np.full(len(self.until), 1 << 61)
        self.keep({timeframe: roller.due(far, self.sessions) for timeframe, roller in self.rollers.items()})

    def keep(self, bars: dict[Timeframe, Bars]) -> None:
        values = self.program.commit(bars)
        for name, item in self.program.results.items():
            if item.node in values:
                own = bars[self.program.timeframe(item)]
                self.found[name] += zip(
                    own.rows.tolist(), own.start.tolist(), values[item.node][item.output].tolist(), strict=True
                )


def by_place(rows: np.ndarray, start: np.ndarray, values: np.ndarray) -> list[tuple[int, int, str]]:
    return sorted((int(r), int(s), float(v).hex()) for r, s, v in zip(rows, start, values, strict=True))


def test_functions_over_daily_histories_are_the_batch_forms(shared_data: Path) -> None:
    import pandas as pd

    frame = pd.read_parquet(shared_data / "daily_ohlcv" / "us_sp500_daily_2013_2018.parquet")
    frame = frame.sort_values(["date", "symbol"]).head(60_000)
    names, rows = np.unique(frame["symbol"].to_numpy(str), return_inverse=True)
    values = np.column_stack(
        [frame[c].to_numpy(float) for c in ("open", "high", "low", "close", "volume")] + [frame["close"] * np.nan]
    )
    sessions = Sessions.of([TABLE] * len(names))
    dates = frame["date"].to_numpy().astype("datetime64[D]").astype(np.int64)
    bars = sessions.day_bars(rows, dates * DAY, values)
    b = Builder()
    close = b.bar("close", D1)
    macd = b.call("macd", D1, [12, 26, 9], close)
    found = evaluate(
        b.plan(rsi=b.call("rsi", D1, [14], close), hist=Input(macd.node, 2), ema=b.call("ema", D1, [9], close)),
        {D1: bars},
    )
    for row in (0, 7, len(names) - 1):
        mine = rows == row
        series = values[mine, 3]
        np.testing.assert_array_equal(found["rsi"].values[mine], batch("rsi", [14], [series])[0])
        np.testing.assert_array_equal(found["hist"].values[mine], batch("macd", [12, 26, 9], [series])[2])
        np.testing.assert_array_equal(found["ema"].values[mine], batch("ema", [9], [series])[0])
        assert np.isfinite(found["hist"].values[mine]).sum() > 100
    assert (found["rsi"].start == dates * DAY).all()


@pytest.mark.parametrize("is_live", [False, True])
@settings(max_examples=25, deadline=None)
@given(
    spots=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 599), st.integers(1, 50)), min_size=1, max_size=150),
    cuts=st.lists(st.integers(0, 150), max_size=8),
    restart=st.integers(0, 8),
)
def test_cuts_and_checkpoints_do_not_change_values(
    *, is_live: bool, spots: list[tuple[int, int, int]], cuts: list[int], restart: int
) -> None:
    base, sessions = minutes(spots, 3)
    plan = mixed_plan(is_live=is_live)
    whole = evaluate(plan, all_timeframes(base, sessions), sessions=sessions)
    live = Live(Program(plan, 3, sessions=sessions), sessions, 3)
    for number, (low, high) in enumerate(zip([0, *sorted(cuts)], [*sorted(cuts), len(base)], strict=True)):
        if number == restart:
            saved = live.program.checkpoint()
            other = Program(rows=3, sessions=sessions)
            other.restore({name: array.copy() for name, array in saved.items()})
            other.results = live.program.results
            live.program.commit({M1: base})  # what comes after the checkpoint is not in it
            live.program = other
        live.take(base.take(slice(low, high)))
    live.finish()
    for name, (rows, start, values) in whole.items():
        got = live.found[name]
        columns = [np.array(column) for column in zip(*got, strict=True)] if got else [np.empty(0)] * 3
        assert by_place(*columns) == by_place(rows, start, values), name


def test_readers_at_equal_ends_see_the_bars_that_ended_with_theirs() -> None:
    base, sessions = minutes([(0, place, place + 1) for place in range(100)], 1)
    b = Builder()
    day = b.bar("close", D1)
    fifteen = b.bar("close", M15)
    plan = b.plan(
        day=b.node(Op.HOLD, M5, "", (), day),
        fifteen=b.node(Op.HOLD, M5, "", (), fifteen),
        coarse=b.node(Op.HOLD, D1, "", (), b.bar("close", M5)),
    )
    found = evaluate(plan, all_timeframes(base, sessions), sessions=sessions)
    np.testing.assert_array_equal(
        found["fifteen"].values,
        [np.nan, np.nan, 15, 15, 15, 30, 30, 30, 45, 50, 50, 50, 65, 65, 65, 80, 80, 80, 95, 100],
    )
    np.testing.assert_array_equal(found["day"].values, [*[np.nan] * 9, *[50.0] * 10, 100.0])
    np.testing.assert_array_equal(found["coarse"].values, [50.0, 100.0])


def test_a_bar_that_is_empty_at_its_end_still_counts_for_readers_behind_it() -> None:
    """15m [0, 15) has its last trade in minute 3; the 5m bar of minute 15 reads it, the one of minute 3 does not."""
    base, sessions = minutes([(0, 0, 7), (0, 3, 8), (0, 15, 9)], 1)
    b = Builder()
    plan = b.plan(held=b.node(Op.HOLD, M5, "", (), b.bar("close", M15)))
    found = evaluate(plan, all_timeframes(base, sessions))
    np.testing.assert_array_equal(found["held"].values, [np.nan, 8.0])
    live = Live(Program(plan, 1), sessions, 1)
    for n in range(3):
        live.take(base.take(slice(n, n + 1)))
    live.finish()
    np.testing.assert_array_equal([value for *_, value in live.found["held"]], [np.nan, 8.0])


def test_a_forming_bar_read_at_a_close_is_what_a_day_cut_there_would_be() -> None:
    base, sessions = walk(2, share=0.9, most=150)
    b = Builder()
    daily = b.call("sma", D1, [2], b.bar("close", D1))
    plan = b.plan(live=b.node(Op.LIVE, M1, "", (), daily))
    found = evaluate(plan, {M1: base, D1: all_timeframes(base, sessions)[D1]}, sessions=sessions)["live"]
    for n in range(0, len(base), 7):
        row = int(base.rows[n])
        so_far = base.take((base.rows == row) & (base.start <= base.start[n]))
        days = Bars.joined(list(roll(so_far, D1, sessions)))
        expected = batch("sma", [2], [days.values[:, 3]])[0][-1]
        assert float(found.values[n]).hex() == float(expected).hex()


@settings(max_examples=25, deadline=None)
@given(at=st.integers(1, 500), seed=st.integers(0, 5))
def test_a_peek_changes_nothing_and_is_what_the_close_gives(at: int, seed: int) -> None:
    base, sessions = walk(seed=seed)
    at = min(at, len(base) - 1)
    plan = mixed_plan()
    live = Live(Program(plan, 3, sessions=sessions), sessions, 3)
    live.take(base.take(slice(0, at)))
    before = live.program.checkpoint()
    rows = np.arange(3)
    forming = {timeframe: roller.forming(rows, sessions) for timeframe, roller in live.rollers.items()}
    tentative = live.program.peek(forming)
    found = {name: tentative.values(item, rows) for name, item in live.program.results.items()}
    after = live.program.checkpoint()
    assert before.keys() == after.keys()
    for name, array in before.items():
        np.testing.assert_array_equal(array, after[name], err_msg=name)
    for timeframe in (M5, D1):  # each alone: a reader sees closed bars of the other timeframes
        closed = Program(rows=3, sessions=sessions)
        closed.restore(before)
        closed.commit({timeframe: forming[timeframe]})
        for name, item in live.program.results.items():
            if live.program.timeframe(item) == timeframe:
                np.testing.assert_array_equal(found[name], closed.values(item, rows), err_msg=name)


def test_an_older_open_bar_is_applied_before_the_forming_one() -> None:
    base, sessions = walk(3, share=1.0)
    plan = mixed_plan()
    program = Program(plan, 3, sessions=sessions)
    whole = all_timeframes(base, sessions)[M5]
    mine = [np.flatnonzero(whole.rows == row) for row in range(3)]
    program.commit({M5: whole.take(np.sort(np.concatenate([places[:10] for places in mine])))})
    before = program.checkpoint()
    pending = whole.take(np.array([mine[1][10]]))
    forming = whole.take(np.array([mine[0][10], mine[1][11], mine[2][10]]))
    tentative = program.peek({M5: forming}, {M5: pending})
    rows = np.arange(3)
    found = {name: tentative.values(program.results[name], rows) for name in ("before", "rsi", "above")}
    for name, array in program.checkpoint().items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)
    program.commit({M5: pending})
    program.commit({M5: forming})
    for name, values in found.items():
        np.testing.assert_array_equal(values, program.values(program.results[name], rows), err_msg=name)


def test_plans_share_nodes_and_leave_with_the_last_who_needs_them() -> None:
    base, _ = walk()
    b = Builder()
    sma = b.call("sma", M1, [3], b.bar("close", M1))
    first = b.plan(a=sma)
    second = b.plan(b=b.call("ema", M1, [2], sma), again=sma)
    program = Program(rows=3)
    a = program.extend(first)
    assert len(program) == 2
    half = len(base) // 2
    program.commit({M1: base.take(slice(0, half))})
    added = program.extend(second)
    assert len(program) == 3
    assert added["again"] == a["a"]
    assert np.isnan(program.values(added["b"], np.arange(3))).all()
    warm = Program(second, 3)
    warm.commit({M1: base.take(slice(0, half))})
    program.adopt(warm, np.arange(3), {added["b"].node})
    program.commit({M1: base.take(slice(half, None))})
    whole = evaluate(second, {M1: base})
    for row in range(3):
        last = np.flatnonzero(base.rows == row)[-1]
        assert program.values(added["b"], np.array([row]))[0] == whole["b"].values[last]
    program.drop(a.values())
    assert len(program) == 3
    program.drop(added.values())
    assert len(program) == 0


def test_growing_keeps_what_was() -> None:
    base, sessions = walk()
    plan = mixed_plan()
    small, large = Program(plan, 3, sessions=sessions), Program(plan, 9, sessions=sessions)
    bars = all_timeframes(base, sessions)
    small.commit({M5: bars[M5].take(slice(0, 40))})
    small.grow(9)
    large.commit({M5: bars[M5].take(slice(0, 40))})
    for program in (small, large):
        program.commit({M5: bars[M5].take(slice(40, None))})
    for item in small.results.values():
        np.testing.assert_array_equal(small.values(item, np.arange(9)), large.values(item, np.arange(9)))


def test_another_instrument_is_read_at_or_before_the_bars_end() -> None:
    base, _ = minutes([(0, 0, 1), (1, 0, 10), (0, 1, 2), (0, 5, 3), (1, 3, 20), (1, 9, 30)], 2)
    b = Builder()
    plan = b.plan(other=b.node(Op.FOREIGN, M1, "B", (), b.bar("close", M1)))
    keys = {"A": 0, "B": 1}
    whole = evaluate(plan, {M1: base}, foreign=keys.get)["other"]
    mine = whole.values[whole.rows == 0]
    np.testing.assert_array_equal(mine, [10.0, 10.0, 20.0])
    program = Program(plan, 2, foreign=keys.get)
    program.commit({M1: base.take(base.rows == 1)})  # the other's bars came first, also the later ones
    saved = Program(rows=2, foreign=keys.get)
    saved.restore(program.checkpoint())
    for one in (program, saved):
        found = one.commit({M1: base.take(base.rows == 0)})
        np.testing.assert_array_equal(next(iter(found.values()))[0], [10.0, 10.0, 20.0])
    unknown = evaluate(plan, {M1: base}, foreign={}.get)["other"]
    assert np.isnan(unknown.values).all()


def test_fields_are_sampled_by_whoever_brings_the_bars() -> None:
    base, _ = minutes([(0, 0, 1), (0, 1, 2)], 1)
    b = Builder()
    plan = b.plan(pe=b.node(Op.FIELD, M1, "fund.pe"))
    assert np.isnan(evaluate(plan, {M1: base})["pe"].values).all()
    base = Bars(base.rows, base.start, base.end, base.session, base.session_open, base.trades, base.values,
                base.per_year, {"fund.pe": np.array([15.0, 16.0])})  # fmt: skip
    assert evaluate(plan, {M1: base})["pe"].values.tolist() == [15.0, 16.0]


def test_unknown_functions_and_foreign_checkpoints_are_errors() -> None:
    b = Builder()
    with pytest.raises(UserError, match="nonsense"):
        Program(b.plan(x=b.call("nonsense", M1, [3], b.bar("close", M1))), 1)
    program = Program(rows=1)
    with pytest.raises(UserError):
        program.extend(b.plan(x=Input(1)))
    assert len(program) == 0
    with pytest.raises(CheckpointError):
        program.restore({})


def test_three_hundred_thousand_daily_bars_take_less_than_a_second(shared_data: Path) -> None:
    import pandas as pd

    frame = pd.read_parquet(shared_data / "daily_ohlcv" / "us_sp500_daily_2013_2018.parquet").sort_values(
        ["date", "symbol"]
    )
    names, rows = np.unique(frame["symbol"].to_numpy(str), return_inverse=True)
    values = np.column_stack(
        [frame[c].to_numpy(float) for c in ("open", "high", "low", "close", "volume")] + [frame["close"] * np.nan]
    )
    bars = Sessions.of([TABLE] * len(names)).day_bars(
        rows, frame["date"].to_numpy().astype("datetime64[D]").astype(np.int64) * DAY, values
    )
    b = Builder()
    close = b.bar("close", D1)
    macd = b.call("macd", D1, [12, 26, 9], close)
    fast, slow = b.call("sma", D1, [50], close), b.call("sma", D1, [200], close)
    plan = b.plan(
        rsi=b.call("rsi", D1, [14], close), hist=Input(macd.node, 2), above=b.node(Op.MAP, D1, ">", (), fast, slow)
    )
    evaluate(plan, {D1: bars.take(slice(0, 1_000))})
    began = time.perf_counter()
    found = evaluate(plan, {D1: bars})
    took = time.perf_counter() - began
    print(f"{len(bars)} bars, {len(plan.nodes)} nodes: {took:.3f} s")  # noqa: T201 — the number is the point
    assert len(found["rsi"].values) == len(bars)
    assert took < 1.0
