"""When a provider's file became public, as far as it tells; guesses are on the late side and are marked.

A day without a time of day counts as its last second on the venue's clock: nothing is known too early.
"""

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

HOLDING_DELAY_DAYS = 21
"""SEBI (LODR) regulation 31: shareholding within 21 days of the quarter's end."""
RESULT_DELAY_DAYS, YEAR_RESULT_DELAY_DAYS = 45, 60
"""SEBI (LODR) regulation 33: quarterly results within 45 days, those of the year within 60. In the US a
quarterly report is due within 45 days at the latest and a yearly one within 90."""
US_YEAR_DELAY_DAYS = 90

_MIDNIGHT = re.compile(r"[ T]00:00:00(\.0+)?$")
"""A date that a table kept as a time."""
_FORMS = ("%d-%b-%Y %H:%M:%S", "%d-%b-%Y", "%d-%m-%Y", "%m/%d/%Y", "%Y%m%d")


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment in ns UTC; `is_estimated` where the source does not say it."""

    ns: int
    is_estimated: bool = False


def day_of(text: str) -> date | None:
    """A date in any of the providers' spellings; None for what is none."""
    moment = _parsed(text)
    return moment.date() if isinstance(moment, datetime) else moment


def moment_of(text: str, zone: str) -> Moment | None:
    """A date or time; without an offset it is local to `zone`."""
    found = _parsed(text)
    if found is None:
        return None
    if isinstance(found, datetime):
        return Moment(_ns(found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone))))
    return end_of_day(found, zone)


def end_of_day(day: date, zone: str, *, is_estimated: bool = False) -> Moment:
    """The day's last second in a zone."""
    return Moment(_ns(datetime.combine(day, time(23, 59, 59), ZoneInfo(zone))), is_estimated)


def date_in_name(path: Path) -> tuple[date, bool] | None:
    """The date that a file's name bears, and whether it is only a month or a year (then its last day)."""
    stem = path.name.partition(".")[0]
    for match in re.finditer(r"(?<!\d)(20\d\d)[-_]?(\d\d)?[-_]?(\d\d)?(?!\d)", stem):
        year, month, day = (int(part) if part else 0 for part in match.groups())
        try:
            if day:
                return date(year, month, day), False
            last = calendar.monthrange(year, month or 12)[1]
        except ValueError:
            continue
        return date(year, month or 12, last), True
    return None


def after_period(end: date, *, is_holding: bool, is_us: bool, zone: str) -> Moment:
    """The last day on which the law lets a period's figures appear."""
    if is_holding:
        days = HOLDING_DELAY_DAYS
    elif is_us:
        days = US_YEAR_DELAY_DAYS if end.month == 12 else RESULT_DELAY_DAYS
    else:
        days = YEAR_RESULT_DELAY_DAYS if end.month == 3 else RESULT_DELAY_DAYS
    return end_of_day(end + timedelta(days=days), zone, is_estimated=True)


def modified(path: Path) -> Moment:
    """When the file was last written: a last resort."""
    return Moment(int(path.stat().st_mtime) * 1_000_000_000, is_estimated=True)


def _parsed(text: str) -> date | datetime | None:
    word = _MIDNIGHT.sub("", text.strip())
    if not word:
        return None
    try:
        return date.fromisoformat(word) if len(word) == len("2026-03-31") else datetime.fromisoformat(word)
    except ValueError:
        pass
    for form in _FORMS:
        try:
            found = datetime.strptime(word, form)  # noqa: DTZ007 — the zone follows
        except ValueError:
            continue
        return found if "%H" in form else found.date()
    return None


def _ns(moment: datetime) -> int:
    past = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (past.days * 86_400 + past.seconds) * 1_000_000_000 + past.microseconds * 1_000
