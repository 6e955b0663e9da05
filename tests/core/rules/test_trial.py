"""Figures of a trial and what prices did afterwards: against plain counting."""

from math import nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketbell.core.engine.bars import Bars
from marketbell.core.market.session import DAY, MINUTE
from marketbell.core.rules.outcome import outcomes
from marketbell.core.rules.trial import Shot, cooldowns, figures, noise

OPEN = 9 * 60 * MINUTE


def shot(day: int, minute: float = 0, row: int = 0, **more: object) -> Shot:
    return Shot(row, day * DAY + OPEN + round(minute * MINUTE), day, **more)  # type: ignore[arg-type]


def test_figures_count_days_with_and_without_firings() -> None:
    found = figures(
        [shot(1), shot(1, 5), shot(1, 7, row=3), shot(4), shot(4, 9, is_suppressed=True)],
        [0, 1, 2, 3, 4, 5],
        is_intraday=True,
    )
    assert (found["fires"], found["symbols_fired"], found["suppressed"]) == (4, 2, 1)
    assert found["per_day"] == pytest.approx(4 / 6, abs=1e-4)
    assert found["busiest_day"] == {"date": "1970-01-02", "count": 3}
    assert found["longest_quiet_days"] == 2
    assert [day["count"] for day in found["by_day"]] == [0, 3, 0, 0, 1, 0]
    assert not found["is_noisy"]
    nothing = figures([], [0, 1, 2], is_intraday=False)
    assert (nothing["fires"], nothing["busiest_day"], nothing["longest_quiet_days"]) == (0, None, 3)
    assert (nothing["noise_score"], nothing["is_noisy"]) == (0.0, False)
    assert figures([], [], is_intraday=False)["per_day"] == 0.0


def test_more_than_ten_a_day_are_noise() -> None:
    many = [shot(day, minute) for day in range(2) for minute in range(11)]
    assert figures(many, [0, 1], is_intraday=True)["is_noisy"]
    assert not figures(many[:20], [0, 1], is_intraday=True)["is_noisy"]


def test_the_noise_score_has_three_parts() -> None:
    calm = [shot(day, 0, row=day) for day in range(10)]
    assert noise(calm, list(range(10)), is_intraday=True) == pytest.approx(50 / 20)
    # every second one repeats the same instrument within the hour
    repeating = [shot(day, minute, row=day) for day in range(10) for minute in (0, 59)]
    assert noise(repeating, list(range(10)), is_intraday=True) == pytest.approx(50 * 2 / 20 + 30 / 2)
    # of daily rules those that fire on the next trading day repeat, whatever lies between
    daily = [shot(0), shot(3), shot(4)]
    assert noise(daily, [0, 3, 4, 7], is_intraday=False) == pytest.approx(round(50 * 0.75 / 20 + 30 * 2 / 3, 1))
    storm = [shot(0, at / 100, row=at) for at in range(40)]
    assert noise(storm, list(range(10)), is_intraday=True) == pytest.approx(50 * 4 / 20 + 20)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 600)), max_size=40))
def test_noise_stays_between_nothing_and_a_hundred(walk: list[tuple[int, int]]) -> None:
    shots = sorted((shot(minute // 60, minute % 60, row) for row, minute in walk), key=lambda one: one.time)
    assert 0.0 <= noise(shots, list(range(10)), is_intraday=True) <= 100.0


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 600)), max_size=40))
def test_a_cooldown_removes_what_follows_too_soon(walk: list[tuple[int, int]]) -> None:
    shots = sorted((shot(0, minute, row) for row, minute in walk), key=lambda one: (one.time, one.row))
    (found,) = cooldowns(shots, [30 * MINUTE])
    kept: list[Shot] = []
    for one in shots:
        if all(one.row != other.row or one.time - other.time >= 30 * MINUTE for other in kept):
            kept.append(one)
    assert found == {"cooldown": "30m", "removed": len(shots) - len(kept)}


def bars(width: int, closes: dict[tuple[int, float], float], row: int = 0) -> Bars:
    """Bars of a row by (day, minute of their start)."""
    starts = np.array([day * DAY + OPEN + round(minute * MINUTE) for day, minute in closes], np.int64)
    count = len(starts)
    values = np.full((count, 6), np.nan)
    values[:, 3] = list(closes.values())
    session = np.array([day for day, _ in closes], np.int64)
    opened = session * DAY + OPEN
    zero = np.zeros(count, np.int64)
    return Bars(np.full(count, row), starts, starts + width, session, opened, zero, values, np.ones(count))


MINUTES = bars(MINUTE, {(day, at): 100.0 + at + 10 * day for day in (0, 1) for at in range(90)})
DAYS = bars(90 * MINUTE, {(0, 0): 189.0, (1, 0): 199.0, (3, 0): 300.0})
NO_BARS = Bars.empty()


def after(name: str, shots: list[Shot], minutes: Bars = MINUTES, days: Bars = DAYS) -> dict[str, object]:
    return next(one for one in outcomes(shots, minutes, days) if one["after"] == name)


def test_outcomes_are_read_from_bars_that_ended_by_then() -> None:
    # at 10:00 into the session the bar of minute 9 has just ended: its close is 109
    one = shot(0, 10)
    assert after("5m", [one])["mean_pct"] == pytest.approx((114 / 109 - 1) * 100, abs=1e-4)
    assert after("1h", [one])["mean_pct"] == pytest.approx((169 / 109 - 1) * 100, abs=1e-4)
    assert after("1d", [one])["mean_pct"] == pytest.approx((199 / 109 - 1) * 100, abs=1e-4)
    seen = shot(0, 10.5, price=50.0)
    assert after("5m", [seen])["mean_pct"] == pytest.approx((114 / 50 - 1) * 100, abs=1e-4)


def test_what_did_not_last_so_long_has_no_outcome() -> None:
    assert after("1h", [shot(0, 31)])["count"] == 0
    assert after("5m", [shot(0, 86)])["count"] == 0
    assert after("5m", [shot(0, 85)])["count"] == 1
    assert after("1d", [shot(3, 10)])["count"] == 0
    assert after("5m", [shot(0, 10)], minutes=NO_BARS) == {
        "after": "5m", "count": 0, "mean_pct": None, "median_pct": None, "up_pct": None,
    }  # fmt: skip


def test_a_daily_firing_is_measured_from_its_close_to_the_next_one() -> None:
    assert after("1d", [shot(0, 90)], minutes=NO_BARS)["mean_pct"] == pytest.approx((199 / 189 - 1) * 100, abs=1e-4)
    # the next trading day, however many days away
    assert after("1d", [shot(1, 90)], minutes=NO_BARS)["mean_pct"] == pytest.approx((300 / 199 - 1) * 100, abs=1e-4)


def test_held_back_firings_and_those_without_a_price_have_none() -> None:
    assert after("5m", [shot(0, 10, is_suppressed=True)])["count"] == 0
    assert after("5m", [shot(0, 0)])["count"] == 0
    assert after("5m", [shot(0, 10, row=7, price=nan)])["count"] == 0


def test_the_middle_and_how_often_it_rose() -> None:
    falling = bars(MINUTE, {(0, at): 200.0 - at for at in range(90)}, row=1)
    both = Bars.joined([MINUTES, falling])
    found = after("5m", [shot(0, 10), shot(0, 20), shot(0, 10, row=1)], minutes=both)
    changes = [(114 / 109 - 1) * 100, (124 / 119 - 1) * 100, (186 / 191 - 1) * 100]
    assert found["median_pct"] == pytest.approx(np.median(changes), abs=1e-4)
    assert found["up_pct"] == pytest.approx(66.67, abs=0.01)
