"""Checkpoints in one process: what tests use."""

from marketbell.ports.checkpoints import Checkpoint


class MemoryCheckpoints:
    """Keeps three of each partition. `damage` makes the newest unreadable."""

    def __init__(self) -> None:
        self._kept: dict[int, list[Checkpoint]] = {}
        self._damaged: set[tuple[int, int]] = set()

    def save(self, checkpoint: Checkpoint) -> None:
        """Keep a copy."""
        arrays = {name: column.copy() for name, column in checkpoint.arrays.items()}
        copy = Checkpoint(
            checkpoint.partition,
            checkpoint.epoch,
            checkpoint.offset,
            checkpoint.sequence,
            checkpoint.run,
            checkpoint.taken_at,
            arrays,
        )
        self._kept[checkpoint.partition] = [*self._kept.get(checkpoint.partition, []), copy][-3:]

    def load(self, partition: int) -> tuple[Checkpoint | None, list[str]]:
        """The newest undamaged one."""
        passed_over = []
        for checkpoint in reversed(self._kept.get(partition, [])):
            if (partition, checkpoint.sequence) in self._damaged:
                passed_over.append(f"checkpoint {checkpoint.sequence} is damaged")
                continue
            return checkpoint, passed_over
        return None, passed_over

    def oldest(self, partition: int) -> tuple[str, int] | None:
        """Of those kept."""
        kept = self._kept.get(partition)
        return (kept[0].epoch, kept[0].offset) if kept else None

    def damage(self, partition: int) -> None:
        """Make the newest one unreadable."""
        self._damaged.add((partition, self._kept[partition][-1].sequence))
