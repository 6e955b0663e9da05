"""Joins a screen to recorded data, for work without servers."""

from collections.abc import Sequence

from marketbell.core.engine.engine import Engine, EngineConfig
from marketbell.core.screening.table import Found


def screen_files(
    sources: Sequence[str],
    text: str,
    *,
    as_of: str | None = None,
    limit: int,
    calendar: str | None = None,
    format_: str | None = None,
) -> Found:
    """Who of the data meets a screen at `as_of` (a date or a time), or at the newest date. UserError.

    The text is judged before anything is read.
    """
    from marketbell.adapters.feeds.replay import ReplayFeed
    from marketbell.flows.stream.screened import moment, read, screened
    from marketbell.wiring.calendars import calendars

    screen = read(text)
    sessions = calendars().sessions
    moment(as_of, "UTC")
    feed = ReplayFeed(sources, sessions, calendar=calendar, format=format_)
    at = moment(as_of, sessions(feed.card.calendar).zone)
    return screened(feed, Engine(EngineConfig(), sessions), screen, at, limit)
