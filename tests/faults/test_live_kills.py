"""`live` killed under hundreds of browsers: all are back within seconds, no alert is missing, none is told twice."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from crowd import Crowd
from kill_house import House
from report import Tally

from marketbell.adapters.bus.redis import RedisBus
from marketbell.adapters.stores.postgres import PostgresStores, migrate
from marketbell.core.market.instrument import Instrument
from marketbell.flows.stream.documents import firing_document
from marketbell.ports.ledger import Firing
from marketbell.ports.stores import LOCAL_OWNER

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]

SHORT, FULL = (40, 2), (200, 50)
"""Browsers, kills."""
EACH = 4
SEED = 3


@pytest.fixture
def house(house_dir: Path) -> Iterator[House]:
    made = House(house_dir, "demo", 1.0)
    try:
        yield made
    finally:
        made.close()


class Stream:
    """What the stream does when something fires: the ledger first, then the topic."""

    def __init__(self, stores: PostgresStores, bus: RedisBus) -> None:
        self._stores = stores
        self._bus = bus
        self.fired: list[str] = []

    def fire(self, count: int) -> None:
        for _ in range(count):
            ident = f"f{len(self.fired)}"
            firing = Firing(ident, "r", "Rule", LOCAL_OWNER, 1, "NSE:RELIANCE", 1_000 + len(self.fired), {"value": 1.0})
            self._stores.ledger.append([firing], (0,), "epoch", len(self.fired) + 1)
            self._bus.publish("market", 0, firing_document(firing))
            self.fired.append(ident)

    def all(self) -> set[str]:
        return {firing.firing_id for firing, _ in self._stores.ledger.firings(LOCAL_OWNER, 1_000_000)}


def test_every_browser_comes_back_and_misses_nothing(
    house: House, tally: Tally, request: pytest.FixtureRequest
) -> None:
    option = request.config.getoption
    count, kills = FULL if option("full", default=False) else SHORT
    kills = option("kills", default=None) or kills
    tally.fault = "live"
    house.start("postgres", "bus", "cache")
    migrate.upgrade(house.database_url)
    stores, bus = PostgresStores(house.database_url), RedisBus(house.bus_url)
    stores.instruments.put([Instrument("NSE:RELIANCE")])
    bus.ensure_topic("market", 1, 100_000)
    stream = Stream(stores, bus)
    chance = random.Random(SEED)  # noqa: S311 — a repeatable plan
    house.start("live")
    house.wait(lambda: house.is_ready("live"), 60.0, "live is ready")
    crowd = Crowd(house.live_port, (house.data_dir / "owner.token").read_text().strip(), count, stream.all)
    try:
        crowd.start()
        house.wait(lambda: crowd.joined == count, 60.0, "all browsers are in")
        for number in range(kills):
            stream.fire(EACH)
            time.sleep(chance.uniform(0.0, 0.3))
            began = time.monotonic()
            house.children["live"].kill()
            stream.fire(EACH)
            house.start("live")
            tally.times += 1
            stream.fire(EACH)
            house.wait(lambda: crowd.joined < count, 10.0, "the browsers notice")
            house.wait(lambda: crowd.joined == count, 120.0, f"all browsers are back after kill {number + 1}")
            tally.recoveries.append(time.monotonic() - began)
        stream.fire(EACH)
        wanted = set(stream.fired)
        house.wait(lambda: all(one.shown >= wanted for one in crowd.browsers), 30.0, "every browser shows every alert")
        assert crowd.is_alive(), "a browser was told nonsense"
    finally:
        crowd.end()
        tally.lost = sum(len(set(stream.fired) - one.shown) for one in crowd.browsers)
        told = (Counter(one.said) for one in crowd.browsers)
        tally.doubled = sum(times - 1 for counter in told for times in counter.values() if times > 1)
        bus.close()
        stores.close()
    assert (tally.lost, tally.doubled) == (0, 0)
    assert crowd.resyncs >= kills, "a new server cannot know the old one's numbers"
    assert house.children["live"].stop(20.0) == 0
