"""Two senders plan the same firings at once, and one of them dies in the middle: limits count each firing once."""

import threading
from collections import Counter
from collections.abc import Sequence

import pytest

from marketbell.adapters.clock.manual import ManualClock
from marketbell.adapters.stores.postgres import PostgresStores
from marketbell.core.alerts.preferences import Preferences
from marketbell.flows.alerting.gathering import Gatherer
from marketbell.flows.alerting.planning import Planner
from marketbell.ports.ledger import Counts, Firing, Plan
from marketbell.ports.stores import LOCAL_OWNER, Channel, StoredRule, Stores

FIRINGS, LIMIT = 120, 20


def planner(stores: Stores, clock: ManualClock) -> Planner:
    return Planner(
        stores.ledger, stores.channels, stores.instruments, clock, "", wishes=stores.wishes, rules=stores.rules
    )


def put(stores: Stores, window_s: int) -> None:
    stores.rules.arm(StoredRule("rule", LOCAL_OWNER, "R", "text", {}), 0, {"limit": LIMIT})
    stores.channels.put(Channel("c1", LOCAL_OWNER, "slack", "desk", {}))
    stores.wishes.put_preferences(LOCAL_OWNER, Preferences(group_window_s=window_s))
    firings = [
        Firing(f"f{n:03}", "rule", "R", LOCAL_OWNER, 1, "NSE:A", n, {}, ("slack",), recorded_at=1_000 + n)
        for n in range(FIRINGS)
    ]
    stores.ledger.append(firings, (0,), "e", 1)


def outcome(stores: Stores) -> Counter[str]:
    found = stores.ledger.firings(LOCAL_OWNER, 1_000)
    return Counter(one.state for _, several in found for one in several if one.channel == "slack")


def both(run: Sequence[threading.Thread]) -> None:
    for thread in run:
        thread.start()
    for thread in run:
        thread.join(60)


def test_two_planners_tell_as_much_as_the_limit_allows(postgres_stores: PostgresStores) -> None:
    put(postgres_stores, window_s=0)
    clock = ManualClock(10**9)

    def work() -> None:
        mine = planner(postgres_stores, clock)
        while postgres_stores.ledger.unplanned(1):
            mine.run(7)

    both([threading.Thread(target=work) for _ in range(3)])
    assert outcome(postgres_stores) == {"queued": LIMIT + 1, "suppressed": FIRINGS - LIMIT - 1}
    states = {
        firing.firing_id: deliveries[1].state
        for firing, deliveries in postgres_stores.ledger.firings(LOCAL_OWNER, 1_000)
    }
    # in the order of their record, whoever planned them
    assert [key for key, state in sorted(states.items()) if state == "queued"] == [f"f{n:03}" for n in range(LIMIT + 1)]


def test_a_planner_that_dies_before_it_commits_has_counted_nothing(stores: Stores) -> None:
    put(stores, window_s=0)
    clock = ManualClock(10**9)
    mine = planner(stores, clock)
    plan_batch = stores.ledger.plan_batch

    class Killed(Exception):  # noqa: N818 — no error of ours: the end of a process
        pass

    def dies(ids: Sequence[str], now: int, decide: object) -> int:
        def then(firings: Sequence[Firing], counts: Counts) -> list[Plan]:
            decide(firings, counts)  # type: ignore[operator]
            raise Killed

        return plan_batch(ids, now, then)

    for _ in range(3):
        stores.ledger.plan_batch = dies  # type: ignore[method-assign]
        with pytest.raises(Killed):
            mine.run(30)
        stores.ledger.plan_batch = plan_batch  # type: ignore[method-assign]
        mine.run(30)
    mine.run(30)
    assert outcome(stores) == {"queued": LIMIT + 1, "suppressed": FIRINGS - LIMIT - 1}


def test_two_gatherers_make_one_message_of_a_storm(postgres_stores: PostgresStores) -> None:
    put(postgres_stores, window_s=60)
    clock = ManualClock(10**9)
    planner(postgres_stores, clock).run(FIRINGS)
    assert outcome(postgres_stores) == {"queued": 4, "held": LIMIT - 3, "suppressed": FIRINGS - LIMIT - 1}
    clock.move(60.0)
    together = [Gatherer(postgres_stores.ledger, clock, "", wishes=postgres_stores.wishes) for _ in range(3)]
    both([threading.Thread(target=one.run) for one in together])
    for one in together:
        one.run()
    assert outcome(postgres_stores) == {"queued": 5, "carried": LIMIT - 4, "suppressed": FIRINGS - LIMIT - 1}
