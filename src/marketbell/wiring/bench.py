"""Real parts for benchmarks, by URL: servers of their own, stores, bus, cache and the planner of the sender."""

from pathlib import Path

from marketbell.flows.alerting.planning import Planner
from marketbell.ports.bus import Bus
from marketbell.ports.cache import Cache
from marketbell.ports.servers import EmbeddedServer
from marketbell.ports.stores import Stores


def bench_servers(folder: Path) -> tuple[EmbeddedServer, EmbeddedServer]:
    """A PostgreSQL that syncs to disk, and a Valkey in memory. Nothing is started."""
    from marketbell.adapters.servers.postgres import EmbeddedPostgres
    from marketbell.adapters.servers.valkey import EmbeddedValkey

    postgres = EmbeddedPostgres(folder / "postgres", is_durable=True)
    return postgres, EmbeddedValkey("bus", folder / "bus", memory_mb=512, is_durable=False)


def bench_migrate(database_url: str) -> None:
    """Make the tables."""
    from marketbell.adapters.stores.postgres import migrate

    migrate.upgrade(database_url)


def bench_stores(database_url: str) -> Stores:
    """The real stores."""
    from marketbell.adapters.stores.postgres import PostgresStores

    return PostgresStores(database_url)


def bench_bus(url: str) -> Bus:
    """The real bus."""
    from marketbell.adapters.bus.redis import RedisBus

    return RedisBus(url)


def bench_cache(url: str) -> Cache:
    """The real cache."""
    from marketbell.adapters.cache.redis import RedisCache

    return RedisCache(url)


def bench_planner(stores: Stores) -> Planner:
    """The sender's planner on these stores."""
    from marketbell.adapters.clock.system import SystemClock

    return Planner(
        stores.ledger,
        stores.channels,
        stores.instruments,
        SystemClock(),
        "http://127.0.0.1:8700",
        wishes=stores.wishes,
        rules=stores.rules,
    )
