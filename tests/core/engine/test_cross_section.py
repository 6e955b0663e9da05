"""Across a universe: the stepwise forms equal the whole ones bit for bit, whatever the order of changes."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from marketbell.core.engine.cross_section import FORMS, Rank, avg_of, cross_section, evaluate, pct_of, rank
from marketbell.core.engine.exact import ExactSums, exact_sum
from marketbell.core.engine.universes import ALWAYS, FOREVER, Membership, Universes
from marketbell.core.market.instrument import Instrument
from marketbell.core.primitives.errors import UserError

EVERYBODY = np.ones(6, np.bool_)
VALUE = st.one_of(
    st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, 2.0, -1.0, 1e16, -1e16, 5e-324, 1.5e308, -1.5e308]),
    st.floats(width=64),
)
FINITE = st.one_of(
    st.sampled_from([0.0, 1e16, -1e16, 5e-324, 0.1, 1e308]), st.floats(allow_nan=False, allow_infinity=False)
)


def same(left: NDArray[np.float64], right: NDArray[np.float64]) -> bool:
    return left.tobytes() == right.tobytes()


def test_equal_values_share_the_better_rank() -> None:
    values = np.array([5.0, 9.0, 9.0, np.nan, np.inf, 1.0])
    assert rank(values, EVERYBODY).tolist()[:3] == [3, 1, 1]
    assert np.isnan(rank(values, EVERYBODY)[3:5]).all()
    assert rank(values, EVERYBODY)[5] == 4
    outside = np.array([True, False, True, True, True, True])
    assert rank(values, outside).tolist()[::2][:2] == [2, 1]
    assert math.isnan(rank(values, outside)[1])


def test_shares_and_means_leave_out_the_unknown() -> None:
    condition = np.array([1.0, 0.0, np.nan, 1.0, 0.0, 0.0])
    assert pct_of(condition, EVERYBODY) == 40
    assert pct_of(condition, np.array([True, False, True, True, False, False])) == 100
    assert math.isnan(pct_of(np.full(6, np.nan), EVERYBODY))
    assert math.isnan(pct_of(condition, ~EVERYBODY))
    assert avg_of(np.array([1e16, 1.0, -1e16, np.nan, np.inf, 4.0]), EVERYBODY) == 1.25
    assert math.isnan(avg_of(condition, ~EVERYBODY))
    assert evaluate("avg_of", condition, EVERYBODY).tolist() == [0.4] * 6
    with pytest.raises(UserError, match="avg_of, pct_of, rank"):
        evaluate("median_of", condition, EVERYBODY)
    with pytest.raises(UserError, match="`sum`"):
        cross_section("sum", 3)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(FORMS)), st.integers(1, 30), st.data())
def test_steps_equal_the_whole(name: str, size: int, data: st.DataObject) -> None:
    form = cross_section(name, size)
    values, members = np.full(size, np.nan), np.zeros(size, np.bool_)
    for _ in range(data.draw(st.integers(1, 12))):
        before = form.result().copy()
        if data.draw(st.integers(0, 3)) == 0:
            members = np.array(data.draw(st.lists(st.booleans(), min_size=size, max_size=size)))
            changed = form.set_members(members)
        else:
            rows = np.array(sorted(data.draw(st.sets(st.integers(0, size - 1), max_size=size))), np.int64)
            values[rows] = data.draw(st.lists(VALUE, min_size=len(rows), max_size=len(rows)))
            changed = form.update(rows, values[rows])
        after = form.result()
        assert same(after, evaluate(name, values, members))
        differs = ~((before == after) | (np.isnan(before) & np.isnan(after)))
        assert set(np.flatnonzero(differs)) <= set(changed.tolist())
        assert name == "rank" or changed.tolist() == np.flatnonzero(differs).tolist()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.01, 5.0]))
def test_many_rows_that_step_or_jump(seed: int, jump: float) -> None:
    """Long orders with ties, in small changes and in ones that are sorted anew."""
    random = np.random.default_rng(seed)
    values = np.round(random.normal(0, 3, 700), 1)
    ranks = Rank(700)
    ranks.set_members(random.random(700) < 0.9)
    for size in (700, 1, 3, 40, 174, 176, 2, 600):
        rows = np.sort(random.choice(700, size, replace=False))
        values[rows] = np.where(
            random.random(size) < 0.1, np.nan, np.round(np.nan_to_num(values[rows]) + random.normal(0, jump, size), 1)
        )
        before = ranks.result().copy()
        changed = ranks.update(rows, values[rows])
        assert same(ranks.result(), rank(values, ranks.members))
        differs = ~((before == ranks.result()) | (np.isnan(before) & np.isnan(ranks.result())))
        assert set(np.flatnonzero(differs)) <= set(changed.tolist())
    known = np.flatnonzero(np.isfinite(ranks.result()))
    by_value = sorted(known.tolist(), key=lambda row: (-values[row], row))
    assert ranks.top(50).tolist() == by_value[:50]


@settings(max_examples=100, deadline=None)
@given(st.lists(FINITE, max_size=30), st.lists(FINITE, max_size=30), st.randoms(use_true_random=False))
def test_exact_sums_do_not_know_their_past(kept: list[float], gone: list[float], random: "np.random.Generator") -> None:
    sums = ExactSums(2)
    ones = np.ones(len(gone), np.int64)
    sums.add(ones, np.array(gone))
    shuffled = list(kept)
    random.shuffle(shuffled)  # type: ignore[arg-type]
    sums.add(np.ones(len(kept), np.int64), np.array(shuffled))
    sums.take(ones, np.array(gone))
    found = sums.totals()
    assert found[0] == 0
    try:
        wanted = float(sum((Fraction(value) for value in kept), Fraction(0)))
    except OverflowError:
        wanted = math.nan
    assert np.array([found[1], exact_sum(kept)]).tobytes() == np.array([wanted, wanted]).tobytes()


def test_members_change_at_their_dates() -> None:
    instruments = [
        Instrument("NSE:A", indices=("NIFTY 50",), sector="IT"),
        Instrument("NSE:B", sector="Energy"),
        Instrument("NSE:C", sector="IT"),
    ]
    plain = Universes(instruments)
    assert plain.mask("ALL", 0).tolist() == [True] * 3
    assert plain.mask("NIFTY50", 0).tolist() == [True, False, False]
    assert plain.mask("it", 0).tolist() == [True, False, True]
    assert plain.mask("NSE:C, NSE:B", 0).tolist() == [False, True, True]
    assert plain.next_change("NIFTY50", ALWAYS) == FOREVER
    dated = Universes(
        instruments,
        [
            Membership("NIFTY 50", "NSE:B", until=100),
            Membership("NIFTY 50", "NSE:C", since=100),
            Membership("NIFTY 50", "NSE:A", 50, 200),
            Membership("NIFTY 50", "NSE:GONE"),
        ],
    )
    at = {time: dated.mask("NIFTY50", time).tolist() for time in (0, 50, 99, 100, 200)}
    assert at == {
        0: [False, True, False],
        50: [True, True, False],
        99: [True, True, False],
        100: [True, False, True],
        200: [False, False, True],
    }
    assert [dated.next_change("NIFTY50", time) for time in (0, 50, 100, 200)] == [50, 100, 200, FOREVER]
    assert dated.names == ("Energy", "IT", "NIFTY 50")
    with pytest.raises(UserError, match="did you mean `NIFTY 50`"):
        dated.mask("NIFTY5", 0)
    with pytest.raises(UserError, match="no instrument `NSE:X`"):
        dated.mask("NSE:X", 0)
