"""Daily rows, and the clock of a source without ingest_time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketbell.core.quality.daily import judge_daily
from marketbell.core.quality.kinds import ACTIONS, ENDING, KINDS, QualityKind
from marketbell.core.quality.source_clock import allowance, source_clock

SECOND = 1_000_000_000
BASE = 1_600_000_000 * SECOND


def test_every_kind_has_an_action() -> None:
    assert set(ACTIONS) == set(QualityKind)
    assert KINDS[QualityKind.OUT_OF_ORDER] == "out_of_order"
    assert {ACTIONS[kind] for kind in ENDING} == {"drop", "count"}


def test_daily_rows() -> None:
    nan = np.nan
    prices = {
        "open": np.array([10.0, 10.0, 10.0, 0.0, 10.0, 10.0, 5.0]),
        "high": np.array([11.0, 11.0, 11.0, 11.0, 9.0, 11.0, 5.5]),
        "low": np.array([9.0, 9.0, 9.0, 9.0, 9.5, 9.0, 4.5]),
        "close": np.array([10.0, 10.0, 10.0, 10.0, 10.5, nan, 5.2]),
    }
    symbol = np.zeros(7, np.int64)
    volume = np.array([1.0, 1.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    verdict = judge_daily(symbol, prices, {"volume": volume})
    assert verdict.keep.tolist() == [True, False, False, False, True, False, True]
    assert {kind.label: np.flatnonzero(mask).tolist() for kind, mask in verdict.kinds.items()} == {
        "bad_price": [3, 5],
        "stale_day": [1, 2],  # also when the row before was dropped
        "bad_bar": [4],
        "suspect_split": [6],  # 5.2 / 10.5 lies near a half
    }
    assert (verdict.prices["high"][4], verdict.prices["low"][4]) == (10.5, 9.0)


def test_a_row_of_another_symbol_is_not_stale_and_a_previous_close_counts() -> None:
    prices = {"close": np.array([10.0, 10.0, 5.0])}
    none = judge_daily(np.array([0, 1, 1]), prices, {})
    assert none.keep.all()
    assert list(none.kinds) == [QualityKind.SUSPECT_SPLIT]
    adjusted = judge_daily(np.array([0, 1, 1]), prices, {}, prev_close=np.array([10.0, 10.0, 5.0]))
    assert adjusted.kinds == {}
    acted = judge_daily(np.array([0, 1, 1]), prices, {}, has_action=np.array([False, False, True]))
    assert acted.kinds == {}


def test_a_row_more_than_a_minute_ahead_of_the_source_is_future() -> None:
    times = BASE + np.array([*range(20), 79, 140, 80, 400, 401]) * SECOND
    future, clock = source_clock(times, np.zeros(25, np.int64), np.ones(25))
    assert future.tolist() == [False] * 20 + [False, True, False, True, True]
    assert ((clock[20:] - BASE) // SECOND).tolist() == [79, 79, 80, 80, 80]


def test_behind_a_gap_rows_are_kept_on_demand_unless_the_source_comes_back() -> None:
    times = BASE + np.array([*range(20), 500, 20, 21, 400, 401]) * SECOND
    future, clock = source_clock(times, np.zeros(25, np.int64), np.ones(25), keeps_gaps=True)
    assert future.tolist() == [False] * 20 + [True, False, False, False, False]
    assert ((clock[20:] - BASE) // SECOND).tolist() == [19, 20, 21, 400, 401]


def test_a_sparse_source_is_judged_by_its_own_rhythm() -> None:
    times = BASE + np.array([0, 90, 180, 270, 5_000, 360]) * SECOND
    future, _ = source_clock(times, np.zeros(6, np.int64), np.ones(6))
    assert future.tolist() == [False, False, False, False, True, False]


def test_sessions_epochs_and_prices_do_not_move_the_clock() -> None:
    times = np.array([0, BASE, BASE + 5 * SECOND, BASE + 900 * SECOND, BASE + 6 * SECOND], np.int64)
    future, clock = source_clock(times, np.array([-1, 0, 0, -1, 0]), np.array([1.0, 1.0, np.nan, 1.0, 1.0]))
    assert not future.any()
    assert ((clock - BASE) // SECOND).tolist() == [0, 0, 0, 0, 6]


@pytest.mark.parametrize("sessions", [[-1, -1], [-1, -1, -1]])
def test_a_source_outside_of_every_session_has_its_own_times(sessions: list[int]) -> None:
    times = BASE + np.arange(len(sessions)) * SECOND
    _, clock = source_clock(times, np.array(sessions), np.ones(len(sessions)))
    assert clock.tolist() == times.tolist()


@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 400)), min_size=1, max_size=60),
    st.booleans(),
)
def test_the_clock_equals_a_plain_loop(rows: list[tuple[int, int]], keeps_gaps: bool) -> None:  # noqa: FBT001 — Hypothesis gives it
    sessions = np.array([day for day, _ in rows], np.int64)
    times = BASE + np.array([day * 86_400 + second for day, second in rows], np.int64) * SECOND
    allowed = allowance(times, sessions)
    expected, newest, current = [], None, -1
    for at, (moment, session) in enumerate(zip(times.tolist(), sessions.tolist(), strict=True)):
        ahead = newest is not None and session == current and moment > newest + allowed
        if ahead and keeps_gaps:
            ahead = any(
                later <= newest + allowed and day == current
                for later, day in zip(times[at:].tolist(), sessions[at:].tolist(), strict=True)
            )
        if not ahead and (newest is None or moment > newest):
            newest, current = moment, session
        expected.append(ahead)
    future, clock = source_clock(times, sessions, np.ones(len(times)), keeps_gaps=keeps_gaps)
    assert future.tolist() == expected
    assert (np.diff(clock) >= 0).all()
