"""The way out to one client: bytes go straight to its socket, and what does not fit waits, bounded.

A room's frame is the same bytes object for all members, so what waits here is references. A client that
falls more than PENDING_FRAMES behind loses deltas and gets the newest snapshot of those rooms once its
socket has room again. Alerts are never dropped; a client that lets too many of them wait is cut off
and finds them in its inbox.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

import gevent

PENDING_FRAMES = 8
PENDING_ALERTS = 1_000


class Outlet:
    """Writes for one socket. Every write of the connection goes through here, so frames never mix."""

    __slots__ = ("_flusher", "_pending", "_socket", "behind", "is_closed", "on_drained")

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._pending: deque[bytes | memoryview] = deque()
        self._flusher: Any = None
        self.is_closed = False
        self.behind: set[str] = set()
        self.on_drained: Callable[[], None] | None = None

    @property
    def depth(self) -> int:
        """How many frames wait."""
        return len(self._pending)

    def send(self, data: bytes) -> None:
        """Write now what the socket takes, let the rest wait. Never blocks, never switches to another greenlet."""
        if self.is_closed:
            return
        if self._pending:
            if len(self._pending) >= PENDING_ALERTS:
                self.close()
                return
            self._pending.append(data)
            return
        try:
            sent = self._socket.send(data, 0, 0.0)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.close()
            return
        if sent < len(data):
            self._pending.append(memoryview(data)[sent:])
            self._flusher = gevent.spawn(self._flush)

    def offer(self, room: str, frame: bytes) -> bool:
        """Write a delta, or note that the client is behind in that room. False where it was not taken."""
        if room in self.behind:
            return False
        if len(self._pending) >= PENDING_FRAMES:
            self.behind.add(room)
            return False
        self.send(frame)
        return True

    def _flush(self) -> None:
        try:
            while self._pending and not self.is_closed:
                self._socket.sendall(self._pending[0])
                self._pending.popleft()
        except OSError:
            self.close()
            return
        self._flusher = None
        if self.behind and self.on_drained is not None and not self.is_closed:
            self.on_drained()

    def close(self) -> None:
        """Nothing more goes out; the reading side notices the closed socket."""
        if self.is_closed:
            return
        self.is_closed = True
        self._pending.clear()
        flusher, self._flusher = self._flusher, None
        if flusher is not None and flusher is not gevent.getcurrent():
            flusher.kill(block=False)
        try:
            self._socket.shutdown(2)
        except OSError:
            return  # it was closed already
