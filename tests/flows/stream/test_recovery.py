"""Killed, cut off, starved: the stream's results are those of an undisturbed run."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketbell.core.columns.frame import Frame, FrameKind, encode


def _commands(kit: Any) -> list[dict[str, Any]]:
    feed = kit.ScriptedFeed()
    return [
        kit.level_command(one, level, direction, f"{one.symbol}-{direction}-{level}")
        for one in feed.instruments()
        for level, direction in ((100.0, "above"), (99.0, "below"), (101.5, "above"))
    ]


def _equal(kit: Any, world: Any, oracle: Any) -> None:
    assert world.firings() == oracle.firings
    kit.same_bars(world.bars("1m"), oracle.bars["1m"])
    kit.same_bars(world.bars("1d"), oracle.bars["1d"])
    assert world.rows() == oracle.rows


@pytest.mark.parametrize("partitions", [1, 3])
def test_an_undisturbed_run_equals_the_offline_engine(kit: Any, partitions: int) -> None:
    commands = _commands(kit)
    world = kit.World(partitions=partitions)
    world.arm(commands)
    world.settle()
    oracle = kit.undisturbed(kit.ScriptedFeed(), commands)
    assert oracle.firings
    _equal(kit, world, oracle)
    assert sum(one["gaps"] for one in world.stream.runner.status()["partitions"]) == 0


ACTIONS = st.sampled_from(
    [
        "ingest", "ingest", "read", "read", "ledger", "bars", "keeper", "clock", "relay",
        "kill_stream", "kill_ingest", "bus_down", "bus_up", "database_down", "database_up", "lose_log", "damage",
    ]
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=st.lists(ACTIONS, min_size=5, max_size=60), partitions=st.sampled_from([1, 2]))
def test_random_faults_lose_nothing_and_double_nothing(kit: Any, actions: list[str], partitions: int) -> None:
    commands = _commands(kit)
    world = kit.World(partitions=partitions, speed=200.0, checkpoint_every_s=0.5)
    world.arm(commands)
    world.ingest.turn()
    world.ingest.turn()
    for action in actions:
        _do(world, action)
    world.bus.is_down, world.has_database = False, True
    world.settle(4_000)
    oracle = kit.undisturbed(kit.ScriptedFeed(), commands)
    _equal(kit, world, oracle)


def _do(world: Any, action: str) -> None:  # noqa: C901, PLR0912 — one line an action
    world.clock.move(0.05)
    match action:
        case "ingest":
            world.ingest.runner.step()
        case "relay":
            world.ingest.relay.step(world.ingest.runner.source_clock)
        case "read":
            world.stream.runner.step(0.0)
        case "ledger":
            world.stream.ledger_lane.step()
        case "bars":
            world.stream.bar_lane.step()
        case "keeper":
            world.stream.keeper.step()
        case "clock":
            world.clock.move(0.6)
        case "kill_stream":
            world.start_stream()
        case "kill_ingest":
            world.start_ingest()
        case "bus_down":
            world.bus.is_down = True
        case "bus_up":
            world.bus.is_down = False
        case "database_down":
            world.has_database = False
        case "database_up":
            world.has_database = True
        case "lose_log":
            _lose_the_log(world)
        case "damage":
            # with the log gone as well nothing could be derived again: that would be two faults at once
            kept = [] if world.bus.is_down else world.checkpoints.kept()
            if len(kept) > 1 and kept[-2].epoch == world.bus.epoch("log"):
                world.checkpoints.damage()


def _lose_the_log(world: Any) -> None:
    """FLUSHALL while both processes live; the stream's state is on disk, and nothing else is broken meanwhile."""
    if world.bus.is_down or not world.has_database:
        return
    for _ in range(2):
        world.stream.runner.close()
        world.stream.ledger_lane.step()
        while world.stream.bar_lane.step():
            pass
        world.stream.keeper.step()
    world.bus.lose_everything()
    for _ in range(40):
        world.clock.move(0.3)
        world.stream.runner.step(0.0)
        world.ingest.runner.step()
        if world.ingest.writer.is_open:
            return


def test_a_damaged_checkpoint_falls_back_to_the_one_before(kit: Any) -> None:
    world = kit.World(speed=100.0, checkpoint_every_s=0.5)
    for _ in range(20):
        world.clock.move(0.3)
        world.ingest.turn()
        world.stream.turn()
    newest = world.checkpoints.newest()
    world.checkpoints.damage()
    assert world.checkpoints.newest().offset < newest.offset
    world.start_stream()
    world.settle()
    _equal(kit, world, kit.undisturbed(kit.ScriptedFeed()))
    assert world.stream.runner.status()["partitions"][0]["recent_gaps"][0]["reason"] == "checkpoint damaged"


def test_no_checkpoint_passes_what_the_database_does_not_have(kit: Any) -> None:
    world = kit.World(speed=100.0, checkpoint_every_s=0.5)
    world.arm(_commands(kit))
    for _ in range(10):
        world.clock.move(0.3)
        world.ingest.turn()
        world.stream.turn()
    before = world.checkpoints.newest()
    world.has_database = False
    for _ in range(40):
        world.clock.move(0.3)
        world.ingest.turn()
        world.stream.turn()
    assert world.stream.bar_lane.depth > 0
    assert world.stream.runner.problem
    # what was durable before the outage may still be saved, and nothing behind it
    assert world.checkpoints.newest().offset - before.offset < 30
    world.has_database = True
    world.settle()
    _equal(kit, world, kit.undisturbed(kit.ScriptedFeed(), _commands(kit)))


def test_a_lost_log_is_a_visible_gap_and_its_source_goes_back(kit: Any) -> None:
    world = kit.World(speed=100.0)
    for _ in range(10):
        world.clock.move(0.3)
        world.ingest.turn()
        world.stream.turn()
    world.clock.move(0.3)
    world.ingest.turn()  # frames that the stream never reads
    world.bus.lose_everything()
    world.settle()
    _equal(kit, world, kit.undisturbed(kit.ScriptedFeed()))
    gaps = world.stream.runner.status()["partitions"][0]["recent_gaps"]
    assert [gap["reason"] for gap in gaps] == ["log lost"]


def test_a_second_stream_waits_and_takes_over(kit: Any) -> None:
    world = kit.World(speed=100.0)
    for _ in range(5):
        world.clock.move(0.3)
        world.ingest.turn()
        world.stream.turn()
    second = world.make_stream()
    for _ in range(3):
        world.clock.move(1.1)
        second.turn()
    assert second.runner.status()["partitions"][0]["state"] == "standby"
    assert "another stream process" in second.runner.problem
    world.stream.runner.close()
    world.stream.turn()
    world.stream.runner.release()
    world.stream = second
    world.settle()
    _equal(kit, world, kit.undisturbed(kit.ScriptedFeed()))


def test_an_owner_that_was_overtaken_stands_back(kit: Any) -> None:
    world = kit.World(speed=100.0)
    first = world.stream
    for _ in range(5):
        world.clock.move(0.3)
        world.ingest.turn()
        first.turn()
    world.start_stream()  # the first one's session was cut: somebody else takes the partition
    for _ in range(5):
        world.clock.move(0.3)
        world.ingest.turn()
        world.stream.turn()
    world.clock.move(2.0)
    first.runner.step(0.0)
    assert first.runner.status()["partitions"][0]["state"] == "standby"


def test_a_corrupt_frame_is_a_dead_letter_and_a_gap(kit: Any) -> None:
    world = kit.World(speed=100.0)
    world.ingest.turn()
    frame = bytearray(encode(Frame(FrameKind.HEARTBEAT, 0, 0, 0, 0, kit.OPEN, kit.OPEN, 0)))
    frame[3] ^= 0xFF
    world.bus.publish("log", 0, bytes(frame))
    world.settle()
    assert world.stream.partitions[0].gaps[0]["reason"] == "corrupt frame"
    assert len(world.bus.read("dead", 0, 0)) == 1
    _equal(kit, world, kit.undisturbed(kit.ScriptedFeed()))


def test_a_log_without_its_beginning_is_asked_for_again(kit: Any) -> None:
    world = kit.World(speed=100.0)
    for _ in range(10):
        world.clock.move(0.3)
        world.ingest.turn()
        world.stream.turn()
    world.checkpoints = type(world.checkpoints)()
    world.start_stream()
    last = world.bus.last("log", 0)[0]
    world.bus.trim("log", 0, last)
    world.settle()
    assert world.stream.partitions[0].engine.keys()
    reasons = [gap["reason"] for gap in world.stream.runner.status()["partitions"][0]["recent_gaps"]]
    assert "no checkpoint for this log" in reasons


def test_the_recording_holds_every_trade_once(kit: Any) -> None:
    world = kit.World(speed=100.0, checkpoint_every_s=0.5)
    for turn in range(30):
        world.clock.move(0.3)
        world.ingest.turn()
        world.stream.turn()
        if turn == 15:
            world.start_stream()
    world.settle()
    world.stream.runner.close()
    world.clock.move(1.0)
    world.stream.turn()
    rows = np.concatenate([part["price"] for _, part in sorted(world.recordings.parts.items())])
    np.testing.assert_array_equal(rows, kit.ScriptedFeed().columns["price"])
    assert [date for date, _ in world.recordings.starts] == ["2021-04-28"]


def test_the_bus_is_trimmed_behind_the_oldest_checkpoint(kit: Any) -> None:
    world = kit.World(speed=100.0, checkpoint_every_s=0.5)
    world.settle()
    first = world.bus.first_offset("log", 0)
    assert first == world.checkpoints.kept()[0].offset
