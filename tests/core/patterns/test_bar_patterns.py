"""Patterns of closed minutes: found where they were put, absent where one condition fails, unknown before enough."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketbell.core.market.session import DAY, MINUTE
from marketbell.core.patterns import layering, price_volume_divergence, pump_and_dump, quote_stuffing, volatility_burst
from marketbell.core.patterns.catalogue import (
    BARS_KEPT,
    LAYERING,
    PATTERNS,
    PRICE_VOLUME_DIVERGENCE,
    PUMP_AND_DUMP,
    QUOTE_STUFFING,
    VOLATILITY_BURST,
)

START = 19_000 * DAY + 4 * 60 * MINUTE


def walk(count: int, step: float = 0.0005) -> list[float]:
    """Prices that go up and down by a step in turn."""
    return [100.0 * (1.0 + step * (at % 2)) for at in range(count)]


def test_the_words_and_the_kernels_agree() -> None:
    assert VOLATILITY_BURST.threshold == volatility_burst.THRESHOLD
    assert PRICE_VOLUME_DIVERGENCE.threshold == price_volume_divergence.TREND
    assert PUMP_AND_DUMP.threshold == 1.0
    assert QUOTE_STUFFING.threshold == quote_stuffing.THRESHOLD
    assert LAYERING.threshold == layering.THRESHOLD
    assert volatility_burst.RECENT + volatility_burst.MOST + 1 <= BARS_KEPT
    assert price_volume_divergence.WINDOW + 1 <= BARS_KEPT
    assert 3 * pump_and_dump.SPAN <= BARS_KEPT
    for pattern in PATTERNS:
        assert "suspect" in pattern.definition.lower() or "abnormal" in pattern.definition.lower()


# --- volatility burst --------------------------------------------------------------------------------


def test_a_burst_is_found_with_its_numbers(market: Any) -> None:
    closes = walk(60)
    for _ in range(5):
        closes.append(closes[-1] * (1.004 if len(closes) % 2 else 0.996))
    market.engine.apply([market.minutes(closes, [10.0] * 65)])
    assert market.value("volatility_burst") == 1.0
    sign = market.evidence("volatility_burst")
    assert sign["end"] == START + 65 * MINUTE
    assert sign["start"] == START + 60 * MINUTE
    returns = np.array(closes[1:]) / np.array(closes[:-1]) - 1.0
    recent, usual = math.sqrt((returns[-5:] ** 2).mean()), math.sqrt((returns[:-5] ** 2).mean())
    assert sign["numbers"]["recent"] == pytest.approx(100 * recent)
    assert sign["numbers"]["usual"] == pytest.approx(100 * usual)
    assert sign["numbers"]["ratio"] == pytest.approx(recent / usual)
    assert sign["numbers"]["minutes"] == 59


def test_a_burst_needs_35_minutes_of_its_own_session(market: Any) -> None:
    market.engine.apply([market.minutes(walk(35), [10.0] * 35)])
    assert math.isnan(market.value("volatility_burst"))
    market.engine.apply([market.minutes(walk(36), [10.0] * 36)])
    assert market.value("volatility_burst") == 0.0
    market.engine.apply([market.minutes(walk(3), [10.0] * 3, day=1)])
    assert math.isnan(market.value("volatility_burst"))


def test_a_flat_price_that_moves_by_one_step_is_no_burst(market: Any) -> None:
    market.engine.apply([market.minutes([100.0] * 60 + [100.05], [10.0] * 61)])
    assert market.value("volatility_burst") == 0.0


def test_what_a_bar_said_is_not_known_after_ten_minutes(market: Any) -> None:
    market.engine.apply([market.minutes(walk(60), [10.0] * 60)])
    assert market.value("volatility_burst") == 0.0
    market.engine.apply([market.minutes(walk(71), [10.0] * 71, which=1)])
    assert math.isnan(market.value("volatility_burst"))
    assert market.value("volatility_burst", 1) == 0.0


# --- volume spike ------------------------------------------------------------------------------------


def volumes(last: float, count: int = 30) -> list[float]:
    return [100.0 + 10 * (at % 3) for at in range(count)] + [last]


def test_a_spike_is_found_with_its_numbers(market: Any) -> None:
    market.engine.apply([market.minutes(walk(31), volumes(1_000.0))])
    assert market.value("volume_spike") == 1.0
    numbers = market.evidence("volume_spike")["numbers"]
    before = sum(volumes(0)[10:30]) / 20
    assert numbers["volume"] == 1_000.0
    assert numbers["before"] == pytest.approx(before)
    assert numbers["times"] == pytest.approx(1_000.0 / before)
    assert numbers["deviations"] == pytest.approx(market.engine.columns()["volume_spike"][0])


def test_many_deviations_of_an_even_volume_are_no_spike(market: Any) -> None:
    market.engine.apply([market.minutes(walk(31), volumes(300.0))])
    assert market.engine.columns()["volume_spike"][0] > 8
    assert market.value("volume_spike") == 0.0


def test_an_index_has_no_volume_patterns(market: Any) -> None:
    market.engine.apply([market.minutes(walk(90), [0.0] * 90)])
    assert math.isnan(market.value("price_volume_divergence"))
    assert math.isnan(market.value("volume_spike"))
    assert math.isnan(market.value("pump_and_dump"))


# --- price moves while volume dries up ---------------------------------------------------------------


def drift(count: int, up: float) -> list[float]:
    closes = [100.0]
    for at in range(count - 1):
        closes.append(closes[-1] * (1.0 + up + (0.0004 if at % 2 else -0.0004)))
    return closes


def test_a_move_on_falling_volume_is_found(market: Any) -> None:
    closes = walk(60) + [one * 1.0005 for one in drift(30, 0.0004)]
    market.engine.apply([market.minutes(closes, [100.0] * 75 + [40.0] * 15)])
    assert market.value("price_volume_divergence") == 1.0
    numbers = market.evidence("price_volume_divergence")["numbers"]
    assert numbers["support"] == pytest.approx(0.4)
    assert numbers["move"] == pytest.approx(100 * (closes[-1] / closes[-31] - 1))
    steps = np.array(closes[-30:]) / np.array(closes[-31:-1]) - 1
    assert numbers["trend"] == pytest.approx(numbers["move"] / 100 / math.sqrt((steps**2).sum()))


@pytest.mark.parametrize(("up", "later"), [(0.0, 40.0), (0.0004, 60.0)])
def test_without_the_move_or_the_fall_of_volume_there_is_none(market: Any, up: float, later: float) -> None:
    closes = walk(60) + [one * 1.0005 for one in drift(30, up)]
    market.engine.apply([market.minutes(closes, [100.0] * 75 + [later] * 15)])
    assert market.value("price_volume_divergence") == 0.0


def test_the_first_hour_is_not_judged(market: Any) -> None:
    market.engine.apply([market.minutes(walk(59), [100.0] * 59)])
    assert math.isnan(market.value("price_volume_divergence"))
    market.engine.apply([market.minutes(walk(60), [100.0] * 60)])
    assert market.value("price_volume_divergence") == 0.0


# --- pump and dump -----------------------------------------------------------------------------------


def pump(rise: float = 0.10, back: float = 0.8, crowd: float = 6.0) -> tuple[list[float], list[float]]:
    """Forty quiet minutes, ten up, ten down."""
    closes, amounts = walk(41), [100.0] * 41
    low = closes[-1]
    for at in range(1, 11):
        closes.append(low * (1 + rise * at / 10))
        amounts.append(100.0 * crowd)
    for at in range(1, 11):
        closes.append(low * (1 + rise - rise * back * at / 10))
        amounts.append(200.0)
    return closes, amounts


def test_the_shape_is_found_with_its_numbers(market: Any) -> None:
    market.engine.apply([market.minutes(*pump())])
    assert market.value("pump_and_dump") == 1.0
    sign = market.evidence("pump_and_dump")
    assert sign["start"] == START + 41 * MINUTE
    assert sign["end"] == START + 61 * MINUTE
    numbers = sign["numbers"]
    assert numbers["rise"] == pytest.approx(10.0)
    assert numbers["given_back"] == pytest.approx(80.0)
    assert numbers["volume_ratio"] == pytest.approx(6.0)
    assert (numbers["rise_minutes"], numbers["fall_minutes"]) == (10, 10)
    assert numbers["chance"] == pytest.approx(0.1 / (0.0005 * math.sqrt(10)), rel=0.01)


@pytest.mark.parametrize("changed", [{"rise": 0.04}, {"back": 0.5}, {"crowd": 2.0}])
def test_each_part_of_the_shape_is_needed(market: Any, changed: dict[str, float]) -> None:
    market.engine.apply([market.minutes(*pump(**changed))])
    assert market.value("pump_and_dump") == 0.0


def test_a_rise_that_the_base_makes_by_chance_is_none(market: Any) -> None:
    closes, amounts = pump()
    closes = [100.0 * (1.0 + 0.012 * (at % 2)) for at in range(41)] + closes[41:]
    market.engine.apply([market.minutes(closes, amounts)])
    assert market.value("pump_and_dump") == 0.0


def test_a_shape_without_a_base_is_unknown(market: Any) -> None:
    closes, amounts = pump()
    closes, amounts = closes[25:] + [closes[-1]] * 16, amounts[25:] + [200.0] * 16
    market.engine.apply([market.minutes(closes, amounts)])
    assert math.isnan(market.value("pump_and_dump"))


# --- laws --------------------------------------------------------------------------------------------

steps = st.lists(
    st.tuples(st.sampled_from([0.0, 0.001, -0.001, 0.02, -0.02, 0.05]), st.sampled_from([0.0, 100.0, 2_000.0])),
    min_size=55,
    max_size=110,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps, st.lists(st.integers(1, 109), max_size=4), st.integers(0, 4))
def test_nothing_depends_on_cuts_or_checkpoints(
    make_market: Callable[[], Any], found: list[tuple[float, float]], cuts: list[int], restored_at: int
) -> None:
    closes, amounts = [100.0], [100.0]
    for change, volume in found:
        closes.append(closes[-1] * (1 + change))
        amounts.append(volume)
    whole = make_market()
    frame = whole.minutes(closes, amounts)
    whole.engine.apply([frame])
    parts = make_market()
    bounds = sorted({0, len(closes), *(cut for cut in cuts if cut < len(closes))})
    for number, (low, high) in enumerate(pairwise(bounds)):
        columns = {name: column[low:high] for name, column in frame.columns.items()}
        parts.engine.apply([parts.frame(frame.kind, columns, {"role": "source"})])
        if number == restored_at:
            parts.engine = type(parts.engine).restore(parts.engine.checkpoint(), parts.engine.config, parts.sessions)
    left, right = whole.engine.columns(), parts.engine.columns()
    for pattern in PATTERNS:
        np.testing.assert_array_equal(left[pattern.field], right[pattern.field])
        np.testing.assert_array_equal(left[pattern.score_field], right[pattern.score_field])
    assert whole.engine.evidence(0) == parts.engine.evidence(0)
    for name, array in whole.engine.patterns.checkpoint(2).items():
        np.testing.assert_array_equal(array, parts.engine.patterns.checkpoint(2)[name], err_msg=name)
