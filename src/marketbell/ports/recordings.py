"""Recordings: the log's trades kept by session date, so that a day can be replayed."""

from typing import Protocol

from marketbell.core.columns.frame import Columns
from marketbell.ports.checkpoints import Checkpoint


class RecordingStore(Protocol):
    """Parts of a recorded session. Writing a part again replaces it. Raises StoreUnavailableError."""

    def begin(self, session_date: str, label: str, checkpoint: Checkpoint) -> None:
        """Keep the state that the session started from; the first one of a date and label stays.

        `label` names the part of the log: a partition, or some shards of it.
        """

    def write(self, session_date: str, label: str, rows: Columns) -> None:
        """Write rows of one date: the TRADE columns, `instrument` (VENUE:SYMBOL) and `position` (log offset).

        The part is named by its positions, so the same rows written again after a crash are one part.
        """
