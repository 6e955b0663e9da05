"""Providers that answer 500, 429, nothing, or accept and drop the line: the fault matrix's row 9.

The real sender tells receivers which fail as they are told. Back-off is kept, nobody is asked more often than
allowed, what cannot be delivered is a dead letter with its error, and a replay of the dead letters empties them.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from kill_house import House
from posted import has_backlog, outbox
from receivers import Call, Receivers
from report import Tally

from marketbell.adapters.stores.postgres import PostgresStores, migrate
from marketbell.core.alerts.retry import RetryPolicy
from marketbell.core.market.instrument import Instrument
from marketbell.ports.ledger import EVERY_DEAD, Firing
from marketbell.ports.stores import LOCAL_OWNER, Channel

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]

SHORT, FULL = 12, 500
MODES = ("500", "429", "silent", "drop")
LANES = 6
"""Destinations of each mode: one that does not answer is waited for, the others are not."""
ATTEMPTS = 3
ASKED_S = 2.0
EARLY_S = 0.05
"""What two clocks and a rounding may differ by."""


@pytest.fixture
def count(request: pytest.FixtureRequest) -> int:
    return FULL if request.config.getoption("full", default=False) else SHORT


@pytest.fixture
def receivers() -> Iterator[Receivers]:
    def way(name: str, nth: int, key: str) -> str:
        kind, _, place = name.partition("/")
        mode = place.partition("-")[0]
        if kind == "slack":
            return mode if int(key.rpartition("-")[2]) % 2 else "ok"
        # every fourth message is never accepted; a silent receiver would keep us for hours otherwise
        fails = ATTEMPTS if int(key[:4], 16) % 4 == 0 and mode != "silent" else 1
        return mode if nth <= fails else "ok"

    with Receivers(way=way) as made:
        yield made


@pytest.fixture
def house(house_dir: Path) -> Iterator[House]:
    notify = {"allow_private": ("127.0.0.1",), "lease_s": 10.0, "attempts": ATTEMPTS}
    made = House(house_dir, "demo", 1.0, notify=notify)
    try:
        yield made
    finally:
        made.close()


def furnish(stores: PostgresStores, receivers: Receivers) -> None:
    stores.instruments.put([Instrument("NSE:RELIANCE", "Reliance Industries")])
    for mode in MODES:
        for lane in range(LANES):
            name = f"{mode}-{lane}"
            url = {"url": receivers.url("hook", name)}
            stores.channels.put(Channel(f"h-{name}", LOCAL_OWNER, "webhook", f"h-{name}", url))
    for mode in ("silent", "drop"):
        url = {"url": receivers.url("slack", mode)}
        stores.channels.put(Channel(f"s-{mode}", LOCAL_OWNER, "slack", f"s-{mode}", url))


def fire(stores: PostgresStores, count: int) -> None:
    firings = []
    for mode in MODES:
        for n in range(count):
            notify = [f"webhook:h-{mode}-{n % LANES}"]
            if mode in {"silent", "drop"} and n < 4:
                notify.append(f"slack:s-{mode}")
            ident = f"{mode}-{n}"
            firings.append(
                Firing(ident, ident, ident, LOCAL_OWNER, 1, "NSE:RELIANCE", 1_000 + n, {"value": 1.0}, tuple(notify))
            )
    stores.ledger.append(firings, (0,), "epoch", 1)


def test_failures_of_providers_are_borne(house: House, receivers: Receivers, count: int, tallies: list[Tally]) -> None:
    rows = {mode: Tally(mode) for mode in MODES}
    tallies += rows.values()
    house.start("postgres", "cache")
    migrate.upgrade(house.database_url)
    stores = PostgresStores(house.database_url)
    try:
        furnish(stores, receivers)
        fire(stores, count)
        house.start("sender")
        for row in rows.values():
            row.times = count
        house.wait(lambda: not has_backlog(stores), 60.0 + count, "every delivery has its end")
        ends = [one for one in outbox(stores) if one["channel"] in {"webhook", "slack"}]
        calls = list(receivers.calls)
        slack_is_honest([one for one in ends if one["channel"] == "slack"], calls)
        kept = {one["delivery_id"]: one for one in ends if one["channel"] == "webhook"}
        back_off_is_kept([call for call in calls if call.name.startswith("hook")])
        dead = {key for key, one in kept.items() if one["state"] == "dead"}
        for mode, row in rows.items():
            mine = {key: one for key, one in kept.items() if one["address"].startswith(f"h-{mode}-")}
            assert len(mine) == count
            assert {one["state"] for one in mine.values()} <= {"sent", "dead"}
            assert all(one["error"] and one["attempts"] == ATTEMPTS for key, one in mine.items() if key in dead)
            assert (mine.keys() & dead != set()) == (mode != "silent"), "some are never accepted"
            row.remark = f"{len(mine.keys() & dead)} dead letters, all emptied by a replay"
        receivers.way = lambda *_: "ok"
        assert stores.ledger.replay(LOCAL_OWNER, EVERY_DEAD, time.time_ns()) == len(dead)
        house.wait(lambda: not has_backlog(stores), 60.0, "the dead letters are sent")
        told = receivers.told("hook")
        for mode, row in rows.items():
            mine_now = [one for one in outbox(stores) if one["address"].startswith(f"h-{mode}-")]
            row.lost = sum(one["state"] != "sent" or not told[one["delivery_id"]] for one in mine_now)
            assert row.lost == 0
        assert told.keys() == kept.keys()
        assert house.children["sender"].stop(20.0) == 0
    finally:
        stores.close()


def back_off_is_kept(calls: list[Call]) -> None:
    """Between two attempts lies at least the policy's least wait, or what the provider asked for."""
    policy, by_key = RetryPolicy(), defaultdict(list)
    for call in calls:
        by_key[call.key].append(call)
    for key, several in by_key.items():
        assert len(several) <= ATTEMPTS, key
        for number, (first, second) in enumerate(pairwise(several), start=1):
            least = ASKED_S if first.way == "429" else policy.first_s * 2 ** (number - 1) / 2
            assert second.at - first.at >= least - EARLY_S, (key, first.way, number)


def slack_is_honest(ends: list[dict[str, object]], calls: list[Call]) -> None:
    """Slack knows no keys: what may have arrived is said to be so, and not sent again."""
    asked = Counter(call.key for call in calls if call.name.startswith("slack"))
    assert len(ends) == 8
    assert set(asked.values()) == {1}
    for one in ends:
        is_odd = int(str(one["firing_id"]).rpartition("-")[2]) % 2
        assert one["state"] == ("maybe_sent" if is_odd else "sent"), one
