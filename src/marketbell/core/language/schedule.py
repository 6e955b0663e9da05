"""Times of day as five words (minute, hour, day of month, month, day of week), and when they come next.

The usual cron: lists, ranges and steps (`*/15`, `1-5`, `9,12,15`), 0 and 7 are Sunday; where both a day of the month
and a day of the week are given, either will do. Times are local to a zone: one that a clock change skips does not
come that day, one that it repeats comes once, the first time.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from marketbell.core.primitives.errors import UserError

_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_WORDS = ("minute", "hour", "day of month", "month", "day of week")
_NAMES: tuple[dict[str, int], ...] = (
    {},
    {},
    {},
    {name: n for n, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), start=1)},  # noqa: SIM905
    {name: n for n, name in enumerate("sun mon tue wed thu fri sat".split())},  # noqa: SIM905 — as one reads them
)
_MOST_DAYS = 366 * 8 + 3
"""A 29th of February comes within eight years."""
_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Cron:
    """A schedule: which minutes, hours, days of the month, months and days of the week (0 is Sunday)."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    is_either: bool

    def has_day(self, day: date) -> bool:
        """True where the schedule has times on that day."""
        if day.month not in self.months:
            return False
        by_day, by_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return by_day or by_week if self.is_either else by_day and by_week

    def next(self, after: int, zone: str) -> int | None:
        """The first time behind `after` (ns UTC), in ns UTC; None where none comes within eight years."""
        here = ZoneInfo(zone)
        begin = datetime.fromtimestamp(after // _SECOND, UTC).astimezone(here).date()
        for passed in range(_MOST_DAYS):
            day = begin + timedelta(days=passed)
            if not self.has_day(day):
                continue
            times = sorted(
                int(moment.timestamp()) * _SECOND
                for hour in self.hours
                for minute in self.minutes
                if _exists(moment := datetime(day.year, day.month, day.day, hour, minute, tzinfo=here))
            )
            found = next((time for time in times if time > after), None)
            if found is not None:
                return found
        return None


def parse(text: str) -> Cron:
    """Read five words. UserError that says which of them is wrong."""
    words = text.split()
    if len(words) != 5:
        raise UserError(f"a schedule has five words (minute hour day month weekday): `{text}` has {len(words)}")
    sets = [_set(word.lower(), at) for at, word in enumerate(words)]
    weekdays = frozenset(0 if one == 7 else one for one in sets[4])
    return Cron(sets[0], sets[1], sets[2], sets[3], weekdays, words[2] != "*" and words[4] != "*")


def _set(word: str, at: int) -> frozenset[int]:
    low, high = _RANGES[at]
    found: set[int] = set()
    for part in word.split(","):
        span, slash, step = part.partition("/")
        if slash and not (step.isdigit() and int(step) > 0):
            raise _error(part, at)
        if span == "*":
            first, last = low, high
        else:
            begin, dash, end = span.partition("-")
            first = _number(begin, at)
            last = _number(end, at) if dash else (high if slash else first)
        if not low <= first <= last <= high:
            raise _error(part, at)
        found.update(range(first, last + 1, int(step) if slash else 1))
    return frozenset(found)


def _number(word: str, at: int) -> int:
    if word in _NAMES[at]:
        return _NAMES[at][word]
    if not (word.isascii() and word.isdigit() and len(word) <= 2):
        raise _error(word, at)
    return int(word)


def _error(word: str, at: int) -> UserError:
    low, high = _RANGES[at]
    return UserError(f"`{word}` is no {_WORDS[at]} of a schedule: it goes from {low} to {high}")


def _exists(moment: datetime) -> bool:
    """False in the hour that a change of clocks leaves out."""
    return datetime.fromtimestamp(moment.timestamp(), moment.tzinfo).replace(fold=0) == moment.replace(fold=0)


def check_schedule(text: str) -> None:
    """UserError where a text is no schedule, or one that never comes."""
    if parse(text).next(0, "UTC") is None:
        raise UserError(f"the schedule `{text}` never comes")
