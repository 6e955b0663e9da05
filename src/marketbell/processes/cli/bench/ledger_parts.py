"""What `bench ledger` needs around it: real servers, a real sender, a receiver, and Celery as the peer."""

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from marketbell.core.primitives.errors import UnavailableError
from marketbell.ports.servers import EmbeddedServer
from marketbell.wiring.bench import bench_cache, bench_migrate, bench_servers

PEER_MODULE = "marketbell.processes.cli.bench.ledger_peer"
READY_S = 60.0


@dataclass(frozen=True, slots=True)
class Servers:
    """URLs of a PostgreSQL that syncs to disk, migrated and with the peer's tables, and of a Valkey."""

    database: str
    valkey: str
    folder: Path
    pids: tuple[int, ...]

    def cpu_s(self, *more: int) -> float:
        """CPU seconds so far of this process, of both servers, and of these other processes and their children."""
        import psutil

        used = time.process_time()
        for pid in (*self.pids, *more):
            first = psutil.Process(pid)
            for one in (first, *first.children(recursive=True)):
                with contextlib.suppress(psutil.NoSuchProcess):
                    times = one.cpu_times()
                    used += times.user + times.system
        return used


def until(is_so: Callable[[], bool], what: str, within_s: float = READY_S, every_s: float = 0.01) -> None:
    """Wait for something. UnavailableError where it does not come."""
    deadline = time.monotonic() + within_s
    while not is_so():
        if time.monotonic() > deadline:
            raise UnavailableError(f"{what} did not come within {within_s:.0f} s")
        time.sleep(every_s)


@contextlib.contextmanager
def child(argv: list[str], log: Path, **how: object) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that is stopped by its pid."""
    with log.open("ab") as out:
        process = subprocess.Popen(  # type: ignore[call-overload]  # noqa: S603 — our own programs
            argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, **how
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def _running(server: EmbeddedServer, log: Path) -> Iterator[int]:
    server.prepare()
    launch = server.launch()
    how: dict[str, object] = {"env": dict(launch.env), "cwd": launch.cwd, "user": launch.uid, "group": launch.gid}
    if launch.uid is not None:
        how["extra_groups"] = []
    with child(list(launch.argv), log, **how) as process:
        until(server.is_ready, f"{server.name}'s answer")
        yield process.pid


@contextlib.contextmanager
def servers() -> Iterator[Servers]:
    """Both, in a folder that goes away."""
    from marketbell.processes.cli.bench.ledger_peer import make_tables

    with tempfile.TemporaryDirectory(prefix="marketbell-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        postgres, valkey = bench_servers(folder)
        with _running(postgres, folder / "postgres.log") as one, _running(valkey, folder / "valkey.log") as other:
            bench_migrate(postgres.url)
            make_tables(postgres.url)
            yield Servers(postgres.url, valkey.url, folder, (one, other))


@contextlib.contextmanager
def sender(found: Servers) -> Iterator[None]:
    """The real sender process."""
    from marketbell.settings import Settings

    settings = Settings(
        data_dir=found.folder / "data",
        database_url=found.database,
        redis_url=found.valkey,
        cache_url=found.valkey,
    )
    env = os.environ | settings.environment() | {"MARKETBELL_NOTIFY__ALLOW_PRIVATE": "127.0.0.1"}
    cache = bench_cache(found.valkey)
    argv = [sys.executable, "-m", "marketbell.processes.sender"]
    with child(argv, found.folder / "sender.log", env=env):
        until(lambda: b'"ready"' in (cache.get("proc:sender") or b""), "the sender")
        yield
    cache.close()


@contextlib.contextmanager
def celery_worker(found: Servers, processes: int = 2) -> Iterator[int]:
    """A real worker of the peer, with so many processes; its pid."""
    from marketbell.processes.cli.bench import ledger_peer

    env = os.environ | {"BENCH_BROKER": found.valkey, "BENCH_DATABASE": found.database}
    argv = [sys.executable, "-m", PEER_MODULE, str(processes)]
    with child(argv, found.folder / "celery.log", env=env) as process:
        app = ledger_peer.make_app(found.valkey)
        until(lambda: bool(app.control.ping(timeout=0.5)), "the Celery worker", every_s=0.1)
        yield process.pid


@dataclass(slots=True)
class Receiver:
    """A webhook that notes when each message came."""

    port: int = 0
    came: dict[str, float] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/hook"


@contextlib.contextmanager
def receiver() -> Iterator[Receiver]:
    """One on a thread of its own. A message is known by the header `Idempotency-Key`."""
    noted = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            now = time.perf_counter()
            self.rfile.read(int(self.headers["Content-Length"]))
            noted.came.setdefault(self.headers["Idempotency-Key"], now)
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 — the base class's name
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        noted.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield noted
        finally:
            server.shutdown()
            thread.join()
