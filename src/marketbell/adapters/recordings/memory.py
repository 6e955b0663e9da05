"""Recordings in one process: what tests use."""

from marketbell.core.columns.frame import Columns
from marketbell.ports.checkpoints import Checkpoint


class MemoryRecordings:
    """Parts by date, label and first position."""

    def __init__(self) -> None:
        self.starts: dict[tuple[str, str], Checkpoint] = {}
        self.parts: dict[tuple[str, str, int], Columns] = {}

    def begin(self, session_date: str, label: str, checkpoint: Checkpoint) -> None:
        """The first one stays."""
        self.starts.setdefault((session_date, label), checkpoint)

    def write(self, session_date: str, label: str, rows: Columns) -> None:
        """A part of the same first position replaces the one before."""
        self.parts[session_date, label, int(rows["position"][0])] = rows
