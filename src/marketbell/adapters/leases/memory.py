"""Leases in one process: what tests use."""

from collections.abc import Sequence
from itertools import count


class MemoryLease:
    """Held until released or taken away."""

    def __init__(self, owner: "MemoryLeases", names: Sequence[str], fence: int) -> None:
        self.fence = fence
        self._owner = owner
        self._names = names

    def is_held(self) -> bool:
        """True while nobody took any of it away."""
        return all(self._owner.holders.get(name) is self for name in self._names)

    def release(self) -> None:
        """Let the next one have it."""
        for name in self._names:
            if self._owner.holders.get(name) is self:
                del self._owner.holders[name]


class MemoryLeases:
    """Names and their holders. `take_away` plays a holder that was cut off."""

    def __init__(self) -> None:
        self.holders: dict[str, MemoryLease] = {}
        self._fences = count(1)

    def acquire(self, name: str) -> MemoryLease | None:
        """The lease, or None while it is held."""
        return self.acquire_all([name])

    def acquire_all(self, names: Sequence[str]) -> MemoryLease | None:
        """All or nothing."""
        if any(name in self.holders for name in names):
            return None
        lease = MemoryLease(self, tuple(names), next(self._fences))
        for name in names:
            self.holders[name] = lease
        return lease

    def take_away(self, name: str) -> None:
        """As if the holder's connection had been lost: with it goes all that it held."""
        lease = self.holders.get(name)
        if lease is not None:
            lease.release()
