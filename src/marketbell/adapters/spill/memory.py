"""The spill queue in one process: what tests use."""

from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice


class MemoryFrameQueue:
    """A deque with a bound in bytes."""

    def __init__(self, capacity_bytes: int = 1 << 26) -> None:
        self._capacity = capacity_bytes
        self._frames: deque[tuple[int, bytes]] = deque()
        self._bytes = 0

    def append(self, frames: Sequence[tuple[int, bytes]]) -> bool:
        """All or none."""
        size = sum(len(frame) for _, frame in frames)
        if self._bytes + size > self._capacity:
            return False
        self._frames.extend(frames)
        self._bytes += size
        return True

    def head(self, limit: int) -> list[tuple[int, bytes]]:
        """The oldest."""
        return list(islice(self._frames, limit))

    def drop(self, count: int) -> None:
        """Forget the oldest."""
        for _ in range(count):
            self._bytes -= len(self._frames.popleft()[1])

    def discard(self, is_unwanted: Callable[[bytes], bool]) -> int:
        """Forget those of which that is true."""
        kept = deque(item for item in self._frames if not is_unwanted(item[1]))
        gone = len(self._frames) - len(kept)
        self._frames = kept
        self._bytes = sum(len(frame) for _, frame in kept)
        return gone

    def close(self) -> None:
        """Nothing is held."""

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def fill(self) -> float:
        """Share of the capacity in use."""
        return self._bytes / self._capacity
