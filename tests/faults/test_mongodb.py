"""MongoDB is killed under those who write and read option chains: row 8 of the fault matrix.

Whoever asks for options hears a sentence, and nobody else notices: alerts on option chains fire as in a replay that
nobody disturbed, and every chain is kept in the end.
"""

import math
import signal
import threading
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, Self

import httpx
import numpy as np
import pytest
from flask.testing import FlaskClient
from kill_house import House, SystemNow, same_ledger

from conftest import Tally
from marketbell.adapters.bus.memory import MemoryBus
from marketbell.adapters.cache.memory import MemoryCache
from marketbell.adapters.clock.manual import ManualClock
from marketbell.adapters.stores.memory import MemoryStores
from marketbell.adapters.stores.mongo import MongoChains
from marketbell.adapters.stores.postgres import PostgresStores, migrate
from marketbell.core.market.instrument import Instrument
from marketbell.core.options.chain import Chain, Side
from marketbell.core.primitives.errors import StoreUnavailableError
from marketbell.ports.chains import ChainRecord
from marketbell.processes.api.app import create_app
from marketbell.settings import load
from marketbell.wiring.api import ApiParts
from marketbell.wiring.options import read_chains
from marketbell.wiring.replay import replay_to_files
from marketbell.wiring.rules import people, rule_desk

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]

SHORT, FULL = 2, 20
FILE = "options/nse_nifty_chain_snapshots_20260819_am.parquet"
FILE_S = 6_000.0
"""Seconds of the market in it."""
KILL_S = 5.0
DOWN_S = 1.5
RULES = """
alert "PCR" on $NSE:NIFTY when opt.pcr_oi crosses above 0.68 or opt.pcr_oi crosses below 0.672
  at update chain fire every time
alert "Wall" on $NSE:NIFTY when close crosses above opt.max_call_oi_strike - 945 at 5m close fire every time
alert "Slope" on $NSE:NIFTY when opt.term_slope crosses above 0.2 at update chain fire every time
"""
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


def count_of(request: pytest.FixtureRequest) -> int:
    kills = request.config.getoption("kills", default=None)
    return int(kills or (FULL if request.config.getoption("full", default=False) else SHORT))


def test_who_asks_for_options_hears_why_and_nobody_else_notices(
    mongod: Any, chains: MongoChains, client: FlaskClient, tally: Tally, request: pytest.FixtureRequest
) -> None:
    tally.fault = "mongodb readers"
    history = f"/api/options/{NIFTY}/history"

    def ask(path: str) -> Any:
        return client.get(path, headers=BEARER)

    with Writer(chains) as writer:
        for _ in range(count_of(request)):
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


@pytest.fixture
def house(house_dir: Path, shared_data: Path, mongo_url: str, request: pytest.FixtureRequest) -> Iterator[House]:
    speed = FILE_S / (count_of(request) * KILL_S + 6.0)
    made = House(
        house_dir, f"replay:{shared_data / FILE}", speed, mongodb_url=mongo_url, stream={"checkpoint_every_s": 0.5}
    )
    try:
        yield made
    finally:
        made.close()


def arm_rules(stores: PostgresStores, folder: Path) -> Path:
    stores.instruments.put([Instrument(NIFTY, "NIFTY 50", kind="index")])
    desk = rule_desk(stores.rules, people(stores.instruments, stores.watchlists, stores.channels), SystemNow())
    desk.arm_file("owner", RULES)
    bell = folder / "rules.bell"
    bell.write_text(desk.export("owner"))
    return bell


@pytest.mark.long("flows/stream shows the same with a store that is away")
def test_alerts_on_chains_do_not_notice(
    house: House,
    mongod: Any,
    chains: MongoChains,
    shared_data: Path,
    tmp_path: Path,
    tally: Tally,
    request: pytest.FixtureRequest,
) -> None:
    tally.fault = "mongodb"
    house.start("postgres", "bus", "cache")
    migrate.upgrade(house.database_url)
    stores = PostgresStores(house.database_url)
    try:
        bell = arm_rules(stores, tmp_path)
        offline = tmp_path / "offline"
        replay_to_files([str(shared_data / FILE)], offline, rules=bell)
        house.start(*house.streams, "api")
        house.wait(lambda: bool(house.document("stream:status")) and house.is_ready("api"), 120.0, "all stand")
        token = (house.data_dir / "owner.token").read_text().strip()
        api = httpx.Client(
            base_url=f"http://127.0.0.1:{house.port}", headers={"Authorization": f"Bearer {token}"}, timeout=30.0
        )
        house.start("ingest")

        def has_ended() -> bool:
            return bool(house.feed().get("state") == "ended")

        def ask() -> httpx.Response:
            return api.get(f"/api/options/{NIFTY}/history")

        house.wait(lambda: ask().status_code == 200 and bool(ask().json()["items"]), 60.0, "the first chain is kept")
        for _ in range(count_of(request)):
            before = house.rows()
            mongod.stop(signal.SIGKILL)
            try:
                said = ask()
                assert said.status_code == 503
                assert said.json()["message"].startswith("MongoDB did not answer")
                time.sleep(DOWN_S)
                house.wait(lambda before=before: house.rows() > before or has_ended(), 30.0, "ingest goes on")
                assert api.get("/api/alerts").status_code == 200
            finally:
                mongod.start()
            began = time.monotonic()
            house.wait(lambda: ask().status_code == 200, 30.0, "history is told again")
            tally.recoveries.append(time.monotonic() - began)
            tally.times += 1
        house.set_speed("max")
        house.wait(has_ended, 120.0, "the replay ends")
        wanted = {(one.expiry, one.as_of) for one in read_chains(shared_data / FILE).chains}

        def kept() -> set[tuple[date, int]]:
            return {(one.expiry, one.as_of) for one in chains.series(NIFTY, None, 0, 2**62, ["pcr_oi"], 100_000)}

        house.wait(lambda: kept() >= wanted, 60.0, "every chain is kept")
        house.wait(
            lambda: all(one["lag"] == 0 for one in house.document("stream:status")["partitions"]), 60.0, "no lag"
        )
        for name in (*house.streams, "ingest"):
            assert house.children[name].stop(20.0) == 0
        tally.lost += len(wanted - kept())
        tally.doubled += len(kept() - wanted)
        same_ledger(stores, offline, tally)
        tally.remark = f"{len(wanted)} chains kept, {len(stores.ledger.firings('owner', 1_000))} firings"
        api.close()
    finally:
        stores.close()
