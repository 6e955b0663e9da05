"""`python -m … live_clients PORT COUNT`: many WebSocket clients in one small process, for `bench live`.

Real Engine.IO and Socket.IO handshakes, then one epoll loop that only counts frames and reads the time
in them. Commands come on standard input: `report` prints one line of JSON and starts the count anew.
"""

import base64
import json
import os
import re
import resource
import select
import socket
import statistics
import struct
import sys
import time

_AS_OF = re.compile(rb'"as_of":(\d+)')
_HANDSHAKE = (
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
)
TOKEN = "bench"  # noqa: S105 — for two servers of the benchmark's own


def masked(text: str) -> bytes:
    """A client's text frame. The mask is zero: allowed, and the payload stays as it is."""
    payload = text.encode()
    return struct.pack("!BB4x", 0x81, 0x80 | len(payload)) + payload


class Member:
    """One client."""

    def __init__(self, port: int, token: str = TOKEN) -> None:
        self.buffer = bytearray()
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(_HANDSHAKE.format(port=port, key=key).encode())
        while b"\r\n\r\n" not in self.buffer:
            self._read()
        del self.buffer[: self.buffer.index(b"\r\n\r\n") + 4]
        self._until(b"0{")
        self.socket.sendall(masked("40" + json.dumps({"token": token})))
        self._until(b"40")
        self.socket.setblocking(False)

    def join(self, room: str) -> None:
        """Enter a room and wait for its answer."""
        self.socket.setblocking(True)
        self.socket.sendall(masked("420" + json.dumps(["join", {"room": room}])))
        self._until(b"430")
        self.socket.setblocking(False)

    def _read(self) -> None:
        data = self.socket.recv(1 << 16)
        if not data:
            raise ConnectionError("the server closed the connection")
        self.buffer += data

    def _until(self, start: bytes) -> None:
        while True:
            for frame in self.frames():
                if frame.startswith(start):
                    return
            self._read()

    def frames(self) -> list[bytes]:
        """Whole frames that have arrived."""
        found = []
        at = 0
        buffer = self.buffer
        while len(buffer) - at >= 2:
            size = buffer[at + 1] & 0x7F
            head = at + 2
            if size == 126:
                if len(buffer) - at < 4:
                    break
                size, head = int.from_bytes(buffer[at + 2 : at + 4], "big"), at + 4
            elif size == 127:
                if len(buffer) - at < 10:
                    break
                size, head = int.from_bytes(buffer[at + 2 : at + 10], "big"), at + 10
            if len(buffer) < head + size:
                break
            found.append(bytes(buffer[head : head + size]))
            at = head + size
        if at:
            del buffer[:at]
        return found


def main(port: int, count: int) -> None:
    """Connect, say so, then count until standard input ends."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(4_096, count * 2)), hard))
    poll = select.epoll()
    members = {}
    for _ in range(count):
        member = Member(port)
        member.join("market")
        members[member.socket.fileno()] = member
        poll.register(member.socket.fileno(), select.EPOLLIN)
    stdin = sys.stdin.fileno()
    poll.register(stdin, select.EPOLLIN)
    print(json.dumps({"connected": len(members)}), flush=True)
    latencies: list[float] = []
    while True:
        for number, _ in poll.poll():
            if number == stdin:
                if not os.read(stdin, 1_024):
                    return
                print(json.dumps(_report(latencies)), flush=True)
                latencies.clear()
                continue
            _hear(members[number], latencies)


def _hear(member: Member, latencies: list[float]) -> None:
    try:
        member.buffer += member.socket.recv(1 << 16)
    except BlockingIOError:
        return
    now = time.time_ns()
    for frame in member.frames():
        if frame == b"2":
            member.socket.sendall(masked("3"))
        elif frame.startswith(b'42["delta"'):
            sent = _AS_OF.search(frame)
            if sent:
                latencies.append((now - int(sent.group(1))) / 1e6)


def _report(latencies: list[float]) -> dict[str, float]:
    if len(latencies) < 2:
        return {"deliveries": len(latencies), "p50": 0.0, "p99": 0.0}
    cuts = statistics.quantiles(latencies, n=100)
    return {"deliveries": len(latencies), "p50": cuts[49], "p99": cuts[98]}


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
