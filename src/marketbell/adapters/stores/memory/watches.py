"""Raised watches in a dictionary."""

import threading

from marketbell.ports.watches import Raised


class MemoryWatches:
    """By name."""

    def __init__(self) -> None:
        self._standing: dict[str, Raised] = {}
        self._lock = threading.Lock()

    def put_up(self, raised: Raised) -> Raised:
        """Raise it, or be told of the one that stands."""
        with self._lock:
            return self._standing.setdefault(raised.watch, raised)

    def take_down(self, watch: str, began_at: int, now: int) -> bool:  # noqa: ARG002 — nothing is kept of the past
        """It is over."""
        with self._lock:
            found = self._standing.get(watch)
            if found is None or found.began_at != began_at:
                return False
            del self._standing[watch]
            return True

    def standing(self) -> list[Raised]:
        """All that are raised."""
        with self._lock:
            return [self._standing[name] for name in sorted(self._standing)]
