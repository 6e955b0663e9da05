"""The lines between our processes and their servers: cut, slow, swallowing, dead without a word.

The servers live all the time; what is between fails, as networks and middle boxes do. The ledger and the receivers
agree with an undisturbed run at the end.
"""

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kill_house import DAY, MARKET_S, RULES, House, arm, same_bars, same_ledger
from posted import has_backlog
from proxy import FaultProxy
from report import Tally
from victims import PROGRESS_S, Victims

from marketbell.adapters.stores.postgres import PostgresStores, migrate
from marketbell.wiring.replay import replay_to_files

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(240),
    pytest.mark.long("servers that die break lines too"),
]

SLOW_S = 0.05
FOR_S = 3.0
WAYS = {
    "postgres": ("cut", "slow", "hole"),
    "bus": ("cut", "slow", "hole", "half-open"),
    "cache": ("cut", "slow", "hole", "half-open"),
}
SEED = 5


@pytest.fixture
def house(house_dir: Path, shared_data: Path, faults: list[tuple[str, str]]) -> Iterator[House]:
    speed = max(20.0, MARKET_S / (len(faults) * 3 * FOR_S))
    made = House(house_dir, f"replay:{shared_data / DAY}", speed, has_proxies=True, stream={"checkpoint_every_s": 0.5})
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def faults() -> list[tuple[str, str]]:
    found = [(name, way) for name, ways in WAYS.items() for way in ways]
    random.Random(SEED).shuffle(found)  # noqa: S311 — a repeatable order
    return found


def break_line(proxy: FaultProxy, way: str) -> None:
    if way == "half-open":
        proxy.half_open()
        return
    {"cut": proxy.cut, "slow": lambda: proxy.delay(SLOW_S), "hole": proxy.hole}[way]()
    time.sleep(FOR_S)
    proxy.mend()


def test_what_lies_between_may_fail(
    house: House, faults: list[tuple[str, str]], shared_data: Path, tmp_path: Path, tally: Tally
) -> None:
    tally.fault = "lines"
    house.start("postgres", "bus", "cache")
    migrate.upgrade(house.database_url)
    stores = PostgresStores(house.database_url)
    try:
        bell = arm(stores, shared_data / DAY, tmp_path, [RULES])
        offline = tmp_path / "offline"
        replay_to_files([str(shared_data / DAY)], offline, rules=bell)
        house.start("stream", "sender")
        house.wait(lambda: bool(house.document("stream:status")), 120.0, "the stream stands")
        house.start("ingest")
        house.wait(lambda: house.rows() > 0, 60.0, "the first rows are published")
        victims = Victims(house, random.Random(SEED))  # noqa: S311 — no secret
        for name, way in faults:
            before = house.rows()
            break_line(house.proxies[name], way)
            began = time.monotonic()
            tally.times += 1

            def goes_on(before: int = before) -> bool:
                is_moving = house.rows() > before or house.feed().get("state") == "ended"
                return is_moving and victims.is_near() and house.is_ready("sender")

            house.wait(goes_on, 4 * PROGRESS_S, f"all goes on after the line to {name} was {way}")
            tally.recoveries.append(time.monotonic() - began)
        house.set_speed("max")
        house.wait(lambda: house.feed().get("state") == "ended", 120.0, "the replay ends")
        house.wait(house.has_read_everything, 120.0, "the stream has read everything")
        house.wait(lambda: not has_backlog(stores), 60.0, "everything is sent")
        for name in ("stream", "ingest", "sender"):
            house.children[name].stop(20.0)
        same_ledger(stores, offline, tally)
        same_bars(stores, offline)
    finally:
        stores.close()
