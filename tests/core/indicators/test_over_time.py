"""Predicates over time say what the definitions say: each against a loop that reads like them."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from marketbell.core.engine.bars import Bars
from marketbell.core.engine.program import Program
from marketbell.core.indicators.catalogue import PREDICATES
from marketbell.core.indicators.implementations import IMPLEMENTATIONS, batch
from marketbell.core.language.compile import compile_plan
from marketbell.core.language.expression_reader import parse_expression
from marketbell.core.market.timeframe import Timeframe

Floats = NDArray[np.float64]
SECOND = 10**9
OPEN = 1_619_581_500 * SECOND
UNKNOWN = math.nan

truths = st.sampled_from([1.0, 1.0, 0.0, UNKNOWN])
gaps = st.sampled_from([0, 1, 1, 1, 2, 5, 30])
evaluations = st.lists(st.tuples(gaps, truths, truths), max_size=40)
few = settings(max_examples=150, deadline=None)


def times_of(gaps_s: Sequence[int]) -> list[int]:
    """Times in ns: float64 holds them to 256 ns, so whole seconds stand for themselves only nearly."""
    return [OPEN + sum(gaps_s[: n + 1]) * SECOND for n in range(len(gaps_s))]


def run(name: str, parameters: Sequence[float], *inputs: Sequence[float]) -> list[float]:
    return batch(name, parameters, [np.array(one, np.float64) for one in inputs])[0].tolist()


def same(found: Sequence[float], wanted: Sequence[float]) -> None:
    np.testing.assert_array_equal(np.array(found), np.array(wanted))


def both(truth: list[float]) -> float:
    """Three-valued and."""
    if 0.0 in truth:
        return 0.0
    return UNKNOWN if any(map(math.isnan, truth)) else 1.0


def either(truth: list[float]) -> float:
    """Three-valued or."""
    if 1.0 in truth:
        return 1.0
    return UNKNOWN if any(map(math.isnan, truth)) else 0.0


@few
@given(evaluations, st.integers(1, 6))
def test_held_for_bars(given_: list[tuple[int, float, float]], n: int) -> None:
    truth = [one for _, one, _ in given_]
    wanted = [both([UNKNOWN] * (n - 1 - at) + truth[max(0, at - n + 1) : at + 1]) for at in range(len(truth))]
    same(run("held for", [0, n], truth, times_of([gap for gap, _, _ in given_])), wanted)


@few
@given(evaluations, st.integers(0, 8))
def test_held_for_a_time(given_: list[tuple[int, float, float]], seconds: int) -> None:
    """What was true T ago is what the newest evaluation up to then said; before the first one nothing is known."""
    truth, times = [one for _, one, _ in given_], times_of([gap for gap, _, _ in given_])
    wanted = []
    for at, now in enumerate(times):
        since = now - seconds * SECOND
        before = [n for n in range(at + 1) if times[n] <= since]
        window = truth[before[-1] : at + 1] if before else [UNKNOWN, *truth[: at + 1]]
        wanted.append(both(window))
    same(run("held for", [1, seconds * SECOND], truth, times), wanted)


@few
@given(evaluations, st.integers(1, 6))
def test_seen_in_the_last_bars(given_: list[tuple[int, float, float]], n: int) -> None:
    truth = [one for _, one, _ in given_]
    wanted = [either(truth[max(0, at - n + 1) : at + 1]) for at in range(len(truth))]
    same(run("seen in last", [0, n], truth, times_of([gap for gap, _, _ in given_])), wanted)


@few
@given(evaluations, st.integers(0, 8))
def test_seen_in_the_last_time(given_: list[tuple[int, float, float]], seconds: int) -> None:
    truth, times = [one for _, one, _ in given_], times_of([gap for gap, _, _ in given_])
    wanted = [
        either([truth[n] for n in range(at + 1) if times[n] >= now - seconds * SECOND]) for at, now in enumerate(times)
    ]
    same(run("seen in last", [1, seconds * SECOND], truth, times), wanted)


@few
@given(given_=evaluations, reach=st.integers(0, 6), of_time=st.booleans())
def test_then_within(*, given_: list[tuple[int, float, float]], reach: int, of_time: bool) -> None:
    times = times_of([gap for gap, _, _ in given_])
    first, second = [one for _, one, _ in given_], [one for _, _, one in given_]
    wanted = []
    for at, now in enumerate(times):
        window = [n for n in range(at) if (now - times[n] <= reach * SECOND if of_time else at - n <= reach)]
        wanted.append(both([second[at], either([first[n] for n in window])]))
    span = reach * SECOND if of_time else reach
    same(run("then", [float(of_time), span], first, second, times), wanted)


prices = st.lists(
    st.tuples(gaps, st.sampled_from([UNKNOWN, 98.0, 99.0, 100.0, 100.0, 101.0, 102.0, 104.0]), st.integers(0, 9)),
    max_size=60,
)


@few
@given(
    given_=prices,
    verb=st.sampled_from(["rises", "falls", "moves"]),
    is_percent=st.booleans(),
    of_time=st.booleans(),
    reach=st.integers(0, 8),
    by=st.sampled_from([1.0, 2.0, 3.5]),
    cuts=st.booleans(),
)
def test_moves_by_within(
    *,
    given_: list[tuple[int, float, int]],
    verb: str,
    is_percent: bool,
    of_time: bool,
    reach: int,
    by: float,
    cuts: bool,
) -> None:
    """Against a loop over all evaluations of the window; one in ten begins a session."""
    times = times_of([gap for gap, _, _ in given_])
    x = [price for _, price, _ in given_]
    session = np.cumsum([one == 0 for _, _, one in given_]).astype(float).tolist()
    wanted = []
    for at in range(len(x)):
        window = [
            n
            for n in range(at + 1)
            if (times[at] - times[n] <= reach * SECOND if of_time else at - n <= reach)
            and (not cuts or session[n] == session[at])
        ]
        is_alone = len(window) < 2 or math.isnan(x[at])
        proofs = [moved(x[at], x[n], by, verb, is_percent=is_percent) for n in window]
        wanted.append(UNKNOWN if is_alone else either(proofs))
    parameters = [
        float(("rises", "falls", "moves").index(verb)), float(is_percent), float(of_time),
        reach * SECOND if of_time else reach, float(cuts),
    ]  # fmt: skip
    same(run("moves by", parameters, x, [by] * len(x), times, session), wanted)


def moved(now: float, other: float, by: float, verb: str, *, is_percent: bool) -> float:
    """By the words of the definition. A value that is not known proves nothing."""
    up = now >= (1 + by / 100) * other if is_percent else now - other >= by
    down = now <= (1 - by / 100) * other if is_percent else other - now >= by
    holds = (up and verb != "falls") or (down and verb != "rises")
    return UNKNOWN if math.isnan(other) else float(holds)


def bars_of(rows: list[int], times: list[int], price: list[float], session: list[int]) -> Bars:
    """Bars of no length, as ticks are."""
    t = np.array(times, np.int64)
    values = np.ascontiguousarray(np.tile(np.array(price)[:, None], 6))
    day, no = np.array(session, np.int64), np.zeros(len(rows), np.int64)
    return Bars(np.array(rows, np.int64), t, t, day, OPEN + day, no, values, np.ones(len(rows)))


@pytest.mark.parametrize("way", ["up", "down", "saw"])
def test_a_window_of_many_ticks_is_never_cut_short(way: str) -> None:
    """Every tick of a long climb is a new extreme: the state grows with them, in the middle of a batch."""
    count = 20_000
    steps = {"up": np.arange(count), "down": -np.arange(count), "saw": np.arange(count) % 7 - np.arange(count) / 1e3}
    price = (1_000.0 + 0.01 * steps[way]).tolist()
    times = [OPEN + n * SECOND // 50 for n in range(count)]
    plan = compile_plan([("m", parse_expression("close moves by 3% within 2m"))])
    program = Program(plan, 2)
    found = program.commit({Timeframe("tick"): bars_of([n % 2 for n in range(count)], times, price, [0] * count)})
    (values,) = found.values()
    wanted = [UNKNOWN] * 2
    x = np.array(price)
    for at in range(2, count):
        first = max(at % 2, at - 6_000)
        window = x[first : at + 1 : 2]
        up, down = x[at] >= 1.03 * window.min(), x[at] <= 0.97 * window.max()
        wanted.append(float(up or down))
    same(values[0].tolist(), wanted)
    assert {0.0, 1.0} <= set(wanted) or way == "saw"


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_checkpoints_of_grown_state(seed: int) -> None:
    """Cut anywhere, saved, cut by rows, put together and read back: the values go on as if nothing had been."""
    random = np.random.default_rng(seed)
    count = 400
    rows = random.integers(0, 3, count).tolist()
    price = np.round(100 + np.cumsum(random.normal(0, 0.2, count)), 1).tolist()
    times = [OPEN + n * SECOND for n in range(count)]
    bars = bars_of(rows, times, price, [n // 150 for n in range(count)])
    texts = (
        "close moves by 0.5% within 2m",
        "close rises by 1 within 50 bars",
        "close > 100 for 20s",
        "close > 100 seen in last 9s",
        "close > 100 then close < 100 within 7s",
    )
    plan = compile_plan([(text, parse_expression(text)) for text in texts])
    whole = Program(plan, 3)
    wanted = whole.commit({Timeframe("tick"): bars})
    at = int(random.integers(0, count))
    first = Program(plan, 3)
    first.commit({Timeframe("tick"): bars.take(np.arange(count) < at)})
    again = Program()
    again.restore(first.checkpoint())
    tail = bars.take(np.arange(count) >= at)
    for program in (first, again):
        for number, values in program.commit({Timeframe("tick"): tail}).items():
            np.testing.assert_array_equal(values, wanted[number][:, at:])
    for name, array in first.checkpoint().items():
        np.testing.assert_array_equal(array, again.checkpoint()[name])
        np.testing.assert_array_equal(array, whole.checkpoint()[name])


def test_every_predicate_is_there() -> None:
    assert PREDICATES.keys() <= IMPLEMENTATIONS.keys()
