"""When a schedule comes next."""

from datetime import UTC, datetime

import pytest

from marketbell.core.language.schedule import parse
from marketbell.core.primitives.errors import UserError

IST = "Asia/Kolkata"


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 10**9


def after(cron: str, moment: str, zone: str = IST) -> str:
    found = parse(cron).next(at(moment), zone)
    assert found is not None
    return datetime.fromtimestamp(found // 10**9, UTC).isoformat()


def test_three_in_the_afternoon_on_weekdays() -> None:
    assert after("0 15 * * 1-5", "2026-11-26T09:00:00+05:30") == "2026-11-26T09:30:00+00:00"
    assert after("0 15 * * 1-5", "2026-11-26T15:00:00+05:30") == "2026-11-27T09:30:00+00:00", "behind the time itself"
    assert after("0 15 * * 1-5", "2026-11-27T15:00:00+05:30") == "2026-11-30T09:30:00+00:00", "over the weekend"
    assert after("0 15 * * mon-fri", "2026-11-28T00:00:00+05:30") == "2026-11-30T09:30:00+00:00"


def test_lists_ranges_and_steps() -> None:
    assert after("*/20 9-10 * * *", "2026-11-26T09:20:00+05:30") == "2026-11-26T04:10:00+00:00"
    assert after("5,35 9 * * *", "2026-11-26T09:06:00+05:30") == "2026-11-26T04:05:00+00:00"
    assert after("0 0 29 2 *", "2026-11-26T00:00:00+00:00", "UTC") == "2028-02-29T00:00:00+00:00"
    assert after("0 0 1 * 0", "2026-11-26T00:00:00+00:00", "UTC") == "2026-11-29T00:00:00+00:00", (
        "a Sunday or the first"
    )
    assert after("0 0 * * 7", "2026-11-26T00:00:00+00:00", "UTC") == "2026-11-29T00:00:00+00:00", "7 is Sunday too"
    assert parse("0 0 31 2 *").next(0, "UTC") is None


def test_changes_of_clocks() -> None:
    new_york = "America/New_York"
    skipped = after("30 2 * * *", "2026-03-08T00:00:00-05:00", new_york)
    assert skipped == "2026-03-09T06:30:00+00:00", "half past two does not come on the day that skips it"
    once = [
        after("30 1 * * *", moment, new_york) for moment in ("2026-11-01T00:00:00-04:00", "2026-11-01T01:30:00-04:00")
    ]
    assert once == ["2026-11-01T05:30:00+00:00", "2026-11-02T06:30:00+00:00"], "a repeated hour counts once"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0 15 * *", "has five words"),
        ("60 * * * *", "`60` is no minute"),
        ("0 25 * * *", "`25` is no hour"),
        ("0 5-2 * * *", "`5-2` is no hour"),
        ("0 5 */0 * *", "`*/0` is no day of month"),
        ("0 5 * foo *", "`foo` is no month"),
        ("0 5 * * 8", "`8` is no day of week"),
    ],
)
def test_what_is_wrong_is_said(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said.replace("*", r"\*")):
        parse(text)
