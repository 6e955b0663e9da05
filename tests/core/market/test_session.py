"""Sessions as arrays."""

import numpy as np

from marketbell.core.market.session import (
    MINUTE,
    bar_start,
    minute_index,
    regular_minutes,
    session_index,
    session_of_date,
    venue_of,
)

OPENS = np.array([1_000 * MINUTE, 3_000 * MINUTE], np.int64)
CLOSES = OPENS + np.array([10, 8]) * MINUTE


def test_a_session_is_closed_at_its_closing_second() -> None:
    times = np.array([0, OPENS[0] - 1, OPENS[0], CLOSES[0] - 1, CLOSES[0], OPENS[1]], np.int64)
    assert session_index(OPENS, CLOSES, times).tolist() == [-1, -1, 0, 0, -1, 1]
    assert session_index(OPENS[:0], CLOSES[:0], times).tolist() == [-1] * 6


def test_bars_are_aligned_to_the_open() -> None:
    times = OPENS[0] + np.array([0, 59, 60, 299, 300, 500], np.int64) * 1_000_000_000
    at = np.zeros(6, np.int64)
    assert minute_index(OPENS, at, times).tolist() == [0, 0, 1, 4, 5, 8]
    assert ((bar_start(OPENS, at, times, 5 * MINUTE) - OPENS[0]) // MINUTE).tolist() == [0, 0, 0, 0, 5, 5]


def test_dates_venues_and_the_usual_length() -> None:
    assert session_of_date(np.array([10, 12]), np.array([9, 10, 11, 12, 13])).tolist() == [-1, 0, -1, 1, -1]
    assert session_of_date(np.array([], np.int64), np.array([9])).tolist() == [-1]
    assert (venue_of("XNSE"), venue_of("XNYS"), venue_of("SIM"), venue_of("24/7")) == ("NSE", "US", "SIM", "NONE")
    assert regular_minutes(OPENS, OPENS + 375 * MINUTE) == 375
    assert regular_minutes(OPENS[:0], CLOSES[:0]) == 1_440
