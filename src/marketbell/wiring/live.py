"""What the live process is made of."""

from collections.abc import Callable
from dataclasses import dataclass

from marketbell.ports.bus import Bus
from marketbell.ports.cache import Cache
from marketbell.ports.clock import Clock
from marketbell.ports.jobs import JobStore
from marketbell.ports.stores import InstrumentStore, ScreenStore, WatchlistStore
from marketbell.settings import Settings


@dataclass(frozen=True, slots=True)
class LiveParts:
    """Ports and secrets of the rooms. `close` lets go of connections."""

    settings: Settings
    clock: Clock
    cache: Cache
    bus: Bus
    instruments: InstrumentStore
    watchlists: WatchlistStore
    screens: ScreenStore
    jobs: JobStore
    owner_token: str
    signing_key: bytes
    close: Callable[[], None] = lambda: None


def build_live(settings: Settings) -> LiveParts:
    """Real parts by the settings' URLs. Nothing connects before its first use."""
    from marketbell.adapters.bus.redis import RedisBus
    from marketbell.adapters.cache.redis import RedisCache
    from marketbell.adapters.clock.system import SystemClock
    from marketbell.adapters.stores.postgres import PostgresStores
    from marketbell.wiring.secrets import owner_token, required, signing_key

    stores = PostgresStores(required(settings.database_url, "database_url"), connections=2)
    cache = RedisCache(required(settings.cache_url, "cache_url"))
    bus = RedisBus(required(settings.redis_url, "redis_url"))

    def close() -> None:
        stores.close()
        cache.close()
        bus.close()

    return LiveParts(
        settings=settings,
        clock=SystemClock(),
        cache=cache,
        bus=bus,
        instruments=stores.instruments,
        watchlists=stores.watchlists,
        screens=stores.screens,
        jobs=stores.jobs,
        owner_token=owner_token(settings.data_dir),
        signing_key=signing_key(settings.data_dir),
        close=close,
    )


def memory_live(settings: Settings, owner_token: str) -> LiveParts:
    """The same over memory adapters: for measuring the way out alone."""
    from marketbell.adapters.bus.memory import MemoryBus
    from marketbell.adapters.cache.memory import MemoryCache
    from marketbell.adapters.clock.system import SystemClock
    from marketbell.adapters.stores.memory import MemoryStores

    stores = MemoryStores()
    return LiveParts(
        settings=settings,
        clock=SystemClock(),
        cache=MemoryCache(),
        bus=MemoryBus(),
        instruments=stores.instruments,
        watchlists=stores.watchlists,
        screens=stores.screens,
        jobs=stores.jobs,
        owner_token=owner_token,
        signing_key=owner_token.encode(),
    )
