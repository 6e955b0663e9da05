"""Ranks against plain counting; the ring against a list."""

import json
import math
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketbell.core.options.history import FEWEST_DAYS, DailyIv, iv_percentile, iv_rank
from marketbell.core.primitives.errors import UserError

START = date(2025, 1, 1)
daily = st.lists(st.one_of(st.just(math.nan), st.integers(800, 4_000).map(lambda x: x / 100)), min_size=1, max_size=120)


@given(values=daily, days=st.integers(1, 130))
def test_rank_and_percentile_are_counts(values: list[float], days: int) -> None:
    last = [one for one in values[-days:] if not math.isnan(one)]
    rank, percentile = iv_rank(values, days), iv_percentile(values, days)
    if len(last) < FEWEST_DAYS or math.isnan(values[-1]):
        assert math.isnan(rank)
        assert math.isnan(percentile)
        return
    low, high = min(last), max(last)
    assert rank == pytest.approx(50.0 if low == high else 100 * (last[-1] - low) / (high - low))
    assert percentile == pytest.approx(100 * sum(one < last[-1] for one in last) / len(last))


def test_the_highest_is_100_and_the_lowest_0() -> None:
    rising = list(range(10, 110))
    assert iv_rank(rising, 100) == 100.0
    assert iv_percentile(rising, 100) == 99.0
    assert iv_rank(rising[::-1], 100) == iv_percentile(rising[::-1], 100) == 0.0
    assert math.isnan(iv_rank(rising, 19))
    with pytest.raises(UserError):
        iv_rank(rising, 0)


@given(
    puts=st.lists(
        st.tuples(st.integers(0, 60), st.one_of(st.just(math.nan), st.floats(5, 50))), min_size=1, max_size=120
    )
)
def test_the_ring_keeps_the_newest_days_in_order(puts: list[tuple[int, float]]) -> None:
    ring = DailyIv(FEWEST_DAYS)
    for day, value in puts:
        ring.put(START + timedelta(day), value)
    assert len(ring.days) == len(ring.values) == ring.count <= FEWEST_DAYS
    assert ring.days == sorted(set(ring.days))
    assert max(ring.days) == START + timedelta(max(day for day, _ in puts))
    again = DailyIv.from_dict(json.loads(json.dumps(ring.as_dict(), allow_nan=False)))
    assert again.days == ring.days
    assert np.array_equal(again.values, ring.values, equal_nan=True)


@given(values=st.lists(st.floats(5, 50), min_size=1, max_size=90))
def test_in_order_it_is_a_list_cut_to_length(values: list[float]) -> None:
    ring = DailyIv(40)
    for day, value in enumerate(values):
        ring.put(START + timedelta(day), 1.0)
        ring.put(START + timedelta(day), value)
        ring.put(START + timedelta(day), math.nan)
    assert ring.values.tolist() == values[-40:]
    assert ring.rank(40) == pytest.approx(iv_rank(values, 40), nan_ok=True)
    assert ring.percentile(40) == pytest.approx(iv_percentile(values, 40), nan_ok=True)


def test_a_late_day_takes_its_place() -> None:
    ring = DailyIv(FEWEST_DAYS)
    for day in (0, 2, 3):
        ring.put(START + timedelta(day), float(day))
    ring.put(START + timedelta(1), 1.0)
    ring.put(START + timedelta(2), 2.5)
    ring.put(START + timedelta(3), 3.5)
    assert ring.values.tolist() == [0.0, 1.0, 2.5, 3.5]
    for day in range(4, 30):
        ring.put(START + timedelta(day), float(day))
    ring.put(START, 99.0)  # too old to be kept
    assert ring.values.tolist() == [float(day) for day in range(10, 30)]


def test_a_ring_is_long_enough() -> None:
    with pytest.raises(UserError):
        DailyIv(5)
