"""The cache inside one process, for tests."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence

from marketbell.core.primitives.errors import BusUnavailableError


class MemoryCache:
    """Values and hashes in dictionaries; `monotonic` tells seconds, so that a test can move them."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.is_down = False
        self._monotonic = monotonic
        self._values: dict[str, tuple[bytes, float | None]] = {}
        self._hashes: dict[str, dict[str, bytes]] = {}
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes | None:
        """The value, None where there is none or its time is over."""
        with self._lock:
            return self._get(key)

    def set(self, key: str, value: bytes, ttl_s: float | None = None) -> None:
        """Put a value in place of whatever the key held."""
        with self._lock:
            self._set(key, value, ttl_s)

    def add(self, key: str, value: bytes, ttl_s: float) -> bool:
        """Set only if absent; True if this call did it."""
        with self._lock:
            if self._get(key) is not None or key in self._hashes:
                return False
            self._set(key, value, ttl_s)
            return True

    def take(self, key: str) -> bytes | None:
        """Get and delete at once."""
        with self._lock:
            value = self._get(key)
            self._values.pop(key, None)
            return value

    def delete(self, *keys: str) -> None:
        """Forget values and hashes."""
        with self._lock:
            self._check_up()
            for key in keys:
                self._values.pop(key, None)
                self._hashes.pop(key, None)

    def keys(self, prefix: str) -> list[str]:
        """All keys that begin so, in order."""
        with self._lock:
            found = {key for key in list(self._values) if self._get(key) is not None} | set(self._hashes)
            self._check_up()
            return sorted(key for key in found if key.startswith(prefix))

    def put_fields(self, key: str, fields: Mapping[str, bytes]) -> None:
        """Set some fields of a hash, leave the others."""
        with self._lock:
            self._check_up()
            if fields:
                self._hashes.setdefault(key, {}).update({name: bytes(value) for name, value in fields.items()})

    def drop_fields(self, key: str, names: Sequence[str]) -> None:
        """Delete some fields of a hash."""
        with self._lock:
            self._check_up()
            held = self._hashes.get(key, {})
            for name in names:
                held.pop(name, None)
            if not held:
                self._hashes.pop(key, None)

    def fields(self, key: str) -> dict[str, bytes]:
        """The whole hash, empty where there is none."""
        with self._lock:
            self._check_up()
            return dict(self._hashes.get(key, {}))

    def some_fields(self, key: str, names: Sequence[str]) -> list[bytes | None]:
        """The named fields in the order asked for."""
        with self._lock:
            self._check_up()
            found = self._hashes.get(key, {})
            return [found.get(name) for name in names]

    def close(self) -> None:
        """Nothing is held."""

    def _check_up(self) -> None:
        if self.is_down:
            raise BusUnavailableError

    def _get(self, key: str) -> bytes | None:
        self._check_up()
        value, until = self._values.get(key, (None, None))
        if until is not None and self._monotonic() >= until:
            del self._values[key]
            return None
        return value

    def _set(self, key: str, value: bytes, ttl_s: float | None) -> None:
        self._check_up()
        self._hashes.pop(key, None)
        self._values[key] = (bytes(value), None if ttl_s is None else self._monotonic() + ttl_s)
