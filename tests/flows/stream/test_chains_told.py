"""Recorded option chains through ingest and stream: what fires is what a replay fires, and everybody is told."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest

from marketbell.adapters.clock.manual import ManualClock
from marketbell.adapters.feeds.replay import ReplayFeed
from marketbell.core.columns.frame import FrameKind, decode
from marketbell.core.engine.engine import Engine, EngineConfig
from marketbell.core.language.reader import parse_rule
from marketbell.core.market.homes import Homes
from marketbell.core.market.session import DAY
from marketbell.core.options.frames import chain_of
from marketbell.core.primitives.shards import ALL_SHARDS, Shards
from marketbell.core.rules.arming import arm_command
from marketbell.core.rules.firing import firing_id
from marketbell.flows.ingest.frames import chain_entries
from marketbell.flows.live.board import MarketBoard
from marketbell.flows.live.replica import Replica
from marketbell.flows.live.rooms import Room
from marketbell.flows.live.views import ChainView
from marketbell.flows.stream.chain_lane import HOLDS_S, MOST_WAITING
from marketbell.flows.stream.line_up import BEHIND
from marketbell.flows.stream.own import own_part
from marketbell.flows.stream.replay import frame_of, replay
from marketbell.ports.chains import ChainRecord
from marketbell.ports.stores import EVERYWHERE, StoredRule

FILE = "options/nse_nifty_chain_snapshots_20260819_am.parquet"
KEY, EXPIRY = "NSE:NIFTY", date(2026, 8, 25)
NAME = f"{KEY}:{EXPIRY.isoformat()}"
MOMENTS = 93
TEXTS = {
    "pcr": 'alert "pcr" on $NSE:NIFTY when opt.pcr_oi crosses above 0.68 or opt.pcr_oi crosses below 0.672'
    " at update chain fire every time",
    "wall": 'alert "wall" on $NSE:NIFTY when close crosses above opt.max_call_oi_strike - 945 at 5m close'
    " fire every time",
    "slope": 'alert "slope" on $NSE:NIFTY when opt.term_slope crosses above 0.2 at update chain fire every time',
}


def source(kit: Any, shared_data: Path) -> ReplayFeed:
    return ReplayFeed([str(shared_data / FILE)], kit.CALENDARS.sessions)


def command(uid: str) -> dict[str, Any]:
    return arm_command(parse_rule(TEXTS[uid]), None, "owner") | {"rule_uid": uid}


def world_of(kit: Any, shared_data: Path, restarts: tuple[int, ...] = (), **more: Any) -> Any:
    """The whole file at ten minutes a second; the stream (even) or ingest (odd) is killed after so many turns."""
    made = source(kit, shared_data)
    world = kit.World(feed_maker=lambda: source(kit, shared_data), speed=600.0, checkpoint_every_s=0.5, **more)
    for uid, text in TEXTS.items():
        world.stores.rules.arm(StoredRule(uid, "owner", uid, text, {}), EVERYWHERE, command(uid))
    assert made.rows > 4 * MOMENTS
    for turn in range(60):
        if turn in restarts:
            if turn % 2:
                world.start_ingest()
            else:
                world.start_stream()
        world.clock.move(0.2)
        world.ingest.turn()
        world.stream.turn()
    return world


@pytest.fixture(scope="module")
def wanted(kit: Any, shared_data: Path) -> list[str]:
    """Ids of all firings of a replay."""
    engine = Engine(EngineConfig(), kit.CALENDARS.sessions, BEHIND)
    found = replay(source(kit, shared_data), engine, ManualClock(0), [command(uid) for uid in TEXTS])
    assert {one.rule for one in found.rules} == set(TEXTS)
    return sorted(
        firing_id(one.rule_uid, one.definition_hash, one.instrument_id, one.event_time, one.nth) for one in found.rules
    )


def documents(world: Any, kind: str) -> list[dict[str, Any]]:
    entries = world.bus.read("market", 0, 0, 100_000, 0.0)
    return [one for _, data in entries if (one := orjson.loads(data))["type"] == kind]


@pytest.fixture(scope="module")
def calm(kit: Any, shared_data: Path) -> Any:
    """A world in which nobody was killed, at the end of the file."""
    world = world_of(kit, shared_data)
    world.settle()
    return world


def test_live_fires_what_a_replay_fires(calm: Any, wanted: list[str]) -> None:
    assert calm.firings() == wanted
    _all_kept(calm)


def test_live_fires_what_a_replay_fires_whoever_is_killed(kit: Any, shared_data: Path, wanted: list[str]) -> None:
    world = world_of(kit, shared_data, (8, 13, 14, 21, 30))
    world.settle()
    assert world.firings() == wanted
    _all_kept(world)


def _all_kept(world: Any) -> None:
    # every chain is kept once, with its metrics
    store = world.stores.chains
    assert store.underlyings() == [KEY]
    assert len(store.times(KEY, EXPIRY, 0, 1 << 62)) == MOMENTS
    newest = store.latest(KEY, EXPIRY)
    assert newest.metrics["max_call_oi_strike"] == 25_000.0
    assert newest.chain.source == "snapshots"
    status = world.stream.runner.status()["chains"]
    assert (status["late"], status["dropped"], status["error"]) == (0, 0, None)


def test_a_room_gets_a_snapshot_and_then_changed_rows_alone(calm: Any) -> None:
    told = [one for one in documents(calm, "chain") if (one["underlying"], one["expiry"]) == (KEY, str(EXPIRY))]
    assert told[0]["is_whole"]
    assert [one["seq"] for one in told] == list(range(1, len(told) + 1))
    board = MarketBoard()
    board.watch_chain(NAME)
    sent: list[tuple[str, dict[str, Any]]] = []
    room = Room(f"chain:{NAME}", ChainView(NAME), "e", lambda event, data: sent.append((event, data)) or b"")
    room.open(board)
    replica = Replica()
    room.snapshot(board)
    replica.snapshot(sent[-1][1])
    assert replica.rows == {}  # nobody has told of it: the room is empty, and there
    for at, document in enumerate(told):
        assert board.apply(document)
        event = room.advance(board, float(at))
        assert event is not None
        assert replica.delta(sent[-1][1])
    cached = orjson.loads(calm.cache.get(f"market:chain:{NAME}"))
    assert {row[0]: row[1:] for row in cached["rows"]} == replica.rows
    assert replica.data["metrics"] == cached["data"]["metrics"]
    assert replica.data["metrics"]["max_pain"] == 24_150.0
    room.snapshot(board)
    columns = sent[-1][1]["columns"]
    assert columns[:2] == ["strike", "iv"]
    assert {"call.iv", "call.delta", "call.state", "put.oi", "put.is_liquid"} <= set(columns)
    strikes = [row[1] for row in sent[-1][1]["rows"]]
    assert strikes == sorted(strikes)
    assert sent[-1][1]["rows"][0][0] == f"{NAME}:{strikes[0]:g}"
    # one strike of the next chain is another one
    row = [*told[-1]["rows"][3]]
    row[columns.index("call.oi") + 1] = 65.0
    assert board.apply(told[-1] | {"seq": told[-1]["seq"] + 1, "rows": [row]})
    assert room.advance(board, 1_000.0) is not None
    assert sent[-1][1]["rows"] == [row]
    assert "data" not in sent[-1][1]


def test_a_room_that_missed_something_takes_the_chain_whole(calm: Any) -> None:
    told = [one for one in documents(calm, "chain") if one["expiry"] == str(EXPIRY)]
    board = MarketBoard()
    shelf = board.watch_chain(NAME)
    board.apply(told[0])
    board.apply(told[2])
    assert board.torn_chains == {NAME}
    board.put_chain(orjson.loads(calm.cache.get(f"market:chain:{NAME}")))
    assert board.torn_chains == set()
    assert shelf.seq == told[-1]["seq"]
    board.drop_chain(NAME)
    assert board.apply(told[-1])
    assert board.chains == {}


def test_a_store_that_is_away_delays_its_chains_and_nothing_else(
    kit: Any, shared_data: Path, wanted: list[str]
) -> None:
    world = world_of(kit, shared_data, has_chain_store=False)
    world.settle()
    assert world.firings() == wanted
    lane = world.stream.chain_lane
    assert 0 < lane.depth < MOST_WAITING
    assert world.stream.runner.status()["chains"]["error"]
    assert world.stream.runner.problem == ""  # every rule is evaluated, every bar kept
    # a checkpoint does not wait for ever
    mark = world.stream.runner._mark
    assert not lane.passed(mark)
    world.clock.move(HOLDS_S)
    assert lane.passed(mark)
    world.stream.turn()
    world.clock.move(1.0)
    world.stream.turn()
    newest = max(place.offset for place in world.checkpoints.kept())
    assert newest == world.stream.partitions[0].offset
    world.has_chain_store = True
    world.settle()
    assert len(world.stores.chains.times(KEY, EXPIRY, 0, 1 << 62)) == MOMENTS
    assert world.stream.runner.status()["chains"]["error"] is None


def test_days_of_the_store_are_what_a_rank_looks_back_at(kit: Any, shared_data: Path) -> None:
    world = kit.World(feed_maker=lambda: source(kit, shared_data), speed=600.0)
    chain = next(one.known.chain for one in _updates(kit, shared_data))
    for day in range(1, 31):
        kept = replace(chain, as_of=chain.as_of - day * DAY)
        world.stores.chains.put([ChainRecord(kept, {"atm_iv_30": 8.0 + day * 0.2})])
    later = replace(chain, as_of=chain.as_of + 3 * DAY)
    world.stores.chains.put([ChainRecord(later, {"atm_iv_30": 99.0})])
    world.settle()
    engine = world.stream.partitions[0].engine
    told = engine.series.fields(["opt.iv_rank(days: 252)", "opt.iv_rank(days: 31)"], engine.tick_state(), engine.now())
    (rank,), (same,) = told.values()
    assert 0 < rank == same < 100  # of 30 days and this one; not of what comes later
    book = engine.chains._books[0]
    assert len(book.days) == 30
    assert max(book.days.values()) == 14.0


def _updates(kit: Any, shared_data: Path) -> Any:
    engine = Engine(EngineConfig(), kit.CALENDARS.sessions)
    feed = source(kit, shared_data)
    engine.define(list(feed.instruments()))
    while batches := feed.advance(1 << 62, 50):
        frames = [frame_of(one.kind, one.columns, 0, 0, one.payload) for one in batches]
        yield from engine.apply(frames).chains


def test_a_chain_goes_to_the_shard_of_its_underlying_alone(kit: Any, shared_data: Path) -> None:
    chain = next(_updates(kit, shared_data)).chain
    (nifty,) = source(kit, shared_data).instruments()
    home = Homes(ALL_SHARDS)
    home.learn([nifty])
    (entry,) = chain_entries([chain], partitions=1, partition_of=lambda _: 0, producer=7, first=4)
    frame = decode(entry[1])
    mine, theirs = Shards(nifty.shard, nifty.shard), Shards((nifty.shard + 1) % 64, (nifty.shard + 1) % 64)
    own = own_part(frame, home, mine, None, lambda _: False)
    assert own is not None
    assert chain_of(own.columns, orjson.loads(own.payload)).as_dict() == chain.as_dict()
    empty = own_part(frame, home, theirs, None, lambda _: False)
    assert empty is not None
    assert (empty.kind, empty.count, empty.first_seq, empty.last_seq) == (FrameKind.TRADE, 0, 4, 5)
    # on a log of several partitions every one of them sees the position
    entries = chain_entries([chain], partitions=3, partition_of=lambda _: 1, producer=7, first=4)
    found = [decode(data) for _, data in entries]
    assert [(one.kind, one.count, one.last_seq) for one in found] == [
        (FrameKind.CHAIN, 0, 5),
        (FrameKind.CHAIN, 2 * len(chain), 5),
        (FrameKind.CHAIN, 0, 5),
    ]
