"""Pushed rows: judged one by one, carried to the log, pushed back when the stream is behind."""

from datetime import date
from typing import Any

import orjson
import pytest

from marketbell.core.columns.frame import FrameKind, decode
from marketbell.flows.ingest.push import BehindError


def _world(kit: Any) -> Any:
    world = kit.World(speed=1.0)
    world.ingest.turn()
    return world


def _tick(**values: Any) -> dict[str, Any]:
    return {"instrument": "NSE:NEW", "event_time": 1_619_581_501_000_000_000, "price": 10.5, "volume": 100} | values


def test_a_pushed_tick_reaches_the_engine(kit: Any) -> None:
    world = _world(kit)
    verdict = world.ingest.push.ticks([_tick(), _tick(price=11, event_time="2021-04-28T09:15:02+05:30", volume=110)])
    assert verdict.as_dict() == {"accepted": 2, "rejected": []}
    for _ in range(4):
        world.clock.move(0.3)
        world.ingest.turn()
        world.stream.turn()
    assert world.rows()["NSE:NEW"][0] == 11.0
    assert [one.source for one in world.stores.instruments.all() if one.key == "NSE:NEW"] == ["push"]


@pytest.mark.parametrize(
    ("row", "field"),
    [
        (5, ""),
        (_tick(instrument="new"), "instrument"),
        (_tick(instrument=None), "instrument"),
        (_tick(price="10"), "price"),
        (_tick(price=None), "price"),
        (_tick(price=True), "price"),
        (_tick(volume=[]), "volume"),
        (_tick(event_time="yesterday"), "event_time"),
        (_tick(event_time="2021-04-28T09:15:10"), "event_time"),
        (_tick(event_time=1.5), "event_time"),
        (_tick(event_time=10**30), "event_time"),
        (_tick(trade_id=-1), "trade_id"),
        (_tick(kind="bond"), "kind"),
    ],
)
def test_a_row_that_cannot_be_read_says_why_and_is_a_dead_letter(kit: Any, row: Any, field: str) -> None:
    world = _world(kit)
    verdict = world.ingest.push.ticks([_tick(), row, _tick(price=12)])
    assert verdict.accepted == 2
    (rejected,) = verdict.rejected
    assert (rejected["index"], rejected["field"]) == (1, field)
    ((_, letter),) = world.bus.read("dead", 0, 0)
    assert orjson.loads(letter)["reason"] == rejected["reason"]


def test_a_wrong_price_is_the_engines_to_count(kit: Any) -> None:
    world = _world(kit)
    assert world.ingest.push.ticks([_tick(price=-1.0)]).accepted == 1
    world.clock.move(0.3)
    world.ingest.turn()
    world.stream.turn()
    assert world.stream.partitions[0].engine.quality_counts()["NSE:NEW"] == {"bad_price": 1}


def test_pushed_bars_build_the_day(kit: Any) -> None:
    world = _world(kit)
    start = 1_619_581_500_000_000_000
    bars = [
        {"instrument": "NSE:BAR", "timeframe": "1m", "start": start + n * 60_000_000_000}
        | {"open": 10, "high": 12, "low": 9, "close": 11 + n, "volume": 5}
        for n in range(3)
    ]
    assert world.ingest.push.bars([*bars, bars[0] | {"timeframe": "5m"}]).as_dict()["accepted"] == 3
    world.clock.move(0.3)
    world.ingest.turn()
    world.stream.turn()
    (known,) = [one for one in world.stores.instruments.all() if one.key == "NSE:BAR"]
    assert world.stores.bars.between(int(known.instrument_id), "1m", 0, 1 << 62)["close"].tolist() == [11, 12, 13]


def test_positions_are_an_unbroken_line(kit: Any) -> None:
    world = kit.World(speed=1.0, partitions=3)
    world.ingest.turn()
    for n in range(5):
        world.ingest.push.ticks([_tick(instrument=f"NSE:N{n}{m}") for m in range(7)])
    for partition in range(3):
        last = 0
        frames = [decode(data) for _, data in world.bus.read("log", partition, 0)]
        pushed = [f for f in frames if f.kind is FrameKind.TRADE and f.producer != world.ingest.runner.producer]
        for frame in pushed:
            assert frame.first_seq == last
            last = frame.last_seq
        assert last == 35


def test_a_stream_that_is_behind_pushes_back(kit: Any) -> None:
    world = kit.World(speed=1.0)
    with pytest.raises(BehindError):
        world.ingest.push.ticks([_tick()])  # the log is not there yet
    world.ingest.turn()
    world.ingest.runner._lag = 10_000_000
    with pytest.raises(BehindError):
        world.ingest.push.ticks([_tick()])


def test_pushed_ticks_survive_an_outage_of_the_bus(kit: Any) -> None:
    world = _world(kit)
    world.ingest.push.ticks([_tick()])
    world.bus.is_down = True
    assert world.ingest.push.ticks([_tick(price=12, event_time=1_619_581_502_000_000_000, volume=120)]).accepted == 1
    world.bus.is_down = False
    for _ in range(6):
        world.clock.move(0.3)
        world.ingest.turn()
        world.stream.turn()
    assert world.rows()["NSE:NEW"][0] == 12.0


def _chain(as_of: int, expiry: str = "2021-04-29", **values: Any) -> dict[str, Any]:
    side = {"last": [110.0, 60.0], "oi": [75, 150]}
    known = {"underlying": "NSE:NEWINDEX", "kind": "index", "spot": 14_050, "strikes": [14_000, 14_050]}
    return known | {"expiry": expiry, "as_of": as_of, "call": side, "put": side} | values


def test_a_pushed_chain_reaches_the_engine_and_its_store(kit: Any) -> None:
    world = _world(kit)
    now = world.clock.now()
    sent = [_chain(now, "2021-05-06"), _chain(now), _chain(now + 1, spot=-1), _chain(now - 10**9), _chain(now + 10**15)]
    verdict = world.ingest.push.chains(sent)
    assert verdict.accepted == 3
    assert [(one["index"], one["field"]) for one in verdict.rejected] == [(2, "spot"), (4, "as_of")]
    assert [orjson.loads(letter)["field"] for _, letter in world.bus.read("dead", 0, 0)] == ["spot", "as_of"]
    frames = [decode(data) for _, data in world.bus.read("log", 0, 0)]
    chains = [
        frame for frame in frames if frame.kind is FrameKind.CHAIN and frame.producer == world.ingest.push._producer
    ]
    assert [(one.first_seq, one.last_seq) for one in chains] == [(0, 1), (1, 2), (2, 3)]
    for _ in range(4):
        world.clock.move(0.3)
        world.ingest.turn()
        world.stream.turn()
    world.settle()
    store = world.stores.chains
    assert store.times("NSE:NEWINDEX", None, 0, 1 << 62) == [now - 10**9, now]
    newest = store.latest("NSE:NEWINDEX", date(2021, 4, 29))
    assert newest.metrics["pcr_oi"] == 1.0
    assert newest.chain.source == "push"
    (known,) = [one for one in world.stores.instruments.all() if one.key == "NSE:NEWINDEX"]
    assert (known.kind, known.source) == ("index", "push")
    assert world.ingest.push.document()["last_event_time"] == now
