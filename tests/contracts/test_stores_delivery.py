"""Planning in batches, what is held and gathered, dead letters, histories, the archive: every store alike."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from marketbell.core.alerts.grouping import Window
from marketbell.core.alerts.limits import Told
from marketbell.ports.ledger import Counts, DeadSought, Delivery, Firing, Plan, Sought
from marketbell.ports.stores import LOCAL_OWNER, Stores

SECOND = 10**9
SOMEBODY = "somebody"


def firing(number: int, rule_uid: str = "rule", owner_id: str = LOCAL_OWNER, **more: object) -> Firing:
    made = Firing(f"f{number}", rule_uid, "R", owner_id, 7, "NSE:A", 100 + number, {}, recorded_at=1_000 + number)
    return replace(made, **more)  # type: ignore[arg-type]


def delivery(of: Firing, state: str = "queued", address: str = "a", **more: object) -> Delivery:
    payload = {"owner_id": of.owner_id, "title": of.firing_id}
    made = Delivery(f"{of.firing_id}-{address}", of.firing_id, "webhook", address, state, payload=payload)
    return replace(made, **more)  # type: ignore[arg-type]


def put(stores: Stores, *deliveries: Delivery, of: Firing | None = None, now: int = 2_000) -> Firing:
    one = of or firing(1)
    stores.ledger.append([one], (0,), "e", 1)
    stores.ledger.plan(one.firing_id, deliveries, now)
    return one


def states(stores: Stores, owner_id: str = LOCAL_OWNER) -> dict[str, str]:
    return {one.delivery_id: one.state for _, several in stores.ledger.firings(owner_id) for one in several}


# --- planning ------------------------------------------------------------------------------------------------------


def test_a_batch_is_planned_together_with_what_was_counted(stores: Stores) -> None:
    stores.ledger.append([firing(2), firing(1), firing(3, "other")], (0,), "e", 1)
    seen: list[tuple[list[str], Counts]] = []

    def decide(firings: Sequence[Firing], counts: Counts) -> list[Plan]:
        seen.append(([one.firing_id for one in firings], Counts(dict(counts.told), dict(counts.windows))))
        for one in firings:
            known = counts.told.get((one.owner_id, one.rule_uid, ""), Told())
            counts.told[one.owner_id, one.rule_uid, ""] = replace(known, count=known.count + 1, day=7, last=5)
        counts.windows[LOCAL_OWNER, "rule", "webhook", "a"] = Window(9, 2, 1)
        return [Plan(one.firing_id, (delivery(one),), "limit", "why") for one in firings]

    assert stores.ledger.plan_batch(["f2", "f1", "nothing"], 2_000, decide) == 2
    assert seen[0] == (["f1", "f2"], Counts())
    assert [one.firing_id for one in stores.ledger.unplanned()] == ["f3"]
    assert stores.ledger.plan_batch(["f1", "f2", "f3"], 2_001, decide) == 1
    assert seen[1] == (["f3"], Counts())  # counts of its own rule only
    stores.ledger.append([firing(4)], (0,), "e", 2)
    assert stores.ledger.plan_batch(["f4"], 2_002, decide) == 1
    rule = (LOCAL_OWNER, "rule")
    assert seen[2][1] == Counts(
        {(*rule, ""): Told(7, 2, is_announced=False, last=5)}, {(*rule, "webhook", "a"): Window(9, 2, 1)}
    )
    history = stores.ledger.history(LOCAL_OWNER, "f1")
    assert history is not None
    assert (history.planned_at, history.decision, history.reason) == (2_000, "limit", "why")
    assert stores.ledger.plan_batch([], 1, decide) == 0


def test_a_batch_that_fails_leaves_nothing(stores: Stores) -> None:
    stores.ledger.append([firing(1)], (0,), "e", 1)

    def decide(_: Sequence[Firing], counts: Counts) -> list[Plan]:
        counts.told[LOCAL_OWNER, "rule", ""] = Told(1, 1)
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        stores.ledger.plan_batch(["f1"], 1, decide)
    assert len(stores.ledger.unplanned()) == 1
    seen: list[Counts] = []
    stores.ledger.plan_batch(["f1"], 1, lambda _, counts: seen.append(counts) or [Plan("f1")])
    assert seen == [Counts()]


def test_deliveries_of_one_time_are_claimed_in_the_order_of_planning(stores: Stores) -> None:
    firings = [firing(number) for number in (9, 3, 7)]
    stores.ledger.append(firings, (0,), "e", 1)
    stores.ledger.plan_batch(
        [one.firing_id for one in firings], 5, lambda several, _: [Plan(o.firing_id, (delivery(o),)) for o in several]
    )
    assert [one.firing_id for one in stores.ledger.claim(10, 1)] == ["f3", "f7", "f9"]


# --- what is held --------------------------------------------------------------------------------------------------


def test_what_is_held_is_gathered_when_its_time_comes(stores: Stores) -> None:
    held = {"state": "held", "next_attempt_at": 100, "gather": "storm:rule", "error": "many at once"}
    for number in (1, 2, 3):
        one = firing(number)
        put(stores, delivery(one, **held), of=one, now=50)
    put(stores, delivery(firing(4), **(held | {"gather": "digest"})), of=firing(4))
    put(stores, delivery(firing(5), address="b", **held), of=firing(5))
    put(stores, delivery(firing(6), **(held | {"next_attempt_at": 101})), of=firing(6))
    assert stores.ledger.claim(200, 1) == []
    groups: list[list[str]] = []

    def decide(group: Sequence[Delivery]) -> list[Delivery]:
        groups.append([one.firing_id for one in group])
        first, *others = group
        return [
            replace(first, state="queued", error="", gather="", payload={"title": "all", "owner_id": LOCAL_OWNER}),
            *(replace(one, state="carried", error="", gather="", carried_by=first.delivery_id) for one in others),
        ]

    assert stores.ledger.oldest_unsent(99) is None
    assert stores.ledger.oldest_unsent(100) == 100
    assert stores.ledger.oldest_unsent() is None
    assert stores.ledger.gather(99, decide) == 0
    assert stores.ledger.gather(100, decide) == 3
    assert sorted(groups) == [["f1", "f2", "f3"], ["f4"], ["f5"]]
    assert stores.ledger.gather(100, decide) == 0
    assert states(stores) == {
        "f1-a": "queued",
        "f2-a": "carried",
        "f3-a": "carried",
        "f4-a": "queued",
        "f5-b": "queued",
        "f6-a": "held",
    }
    claimed = {one.delivery_id: one for one in stores.ledger.claim(200, 1)}
    assert claimed["f1-a"].payload["title"] == "all"
    history = stores.ledger.history(LOCAL_OWNER, "f2")
    assert history is not None
    assert [one.delivery_id for one in history.carriers] == ["f1-a"]
    assert [(event.delivery_id, event.what, event.detail) for event in history.events] == [
        ("f1-a", "held", "many at once"),
        ("f2-a", "held", "many at once"),
        ("f1-a", "queued", ""),
        ("f2-a", "carried", "f1-a"),
    ]


def test_a_carrier_that_waits_again_may_be_carried_itself(stores: Stores) -> None:
    for number in (1, 2, 3):
        put(stores, delivery(firing(number), "held", next_attempt_at=100, gather="digest"), of=firing(number))
    rounds = iter([{"f1": "", "f2": "f1-a", "f3": None}, {"f1": "f3-a", "f3": ""}])

    def decide(group: Sequence[Delivery]) -> list[Delivery]:
        now = next(rounds)
        told = []
        for one in group:
            by = now[one.firing_id]
            if by is None or (by == "" and one.firing_id == "f1"):
                told.append(replace(one, state="held", next_attempt_at=200, error="quiet hours"))
            else:
                told.append(replace(one, state="carried" if by else "queued", carried_by=by))
        return told

    assert stores.ledger.gather(100, decide) == 1
    assert stores.ledger.gather(200, decide) == 1
    history = stores.ledger.history(LOCAL_OWNER, "f2")
    assert history is not None
    assert {one.delivery_id for one in history.carriers} == {"f1-a", "f3-a"}


# --- outcomes, dead letters ----------------------------------------------------------------------------------------


def test_what_follows_from_an_outcome_is_written_with_it_once(stores: Stores) -> None:
    one = put(stores, delivery(firing(1)))
    (claimed,) = stores.ledger.claim(2_000, 1)
    dead = replace(claimed, state="dead", error="404", attempts=1)
    spare = delivery(one, address="spare")
    stores.ledger.settle(dead, 2_001, [spare, delivery(one, address="a")])
    assert states(stores) == {"f1-a": "dead", "f1-spare": "queued"}
    (taken,) = stores.ledger.claim(2_001, 1)
    stores.ledger.settle(replace(taken, state="sent"), 2_002)
    stores.ledger.settle(dead, 2_003, [spare])
    assert states(stores) == {"f1-a": "dead", "f1-spare": "sent"}
    overtaken = replace(claimed, claim=claimed.claim - 1, state="dead")
    stores.ledger.settle(overtaken, 2_004, [delivery(one, address="more")])
    assert "f1-more" not in states(stores)


def test_dead_letters_are_found_and_replayed_with_what_happened_before(stores: Stores) -> None:
    for number, (channel, address) in enumerate([("webhook", "a"), ("slack", "b"), ("webhook", "c")], start=1):
        one = firing(number)
        made = replace(delivery(one, address=address), channel=channel)
        put(stores, made, of=one)
        (claimed,) = stores.ledger.claim(2_000, 1)
        assert stores.ledger.begin(replace(claimed, attempts=1), 2_000, 1)
        stores.ledger.settle(replace(claimed, state="dead", attempts=1, error="404"), 3_000 + number)
    put(stores, delivery(firing(9, owner_id=SOMEBODY), "dead", error="x"), of=firing(9, owner_id=SOMEBODY))
    ledger = stores.ledger
    assert [one.delivery.delivery_id for one in ledger.dead(LOCAL_OWNER)] == ["f3-c", "f2-b", "f1-a"]
    assert [(one.firing, one.died_at) for one in ledger.dead(LOCAL_OWNER, limit=1)] == [(firing(3), 3_003)]
    assert [one.delivery.delivery_id for one in ledger.dead(LOCAL_OWNER, before=(3_003, "f3-c"))] == ["f2-b", "f1-a"]
    for sought, found in [
        (DeadSought(channel="webhook"), ["f3-c", "f1-a"]),
        (DeadSought(channel="b"), ["f2-b"]),
        (DeadSought(since=3_002), ["f3-c", "f2-b"]),
        (DeadSought(until=3_002), ["f1-a"]),
        (DeadSought(("f1-a", "f9-a")), ["f1-a"]),
    ]:
        assert [one.delivery.delivery_id for one in ledger.dead(LOCAL_OWNER, sought)] == found
    assert ledger.replay(LOCAL_OWNER, DeadSought(("f9-a",)), 4_000) == 0
    assert ledger.replay(LOCAL_OWNER, DeadSought(channel="webhook"), 4_000) == 2
    assert ledger.replay(LOCAL_OWNER, DeadSought(channel="webhook"), 4_000) == 0
    assert ledger.oldest_unsent() == 4_000
    again = ledger.claim(4_000, 1)
    assert [(one.delivery_id, one.attempts, one.error, one.was_sending) for one in again] == [
        ("f1-a", 0, "", False),
        ("f3-c", 0, "", False),
    ]
    history = ledger.history(LOCAL_OWNER, "f1")
    assert history is not None
    assert [(event.what, event.number, event.detail, event.at) for event in history.events] == [
        ("began", 1, "", 2_000),
        ("dead", 1, "404", 3_001),
        ("replayed", 0, "", 4_000),
    ]


def test_what_may_have_arrived_is_repeated_by_its_id_only(stores: Stores) -> None:
    put(stores, delivery(firing(1), "maybe_sent", error="unknown"))
    assert stores.ledger.dead(LOCAL_OWNER) == []
    assert stores.ledger.replay(LOCAL_OWNER, DeadSought(), 3_000) == 0
    assert stores.ledger.replay(LOCAL_OWNER, DeadSought(("f1-a",)), 3_000) == 1
    assert states(stores) == {"f1-a": "queued"}


def test_giving_back_is_no_attempt_and_an_acceptance_keeps_its_reference(stores: Stores) -> None:
    put(stores, delivery(firing(1)))
    (claimed,) = stores.ledger.claim(2_000, 1)
    stores.ledger.settle(replace(claimed, state="queued", next_attempt_at=2_100), 2_001)
    (again,) = stores.ledger.claim(2_100, 1)
    stores.ledger.begin(replace(again, attempts=1), 2_100, 1)
    stores.ledger.settle(replace(again, state="sent", attempts=1, reference="msg-7"), 2_105)
    history = stores.ledger.history(LOCAL_OWNER, "f1")
    assert history is not None
    assert [(event.what, event.number, event.detail) for event in history.events] == [
        ("began", 1, ""),
        ("sent", 1, "msg-7"),
    ]
    assert history.deliveries[0].reference == "msg-7"


def test_what_has_to_wait_again_is_held_with_its_attempts(stores: Stores) -> None:
    put(stores, delivery(firing(1)))
    (claimed,) = stores.ledger.claim(2_000, 1)
    held = replace(claimed, state="held", gather="digest", next_attempt_at=9_000, error="quiet hours")
    stores.ledger.settle(held, 2_001)
    assert stores.ledger.claim(9_999, 1) == []
    assert stores.ledger.gather(9_000, lambda group: [replace(one, state="queued") for one in group]) == 1
    assert [one.delivery_id for one in stores.ledger.claim(9_999, 1)] == ["f1-a"]


# --- looking -------------------------------------------------------------------------------------------------------


def test_figures_count_states_and_measure_what_was_accepted(stores: Stores) -> None:
    for number, took in ((1, 10), (2, 20), (3, 30)):
        one = firing(number, recorded_at=SECOND)
        sent_at = SECOND + took * 1_000_000
        put(stores, delivery(one, "sent", sent_at=sent_at), delivery(one, "dead", address="b", error="x"), of=one)
    put(stores, delivery(firing(4, owner_id=SOMEBODY)), of=firing(4, owner_id=SOMEBODY))
    figures = stores.ledger.figures(LOCAL_OWNER, since=0)
    assert figures.states == {"dead": 3, "sent": 3}
    assert figures.p50_ms == pytest.approx(20.0)
    assert figures.p99_ms == pytest.approx(29.8)
    (channel,) = figures.by_channel
    assert (channel.channel, channel.states, channel.p50_ms) == ("webhook", {"dead": 3, "sent": 3}, pytest.approx(20.0))
    waited = firing(5, "late", recorded_at=SECOND)
    payload = {"due_at": 5 * SECOND}
    put(stores, delivery(waited, "sent", sent_at=5 * SECOND + 7_000_000, payload=payload), of=waited)
    assert stores.ledger.figures(LOCAL_OWNER, since=4 * SECOND).p50_ms == pytest.approx(7.0)
    later = stores.ledger.figures(LOCAL_OWNER, since=6 * SECOND)
    assert (later.p50_ms, later.by_channel[0].p99_ms) == (None, None)
    assert stores.ledger.figures("nobody", 0).states == {}


def test_firings_are_found_by_the_state_of_a_delivery_and_by_severity(stores: Stores) -> None:
    put(stores, delivery(firing(1), "dead", error="x"), of=firing(1))
    put(stores, delivery(firing(2)), of=firing(2, severity="high"))

    def found(**sought: str) -> list[str]:
        return [one.firing_id for one, _ in stores.ledger.firings(LOCAL_OWNER, sought=Sought(**sought))]  # type: ignore[arg-type]

    assert found(state="dead") == ["f1"]
    assert found(severity="high") == ["f2"]
    assert found(severity="high", state="dead") == []


def test_firings_stand_together_by_rule(stores: Stores) -> None:
    stores.ledger.append(
        [
            firing(1),
            firing(2, instrument="NSE:B"),
            firing(3, suppressed="cooldown"),
            firing(4, "other"),
            firing(5, "theirs", SOMEBODY),
        ],
        (0,),
        "e",
        1,
    )
    stores.ledger.mark_read(LOCAL_OWNER, 1_001)
    grouped = stores.ledger.groups(LOCAL_OWNER)
    assert [(one.firing.firing_id, one.count, one.unread, one.instruments) for one in grouped] == [
        ("f4", 1, 1, ("NSE:A",)),
        ("f3", 3, 1, ("NSE:A", "NSE:B")),
    ]
    assert [one.firing.firing_id for one in stores.ledger.groups(LOCAL_OWNER, before=(104, "f4"))] == ["f3"]
    assert [one.firing.firing_id for one in stores.ledger.groups(LOCAL_OWNER, limit=1)] == ["f4"]
    assert stores.ledger.groups(LOCAL_OWNER, sought=Sought(instrument="NSE:B"))[0].count == 1


def test_a_history_knows_when_it_was_read_first(stores: Stores) -> None:
    put(stores, of=firing(1))
    assert stores.ledger.history(SOMEBODY, "f1") is None
    assert stores.ledger.history(LOCAL_OWNER, "none") is None
    stores.ledger.mark_read(LOCAL_OWNER, 1_000, now=5_000)
    stores.ledger.mark_read(LOCAL_OWNER, 1_001, now=6_000)
    stores.ledger.mark_read(LOCAL_OWNER, 1_002, now=7_000)
    history = stores.ledger.history(LOCAL_OWNER, "f1")
    assert history is not None
    assert history.read_at == 6_000


# --- the archive ---------------------------------------------------------------------------------------------------


def test_what_is_old_and_over_goes_to_the_archive_and_stays_known(stores: Stores) -> None:
    put(stores, delivery(firing(1), "dead", error="404"), of=firing(1, notify=("slack",)))
    put(stores, delivery(firing(2)), of=firing(2))
    put(stores, delivery(firing(3), "sent", sent_at=5), of=firing(3))
    stores.ledger.append([firing(4)], (0,), "e", 1)
    before = stores.ledger.history(LOCAL_OWNER, "f1")
    assert stores.ledger.archive(1_003) == 1  # f2 is on its way, f3 is too young, f4 has no plan
    assert stores.ledger.archive(1_003) == 0
    assert [one.firing_id for one, _ in stores.ledger.firings(LOCAL_OWNER)] == ["f4", "f3", "f2"]
    assert stores.ledger.dead(LOCAL_OWNER) == []
    assert stores.ledger.append([firing(1), firing(5)], (0,), "e", 2) == 1
    assert [one.firing_id for one in stores.ledger.unplanned()] == ["f4", "f5"]
    assert before is not None
    assert stores.ledger.history(LOCAL_OWNER, "f1") == before
    assert stores.ledger.history(SOMEBODY, "f1") is None


def test_the_archive_is_filled_in_batches(stores: Stores) -> None:
    for number in range(5):
        put(stores, delivery(firing(number), "sent", sent_at=5), of=firing(number))
    assert [stores.ledger.archive(2_000, limit=2) for _ in range(4)] == [2, 2, 1, 0]
