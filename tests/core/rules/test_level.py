"""The meaning of a level rule, against a second reading of the words."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketbell.core.rules.level import LevelRule, LevelState, step


def firings(rule: LevelRule, ticks: list[tuple[float, int]]) -> list[int]:
    state, fired = LevelState(), []
    for index, (price, time) in enumerate(ticks):
        state, fires = step(rule, state, price, time)
        if fires:
            fired.append(index)
    return fired


@pytest.mark.parametrize(
    ("direction", "prices", "index"),
    [
        ("above", [1490, 1500], None),  # reaching is not crossing
        ("above", [1490, 1500, 1500.05], 2),
        ("above", [1500, 1501], 1),  # `<=` before
        ("above", [1501, 1502], None),  # the first evaluation cannot cross
        ("above", [1400, 1600, 1400, 1600], 1),  # a gap counts once, and the rule fires once
        ("below", [1510, 1500], None),
        ("below", [1500, 1499.95], 1),
        ("below", [1400, 1600, 1400], 2),
    ],
)
def test_edges(direction: str, prices: list[float], index: int | None) -> None:
    rule = LevelRule(direction, 1500.0)  # type: ignore[arg-type]
    assert firings(rule, [(price, 0) for price in prices]) == ([] if index is None else [index])


def test_an_expired_rule_stays_silent() -> None:
    rule = LevelRule("above", 10.0, expires_at=5)
    assert firings(rule, [(9.0, 1), (11.0, 4)]) == [1]
    assert firings(rule, [(9.0, 1), (11.0, 5)]) == []
    assert firings(rule, [(9.0, 5), (9.0, 1), (11.0, 2)]) == []


@given(
    st.sampled_from(["above", "below"]),
    st.integers(1, 9),
    st.lists(st.integers(1, 9), max_size=30),
)
def test_it_fires_at_the_first_pair_that_straddles(direction: str, level: int, prices: list[int]) -> None:
    rule = LevelRule(direction, float(level))  # type: ignore[arg-type]
    sign = 1 if direction == "above" else -1
    straddles = [
        index
        for index, (before, now) in enumerate(pairwise(prices), start=1)
        if sign * before <= sign * level < sign * now
    ]
    assert firings(rule, [(float(price), 0) for price in prices]) == straddles[:1]
