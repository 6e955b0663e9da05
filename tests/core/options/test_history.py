"""Ranks against plain counting."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketbell.core.options.history import FEWEST_DAYS, iv_percentile, iv_rank
from marketbell.core.primitives.errors import UserError

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
