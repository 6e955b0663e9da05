"""Which feed a name in the settings means. `ingest` calls `make_feed` and runs what it gets."""

from datetime import UTC, datetime, timedelta

from marketbell.core.primitives.errors import InvalidSettingError
from marketbell.ports.clock import Clock
from marketbell.ports.feeds import PacedFeed, PushedFeed
from marketbell.settings import Settings

FEEDS = ("demo", "replay:PATH", "finnhub")
_IST = timedelta(hours=5, minutes=30)


def make_feed(settings: Settings, clock: Clock | None = None) -> PacedFeed | PushedFeed:
    """The feed that the settings name; InvalidSettingError, with the known names, for any other.

    The clock gives the demo market its date, today in India; nothing else depends on it.
    """
    from marketbell.adapters.clock.system import SystemClock

    clock = clock or SystemClock()
    name, _, argument = settings.feed.partition(":")
    if name == "demo":
        return _demo(settings, clock)
    if name == "replay" and argument:
        return _replay(settings, argument)
    if name == "finnhub":
        return _finnhub(settings, argument, clock)
    message = f"unknown feed '{settings.feed}'; known: {', '.join(FEEDS)}"
    raise InvalidSettingError(message)


def check_feed(settings: Settings) -> None:
    """Refuse a feed that cannot run, before anything is started. Reads no source and asks no provider."""
    name, _, argument = settings.feed.partition(":")
    if name not in {known.partition(":")[0] for known in FEEDS}:
        message = f"unknown feed '{settings.feed}'; known: {', '.join(FEEDS)}"
        raise InvalidSettingError(message)
    if name == "finnhub":
        from marketbell.adapters.clock.system import SystemClock

        _finnhub(settings, argument, SystemClock())


def _demo(settings: Settings, clock: Clock) -> PacedFeed:
    from marketbell.adapters.feeds.demo.feed import DemoFeed

    today = (datetime.fromtimestamp(clock.now() / 1e9, UTC) + _IST).date()
    return DemoFeed(today, seed=settings.demo.seed, dirty=settings.demo.dirty)


def _replay(settings: Settings, path: str) -> PacedFeed:
    from marketbell.adapters.feeds.replay import ReplayFeed
    from marketbell.wiring.calendars import calendars

    return ReplayFeed([path], calendars().sessions, calendar=settings.calendar, keeps_gaps=settings.gaps == "keep")


def _finnhub(settings: Settings, symbols: str, clock: Clock) -> PushedFeed:
    from marketbell.adapters.feeds.finnhub.feed import FinnhubFeed

    named = tuple(part.strip() for part in symbols.split(",") if part.strip())
    return FinnhubFeed(settings.finnhub.api_key, named or settings.finnhub.symbols, clock)
