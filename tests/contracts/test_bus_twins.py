"""The two buses walked side by side at random: whatever one answers, the other answers too."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from marketbell.adapters.bus.memory import MemoryBus
from marketbell.adapters.bus.redis import RedisBus
from marketbell.core.primitives.errors import TopicLostError

TOPIC = "log"
PARTITIONS = 2

partitions = st.integers(0, PARTITIONS - 1)
places = st.integers(0, 40)
frames = st.binary(max_size=8)


class Twins(RuleBasedStateMachine):
    """Offsets differ by a constant within an epoch, so positions are counted from each topic's first frame."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.memory = MemoryBus()
        self.redis = RedisBus(self.url)
        self.redis._client.flushdb()
        self.base = {"memory": 0, "redis": 0}
        self.lost = {"memory": 0, "redis": 0}

    def teardown(self) -> None:
        self.redis.close()

    @property
    def buses(self) -> dict[str, MemoryBus | RedisBus]:
        return {"memory": self.memory, "redis": self.redis}

    def both(self, ask: object) -> None:
        answers = []
        for name, bus in self.buses.items():
            try:
                answers.append(ask(bus, self.base[name]))  # type: ignore[operator]
            except TopicLostError:
                answers.append("lost")
        assert answers[0] == answers[1]

    def make(self) -> None:
        for name, bus in self.buses.items():
            bus.ensure_topic(TOPIC, PARTITIONS, 0)
            first = bus.publish(TOPIC, 0, b"first")
            bus.publish(TOPIC, 1, b"first")
            self.base[name] = first

    @initialize()
    def begin(self) -> None:
        self.make()

    @rule()
    def lose_and_make_again(self) -> None:
        self.lost = dict(self.base)
        self.memory.lose_everything()
        self.redis._client.flushdb()
        for name, bus in self.buses.items():
            with pytest.raises(TopicLostError):
                bus.publish(TOPIC, 0, b"x")
            with pytest.raises(TopicLostError):
                bus.read(TOPIC, 0, self.lost[name])
        self.make()
        for name, bus in self.buses.items():
            with pytest.raises(TopicLostError):
                bus.read(TOPIC, 1, self.lost[name])

    @rule(partition=partitions, frame=frames)
    def publish(self, partition: int, frame: bytes) -> None:
        self.both(lambda bus, base: bus.publish(TOPIC, partition, frame) - base)

    @rule(batch=st.lists(st.tuples(partitions, frames), max_size=6))
    def publish_many(self, batch: list[tuple[int, bytes]]) -> None:
        self.both(lambda bus, base: [offset - base for offset in bus.publish_many(TOPIC, batch)])

    @rule(partition=partitions, place=places, most=st.integers(1, 10))
    def read(self, partition: int, place: int, most: int) -> None:
        self.both(
            lambda bus, base: [
                (offset - base, frame) for offset, frame in bus.read(TOPIC, partition, base + place, max_frames=most)
            ]
        )

    @rule(partition=partitions, place=places)
    def trim(self, partition: int, place: int) -> None:
        self.both(lambda bus, base: bus.trim(TOPIC, partition, base + place))

    @rule(partition=partitions)
    def trim_by_an_offset_of_another_life(self, partition: int) -> None:
        for name, bus in self.buses.items():
            if self.lost[name]:
                bus.trim(TOPIC, partition, self.lost[name] + 1_000)

    @rule(partition=partitions, place=places)
    def lag(self, partition: int, place: int) -> None:
        self.both(lambda bus, base: bus.lag(TOPIC, partition, base + place))

    @invariant()
    def the_ends_agree(self) -> None:
        for partition in range(PARTITIONS):
            self.both(
                lambda bus, base, p=partition: (
                    [frame for _, frame in bus.read(TOPIC, p, 0)],
                    (bus.first_offset(TOPIC, p) or base) - base,
                    (bus.last(TOPIC, p) or (base, b""))[0] - base,
                    bus.lag(TOPIC, p, 0),
                )
            )


def test_the_two_buses_agree(valkey_url: str) -> None:
    machine = type("TwinsHere", (Twins,), {"url": valkey_url})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=30, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
