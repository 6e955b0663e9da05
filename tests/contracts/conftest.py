"""The stores under test, the twin in memory and PostgreSQL, with whatever a test before left swept out; and a
receiver that answers as a provider would."""

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg
import pytest

from marketbell.adapters.outgoing.guarded import GuardedHttp
from marketbell.adapters.stores.memory import MemoryStores
from marketbell.adapters.stores.postgres import PostgresStores, migrate
from marketbell.ports.stores import Stores

SWEEP = """
    TRUNCATE market.instruments, market.snapshots, market.quality_counts, market.bars_1m, market.bars_1d,
        market.chains, reference.facts, rules.rules, rules.versions, rules.commands, rules.screens, rules.screen_events,
        ledger.firings, ledger.shard_progress, ledger.outbox, ledger.alert_reads, ledger.attempts,
        ledger.told, ledger.windows, ledger.preferences, ledger.silences, ledger.mutes, ledger.reads, ledger.archive,
        people.sessions, people.idempotency,
        people.channels, engagement.watchlists
"""


@pytest.fixture(scope="module")
def migrated_url(postgres_url: str) -> str:
    migrate.upgrade(postgres_url)
    return postgres_url


@pytest.fixture
def postgres_stores(migrated_url: str) -> Iterator[PostgresStores]:
    with psycopg.connect(migrated_url) as connection:
        connection.execute(SWEEP)
    made = PostgresStores(migrated_url)
    yield made
    made.close()


@pytest.fixture(params=["memory", "postgres"])
def stores(request: pytest.FixtureRequest) -> Stores:
    if request.param == "memory":
        return MemoryStores()
    made: Stores = request.getfixturevalue("postgres_stores")
    return made


@dataclass
class Receiver:
    """A local HTTP server that answers as told and notes what it got: path, headers (lower case), body."""

    status: int = 200
    body: bytes = b"ok"
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    drops: bool = False
    """Take the request and break the line without a word."""
    calls: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.base}/hook?key=1"


@pytest.fixture(scope="module")
def receiver_server() -> Iterator[list[Receiver]]:
    """One server for a module's tests; each test puts its own Receiver in front."""
    current = [Receiver()]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told = current[0]
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.calls.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            time.sleep(told.delay_s)
            if told.drops:
                self.close_connection = True
                return
            self.send_response(told.status)
            for name, value in told.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(told.body)))
            self.end_headers()
            with contextlib.suppress(ConnectionError):  # whoever asked may have gone
                self.wfile.write(told.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 — the base class's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        current[0].port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield current
        server.shutdown()
        thread.join()


@pytest.fixture
def receiver(receiver_server: list[Receiver]) -> Receiver:
    receiver_server[0] = Receiver(port=receiver_server[0].port)
    return receiver_server[0]


@pytest.fixture(scope="module")
def http() -> Iterator[GuardedHttp]:
    door = GuardedHttp(["127.0.0.1"])
    yield door
    door.close()
