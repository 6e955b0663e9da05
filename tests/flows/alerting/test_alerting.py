"""From a firing in the ledger to settled deliveries, over the stores in memory and a clock moved by hand."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from marketbell.adapters.clock.manual import ManualClock
from marketbell.adapters.notifiers.in_app import InApp
from marketbell.adapters.stores.memory import MemoryStores
from marketbell.core.alerts.retry import RetryPolicy
from marketbell.core.market.instrument import Instrument
from marketbell.core.primitives.errors import DeliveryError
from marketbell.core.rules.firing import firing_values
from marketbell.flows.alerting.delivering import Deliverer, Terms
from marketbell.flows.alerting.message import compose, rounded, told_time
from marketbell.flows.alerting.planning import Planner
from marketbell.ports.notifiers import Message
from marketbell.ports.stores import LOCAL_OWNER, Channel, Delivery, Firing

EVENT = 1_619_585_103_000_000_000  # 2021-04-28 04:45:03 UTC
NOW = 1_700_000_000_000_000_000
COMMAND = {"field": "close", "direction": "above", "level": 1500.0}


@dataclass
class Recorder:
    """A channel that notes what it was given, and fails as it is told."""

    kind: str
    honours_key: bool = True
    failures: list[DeliveryError] = field(default_factory=list)
    got: list[Message] = field(default_factory=list)

    def send(self, config: dict[str, Any], message: Message) -> str:
        self.got.append(message)
        if self.failures:
            raise self.failures.pop(0)
        return "ok"


@dataclass
class Desk:
    stores: MemoryStores
    clock: ManualClock
    planner: Planner
    deliverer: Deliverer
    hook: Recorder
    slack: Recorder

    def fire(self, number: int = 1, notify: tuple[str, ...] = ("webhook",)) -> Firing:
        values = firing_values(COMMAND, value=1500.05, previous=1499.0, event_time=EVENT)
        firing = Firing(
            f"f{number}", "r", "Price level", LOCAL_OWNER, 1, "NSE:RELIANCE", EVENT, values, notify, self.clock.now()
        )
        self.stores.ledger.append([firing], (0,), "e", number)
        return firing

    def round(self) -> None:
        self.planner.run()
        for delivery in self.deliverer.claim(100):
            outcome = self.deliverer.attempt(delivery)
            if outcome is not None:
                self.deliverer.settle(outcome)

    def deliveries(self) -> dict[str, Delivery]:
        return {d.channel: d for _, found in self.stores.ledger.firings(LOCAL_OWNER) for d in found}


@pytest.fixture
def desk() -> Desk:
    stores, clock = MemoryStores(), ManualClock(NOW)
    stores.instruments.put([Instrument("NSE:RELIANCE", "Reliance Industries")])
    stores.channels.put(Channel("c1", LOCAL_OWNER, "webhook", "hook", {"url": "https://example.com"}))
    stores.channels.put(Channel("c2", LOCAL_OWNER, "slack", "desk", {"url": "https://example.com"}))
    hook, slack = Recorder("webhook"), Recorder("slack", honours_key=False)
    notifiers = {"in_app": InApp(), "webhook": hook, "slack": slack}
    terms = Terms(retry=RetryPolicy(attempts=3))
    return Desk(
        stores,
        clock,
        Planner(stores.ledger, stores.channels, stores.instruments, clock, "http://127.0.0.1:8700"),
        Deliverer(stores.ledger, stores.channels, notifiers, clock, terms),
        hook,
        slack,
    )


def test_a_firing_reaches_the_inbox_and_its_channels_once(desk: Desk) -> None:
    desk.fire(notify=("webhook:hook", "slack"))
    for _ in range(3):
        desk.round()
    assert {channel: d.state for channel, d in desk.deliveries().items()} == {
        "in_app": "sent",
        "webhook": "sent",
        "slack": "sent",
    }
    assert [message.title for message in desk.hook.got] == [
        "RELIANCE close crosses above 1500: 1500.05 at 2021-04-28 10:15:03 IST"
    ]
    assert desk.hook.got[0].delivery_id == desk.deliveries()["webhook"].delivery_id
    assert desk.hook.got[0].link == "http://127.0.0.1:8700/alerts?firing=f1"
    assert desk.hook.got[0].facts["values"]["previous"] == 1499.0
    assert desk.stores.ledger.oldest_unsent() is None


def test_what_its_own_clauses_held_back_is_recorded_and_told_to_nobody(desk: Desk) -> None:
    told: list[str] = []
    stores = desk.stores
    planner = Planner(
        stores.ledger, stores.channels, stores.instruments, desk.clock, "", lambda firing: told.append(firing.firing_id)
    )
    held = Firing("held", "r", "R", LOCAL_OWNER, 1, "NSE:RELIANCE", EVENT, {}, ("webhook",), NOW, suppressed="cooldown")
    stores.ledger.append([held], (0,), "e", 1)
    assert planner.run() == 1
    assert planner.run() == 0
    assert (stores.ledger.firings(LOCAL_OWNER), told) == ([(held, [])], [])


def test_a_message_says_why_in_plain_words_and_how_much_it_matters() -> None:
    values = {
        "condition": "rsi(close, 14)@15m < 30",
        "sentence": "RSI 14 (15m) is 28.4, under 30.",
        "value": 28.4,
        "previous": None,
        "terms": [{"expression": "rsi(close, 14)@15m", "value": 28.4, "type": "number"}],
    }
    firing = Firing("f", "r", "Oversold", LOCAL_OWNER, 1, "NSE:RELIANCE", EVENT, values, severity="high")
    text = compose(firing, Instrument("NSE:RELIANCE"), "")
    assert text["title"] == "URGENT RELIANCE rsi(close, 14)@15m < 30: 28.4 at 2021-04-28 10:15:03 IST"
    assert "Why: RSI 14 (15m) is 28.4, under 30." in text["body"].splitlines()
    long = {"condition": " and ".join(["close > 1"] * 12), "value": None}
    over = compose(replace(firing, values=long, event="exit", severity="normal"), None, "")
    assert over["title"] == "RELIANCE no more: Oversold at 2021-04-28 10:15:03 IST"


def test_a_passing_failure_is_tried_again_with_the_same_key(desk: Desk) -> None:
    desk.hook.failures = [DeliveryError("HTTP 503"), DeliveryError("HTTP 429", retry_after_s=120.0)]
    desk.fire()
    desk.round()
    waiting = desk.deliveries()["webhook"]
    assert (waiting.state, waiting.attempts, waiting.error) == ("retry", 1, "HTTP 503")
    desk.round()
    assert len(desk.hook.got) == 1  # not due yet
    desk.clock.move(1.0)
    desk.round()
    assert desk.deliveries()["webhook"].next_attempt_at == desk.clock.now() + 120 * 10**9
    desk.clock.move(120.0)
    desk.round()
    sent = desk.deliveries()["webhook"]
    assert (sent.state, sent.attempts, sent.error, sent.sent_at) == ("sent", 3, "", desk.clock.now())
    assert len({message.delivery_id for message in desk.hook.got}) == 1


@pytest.mark.parametrize(("permanent", "tries"), [(True, 1), (False, 3)])
def test_what_cannot_be_delivered_is_dead_with_its_error(desk: Desk, *, permanent: bool, tries: int) -> None:
    desk.hook.failures = [DeliveryError("no", permanent=permanent) for _ in range(9)]
    desk.fire()
    for _ in range(5):
        desk.round()
        desk.clock.move(1_000.0)
    dead = desk.deliveries()["webhook"]
    assert (dead.state, dead.error, len(desk.hook.got)) == ("dead", "no", tries)
    assert desk.deliveries()["in_app"].state == "sent"


def test_a_message_that_leaves_late_says_so(desk: Desk) -> None:
    desk.fire()
    desk.clock.move(601.0)
    desk.round()
    assert desk.hook.got[0].title.startswith("LATE: RELIANCE")
    assert desk.hook.got[0].facts["is_late"] is True


def test_a_claim_that_never_began_is_simply_taken_again(desk: Desk) -> None:
    desk.fire(notify=("slack",))
    desk.planner.run()
    assert len(desk.deliverer.claim(100)) == 1
    assert desk.deliverer.claim(100) == []
    desk.clock.move(31.0)
    desk.round()
    assert desk.deliveries()["slack"].state == "sent"


def test_an_unknown_outcome_is_repeated_with_a_key_and_listed_without_one(desk: Desk) -> None:
    desk.fire(notify=("slack", "webhook"))
    desk.planner.run()
    for delivery in desk.deliverer.claim(100):
        desk.deliverer.attempt(delivery)  # … and the sender dies before it can settle
    desk.clock.move(31.0)
    desk.round()
    states = {channel: (d.state, d.attempts) for channel, d in desk.deliveries().items()}
    assert states == {"in_app": ("sent", 0), "webhook": ("sent", 2), "slack": ("maybe_sent", 1)}
    assert len(desk.slack.got) == 1
    assert len({message.delivery_id for message in desk.hook.got}) == 1


def test_a_late_settlement_does_not_undo_what_was_sent(desk: Desk) -> None:
    desk.fire()
    desk.planner.run()
    (mine,) = [d for d in desk.deliverer.claim(100) if d.channel == "webhook"]
    desk.clock.move(31.0)
    desk.round()
    assert desk.deliverer.attempt(mine) is None
    assert desk.deliveries()["webhook"].state == "sent"


def test_giving_back_keeps_the_turn(desk: Desk) -> None:
    desk.fire()
    desk.planner.run()
    for delivery in desk.deliverer.claim(100):
        desk.deliverer.give_back(delivery, 5.0)
    assert desk.deliverer.claim(100) == []
    desk.clock.move(5.0)
    desk.round()
    assert desk.deliveries()["webhook"].attempts == 1


def test_channels_that_went_away_are_said_to_be_dead(desk: Desk) -> None:
    desk.fire(notify=("webhook", "slack", "slack:nobody"))
    desk.planner.run()
    desk.stores.channels.delete(LOCAL_OWNER, "c1")
    desk.round()
    found = {
        (d.channel, d.address): d.error
        for _, all_of_it in desk.stores.ledger.firings(LOCAL_OWNER)
        for d in all_of_it
        if d.state == "dead"
    }
    assert found == {
        ("webhook", "c1"): "the channel was removed",
        ("slack", "nobody"): "there is no channel slack:nobody",
    }


def test_a_simulated_market_says_so_in_the_first_word() -> None:
    firing = Firing("f", "r", "R", "o", 1, "SIM:ACME", EVENT, {"condition": "c", "value": 2.0}, (), NOW)
    told = compose(firing, Instrument("SIM:ACME", is_simulated=True, tick_size=1.0, calendar="24x7"), "")
    assert told["title"] == "SIMULATED ACME c: 2 at 2021-04-28 04:45:03 UTC"
    assert told["link"] == ""


def test_prices_and_times_for_people() -> None:
    assert [rounded(1500.0499999, tick) for tick in (0.05, 0.01, 1.0, 0.0025, 0.0)] == [
        "1500.05",
        "1500.05",
        "1500",
        "1500.0500",
        "1500.05",
    ]
    assert told_time(EVENT, "XNYS") == "2021-04-28 00:45:03 EDT"
