"""Expiry instants follow the dated hours; words mean an expiry."""

from datetime import UTC, date, datetime

import pytest

from marketbell.core.options.expiry import UNKNOWN, expires_at, expiry_instant, is_monthly, pick, trading_date
from marketbell.core.primitives.errors import UserError


def _utc(nanoseconds: int) -> str:
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC).isoformat()


@pytest.mark.parametrize(
    ("calendar", "day", "moment"),
    [
        ("XNSE", date(2026, 7, 31), "2026-07-31T10:00:00+00:00"),  # 15:30 in India
        ("XNSE", date(2026, 8, 3), "2026-08-03T10:10:00+00:00"),  # 15:40 from that day on
        ("XNSE_FO", date(2026, 8, 25), "2026-08-25T10:10:00+00:00"),
        ("SIM", date(2026, 8, 25), "2026-08-25T10:00:00+00:00"),
        ("XNYS", date(2026, 1, 16), "2026-01-16T21:00:00+00:00"),  # winter
        ("XNYS", date(2026, 7, 17), "2026-07-17T20:00:00+00:00"),  # summer
    ],
)
def test_an_expiry_ends_when_its_market_closes_that_day(calendar: str, day: date, moment: str) -> None:
    assert _utc(expiry_instant(calendar, day)) == moment


def test_of_an_unknown_calendar_nothing_is_made_up() -> None:
    assert expiry_instant("24/7", date(2026, 1, 1)) == 0
    assert expires_at("NONE:THING", date(2026, 1, 1)) == 0
    assert expires_at("NSE:NIFTY", date(2026, 1, 1)) > 0


def test_the_trading_date_is_the_venues() -> None:
    evening = int(datetime(2026, 1, 5, 20, tzinfo=UTC).timestamp()) * 10**9
    assert trading_date("NSE:NIFTY", evening) == date(2026, 1, 6)
    assert trading_date("US:SPY", evening) == date(2026, 1, 5)
    assert trading_date("NONE:X", evening) == date(2026, 1, 5)


NSE_2026 = [date(2026, 8, 18), date(2026, 8, 25), date(2026, 9, 1), date(2026, 9, 8), date(2026, 9, 29)]


def test_words_mean_an_expiry() -> None:
    today = date(2026, 8, 19)
    assert pick(NSE_2026, "nearest", date(2026, 8, 18)) == date(2026, 8, 18)
    assert pick(NSE_2026, "nearest", today) == date(2026, 8, 25)
    assert pick(NSE_2026, "next", today) == date(2026, 9, 1)
    assert pick(NSE_2026, "monthly", today) == date(2026, 8, 25)
    assert pick(NSE_2026, "monthly", date(2026, 8, 26)) == date(2026, 9, 29)
    assert pick(NSE_2026, "next", date(2026, 9, 29)) is None
    with pytest.raises(UserError, match=r"nearest, next or monthly, not 'weekly'"):
        pick(NSE_2026, "weekly", today)


def test_the_main_expiry_of_a_month() -> None:
    assert [is_monthly(one, NSE_2026) for one in NSE_2026] == [False, True, False, False, True]
    assert is_monthly(date(2026, 3, 30)), "a holiday moved it from the Tuesday"
    assert is_monthly(date(2026, 1, 16), calendar="XNYS"), "third Friday"
    assert is_monthly(date(2025, 4, 17), calendar="XNYS"), "Good Friday: the Thursday before"
    assert not is_monthly(date(2026, 1, 30), calendar="XNYS")
    daily = [date(2026, 1, day) for day in range(12, 17)]
    assert [is_monthly(one, daily, "XNYS") for one in daily] == [False, False, False, False, True]
    assert pick(daily, "monthly", date(2026, 1, 12), "XNYS") == date(2026, 1, 16)
    assert not is_monthly(UNKNOWN)
