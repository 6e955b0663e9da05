"""How often a rule may be told: n a day, not again within its cooldown, not the same instrument too soon.

All of it counts by when a firing was recorded, on the reader's clock: what acts in the engine counts market time.
A firing is always recorded; what stands here decides only whether somebody is told.
"""

from dataclasses import dataclass, replace
from datetime import tzinfo

from marketbell.core.alerts.local_time import SECOND, day_of, moment, told
from marketbell.core.alerts.verdict import TELL, Verdict, suppress


@dataclass(frozen=True, slots=True)
class Told:
    """What has been told of a rule: how often on its newest day (an ordinal), and when last (ns UTC)."""

    day: int = 0
    count: int = 0
    is_announced: bool = False
    last: int = 0


NEVER = Told()


def cooling(known: Told, cooldown_s: float, at: int, zone: tzinfo) -> Verdict | None:
    """The rule's own rest between two messages, whatever instruments they are about."""
    return _too_soon("cooldown", "the rule rests", known, cooldown_s, at, zone)


def repeated(known: Told, repeat_s: float, at: int, zone: tzinfo) -> Verdict | None:
    """The same rule about the same instrument was told a moment ago."""
    return _too_soon("repeat", "told a moment ago", known, repeat_s, at, zone)


def counted(known: Told, limit: int | None, at: int, zone: tzinfo) -> tuple[Verdict, Told]:
    """Whether the day has room for one more, and what has been told after it.

    The first firing over the limit announces it, once; the others are not told. A firing that was recorded before
    midnight and comes after one of the new day counts for the new day.
    """
    today = max(day_of(at, zone), known.day)
    so_far = known if known.day == today else Told(today, last=known.last)
    if limit is None or so_far.count < limit:
        return TELL, replace(so_far, count=so_far.count + 1, last=max(at, so_far.last))
    tomorrow = moment(today + 1, 0, zone)
    reason = f"the limit of {limit} a day is reached, until {told(tomorrow, zone)}"
    if so_far.is_announced:
        return suppress("limit", reason, tomorrow), so_far
    return Verdict("tell", "announce", reason, tomorrow), replace(so_far, is_announced=True)


def told_at(known: Told, at: int) -> Told:
    """The same with one more told, where days do not matter."""
    return replace(known, count=known.count + 1, last=max(at, known.last))


def _too_soon(cause: str, words: str, known: Told, seconds: float, at: int, zone: tzinfo) -> Verdict | None:
    # what was recorded a little earlier, and is planned later, lies inside the same rest
    if seconds <= 0 or not known.count or abs(at - known.last) >= seconds * SECOND:
        return None
    until = known.last + int(seconds * SECOND)
    return suppress(cause, f"{words}: not before {told(until, zone)}", until)
