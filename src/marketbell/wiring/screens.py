"""Joins the screen service to its store and to the stream that answers."""

from marketbell.flows.market_views.screens import ask
from marketbell.flows.rules.people import People
from marketbell.flows.screening.service import ScreenService
from marketbell.ports.cache import Cache
from marketbell.ports.clock import Clock
from marketbell.ports.stores import ScreenStore


def screen_desk(screens: ScreenStore, names: People, cache: Cache, clock: Clock) -> ScreenService:
    """The use cases of screens over these stores; the stream is asked through the cache."""
    return ScreenService(screens, names.market, cache, clock, lambda request: ask(cache, clock, request))
