"""Checkpoints: the engine's state together with the place in the log that it belongs to."""

from dataclasses import dataclass, field
from typing import Protocol

from marketbell.core.columns.frame import Columns


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """State of one partition behind `offset` of the log's `epoch`.

    `run` names the pass of the source that the state belongs to ('' before the first), `sequence`
    counts the checkpoints of the partition. `arrays` are the engine's own; `taken_at` is ns UTC.
    """

    partition: int
    epoch: str
    offset: int
    sequence: int
    run: str
    taken_at: int
    arrays: Columns = field(default_factory=dict)


class CheckpointStore(Protocol):
    """The newest few checkpoints of each partition. A half-written one does not exist.

    Raises StoreUnavailableError when nothing can be written (a full or read-only disk).
    """

    def save(self, checkpoint: Checkpoint) -> None:
        """Return when the checkpoint survives a power cut; older ones than the newest three are let go."""

    def load(self, partition: int) -> tuple[Checkpoint | None, list[str]]:
        """The newest one that is whole, and a sentence about each damaged one that was passed over."""

    def oldest(self, partition: int) -> tuple[str, int] | None:
        """Epoch and offset of the oldest checkpoint kept: the log is needed from there on."""
