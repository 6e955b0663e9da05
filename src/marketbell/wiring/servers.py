"""Which servers `up` starts itself, and which are somebody else's by URL."""

from collections.abc import Sequence

from marketbell.ports.servers import EmbeddedServer
from marketbell.settings import Settings


def with_shared_urls(settings: Settings) -> Settings:
    """One Redis for everything where only REDIS_URL is given."""
    if settings.redis_url and not settings.cache_url:
        return settings.replaced(cache_url=settings.redis_url)
    return settings


def embedded_servers(settings: Settings) -> Sequence[tuple[str, EmbeddedServer]]:
    """The servers to start, each with the setting that its URL belongs to. Nothing is touched yet."""
    from marketbell.adapters.servers.postgres import EmbeddedPostgres
    from marketbell.adapters.servers.valkey import EmbeddedValkey

    sizes = settings.servers
    folder = settings.data_dir / "servers"
    found: list[tuple[str, EmbeddedServer]] = []
    if not settings.database_url:
        postgres = EmbeddedPostgres(
            folder / "postgres", shared_buffers_mb=sizes.shared_buffers_mb, max_connections=sizes.max_connections
        )
        found.append(("database_url", postgres))
    if not settings.redis_url:
        found.append(
            ("redis_url", EmbeddedValkey("bus", folder / "bus", memory_mb=sizes.bus_memory_mb, is_durable=True))
        )
    if not settings.cache_url:
        found.append(
            ("cache_url", EmbeddedValkey("cache", folder / "cache", memory_mb=sizes.cache_memory_mb, is_durable=False))
        )
    return found


def server_programs() -> dict[str, str]:
    """Which program each server would be: the path, or why there is none."""
    from marketbell.adapters.servers import postgres, valkey
    from marketbell.core.primitives.errors import UserError

    found = {}
    try:
        folder = postgres.find_programs()
        found["postgres"] = f"{folder / 'postgres'} (version {postgres.version_of(folder)})"
    except UserError as error:
        found["postgres"] = error.message
    try:
        found["valkey"] = str(valkey.find_program())
    except UserError as error:
        found["valkey"] = error.message
    return found
