"""`marketbell bench live`: one room, a thousand clients; our way out beside a plain Flask-SocketIO emit.

Two servers with a thousand clients each stay connected all the time; frames are said by one of them at a
time, in turn. CPU is the server's own, latency is from the change of the board to the client's socket.
"""

import contextlib
import json
import statistics
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

from marketbell.core.primitives.errors import UnavailableError
from marketbell.processes.cli.bench.rows import BenchRow

CLIENTS = 1_000
RUNS = 5
FRAMES = 25
EVERY_S = 0.1
PEER = "Flask-SocketIO emit (gevent)"
_PACKAGE = "marketbell.processes.cli.bench"


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one server."""

    per_cpu_s: float
    p50: float
    p99: float


class Side:
    """A server and its clients."""

    def __init__(self, server: "subprocess.Popen[str]", clients: "subprocess.Popen[str]", port: int) -> None:
        self._server = server
        self._clients = clients
        self._url = f"http://127.0.0.1:{port}/run"
        self.rss_each = 0.0

    def say(self, frames: int) -> dict[str, float]:
        """Let the server say that many frames; CPU seconds and RSS in bytes."""
        with urllib.request.urlopen(f"{self._url}?frames={frames}&every={EVERY_S}", timeout=60) as answer:  # noqa: S310
            found: dict[str, float] = json.load(answer)
        return found

    def heard(self) -> dict[str, float]:
        """What the clients got since the last question."""
        if self._clients.stdin is None:
            raise UnavailableError("the clients are gone")
        self._clients.stdin.write("report\n")
        self._clients.stdin.flush()
        found: dict[str, float] = json.loads(_line(self._clients))
        return found

    def run(self) -> Run:
        """One measured run."""
        self.heard()
        cost = self.say(FRAMES)
        got = self.heard()
        return Run(got["deliveries"] / cost["cpu_s"], got["p50"], got["p99"])


def _line(process: "subprocess.Popen[str]") -> str:
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        raise UnavailableError(f"a process of the benchmark ended early (exit code {process.wait(5)})")
    return line


@contextlib.contextmanager
def _started(module: str, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """A child that ends when its standard input does; ended by its pid where it does not."""
    child = subprocess.Popen(  # noqa: S603 — our own modules
        [sys.executable, "-m", f"{_PACKAGE}.{module}", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield child
    finally:
        if child.stdin:
            child.stdin.close()
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        if child.stdout:
            child.stdout.close()


@contextlib.contextmanager
def _side(which: str, clients: int) -> Iterator[Side]:
    with _started("live_servers", which) as server:
        port = int(_line(server))
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/run?frames=1&every=0", timeout=30) as answer:
            before = json.load(answer)["rss"]
        with _started("live_clients", str(port), str(clients)) as members:
            _line(members)
            side = Side(server, members, port)
            after = side.say(5)["rss"]
            side.rss_each = (after - before) / clients / 1024
            yield side


def run(clients: int = CLIENTS, runs: int = RUNS) -> list[BenchRow]:
    """Measure, ours and the peer in turn; medians."""
    ours: list[Run] = []
    peers: list[Run] = []
    with _side("ours", clients) as our_side, _side("peer", clients) as peer_side:
        for _ in range(runs):
            ours.append(our_side.run())
            peers.append(peer_side.run())
        our_rss, peer_rss = our_side.rss_each, peer_side.rss_each

    def median(name: str, found: list[Run]) -> float:
        return float(statistics.median(getattr(one, name) for one in found))

    what = f"{clients:,} clients, {1 / EVERY_S:.0f} frames/s of 20 rows"
    return [
        BenchRow(
            f"fan-out: {what}",
            "deliveries/CPU-s",
            median("per_cpu_s", ours),
            median("per_cpu_s", peers),
            PEER,
            target=2.0,
        ),
        BenchRow(f"latency p50: {what}", "ms", median("p50", ours), median("p50", peers), PEER, higher_is_better=False),
        BenchRow(
            f"latency p99 (goal <= 150 ms with the frame's wait): {what}",
            "ms",
            median("p99", ours),
            median("p99", peers),
            PEER,
            target=1.0,
            higher_is_better=False,
        ),
        BenchRow("memory each client", "KiB RSS", our_rss, peer_rss, PEER, higher_is_better=False),
    ]
