"""The wire: one websocket connection over a plain socket. wsproto speaks the protocol, this file the bytes.

Blocking with timeouts, one thread, no callbacks: who reads decides when.
"""

import select
import socket
import ssl
import time
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Ping,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)
from wsproto.utilities import ProtocolError

from marketbell.core.primitives.errors import FeedUnavailableError

MAX_MESSAGE = 4_000_000
_CHUNK = 65_536


class RejectedError(FeedUnavailableError):
    """The server answered the handshake with another status than 101."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the provider answered {status} to the connection")
        self.status = status


class Connection:
    """An open websocket. Raises FeedUnavailableError when it is lost; the URL (it bears the key) is in no message."""

    def __init__(self, url: str, timeout_s: float = 10.0) -> None:
        parts = urlsplit(url)
        host, is_secure = parts.hostname or "", parts.scheme == "wss"
        self._protocol = WSConnection(ConnectionType.CLIENT)
        self._messages: list[str | bytes] = []
        self._partial: list[str | bytes] = []
        self._partial_size = 0
        self._is_open = False
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            self._socket = socket.create_connection((host, parts.port or (443 if is_secure else 80)), timeout_s)
        except OSError as error:
            raise FeedUnavailableError(f"{host} cannot be reached: {error}") from None
        try:
            if is_secure:
                self._socket = ssl.create_default_context().wrap_socket(self._socket, server_hostname=host)
            self._shake_hands(host, Request(host=parts.netloc.rpartition("@")[2], target=target), timeout_s)
        except OSError as error:
            self._socket.close()
            raise FeedUnavailableError(f"{host} broke off: {error}") from None
        except FeedUnavailableError:
            self._socket.close()
            raise

    def _shake_hands(self, host: str, request: Request, timeout_s: float) -> None:
        self._write(self._protocol.send(request))
        deadline = time.monotonic() + timeout_s
        while not self._is_open:
            if not self._read_once(deadline - time.monotonic()) and time.monotonic() >= deadline:
                raise FeedUnavailableError(f"{host} did not answer within {timeout_s:g} s")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _t: TracebackType | None
    ) -> None:
        self.close()

    def send(self, text: str) -> None:
        """Send one text message."""
        try:
            self._write(self._protocol.send(TextMessage(data=text)))
        except (OSError, ProtocolError) as error:
            raise FeedUnavailableError(f"the connection was lost: {error}") from None

    def receive(self, timeout_s: float) -> str | bytes | None:
        """The next message, or None when none came within the time."""
        deadline = time.monotonic() + timeout_s
        while not self._messages:
            left = deadline - time.monotonic()
            try:
                if not self._read_once(max(left, 0.0)) and left <= 0:
                    return None
            except OSError as error:
                raise FeedUnavailableError(f"the connection was lost: {error}") from None
        return self._messages.pop(0)

    def close(self) -> None:
        """Say goodbye, as far as anybody listens, and close the socket."""
        try:
            if self._protocol.state is ConnectionState.OPEN:
                self._write(self._protocol.send(CloseConnection(code=1000)))
        except (OSError, ProtocolError):
            pass  # the other side is gone: nothing is left to say
        finally:
            self._socket.close()

    def _write(self, data: bytes) -> None:
        self._socket.sendall(data)

    def _read_once(self, timeout_s: float) -> bool:
        """Read what is there, waiting for it at most so long; False when nothing came."""
        pending = isinstance(self._socket, ssl.SSLSocket) and self._socket.pending()
        if not pending and not select.select([self._socket], [], [], max(timeout_s, 0.0))[0]:
            return False
        data = self._socket.recv(_CHUNK)
        try:
            self._protocol.receive_data(data or None)
            for event in self._protocol.events():
                self._take(event)
        except ProtocolError as error:
            raise FeedUnavailableError(f"the provider does not speak the protocol: {error}") from None
        if not data:
            raise FeedUnavailableError("the provider closed the connection")
        return True

    def _take(self, event: object) -> None:
        if isinstance(event, AcceptConnection):
            self._is_open = True
        elif isinstance(event, RejectConnection):
            raise RejectedError(event.status_code)
        elif isinstance(event, TextMessage | BytesMessage):
            self._gather(event.data, is_whole=event.message_finished)
        elif isinstance(event, Ping):
            self._write(self._protocol.send(event.response()))
        elif isinstance(event, CloseConnection):
            if self._protocol.state is ConnectionState.REMOTE_CLOSING:
                self._write(self._protocol.send(event.response()))
            raise FeedUnavailableError(f"the provider closed the connection ({int(event.code)})")
        elif isinstance(event, RejectData):
            return

    def _gather(self, data: str | bytes | bytearray, *, is_whole: bool) -> None:
        part = data if isinstance(data, str) else bytes(data)
        self._partial.append(part)
        self._partial_size += len(part)
        if self._partial_size > MAX_MESSAGE:
            raise FeedUnavailableError("the provider sent a message beyond every measure")
        if is_whole:
            parts, self._partial, self._partial_size = self._partial, [], 0
            texts = [one for one in parts if isinstance(one, str)]
            whole = "".join(texts) if texts else b"".join(one for one in parts if isinstance(one, bytes))
            self._messages.append(whole)
