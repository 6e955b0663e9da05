"""The sender as a process, over a real PostgreSQL, killed at seeded moments; and its loop over a store that fails."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from marketbell.adapters.clock.system import SystemClock
from marketbell.adapters.notifiers.in_app import InApp
from marketbell.adapters.stores.memory import MemoryStores
from marketbell.adapters.stores.postgres import PostgresStores
from marketbell.adapters.stores.postgres.migrate import upgrade
from marketbell.core.market.instrument import Instrument
from marketbell.core.primitives.errors import StoreUnavailableError
from marketbell.flows.alerting.delivering import Deliverer
from marketbell.flows.alerting.planning import Planner
from marketbell.ports.stores import LOCAL_OWNER, Channel, Firing
from marketbell.processes.sender.loop import SenderLoop

KILLS = 3
FIRINGS = 60
WITHIN_S = 30.0


@dataclass
class Receivers:
    """A webhook and a Slack that note what they accepted."""

    port: int = 0
    delay_s: float = 0.002
    keys: Counter[str] = field(default_factory=Counter)
    texts: Counter[str] = field(default_factory=Counter)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}"


@pytest.fixture
def receivers() -> Iterator[Receivers]:
    noted = Receivers()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(noted.delay_s)
            if self.path == "/slack":
                noted.texts[json.loads(body)["text"]] += 1
            else:
                noted.keys[self.headers["Idempotency-Key"]] += 1
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 — the base class's name
            pass

        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionError:
                return  # the sender was killed while we answered

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            pass  # killed senders break connections: that is the test

    with Server(("127.0.0.1", 0), Handler) as server:
        noted.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield noted
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def stores(postgres_url: str) -> Iterator[PostgresStores]:
    upgrade(postgres_url)
    stores = PostgresStores(postgres_url)
    stores.instruments.put([Instrument("NSE:RELIANCE", "Reliance Industries")])
    yield stores
    stores.close()


Start = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def start(postgres_url: str, valkey_url: str, tmp_path: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[bytes]] = []
    env = os.environ | {
        "MARKETBELL_DATABASE_URL": postgres_url,
        "MARKETBELL_CACHE_URL": valkey_url,
        "MARKETBELL_DATA_DIR": str(tmp_path),
        "MARKETBELL_NOTIFY__ALLOW_PRIVATE": "127.0.0.1",
        "MARKETBELL_NOTIFY__LEASE_S": "2.0",
    }

    def run() -> subprocess.Popen[bytes]:
        with (tmp_path / "sender.log").open("ab") as out:
            started.append(
                subprocess.Popen([sys.executable, "-m", "marketbell.processes.sender"], env=env, stdout=out, stderr=out)
            )
        return started[-1]

    yield run
    for child in started:
        if child.poll() is None:
            child.kill()
        child.wait()


def fire(stores: PostgresStores, name: str, count: int, notify: tuple[str, ...]) -> None:
    values = {"condition": "close crosses above 1500", "value": 1500.05}
    stores.ledger.append(
        [
            Firing(
                f"{name}-{n}", f"{name}-{n}", f"{name} {n}", LOCAL_OWNER, 1, "NSE:RELIANCE", 1_000 + n, values, notify
            )
            for n in range(count)
        ],
        (0,),
        "epoch",
        count,
    )


def until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not is_so():
        assert time.monotonic() < deadline, f"not within {WITHIN_S:.0f} s: {what}"
        time.sleep(0.02)


def states(stores: PostgresStores, name: str, channel: str) -> Counter[str]:
    found = stores.ledger.firings(LOCAL_OWNER, 10_000)
    return Counter(
        d.state for f, all_of_it in found if f.firing_id.startswith(name) for d in all_of_it if d.channel == channel
    )


@pytest.mark.faults
def test_kills_lose_nothing_and_repeat_nothing(stores: PostgresStores, start: Start, receivers: Receivers) -> None:
    stores.channels.put(Channel("k1", LOCAL_OWNER, "webhook", "kills", {"url": receivers.url("hook")}))
    stores.channels.put(Channel("k2", LOCAL_OWNER, "slack", "kills", {"url": receivers.url("slack")}))
    fire(stores, "kill", FIRINGS, ("webhook:kills",))
    fire(stores, "slow", KILLS, ("slack:kills",))
    chance = random.Random(20_210_428)  # noqa: S311 — a seed, so that a failure comes again
    for _ in range(KILLS):
        before = sum(receivers.keys.values())
        child = start()
        wanted = before + chance.randint(1, FIRINGS // (2 * KILLS))
        until(lambda: sum(receivers.keys.values()) >= wanted, "the sender delivers")  # noqa: B023 — used at once
        time.sleep(chance.random() * 0.02)
        child.send_signal(signal.SIGKILL)
        child.wait()
    child = start()
    until(lambda: stores.ledger.oldest_unsent() is None, "everything is settled")
    child.terminate()
    assert child.wait(5) == 0
    assert states(stores, "kill", "webhook") == {"sent": FIRINGS}
    assert states(stores, "kill", "in_app") == {"sent": FIRINGS}
    assert len(receivers.keys) == FIRINGS  # each told; a receiver that keeps keys tells it once
    slack = states(stores, "slow", "slack")
    assert slack["sent"] + slack["maybe_sent"] == KILLS
    assert slack["maybe_sent"] <= KILLS
    assert set(receivers.texts.values()) <= {1}  # never told twice
    assert sum(receivers.texts.values()) >= slack["sent"]


def test_a_firing_is_delivered_at_once_and_sigterm_is_quick(
    stores: PostgresStores, start: Start, receivers: Receivers
) -> None:
    stores.channels.put(Channel("q1", LOCAL_OWNER, "webhook", "quick", {"url": receivers.url("hook")}))
    child = start()
    fire(stores, "warm", 1, ("webhook:quick",))
    until(lambda: states(stores, "warm", "webhook")["sent"] == 1, "the first delivery")
    began = time.monotonic()
    fire(stores, "quick", 1, ("webhook:quick",))
    until(lambda: len(receivers.keys) == 2, "the second delivery")
    assert time.monotonic() - began < 0.9  # woken, not polled
    receivers.delay_s = 4.0
    fire(stores, "stuck", 1, ("webhook:quick",))
    until(lambda: states(stores, "stuck", "webhook")["sending"] == 1, "an attempt under way")
    began = time.monotonic()
    child.terminate()
    assert child.wait(5) == 0
    assert time.monotonic() - began < 3.0


class Flaky:
    """A ledger whose database goes away now and then."""

    def __init__(self, inner: object, chance: random.Random) -> None:
        self._inner = inner
        self._chance = chance
        self.is_down = False

    def __getattr__(self, name: str) -> object:
        method = getattr(self._inner, name)

        def call(*arguments: object) -> object:
            if name == "wait":
                return method(0.01)
            if self.is_down or self._chance.random() < 0.2:
                raise StoreUnavailableError
            return method(*arguments)

        return call


class Health:
    """Notes what the loop says of itself."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def ready(self, **_: object) -> None:
        self.said.append("ready")

    def degraded(self, reason: str, **_: object) -> None:
        self.said.append(reason)

    def progressed(self) -> None:
        pass


def test_outages_of_the_store_are_waited_out() -> None:
    stores, clock, health = MemoryStores(), SystemClock(), Health()
    flaky = Flaky(stores.ledger, random.Random(1))  # noqa: S311 — a seed
    planner = Planner(flaky, stores.channels, stores.instruments, clock, "")  # type: ignore[arg-type]
    deliverer = Deliverer(flaky, stores.channels, {"in_app": InApp()}, clock)  # type: ignore[arg-type]
    deliverer.terms = type(deliverer.terms)(lease_s=0.5)
    fire(stores, "flaky", 20, ())  # type: ignore[arg-type]

    async def run() -> bool:
        loop = SenderLoop(planner, deliverer, flaky, clock, health, poll_s=0.02)  # type: ignore[arg-type]
        running = asyncio.create_task(loop.run())
        flaky.is_down = True
        await asyncio.sleep(0.1)
        flaky.is_down = False
        deadline = time.monotonic() + WITHIN_S
        while stores.ledger.oldest_unsent() is not None and time.monotonic() < deadline:  # noqa: ASYNC110 — it polls
            await asyncio.sleep(0.01)
        loop.stop()
        return await running

    assert asyncio.run(run())
    assert stores.ledger.oldest_unsent() is None
    assert states(stores, "flaky", "in_app") == {"sent": 20}  # type: ignore[arg-type]
    assert "ready" in health.said
    assert "the database does not answer" in health.said
