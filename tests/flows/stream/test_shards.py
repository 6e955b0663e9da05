"""However the shards are split over processes, and whenever that changes: the same market comes of the log."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketbell.core.engine.handover import merge
from marketbell.core.primitives.shards import ALL_SHARDS, Shards
from marketbell.core.screening.templates import TEMPLATES
from marketbell.flows.stream.cover import cover
from marketbell.flows.stream.line_up import LIVE
from marketbell.flows.stream.ownership import lease_name
from marketbell.flows.stream.whole_market import LEADER
from marketbell.ports.screens import NOW

SYMBOLS = 24
HALVES = ("0-31", "32-63")
THIRDS = ("0-20", "21-41", "42-63")


def dirty_feed(kit: Any) -> Any:
    """Ticks of which some come late, twice, without a price or for nobody; every third symbol hangs on another."""
    feed = kit.ScriptedFeed(rows=1_500, symbols=SYMBOLS, per_s=4)
    known = feed.instruments()
    feed._instruments = [
        replace(one, root=known[at - 1].key) if at % 3 == 0 and at else one for at, one in enumerate(known)
    ]
    rng = np.random.default_rng(5)
    columns = feed.columns
    spoilt = rng.choice(feed.rows, 400, replace=False)
    columns["event_time"][spoilt[:150]] -= rng.integers(1, 4, 150) * kit.NS
    columns["price"][spoilt[150:180]] = 0.0
    columns["instrument_id"][spoilt[180:240]] = rng.integers(1, 1 << 52, 8)[rng.integers(0, 8, 60)]
    columns["volume"][spoilt[240:300]] -= 500.0
    for name in ("instrument_id", "event_time", "price", "volume"):
        columns[name][spoilt[300:]] = columns[name][spoilt[300:] - 1]
    return feed


class Processes:
    """Several stream processes over one world. A killed one leaves nothing but what is stored."""

    def __init__(self, kit: Any, split: Sequence[str], partitions: int = 1, **how: Any) -> None:
        def feed() -> Any:
            return dirty_feed(kit)

        self.kit = kit
        self.world = kit.World(feed_maker=feed, partitions=partitions, **({"speed": 200.0} | how))
        self.commands = [
            kit.level_command(one, level, direction, f"{one.symbol}-{direction}-{level}")
            for one in feed().instruments()
            for level, direction in ((100.0, "above"), (99.0, "below"))
        ]
        self.world.arm(self.commands)
        self.desks: list[Any] = []
        self.world.leases.holders.clear()
        self.start(split)

    def start(self, split: Sequence[str]) -> None:
        self.desks = [self.world.make_stream(Shards.parse(text)) for text in split]

    def kill(self, number: int) -> None:
        """SIGKILL: the database ends its session, a new process takes its place."""
        self.cut_off(self.desks[number])
        self.desks[number] = self.world.make_stream(self.desks[number].runner.shards)

    def cut_off(self, desk: Any) -> None:
        """What the database does when a session ends."""
        self.world.leases.take_away(lease_name(desk.runner.shards.first))
        if desk.publisher.market is not None and desk.publisher.market.is_leader:
            self.world.leases.take_away(LEADER)

    def split(self, split: Sequence[str], *, is_kill: bool) -> None:
        """Stop all, gently or not, and start others."""
        for desk in self.desks:
            if is_kill:
                self.cut_off(desk)
            else:
                desk.runner.close()
                self.world.clock.move(0.1)
                desk.turn()
                desk.runner.release()
        self.start(split)

    def turn(self) -> None:
        self.world.clock.move(0.2)
        self.world.ingest.turn()
        for desk in self.desks:
            desk.turn()

    def settle(self) -> None:
        calm = 0
        for _ in range(3_000):
            self.turn()
            is_calm = self.world.ingest.runner.state == "ended" and not len(self.world.spill)
            for desk in self.desks:
                is_calm &= not desk.ledger_lane.depth and not desk.bar_lane.depth and desk.runner.is_ready
            markets = [desk.publisher.market for desk in self.desks]
            is_calm &= markets == [None] or any(market.lists() is not None for market in markets)
            calm = calm + 1 if is_calm else 0
            if calm == 12:
                for desk in self.desks:
                    desk.runner.snapshot()
                    while desk.bar_lane.step() or desk.screen_lane.step():
                        pass
                return
        pytest.fail(str([desk.runner.status() for desk in self.desks]))

    def parts(self) -> list[Any]:
        found = [part for desk in self.desks for part in desk.partitions]
        return sorted(found, key=lambda part: part.shards)


def outcome(processes: Processes) -> dict[str, Any]:
    """All that must not depend on the split."""
    parts = processes.parts()
    columns: dict[str, dict[str, Any]] = {}
    quality: dict[str, dict[str, int]] = {}
    for part in parts:
        values = {name: column.tolist() for name, column in part.engine.columns().items()}
        for row, key in enumerate(part.engine.keys()):
            assert key not in columns
            columns[key] = {name: repr(column[row]) for name, column in values.items()}
        quality |= part.engine.quality_counts()
    stores = processes.world.stores
    return {
        "columns": columns,
        "market": market(processes),
        "screens": {screen_id: sorted(members) for screen_id, members in screens(processes).items()},
        "quality": quality,
        "stored_quality": stores.quality.get("2021-04-28"),
        "firings": sorted(
            (firing.firing_id, firing.event_time, repr(firing.values))
            for firing, _ in stores.ledger.firings("owner", 100_000)
        ),
        "ticks": {name: sum(part.engine.counters()[name] for part in parts) for name in ("ticks_read", "accepted")},
    }


def market(processes: Processes) -> dict[str, Any]:
    """Lists and what else the whole market shows, as readers find it in the cache."""
    cache = processes.world.cache
    lists, summary, quality = (orjson.loads(cache.get(f"market:{name}")) for name in ("lists", "summary", "quality"))
    return {
        "lists": {name: value for name, value in lists.items() if name != "as_of"},
        "summary": {name: value for name, value in summary.items() if name not in {"as_of", "clock"}},
        "quality": {name: quality[name] for name in ("totals", "instruments")},
        "rows": sorted(cache.fields("market:rows")),
    }


def screens(processes: Processes) -> dict[str, list[str]]:
    """Members of the screens that look at each row alone, as readers find them; the store's history says the same."""
    world = processes.world
    names = {int(one.instrument_id): key for part in processes.parts() for one, key in _named(part.engine)}
    found = {}
    for screen_id in TEMPLATES.keys() - {"undervalued-picks"}:
        members = orjson.loads(world.cache.get(NOW + screen_id))["members"]
        newest: dict[int, str] = {}
        for event in world.stores.screens.history(screen_id, 0, 1_000_000):
            newest.setdefault(event.instrument_id, event.event)  # the newest one comes first
        assert {names[one] for one, event in newest.items() if event == "enter"} == set(members), screen_id
        found[screen_id] = members
    return found


def _named(engine: Any) -> Any:
    return zip(engine.instruments, engine.keys(), strict=True)


def whole(processes: Processes) -> dict[str, Any]:
    """The engines' state in one piece, as the checkpoint of an engine that was never cut."""
    parts = processes.parts()
    arrays = merge([part.engine.checkpoint() for part in parts], parts[0].homes, LIVE)
    # when a screen was read follows from the log's heartbeats, and each run's log has its own; who is in it does not
    return {name: array for name, array in arrays.items() if name not in {"touched", "screens.meta"}}


def same(mine: Processes, theirs: Processes) -> None:
    assert outcome(mine) == outcome(theirs)
    mine.kit.same_bars(mine.world.bars("1m"), theirs.world.bars("1m"))
    mine.kit.same_bars(mine.world.bars("1d"), theirs.world.bars("1d"))
    if mine.world.partitions == 1:
        left, right = whole(mine), whole(theirs)
        assert left.keys() == right.keys()
        for name, array in left.items():
            np.testing.assert_array_equal(array, right[name], err_msg=name)


@pytest.fixture(scope="module")
def undivided(kit: Any) -> Processes:
    processes = Processes(kit, ["0-63"])
    processes.settle()
    found = outcome(processes)
    assert found["firings"]
    assert found["screens"]["top-gainers"]
    assert {"late", "out_of_order", "bad_price", "duplicate", "unknown_instrument"} <= {
        kind for kinds in found["quality"].values() for kind in kinds
    }
    oracle = kit.undisturbed(processes.world.feed_maker(), processes.commands)
    assert processes.world.firings() == oracle.firings
    kit.same_bars(processes.world.bars("1m"), oracle.bars["1m"])
    return processes


@pytest.mark.parametrize("partitions", [1, 3])
@pytest.mark.parametrize("split", [HALVES, THIRDS])
def test_the_split_changes_nothing(kit: Any, undivided: Processes, split: Sequence[str], partitions: int) -> None:
    processes = Processes(kit, split, partitions)
    processes.settle()
    assert all(any(part.engine.keys() for part in desk.partitions) for desk in processes.desks)
    same(processes, undivided)
    assert screens(processes) == screens(undivided)  # the order too; after a handover the next heartbeat tells it


@pytest.mark.parametrize("end", ["stopped", "killed"])
@pytest.mark.parametrize(
    "splits", [(["0-63"], HALVES, THIRDS), (THIRDS, HALVES, ["0-63"]), (HALVES, ["0-9", "10-63"])], ids=str
)
def test_another_split_goes_on_where_the_last_one_stood(
    kit: Any, undivided: Processes, splits: Sequence[Sequence[str]], end: str
) -> None:
    processes = Processes(kit, splits[0], checkpoint_every_s=0.5)
    for split in splits[1:]:
        for _ in range(4):
            processes.turn()
        processes.split(split, is_kill=end == "killed")
    processes.settle()
    same(processes, undivided)


def test_parts_that_stood_apart_meet_and_become_one(kit: Any, undivided: Processes) -> None:
    processes = Processes(kit, HALVES, checkpoint_every_s=0.5)
    for _ in range(3):
        processes.turn()
    first, second = processes.desks
    for _ in range(3):  # the upper half has died, and nobody takes it
        processes.desks = [first]
        processes.turn()
    assert first.partitions[0].offset > second.partitions[0].offset
    processes.desks = [first, second]
    processes.split(["0-63"], is_kill=True)
    (desk,) = processes.desks
    desk.runner.step(0.0)
    assert len(desk.partitions) == 2 or desk.partitions[0].shards == ALL_SHARDS
    processes.settle()
    assert [part.shards for part in desk.partitions] == [ALL_SHARDS]
    same(processes, undivided)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.data(),
    partitions=st.sampled_from([1, 2]),
    steps=st.lists(st.sampled_from(["turn", "turn", "one", "kill", "split", "flush"]), min_size=4, max_size=24),
)
def test_kills_and_new_splits_at_any_moment(
    kit: Any, undivided: Processes, data: st.DataObject, partitions: int, steps: list[str]
) -> None:
    processes = Processes(kit, HALVES, partitions, checkpoint_every_s=0.3)
    for step in steps:
        if step == "turn":
            processes.turn()
            continue
        number = data.draw(st.integers(0, len(processes.desks) - 1))
        desk = processes.desks[number]
        if step == "one":
            processes.world.clock.move(0.1)
            desk.runner.step(0.0)
        elif step == "flush":
            desk.ledger_lane.step()
            while desk.bar_lane.step():
                pass
            desk.keeper.step()
        elif step == "kill":
            processes.kill(number)
        else:
            cuts = sorted(data.draw(st.sets(st.integers(1, 63), max_size=3)))
            edges = [0, *cuts, 64]
            split = [f"{low}-{high - 1}" for low, high in pairwise(edges)]
            processes.split(split, is_kill=data.draw(st.booleans()))
    processes.settle()
    same(processes, undivided)


def test_a_process_without_instruments_watches_what_its_neighbours_watch(kit: Any, undivided: Processes) -> None:
    processes = Processes(kit, HALVES, 1, checkpoint_every_s=0.3)
    processes.split(["0-31", "32-54", "55-63"], is_kill=False)
    processes.world.clock.move(0.1)
    processes.desks[1].runner.step(0.0)
    processes.split(["0-3", "4-7", "8-13", "14-63"], is_kill=True)
    processes.turn()
    processes.settle()
    same(processes, undivided)


def test_an_overlapping_process_waits_and_takes_over(kit: Any, undivided: Processes) -> None:
    processes = Processes(kit, HALVES, checkpoint_every_s=0.5)
    for _ in range(4):
        processes.turn()
    standby = processes.world.make_stream(Shards(16, 47))
    for _ in range(3):
        processes.world.clock.move(1.1)
        standby.turn()
        assert not standby.runner.is_ready
    assert "another stream process" in standby.runner.problem
    for desk in processes.desks:
        desk.runner.release()
    processes.desks = [processes.world.make_stream(Shards(0, 15)), standby, processes.world.make_stream(Shards(48, 63))]
    processes.settle()
    same(processes, undivided)


def test_an_overtaken_owner_writes_nothing_and_stands_back(kit: Any, undivided: Processes) -> None:
    processes = Processes(kit, ["0-63"], checkpoint_every_s=0.5)
    for _ in range(3):
        processes.turn()
    (paused,) = processes.desks
    paused.runner.step(0.0)
    processes.world.ingest.turn()
    paused.runner.step(0.0)  # it holds bars and perhaps firings that it has not written
    processes.split(HALVES, is_kill=True)
    for _ in range(5):
        processes.turn()
    fences = processes.world.stores.ledger.fences(list(ALL_SHARDS))
    kept = processes.world.checkpoints.kept()
    while paused.ledger_lane.step() or paused.bar_lane.step() or paused.keeper.step():
        pass
    assert processes.world.stores.ledger.fences(list(ALL_SHARDS)) == fences
    assert processes.world.checkpoints.kept() == kept
    processes.world.clock.move(2.0)
    paused.runner.step(0.0)
    assert paused.runner.status()["partitions"][0]["state"] == "standby"
    processes.settle()
    same(processes, undivided)


def test_a_damaged_checkpoint_of_one_range_falls_back_alone(kit: Any, undivided: Processes) -> None:
    processes = Processes(kit, HALVES, checkpoint_every_s=0.3)
    for _ in range(8):
        processes.turn()
    processes.world.checkpoints.damage(40)
    low, high = cover(processes.world.checkpoints, ALL_SHARDS)
    assert (low.shards, low.damaged) == (Shards(0, 31), ())
    assert high.shards == Shards(32, 63)
    assert len(high.damaged) == 1
    assert high.checkpoint is not None
    processes.split(["0-63"], is_kill=True)
    processes.turn()
    processes.settle()
    same(processes, undivided)
    (gap,) = processes.parts()[0].gaps
    assert (gap["reason"], gap["shards"]) == ("checkpoint damaged", "32-63")


def test_a_lost_log_goes_back_to_the_part_that_is_behind(kit: Any, undivided: Processes) -> None:
    processes = Processes(kit, HALVES)
    for _ in range(3):
        processes.turn()
    processes.world.clock.move(0.2)
    processes.world.ingest.turn()
    processes.desks[0].turn()  # the other half has not read this
    processes.world.bus.lose_everything()
    processes.settle()
    assert outcome(processes) == outcome(undivided)
    for part in processes.parts():
        assert [gap["reason"] for gap in part.gaps] == ["log lost"]


def test_a_log_with_more_partitions_takes_the_state_along(kit: Any) -> None:
    processes = Processes(kit, ["0-63"])
    for _ in range(3):
        processes.turn()
    processes.split(["0-63"], is_kill=False)
    before = {key: row for part in processes.parts() for key, row in [(part.label, part.offset)]}
    assert before
    processes.world.bus.lose_everything()
    processes.world.bus.ensure_topic("log", 4, 1_000)
    for _ in range(4):
        processes.turn()
    parts = processes.parts()
    assert [part.number for part in parts] == [0, 1, 2, 3]
    assert sum(len(part.engine.keys()) for part in parts) == SYMBOLS
