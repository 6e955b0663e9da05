"""Stream, ingest and the broker killed again and again while a recorded day goes through them.

Whatever was killed and when, the ledger has every firing once, the bars are those of an undisturbed run, and
the state that the stream ends with is, bit for bit, that of an engine which applied the same log in one go.
Short: a few kills. With --full the counts of the fault matrix (rows 1, 4, 6 and 7).
"""

import random
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from kill_house import DAY, MARKET_S, RULES, House, arm, same_bars, same_ledger, same_quality
from report import Tally
from victims import Victims

from marketbell.adapters.bus.redis import RedisBus
from marketbell.adapters.checkpoints.files import FileCheckpoints
from marketbell.adapters.stores.postgres import PostgresStores, migrate
from marketbell.core.engine.engine import EngineConfig
from marketbell.core.engine.handover import merge
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

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]

KILL_S = 9.0
"""Seconds that one kill takes of the replay, with the start after it."""
SEED = 20210428
MANY = 20
"""From so many kills on, each server stays away for a minute once."""
FULL = {"stream": 200, "stream in two": 40, "ingest": 50, "broker": 50, "postgres": 50}
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


@pytest.fixture
def house(plan: tuple[str, int], house_dir: Path, shared_data: Path) -> Iterator[House]:
    name, kills = plan
    streams = ("0-31", "32-63") if name == "stream in two" else ("0-63",)
    made = House(
        house_dir,
        f"replay:{shared_data / DAY}",
        max(10.0, MARKET_S / (kills * KILL_S + 6.0)),
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
        bell = arm(stores, shared_data / DAY, tmp_path, ["\n".join(levels(shared_data / DAY)), RULES])
        offline = tmp_path / "offline"
        replay_to_files([str(shared_data / DAY)], offline, rules=bell)
        bus = RedisBus(house.bus_url)
        tap = Tap(bus)
        if name != "broker":
            tap.start()
        house.start(*house.streams, "ingest")
        house.wait(lambda: house.rows() > 0, 60.0, "the first rows are published")
        victims = Victims(house, random.Random(SEED + kills))  # noqa: S311 — a repeatable plan, no secret
        if kills >= MANY:
            victims.long_outages = {"bus", "cache", "postgres"}
        victims.storm(["stream" if name.startswith("stream") else name] * kills, tally, settles=False)
        house.set_speed("max")
        house.wait(lambda: house.feed().get("state") == "ended", 240.0, "the replay ends")
        house.wait(house.has_read_everything, 180.0, "the stream has read everything")
        for stream in house.streams:
            assert house.children[stream].stop(20.0) == 0
        house.children["ingest"].stop(20.0)
        same_ledger(stores, offline, tally)
        same_bars(stores, offline)
        same_quality(stores, offline)
        if name != "broker":
            time.sleep(0.5)
            tap.end()
            undisturbed(house, tap.entries, stores, tally)
        bus.close()
    finally:
        stores.close()


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
