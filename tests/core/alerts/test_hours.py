"""Quiet hours, digests and days on a person's clock, through every change of it."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketbell.core.alerts.acks import ack_until
from marketbell.core.alerts.digest import digest_due
from marketbell.core.alerts.local_time import DAY_S, MINUTE, SECOND, day_of, local, moment
from marketbell.core.alerts.preferences import Preferences, checked, minutes
from marketbell.core.alerts.quiet_hours import quiet_until, quieted
from marketbell.core.primitives.errors import UserError

NEW_YORK = ZoneInfo("America/New_York")
KOLKATA = ZoneInfo("Asia/Kolkata")
HOUR = 60 * MINUTE


def at(text: str, zone: ZoneInfo | None = None, fold: int = 0) -> int:
    wall = datetime.fromisoformat(text).replace(tzinfo=zone or UTC, fold=fold)
    return int((wall - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(seconds=1)) * SECOND


def quiet(begins: str, ends: str, zone: ZoneInfo = NEW_YORK) -> Preferences:
    return Preferences(zone=str(zone), quiet_from=begins, quiet_to=ends)


def test_quiet_hours_go_over_midnight_on_the_persons_clock() -> None:
    night = quiet("22:00", "07:00", KOLKATA)
    assert quiet_until(night, KOLKATA, at("2026-11-27T21:59:59", KOLKATA)) is None
    assert quiet_until(night, KOLKATA, at("2026-11-27T22:00", KOLKATA)) == at("2026-11-28T07:00", KOLKATA)
    assert quiet_until(night, KOLKATA, at("2026-11-28T06:59:59", KOLKATA)) == at("2026-11-28T07:00", KOLKATA)
    assert quiet_until(night, KOLKATA, at("2026-11-28T07:00", KOLKATA)) is None
    assert quiet_until(quiet("", ""), NEW_YORK, at("2026-11-28T03:00")) is None


def test_a_night_with_a_repeated_hour_is_longer_and_one_without_an_hour_shorter() -> None:
    ends_twice = quiet("22:00", "01:30")  # 2026-11-01: 01:30 comes at 05:30 and at 06:30 UTC
    assert quiet_until(ends_twice, NEW_YORK, at("2026-11-01T04:00")) == at("2026-11-01T06:30")
    assert quiet_until(ends_twice, NEW_YORK, at("2026-11-01T05:45")) == at("2026-11-01T06:30")
    assert quiet_until(ends_twice, NEW_YORK, at("2026-11-01T06:30")) is None
    never_ends = quiet("22:00", "02:30")  # 2026-03-08: the clock goes from 02:00 to 03:00 at 07:00 UTC
    assert quiet_until(never_ends, NEW_YORK, at("2026-03-08T06:59:59")) == at("2026-03-08T07:00")
    assert quiet_until(never_ends, NEW_YORK, at("2026-03-08T07:00")) is None
    never_begins = quiet("02:30", "05:00")
    assert quiet_until(never_begins, NEW_YORK, at("2026-03-08T06:59:59")) is None
    assert quiet_until(never_begins, NEW_YORK, at("2026-03-08T07:00")) == at("2026-03-08T09:00")


@given(
    st.sampled_from(["America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Europe/Berlin", "UTC"]),
    st.integers(0, 1_439),
    st.integers(0, 1_439),
    st.integers(0, 2 * 365 * 1_440),
)
def test_whatever_the_clock_shows_between_beginning_and_end_is_quiet(
    name: str, begins: int, ends: int, minute: int
) -> None:
    zone = ZoneInfo(name)
    moment_ = at("2025-06-01T00:00") + minute * MINUTE
    preferences = quiet(f"{begins // 60:02}:{begins % 60:02}", f"{ends // 60:02}:{ends % 60:02}", zone)
    wall = local(moment_, zone)
    shown = wall.hour * 60 + wall.minute
    is_inside = begins <= shown < ends if begins < ends else (shown >= begins or shown < ends)
    end = quiet_until(preferences, zone, moment_)
    if begins == ends:
        return
    if is_inside:
        assert end is not None
    if end is not None:
        assert moment_ < end <= moment_ + 26 * HOUR
        assert quiet_until(preferences, zone, end) is None or begins == ends


def test_severity_decides_what_quiet_hours_do() -> None:
    night, three = quiet("22:00", "07:00", KOLKATA), at("2026-11-28T03:00", KOLKATA)
    assert quieted(night, KOLKATA, "high", three) is None
    kinds = {severity: quieted(night, KOLKATA, severity, three) for severity in ("low", "normal")}
    assert {severity: verdict and verdict.kind for severity, verdict in kinds.items()} == {
        "low": "suppress",
        "normal": "hold",
    }
    strict = Preferences("Asia/Kolkata", "22:00", "07:00", quiet_except_high=False)
    held = quieted(strict, KOLKATA, "high", three)
    assert held is not None
    assert (held.kind, held.reason) == ("hold", "quiet hours until 2026-11-28 07:00 IST")


def test_digests_come_at_fixed_times() -> None:
    plain = Preferences(zone="Asia/Kolkata", digest_at="08:00")
    now = at("2026-11-27T10:15", KOLKATA)
    assert digest_due(3_600, plain, KOLKATA, now) == at("2026-11-27T11:00", KOLKATA)
    assert digest_due(3_600, plain, KOLKATA, at("2026-11-27T11:00", KOLKATA)) == at("2026-11-27T12:00", KOLKATA)
    assert digest_due(7 * 3_600, plain, KOLKATA, at("2026-11-27T22:00", KOLKATA)) == at("2026-11-28T00:00", KOLKATA)
    assert digest_due(DAY_S, plain, KOLKATA, now) == at("2026-11-28T08:00", KOLKATA)
    assert digest_due(DAY_S, plain, KOLKATA, at("2026-11-27T07:59", KOLKATA)) == at("2026-11-27T08:00", KOLKATA)


@given(st.integers(60, 8 * DAY_S), st.integers(0, 400 * 1_440))
def test_a_digest_is_always_ahead_and_never_further_than_its_length(length: int, minute: int) -> None:
    now = at("2026-01-01T00:00") + minute * MINUTE
    due = digest_due(length, Preferences(), NEW_YORK, now)
    # a day may have 25 hours; whole days are rounded to the nearest
    assert now < due <= now + (max(length, DAY_S * round(length / DAY_S)) + 3_600) * SECOND
    assert digest_due(length, Preferences(), NEW_YORK, due) > due


def test_an_ack_holds_through_the_day_and_at_least_an_hour() -> None:
    assert ack_until(at("2026-11-27T10:00", KOLKATA), KOLKATA) == at("2026-11-28T00:00", KOLKATA)
    assert ack_until(at("2026-11-27T23:30", KOLKATA), KOLKATA) == at("2026-11-28T00:30", KOLKATA)


@given(days=st.integers(0, 3 * 365), minute=st.integers(0, 1_439), is_last=st.booleans())
def test_a_moment_shows_its_time_or_the_clock_was_put_forward_over_it(days: int, minute: int, *, is_last: bool) -> None:
    day = day_of(at("2025-01-01T12:00"), NEW_YORK) + days
    found = local(moment(day, minute, NEW_YORK, is_last=is_last), NEW_YORK)
    assert found.toordinal() == day
    if found.hour * 60 + found.minute != minute:
        before = local(moment(day, minute, NEW_YORK) - SECOND, NEW_YORK)
        assert before.utcoffset() != found.utcoffset()


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        (Preferences(zone="Mars/Base"), "zone"),
        (Preferences(zone="../etc/passwd"), "zone"),
        (Preferences(quiet_from="22:00"), "quiet_to"),
        (Preferences(quiet_from="25:00", quiet_to="07:00"), "quiet_from"),
        (Preferences(quiet_from="22:00", quiet_to="22:00"), "quiet_to"),
        (Preferences(digest_at="8"), "digest_at"),
        (Preferences(group_window_s=-1), "group_window_s"),
        (Preferences(repeat_s=10**6), "repeat_s"),
    ],
)
def test_preferences_that_make_no_sense_name_their_field(bad: Preferences, field: str) -> None:
    with pytest.raises(UserError) as caught:
        checked(bad)
    assert caught.value.facts["field"] == field


def test_times_of_day_are_written_one_way() -> None:
    assert minutes("07:05", "x") == 425
    for bad in ("7:05", "24:00", "12:60", "-1:00", "", "\u0660\u0667:05"):
        with pytest.raises(UserError):
            minutes(bad, "x")
