"""What the stream process is made of."""

from collections.abc import Callable
from dataclasses import dataclass

from marketbell.core.primitives.shards import Shards
from marketbell.flows.stream.desk import StreamDesk
from marketbell.ports.bus import Bus
from marketbell.ports.cache import Cache
from marketbell.settings import Settings

CONNECTIONS = 3


@dataclass(frozen=True, slots=True)
class StreamParts:
    """The desk, and the ports that the process itself needs. `close` lets go of connections."""

    desk: StreamDesk
    cache: Cache
    bus: Bus
    warm: Callable[[], None]
    close: Callable[[], None]


def build_stream(settings: Settings) -> StreamParts:
    """Real parts by the settings' URLs. Nothing connects before its first use."""
    from marketbell.adapters.bus.redis import RedisBus
    from marketbell.adapters.cache.redis import RedisCache
    from marketbell.adapters.checkpoints.files import FileCheckpoints
    from marketbell.adapters.clock.system import SystemClock
    from marketbell.adapters.leases.postgres import PostgresLeases
    from marketbell.adapters.recordings.parquet import ParquetRecordings
    from marketbell.adapters.stores.postgres import PostgresStores
    from marketbell.core.engine.engine import EngineConfig
    from marketbell.core.engine.warm import warm
    from marketbell.core.options.warm import warm_options
    from marketbell.core.rules.warm import warm_rules
    from marketbell.flows.stream.desk import StreamPorts
    from marketbell.wiring.calendars import calendars
    from marketbell.wiring.chains import build_chains
    from marketbell.wiring.secrets import required

    database_url = required(settings.database_url, "database_url")
    stores = PostgresStores(database_url, connections=CONNECTIONS)
    chains = build_chains(settings, stores, connections=1)
    cache = RedisCache(required(settings.cache_url, "cache_url"))
    bus = RedisBus(required(settings.redis_url, "redis_url"))
    sessions = calendars().sessions
    config = EngineConfig(late_s=settings.stream.late_s, undervalued=settings.undervalued.model_dump())
    desk = StreamDesk(
        StreamPorts(
            bus=bus,
            cache=cache,
            clock=SystemClock(),
            leases=PostgresLeases(database_url),
            checkpoints=FileCheckpoints(settings.data_dir / "checkpoints"),
            recordings=ParquetRecordings(settings.data_dir / "recordings"),
            ledger=stores.ledger,
            rules=stores.rules,
            bars=stores.bars,
            snapshots=stores.snapshots,
            quality=stores.quality,
            screens=stores.screens,
            sessions=sessions,
            chains=chains,
        ),
        config=config,
        shards=Shards.parse(settings.stream.shards),
        partitions=settings.bus.partitions,
        checkpoint_every_s=settings.stream.checkpoint_every_s,
        publish_every_s=settings.stream.publish_every_s,
    )

    def close() -> None:
        stores.close()
        chains.close()
        cache.close()
        bus.close()

    def warmed() -> None:
        warm()
        warm_rules()
        warm_options(is_whole=False)

    return StreamParts(desk, cache, bus, warmed, close)
