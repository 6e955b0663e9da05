"""The two ledgers walked side by side at random, and what must hold of a ledger whatever happens to it."""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from psycopg import sql

from marketbell.adapters.stores.memory import MemoryStores
from marketbell.adapters.stores.postgres import PostgresStores
from marketbell.core.alerts.limits import Told
from marketbell.ports.ledger import Counts, DeadSought, Delivery, Firing, Plan
from marketbell.ports.stores import LOCAL_OWNER

LEASE_S = 5e-8  # 50 ns on the machine's own clock

numbers = st.integers(0, 5)


def firing(number: int) -> Firing:
    return Firing(
        f"f{number}", "uid", "n", LOCAL_OWNER, 7, "NSE:X", 100 - number, {"x": number}, recorded_at=1 + number
    )


class Twins(RuleBasedStateMachine):
    """One sender that may forget what it claimed, time that only a rule moves."""

    stores: PostgresStores

    def __init__(self) -> None:
        super().__init__()
        with self.stores.database.transaction() as connection:
            # a few rows: quicker than to truncate six tables
            for table in ("firings", "shard_progress", "attempts", "archive", "told"):
                connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier("ledger", table)))
        self.memory = MemoryStores().ledger
        self.postgres = self.stores.ledger
        self.now = 1_000
        self.held: list[Delivery] = []
        self.sent: set[str] = set()

    def both(self, ask: object) -> object:
        answers = [ask(ledger) for ledger in (self.memory, self.postgres)]  # type: ignore[operator]
        assert answers[0] == answers[1]
        return answers[0]

    @rule(which=st.lists(numbers, max_size=4), epoch=st.sampled_from("ef"), offset=st.integers(0, 9))
    def append(self, which: list[int], epoch: str, offset: int) -> None:
        self.both(lambda ledger: ledger.append([firing(number) for number in which], (0,), epoch, offset))

    @rule(fan_out=st.integers(0, 3), state=st.sampled_from(["queued", "suppressed", "held"]))
    def plan(self, fan_out: int, state: str) -> None:
        for found in self.memory.unplanned():
            deliveries = [
                Delivery(
                    f"{found.firing_id}-{i}",
                    found.firing_id,
                    "webhook",
                    str(i),
                    state,
                    next_attempt_at=self.now + 20 * (state == "held"),
                    gather="storm" if state == "held" else "",
                )
                for i in range(fan_out)
            ]
            self.both(lambda ledger, f=found, d=deliveries: ledger.plan(f.firing_id, d, self.now))

    @rule(numbers_=st.lists(numbers, min_size=1, max_size=4))
    def plan_together(self, numbers_: list[int]) -> None:
        def decide(firings: Sequence[Firing], counts: Counts) -> list[Plan]:
            known = counts.told.get((LOCAL_OWNER, "uid", ""), Told())
            counts.told[LOCAL_OWNER, "uid", ""] = replace(known, count=known.count + len(firings))
            return [
                Plan(
                    one.firing_id,
                    (Delivery(f"{one.firing_id}-0", one.firing_id, "webhook", "0", "queued", error=str(known.count)),),
                )
                for one in firings
            ]

        ids = [f"f{number}" for number in numbers_]
        self.both(lambda ledger: ledger.plan_batch(ids, self.now, decide))

    @rule()
    def gather(self) -> None:
        def decide(held: Sequence[Delivery]) -> list[Delivery]:
            first, *others = held
            carried = [replace(one, state="carried", carried_by=first.delivery_id, gather="") for one in others]
            return [replace(first, state="queued", gather="", payload={"all": len(held)}), *carried]

        self.both(lambda ledger: ledger.gather(self.now, decide))

    @rule(address=st.sampled_from(["", "0", "webhook"]))
    def replay(self, address: str) -> None:
        self.both(lambda ledger: [one.delivery.delivery_id for one in ledger.dead(LOCAL_OWNER)])
        self.both(lambda ledger: ledger.replay(LOCAL_OWNER, DeadSought(channel=address), self.now))

    @rule(before=st.integers(0, 8))
    def archive(self, before: int) -> None:
        gone = {one.firing_id: found for one, found in self.memory.firings(LOCAL_OWNER, 100)}
        self.both(lambda ledger: ledger.archive(before, limit=2))
        for one, _ in self.memory.firings(LOCAL_OWNER, 100):
            gone.pop(one.firing_id)
        self.sent -= {one.delivery_id for found in gone.values() for one in found}

    @rule(limit=st.integers(1, 4))
    def claim(self, limit: int) -> None:
        claimed = self.both(lambda ledger: ledger.claim(self.now, LEASE_S, limit))
        assert isinstance(claimed, list)
        assert not {item.delivery_id for item in claimed} & self.sent
        self.held += claimed

    @precondition(lambda self: self.held)
    @rule()
    def begin(self) -> None:
        begun = replace(self.held[0], attempts=self.held[0].attempts + 1)
        if self.both(lambda ledger: ledger.begin(begun, self.now, LEASE_S)):
            self.held[0] = begun

    @precondition(lambda self: self.held)
    @rule(state=st.sampled_from(["sent", "retry", "dead", "maybe_sent"]))
    def settle(self, state: str) -> None:
        taken = self.held.pop(0)
        spare = Delivery(
            f"{taken.firing_id}-spare", taken.firing_id, "sms", "spare", "queued", next_attempt_at=self.now
        )
        outcome = replace(taken, state=state, next_attempt_at=self.now + 20, error="" if state == "sent" else "503")
        self.both(lambda ledger: ledger.settle(outcome, self.now, [spare] if state == "dead" else []))
        if state == "sent":
            self.sent.add(outcome.delivery_id)

    @rule()
    def crash(self) -> None:
        self.held.clear()

    @rule(step=st.integers(1, 60))
    def time_passes(self, step: int) -> None:
        self.now += step

    @invariant()
    def the_ledgers_agree(self) -> None:
        everything = self.both(lambda ledger: ledger.firings(LOCAL_OWNER))
        assert isinstance(everything, list)
        self.both(lambda ledger: (ledger.unplanned(), ledger.progress(0), ledger.oldest_unsent(self.now)))
        states = {delivery.delivery_id: delivery.state for _, deliveries in everything for delivery in deliveries}
        assert all(states[delivery_id] == "sent" for delivery_id in self.sent)

    def teardown(self) -> None:
        """The whole story of each firing, the archived ones too."""
        self.both(lambda ledger: [ledger.history(LOCAL_OWNER, f"f{number}") for number in range(6)])
        self.both(lambda ledger: ledger.figures(LOCAL_OWNER, 0).states)


def test_the_two_ledgers_agree(postgres_stores: PostgresStores) -> None:
    machine = type("TwinsHere", (Twins,), {"stores": postgres_stores})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=20,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            # every step asks a real server: a long failing walk is read more quickly than shrunk
            phases=(Phase.reuse, Phase.generate),
        ),
    )
