"""What every bus must do, over every adapter."""

import threading
import time
from collections.abc import Iterator

import pytest

from marketbell.adapters.bus.memory import MemoryBus
from marketbell.adapters.bus.redis import RedisBus
from marketbell.core.primitives.errors import BusUnavailableError, InvalidSettingError, TopicLostError
from marketbell.ports.bus import Bus

TOPIC = "log"


@pytest.fixture(params=["memory", "redis"])
def bus(request: pytest.FixtureRequest) -> Iterator[Bus]:
    made: Bus = MemoryBus() if request.param == "memory" else RedisBus(request.getfixturevalue("valkey_url"))
    yield made
    made.close()


def lose_everything(bus: Bus) -> None:
    """What FLUSHALL does to one database."""
    if isinstance(bus, MemoryBus):
        bus.lose_everything()
    else:
        assert isinstance(bus, RedisBus)
        bus._client.flushdb()


def frames(read: list[tuple[int, bytes]]) -> list[bytes]:
    return [frame for _, frame in read]


def test_a_topic_is_made_once_and_keeps_its_epoch_and_partitions(bus: Bus) -> None:
    assert bus.epoch(TOPIC) is None
    epoch = bus.ensure_topic(TOPIC, 3, 1_000)
    assert epoch
    assert bus.ensure_topic(TOPIC, 8, 2_000) == epoch
    assert bus.epoch(TOPIC) == epoch
    assert bus.partitions(TOPIC) == 3
    assert bus.ensure_topic("market", 1, 0) != epoch


def test_frames_come_back_in_order_with_their_offsets(bus: Bus) -> None:
    bus.ensure_topic(TOPIC, 1, 0)
    sent = [bytes([i]) * i for i in range(1, 30)]
    offsets = [bus.publish(TOPIC, 0, frame) for frame in sent]
    assert offsets == list(range(offsets[0], offsets[0] + len(sent)))
    assert offsets[0] > 0
    assert offsets[-1] < 2**53
    assert bus.read(TOPIC, 0, 0) == list(zip(offsets, sent, strict=True))
    assert frames(bus.read(TOPIC, 0, offsets[9])) == sent[10:]
    assert frames(bus.read(TOPIC, 0, offsets[9], max_frames=4)) == sent[10:14]
    assert bus.read(TOPIC, 0, offsets[-1]) == []


def test_partitions_do_not_mix(bus: Bus) -> None:
    bus.ensure_topic(TOPIC, 2, 0)
    offsets = bus.publish_many(TOPIC, [(0, b"a"), (1, b"b"), (0, b"c")])
    assert frames(bus.read(TOPIC, 0, 0)) == [b"a", b"c"]
    assert bus.read(TOPIC, 1, 0) == [(offsets[1], b"b")]
    assert offsets[2] == offsets[0] + 1
    assert bus.publish_many(TOPIC, []) == []


def test_first_last_and_lag(bus: Bus) -> None:
    bus.ensure_topic(TOPIC, 1, 0)
    assert bus.last(TOPIC, 0) is None
    assert bus.first_offset(TOPIC, 0) is None
    assert bus.lag(TOPIC, 0, 0) == 0
    offsets = [bus.publish(TOPIC, 0, b"%d" % i) for i in range(5)]
    assert bus.last(TOPIC, 0) == (offsets[-1], b"4")
    assert bus.first_offset(TOPIC, 0) == offsets[0]
    assert [bus.lag(TOPIC, 0, after) for after in [0, *offsets]] == [5, 4, 3, 2, 1, 0]


def test_trimming_forgets_what_lies_before_and_nothing_else(bus: Bus) -> None:
    bus.ensure_topic(TOPIC, 1, 0)
    offsets = [bus.publish(TOPIC, 0, b"x" * 5_000 + b"%d" % i) for i in range(300)]
    bus.trim(TOPIC, 0, offsets[250])
    assert bus.first_offset(TOPIC, 0) == offsets[250]
    assert bus.lag(TOPIC, 0, offsets[10]) == 50
    assert [offset for offset, _ in bus.read(TOPIC, 0, offsets[10])] == offsets[250:]
    bus.trim(TOPIC, 0, offsets[10])
    assert bus.first_offset(TOPIC, 0) == offsets[250]

    bus.trim(TOPIC, 0, offsets[-1] + 1)
    assert bus.last(TOPIC, 0) is None
    assert bus.read(TOPIC, 0, offsets[-1]) == []
    assert bus.lag(TOPIC, 0, offsets[-1]) == 0
    assert bus.publish(TOPIC, 0, b"next") == offsets[-1] + 1


def test_retention_bounds_a_partition_and_a_reader_can_see_the_gap(bus: Bus) -> None:
    bus.ensure_topic(TOPIC, 1, 50)
    offsets = [bus.publish(TOPIC, 0, b"x" * 5_000) for _ in range(1_000)]
    kept = bus.lag(TOPIC, 0, 0)
    assert 50 <= kept <= 200
    assert bus.first_offset(TOPIC, 0) == offsets[-kept]
    assert bus.read(TOPIC, 0, offsets[0], max_frames=1)[0][0] > offsets[0] + 1


def test_a_reader_waits_for_the_first_frame(bus: Bus) -> None:
    bus.ensure_topic(TOPIC, 1, 0)
    began = time.monotonic()
    assert bus.read(TOPIC, 0, 0, max_wait_s=0.05) == []
    assert time.monotonic() - began >= 0.04

    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.extend(frames(bus.read(TOPIC, 0, 0, max_wait_s=20))))
    reader.start()
    bus.publish(TOPIC, 0, b"late riser")
    reader.join(20)
    assert found == [b"late riser"]


def test_a_reader_of_a_topic_to_come_waits_for_it(bus: Bus) -> None:
    assert bus.read(TOPIC, 0, 0) == []
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.extend(frames(bus.read(TOPIC, 0, 0, max_wait_s=20))))
    reader.start()
    bus.ensure_topic(TOPIC, 1, 0)
    bus.publish(TOPIC, 0, b"first")
    reader.join(20)
    assert found == [b"first"]


def test_waiting_readers_delay_nobody(bus: Bus) -> None:
    bus.ensure_topic(TOPIC, 8, 0)
    seen: list[list[tuple[int, bytes]]] = []
    readers = [
        threading.Thread(target=lambda p=partition: seen.append(bus.read(TOPIC, p, 0, max_wait_s=20)))
        for partition in range(7)
    ]
    for reader in readers:
        reader.start()
    began = time.monotonic()
    for _ in range(100):
        bus.publish(TOPIC, 7, b"x")
    assert time.monotonic() - began < 2.0
    bus.publish_many(TOPIC, [(partition, b"%d" % partition) for partition in range(7)])
    for reader in readers:
        reader.join(20)
    assert sorted(frames([read[0] for read in seen])) == [b"%d" % partition for partition in range(7)]


def test_many_writers_and_readers_lose_nothing(bus: Bus) -> None:
    bus.ensure_topic(TOPIC, 2, 0)
    writers, each = 4, 50

    def write(writer: int) -> None:
        for i in range(each):
            bus.publish_many(TOPIC, [(0, b"%d:%d" % (writer, i)), (1, b"%d:%d" % (writer, i))])

    def read(partition: int, into: list[bytes]) -> None:
        after, deadline = 0, time.monotonic() + 30
        while len(into) < writers * each and time.monotonic() < deadline:
            for offset, frame in bus.read(TOPIC, partition, after, max_frames=7, max_wait_s=0.5):
                assert offset > after
                after = offset
                into.append(frame)

    sinks: list[list[bytes]] = [[], [], [], []]
    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(writers)]
    threads += [threading.Thread(target=read, args=(i % 2, sink)) for i, sink in enumerate(sinks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(40)
    assert sinks[0] == sinks[2]
    assert sinks[1] == sinks[3]
    for sink in sinks:
        assert len(sink) == writers * each
        for writer in range(writers):
            own = [frame for frame in sink if frame.startswith(b"%d:" % writer)]
            assert own == [b"%d:%d" % (writer, i) for i in range(each)]


def test_large_empty_and_binary_frames_pass(bus: Bus) -> None:
    bus.ensure_topic(TOPIC, 1, 0)
    sent = [b"", bytes(range(256)) * 40_000, b"\r\n$-1\r\n", b"\x00" * 10]
    bus.publish_many(TOPIC, [(0, frame) for frame in sent])
    assert frames(bus.read(TOPIC, 0, 0)) == sent
    with pytest.raises(ValueError, match="above the bus's limit"):
        bus.publish(TOPIC, 0, bytes(bus.max_frame + 1))


def test_a_partition_that_is_not_there_is_a_mistake(bus: Bus) -> None:
    bus.ensure_topic(TOPIC, 2, 0)
    with pytest.raises(ValueError, match="2 partitions"):
        bus.publish(TOPIC, 2, b"x")
    with pytest.raises(ValueError, match="at least one"):
        bus.ensure_topic("none", 0, 0)


def test_publishing_without_a_topic_says_so(bus: Bus) -> None:
    with pytest.raises(TopicLostError):
        bus.publish(TOPIC, 0, b"x")
    with pytest.raises(TopicLostError):
        bus.partitions(TOPIC)


def test_after_a_loss_the_epoch_differs_and_old_offsets_are_recognised(bus: Bus) -> None:
    epoch = bus.ensure_topic(TOPIC, 2, 0)
    old = bus.publish_many(TOPIC, [(0, b"%d" % i) for i in range(10)])
    lose_everything(bus)

    assert bus.epoch(TOPIC) is None
    with pytest.raises(TopicLostError):
        bus.read(TOPIC, 0, old[3])
    with pytest.raises(TopicLostError):
        bus.publish(TOPIC, 0, b"x")

    assert bus.ensure_topic(TOPIC, 2, 0) != epoch
    with pytest.raises(TopicLostError):
        bus.read(TOPIC, 0, old[3])
    new = bus.publish_many(TOPIC, [(0, b"n%d" % i) for i in range(20)])
    with pytest.raises(TopicLostError):
        bus.read(TOPIC, 0, old[3])
    bus.trim(TOPIC, 0, old[-1])
    assert bus.lag(TOPIC, 0, old[3]) == 20
    assert frames(bus.read(TOPIC, 0, 0)) == [b"n%d" % i for i in range(20)]
    assert not set(old) & set(new)


def test_a_writer_that_slept_through_the_loss_hears_of_it(bus: Bus) -> None:
    bus.ensure_topic(TOPIC, 1, 0)
    bus.publish(TOPIC, 0, b"x")
    lose_everything(bus)
    with pytest.raises(TopicLostError):
        bus.publish_many(TOPIC, [(0, b"y")])


def test_commits_are_kept_by_group_and_partition(bus: Bus) -> None:
    bus.ensure_topic(TOPIC, 2, 0)
    assert bus.committed("stream", TOPIC, 0) is None
    bus.commit("stream", TOPIC, 0, 17)
    bus.commit("stream", TOPIC, 1, 18)
    bus.commit("recorder", TOPIC, 0, 3)
    assert [bus.committed("stream", TOPIC, p) for p in (0, 1)] == [17, 18]
    assert bus.committed("recorder", TOPIC, 0) == 3
    lose_everything(bus)
    assert bus.committed("stream", TOPIC, 0) is None


def test_flush_returns(bus: Bus) -> None:
    bus.ensure_topic(TOPIC, 1, 0)
    bus.publish(TOPIC, 0, b"x")
    bus.flush()


def test_a_bus_that_is_down_is_an_outage_and_comes_back() -> None:
    bus = MemoryBus()
    bus.ensure_topic(TOPIC, 1, 0)
    offset = bus.publish(TOPIC, 0, b"x")
    bus.is_down = True
    for call in (lambda: bus.publish(TOPIC, 0, b"y"), lambda: bus.read(TOPIC, 0, 0), bus.flush):
        with pytest.raises(BusUnavailableError):
            call()
    bus.is_down = False
    assert bus.read(TOPIC, 0, 0) == [(offset, b"x")]


def test_a_url_of_something_else_is_an_error_of_settings() -> None:
    with pytest.raises(InvalidSettingError):
        RedisBus("amqp://127.0.0.1")
