"""The calendars every process shares."""

from functools import cache

from marketbell.adapters.calendars.dated.catalogue import CalendarCatalogue
from marketbell.ports.calendars import Calendars


@cache
def calendars() -> Calendars:
    """One catalogue a process: session tables are made once."""
    return CalendarCatalogue()
