"""The live server as a process, with the standard client and real servers."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
import socketio

from marketbell.adapters.bus.redis import RedisBus
from marketbell.adapters.cache.redis import RedisCache
from marketbell.adapters.stores.postgres import PostgresStores
from marketbell.adapters.stores.postgres.migrate import upgrade
from marketbell.core.market.instrument import Instrument
from marketbell.flows.accounts.tokens import LiveTokens
from marketbell.flows.jobs.documents import document as job_document
from marketbell.flows.live.board import COLUMNS
from marketbell.flows.live.replica import Replica
from marketbell.ports.jobs import new_run
from marketbell.ports.servers import EmbeddedServer
from marketbell.ports.stores import LOCAL_OWNER, SavedScreen, Watchlist

WITHIN_S = 30.0
CLOCK = 1_619_580_000 * 10**9
TOPIC_COLUMNS = ["close", "change_pct", "volume", "vwap", "event_time", "bar.start", "bar.close"]


def eventually(claim: Callable[[], Any], within_s: float = WITHIN_S) -> Any:
    """Wait for a claim to become true."""
    deadline = time.monotonic() + within_s
    while True:
        found = claim()
        if found:
            return found
        assert time.monotonic() < deadline, "it did not become true in time"
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Live:
    """A running live server and the hands of `stream` and `api`."""

    def __init__(self, port: int, bus: RedisBus, cache: RedisCache, stores: PostgresStores, data_dir: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.web_port = port + 1
        self.bus, self.cache, self.stores = bus, cache, stores
        self.token = (data_dir / "owner.token").read_text().strip()
        self.key = (data_dir / "secret.key").read_text().strip().encode()

    def publish(self, **document: Any) -> None:
        self.bus.publish("market", 0, orjson.dumps(document))

    def rows(self, *rows: list[Any], as_of: int = CLOCK) -> None:
        self.publish(type="rows", seq=1, as_of=as_of, columns=TOPIC_COLUMNS, rows=list(rows))


class Page:
    """A browser page: joins rooms and keeps a replica of each."""

    def __init__(self, live: Live, token: str | None = None, **kwargs: Any) -> None:
        self.client = socketio.Client(reconnection=False)
        self.replicas: dict[str, Replica] = {}
        self.alerts: list[dict[str, Any]] = []
        self.resyncs: list[str] = []
        self.order: list[str] = []
        self.client.on("snapshot", self._snapshot)
        self.client.on("delta", self._delta)
        self.client.on("alert", self._alert)
        self.client.on("resync", lambda message: self.resyncs.append(message["room"]))
        auth = {"token": live.token if token is None else token}
        try:
            self.client.connect(live.url, auth=auth, transports=["websocket"], **kwargs)
        except Exception:
            self.close()
            raise

    def _snapshot(self, message: dict[str, Any]) -> None:
        self.order.append("snapshot")
        self.replicas.setdefault(message["room"], Replica()).snapshot(message)

    def _delta(self, message: dict[str, Any]) -> None:
        self.order.append("delta")
        assert self.replicas[message["room"]].delta(message)

    def _alert(self, message: dict[str, Any]) -> None:
        self.alerts.append(message)

    def join(self, room: str, position: str | None = None) -> dict[str, Any]:
        answer: dict[str, Any] = self.client.call("join", {"room": room, "position": position}, timeout=10)
        return answer

    def room(self, room: str) -> Replica:
        assert self.join(room) == {"ok": True, "room": room}
        return eventually(lambda: self.replicas.get(room))  # type: ignore[no-any-return]

    def value(self, room: str, key: str, column: str) -> Any:
        replica = self.replicas.get(room)
        row = replica.rows.get(key) if replica else None
        return row[replica.columns.index(column)] if replica and row else None

    def close(self) -> None:
        self.client.disconnect()
        # the client leaves its socket open where the server ended the connection
        if getattr(self.client.eio, "ws", None) is not None:
            self.client.eio.ws.close()


@pytest.fixture(scope="module")
def live(valkey_server: EmbeddedServer, postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    valkey_url = f"{valkey_server.url.rpartition('/')[0]}/14"
    tmp_path = tmp_path_factory.mktemp("live")
    upgrade(postgres_url)
    stores = PostgresStores(postgres_url)
    bus, cache = RedisBus(valkey_url), RedisCache(valkey_url)
    bus._client.flushdb()
    stores.instruments.put(
        [Instrument("NSE:AAA", "Alpha", tick_size=0.05), Instrument("NSE:BBB", tick_size=0.0001), Instrument("NSE:CCC")]
    )
    bus.ensure_topic("market", 1, 10_000)
    cache.put_fields("market:rows", {"NSE:AAA": orjson.dumps({"close": 100.0, "volume": 5, "event_time": CLOCK})})
    cache.set("market:lists", orjson.dumps({"as_of": CLOCK, "lists": {"top_gainers": ["NSE:AAA"]}, "indices": []}))
    session = {"state": "open", "zone": "Asia/Kolkata"}
    cache.set("market:summary", orjson.dumps({"as_of": CLOCK, "clock": CLOCK, "session": session}))
    cache.set("feeds", orjson.dumps([{"name": "demo", "label": "Demo", "state": "running"}]))
    port = free_port()
    env = {k: v for k, v in os.environ.items() if not k.startswith("MARKETBELL_")}
    env |= {
        "MARKETBELL_DATA_DIR": str(tmp_path),
        "MARKETBELL_LIVE_PORT": str(port),
        "MARKETBELL_PORT": str(port + 1),
        "DATABASE_URL": postgres_url,
        "REDIS_URL": valkey_url,
        "CACHE_URL": valkey_url,
    }
    log = tmp_path / "log"
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, "-m", "marketbell.processes.live"], env=env, stderr=out, stdout=out)
    try:
        eventually(lambda: cache.get("proc:live") or (process.poll() is not None and pytest.fail(log.read_text())))
        yield Live(port, bus, cache, stores, tmp_path)
    finally:
        process.terminate()
        code = process.wait(5)
        bus.close()
        cache.close()
        stores.close()
    assert code == 0, log.read_text()
    assert "crashed" not in log.read_text()


@pytest.fixture
def page(live: Live) -> Iterator[Page]:
    made = Page(live)
    yield made
    made.close()


def test_market_room_starts_from_the_cache_and_follows_the_topic(live: Live, page: Page) -> None:
    market = page.room("market")
    assert page.order[0] == "snapshot"
    assert market.data["lists"] == {"top_gainers": ["NSE:AAA"]}
    assert market.data["session"]["state"] == "open"
    assert page.value("market", "NSE:AAA", "close") == 100.0  # this test runs first
    live.rows(["NSE:AAA", 101.049999, 1.04999, 7.0, 100.123456, CLOCK + 1, CLOCK, 101.05])
    eventually(lambda: page.value("market", "NSE:AAA", "close") == 101.05)
    assert page.value("market", "NSE:AAA", "change_pct") == 1.05
    assert page.value("market", "NSE:AAA", "vwap") == 100.12
    assert page.value("market", "NSE:AAA", "volume") == 7
    assert eventually(lambda: market.data.get("lights"))["evaluator"]["state"] == "down"
    assert market.data["lights"]["feeds"]["state"] == "running"


def test_instrument_room_has_row_book_and_closed_bars(live: Live, page: Page) -> None:
    live.cache.set("market:depth:NSE:BBB", orjson.dumps({"bids": [[1.5, 10]], "asks": [], "as_of": CLOCK}))
    room = page.room("instrument:NSE:BBB")
    assert room.columns == list(COLUMNS)
    assert room.data["depth"]["bids"] == [[1.5, 10]]
    live.rows(["NSE:BBB", 1.23456, None, 1.0, None, CLOCK, CLOCK, 1.23456])
    eventually(lambda: page.value("instrument:NSE:BBB", "NSE:BBB", "bar.close") == 1.2346)
    columns = ["key", "start", "open", "high", "low", "close", "volume", "trades", "vwap"]
    live.publish(
        type="bars", timeframe="1m", columns=columns, rows=[["NSE:BBB", CLOCK, 1.0, 2.0, 0.5, 1.5, 9, 3, 1.25]]
    )
    bars = eventually(lambda: room.data.get("bars"))
    assert bars["rows"] == [[CLOCK, 1.0, 2.0, 0.5, 1.5, 9, 3, 1.25]]


def test_rooms_that_are_not_there_are_refused(live: Live, page: Page) -> None:
    for room in ("nonsense", "instrument:NSE:NOBODY", "watchlist:none", "user:somebody", "instrument:" + "x" * 500):
        answer = page.join(room)
        assert answer["ok"] is False
        assert answer["error"]
    assert page.client.call("join", "not an object", timeout=10)["ok"] is False


def test_chain_room_is_empty_then_whole_then_changed_rows(live: Live, page: Page) -> None:
    name, other = "NSE:AAA:2026-08-25", "NSE:BBB:2026-08-25"
    room = page.room(f"chain:{name}")
    assert room.rows == {}

    def chain(of: str, seq: int, *rows: tuple[float, float], is_whole: bool) -> dict[str, Any]:
        underlying, _, expiry = of.rpartition(":")
        return {
            "type": "chain", "underlying": underlying, "expiry": expiry, "seq": seq, "is_whole": is_whole,
            "columns": ["strike", "call.oi"], "removed": [], "data": {"spot": 100.0 + seq},
            "rows": [[f"{of}:{strike:g}", strike, oi] for strike, oi in rows],
        }  # fmt: skip

    live.publish(**chain(name, 1, (90.0, 5.0), (95.0, 6.0), is_whole=True))
    eventually(lambda: len(room.rows) == 2)
    live.publish(**chain(name, 2, (95.0, 7.0), is_whole=False))
    eventually(lambda: room.rows[f"{name}:95"] == [95.0, 7.0])
    assert room.data["spot"] == 102.0
    # something was missed: the cache has it whole
    live.cache.set(f"market:chain:{name}", orjson.dumps(chain(name, 4, (90.0, 9.0), is_whole=True)))
    live.publish(**chain(name, 4, (90.0, 9.0), is_whole=False))
    eventually(lambda: room.rows == {f"{name}:90": [90.0, 9.0]})
    # who comes late finds what the cache has
    live.cache.set(f"market:chain:{other}", orjson.dumps(chain(other, 3, (50.0, 1.0), is_whole=True)))
    late = page.room(f"chain:{other}")
    assert late.columns == ["strike", "call.oi"]
    assert late.rows == {f"{other}:50": [50.0, 1.0]}
    for wrong in ("chain:NSE:AAA", "chain:2026-08-25", "chain:NSE:AAA:tomorrow"):
        assert page.join(wrong)["ok"] is False


def test_screen_room_is_its_owners_or_a_templates(live: Live, page: Page) -> None:
    assert page.join("screen:value-picks")["ok"] is True
    live.stores.screens.put(SavedScreen("s1", LOCAL_OWNER, "Mine", "close > 5", {}))
    live.cache.set("screen:now:s1", b'{"seq": 3, "count": 1, "as_of": 9, "members": ["NSE:AAA"]}')
    assert page.join("screen:s1")["ok"] is True
    room = page.room("screen:s1")
    assert eventually(lambda: room.data.get("screen", {}).get("seq") == 3)
    event = {"type": "screen", "screen_id": "s1", "owner_id": LOCAL_OWNER, "seq": 4, "count": 2, "as_of": 10}
    live.publish(**event, events=[["enter", "NSE:CCC", 10]])
    assert eventually(lambda: room.data.get("events") == [{"event": "enter", "instrument": "NSE:CCC", "at": 10}])
    live.stores.screens.put(SavedScreen("s2", "somebody else", "Theirs", "close > 5", {}))
    assert page.join("screen:s2")["ok"] is False
    assert page.join("screen:none")["ok"] is False


def test_job_room_tells_how_far_a_run_is_to_its_owner(live: Live, page: Page) -> None:
    now = time.time_ns()
    mine = new_run("backtest", now, owner_id=LOCAL_OWNER, now=now)
    theirs = new_run("backtest", now + 1, owner_id="somebody", now=now)
    live.stores.jobs.enqueue([mine, theirs])
    assert page.join(f"job:{theirs.run_id}")["code"] == "not_found"
    assert page.join("job:nothing")["code"] == "not_found"
    name = f"job:{mine.run_id}"
    run = page.room(name)
    assert run.data["job"]["state"] == "queued"
    live.publish(type="job", **job_document(replace(theirs, state="running", progress=0.75)))
    live.publish(type="job", **job_document(replace(mine, state="running", progress=0.25, stage="evaluating")))
    eventually(lambda: run.data["job"]["progress"] == 0.25)
    assert (run.data["job"]["state"], run.data["job"]["stage"]) == ("running", "evaluating")


def test_watchlist_room_follows_changes(live: Live, page: Page) -> None:
    live.stores.watchlists.put(Watchlist("w1", LOCAL_OWNER, "Mine", ("NSE:AAA",)))
    live.rows(["NSE:CCC", 5.0, 0.0, 1.0, 5.0, CLOCK, CLOCK, 5.0])
    room = page.room("watchlist:w1")
    assert list(room.rows) == ["NSE:AAA"]
    live.stores.watchlists.put(Watchlist("w1", LOCAL_OWNER, "Mine", ("NSE:CCC",)))
    live.publish(type="watchlist", watchlist_id="w1")
    eventually(lambda: list(room.rows) == ["NSE:CCC"])
    assert eventually(lambda: room.data["watchlist"]["instruments"] == ["NSE:CCC"])
    live.stores.watchlists.put(Watchlist("w2", "somebody else", "Theirs", ("NSE:AAA",)))
    assert page.join("watchlist:w2")["ok"] is False


def test_alerts_are_said_one_by_one(live: Live, page: Page) -> None:
    assert page.join("user:me") == {"ok": True, "room": f"user:{LOCAL_OWNER}"}
    eventually(lambda: page.replicas.get(f"user:{LOCAL_OWNER}"))
    for number in range(50):
        live.publish(type="firing", firing_id=str(number), owner_id=LOCAL_OWNER, rule="r")
    live.publish(type="firing", firing_id="theirs", owner_id="somebody else", rule="r")
    eventually(lambda: len(page.alerts) == 50)
    # the client hands each message to a thread of its own, so the server's order is in `seq`
    told = sorted(page.alerts, key=lambda alert: int(alert["seq"]))
    assert [alert["firing_id"] for alert in told] == [str(number) for number in range(50)]
    assert [alert["seq"] for alert in told] == list(range(1, 51))


def test_a_page_that_comes_back_resumes_or_is_told_to_start_anew(live: Live, page: Page) -> None:
    page.room("instrument:NSE:AAA")
    keeper = Page(live)
    keeper.room("instrument:NSE:AAA")
    live.rows(["NSE:AAA", 102.0, None, 1.0, None, CLOCK + 2, None, None])
    eventually(lambda: page.value("instrument:NSE:AAA", "NSE:AAA", "close") == 102.0)
    position = page.replicas["instrument:NSE:AAA"].position
    page.close()
    live.rows(["NSE:AAA", 103.0, None, 1.0, None, CLOCK + 3, None, None])
    eventually(lambda: keeper.value("instrument:NSE:AAA", "NSE:AAA", "close") == 103.0)
    again = Page(live)
    again.replicas = page.replicas
    again.join("instrument:NSE:AAA", position)
    eventually(lambda: again.value("instrument:NSE:AAA", "NSE:AAA", "close") == 103.0)
    assert again.order == ["delta"]
    assert not again.resyncs
    again.join("instrument:NSE:AAA", "elsewhere:7")
    eventually(lambda: "snapshot" in again.order)
    assert again.resyncs == ["instrument:NSE:AAA"]
    again.close()
    keeper.close()


@pytest.mark.parametrize("token", ["", "wrong", "WyJvd25lciIsMV0.c2ln"])
def test_nobody_comes_in_without_a_good_token(live: Live, token: str) -> None:
    with pytest.raises(socketio.exceptions.ConnectionError):
        Page(live, token)


def test_live_tokens_let_in_until_they_expire(live: Live) -> None:
    tokens = LiveTokens(live.key)
    good, _ = tokens.issue(LOCAL_OWNER, time.time_ns())
    old, _ = tokens.issue(LOCAL_OWNER, time.time_ns() - 3_600 * 10**9)
    made = Page(live, good)
    assert made.join("market")["ok"]
    made.close()
    with pytest.raises(socketio.exceptions.ConnectionError):
        Page(live, old)


@contextlib.contextmanager
def shaken(live: Live, origin: str) -> Iterator[tuple[socket.socket, int]]:
    """A bare connection after the WebSocket handshake, and the status it got."""
    host, _, port = live.url.removeprefix("http://").partition(":")
    asked = (
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1",
        f"Host: {host}:{port}",
        f"Origin: {origin}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    )
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall("\r\n".join((*asked, "", "")).encode())
        yield connection, int(connection.recv(4_096).split()[1])


@pytest.mark.parametrize(
    ("origin", "status"), [("http://evil.example", 403), ("http://127.0.0.1:1", 403), ("ours", 101)]
)
def test_pages_of_other_sites_are_refused(live: Live, origin: str, status: int) -> None:
    with shaken(live, f"http://127.0.0.1:{live.web_port}" if origin == "ours" else origin) as (_, got):
        assert got == status


def test_long_messages_end_the_connection(live: Live, page: Page) -> None:
    with shaken(live, f"http://127.0.0.1:{live.web_port}") as (connection, _):
        # a frame that says it has 2**40 bytes: nobody waits for them
        connection.sendall(b"\x81\xff" + (1 << 40).to_bytes(8, "big") + b"mask" + b"x" * 100)
        with contextlib.suppress(ConnectionResetError):
            while connection.recv(4_096):
                pass
    assert page.join("market")["ok"], "the others go on"


def test_losing_the_topic_is_survived(live: Live, page: Page) -> None:
    page.room("market")
    live.bus._client.flushdb()
    live.cache.put_fields("market:rows", {"NSE:AAA": orjson.dumps({"close": 55.0, "event_time": CLOCK + 10**9})})
    eventually(lambda: page.value("market", "NSE:AAA", "close") == 55.0)
    # said before the server looks again, and not in the cache: the new topic is read from its beginning
    live.bus.ensure_topic("market", 1, 10_000)
    live.rows(["NSE:AAA", 56.0, None, 1.0, None, CLOCK + 2 * 10**9, None, None])
    eventually(lambda: page.value("market", "NSE:AAA", "close") == 56.0)
    # lost and made again between two looks
    live.bus._client.flushdb()
    live.bus.ensure_topic("market", 1, 10_000)
    live.rows(["NSE:AAA", 57.0, None, 1.0, None, CLOCK + 3 * 10**9, None, None])
    eventually(lambda: page.value("market", "NSE:AAA", "close") == 57.0)
