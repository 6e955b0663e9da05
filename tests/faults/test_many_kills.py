"""Stream, ingest and the broker killed again and again while a recorded day goes through them.

Whatever was killed and when, the ledger has every firing once, the bars are those of an undisturbed run, and
the state that the stream ends with is, bit for bit, that of an engine which applied the same log in one go.
Short: a few kills. With --full the counts of the fault matrix (rows 1, 4 and 6).
"""

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import redis
from kill_house import DAY, MARKET_S, RULES, House, same_bars, same_quality

from conftest import Tally
from marketbell.adapters.bus.redis import RedisBus
from marketbell.adapters.checkpoints.files import FileCheckpoints
from marketbell.adapters.stores.postgres import PostgresStores, migrate
from marketbell.core.engine.engine import EngineConfig
from marketbell.core.engine.handover import merge
from marketbell.core.market.instrument import Instrument
from marketbell.core.primitives.errors import BusUnavailableError
from marketbell.core.primitives.shards import ALL_SHARDS
from marketbell.core.rules.why import Reasons
from marketbell.flows.stream.cover import cover
from marketbell.flows.stream.desk import Engines, session_dates
from marketbell.flows.stream.line_up import LIVE
from marketbell.flows.stream.partition import Partition
from marketbell.flows.stream.records import firing_of, rule_firing_of
from marketbell.wiring.calendars import calendars
from marketbell.wiring.replay import replay_to_files
from marketbell.wiring.rules import people, rule_desk

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]

KILL_S = 4.5
"""Seconds that one kill takes of the replay, with the start after it."""
NEAR = 40
"""Frames behind the newest at which a stream has caught up."""
PROGRESS_S = 15.0
"""Within this after the broker's return the market goes on."""
SEED = 20210428
FULL = {"stream": 200, "stream in two": 40, "ingest": 50, "broker": 50}
SHORT = {"stream in two": 3}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "plan" in metafunc.fixturenames:
        option = metafunc.config.getoption
        counts = FULL if option("full", default=False) or option("kills", default=None) else SHORT
        kills = option("kills", default=None)
        plans = [(name, kills or count) for name, count in counts.items()]
        metafunc.parametrize("plan", plans, ids=[name.replace(" ", "-") for name, _ in plans])


class Tap(threading.Thread):
    """Copies the log as it is written, before the stream trims it."""

    def __init__(self, bus: RedisBus) -> None:
        super().__init__(name="tap", daemon=True)
        self.entries: list[tuple[int, bytes]] = []
        self._bus = bus
        self._done = threading.Event()

    def run(self) -> None:
        while not self._done.is_set():
            after = self.entries[-1][0] if self.entries else 0
            try:
                self.entries += self._bus.read("log", 0, after, 1_000, 0.2)
            except BusUnavailableError:
                self._done.wait(0.1)

    def end(self) -> None:
        self._done.set()
        self.join()


class _Clock:
    def now(self) -> int:
        return time.time_ns()

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


@pytest.fixture
def house(plan: tuple[str, int], tmp_path: Path, shared_data: Path) -> Iterator[House]:
    name, kills = plan
    streams = ("0-31", "32-63") if name == "stream in two" else ("0-63",)
    made = House(
        tmp_path,
        f"replay:{shared_data / DAY}",
        max(20.0, MARKET_S / (kills * KILL_S + 6.0)),
        streams,
        stream={"checkpoint_every_s": 0.5},
    )
    try:
        yield made
    finally:
        made.close()


def levels(day: Path) -> list[str]:
    """Alerts over and under prices of the day, on every symbol of it."""
    found = []
    for path in sorted(day.glob("*.csv.gz")):
        symbol = path.name.partition(".")[0]
        prices = pd.read_csv(path)["ltp"]
        for share in np.arange(0.02, 1.0, 0.08).round(2):
            level = float(prices.quantile(share))
            found += [
                f'alert "{symbol} {word} {share}" on $NSE:{symbol} when close crosses {word} {level:.2f} at tick '
                "fire once"
                for word in ("above", "below")
            ]
    return found


def test_nothing_is_lost_or_doubled(
    plan: tuple[str, int], house: House, shared_data: Path, tmp_path: Path, tally: Tally
) -> None:
    name, kills = plan
    tally.fault = name
    house.start("postgres", "bus", "cache")
    migrate.upgrade(house.database_url)
    stores = PostgresStores(house.database_url)
    try:
        bell = arm(stores, shared_data / DAY, tmp_path)
        offline = tmp_path / "offline"
        replay_to_files([str(shared_data / DAY)], offline, rules=bell)
        bus = RedisBus(house.bus_url)
        tap = Tap(bus)
        if name != "broker":
            tap.start()
        house.start(*house.streams, "ingest")
        house.wait(lambda: house.rows() > 0, 60.0, "the first rows are published")
        storm(house, name, kills, tally)
        house.set_speed("max")
        house.wait(lambda: house.feed().get("state") == "ended", 120.0, "the replay ends")
        house.wait(house.has_read_everything, 60.0, "the stream has read everything")
        for stream in house.streams:
            assert house.children[stream].stop(5.0) == 0
        house.children["ingest"].stop(5.0)
        wanted = pd.read_parquet(offline / "firings.parquet")["firing_id"].tolist()
        ledger(stores, wanted, tally)
        same_bars(stores, offline)
        same_quality(stores, offline)
        if name != "broker":
            time.sleep(0.5)
            tap.end()
            undisturbed(house, tap.entries, stores, tally)
        bus.close()
    finally:
        stores.close()


def arm(stores: PostgresStores, day: Path, folder: Path) -> Path:
    """Arm the day's alerts; the file that a replay arms them from."""
    symbols = [path.name.partition(".")[0] for path in sorted(day.glob("*.csv.gz"))]
    stores.instruments.put([Instrument(f"NSE:{symbol}") for symbol in symbols])
    rules = rule_desk(stores.rules, people(stores.instruments, stores.watchlists, stores.channels), _Clock())
    for text in levels(day):
        rules.arm("owner", text)
    rules.arm_file("owner", RULES)
    bell = folder / "rules.bell"
    bell.write_text(rules.export("owner"))
    return bell


def storm(house: House, name: str, kills: int, tally: Tally) -> None:
    """Kill at random moments: most of them in full work, some while the one before is just starting."""
    chance = random.Random(SEED)  # noqa: S311 — a repeatable plan, no secret
    for number in range(kills):
        hurt, is_well = _victim(house, name, chance, number)
        began = time.monotonic()
        hurt()
        tally.times += 1
        if chance.random() < 0.25 and name != "broker":
            time.sleep(chance.uniform(0.0, 1.5))
            continue
        house.wait(is_well, 60.0, f"{name} goes on after kill {number + 1}")
        tally.recoveries.append(time.monotonic() - began)
        time.sleep(chance.uniform(0.0, 1.0))
    if name == "broker":
        assert max(tally.recoveries) <= PROGRESS_S + OUTAGE_S


OUTAGE_S = 1.0
"""How long a broker stays away. The matrix's 60 s are one of the full form's kills."""


def _victim(house: House, name: str, chance: random.Random, number: int) -> tuple[Callable[[], None], Any]:
    """What is done this time, and how it is seen that the market goes on."""
    before = house.rows()
    fences = _fences(house)

    def is_going_on() -> bool:
        return (house.rows() > before or house.feed().get("state") == "ended") and _is_near(house)

    if name == "ingest":
        return lambda: house.kill_and_start("ingest"), is_going_on
    if name == "broker":
        way = ("kill bus", "flush bus", "kill cache", "flush cache")[number % 4]
        return lambda: _hurt_broker(house, way), is_going_on
    stream = chance.choice(house.streams)
    at = house.streams.index(stream)

    def is_back() -> bool:
        now = _fences(house)
        return len(now) == len(house.streams) and now[at] > (fences[at] if at < len(fences) else 0) and _is_near(house)

    return lambda: house.kill_and_start(stream), is_back


def _hurt_broker(house: House, way: str) -> None:
    what, _, server = way.partition(" ")
    if what == "kill":
        house.children[server].kill()
        time.sleep(OUTAGE_S)
        house.start(server)
    else:
        with redis.Redis.from_url(house.bus_url if server == "bus" else house.cache_url) as client:
            client.flushall()


def _fences(house: House) -> list[int]:
    status = house.document("stream:status") or {}
    return [one["fence"] for one in status.get("processes") or () if one["is_owner"]]


def _is_near(house: House) -> bool:
    status = house.document("stream:status") or {}
    parts = status.get("partitions") or []
    return (
        bool(parts)
        and not status.get("problem")
        and all(one["state"] == "running" and one["lag"] <= NEAR for one in parts)
    )


def ledger(stores: PostgresStores, wanted: Sequence[str], tally: Tally) -> None:
    """Every firing of the offline replay stands there, and nothing else does."""
    with stores.database.transaction() as connection:
        found = [
            row[0]
            for row in connection.execute("SELECT firing_id FROM ledger.firings WHERE suppressed = ''").fetchall()
        ]
    tally.lost = len(set(wanted) - set(found))
    tally.doubled = len(found) - len(set(found)) + len(set(found) - set(wanted))
    assert wanted
    assert (tally.lost, tally.doubled) == (0, 0)


def undisturbed(house: House, entries: Sequence[tuple[int, bytes]], stores: PostgresStores, tally: Tally) -> None:
    """The last checkpoints, put together, against one engine that applies the log without any break."""
    parts = [part.checkpoint for part in cover(FileCheckpoints(house.data_dir / "checkpoints"), ALL_SHARDS)]
    assert all(parts)
    sessions = calendars().sessions
    engines = Engines(EngineConfig(), sessions, LIVE)

    def empty(first: Any = None) -> Partition:
        shards = first.shards if first is not None else ALL_SHARDS
        return Partition(0, engines, session_dates(sessions), shards)

    kept = []
    for checkpoint in parts:
        kept.append(empty(checkpoint))
        kept[-1].restore(checkpoint)
    # heartbeats go on while the processes stop one after the other: the earlier ones are brought to the last place
    end = max(one.offset for one in kept)
    for one in kept:
        one.apply([entry for entry in entries if one.offset < entry[0] <= end], 0)
    oracle, reasons = empty(), Reasons()
    fired: set[str] = set()
    log = [entry for entry in entries if entry[0] <= end]
    assert [offset for offset, _ in log] == list(range(log[0][0], end + 1))
    for at in range(0, len(log), 256):
        for output in oracle.apply(log[at : at + 256], 0).outputs:
            fired |= {firing_of(one, "", 0).firing_id for one in output.fired}
            fired |= {rule_firing_of(one, reasons, "", 0).firing_id for one in output.rule_firings}
    mine, theirs = (
        merge([part.engine.checkpoint() for part in group], oracle.homes, LIVE) for group in (kept, [oracle])
    )
    assert mine.keys() == theirs.keys()
    for name, array in theirs.items():
        if name != "touched":  # what was published, not what is known
            np.testing.assert_array_equal(mine[name], array, err_msg=name)
    quality: dict[Any, int] = {}
    for part in kept:
        quality |= part.quality
    assert quality == oracle.quality
    assert fired == {firing.firing_id for firing, _ in stores.ledger.firings("owner", 1_000_000)}
    tally.remark = f"state of {sum(array.nbytes for array in theirs.values()) / 1e6:.1f} MB bit-identical"
