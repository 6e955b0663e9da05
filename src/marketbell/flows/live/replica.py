"""What a reader does with a room's events: the contract of snapshot and delta, as code.

The browser does the same in its own language; tests and the load client use this one.
"""

from collections.abc import Mapping
from typing import Any


class Replica:
    """One room as a reader knows it. `is_good` is False until a snapshot came and after a gap was seen."""

    def __init__(self) -> None:
        self.is_good = False
        self.epoch = ""
        self.seq = 0
        self.columns: list[str] = []
        self.rows: dict[str, list[Any]] = {}
        self.data: dict[str, Any] = {}

    @property
    def position(self) -> str:
        """Where to resume."""
        return f"{self.epoch}:{self.seq}"

    def snapshot(self, message: Mapping[str, Any]) -> None:
        """Start anew from everything."""
        epoch, _, seq = str(message["position"]).rpartition(":")
        self.epoch, self.seq = epoch, int(seq)
        self.columns = list(message.get("columns") or ())
        self.rows = {row[0]: row[1:] for row in message.get("rows") or ()}
        self.data = dict(message.get("data") or {})
        self.is_good = True

    def delta(self, message: Mapping[str, Any]) -> bool:
        """Apply one; False where something was missed (join again without a position). An old one is ignored."""
        seq = int(message["seq"])
        if seq <= self.seq:
            return True
        if seq != self.seq + 1:
            self.is_good = False
            return False
        self.seq = seq
        for key in message.get("removed") or ():
            self.rows.pop(key, None)
        for row in message.get("rows") or ():
            self.rows[row[0]] = row[1:]
        self.data |= message.get("data") or {}
        return True
