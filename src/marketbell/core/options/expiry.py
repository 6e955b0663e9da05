"""When an option expires to the minute, and which of the listed expiries a word means."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from marketbell.core.primitives.errors import UserError

_INDIA = ((date.min, (15, 30)), (date(2026, 8, 3), (15, 40)))
"""NSE equity derivatives: from that day on, their close (exchange circular 74/2026: 15:40 since 2026-08-03)."""
_CLOSES: dict[str, tuple[str, tuple[tuple[date, tuple[int, int]], ...]]] = {
    "XNSE": ("Asia/Kolkata", _INDIA),
    "XNSE_FO": ("Asia/Kolkata", _INDIA),
    "SIM": ("Asia/Kolkata", ((date.min, (15, 30)),)),
    "XNYS": ("America/New_York", ((date.min, (16, 0)),)),
    "XNAS": ("America/New_York", ((date.min, (16, 0)),)),
}
CALENDARS = {"NSE": "XNSE", "US": "XNYS", "SIM": "SIM"}
"""The calendar of an underlying's venue: the part of its key before the colon."""

UNKNOWN = date.max
"""The expiry of a chain whose source does not say it."""

WORDS = ("nearest", "next", "monthly")
_AMERICAN = ("XNYS", "XNAS")
_LONGEST_SHIFT = 4
"""Days that holidays can move an expiry back from the last such weekday of its month."""


def expiry_instant(calendar: str, day: date) -> int:
    """The moment (ns UTC) at which options of this calendar stop trading on `day`; 0 for an unknown calendar."""
    known = _CLOSES.get(calendar)
    if known is None:
        return 0
    zone, changes = known
    hour, minute = [one for since, one in changes if since <= day][-1]
    moment = datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    return int(moment.timestamp()) * 1_000_000_000


def expires_at(underlying: str, day: date) -> int:
    """The same by an underlying's key: `NSE:NIFTY`."""
    return expiry_instant(CALENDARS.get(underlying.partition(":")[0], ""), day)


def trading_date(underlying: str, moment: int) -> date:
    """The date of a moment (ns UTC) where the underlying trades."""
    zone = _CLOSES.get(CALENDARS.get(underlying.partition(":")[0], ""), ("UTC", ()))[0]
    return (
        (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=moment // 1_000)).astimezone(ZoneInfo(zone)).date()
    )


def is_monthly(expiry: date, expiries: Sequence[date] = (), calendar: str = "XNSE") -> bool:
    """Whether this is the month's main expiry.

    United States: the third Friday, or the Thursday before it where that Friday is not among `expiries`: a holiday, for
    there are options that expire every day. Elsewhere: the last of the month, so that no later one of `expiries` lies
    in it and at most a week (and holidays) of the month is left.
    """
    if calendar in _AMERICAN:
        third = date(expiry.year, expiry.month, 15)
        third += timedelta(days=(4 - third.weekday()) % 7)
        return expiry == third or (expiry == third - timedelta(days=1) and third not in expiries)
    if expiry == UNKNOWN:
        return False
    later = expiry + timedelta(days=7 + _LONGEST_SHIFT)
    if (later.year, later.month) == (expiry.year, expiry.month):
        return False
    return not any((one.year, one.month) == (expiry.year, expiry.month) and one > expiry for one in expiries)


def pick(expiries: Sequence[date], word: str, today: date, calendar: str = "XNSE") -> date | None:
    """The expiry that a word means on this trading date; one that ends today still counts. None without one.

    `nearest` is the first from today on, `next` the second, `monthly` the first main one (`is_monthly`).
    UserError for another word.
    """
    if word not in WORDS:
        message = f"an expiry is {', '.join(WORDS[:-1])} or {WORDS[-1]}, not '{word}'"
        raise UserError(message)
    ahead = sorted({one for one in expiries if one >= today})
    if word == "monthly":
        ahead = [one for one in ahead if is_monthly(one, ahead, calendar)]
    place = 1 if word == "next" else 0
    return ahead[place] if len(ahead) > place else None
