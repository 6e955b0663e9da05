"""Checkpoints in one process: what tests use."""

from dataclasses import replace

from marketbell.core.primitives.errors import CheckpointError
from marketbell.ports.checkpoints import Checkpoint, CheckpointPlace, unneeded

_KEPT = 3


class MemoryCheckpoints:
    """Keeps three of each shard. `damage` makes the newest of a shard unreadable."""

    def __init__(self) -> None:
        self._kept: dict[CheckpointPlace, Checkpoint] = {}
        self._damaged: set[CheckpointPlace] = set()

    def save(self, checkpoint: Checkpoint) -> None:
        """Keep a copy."""
        arrays = {name: column.copy() for name, column in checkpoint.arrays.items()}
        self._kept[checkpoint.place] = replace(checkpoint, arrays=arrays)
        for place in unneeded(list(self._kept), _KEPT):
            del self._kept[place]

    def kept(self) -> list[CheckpointPlace]:
        """Oldest first."""
        return sorted(self._kept, key=lambda place: place.age)

    def load(self, place: CheckpointPlace) -> Checkpoint:
        """The checkpoint, unless it was damaged."""
        if place in self._damaged or place not in self._kept:
            message = f"checkpoint {place.sequence} of shards {place.shards} is damaged"
            raise CheckpointError(message)
        found = self._kept[place]
        return replace(found, arrays={name: column.copy() for name, column in found.arrays.items()})

    def newest(self, shard: int = 0) -> Checkpoint | None:
        """The newest undamaged one that holds a shard."""
        places = [place for place in self.kept() if shard in place.shards and place not in self._damaged]
        return self._kept[places[-1]] if places else None

    def damage(self, shard: int = 0) -> None:
        """Make the newest one that holds a shard unreadable."""
        self._damaged.add(max((one for one in self._kept if shard in one.shards), key=lambda one: one.age))
