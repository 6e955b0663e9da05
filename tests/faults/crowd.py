"""Hundreds of browsers' lines to `live` in one thread: they come back by themselves, and keep what they were shown.

Each joins its person's room with the place it had. Where the server cannot go on from there, it reloads the
alerts from the database, as the page does from `/api/alerts`.
"""

import json
import random
import select
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from marketbell.processes.cli.bench.live_clients import Member, masked

ROOM = "user:me"
FIRST_S, LONGEST_S, JITTER = 0.5, 8.0, 0.5
"""How the page comes back: after half a second, doubled up to eight, half of it by chance."""
HANDS = 8


@dataclass(eq=False)
class Browser:
    """One page: its line, its place in the room, and the alerts that it shows."""

    chance: random.Random
    line: Member | None = None
    position: str | None = None
    epoch: str = ""
    seq: int = 0
    is_joined: bool = False
    tries: int = 0
    due: float = 0.0
    shown: set[str] = field(default_factory=set)
    said: list[tuple[str, str]] = field(default_factory=list)
    """(epoch, firing) of every alert that was told, repeats of a number of the room left out."""

    def wait_s(self) -> float:
        """Until the next try to come back."""
        wait = min(LONGEST_S, FIRST_S * 2**self.tries)
        self.tries += 1
        return wait * self.chance.uniform(1 - JITTER, 1 + JITTER)


class Crowd(threading.Thread):
    """Runs until `end`. `reload` gives the ids of all alerts, as the API lists them."""

    def __init__(self, port: int, token: str, count: int, reload: Callable[[], set[str]]) -> None:
        super().__init__(name="crowd", daemon=True)
        self._port = port
        self._token = token
        self._reload = reload
        self._poll = select.epoll()
        self._by_line: dict[int, Browser] = {}
        self._coming: dict[Future[Member], Browser] = {}
        self._hands = ThreadPoolExecutor(HANDS, thread_name_prefix="browser")
        self._is_over = threading.Event()
        self.resyncs = 0
        self.browsers = [Browser(random.Random(number)) for number in range(count)]  # noqa: S311 — jitter, no secret

    @property
    def joined(self) -> int:
        """How many are in their room."""
        return sum(one.is_joined for one in self.browsers)

    def end(self) -> None:
        """Hang up."""
        self._is_over.set()
        self.join(20.0)

    def run(self) -> None:
        while not self._is_over.is_set():
            now = time.monotonic()
            coming = set(self._coming.values())
            for one in self.browsers:
                if one.line is None and one not in coming and one.due <= now:
                    self._coming[self._hands.submit(self._connected)] = one
            for done in [future for future in self._coming if future.done()]:
                self._arrived(self._coming.pop(done), done)
            for number, _ in self._poll.poll(0.02):
                if number in self._by_line:
                    self._hear(self._by_line[number])
        self._hands.shutdown()
        for done in self._coming:
            if done.exception() is None:
                done.result().socket.close()
        for one in list(self._by_line.values()):
            self._lose(one)
        self._poll.close()

    def _connected(self) -> Member:
        return Member(self._port, self._token)

    def _arrived(self, one: Browser, done: Future[Member]) -> None:
        if done.exception() is not None:
            one.due = time.monotonic() + one.wait_s()
            return
        one.line = done.result()
        number = one.line.socket.fileno()
        self._by_line[number] = one
        self._poll.register(number, select.EPOLLIN)
        asked = json.dumps(["join", {"room": ROOM, "position": one.position}])
        try:
            one.line.socket.sendall(masked(f"421{asked}"))
        except OSError:
            self._lose(one)

    def _lose(self, one: Browser) -> None:
        assert one.line is not None
        number = one.line.socket.fileno()
        self._poll.unregister(number)
        del self._by_line[number]
        one.line.socket.close()
        one.line, one.is_joined = None, False
        one.due = time.monotonic() + one.wait_s()

    def _hear(self, one: Browser) -> None:
        assert one.line is not None
        try:
            data = one.line.socket.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lose(one)
            return
        one.line.buffer += data
        for frame in one.line.frames():
            if frame == b"2":
                one.line.socket.sendall(masked("3"))
            elif frame.startswith(b"431"):
                assert json.loads(frame[3:])[0]["ok"], frame
                one.is_joined, one.tries = True, 0
            elif frame.startswith(b"42["):
                self._event(one, *json.loads(frame[2:]))

    def _event(self, one: Browser, name: str, body: dict[str, object]) -> None:
        if name == "snapshot":
            one.epoch, _, seq = str(body["position"]).rpartition(":")
            one.seq = int(seq)
            one.shown |= self._reload()
        elif name == "resync":
            self.resyncs += 1
        elif name in {"alert", "delta"}:
            number = int(str(body["seq"]))
            if number <= one.seq:
                return
            assert number == one.seq + 1, "a number of the room is missing, and nobody said so"
            one.seq = number
            if name == "alert":
                firing = str(body["firing_id"])
                one.shown.add(firing)
                one.said.append((one.epoch, firing))
        one.position = f"{one.epoch}:{one.seq}"
