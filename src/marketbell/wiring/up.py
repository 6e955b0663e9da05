"""What the supervisor, `status` and `doctor` need of the outside."""

from collections.abc import Callable, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson

from marketbell.core.primitives.errors import InvalidSettingError, UnavailableError
from marketbell.observability import HEARTBEAT_PREFIX
from marketbell.ports.cache import Cache
from marketbell.settings import Settings

PATIENT_S = 30.0


def open_cache(url: str) -> Cache:
    """The cache behind a URL. Nothing connects before its first use."""
    from marketbell.adapters.cache.redis import RedisCache

    return RedisCache(url)


def read_heartbeats(cache: Cache) -> Mapping[str, Mapping[str, Any]]:
    """What every process says of itself now, by its name."""
    said = {}
    for key in cache.keys(HEARTBEAT_PREFIX):
        raw = cache.get(key)
        if raw is not None:
            said[key.removeprefix(HEARTBEAT_PREFIX)] = orjson.loads(raw)
    return said


def migrate(settings: Settings, sleep: Callable[[float], None], told: Callable[[str], None]) -> None:
    """Bring the schema up to this program's; a database that is away for a while is waited for, and that is said."""
    from marketbell.adapters.stores.postgres.migrate import upgrade

    if settings.database_url is None:
        raise InvalidSettingError("database_url is not set: start with `marketbell up`, or set DATABASE_URL")
    waited = 0.0
    delay = 0.5
    while True:
        try:
            upgrade(settings.database_url)
        except UnavailableError as error:
            if waited >= PATIENT_S:
                raise
            told(error.message)
            sleep(delay)
            waited += delay
            delay = min(delay * 2, 5.0)
        else:
            return


def schema_digest() -> str:
    """Stands for the schema this program wants, without loading what reads it."""
    from marketbell.adapters.stores import postgres

    files = sorted(Path(next(iter(postgres.__path__))).glob("migrations/versions/*.py"))
    return blake2b(b"".join(path.name.encode() + path.read_bytes() for path in files), digest_size=16).hexdigest()


def schema_revisions(url: str) -> tuple[str | None, str | None]:
    """The database's revision, and this program's."""
    from marketbell.adapters.stores.postgres.migrate import current, head

    return current(url), head()


def check_feed(settings: Settings) -> None:
    """Refuse a feed that cannot run, before anything is started."""
    from marketbell.wiring.feeds import check_feed as check

    check(settings)
