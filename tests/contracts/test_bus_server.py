"""The redis bus against its own server: killed, restarted, full, without a file, slow to answer."""

import contextlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from marketbell.adapters.bus import redis as adapter
from marketbell.adapters.bus.memory import MemoryBus
from marketbell.adapters.bus.redis import RedisBus
from marketbell.adapters.servers.valkey import EmbeddedValkey
from marketbell.core.primitives.errors import BusFullError, BusUnavailableError, TopicLostError
from marketbell.ports.bus import DurableLevel

TOPIC = "log"


class Server:
    """A Valkey that a test may kill and start again."""

    def __init__(self, folder: Path, *, memory_mb: int = 256, is_durable: bool = True) -> None:
        self._embedded = EmbeddedValkey("bus", folder / "bus", memory_mb=memory_mb, is_durable=is_durable)
        self._embedded.prepare()
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return self._embedded.url

    def start(self, *options: str) -> None:
        launch = self._embedded.launch()
        self._child = subprocess.Popen(
            [*launch.argv, *options],
            env=dict(launch.env),
            cwd=launch.cwd,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for(self._embedded.is_ready)

    def send(self, signum: int) -> None:
        assert self._child is not None
        self._child.send_signal(signum)

    def kill(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._child = None


def wait_for(condition: Callable[[], bool], within_s: float = 20.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    made.start()
    yield made
    made.kill()


@pytest.fixture
def bus(server: Server) -> Iterator[RedisBus]:
    made = RedisBus(server.url)
    yield made
    made.close()


def test_nothing_acknowledged_is_lost_when_the_server_is_killed(server: Server, bus: RedisBus) -> None:
    epoch = bus.ensure_topic(TOPIC, 2, 0)
    acknowledged: list[tuple[int, bytes]] = []

    def write() -> None:
        with contextlib.suppress(BusUnavailableError):
            for i in range(1_000_000):
                frame = b"%d" % i
                acknowledged.append((bus.publish(TOPIC, 0, frame), frame))

    for _ in range(3):
        before = len(acknowledged)
        writer = threading.Thread(target=write)
        writer.start()
        wait_for(lambda seen=before: len(acknowledged) > seen + 200)
        server.kill()
        writer.join(20)
        assert not writer.is_alive()
        with pytest.raises(BusUnavailableError):
            bus.publish(TOPIC, 0, b"nobody is there")
        server.start()
        assert bus.epoch(TOPIC) == epoch
        kept = dict(bus.read(TOPIC, 0, 0, max_frames=1_000_000))
        assert [(offset, kept.get(offset)) for offset, _ in acknowledged] == acknowledged
    assert bus.first_offset(TOPIC, 1) is None


def test_offsets_go_on_after_a_restart_of_an_emptied_partition(server: Server, bus: RedisBus) -> None:
    bus.ensure_topic(TOPIC, 1, 0)
    last = [bus.publish(TOPIC, 0, b"x") for _ in range(5)][-1]
    bus.trim(TOPIC, 0, last + 1)
    with redis.Redis.from_url(server.url) as client:
        client.bgrewriteaof()
        wait_for(lambda: not client.info("persistence")["aof_rewrite_in_progress"])
    server.kill()
    server.start()
    assert bus.publish(TOPIC, 0, b"y") == last + 1


def test_a_waiting_reader_hears_of_the_outage_and_reads_on_afterwards(server: Server, bus: RedisBus) -> None:
    bus.ensure_topic(TOPIC, 1, 0)
    offset = bus.publish(TOPIC, 0, b"x")
    ends: list[BaseException] = []

    def read() -> None:
        try:
            bus.read(TOPIC, 0, offset, max_wait_s=30)
        except BusUnavailableError as error:
            ends.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    with redis.Redis.from_url(server.url) as client:
        wait_for(lambda: client.info("clients")["blocked_clients"] == 1)
    server.kill()
    reader.join(20)
    assert len(ends) == 1
    assert not isinstance(ends[0], TopicLostError)
    server.start()
    assert bus.read(TOPIC, 0, 0) == [(offset, b"x")]


def test_flushall_is_seen_by_a_waiting_reader_and_a_writer(server: Server, bus: RedisBus) -> None:
    epoch = bus.ensure_topic(TOPIC, 1, 0)
    offset = bus.publish(TOPIC, 0, b"x")
    with redis.Redis.from_url(server.url) as client:
        client.flushall()
    with pytest.raises(TopicLostError):
        bus.read(TOPIC, 0, offset, max_wait_s=20)
    with pytest.raises(TopicLostError):
        bus.publish(TOPIC, 0, b"y")
    assert bus.epoch(TOPIC) is None
    assert bus.ensure_topic(TOPIC, 1, 0) not in {None, epoch}


def test_a_server_without_a_file_that_restarts_is_a_loss(tmp_path: Path) -> None:
    server = Server(tmp_path, is_durable=False)
    server.start()
    bus = RedisBus(server.url)
    try:
        bus.ensure_topic(TOPIC, 1, 0)
        assert bus.durable_level is DurableLevel.NONE
        bus.flush()
        offset = bus.publish(TOPIC, 0, b"x")
        server.kill()
        server.start()
        with pytest.raises(TopicLostError):
            bus.read(TOPIC, 0, offset)
    finally:
        bus.close()
        server.kill()


def test_flush_waits_for_the_servers_sync(server: Server, bus: RedisBus) -> None:
    bus.ensure_topic(TOPIC, 1, 0)
    assert bus.durable_level is DurableLevel.FSYNC
    for _ in range(3):
        bus.publish(TOPIC, 0, b"x" * 10_000)
        bus.flush()
        with redis.Redis.from_url(server.url) as client:
            assert client.info("persistence")["aof_pending_bio_fsync"] == 0


def test_a_server_that_cannot_tell_of_its_syncs_is_durable_to_the_process(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.start("--rename-command", "WAITAOF", "")
    bus = RedisBus(server.url)
    try:
        bus.ensure_topic(TOPIC, 1, 0)
        assert bus.durable_level is DurableLevel.PROCESS
        bus.flush()
    finally:
        bus.close()
        server.kill()


def test_a_server_that_hangs_is_an_outage(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "_TIMEOUT_S", 0.5)
    monkeypatch.setattr(adapter, "_LONGEST_BLOCK_S", 0.2)
    bus = RedisBus(server.url)
    try:
        bus.ensure_topic(TOPIC, 1, 0)
        offset = bus.publish(TOPIC, 0, b"x")
        assert bus.read(TOPIC, 0, offset, max_wait_s=0.7) == []
        server.send(signal.SIGSTOP)
        with pytest.raises(BusUnavailableError):
            bus.publish(TOPIC, 0, b"y")
        with pytest.raises(BusUnavailableError):
            bus.read(TOPIC, 0, offset, max_wait_s=5)
        server.send(signal.SIGCONT)
        assert bus.read(TOPIC, 0, 0)[0] == (offset, b"x")
    finally:
        bus.close()


def test_a_full_server_refuses_and_takes_again_after_a_trim(tmp_path: Path) -> None:
    server = Server(tmp_path, memory_mb=8)
    server.start()
    bus = RedisBus(server.url)
    try:
        bus.ensure_topic(TOPIC, 2, 0)
        written: list[int] = []
        with contextlib.suppress(BusFullError):
            while len(written) < 1_000:
                written.append(bus.publish(TOPIC, 0, bytes(100_000)))
        with pytest.raises(BusFullError):
            bus.publish(TOPIC, 0, bytes(100_000))
        assert len(written) > 10
        with pytest.raises(BusFullError):
            bus.publish_many(TOPIC, [(1, bytes(100_000)), (0, bytes(100_000))])
        assert bus.lag(TOPIC, 1, 0) == 0
        assert bus.lag(TOPIC, 0, 0) == len(written)
        bus.flush()
        bus.trim(TOPIC, 0, written[-1])
        assert bus.publish(TOPIC, 0, b"again") == written[-1] + 1
    finally:
        bus.close()
        server.kill()


def test_a_full_memory_bus_refuses_and_takes_again_after_a_trim() -> None:
    bus = MemoryBus(capacity_bytes=1_000)
    bus.ensure_topic(TOPIC, 2, 0)
    written = [bus.publish(TOPIC, 0, bytes(100)) for _ in range(10)]
    with pytest.raises(BusFullError):
        bus.publish_many(TOPIC, [(1, b"x"), (0, b"y")])
    assert bus.lag(TOPIC, 1, 0) == 0
    bus.trim(TOPIC, 0, written[-1])
    assert bus.publish(TOPIC, 0, b"again") == written[-1] + 1


def test_the_bus_works_under_gevent(server: Server) -> None:
    """In a process of its own: patching is for good."""
    program = f"""
from gevent import monkey; monkey.patch_all()
import gevent
from marketbell.adapters.bus.redis import RedisBus
bus = RedisBus({server.url!r})
bus.ensure_topic("log", 2, 0)
reader = gevent.spawn(bus.read, "log", 0, 0, 100, 10.0)
gevent.sleep(0.05)
ticks = [bus.publish("log", 1, b"%d" % i) for i in range(50)]
bus.publish("log", 0, b"wake")
assert [frame for _, frame in reader.get(timeout=5)] == [b"wake"]
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
