"""MongoDB is killed under those who write and read option chains: row 8 of the fault matrix.

Whoever asks hears a sentence at once, everything else goes on, and what was told to be kept is there afterwards.
"""

import math
import signal
import threading
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
from flask.testing import FlaskClient

from conftest import Tally
from marketbell.adapters.bus.memory import MemoryBus
from marketbell.adapters.cache.memory import MemoryCache
from marketbell.adapters.clock.manual import ManualClock
from marketbell.adapters.stores.memory import MemoryStores
from marketbell.adapters.stores.mongo import MongoChains
from marketbell.core.market.instrument import Instrument
from marketbell.core.options.chain import Chain, Side
from marketbell.core.primitives.errors import StoreUnavailableError
from marketbell.ports.chains import ChainRecord
from marketbell.processes.api.app import create_app
from marketbell.settings import load
from marketbell.wiring.api import ApiParts

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]

SHORT, FULL = 2, 20
NIFTY, EXPIRY = "NSE:NIFTY", date(2026, 8, 25)
OPEN = 1_787_111_100 * 10**9
MINUTE = 60 * 10**9
WITHIN_S = 30.0
BEARER = {"Authorization": "Bearer token-of-the-test"}


class Writer:
    """Puts one chain after the other, as the stream does; one that is refused is put again."""

    def __init__(self, store: MongoChains) -> None:
        self._store = store
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._write, name="writer")
        self.told: list[int] = []
        self.refused = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(WITHIN_S)

    def _write(self) -> None:
        side = Side.of(2, last=[10.0, math.nan])
        at = OPEN
        while not self._stopping.is_set():
            chain = Chain(NIFTY, EXPIRY, at, 24_000.0, np.array([24_000.0, 24_050.0]), side, side)
            try:
                self._store.put([ChainRecord(chain, {"pcr_oi": 1.0})])
            except StoreUnavailableError:
                self.refused += 1
                self._stopping.wait(0.05)
                continue
            self.told.append(at)
            at += MINUTE


@pytest.fixture
def chains(mongo_url: str) -> Iterator[MongoChains]:
    made = MongoChains(mongo_url)
    yield made
    made.close()


@pytest.fixture
def client(chains: MongoChains, tmp_path: Path) -> FlaskClient:
    """An API whose chains are in MongoDB and everything else elsewhere."""
    stores, clock = MemoryStores(), ManualClock(OPEN)
    stores.instruments.put([Instrument(NIFTY, "NIFTY 50", kind="index")])
    names = [
        "instruments",
        "bars",
        "fundamentals",
        "rules",
        "screens",
        "jobs",
        "ledger",
        "wishes",
        "watchlists",
        "channels",
        "sessions",
        "idempotency",
    ]
    parts: dict[str, Any] = {name: getattr(stores, name) for name in names}
    app = create_app(
        ApiParts(
            settings=load(env={}, data_dir=str(tmp_path)),
            clock=clock,
            cache=MemoryCache(clock.monotonic),
            bus=MemoryBus(),
            chains=chains,
            owner_token=BEARER["Authorization"].partition(" ")[2],
            signing_key=b"key of the test",
            **parts,
        )
    )
    return app.test_client()


def wait_for(condition: Any, what: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, f"not within {WITHIN_S} s: {what}"
        time.sleep(0.02)


def test_who_asks_for_options_hears_why_and_nobody_else_notices(
    mongod: Any, chains: MongoChains, client: FlaskClient, tally: Tally, request: pytest.FixtureRequest
) -> None:
    tally.fault = "mongodb"
    kills = request.config.getoption("kills", default=None)
    kills = kills or (FULL if request.config.getoption("full", default=False) else SHORT)
    history = f"/api/options/{NIFTY}/history"

    def ask(path: str) -> Any:
        return client.get(path, headers=BEARER)

    with Writer(chains) as writer:
        for _ in range(kills):
            told = len(writer.told)
            wait_for(lambda told=told: len(writer.told) > told + 5, "chains are kept")
            assert ask(history).get_json()["items"]
            mongod.stop(signal.SIGKILL)
            try:
                refused = writer.refused
                said = ask(history)
                assert said.status_code == 503
                assert said.get_json()["message"].startswith("MongoDB did not answer")
                assert int(said.headers["Retry-After"]) > 0
                assert ask("/api/status").get_json()["chains"]["store"] == "mongodb"
                assert ask("/api/status").get_json()["chains"]["problem"]
                rule = {"text": f'alert "PCR {told}" on $NSE:NIFTY when opt.pcr_oi > 1'}
                assert client.post("/api/rules", json=rule, headers=BEARER).status_code == 201
                assert ask("/api/alerts").status_code == 200
                assert ask("/api/stocks?query=NIFTY").get_json()["items"]
                wait_for(lambda refused=refused: writer.refused > refused, "the writer hears of it")
            finally:
                mongod.start()
            began = time.monotonic()
            wait_for(lambda: ask(history).status_code == 200, "history is told again")
            tally.recoveries.append(time.monotonic() - began)
            tally.times += 1
    kept = chains.times(NIFTY, EXPIRY, 0, 2**62)
    tally.lost = len(set(writer.told) - set(kept))
    tally.doubled = len(kept) - len(set(kept))
    tally.remark = f"{len(kept):,} chains kept, {writer.refused} refused and put again"
    assert (tally.lost, tally.doubled) == (0, 0)
