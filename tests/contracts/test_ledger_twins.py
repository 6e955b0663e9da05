"""The two ledgers walked side by side at random, and what must hold of a ledger whatever happens to it."""

from dataclasses import replace

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from marketbell.adapters.stores.memory import MemoryStores
from marketbell.adapters.stores.postgres import PostgresStores
from marketbell.ports.stores import LOCAL_OWNER, Delivery, Firing

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
            connection.execute(
                "TRUNCATE ledger.firings, ledger.outbox, ledger.shard_progress, ledger.attempts, ledger.archive"
            )
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

    @rule(fan_out=st.integers(0, 3), state=st.sampled_from(["queued", "suppressed"]))
    def plan(self, fan_out: int, state: str) -> None:
        for found in self.memory.unplanned():
            deliveries = [
                Delivery(f"{found.firing_id}-{i}", found.firing_id, "webhook", str(i), state, next_attempt_at=self.now)
                for i in range(fan_out)
            ]
            self.both(lambda ledger, f=found, d=deliveries: ledger.plan(f.firing_id, d, self.now))

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
        outcome = replace(
            self.held.pop(0), state=state, next_attempt_at=self.now + 20, error="" if state == "sent" else "503"
        )
        self.both(lambda ledger: ledger.settle(outcome, self.now))
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
        self.both(lambda ledger: (ledger.unplanned(), ledger.progress(0), ledger.oldest_unsent()))
        states = {delivery.delivery_id: delivery.state for _, deliveries in everything for delivery in deliveries}
        assert all(states[delivery_id] == "sent" for delivery_id in self.sent)


def test_the_two_ledgers_agree(postgres_stores: PostgresStores) -> None:
    machine = type("TwinsHere", (Twins,), {"stores": postgres_stores})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=30, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
