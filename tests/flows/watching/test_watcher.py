"""The watch over memory and a moved clock: raised once, told when over, whoever looks and whoever was killed."""

from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from marketbell.adapters.cache.memory import MemoryCache
from marketbell.adapters.calendars.dated.catalogue import CalendarCatalogue
from marketbell.adapters.clock.manual import ManualClock
from marketbell.adapters.stores.memory import MemoryStores
from marketbell.core.primitives.errors import BusUnavailableError, DeliveryError, StoreUnavailableError
from marketbell.flows.alerting.planning import Planner
from marketbell.flows.jobs.running import LEASE_S
from marketbell.flows.watching.eyes import PortEyes
from marketbell.flows.watching.rounds import RAISED_KEY, Rounds
from marketbell.flows.watching.sights import Terms
from marketbell.flows.watching.watcher import Watcher
from marketbell.ports.jobs import new_run
from marketbell.ports.ledger import Firing
from marketbell.ports.outgoing import Reply
from marketbell.ports.stores import LOCAL_OWNER, Channel

S = 10**9
NOON = 1_764_138_600 * S
"""2025-11-26 12:00 in India, a Wednesday."""
STEP_S = 5


@dataclass
class House:
    """Parts that are well, until a test says otherwise; and watchers over them."""

    clock: ManualClock = field(default_factory=lambda: ManualClock(NOON))
    stores: MemoryStores = field(default_factory=MemoryStores)
    free: int = 1 << 40
    feed_moves: bool = True
    stream_moves: bool = True
    worker: dict[str, Any] | None = field(default_factory=lambda: {"state": "ready"})
    shown: list[Firing] = field(default_factory=list)
    is_planned: bool = True
    """Somebody plans what fired."""

    def __post_init__(self) -> None:
        self.cache = MemoryCache(self.clock.monotonic)
        self._position = self._offset = 0

    def watcher(self) -> Watcher:
        return Watcher(
            PortEyes(self.cache, self.stores.ledger, self.stores.jobs, lambda: (self.free, 1 << 41)),
            self.stores.watches,
            self.stores.ledger,
            CalendarCatalogue().sessions,
            self.clock,
            Terms(),
            wanted=("worker",),
            notify=("slack:ops",),
            told=self.shown.append,
        )

    def move(self, *watchers: Watcher, seconds: float = STEP_S) -> None:
        """The world goes on for a few looks."""
        for _ in range(int(seconds // STEP_S)):
            self.clock.move(STEP_S)
            self._position += self.feed_moves
            self._offset += self.stream_moves
            feed = {"name": "f", "kind": "live", "calendar": "XNSE", "state": "running", "clock": self.clock.now()}
            self.cache.set("feeds", orjson.dumps([feed | {"position": self._position, "label": "The feed"}]))
            part = {"label": "0-63", "epoch": "e", "offset": self._offset, "state": "running"}
            self.cache.set("stream:status", orjson.dumps({"partitions": [part]}))
            if self.worker is not None:
                self.cache.set("proc:worker", orjson.dumps(self.worker))
            else:
                self.cache.delete("proc:worker")
            for watcher in watchers:
                watcher.look()
            for firing in self.stores.ledger.unplanned() if self.is_planned else ():
                self.stores.ledger.plan(firing.firing_id, [], self.clock.now())

    def firings(self) -> list[Firing]:
        return [firing for firing, _ in reversed(self.stores.ledger.firings(LOCAL_OWNER, 100))]

    def told(self) -> list[tuple[str, str]]:
        return [(str(firing.values["watch"]), firing.event) for firing in self.firings()]


@pytest.fixture
def house() -> House:
    return House()


def test_a_house_that_is_well_is_told_nothing(house: House) -> None:
    house.move(house.watcher(), seconds=600)
    assert house.firings() == []
    assert house.stores.watches.standing() == []


def test_a_silent_feed_is_raised_once_and_told_when_it_is_over(house: House) -> None:
    watcher = house.watcher()
    house.move(watcher, seconds=20)
    house.feed_moves = False
    house.move(watcher, seconds=55)
    assert house.told() == []
    house.move(watcher, seconds=300)
    assert house.told() == [("feed_silent:f", "fire")]
    (firing,) = house.firings()
    assert (firing.rule_uid, firing.rule, firing.severity, firing.notify) == (
        "watch:feed_silent",
        "Feed silent",
        "high",
        ("slack:ops",),
    )
    assert firing.event_time == NOON + 20 * S, "since when it is silent"
    house.feed_moves = True
    house.move(watcher, seconds=25)
    assert len(house.told()) == 1, "not over at the first sign of life"
    house.move(watcher, seconds=20)
    assert house.told() == [("feed_silent:f", "fire"), ("feed_silent:f", "exit")]
    assert "Over after 6 min" in house.firings()[1].values["sentence"]
    house.feed_moves = False
    house.move(watcher, seconds=120)
    assert [event for _, event in house.told()] == ["fire", "exit", "fire"]


def test_what_flickers_is_one_alert(house: House) -> None:
    watcher = house.watcher()
    for _ in range(6):
        house.free = 1
        house.move(watcher, seconds=10)
        house.free = 1 << 40
        house.move(watcher, seconds=25)
    assert house.told() == [("disk", "fire")]


def test_each_kind_is_seen(house: House) -> None:
    watcher = house.watcher()
    house.move(watcher, seconds=20)
    house.worker = None
    house.stream_moves = False
    house.free = 1
    run = new_run("backtest", house.clock.now(), owner_id=LOCAL_OWNER, now=house.clock.now())
    house.stores.jobs.enqueue([run])
    claimed = house.stores.jobs.claim(run.run_id, house.clock.now(), LEASE_S)
    assert claimed is not None
    house.stores.jobs.bury(claimed, "no", house.clock.now())
    house.is_planned = False
    house.stores.ledger.append([firing("f" * 32, house.clock.now())], [], "", 0)
    house.move(watcher, seconds=90)
    assert {watch for watch, _ in house.told() if watch} == {
        "process_silent:worker",
        "stream_stuck:0-63",
        "disk",
        "dead_letters",
        "unsent",
    }


def test_a_process_that_says_it_does_not_work_is_told_with_its_reason(house: House) -> None:
    watcher = house.watcher()
    house.worker = {"state": "degraded", "detail": {"reason": "no progress for 61 s"}}
    house.move(watcher, seconds=60)
    assert house.told() == [("process_silent:worker", "fire")]
    assert "no progress for 61 s" in house.firings()[0].values["sentence"]


def test_two_senders_raise_one_and_end_one(house: House) -> None:
    first, second = house.watcher(), house.watcher()
    house.move(first, second, seconds=20)
    house.feed_moves, house.free = False, 1
    house.move(first, second, seconds=200)
    assert sorted(house.told()) == [("disk", "fire"), ("feed_silent:f", "fire")]
    house.feed_moves, house.free = True, 1 << 40
    house.move(second, first, seconds=200)
    assert sorted(event for _, event in house.told()) == ["exit", "exit", "fire", "fire"]
    assert sorted(one.firing_id for one in house.shown) == sorted(one.firing_id for one in house.firings())


def test_a_sender_that_starts_later_ends_nothing_that_it_does_not_see_yet(house: House) -> None:
    first = house.watcher()
    house.move(first, seconds=20)
    house.feed_moves = False
    house.move(first, seconds=100)
    second = house.watcher()  # it takes it a minute to know that the feed is silent
    house.move(second, seconds=300)
    assert house.told() == [("feed_silent:f", "fire")]
    house.feed_moves = True
    house.move(second, seconds=60)
    assert [event for _, event in house.told()] == ["fire", "exit"]


def test_one_that_was_killed_between_raising_and_telling_is_told_by_the_next(house: House) -> None:
    class Dying(MemoryStores):
        pass

    stores = Dying()
    house.stores = stores
    append, is_dead = stores.ledger.append, True

    def dying(*arguments: Any, **more: Any) -> int:
        if is_dead:
            raise StoreUnavailableError
        return append(*arguments, **more)

    stores.ledger.append = dying  # type: ignore[method-assign]
    house.free = 1
    with pytest.raises(StoreUnavailableError):
        house.move(house.watcher())
    assert len(stores.watches.standing()) == 1
    is_dead = False
    house.move(house.watcher(), seconds=30)
    assert house.told() == [("disk", "fire")]


@pytest.mark.parametrize("hour", [3_600, -3_600])
def test_a_clock_that_is_set_raises_nothing(house: House, hour: int) -> None:
    watcher = house.watcher()
    steady = house.clock.monotonic
    offset = 0.0
    house.clock.monotonic = lambda: steady() - offset  # type: ignore[method-assign]
    house.move(watcher, seconds=120)
    offset = float(hour)
    house.clock.move(hour)
    house.move(watcher, seconds=120)
    assert house.firings() == []


def test_a_cache_that_is_away_is_no_finding_and_ends_none(house: House) -> None:
    watcher = house.watcher()
    house.move(watcher, seconds=20)
    house.feed_moves = False
    house.move(watcher, seconds=100)

    def away(_key: str) -> bytes | None:
        raise BusUnavailableError

    house.cache.get = away  # type: ignore[method-assign,assignment]
    house.feed_moves = True
    house.move(watcher, seconds=300)
    assert house.told() == [("feed_silent:f", "fire")]


def test_the_operators_message_says_what_happened(house: House) -> None:
    house.stores.channels.put(Channel("c1", LOCAL_OWNER, "slack", "ops", {"url": "https://example.com"}))
    watcher = house.watcher()
    house.free, house.is_planned = 1 << 20, False
    house.move(watcher, seconds=10)
    Planner(house.stores.ledger, house.stores.channels, house.stores.instruments, house.clock, "http://x").run()
    house.free = 1 << 40
    house.move(watcher, seconds=120)
    Planner(house.stores.ledger, house.stores.channels, house.stores.instruments, house.clock, "http://x").run()
    found = house.stores.ledger.firings(LOCAL_OWNER)
    messages = [
        one
        for told, deliveries in reversed(found)
        for one in deliveries
        if one.channel == "slack" and told.values["watch"] == "disk"
    ]
    assert [one.state for one in messages] == ["queued", "queued"]
    titles = [str(one.payload["title"]) for one in messages]
    assert "Marketbell" in titles[0]
    assert "Disk nearly full" in titles[0]
    assert "no more" in titles[1]
    assert "1 MB of" in str(messages[0].payload)


def firing(firing_id: str, now: int) -> Firing:
    values = {"watch": "", "value": 1.0}
    return Firing(firing_id, "r", "R", LOCAL_OWNER, 1, "NSE:AAA", now, values, recorded_at=now)


class Outside:
    """Notes the signs of life."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.is_away = False

    def post(self, url: str, body: bytes, headers: Any) -> Reply:
        if self.is_away:
            raise DeliveryError("no answer")
        self.bodies.append(orjson.loads(body))
        return Reply(200)

    def close(self) -> None:
        pass


def test_a_sign_of_life_goes_out_while_messages_can_leave(house: House) -> None:
    outside, is_working = Outside(), True
    house.cache.set("proc:worker", orjson.dumps(house.worker))
    rounds = Rounds(
        house.watcher(),
        house.cache,
        house.clock,
        every_s=5,
        outgoing=outside,
        heartbeat_url="https://example.com/x",
        heartbeat_every_s=20,
        is_working=lambda: is_working,
    )

    def go(seconds: float) -> None:
        until = house.clock.monotonic() + seconds
        while house.clock.monotonic() < until:
            house.clock.move(max(1.0, rounds.step()))

    go(100)
    assert len(outside.bodies) == 5
    assert outside.bodies[-1]["raised"] == []
    house.free = 1
    go(40)
    assert outside.bodies[-1]["raised"] == ["disk"]
    shown = orjson.loads(house.cache.get(RAISED_KEY) or b"")
    assert [one["watch"] for one in shown["items"]] == ["disk"]
    count = len(outside.bodies)
    is_working = False
    go(100)
    assert len(outside.bodies) == count, "silence is the alarm"
    is_working = outside.is_away = True
    go(40)
    outside.is_away = False
    go(40)
    assert len(outside.bodies) > count
