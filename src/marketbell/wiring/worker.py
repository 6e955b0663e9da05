"""What scheduled work needs: the store's housekeeping, the cache and the clock."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from marketbell.ports.cache import Cache
from marketbell.ports.clock import Clock
from marketbell.settings import Settings
from marketbell.wiring.secrets import required

AHEAD = timedelta(days=62)


@dataclass(frozen=True, slots=True)
class WorkerParts:
    """`make_partitions` and `forget_old` say in facts what they did. `close` lets go of connections."""

    cache: Cache
    clock: Clock
    make_partitions: Callable[[], dict[str, object]]
    forget_old: Callable[[], dict[str, object]]
    close: Callable[[], None]


def build_worker(settings: Settings) -> WorkerParts:
    """Real parts by the settings' URLs. Nothing connects before its first use."""
    from marketbell.adapters.cache.redis import RedisCache
    from marketbell.adapters.clock.system import SystemClock
    from marketbell.adapters.stores.postgres.connections import Database
    from marketbell.adapters.stores.postgres.housekeeping import ensure_partitions, retain

    database = Database(required(settings.database_url, "database_url"), size=1)
    cache = RedisCache(required(settings.cache_url, "cache_url"))
    clock = SystemClock()

    def now() -> datetime:
        return datetime.fromtimestamp(clock.now() / 1e9, UTC)

    def make_partitions() -> dict[str, object]:
        return {"made": ensure_partitions(database, now(), now() + AHEAD)}

    def forget_old() -> dict[str, object]:
        gone = retain(database, bars_1m_days=settings.retention.bars_1m_days, now=now())
        return {
            "partitions": list(gone.partitions),
            "answers": gone.idempotency,
            "sessions": gone.sessions,
            "screen_events": gone.screen_events,
        }

    def close() -> None:
        database.close()
        cache.close()

    return WorkerParts(cache, clock, make_partitions, forget_old, close)


def build_beat(settings: Settings) -> Cache:
    """The clockwork needs the cache only."""
    from marketbell.adapters.cache.redis import RedisCache

    return RedisCache(required(settings.cache_url, "cache_url"))
