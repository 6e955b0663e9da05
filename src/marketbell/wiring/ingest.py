"""What the ingest process is made of."""

from collections.abc import Callable
from dataclasses import dataclass

from marketbell.flows.ingest.desk import IngestDesk
from marketbell.flows.ingest.pushed import PushedSource
from marketbell.ports.cache import Cache
from marketbell.ports.clock import Clock
from marketbell.ports.feeds import PacedFeed, PushedFeed
from marketbell.ports.stores import IdempotencyStore
from marketbell.settings import Settings

CONNECTIONS = 4


@dataclass(frozen=True, slots=True)
class IngestParts:
    """The desk, and what the push endpoints need. `close` lets go of connections."""

    desk: IngestDesk
    cache: Cache
    clock: Clock
    idempotency: IdempotencyStore
    owner_token: str
    close: Callable[[], None]


def build_ingest(settings: Settings) -> IngestParts:
    """Real parts by the settings' URLs. The feed is read here; nothing else connects before its first use."""
    from marketbell.adapters.bus.redis import RedisBus
    from marketbell.adapters.cache.redis import RedisCache
    from marketbell.adapters.clock.system import SystemClock
    from marketbell.adapters.spill.files import FileFrameQueue
    from marketbell.adapters.stores.postgres import PostgresStores
    from marketbell.flows.ingest.desk import IngestPorts
    from marketbell.wiring.calendars import calendars
    from marketbell.wiring.chains import build_chains
    from marketbell.wiring.feeds import make_feed
    from marketbell.wiring.secrets import owner_token, required

    clock = SystemClock()
    made = make_feed(settings, clock)
    live: PushedSource | None = None
    feed: PacedFeed
    if isinstance(made, PushedFeed):
        feed = live = PushedSource(made, clock)
    else:
        feed = made
    stores = PostgresStores(required(settings.database_url, "database_url"), connections=CONNECTIONS)
    chains = build_chains(settings, stores, connections=1)
    cache = RedisCache(required(settings.cache_url, "cache_url"))
    bus = RedisBus(required(settings.redis_url, "redis_url"))
    spill = FileFrameQueue(settings.data_dir / "spill")
    desk = IngestDesk(
        IngestPorts(
            bus=bus,
            cache=cache,
            clock=clock,
            spill=spill,
            rules=stores.rules,
            screens=stores.screens,
            instruments=stores.instruments,
            fundamentals=stores.fundamentals,
            bars=stores.bars,
            sessions=calendars().sessions,
            chains=chains,
        ),
        feed,
        partitions=settings.bus.partitions,
        retention_frames=settings.bus.retention_frames,
        speed=1.0 if live else None if settings.speed == "max" else float(settings.speed),
        loop=settings.loop,
    )

    def close() -> None:
        if live:
            live.close()
        stores.close()
        chains.close()
        cache.close()
        bus.close()
        spill.close()

    return IngestParts(desk, cache, clock, stores.idempotency, owner_token(settings.data_dir), close)
