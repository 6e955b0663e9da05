"""The bus: named topics of ordered, offset-addressed, replayable partitions."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol


class DurableLevel(StrEnum):
    """What `flush` promises when it returns."""

    NONE = "none"
    PROCESS = "process"
    FSYNC = "fsync"
    REPLICATED = "replicated"


class Bus(Protocol):
    """At-least-once transport of opaque frames.

    Offsets are positive integers below 2**53, totally ordered inside a partition, never reused inside
    an epoch; the next frame's offset is the last one's plus 1, so a jump shows what retention took.
    Otherwise they are opaque: the first is not 1. A topic's epoch is a random word made with the topic:
    when the broker lost its data the word differs, and the reader knows that old offsets mean nothing.

    All methods block; one object may be shared by threads. Raises BusUnavailableError when the broker
    does not answer (retryable), BusFullError when it refuses more (push back, or spill), and
    TopicLostError (a BusUnavailableError) when a publisher's topic or a reader's `after` belongs to data
    that the broker no longer has: then `ensure_topic` or `epoch`, and go on from the new beginning.
    An outage may hide whether a frame was taken: publishing it again may repeat it, never reorder it.
    """

    durable_level: DurableLevel
    has_groups: bool
    max_frame: int

    def ensure_topic(self, name: str, partitions: int, retention_frames: int) -> str:
        """Make the topic if need be and return its epoch. The number of partitions is fixed at creation.

        `retention_frames` bounds each partition roughly, as a safety net behind `trim`; 0 is no bound.
        """

    def epoch(self, name: str) -> str | None:
        """The topic's epoch, None when there is no such topic (any more)."""

    def partitions(self, name: str) -> int:
        """How many partitions the topic was made with. TopicLostError where there is none."""

    def publish(self, topic: str, partition: int, frame: bytes) -> int:
        """Append one frame, return its offset."""

    def publish_many(self, topic: str, frames: Sequence[tuple[int, bytes]]) -> list[int]:
        """Append (partition, frame) pairs, all or nothing where the broker can, in the order given."""

    def flush(self) -> None:
        """Return when everything published is durable to `durable_level`."""

    def read(
        self, topic: str, partition: int, after: int, max_frames: int = 1_000, max_wait_s: float = 0.0
    ) -> list[tuple[int, bytes]]:
        """Frames with an offset greater than `after` (0 = from the beginning), oldest first.

        Waits up to `max_wait_s` for the first of them. A topic that does not exist yet reads as empty
        from 0; from any other offset it raises TopicLostError.
        """

    def last(self, topic: str, partition: int) -> tuple[int, bytes] | None:
        """The newest frame and its offset, None when the partition is empty."""

    def first_offset(self, topic: str, partition: int) -> int | None:
        """Offset of the oldest frame kept, None when the partition is empty."""

    def commit(self, group: str, topic: str, partition: int, offset: int) -> None:
        """Remember how far a group got. Advisory: the offset in the checkpoint is the truth."""

    def committed(self, group: str, topic: str, partition: int) -> int | None:
        """What the group committed last."""

    def trim(self, topic: str, partition: int, before: int) -> None:
        """Forget frames with an offset below `before`."""

    def lag(self, topic: str, partition: int, after: int) -> int:
        """How many frames lie behind `after`."""

    def close(self) -> None:
        """Let go of connections."""
