"""A bounded queue of frames on disk, for the minutes in which the bus takes none."""

from collections.abc import Callable, Sequence
from typing import Protocol


class FrameQueue(Protocol):
    """First in, first out; what was appended survives the process. One user at a time."""

    def append(self, frames: Sequence[tuple[int, bytes]]) -> bool:
        """Add (partition, frame) pairs, all or none; False when the queue is full."""

    def head(self, limit: int) -> list[tuple[int, bytes]]:
        """The oldest frames, which stay until `drop`."""

    def drop(self, count: int) -> None:
        """Forget the oldest frames."""

    def discard(self, is_unwanted: Callable[[bytes], bool]) -> int:
        """Forget every frame of which that is true; returns how many."""

    def close(self) -> None: ...

    def __len__(self) -> int: ...

    @property
    def fill(self) -> float:
        """0 empty to 1 full."""
