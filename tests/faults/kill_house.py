"""Real servers and processes for the fault tests: started, killed, started again; always stopped by their pids."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import pandas as pd
import pytest
from proxy import FaultProxy
from report import Tally

from marketbell.adapters.cache.redis import RedisCache
from marketbell.adapters.servers.postgres import EmbeddedPostgres
from marketbell.adapters.servers.valkey import EmbeddedValkey
from marketbell.adapters.stores.postgres import PostgresStores
from marketbell.core.market.instrument import Instrument
from marketbell.core.primitives.shards import Shards, stream_name
from marketbell.ports.servers import EmbeddedServer
from marketbell.settings import Settings
from marketbell.wiring.replay import replay_to_files
from marketbell.wiring.rules import people, rule_desk

DAY = "intraday/nse_ticks/2021-04-28"
MARKET_S = 22_500.0
"""Seconds of that day's session."""

RULES = """
alert "Bar" on ALL when volume > 3 * sma(volume, 20) and close > vwap at 5m close
alert "Field" on $NSE:RELIANCE, $NSE:TCS
  when close crosses above vwap and day.volume > 500k at tick cooldown 20m per symbol
alert "Hold" on ALL when close > 0.9995 * day.high at tick hold 60s fire once per day
alert "Move" on ALL when close moves by 0.6% within 10m at tick cooldown 30m per symbol
alert "Range" on ALL when close crosses above orb(15m).high at 5m close session NSE 09:30-11:00 fire once per day
alert "Order" on ALL when close < close@15m then close > vwap within 20m at 1m close fire on enter cooldown 1h
"""
"""Rules at bars and ticks, with a memory of their own: each fires several times on that day."""

JOINT = """
alert "Pair" on $NSE:INFY when close / $NSE:TCS.close crosses above sma(close / $NSE:TCS.close, 5)@15m at 15m close
"""
"""A rule on two instruments: it is evaluated for both where one process has all shards."""


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

    def log_text(self) -> str:
        return self._log.read_text(errors="replace")

    def tail(self) -> str:
        return self.log_text()[-3_000:]


def _server(server: EmbeddedServer, log: Path) -> Child:
    server.prepare()
    launch = server.launch()
    how: dict[str, Any] = {"env": dict(launch.env), "cwd": launch.cwd, "user": launch.uid, "group": launch.gid}
    if launch.uid is not None:
        how["extra_groups"] = []
    return Child(server.name, list(launch.argv), log, **how)


def _wait(
    condition: Callable[[], bool],
    within_s: float,
    what: str,
    children: dict[str, Child],
    tell: Callable[[], str] = lambda: "",
) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            tails = "\n".join(
                f"--- {name}\n{child.tail()}" for name, child in children.items() if child.process is not None
            )
            pytest.fail(f"{tails}\nnot within {within_s} s: {what}\n{tell()}")
        time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class House:
    """The servers and processes of a test; none runs before it is started by its name."""

    def __init__(
        self,
        folder: Path,
        feed: str,
        speed: float,
        streams: tuple[str, ...] = ("0-63",),
        *,
        has_proxies: bool = False,
        **more: Any,
    ) -> None:
        """`streams` are the shards of each stream process; `more` are settings.

        With `has_proxies` the processes reach their servers through `proxies`, by name; the test itself does not.
        """
        self.folder = folder
        self._servers: dict[str, EmbeddedServer] = {
            "postgres": EmbeddedPostgres(folder / "postgres", is_durable=True),
            "bus": EmbeddedValkey("bus", folder / "bus", memory_mb=256, is_durable=True),
            "cache": EmbeddedValkey("cache", folder / "cache", memory_mb=128, is_durable=False),
        }
        self.children = {name: _server(server, folder / f"{name}.log") for name, server in self._servers.items()}
        urls = {name: server.url for name, server in self._servers.items()}
        self.proxies: dict[str, FaultProxy] = {}
        reached = dict(urls)
        for name, url in urls.items() if has_proxies else ():
            target = urlsplit(url).port or 0
            proxy = self.proxies[name] = FaultProxy(target)
            proxy.start()
            reached[name] = url.replace(f":{target}", f":{proxy.port}")
        self.port, self.live_port = _free_port(), _free_port()
        settings = Settings(
            data_dir=folder / "data",
            port=self.port,
            live_port=self.live_port,
            feed=feed,
            speed=speed,
            ingest_port=0,
            database_url=reached["postgres"],
            redis_url=reached["bus"],
            cache_url=reached["cache"],
            **more,
        )
        environment = {**os.environ, **settings.environment()}
        processes = {name: [name] for name in ("ingest", "sender", "api", "live")}
        self.streams = [stream_name(Shards.parse(text)) for text in streams]
        processes |= {name: ["stream", "--shards", text] for name, text in zip(self.streams, streams, strict=True)}
        for name, (module, *arguments) in processes.items():
            argv = [sys.executable, "-m", f"marketbell.processes.{module}", *arguments]
            self.children[name] = Child(name, argv, folder / f"{name}.log", env=environment)
        self.bus_url = urls["bus"]
        self.cache_url = urls["cache"]
        self.data_dir = settings.data_dir
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

    def is_ready(self, name: str) -> bool:
        """True where the process that was started last says that it is ready."""
        process, said = self.children[name].process, self.document(f"proc:{name}") or {}
        return process is not None and said.get("pid") == process.pid and said.get("state") == "ready"

    def has_read_everything(self) -> bool:
        """True when every shard's owner has applied all rows of the source."""
        status = self.document("stream:status") or {}
        partitions = status.get("partitions") or []
        read = sum(one["counters"]["ticks_read"] for one in partitions)
        return (
            bool(partitions)
            and not status.get("problem")
            and all(one["state"] == "running" for one in partitions)
            and read >= self.rows() > 0
        )

    def set_speed(self, speed: float | str) -> None:
        self.cache.set("feed:control", orjson.dumps({"speed": speed}))

    def document(self, key: str) -> Any:
        raw = self.cache.get(key)
        return orjson.loads(raw) if raw else None

    def feed(self) -> dict[str, Any]:
        found = self.document("feeds")
        return found[0] if found else {}

    def rows(self) -> int:
        return int(self.feed().get("position") or 0)

    def wait(self, condition: Callable[[], bool], within_s: float, what: str) -> None:
        _wait(condition, within_s, what, self.children, self.told)

    def told(self) -> str:
        """How far ingest and stream are, in their own words."""
        status = self.document("stream:status") or {}
        parts = [
            {name: one.get(name) for name in ("shards", "state", "lag", "gaps")} | one.get("counters", {})
            for one in status.get("partitions") or []
        ]
        return f"feed: {self.feed()}\nstream: {status.get('problem')} {parts}"

    def close(self) -> None:
        for child in reversed(list(self.children.values())):
            if child.process is not None and child.process.poll() is None:
                child.kill()
        self.cache.close()
        for proxy in self.proxies.values():
            proxy.stop()


class SystemNow:
    """The system's clock, for what is armed by hand."""

    def now(self) -> int:
        return time.time_ns()

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def arm(stores: PostgresStores, day: Path, folder: Path, texts: Sequence[str]) -> Path:
    """Arm rules on the day's instruments; the file that a replay arms them from."""
    symbols = [path.name.partition(".")[0] for path in sorted(day.glob("*.csv.gz"))]
    stores.instruments.put([Instrument(f"NSE:{symbol}") for symbol in symbols])
    rules = rule_desk(stores.rules, people(stores.instruments, stores.watchlists, stores.channels), SystemNow())
    for text in texts:
        rules.arm_file("owner", text)
    bell = folder / "rules.bell"
    bell.write_text(rules.export("owner"))
    return bell


def same_ledger(stores: PostgresStores, offline: Path, tally: Tally) -> None:
    """Every firing of the offline replay stands in the ledger once, and nothing else does."""
    wanted = pd.read_parquet(offline / "firings.parquet")["firing_id"].tolist()
    with stores.database.transaction() as connection:
        # what watchdogs raised about the faults themselves is no part of the market
        rows = connection.execute(
            "SELECT firing_id FROM ledger.firings WHERE suppressed = '' AND rule_uid NOT LIKE 'watch:%'"
        ).fetchall()
    found = [row[0] for row in rows]
    tally.lost += len(set(wanted) - set(found))
    tally.doubled += len(found) - len(set(found)) + len(set(found) - set(wanted))
    assert wanted
    assert (tally.lost, tally.doubled) == (0, 0)


def keys_of(offline: Path) -> dict[str, int]:
    keys = pd.read_parquet(offline / "snapshot.parquet")["instrument"]
    return {key: int(Instrument(key).instrument_id) for key in keys}


def same_bars(stores: PostgresStores, offline: Path) -> None:
    for timeframe in ("1m", "1d"):
        wanted = pd.read_parquet(offline / f"bars_{timeframe}.parquet")
        for key, ident in keys_of(offline).items():
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


def same_snapshot(stores: PostgresStores, offline: Path) -> None:
    wanted = pd.read_parquet(offline / "snapshot.parquet").set_index("instrument")
    latest = stores.snapshots.latest()
    names = ["close", "change_pct", "day.open", "day.high", "day.low", "day.volume", "day.trades", "vwap", "turnover"]
    for key, ident in keys_of(offline).items():
        for name in names:
            theirs = wanted.loc[key, name]
            mine = latest[ident][name]
            assert (mine is None and pd.isna(theirs)) or mine == theirs, (key, name, mine, theirs)


def same_recording(recording: Path, offline: Path, out: Path) -> None:
    """The recorded log, replayed, is the day once more: every tick of the source stands in it once."""
    summary = replay_to_files([str(recording)], out)
    assert summary["ticks_read"] == orjson.loads((offline / "summary.json").read_bytes())["ticks_read"]
    for name in ("bars_1m", "bars_1d"):
        mine, theirs = (pd.read_parquet(folder / f"{name}.parquet") for folder in (out, offline))
        pd.testing.assert_frame_equal(mine, theirs, check_exact=True)


def same_quality(stores: PostgresStores, offline: Path) -> None:
    wanted = pd.read_parquet(offline / "quality.parquet").groupby(["instrument", "kind"])["count"].sum().to_dict()
    known = {ident: key for key, ident in keys_of(offline).items()}
    found = stores.quality.get("2021-04-28")
    mine = {(known[ident], kind): count for ident, kinds in found.items() for kind, count in kinds.items()}
    assert mine == wanted
