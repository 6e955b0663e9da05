"""What a rule did over a stretch of history, in figures: how often, when, how noisily, what a cooldown would change.

The noise score says how tiring its messages would be, 0 to 100. Half of it is how many there are (20 a trading day are
the most that count), three tenths how many only repeat (the same instrument within an hour; of rules that look once a
day or less, on the next trading day), two tenths how many come in storms (on days with more than ten, and three times
the mean).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from math import nan
from typing import Any

from marketbell.core.language.literals import write_duration
from marketbell.core.market.session import DAY, MINUTE

NOISY_A_DAY = 10
"""More than so many a trading day are noise."""
_MOST_A_DAY = 20.0
_HOUR = 60 * MINUTE
_STORM = 3.0
_INTRADAY = (5 * MINUTE, 30 * MINUTE, 120 * MINUTE, DAY)
_DAILY = (3 * DAY, 7 * DAY, 30 * DAY)
_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Shot:
    """A firing of a trial. `row` is the instrument's number, `time` ns UTC, `day` the trading date (days since 1970).

    `price` is what the rule itself saw of it, NaN where it did not look at the price.
    """

    row: int
    time: int
    day: int
    event: str = "fire"
    is_suppressed: bool = False
    price: float = nan


def figures(shots: Sequence[Shot], days: Sequence[int], *, is_intraday: bool) -> dict[str, Any]:
    """The figures of a trial over these trading days (ascending); firings that were held back count for themselves.

    `{fires, symbols_fired, per_day, busiest_day, longest_quiet_days, by_day, is_noisy, noise_score, cooldowns,
    suppressed}`. `by_day` has every trading day.
    """
    told = sorted((shot for shot in shots if not shot.is_suppressed), key=lambda shot: (shot.time, shot.row))
    counts = Counter(shot.day for shot in told)
    calendar = sorted({*days, *counts})
    per_day = len(told) / len(calendar) if calendar else 0.0
    busiest = max(counts.items(), key=lambda one: (one[1], -one[0]), default=None)
    return {
        "fires": len(told),
        "symbols_fired": len({shot.row for shot in told}),
        "per_day": round(per_day, 4),
        "busiest_day": None if busiest is None else {"date": iso(busiest[0]), "count": busiest[1]},
        "longest_quiet_days": _longest_quiet(calendar, counts),
        "by_day": [{"date": iso(day), "count": counts.get(day, 0)} for day in calendar],
        "is_noisy": per_day > NOISY_A_DAY,
        "noise_score": noise(told, calendar, is_intraday=is_intraday),
        "cooldowns": cooldowns(told, _INTRADAY if is_intraday else _DAILY),
        "suppressed": sum(shot.is_suppressed for shot in shots),
    }


def iso(day: int) -> str:
    """Days since 1970 as an ISO date."""
    return date.fromordinal(_EPOCH + int(day)).isoformat()


def _longest_quiet(calendar: Sequence[int], counts: Counter[int]) -> int:
    longest = current = 0
    for day in calendar:
        current = 0 if counts.get(day) else current + 1
        longest = max(longest, current)
    return longest


def noise(told: Sequence[Shot], calendar: Sequence[int], *, is_intraday: bool) -> float:
    """The noise score of firings in the order of time; see the module."""
    if not told or not calendar:
        return 0.0
    number = {day: at for at, day in enumerate(calendar)}
    counts = Counter(shot.day for shot in told)
    mean = len(told) / len(calendar)
    last: dict[int, Shot] = {}
    repeats = 0
    for shot in told:
        before = last.get(shot.row)
        last[shot.row] = shot
        if before is None:
            continue
        is_near = shot.time - before.time <= _HOUR if is_intraday else number[shot.day] - number[before.day] <= 1
        repeats += is_near
    storms = sum(count for count in counts.values() if count > max(NOISY_A_DAY, _STORM * mean))
    score = 50.0 * min(1.0, mean / _MOST_A_DAY) + 30.0 * repeats / len(told) + 20.0 * storms / len(told)
    return round(score, 1)


def cooldowns(told: Sequence[Shot], lengths: Sequence[int]) -> list[dict[str, Any]]:
    """How many of the firings each cooldown (ns, per symbol) would have held back."""
    found = []
    for length in lengths:
        kept: dict[int, int] = {}
        removed = 0
        for shot in told:
            if shot.row in kept and shot.time - kept[shot.row] < length:
                removed += 1
            else:
                kept[shot.row] = shot.time
        found.append({"cooldown": write_duration(length), "removed": removed})
    return found
