"""Engine.IO's WebSocket under gevent with our outlet for all writes and bounds on all reads.

python-engineio asks for a class that wraps the server's socket; this one keeps the outlets by
Engine.IO session, so that rooms can write to a member without a queue and a task in between.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any

from geventwebsocket.exceptions import ProtocolError
from geventwebsocket.handler import WebSocketHandler

from marketbell.processes.live.outlet import Outlet
from marketbell.processes.live.wire import websocket_frame

MAX_MESSAGE = 16 << 10
"""Bytes of one incoming message: joins are short."""
READ_BURST = 64 << 10
READ_PER_S = 16 << 10
PING_INTERVAL_S = 20
PING_TIMEOUT_S = 20


class LiveSocket:
    """One connection: `send` and `close` for Engine.IO, an outlet for the rooms."""

    def __init__(self, outlets: dict[str, Outlet], handler: Callable[[Any], Any], _server: Any) -> None:
        self._outlets = outlets
        self._handler = handler
        self._ws: Any = None
        self.outlet: Outlet | None = None

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        ws = environ.get("wsgi.websocket")
        if ws is None:
            start_response("400 Bad Request", [("Content-Type", "text/plain")])
            return [b"a WebSocket is needed here"]
        socket = ws.handler.socket
        socket.settimeout(PING_INTERVAL_S + PING_TIMEOUT_S)
        self._ws = ws
        self.outlet = Outlet(socket)
        ws.raw_write = self.outlet.send  # pongs and the closing frame take the same way
        ws.raw_read = _bounded(ws.raw_read)
        sid: str = self._handler.__self__.sid  # type: ignore[attr-defined]  # it is a method of engineio's Socket
        self._outlets[sid] = self.outlet
        try:
            self._handler(self)
        finally:
            self._outlets.pop(sid, None)
            self.outlet.close()
        return []

    def send(self, message: str | bytes) -> None:
        """A packet of Engine.IO's own: handshake, acknowledgement, ping."""
        if self.outlet is None or self.outlet.is_closed:
            raise ConnectionError("the connection is closed")
        is_text = isinstance(message, str)
        payload = message.encode() if isinstance(message, str) else message
        self.outlet.send(websocket_frame(payload, is_text=is_text))

    def wait(self) -> str | bytes | None:
        """The next message; None when the client closed."""
        return self._ws.receive()  # type: ignore[no-any-return]

    def close(self) -> None:
        """Say goodbye if it is still possible, then close."""
        if self._ws is not None and not self._ws.closed:
            self._ws.close()
        if self.outlet is not None:
            self.outlet.close()


class Door(WebSocketHandler):  # type: ignore[misc]
    """Turns pages of other sites away before the connection becomes a WebSocket."""

    def is_welcome(self, environ: dict[str, Any]) -> bool:
        """Overridden by the server: whether the page that asks is ours."""
        raise NotImplementedError

    def upgrade_websocket(self) -> Any:
        """The handshake, after a look at who asks."""
        if not self.is_welcome(self.environ):
            self.start_response("403 Forbidden", [("Content-Type", "text/plain")])
            return [b"pages of other sites may not connect\n"]
        return super().upgrade_websocket()


def _bounded(read: Callable[[int], bytes]) -> Callable[[int], bytes]:
    """Refuse long messages and floods before their bytes are read."""
    level = float(READ_BURST)
    at = time.monotonic()

    def bounded(size: int) -> bytes:
        nonlocal level, at
        now = time.monotonic()
        level = min(READ_BURST, level + (now - at) * READ_PER_S) - size
        at = now
        if size > MAX_MESSAGE or level < 0:
            raise ProtocolError(f"a message of {size} bytes is too much")
        return read(size)

    return bounded
