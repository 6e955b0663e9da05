"""The sender killed again and again while it delivers: no message lost, none told twice, each unsure one listed."""

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kill_house import House
from posted import HOOKS, SLACKS, furnish, has_backlog, judge
from receivers import Receivers
from report import Tally
from victims import Victims

from marketbell.adapters.stores.postgres import PostgresStores, migrate
from marketbell.core.market.instrument import Instrument
from marketbell.ports.stores import LOCAL_OWNER, Firing

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]

FULL = 200
EACH = 16
"""Firings to webhooks behind each kill."""
SEED = 7


@pytest.fixture
def receivers() -> Iterator[Receivers]:
    with Receivers(wait_s=0.02) as made:
        yield made


@pytest.fixture
def house(house_dir: Path) -> Iterator[House]:
    made = House(house_dir, "demo", 1.0, notify={"allow_private": ("127.0.0.1",), "lease_s": 3.0})
    try:
        yield made
    finally:
        made.close()


def fire(stores: PostgresStores, number: int) -> None:
    """Some firings to webhooks, one of them to Slack too."""
    values = {"condition": "close crosses above 1500", "value": 1500.05}
    stores.ledger.append(
        [
            Firing(
                f"k{number}-{n}", f"r{n}", f"kill {number} {n}", LOCAL_OWNER, 1, "NSE:RELIANCE", 1_000 + number, values,
                (f"webhook:h{(number + n) % HOOKS}", *([f"slack:s{number % SLACKS}"] if n == 0 else [])),
            )
            for n in range(EACH)
        ],
        (0,),
        "epoch",
        number + 1,
    )  # fmt: skip


def test_the_sender_dies_at_any_moment(
    house: House, receivers: Receivers, tally: Tally, request: pytest.FixtureRequest
) -> None:
    option = request.config.getoption
    kills = option("kills", default=None) or (FULL if option("full", default=False) else 0)
    if not kills:
        pytest.skip("the storm kills the sender in the short form")
    tally.fault = "sender"
    house.start("postgres", "cache")
    migrate.upgrade(house.database_url)
    stores = PostgresStores(house.database_url)
    try:
        stores.instruments.put([Instrument("NSE:RELIANCE", "Reliance Industries")])
        furnish(stores, receivers)
        house.start("sender")
        chance = random.Random(SEED)  # noqa: S311 — a repeatable plan
        # what is gathered into one message waits on purpose: it is behind nothing
        victims = Victims(
            house, chance, lambda: len(receivers.calls), lambda: stores.ledger.oldest_unsent() is not None
        )
        for number in range(kills):
            before = len(receivers.calls)
            fire(stores, number)
            wanted = before + chance.randrange(EACH)
            house.wait(lambda: len(receivers.calls) >= wanted, 30.0, "the sender delivers")  # noqa: B023 — used at once
            time.sleep(chance.random() * 0.03)
            victims.storm(["sender"], tally)
        house.wait(lambda: not has_backlog(stores), 120.0, "everything is sent")
        assert house.children["sender"].stop(20.0) == 0
        judge(stores, receivers, tally, kills)
        assert "Traceback" not in house.children["sender"].log_text(), house.children["sender"].tail()
    finally:
        stores.close()
