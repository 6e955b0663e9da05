"""Firings, plans, claims and reads: one contract over every store."""

import math
import threading
from dataclasses import replace

import pytest

from marketbell.core.primitives.errors import NotFoundError, OvertakenError
from marketbell.ports.stores import LOCAL_OWNER, Delivery, Firing, Sought, Stores, Tally

SECOND = 10**9


def firing(number: int, event_time: int = 100, owner_id: str = LOCAL_OWNER) -> Firing:
    return Firing(
        f"{number:032x}",
        "uid-1",
        "Price level",
        owner_id,
        7,
        "NSE:RELIANCE",
        event_time,
        {"close": 1500.5, "why": {"age_s": None}},
        ("slack",),
        recorded_at=1_000 + number,
    )


def delivery(number: int, of: Firing, **more: object) -> Delivery:
    made = Delivery(f"d{number}", of.firing_id, "webhook", f"address-{number}", "queued", payload={"title": "t"})
    return replace(made, **more)  # type: ignore[arg-type]


def planned(stores: Stores, count: int = 1) -> list[Delivery]:
    """One firing with `count` queued deliveries."""
    stores.ledger.append([firing(1)], (0,), "e", 1)
    deliveries = [delivery(i, firing(1)) for i in range(count)]
    stores.ledger.plan(firing(1).firing_id, deliveries, now=2_000)
    return deliveries


def test_a_firing_exists_once_whoever_writes_it_how_often(stores: Stores) -> None:
    assert stores.ledger.append([firing(1), firing(2), firing(1)], (0,), "e", 10) == 2
    assert stores.ledger.append([firing(2), firing(3)], (0,), "e", 11) == 1
    assert stores.ledger.append([], (0,), "e", 12) == 0
    assert [found.firing_id for found, _ in stores.ledger.firings(LOCAL_OWNER)] == [
        firing(number).firing_id for number in (3, 2, 1)
    ]
    assert stores.ledger.firings(LOCAL_OWNER)[-1] == (firing(1), [])


def test_a_firing_without_a_time_of_record_gets_one(stores: Stores) -> None:
    stores.ledger.append([replace(firing(1), recorded_at=0, values={"x": 1})], (0,), "e", 1)
    ((found, _),) = stores.ledger.firings(LOCAL_OWNER)
    assert found.recorded_at > 10**18


def test_progress_goes_forward_inside_an_epoch(stores: Stores) -> None:
    assert stores.ledger.progress(0) is None
    stores.ledger.append([], (0,), "e", 10)
    stores.ledger.append([], (1,), "e", 5)
    stores.ledger.append([], (0,), "e", 7)
    assert stores.ledger.progress(0) == ("e", 10)
    assert stores.ledger.progress(1) == ("e", 5)
    stores.ledger.append([], (0,), "f", 3)
    assert stores.ledger.progress(0) == ("f", 3)


def test_firings_are_paged_newest_first_by_owner(stores: Stores) -> None:
    mine = [firing(number, event_time=100 + number // 2) for number in range(7)]
    stores.ledger.append([*mine, firing(99, owner_id="somebody")], (0,), "e", 1)
    seen: list[Firing] = []
    cursor: tuple[int, str] | None = None
    while page := stores.ledger.firings(LOCAL_OWNER, limit=3, before=cursor):
        seen += [found for found, _ in page]
        cursor = (seen[-1].event_time, seen[-1].firing_id)
    assert seen == list(reversed(mine))


def test_firings_are_found_by_rule_by_instrument_and_by_what_was_read(stores: Stores) -> None:
    other = replace(firing(2), rule_uid="uid-2")
    elsewhere = replace(
        firing(3), instrument="NSE:TCS", version=4, event="exit", suppressed="cooldown", severity="high"
    )
    stores.ledger.append([firing(1), other, elsewhere, firing(9, owner_id="somebody")], (0,), "e", 1)

    def found(**sought: object) -> list[Firing]:
        return [one for one, _ in stores.ledger.firings(LOCAL_OWNER, sought=Sought(**sought))]  # type: ignore[arg-type]

    assert found(rule_uid="uid-2") == [other]
    assert found(instrument="NSE:TCS") == [elsewhere]
    assert found(instrument="NSE:TCS", rule_uid="uid-2") == []
    assert found(recorded_after=firing(2).recorded_at) == [elsewhere]
    assert found(recorded_after=None) == [elsewhere, other, firing(1)]


def test_one_firing_by_its_id(stores: Stores) -> None:
    planned(stores)
    assert stores.ledger.firing(LOCAL_OWNER, firing(1).firing_id) == (firing(1), [delivery(0, firing(1))])
    assert stores.ledger.firing("somebody", firing(1).firing_id) is None
    assert stores.ledger.firing(LOCAL_OWNER, "none") is None


def test_what_was_held_back_counts_nowhere(stores: Stores) -> None:
    held = replace(firing(3, event_time=300), suppressed="cooldown")
    stores.ledger.append([firing(1), firing(2, event_time=200), held, firing(9, owner_id="somebody")], (0,), "e", 1)
    assert stores.ledger.tallies(LOCAL_OWNER) == {"uid-1": Tally(2, 200)}
    assert stores.ledger.unread(LOCAL_OWNER) == 2
    assert stores.ledger.tallies("nobody") == {}


def test_a_plan_is_made_once(stores: Stores) -> None:
    stores.ledger.append([firing(1), firing(2)], (0,), "e", 1)
    assert stores.ledger.unplanned() == [firing(1), firing(2)]
    assert stores.ledger.unplanned(limit=1) == [firing(1)]
    first = [delivery(1, firing(1)), delivery(2, firing(1), state="suppressed", error="quiet hours")]
    stores.ledger.plan(firing(1).firing_id, first, now=2_000)
    stores.ledger.plan(firing(1).firing_id, [delivery(3, firing(1))], now=3_000)
    stores.ledger.plan(firing(2).firing_id, [], now=2_000)
    assert stores.ledger.unplanned() == []
    assert stores.ledger.firings(LOCAL_OWNER)[-1] == (firing(1), first)
    with pytest.raises(NotFoundError):
        stores.ledger.plan("none", [], now=1)


def test_an_address_is_told_once_a_firing(stores: Stores) -> None:
    stores.ledger.append([firing(1)], (0,), "e", 1)
    twins = [delivery(1, firing(1), address="a"), delivery(2, firing(1), address="a")]
    stores.ledger.plan(firing(1).firing_id, twins, now=1)
    assert [claimed.delivery_id for claimed in stores.ledger.claim(10, 1)] == ["d1"]


def test_a_claim_takes_what_is_due_until_its_lease_is_over(stores: Stores) -> None:
    stores.ledger.append([firing(1)], (0,), "e", 1)
    stores.ledger.plan(
        firing(1).firing_id,
        [
            delivery(1, firing(1)),
            delivery(2, firing(1), next_attempt_at=50),
            delivery(3, firing(1), state="suppressed"),
            delivery(4, firing(1), state="retry", attempts=2),
        ],
        now=1,
    )
    claimed = stores.ledger.claim(now=10, lease_s=1)
    assert claimed == [delivery(1, firing(1), state="sending"), delivery(4, firing(1), state="sending", attempts=2)]
    assert stores.ledger.claim(now=11, lease_s=1) == []
    assert [c.delivery_id for c in stores.ledger.claim(now=60, lease_s=1)] == ["d2"]
    late = stores.ledger.claim(now=10 + SECOND, lease_s=1)
    assert [(c.delivery_id, c.state, c.was_sending) for c in late] == [
        ("d1", "sending", False),
        ("d4", "sending", False),
    ]


def test_an_attempt_that_began_is_remembered_until_it_is_settled(stores: Stores) -> None:
    planned(stores)
    (claimed,) = stores.ledger.claim(now=10_000, lease_s=1)
    assert stores.ledger.begin(replace(claimed, attempts=1), now=10_000 + SECOND // 2, lease_s=1)
    assert stores.ledger.claim(now=10_000 + SECOND, lease_s=1) == []
    (again,) = stores.ledger.claim(now=10_000 + 2 * SECOND, lease_s=1)
    assert (again.was_sending, again.attempts) == (True, 1)
    stores.ledger.settle(replace(again, state="retry", next_attempt_at=0), now=1)
    assert not stores.ledger.begin(again, now=1, lease_s=1)
    (fresh,) = stores.ledger.claim(now=10_000 + 3 * SECOND, lease_s=1)
    assert not fresh.was_sending


def test_a_claim_is_bounded(stores: Stores) -> None:
    planned(stores, count=5)
    assert len(stores.ledger.claim(now=10_000, lease_s=1, limit=2)) == 2
    assert len(stores.ledger.claim(now=10_000, lease_s=1, limit=20)) == 3


def test_many_senders_claim_each_delivery_once(stores: Stores) -> None:
    planned(stores, count=60)
    claimed: list[str] = []

    def send() -> None:
        while found := stores.ledger.claim(now=10_000, lease_s=60, limit=7):
            claimed.extend(item.delivery_id for item in found)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == sorted(f"d{i}" for i in range(60))


def test_settling_writes_the_outcome(stores: Stores) -> None:
    planned(stores)
    (claimed,) = stores.ledger.claim(now=10_000, lease_s=1)
    retry = replace(claimed, state="retry", attempts=1, error="503", next_attempt_at=20_000)
    stores.ledger.settle(retry, now=10_001)
    assert stores.ledger.claim(now=19_999, lease_s=1) == []
    (again,) = stores.ledger.claim(now=20_000, lease_s=1)
    assert again == replace(retry, state="sending")
    stores.ledger.settle(replace(again, state="sent", attempts=2, error=""), now=20_005)
    ((_, (sent,)),) = stores.ledger.firings(LOCAL_OWNER)
    assert (sent.state, sent.attempts, sent.error, sent.sent_at) == ("sent", 2, "", 20_005)
    stores.ledger.settle(replace(again, state="retry"), now=20_006)
    ((_, (still,)),) = stores.ledger.firings(LOCAL_OWNER)
    assert still == sent


@pytest.mark.parametrize("state", ["dead", "maybe_sent", "suppressed", "sent"])
def test_a_settled_delivery_is_not_claimed_again(stores: Stores, state: str) -> None:
    planned(stores)
    (claimed,) = stores.ledger.claim(now=10_000, lease_s=1)
    stores.ledger.settle(replace(claimed, state=state, attempts=1), now=10_001)
    assert stores.ledger.claim(now=10_000 + 100 * SECOND, lease_s=1) == []
    assert stores.ledger.oldest_unsent() is None


def test_the_oldest_unsent_is_known(stores: Stores) -> None:
    assert stores.ledger.oldest_unsent() is None
    stores.ledger.append([firing(1), firing(2)], (0,), "e", 1)
    assert stores.ledger.oldest_unsent() == 1_001
    stores.ledger.plan(firing(1).firing_id, [delivery(1, firing(1))], now=5_000)
    assert stores.ledger.oldest_unsent() == 1_002
    stores.ledger.plan(firing(2).firing_id, [], now=5_001)
    assert stores.ledger.oldest_unsent() == 5_000
    stores.ledger.claim(now=6_000, lease_s=1)
    assert stores.ledger.oldest_unsent() == 5_000


def test_unread_counts_what_was_recorded_since(stores: Stores) -> None:
    stores.ledger.append([firing(number, event_time=50 - number) for number in range(4)], (0,), "e", 1)
    stores.ledger.append([firing(50, owner_id="somebody")], (0,), "e", 2)
    assert stores.ledger.unread(LOCAL_OWNER) == 4
    stores.ledger.mark_read(LOCAL_OWNER, 1_001)
    assert stores.ledger.read_up_to(LOCAL_OWNER) == 1_001
    assert stores.ledger.unread(LOCAL_OWNER) == 2
    stores.ledger.mark_read(LOCAL_OWNER, 0)
    assert stores.ledger.read_up_to(LOCAL_OWNER) == 1_001
    assert stores.ledger.unread(LOCAL_OWNER) == 2
    assert stores.ledger.unread("somebody") == 1


def test_a_waiter_is_woken_by_a_firing_and_by_a_plan(stores: Stores) -> None:
    assert not stores.ledger.wait(0.01)
    stores.ledger.append([firing(1)], (0,), "e", 1)
    assert stores.ledger.wait(10)
    stores.ledger.append([firing(1)], (0,), "e", 2)
    assert not stores.ledger.wait(0.01)
    stores.ledger.plan(firing(1).firing_id, [delivery(1, firing(1))], now=1)
    assert stores.ledger.wait(10)


def test_values_that_are_not_known_become_null(stores: Stores) -> None:
    stores.ledger.append([replace(firing(1), values={"x": math.nan})], (0,), "e", 1)
    assert stores.ledger.unplanned()[0].values == {"x": None}


def test_an_overtaken_sender_may_not_begin(stores: Stores) -> None:
    stores.ledger.append([firing(1)], (0,), "e", 1)
    stores.ledger.plan(firing(1).firing_id, [delivery(1, firing(1))], now=1)
    (first,) = stores.ledger.claim(now=10, lease_s=1)
    (second,) = stores.ledger.claim(now=10 + 2 * SECOND, lease_s=1)
    assert not stores.ledger.begin(replace(first, attempts=1), now=11 + 2 * SECOND, lease_s=1)
    assert stores.ledger.begin(replace(second, attempts=1), now=11 + 2 * SECOND, lease_s=1)
    stores.ledger.settle(replace(first, state="retry", next_attempt_at=0), now=12 + 2 * SECOND)
    assert stores.ledger.claim(now=12 + 2 * SECOND, lease_s=1) == []
    stores.ledger.settle(replace(first, state="sent", attempts=1), now=13 + 2 * SECOND)
    ((_, (told,)),) = stores.ledger.firings(firing(1).owner_id)
    assert told.state == "sent"


def test_a_late_word_does_not_undo_the_count_of_attempts(stores: Stores) -> None:
    planned(stores)
    (first,) = stores.ledger.claim(now=10_000, lease_s=1)
    first = replace(first, attempts=1)
    assert stores.ledger.begin(first, now=10_000, lease_s=1)
    (second,) = stores.ledger.claim(now=10_000 + 2 * SECOND, lease_s=1)
    second = replace(second, attempts=2)
    assert stores.ledger.begin(second, now=10_000 + 2 * SECOND, lease_s=1)
    stores.ledger.settle(replace(first, state="sent", sent_at=5), now=10_000 + 2 * SECOND)
    ((_, (kept,)),) = stores.ledger.firings(LOCAL_OWNER)
    assert (kept.state, kept.attempts) == ("sent", 2)


def test_only_the_newest_owner_of_a_shard_writes(stores: Stores) -> None:
    ledger = stores.ledger
    assert ledger.fences((3, 4)) == [0, 0]
    first = ledger.raise_fence((3, 4))
    ledger.append([firing(1)], (3, 4), "e", 1, first)
    second = ledger.raise_fence((4, 5))
    assert second > first
    assert ledger.fences((3, 4, 5)) == [first, second, second]
    with pytest.raises(OvertakenError):
        ledger.append([firing(2)], (3, 4), "e", 2, first)
    assert ledger.progress(3) == ("e", 1)
    assert ledger.progress(5) is None
    assert [found.firing_id for found, _ in ledger.firings(firing(1).owner_id)] == [firing(1).firing_id]
    assert ledger.append([firing(2)], (4,), "e", 2, second) == 1
    assert ledger.raise_fence((3, 4, 5), above=1_000) == 1_001
