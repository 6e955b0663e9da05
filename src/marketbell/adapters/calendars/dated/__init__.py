"""Dated sessions: our own NSE calendar, round-the-clock ones, and every venue of `exchange_calendars`."""

from marketbell.adapters.calendars.dated.catalogue import CalendarCatalogue

__all__ = ["CalendarCatalogue"]
