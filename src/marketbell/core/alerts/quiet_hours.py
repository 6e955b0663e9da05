"""Quiet hours: a stretch of each night on the person's own clock."""

from datetime import tzinfo

from marketbell.core.alerts.local_time import day_of, moment, told
from marketbell.core.alerts.preferences import Preferences, minutes
from marketbell.core.alerts.verdict import Verdict, hold, suppress


def quiet_until(preferences: Preferences, zone: tzinfo, at: int) -> int | None:
    """The end of the quiet hours that a moment lies in (ns UTC), None outside.

    They last from the first time that the clock shows their beginning to the last time that it shows their end: in
    the night in which an hour comes twice they are an hour longer, in the one that leaves an hour out an hour shorter.
    """
    if not preferences.quiet_from or not preferences.quiet_to:
        return None
    begins, ends = minutes(preferences.quiet_from, "quiet_from"), minutes(preferences.quiet_to, "quiet_to")
    overnight = 1 if ends <= begins else 0
    today = day_of(at, zone)
    for day in (today - 1, today, today + 1):
        end = moment(day + overnight, ends, zone, is_last=True)
        if moment(day, begins, zone) <= at < end:
            return end
    return None


def quieted(preferences: Preferences, zone: tzinfo, severity: str, at: int) -> Verdict | None:
    """What quiet hours do to a message: high goes through where the person wants it, low is let go, others wait."""
    if severity == "high" and preferences.quiet_except_high:
        return None
    end = quiet_until(preferences, zone, at)
    if end is None:
        return None
    if severity == "low":
        return suppress("quiet", f"quiet hours until {told(end, zone)}, and it is of severity low", end)
    return hold("quiet", f"quiet hours until {told(end, zone)}", end)
