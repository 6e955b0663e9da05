"""Checkpoints: the engine's state together with the place in the log that it belongs to."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from marketbell.core.columns.frame import Columns
from marketbell.core.primitives.shards import ALL_SHARDS, Shards


@dataclass(frozen=True, slots=True)
class CheckpointPlace:
    """What can be told of a checkpoint without reading its state.

    `fence` is that of the owner who made it, `sequence` counts on from checkpoint to checkpoint: of two that
    hold the same shard, the larger (fence, sequence) is the newer one.
    """

    partition: int
    epoch: str
    offset: int
    sequence: int
    shards: Shards = ALL_SHARDS
    fence: int = 0

    @property
    def age(self) -> tuple[int, int]:
        """Sorts the checkpoints of a shard from old to new."""
        return self.fence, self.sequence


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """State of some shards of one partition behind `offset` of the log's `epoch`.

    `run` names the pass of the source that the state belongs to ('' before the first), `sequence`
    counts the checkpoints of these shards, `fence` is their owner's. `arrays` are the engine's own;
    `taken_at` is ns UTC.
    """

    partition: int
    epoch: str
    offset: int
    sequence: int
    run: str
    taken_at: int
    arrays: Columns = field(default_factory=dict)
    shards: Shards = ALL_SHARDS
    fence: int = 0

    @property
    def place(self) -> CheckpointPlace:
        """Everything but the state."""
        return CheckpointPlace(self.partition, self.epoch, self.offset, self.sequence, self.shards, self.fence)


class CheckpointStore(Protocol):
    """The newest three checkpoints of each shard, whatever ranges they were made of.

    A half-written one does not exist. Raises StoreUnavailableError when nothing can be written (a full or
    read-only disk).
    """

    def save(self, checkpoint: Checkpoint) -> None:
        """Return when the checkpoint survives a power cut; let go of those that no shard needs any more."""

    def kept(self) -> Sequence[CheckpointPlace]:
        """Those that are there, oldest first; whether one is whole, `load` tells."""

    def load(self, place: CheckpointPlace) -> Checkpoint:
        """CheckpointError where it is damaged, or gone."""


def unneeded(kept: Sequence[CheckpointPlace], copies: int) -> list[CheckpointPlace]:
    """Those for each of whose shards there are `copies` newer ones."""
    newest_first = sorted(kept, key=lambda place: place.age, reverse=True)
    count = dict.fromkeys(ALL_SHARDS, 0)
    gone = []
    for place in newest_first:
        if all(count[shard] >= copies for shard in place.shards):
            gone.append(place)
        for shard in place.shards:
            count[shard] += 1
    return gone
