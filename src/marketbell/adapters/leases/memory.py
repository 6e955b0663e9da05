"""Leases in one process: what tests use."""

from itertools import count


class MemoryLease:
    """Held until released or taken away."""

    def __init__(self, owner: "MemoryLeases", name: str, fence: int) -> None:
        self.fence = fence
        self._owner = owner
        self._name = name

    def is_held(self) -> bool:
        """True while nobody took it away."""
        return self._owner.holders.get(self._name) is self

    def release(self) -> None:
        """Let the next one have it."""
        if self.is_held():
            del self._owner.holders[self._name]


class MemoryLeases:
    """Names and their holders. `take_away` plays a holder that was cut off."""

    def __init__(self) -> None:
        self.holders: dict[str, MemoryLease] = {}
        self._fences = count(1)

    def acquire(self, name: str) -> MemoryLease | None:
        """The lease, or None while it is held."""
        if name in self.holders:
            return None
        self.holders[name] = MemoryLease(self, name, next(self._fences))
        return self.holders[name]

    def take_away(self, name: str) -> None:
        """As if the holder's connection had been lost."""
        self.holders.pop(name, None)
