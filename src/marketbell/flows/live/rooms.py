"""A room: one view on the board, a position that only grows, and enough history to resume.

A position is `epoch:seq`. The epoch is a word of this server's start; the sequence grows by one with
each event. A reader that has position n and gets n + 1 has missed nothing. A delta carries whole rows
and whole parts (latest value wins), so applying one twice changes nothing.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from marketbell.flows.live.board import MarketBoard
from marketbell.flows.live.views import View

HISTORY_EVENTS = 1_000
HISTORY_S = 600.0
HISTORY_BYTES = 2 << 20

Encode = Callable[[str, dict[str, Any]], bytes]
"""(event, payload) to the bytes that every member gets."""


@dataclass(frozen=True, slots=True)
class Event:
    """One encoded event of a room and when it was said (steady seconds)."""

    seq: int
    at_s: float
    frame: bytes


class Room:
    """Composes the frames of one room. Members and sockets are somebody else's."""

    def __init__(self, name: str, view: View, epoch: str, encode: Encode) -> None:
        self.name = name
        self.view = view
        self.epoch = epoch
        self.seq = 0
        self._encode = encode
        self._seen = 0
        self._keys: dict[str, None] = {}
        self._history: deque[Event] = deque()
        self._history_bytes = 0
        self._snapshot: tuple[int, int, bytes] | None = None

    @property
    def position(self) -> str:
        """Where the room stands."""
        return f"{self.epoch}:{self.seq}"

    def open(self, board: MarketBoard) -> None:
        """Take the board as it is now for the beginning: what it holds comes by snapshot, not by delta."""
        self._seen = board.version
        self._keys = dict.fromkeys(self.view.keys(board))

    # -- what changed --------------------------------------------------------------------------------------------

    def advance(self, board: MarketBoard, now_s: float) -> Event | None:
        """The next delta, or None when nothing of the room's changed. All members get the same bytes."""
        if board.version == self._seen:
            return None
        since, self._seen = self._seen, board.version
        payload: dict[str, Any] = {}
        keys = dict.fromkeys(self.view.keys(board))
        removed = [key for key in self._keys if key not in keys]
        rows = self._changed(board, keys, since)
        data = self.view.data(board, since)
        if not rows and not data and not removed:
            return None
        if rows:
            payload["rows"] = rows
        if data:
            payload["data"] = data
        if removed:
            payload["removed"] = removed
        return self._say("delta", {"as_of": board.as_of, **payload}, now_s)

    def _changed(self, board: MarketBoard, keys: dict[str, None], since: int) -> list[Any]:
        old, self._keys = self._keys, keys
        fresh = [key for key in keys if key not in old]
        # The shorter walk wins: a page about one share does not look at the whole market.
        shelf = self.view.shelf(board)
        if len(keys) <= 8:
            moved = [key for key in keys if key in old and shelf.row_changed(key, since)]
        else:
            moved = [key for key in shelf.changed_rows(since) if key in keys and key in old]
        rows = (shelf.row(key) for key in (*fresh, *moved))
        return [row for row in rows if row is not None]

    def say(self, event: str, payload: dict[str, Any], now_s: float) -> Event:
        """An event of its own (an alert): never conflated, part of the sequence."""
        return self._say(event, payload, now_s)

    def _say(self, event: str, payload: dict[str, Any], now_s: float) -> Event:
        self.seq += 1
        frame = self._encode(event, {"room": self.name, "seq": self.seq, **payload})
        said = Event(self.seq, now_s, frame)
        self._history.append(said)
        self._history_bytes += len(frame)
        while self._history and (
            len(self._history) > HISTORY_EVENTS
            or self._history_bytes > HISTORY_BYTES
            or now_s - self._history[0].at_s > HISTORY_S
        ):
            self._history_bytes -= len(self._history.popleft().frame)
        return said

    # -- joining -------------------------------------------------------------------------------------------------

    def snapshot(self, board: MarketBoard) -> bytes:
        """Everything, with the position that deltas go on from. Encoded once for all who join between two changes."""
        if self._snapshot is not None and self._snapshot[:2] == (board.version, self.seq):
            return self._snapshot[2]
        shelf = self.view.shelf(board)
        rows = (shelf.row(key) for key in self.view.keys(board))
        payload = {
            "room": self.name,
            "position": self.position,
            "as_of": board.as_of,
            "columns": list(shelf.names),
            "rows": [row for row in rows if row is not None],
            "data": self.view.data(board, 0),
        }
        frame = self._encode("snapshot", payload)
        self._snapshot = (board.version, self.seq, frame)
        return frame

    def since(self, position: str) -> list[bytes] | None:
        """The events behind a position, [] when it is the newest; None when it cannot be resumed from."""
        epoch, _, word = position.rpartition(":")
        if epoch != self.epoch or not word.isascii() or not word.isdigit():
            return None
        seq = int(word)
        if seq > self.seq:
            return None
        if seq == self.seq:
            return []
        if not self._history or self._history[0].seq > seq + 1:
            return None
        return [event.frame for event in self._history if event.seq > seq]
