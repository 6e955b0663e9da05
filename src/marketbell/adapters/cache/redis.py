"""The cache on Redis or Valkey. Keys are used as they are given: other tools may read them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from marketbell.core.primitives.errors import BusFullError, BusUnavailableError, InvalidSettingError

_TIMEOUT_S = 5.0
_CONNECT_TIMEOUT_S = 2.0
_REFUSALS = ("OOM", "MISCONF")
_GLOB = str.maketrans({c: f"\\{c}" for c in "*?[]\\^"})


class RedisCache:
    """A cache behind one URL; one object may be shared by threads and greenlets."""

    def __init__(self, url: str) -> None:
        try:
            # Any: the client's types allow for decoded and for raw answers alike; ours are raw.
            self._client: Any = redis.Redis.from_url(
                url,
                protocol=2,
                socket_timeout=_TIMEOUT_S,
                socket_connect_timeout=_CONNECT_TIMEOUT_S,
                socket_keepalive=True,
                retry=Retry(NoBackoff(), 0),
            )
        except ValueError as error:
            message = f"the cache's URL cannot be read: {error}"
            raise InvalidSettingError(message) from error

    def get(self, key: str) -> bytes | None:
        """The value, None where there is none or its time is over."""
        with _errors():
            value: bytes | None = self._client.get(key)
            return value

    def set(self, key: str, value: bytes, ttl_s: float | None = None) -> None:
        """Put a value in place of whatever the key held."""
        with _errors():
            self._client.set(key, value, px=_milliseconds(ttl_s))

    def add(self, key: str, value: bytes, ttl_s: float) -> bool:
        """Set only if absent; True if this call did it."""
        with _errors():
            return bool(self._client.set(key, value, px=_milliseconds(ttl_s), nx=True))

    def take(self, key: str) -> bytes | None:
        """Get and delete at once."""
        with _errors():
            value: bytes | None = self._client.getdel(key)
            return value

    def delete(self, *keys: str) -> None:
        """Forget values and hashes."""
        if keys:
            with _errors():
                self._client.delete(*keys)

    def keys(self, prefix: str) -> list[str]:
        """All keys that begin so, in order. Scans: for housekeeping and status, not for the hot path."""
        with _errors():
            found = self._client.scan_iter(match=prefix.translate(_GLOB) + "*", count=1_000)
            return sorted({key.decode() for key in found})

    def put_fields(self, key: str, fields: Mapping[str, bytes]) -> None:
        """Set some fields of a hash, leave the others."""
        if fields:
            with _errors():
                self._client.hset(key, mapping=dict(fields))

    def drop_fields(self, key: str, names: Sequence[str]) -> None:
        """Delete some fields of a hash."""
        if names:
            with _errors():
                self._client.hdel(key, *names)

    def fields(self, key: str) -> dict[str, bytes]:
        """The whole hash, empty where there is none."""
        with _errors():
            return {name.decode(): value for name, value in self._client.hgetall(key).items()}

    def some_fields(self, key: str, names: Sequence[str]) -> list[bytes | None]:
        """The named fields in the order asked for."""
        if not names:
            return []
        with _errors():
            return list(self._client.hmget(key, list(names)))

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()


@contextmanager
def _errors() -> Iterator[None]:
    """Say the server's errors in the port's words; what is nobody's outage (WRONGTYPE, NOPERM) stays as it is."""
    try:
        yield
    except (redis.ConnectionError, redis.TimeoutError, redis.ReadOnlyError) as error:
        message = f"the cache did not answer: {error}"
        raise BusUnavailableError(message) from error
    except redis.ResponseError as error:
        if isinstance(error, redis.OutOfMemoryError) or str(error).startswith(_REFUSALS):
            message = f"the cache takes no more: {error}"
            raise BusFullError(message) from error
        raise


def _milliseconds(ttl_s: float | None) -> int | None:
    return None if ttl_s is None else max(1, round(1_000 * ttl_s))
