"""A recorded day through real servers and processes while each of them is killed: nothing differs at the end.

The replay of 2021-04-28 runs at high speed; stream, ingest, the bus, PostgreSQL and the sender get SIGKILL one
after the other and are started again, as the supervisor would. Bars, snapshot and quality counts in the
database must equal those of `marketbell replay`, and an alert must have fired once, at the tick that pandas finds.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pandas as pd
import pytest

from marketbell.adapters.cache.redis import RedisCache
from marketbell.adapters.servers.postgres import EmbeddedPostgres
from marketbell.adapters.servers.valkey import EmbeddedValkey
from marketbell.adapters.stores.postgres import PostgresStores, migrate
from marketbell.core.market.instrument import Instrument
from marketbell.ports.servers import EmbeddedServer
from marketbell.settings import Settings
from marketbell.wiring.replay import replay_to_files
from marketbell.wiring.rules import rule_desk

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]

DAY = "intraday/nse_ticks/2021-04-28"
SPEED = 1_500.0
RULE = 'alert "Reliance up" on $RELIANCE when close crosses above {level} at tick fire once'
FINAL = 60.0
"""Seconds for the replay's end after the last kill."""


class Child:
    """A process that is started, killed and started again; always stopped by its pid."""

    def __init__(self, name: str, argv: list[str], log: Path, **how: Any) -> None:
        self.name = name
        self._argv = argv
        self._log = log
        self._how = how
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as out:
            self.process = subprocess.Popen(
                self._argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, **self._how
            )

    def kill(self) -> None:
        """SIGKILL the process and what it started."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self, within_s: float, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(within_s)

    def tail(self) -> str:
        return self._log.read_text(errors="replace")[-3_000:]


def _server(server: EmbeddedServer, log: Path) -> Child:
    server.prepare()
    launch = server.launch()
    how: dict[str, Any] = {"env": dict(launch.env), "cwd": launch.cwd, "user": launch.uid, "group": launch.gid}
    if launch.uid is not None:
        how["extra_groups"] = []
    return Child(server.name, list(launch.argv), log, **how)


def _wait(condition: Callable[[], bool], within_s: float, what: str, children: dict[str, Child]) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            tails = "\n".join(
                f"--- {name}\n{child.tail()}"
                for name, child in children.items()
                if "stream" in name or "ingest" in name
            )
            pytest.fail(f"not within {within_s} s: {what}\n{tails}")
        time.sleep(0.05)


class House:
    """The servers and the three processes of this test."""

    def __init__(self, folder: Path, feed: str) -> None:
        self.folder = folder
        self._servers: dict[str, EmbeddedServer] = {
            "postgres": EmbeddedPostgres(folder / "postgres", is_durable=True),
            "bus": EmbeddedValkey("bus", folder / "bus", memory_mb=256, is_durable=True),
            "cache": EmbeddedValkey("cache", folder / "cache", memory_mb=128, is_durable=False),
        }
        self.children = {name: _server(server, folder / f"{name}.log") for name, server in self._servers.items()}
        urls = {name: server.url for name, server in self._servers.items()}
        settings = Settings(
            data_dir=folder / "data",
            feed=feed,
            speed=SPEED,
            ingest_port=0,
            database_url=urls["postgres"],
            redis_url=urls["bus"],
            cache_url=urls["cache"],
        )
        environment = {**os.environ, **settings.environment()}
        for name in ("stream", "ingest", "sender"):
            argv = [sys.executable, "-m", f"marketbell.processes.{name}"]
            self.children[name] = Child(name, argv, folder / f"{name}.log", env=environment)
        self.database_url = urls["postgres"]
        self.cache = RedisCache(urls["cache"])

    def start(self, *names: str) -> None:
        for name in names:
            self.children[name].start()
            if name in self._servers:
                _wait(self._servers[name].is_ready, 30.0, f"{name} answers", self.children)

    def kill_and_start(self, name: str) -> None:
        self.children[name].kill()
        self.start(name)

    def document(self, key: str) -> Any:
        raw = self.cache.get(key)
        return orjson.loads(raw) if raw else None

    def feed(self) -> dict[str, Any]:
        found = self.document("feeds")
        return found[0] if found else {}

    def rows(self) -> int:
        return int(self.feed().get("position") or 0)

    def wait(self, condition: Callable[[], bool], within_s: float, what: str) -> None:
        _wait(condition, within_s, what, self.children)

    def close(self) -> None:
        for child in reversed(list(self.children.values())):
            if child.process is not None and child.process.poll() is None:
                child.kill()
        self.cache.close()


@pytest.fixture
def house(tmp_path: Path, shared_data: Path) -> Iterator[House]:
    made = House(tmp_path, f"replay:{shared_data / DAY}")
    try:
        yield made
    finally:
        made.close()


def _in_order_ticks(path: Path) -> pd.DataFrame:
    """In-session ticks that are not behind the newest of the file, by plain pandas."""
    ticks = pd.read_csv(path)
    ticks["time"] = pd.to_datetime(ticks["timestamp"]).dt.tz_localize("Asia/Kolkata")
    clock = ticks["time"].dt.strftime("%H:%M:%S")
    ticks = ticks[(clock >= "09:15:00") & (clock < "15:30:00")]
    return ticks[ticks["time"] >= ticks["time"].cummax()]


def _first_crossing(ticks: pd.DataFrame, level: float) -> pd.Timestamp:
    price = ticks["ltp"]
    crossed = (price.shift() <= level) & (price > level)
    moment = ticks.loc[crossed, "time"].iloc[0]
    assert isinstance(moment, pd.Timestamp)
    return moment


def test_every_kill_leaves_the_same_day(house: House, shared_data: Path, tmp_path: Path) -> None:
    ticks = _in_order_ticks(shared_data / DAY / "RELIANCE.csv.gz")
    # a level that is crossed in the middle of the day, when kills are under way
    noon = ticks[ticks["time"].dt.strftime("%H:%M") >= "11:00"]
    level = float(ticks.loc[ticks["time"] < noon["time"].iloc[0], "ltp"].max())
    expected = _first_crossing(ticks, level)

    house.start("postgres", "bus", "cache")
    migrate.upgrade(house.database_url)
    stores = PostgresStores(house.database_url)
    try:
        stores.instruments.put([Instrument("NSE:RELIANCE")])
        rules = rule_desk(stores.rules, stores.instruments, stores.channels, _Clock())
        rule = rules.arm("owner", RULE.format(level=level))
        bell = tmp_path / "rules.bell"
        bell.write_text(rules.export("owner"))
        offline = tmp_path / "offline"
        replay_to_files([str(shared_data / DAY)], offline, rules=bell)
        house.start("stream", "ingest", "sender")
        _kill_in_turn(house)
        house.wait(lambda: house.feed().get("state") == "ended", FINAL, "the replay ends")
        house.wait(lambda: _has_read_everything(house), 30.0, "the stream has read everything")
        assert house.children["stream"].stop(4.0) == 0
        assert house.children["ingest"].stop(5.0) == 0

        _same_bars(stores, offline)
        _same_snapshot(stores, offline)
        _same_quality(stores, offline)
        firings = stores.ledger.firings("owner")
        wanted = pd.read_parquet(offline / "firings.parquet")
        assert [firing.firing_id for firing, _ in firings] == wanted["firing_id"].tolist()
        assert len(firings) == 1
        assert firings[0][0].rule_uid == rule.rule_uid
        assert firings[0][0].event_time == expected.value
        house.wait(lambda: _deliveries(stores) == ["sent"], 15.0, "the alert is in the inbox once")
        house.children["sender"].stop(5.0)
        _same_recording(house.folder / "data" / "recordings" / "2021-04-28", offline, tmp_path / "again")
    finally:
        stores.close()


class _Clock:
    def now(self) -> int:
        return time.time_ns()

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def _kill_in_turn(house: House) -> None:
    """Each of them once or twice, at places spread over the day (220,555 rows)."""
    plan = ("stream", "ingest", "bus", "postgres", "sender", "stream", "cache", "ingest")
    for number, name in enumerate(plan, start=1):
        place = number * 22_000
        house.wait(lambda place=place: house.rows() >= place, 60.0, f"{place} rows are published")
        house.kill_and_start(name)


def _has_read_everything(house: House) -> bool:
    status = house.document("stream:status") or {}
    partitions = status.get("partitions") or []
    return bool(partitions) and all(
        one["state"] == "running" and one["counters"]["ticks_read"] >= house.rows() > 0 for one in partitions
    )


def _deliveries(stores: PostgresStores) -> list[str]:
    return [delivery.state for _, found in stores.ledger.firings("owner") for delivery in found]


def _keys(offline: Path) -> dict[str, int]:
    keys = pd.read_parquet(offline / "snapshot.parquet")["instrument"]
    return {key: int(Instrument(key).instrument_id) for key in keys}


def _same_bars(stores: PostgresStores, offline: Path) -> None:
    for timeframe in ("1m", "1d"):
        wanted = pd.read_parquet(offline / f"bars_{timeframe}.parquet")
        for key, ident in _keys(offline).items():
            mine = pd.DataFrame(stores.bars.between(ident, timeframe, 0, 1 << 62))
            theirs = wanted[wanted["instrument"] == key].reset_index(drop=True)
            assert mine["start"].tolist() == theirs["start"].astype("datetime64[ns, UTC]").astype("int64").tolist(), key
            for name in ("open", "high", "low", "close", "volume", "trades", "vwap"):
                pd.testing.assert_series_equal(
                    mine[name].astype(float),
                    theirs[name].astype(float),
                    check_exact=True,
                    obj=f"{key} {timeframe} {name}",
                )


def _same_snapshot(stores: PostgresStores, offline: Path) -> None:
    wanted = pd.read_parquet(offline / "snapshot.parquet").set_index("instrument")
    latest = stores.snapshots.latest()
    names = ["close", "change_pct", "day.open", "day.high", "day.low", "day.volume", "day.trades", "vwap", "turnover"]
    for key, ident in _keys(offline).items():
        for name in names:
            theirs = wanted.loc[key, name]
            mine = latest[ident][name]
            assert (mine is None and pd.isna(theirs)) or mine == theirs, (key, name, mine, theirs)


def _same_quality(stores: PostgresStores, offline: Path) -> None:
    wanted = pd.read_parquet(offline / "quality.parquet").groupby(["instrument", "kind"])["count"].sum().to_dict()
    known = {ident: key for key, ident in _keys(offline).items()}
    found = stores.quality.get("2021-04-28")
    mine = {(known[ident], kind): count for ident, kinds in found.items() for kind, count in kinds.items()}
    assert mine == wanted


def _same_recording(recording: Path, offline: Path, out: Path) -> None:
    """The recorded log, replayed, is the day once more: every tick of the source stands in it once."""
    summary = replay_to_files([str(recording)], out)
    assert summary["ticks_read"] == orjson.loads((offline / "summary.json").read_bytes())["ticks_read"]
    for name in ("bars_1m", "bars_1d"):
        mine, theirs = (pd.read_parquet(folder / f"{name}.parquet") for folder in (out, offline))
        pd.testing.assert_frame_equal(mine, theirs, check_exact=True)
