"""Recordings in one process: what tests use."""

from marketbell.core.columns.frame import Columns
from marketbell.ports.checkpoints import Checkpoint


class MemoryRecordings:
    """Parts by date, partition and first position."""

    def __init__(self) -> None:
        self.starts: dict[tuple[str, int], Checkpoint] = {}
        self.parts: dict[tuple[str, int, int], Columns] = {}

    def begin(self, session_date: str, checkpoint: Checkpoint) -> None:
        """The first one stays."""
        self.starts.setdefault((session_date, checkpoint.partition), checkpoint)

    def write(self, session_date: str, partition: int, rows: Columns) -> None:
        """A part of the same first position replaces the one before."""
        self.parts[session_date, partition, int(rows["position"][0])] = rows
