"""The runner: pace, control, back-pressure, spill, passes and places."""

from itertools import pairwise
from typing import Any

import orjson
import pytest

from marketbell.adapters.spill.files import FileFrameQueue
from marketbell.core.columns.frame import FrameKind, decode
from marketbell.flows.ingest.paced import PacedRunner

NS = 1_000_000_000


def _frames(world: Any, partition: int = 0) -> list[Any]:
    return [decode(data) for _, data in world.bus.read("log", partition, 0, 100_000)]


def _trades(world: Any, partition: int = 0) -> int:
    return sum(frame.count for frame in _frames(world, partition) if frame.kind is FrameKind.TRADE)


def _ingest(world: Any, turns: int, step_s: float = 0.3) -> None:
    for _ in range(turns):
        world.clock.move(step_s)
        world.ingest.turn()


def test_the_log_begins_with_what_a_reader_must_know(kit: Any) -> None:
    world = kit.World(speed=10.0)
    world.arm([kit.level_command(world.feed_maker().instruments()[0], 100.0)])
    world.ingest.turn()
    said = [(frame.kind.name, orjson.loads(frame.payload or b"{}").get("type")) for frame in _frames(world)]
    assert said[:2] == [("COMMAND", "run"), ("REFERENCE", "source")]
    assert ("REFERENCE", "instruments") in said
    assert ("BAR", None) in said
    assert ("REFERENCE", "fundamentals") in said
    first_trade = next(at for at, (kind, _) in enumerate(said) if kind == "TRADE")
    assert said.index(("COMMAND", "arm_level")) < first_trade


def test_reference_reaches_the_stores(kit: Any) -> None:
    world = kit.World()
    world.ingest.turn()
    assert {one.key for one in world.stores.instruments.all()} == {f"NSE:S{n}" for n in range(5)}
    ident = int(world.feed_maker().instruments()[0].instrument_id)
    assert world.stores.fundamentals.as_of(kit.OPEN)[ident] == {"fund.pe": 12.5}
    assert len(world.stores.bars.between(ident, "1d", 0, kit.OPEN)["start"]) == 1


def test_market_time_follows_the_wall_at_the_chosen_speed(kit: Any) -> None:
    world = kit.World(speed=10.0)
    world.ingest.turn()
    _ingest(world, 10, 0.5)  # 5 s of ours are 50 s of the market: 5 rows a second, both ends included
    assert _trades(world) == 51 * 5
    assert world.ingest.runner.source_clock <= kit.OPEN + 51 * NS


def test_heartbeats_come_to_every_partition_also_while_paused(kit: Any) -> None:
    world = kit.World(partitions=3, speed=10.0)
    world.cache.set("feed:control", b'{"paused": true}')
    _ingest(world, 12, 0.25)
    for partition in range(3):
        beats = [frame for frame in _frames(world, partition) if frame.kind is FrameKind.HEARTBEAT]
        assert len(beats) >= 10
        assert {beat.event_max for beat in beats} == {kit.OPEN}
    assert world.ingest.runner.state == "paused"


def test_pause_and_speed_come_from_the_cache(kit: Any) -> None:
    world = kit.World(speed=10.0)
    _ingest(world, 4)
    world.cache.set("feed:control", b'{"paused": true}')
    _ingest(world, 2)
    before = _trades(world)
    _ingest(world, 20)
    assert _trades(world) == before
    world.cache.set("feed:control", b'{"paused": false, "speed": "max"}')
    _ingest(world, 4)
    assert _trades(world) == 2_000
    feeds = orjson.loads(world.cache.get("feeds"))
    assert feeds[0]["state"] == "ended"
    assert feeds[0]["speed"] == "max"
    assert feeds[1]["name"] == "push"


def test_at_most_as_fast_as_the_stream_can_follow(kit: Any) -> None:
    world = kit.World(feed_maker=lambda: kit.ScriptedFeed(rows=60_000), hold_frames=5)
    _ingest(world, 30)
    assert world.ingest.runner.state == "waiting"
    assert _trades(world) < 60_000
    world.settle()
    assert world.stream.partitions[0].engine.counters()["ticks_read"] == 60_000


def test_a_bus_that_is_away_fills_the_queue_on_disk_in_order(kit: Any, tmp_path: Any) -> None:
    world = kit.World(speed=10.0, spill=FileFrameQueue(tmp_path))
    _ingest(world, 4)
    world.bus.is_down = True
    _ingest(world, 10)
    assert len(world.spill) > 0
    # the process is killed meanwhile: the queue is not
    world.spill.close()
    world.spill = FileFrameQueue(tmp_path)
    world.bus.is_down = False
    world.start_ingest()
    _ingest(world, 4)
    assert not world.spill
    spans = [(frame.first_seq, frame.last_seq) for frame in _frames(world) if frame.kind is FrameKind.TRADE]
    assert all(after[0] <= before[1] for before, after in pairwise(spans))
    world.settle()
    assert world.stream.partitions[0].engine.counters()["ticks_read"] == 2_000
    world.spill.close()


def test_a_full_queue_holds_the_feed(kit: Any, tmp_path: Any) -> None:
    world = kit.World(speed=1_000.0, spill=FileFrameQueue(tmp_path, capacity_bytes=40_000))
    _ingest(world, 2, 0.01)
    world.bus.is_down = True
    _ingest(world, 100)
    assert world.ingest.runner.state in {"waiting", "error"}
    world.bus.is_down = False
    world.settle()
    assert world.stream.partitions[0].engine.counters()["ticks_read"] == 2_000
    world.spill.close()


@pytest.mark.parametrize("partitions", [1, 3])
def test_a_killed_runner_goes_on_where_the_log_ends(kit: Any, partitions: int) -> None:
    world = kit.World(speed=50.0, partitions=partitions)
    for _ in range(8):
        _ingest(world, 3)
        world.start_ingest()
    world.settle()
    counters = [partition.engine.counters() for partition in world.stream.partitions]
    assert sum(one["ticks_read"] for one in counters) == 2_000
    assert sum(one["gaps"] for one in counters) == 0
    assert world.rows() == kit.undisturbed(kit.ScriptedFeed()).rows


def test_a_loop_is_a_new_run_with_an_empty_state(kit: Any) -> None:
    world = kit.World(speed=100.0, loop=True)
    rows = kit.ScriptedFeed().rows
    seen: set[str] = set()
    for _ in range(60):
        world.clock.move(0.2)
        world.ingest.turn()
        world.stream.turn()
        partition = world.stream.partitions[0]
        seen.add(partition.run)
        assert partition.engine.counters()["ticks_read"] <= rows
    assert {"scripted:1#0", "scripted:1#1"} <= seen
    world.start_ingest()
    _ingest(world, 2)
    assert world.ingest.runner.run_name == max(seen)


def test_another_feed_begins_another_run(kit: Any) -> None:
    world = kit.World(speed=100.0)
    world.settle()
    world.feed_maker = lambda: kit.ScriptedFeed(seed=2)
    world.start_ingest()
    world.settle()
    assert world.stream.partitions[0].run == "scripted:2#0"
    assert world.rows() == kit.undisturbed(kit.ScriptedFeed(seed=2)).rows


def test_an_ended_replay_stays_ended_after_a_crash_and_plays_again_on_a_new_machine_start(kit: Any) -> None:
    world = kit.World(speed=100.0)
    world.settle()
    world.start_ingest()
    world.settle()
    assert world.ingest.runner.run_name == "scripted:1#0"
    world.cache.delete("feed:session")
    world.start_ingest()
    world.settle()
    assert world.ingest.runner.run_name == "scripted:1#1"
    assert world.rows() == kit.undisturbed(kit.ScriptedFeed()).rows


def test_commands_are_published_once_the_database_is_back(kit: Any) -> None:
    world = kit.World(speed=10.0)
    _ingest(world, 2)
    world.has_database = False
    world.arm([kit.level_command(world.feed_maker().instruments()[0], 100.0)])
    _ingest(world, 3)
    assert world.ingest.problem
    world.has_database = True
    _ingest(world, 2)
    assert any(b"arm_level" in frame.payload for frame in _frames(world))
    assert world.stores.rules.unpublished() == []
    assert world.ingest.problem == ""


def test_the_runner_names_its_run(kit: Any) -> None:
    world = kit.World()
    assert isinstance(world.ingest.runner, PacedRunner)
    assert world.ingest.runner.run_name == "scripted:1#0"
