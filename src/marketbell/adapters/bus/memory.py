"""The bus inside one process: what tests and offline replays use. Nothing outlives the object."""

import secrets
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from marketbell.core.primitives.errors import BusFullError, BusUnavailableError, TopicLostError
from marketbell.ports.bus import DurableLevel

_SEQUENCE_BITS = 39
_BASES = 1 << 14


@dataclass(slots=True)
class _Topic:
    """Frames of each partition with the offset of the next one; offsets inside a partition are dense."""

    epoch: str
    base: int
    retention: int
    frames: list[deque[bytes]]
    next_offset: list[int]
    committed: dict[tuple[str, int], int] = field(default_factory=dict)

    def first_offset(self, partition: int) -> int:
        return self.next_offset[partition] - len(self.frames[partition])


class MemoryBus:
    """Topics in lists. `capacity_bytes` bounds the payload kept in all of them; None is no bound.

    `is_down` plays an outage and `lose_everything` a broker that comes back empty.
    """

    def __init__(self, capacity_bytes: int | None = None) -> None:
        self.durable_level = DurableLevel.NONE
        self.has_groups = True
        self.max_frame = 64 << 20
        self.is_down = False
        self._capacity = capacity_bytes
        self._bytes = 0
        self._topics: dict[str, _Topic] = {}
        self._changed = threading.Condition()

    def ensure_topic(self, name: str, partitions: int, retention_frames: int) -> str:
        """Make the topic if need be and return its epoch."""
        if partitions < 1:
            message = f"topic {name} needs at least one partition"
            raise ValueError(message)
        with self._changed:
            self._check_up()
            topic = self._topics.get(name)
            if topic is None:
                base = (1 + secrets.randbelow(_BASES - 1)) << _SEQUENCE_BITS
                topic = _Topic(
                    secrets.token_hex(8),
                    base,
                    retention_frames,
                    [deque() for _ in range(partitions)],
                    [base + 1] * partitions,
                )
                self._topics[name] = topic
            topic.retention = retention_frames
            return topic.epoch

    def epoch(self, name: str) -> str | None:
        """The topic's epoch, None when there is no such topic."""
        with self._changed:
            self._check_up()
            topic = self._topics.get(name)
            return topic.epoch if topic else None

    def partitions(self, name: str) -> int:
        """How many partitions the topic was made with."""
        with self._changed:
            return len(self._topic(name).frames)

    def publish(self, topic: str, partition: int, frame: bytes) -> int:
        """Append one frame, return its offset."""
        return self.publish_many(topic, [(partition, frame)])[0]

    def publish_many(self, topic: str, frames: Sequence[tuple[int, bytes]]) -> list[int]:
        """Append all the frames, or none where they do not fit."""
        with self._changed:
            kept = self._topic(topic)
            size = 0
            for partition, frame in frames:
                _check_partition(topic, partition, len(kept.frames))
                _check_size(frame, self.max_frame)
                size += len(frame)
            if self._capacity is not None and self._bytes + size > self._capacity:
                raise BusFullError
            offsets = []
            for partition, frame in frames:
                offsets.append(kept.next_offset[partition])
                kept.frames[partition].append(bytes(frame))
                kept.next_offset[partition] += 1
                if kept.retention and len(kept.frames[partition]) > kept.retention:
                    self._bytes -= len(kept.frames[partition].popleft())
            self._bytes += size
            self._changed.notify_all()
            return offsets

    def flush(self) -> None:
        """Nothing to wait for: the level is none."""
        with self._changed:
            self._check_up()

    def read(
        self, topic: str, partition: int, after: int, max_frames: int = 1_000, max_wait_s: float = 0.0
    ) -> list[tuple[int, bytes]]:
        """Frames behind `after`, waiting up to `max_wait_s` for the first of them."""
        deadline = time.monotonic() + max_wait_s
        with self._changed:
            while True:
                found = self._read_now(topic, partition, after, max_frames)
                left = deadline - time.monotonic()
                if found or left <= 0:
                    return found
                self._changed.wait(left)

    def last(self, topic: str, partition: int) -> tuple[int, bytes] | None:
        """The newest frame and its offset."""
        with self._changed:
            kept = self._partition(topic, partition)
            if kept is None or not kept.frames[partition]:
                return None
            return kept.next_offset[partition] - 1, kept.frames[partition][-1]

    def first_offset(self, topic: str, partition: int) -> int | None:
        """Offset of the oldest frame kept."""
        with self._changed:
            kept = self._partition(topic, partition)
            if kept is None or not kept.frames[partition]:
                return None
            return kept.first_offset(partition)

    def commit(self, group: str, topic: str, partition: int, offset: int) -> None:
        """Remember how far a group got."""
        with self._changed:
            self._topic(topic).committed[group, partition] = offset

    def committed(self, group: str, topic: str, partition: int) -> int | None:
        """What the group committed last."""
        with self._changed:
            kept = self._partition(topic, partition)
            return kept.committed.get((group, partition)) if kept else None

    def trim(self, topic: str, partition: int, before: int) -> None:
        """Forget frames with an offset below `before`."""
        with self._changed:
            kept = self._partition(topic, partition)
            if kept is None or before >> _SEQUENCE_BITS != kept.base >> _SEQUENCE_BITS:
                return
            frames = kept.frames[partition]
            for _ in range(min(before - kept.first_offset(partition), len(frames))):
                self._bytes -= len(frames.popleft())

    def lag(self, topic: str, partition: int, after: int) -> int:
        """How many frames lie behind `after`."""
        with self._changed:
            kept = self._partition(topic, partition)
            if kept is None:
                return 0
            if after >> _SEQUENCE_BITS != kept.base >> _SEQUENCE_BITS:
                return len(kept.frames[partition])
            return max(0, min(len(kept.frames[partition]), kept.next_offset[partition] - 1 - after))

    def close(self) -> None:
        """Wake those who wait."""
        with self._changed:
            self._changed.notify_all()

    def lose_everything(self) -> None:
        """Come back empty, as a broker without its files does."""
        with self._changed:
            self._topics.clear()
            self._bytes = 0
            self._changed.notify_all()

    def _check_up(self) -> None:
        if self.is_down:
            raise BusUnavailableError

    def _topic(self, name: str) -> _Topic:
        self._check_up()
        topic = self._topics.get(name)
        if topic is None:
            message = f"the bus has no topic {name}"
            raise TopicLostError(message)
        return topic

    def _partition(self, name: str, partition: int) -> _Topic | None:
        self._check_up()
        topic = self._topics.get(name)
        if topic is not None:
            _check_partition(name, partition, len(topic.frames))
        return topic

    def _read_now(self, name: str, partition: int, after: int, max_frames: int) -> list[tuple[int, bytes]]:
        topic = self._partition(name, partition)
        if after and (topic is None or after >> _SEQUENCE_BITS != topic.base >> _SEQUENCE_BITS):
            message = f"offset {after} of {name}/{partition} is from data that the bus no longer has"
            raise TopicLostError(message)
        if topic is None:
            return []
        frames, first = topic.frames[partition], topic.first_offset(partition)
        skip = max(0, after + 1 - first)
        return [(first + skip + i, frame) for i, frame in enumerate(islice(frames, skip, skip + max_frames))]


def _check_partition(topic: str, partition: int, partitions: int) -> None:
    if not 0 <= partition < partitions:
        message = f"topic {topic} has {partitions} partitions, there is no {partition}"
        raise ValueError(message)


def _check_size(frame: bytes, limit: int) -> None:
    if len(frame) > limit:
        message = f"a frame of {len(frame)} bytes is above the bus's limit of {limit}"
        raise ValueError(message)
