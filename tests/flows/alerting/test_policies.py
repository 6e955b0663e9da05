"""Storms, limits, quiet hours, digests, fallbacks: from firings to messages, over the stores in memory."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest

from marketbell.adapters.clock.manual import ManualClock
from marketbell.adapters.stores.memory import MemoryStores
from marketbell.core.alerts.acks import Mute
from marketbell.core.alerts.preferences import Preferences
from marketbell.core.alerts.retry import RetryPolicy
from marketbell.core.alerts.silences import Silence
from marketbell.core.primitives.errors import DeliveryError
from marketbell.flows.alerting.delivering import Deliverer, Terms
from marketbell.flows.alerting.gathering import Gatherer
from marketbell.flows.alerting.planning import Planner
from marketbell.flows.alerting.signing import Links
from marketbell.flows.alerting.story import story
from marketbell.ports.ledger import DeadSought, Delivery, Firing
from marketbell.ports.notifiers import Message
from marketbell.ports.stores import LOCAL_OWNER, Channel, StoredRule

SECOND = 10**9
NOON = 1_700_028_000 * SECOND  # 2023-11-15 11:30 in Kolkata
HOURS = 3_600 * SECOND
LINKS = Links(b"key", "https://bell.example")


@dataclass
class Recorder:
    """A channel that notes what it was given, and fails as it is told."""

    kind: str
    honours_key: bool = True
    failures: list[DeliveryError] = field(default_factory=list)
    got: list[Message] = field(default_factory=list)

    def send(self, config: dict[str, Any], message: Message) -> str:
        if self.failures:
            raise self.failures.pop(0)
        self.got.append(message)
        return "ok"


class Desk:
    """Planner, gatherer and deliverer on one clock moved by hand."""

    def __init__(self) -> None:
        self.stores, self.clock = MemoryStores(), ManualClock(NOON)
        ledger, wishes = self.stores.ledger, self.stores.wishes
        self.slack, self.sms = Recorder("slack"), Recorder("sms")
        for kind in ("slack", "sms"):
            self.stores.channels.put(Channel(f"c-{kind}", LOCAL_OWNER, kind, f"my {kind}", {}))
        self.wish(zone="Asia/Kolkata")
        link = "https://bell.example"
        self.planner = Planner(
            ledger,
            self.stores.channels,
            self.stores.instruments,
            self.clock,
            link,
            wishes=wishes,
            rules=self.stores.rules,
            links=LINKS,
        )
        self.gatherer = Gatherer(ledger, self.clock, link, wishes=wishes, links=LINKS)
        self.deliverer = Deliverer(
            ledger,
            self.stores.channels,
            {"slack": self.slack, "sms": self.sms},
            self.clock,
            Terms(retry=RetryPolicy(attempts=3)),
            wishes=wishes,
        )
        self.fired = 0

    def wish(self, **preferences: Any) -> None:
        self.stores.wishes.put_preferences(LOCAL_OWNER, Preferences(**({"zone": "Asia/Kolkata"} | preferences)))

    def rule(self, **clauses: Any) -> None:
        stored = StoredRule("rule", LOCAL_OWNER, "Volume shocker", str(clauses), {})
        self.stores.rules.arm(stored, 0, {"type": "arm_rule", **clauses})

    def fire(self, count: int = 1, notify: tuple[str, ...] = ("slack",), **more: Any) -> None:
        for _ in range(count):
            self.fired += 1
            symbol = more.get("symbol", f"S{self.fired}")
            values = {"condition": "volume > 5", "sentence": "Volume is 6."}
            firing = Firing(
                f"f{self.fired:04}",
                more.get("rule_uid", "rule"),
                "Volume shocker",
                LOCAL_OWNER,
                1,
                f"NSE:{symbol}" if symbol else "",
                self.clock.now(),
                values,
                notify,
                self.clock.now(),
                severity=more.get("severity", "normal"),
            )
            self.stores.ledger.append([firing], (0,), "e", self.fired)
        self.round()

    def round(self) -> None:
        self.planner.run()
        self.gatherer.run()
        for delivery in self.deliverer.claim(1_000):
            outcome = self.deliverer.attempt(delivery)
            if outcome is not None:
                self.deliverer.settle(outcome)

    def after(self, seconds: float) -> None:
        self.clock.move(seconds)
        self.round()

    def deliveries(self, channel: str = "slack") -> list[Delivery]:
        found = self.stores.ledger.firings(LOCAL_OWNER, 10_000)
        return [one for _, several in reversed(found) for one in several if one.channel == channel]

    def states(self, channel: str = "slack") -> Counter[str]:
        return Counter(one.state for one in self.deliveries(channel))


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_storm_is_three_messages_and_one_that_tells_the_rest(desk: Desk) -> None:
    desk.fire(43)
    assert len(desk.slack.got) == 3
    assert desk.states() == {"sent": 3, "held": 40}
    desk.after(59.0)
    assert len(desk.slack.got) == 3
    desk.after(1.0)
    assert desk.states() == {"sent": 4, "carried": 39}
    told = desk.slack.got[-1]
    assert told.title.startswith("40 symbols matched Volume shocker: S4, S5, S6")
    assert len(told.lines) == 40
    assert told.lines[0].startswith("S4 volume > 5 at 2023-11-15 11:30:00 IST")
    assert (told.facts["kind"], told.facts["count"], told.facts["is_late"]) == ("group", 40, False)
    assert [one["firing_id"] for one in told.facts["firings"]] == [f"f{n:04}" for n in range(4, 44)]
    carrier = next(one for one in desk.deliveries() if one.firing_id == "f0004")
    assert {one.carried_by for one in desk.deliveries() if one.state == "carried"} == {carrier.delivery_id}
    assert told.delivery_id == carrier.delivery_id
    desk.after(600.0)
    desk.fire()
    assert desk.states()["sent"] == 5


def test_the_story_of_a_carried_alert_ends_with_the_message_that_told_it(desk: Desk) -> None:
    desk.fire(5)
    desk.after(60.0)
    history = desk.stores.ledger.history(LOCAL_OWNER, "f0005")
    assert history is not None
    assert [(line.what, line.detail) for line in story(history) if line.channel == "slack"] == [
        ("held", "many at once: gathered until 2023-11-15 11:31 IST"),
        ("carried", "told together with others, in one message"),
        ("attempt", "attempt 1"),
        ("accepted", "ok"),
    ]


def test_one_that_waited_alone_has_its_own_words(desk: Desk) -> None:
    desk.fire(4)
    desk.after(60.0)
    assert desk.slack.got[-1].title.startswith("S4 volume > 5")


def test_who_mutes_a_rule_in_a_storm_hears_nothing_more_of_it(desk: Desk) -> None:
    desk.fire(10)
    link = LINKS.read(desk.slack.got[0].link_mute.rpartition("/")[2], desk.clock.now())
    assert link is not None
    assert (link.purpose, link.firing_id) == ("mute", "f0001")
    desk.stores.wishes.put_silence(LOCAL_OWNER, Silence(NOON + HOURS, rule_uid="rule", silence_id="s", reason="enough"))
    desk.after(60.0)
    assert desk.states() == {"sent": 3, "suppressed": 7}
    assert {one.error for one in desk.deliveries() if one.state == "suppressed"} == {
        "silenced until 2023-11-15 12:30 IST: enough"
    }


def test_the_links_of_a_message_are_about_its_alert(desk: Desk) -> None:
    desk.fire()
    message = desk.slack.got[0]
    found = [LINKS.read(url.rpartition("/")[2], desk.clock.now()) for _, url in message.actions]
    assert [link and (link.purpose, link.owner_id, link.firing_id) for link in found] == [
        ("ack", LOCAL_OWNER, "f0001"),
        ("snooze", LOCAL_OWNER, "f0001"),
    ]
    desk.stores.wishes.mute(LOCAL_OWNER, Mute("ack", "f0001", "rule", "NSE:S1", NOON + HOURS))
    desk.fire(symbol="S1")
    desk.fire(symbol="S2")
    assert [one.state for one in desk.deliveries()] == ["sent", "suppressed", "sent"]


def test_a_rules_limit_is_announced_once_and_the_rule_goes_on(desk: Desk) -> None:
    desk.wish(group_window_s=0)
    desk.rule(limit=2)
    desk.fire(5)
    assert [message.title.split(" at ")[0] for message in desk.slack.got] == [
        "S1 volume > 5",
        "S2 volume > 5",
        "Volume shocker: no more messages today, the limit of 2 a day is reached, until 2023-11-16 00:00 IST",
    ]
    assert desk.states() == {"sent": 3, "suppressed": 2}
    assert desk.states("in_app") == {"sent": 5}
    history = desk.stores.ledger.history(LOCAL_OWNER, "f0005")
    assert history is not None
    assert (history.decision, history.reason) == (
        "limit",
        "the limit of 2 a day is reached, until 2023-11-16 00:00 IST",
    )
    desk.after(13 * 3_600.0)
    desk.fire()
    assert desk.states()["sent"] == 4


def test_a_rule_that_the_store_does_not_know_has_no_limit(desk: Desk) -> None:
    desk.wish(group_window_s=0)
    desk.fire(60)
    assert len(desk.slack.got) == 60


def test_a_rule_rests_between_two_messages(desk: Desk) -> None:
    desk.rule(cooldown_per_rule_s=600.0)
    desk.fire(3)
    desk.after(600.0)
    desk.fire()
    assert [one.state for one in desk.deliveries()] == ["sent", "suppressed", "suppressed", "sent"]


def test_quiet_hours_end_with_one_message_of_everything(desk: Desk) -> None:
    desk.wish(quiet_from="11:00", quiet_to="12:00")
    desk.fire(2)
    desk.fire(rule_uid="other", symbol="X")
    desk.fire(severity="low")
    desk.fire(severity="high", symbol="NOW")
    assert [message.title.split(" at ")[0] for message in desk.slack.got] == ["URGENT NOW volume > 5"]
    desk.after(1_799.0)
    assert len(desk.slack.got) == 1
    desk.after(1.0)
    assert desk.slack.got[1].title == "3 alerts: Volume shocker (3)"
    assert [line.split(" ")[0] for line in desk.slack.got[1].lines] == ["S1", "S2", "X"]
    assert desk.slack.got[1].link_mute == ""  # two rules: which one would it mute?
    assert desk.states() == {"sent": 2, "carried": 2, "suppressed": 1}


def test_a_message_that_has_to_be_tried_again_at_night_waits_for_the_morning(desk: Desk) -> None:
    desk.wish(quiet_from="11:30", quiet_to="12:00")
    desk.wish()
    desk.slack.failures = [DeliveryError("HTTP 503")]
    desk.fire()
    desk.wish(quiet_from="11:30", quiet_to="12:00")
    desk.after(5.0)
    (waiting,) = desk.deliveries()
    assert (waiting.state, waiting.attempts, waiting.error) == ("held", 1, "quiet hours until 2023-11-15 12:00 IST")
    desk.after(1_795.0)
    assert desk.deliveries()[0].state == "sent"
    assert not desk.slack.got[0].title.startswith("LATE")


def test_a_digest_tells_all_its_rules_at_its_time(desk: Desk) -> None:
    desk.rule(digest_s=3_600.0)
    desk.fire(3)
    assert desk.slack.got == []
    desk.after(1_800.0)
    (message,) = desk.slack.got
    assert message.title == "3 alerts: Volume shocker (3)"
    assert message.facts["kind"] == "digest"


def test_what_dies_is_told_to_the_fallback_with_the_reason(desk: Desk) -> None:
    desk.rule(fallback="sms", limit=50)
    desk.slack.failures = [DeliveryError("HTTP 404", permanent=True)]
    desk.fire()
    desk.round()
    assert (desk.states(), desk.states("sms")) == ({"dead": 1}, {"sent": 1})
    assert desk.sms.got[0].body.startswith("Sent here because slack my slack: HTTP 404\n")
    desk.sms.failures = [DeliveryError("no", permanent=True)]
    desk.slack.failures = [DeliveryError("no", permanent=True)]
    desk.fire()
    desk.round()
    assert (desk.states(), desk.states("sms")) == ({"dead": 2}, {"sent": 1, "dead": 1})  # it has no fallback itself


def test_a_channel_that_is_not_there_has_the_fallback_at_once(desk: Desk) -> None:
    desk.rule(fallback="sms:my sms", limit=50)
    desk.fire(notify=("slack:gone",))
    assert (desk.states(), desk.states("sms")) == ({"dead": 1}, {"sent": 1})


def test_a_fallback_that_is_told_anyway_is_told_once(desk: Desk) -> None:
    desk.rule(fallback="sms", limit=50)
    desk.slack.failures = [DeliveryError("HTTP 404", permanent=True)]
    desk.fire(notify=("slack", "sms"))
    desk.round()
    assert len(desk.sms.got) == 1


def test_a_dead_letter_goes_out_when_its_channel_is_there(desk: Desk) -> None:
    desk.fire(notify=("slack:later",))
    assert desk.states() == {"dead": 1}
    desk.stores.channels.put(Channel("c-new", LOCAL_OWNER, "slack", "later", {}))
    assert desk.stores.ledger.replay(LOCAL_OWNER, DeadSought(), desk.clock.now()) == 1
    desk.round()
    assert desk.states() == {"sent": 1}


def test_a_rules_own_max_age_decides_what_is_late(desk: Desk) -> None:
    desk.rule(max_age_s=5.0, limit=50)
    desk.slack.failures = [DeliveryError("HTTP 503", retry_after_s=6.0)]
    desk.fire()
    desk.after(7.0)
    assert desk.slack.got[0].title.startswith("LATE: S1")


def test_what_a_watchdog_raises_is_its_own_sentence(desk: Desk) -> None:
    desk.fire(symbol="", rule_uid="watch:feed")
    assert desk.slack.got[0].title == "Volume is 6. at 2023-11-15 06:00:00 UTC"
    assert "Instrument" not in desk.slack.got[0].body


def test_the_clauses_of_the_version_that_fired_count(desk: Desk) -> None:
    desk.rule(limit=50, cooldown_per_rule_s=600.0)
    desk.fire(2)
    desk.rule(limit=50)  # the next version; what fires under the first keeps its rest
    desk.fire()
    assert [one.state for one in desk.deliveries()] == ["sent", "suppressed", "suppressed"]
