"""The engine: its outputs do not depend on where the log is cut, on checkpoints, or on repeats."""

import json
import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketbell.core.columns.frame import Columns, Frame, FrameKind, decode, encode
from marketbell.core.engine.engine import Engine, EngineConfig
from marketbell.core.engine.outputs import Outputs
from marketbell.core.market.instrument import Instrument
from marketbell.core.market.session import DAY, MINUTE, SECOND, SessionTable
from marketbell.core.primitives.errors import CheckpointError
from marketbell.core.quality.kinds import KINDS, TickFlag

FIRST_DAY = 18_700
KEYS = ("NSE:A", "NSE:B", "NSE:C")
INSTRUMENTS = [Instrument(key) for key in KEYS]
IDS = [int(one.instrument_id) for one in INSTRUMENTS]
PRODUCER = 7


def sessions(name: str) -> SessionTable:
    """Ten days of one hour, ending in a minute of 30 s."""
    days = np.arange(FIRST_DAY, FIRST_DAY + 10, dtype=np.int64)
    opens = days * DAY + 4 * 3_600 * SECOND
    return SessionTable(name, "UTC", opens, opens + 59 * MINUTE + 30 * SECOND, days, np.zeros(10, np.uint8))


OPEN = int(sessions("").open[0])
CLOSE = int(sessions("").close[0])


def new() -> Engine:
    engine = Engine(EngineConfig(), sessions)
    engine.define(INSTRUMENTS)
    return engine


def ticks(rows: Sequence[tuple[float, float, float]], instrument: int = 0, **more: Sequence[Any]) -> Columns:
    """(seconds after the first open, price, cumulative volume)."""
    times = np.array([OPEN + round(row[0] * SECOND) for row in rows], np.int64)
    return {
        "instrument_id": np.full(len(rows), IDS[instrument], np.int64),
        "event_time": times,
        "ingest_time": times.copy(),
        "price": np.array([row[1] for row in rows], np.float64),
        "volume": np.array([row[2] for row in rows], np.float64),
        **{name: np.array(values) for name, values in more.items()},
    }


def frame(
    kind: FrameKind, columns: Columns | None = None, payload: Any = None, first: int = 0, at: int = OPEN
) -> Frame:
    found = columns or {}
    count = len(found.get("instrument_id", ()))
    raw = json.dumps(payload).encode() if payload else b""
    return Frame(kind, 0, PRODUCER, first, first + (count if kind is FrameKind.TRADE else 0), at, at, count, found, raw)


def arm(uid: str, level: float, direction: str = "above", instrument: int = 0, **more: Any) -> Frame:
    command = {
        "type": "arm_level",
        "rule_uid": uid,
        "version": 1,
        "rule": uid,
        "owner_id": "owner",
        "instrument_id": IDS[instrument],
        "field": "close",
        "direction": direction,
        "level": level,
        "definition_hash": "00",
        "fire": "once",
        "expires_at": None,
        "notify": [],
    }
    return frame(FrameKind.COMMAND, payload=command | more)


def counts(engine: Engine) -> dict[str, int]:
    total: dict[str, int] = {}
    for kinds in engine.quality_counts().values():
        for kind, count in kinds.items():
            total[kind] = total.get(kind, 0) + count
    return total


def gathered(outputs: Sequence[Outputs]) -> dict[str, Any]:
    """Everything that came out, in order, in comparable form."""
    found: dict[str, Any] = {"fired": [one for out in outputs for one in out.fired]}
    for name in ("bars_1m", "bars_1d", "quality"):
        parts = [getattr(out, name) for out in outputs]
        found[name] = {column: b"".join(part[column].tobytes() for part in parts) for column in parts[0]}
    late = [out.late for out in outputs if out.late]
    found["late"] = b"".join(part["event_time"].tobytes() for part in late)
    return found


def test_flags_and_drops_in_their_order() -> None:
    engine = new()
    rows = [
        (1, 100, 10),
        (1, 100, 10),  # duplicate
        (3, 101, 30),
        (1, 99, 20),  # exactly 2 s behind: out of order, and volume falls
        (0.5, 98, 5),  # late
        (4, 0, 40),  # bad price
        (4, math.nan, 40),
        (-5, 100, 40),  # before the open
        (59.5 * 60, 100, 40),  # the closing second itself
        (4, 102, 25),  # volume falls
    ]
    outputs = engine.apply_trades(ticks(rows))
    assert counts(engine) == {
        "duplicate": 1,
        "out_of_order": 1,
        "volume_regression": 2,
        "late": 1,
        "bad_price": 2,
        "out_of_session": 2,
    }
    assert [KINDS[kind] for kind in outputs.quality["kind"].tolist()] == [
        *("duplicate", "out_of_order", "volume_regression", "late", "bad_price", "bad_price"),
        *("out_of_session", "out_of_session", "volume_regression"),
    ]
    assert outputs.late["price"].tolist() == [98]
    row = {name: values[0] for name, values in engine.columns().items()}
    assert (row["close"], row["day.open"], row["day.high"], row["day.low"]) == (102, 100, 102, 99)
    assert (row["day.volume"], row["day.trades"]) == (30, 4)
    assert row["turnover"] == 100 * 10 + 101 * 20
    assert row["vwap"] == row["turnover"] / 30


def test_live_future_and_the_epoch() -> None:
    engine = new()
    columns = ticks([(10, 100, 1), (16, 100, 2), (15, 100, 3), (-OPEN / SECOND, 100, 4)])
    columns["ingest_time"] = np.full(4, OPEN + 10 * SECOND)
    engine.apply_trades(columns)
    assert counts(engine) == {"future_timestamp": 1, "epoch_timestamp": 1}


def test_the_source_says_what_is_future() -> None:
    engine = new()
    flags = [TickFlag.SOURCE_CLOCK, TickFlag.SOURCE_CLOCK | TickFlag.FUTURE, TickFlag.SOURCE_CLOCK]
    columns = ticks([(10, 100, 1), (600, 100, 2), (700, 100, 3)], flags=[int(flag) for flag in flags])
    columns["ingest_time"] = np.full(3, OPEN)
    engine.apply_trades(columns)
    assert counts(engine) == {"future_timestamp": 1}


def test_trade_ids_decide_about_duplicates() -> None:
    engine = new()
    columns = ticks([(1, 100, 0), (1, 100, 0), (2, 101, 0)], trade_id=[5, 6, 5], size=[1.0, 2.0, 4.0])
    del columns["volume"]
    out = engine.apply_trades(columns)
    assert counts(engine) == {"duplicate": 1}
    out = engine.finish()
    assert out.bars_1m["volume"].tolist() == [3]
    assert out.bars_1d["volume"].tolist() == [3]


def test_a_ring_that_overflows_stays_exact() -> None:
    engine = new()
    rows = [(1 + n * 0.001, 100 + n % 7, n) for n in range(1_500)]
    engine.apply_trades(ticks([*rows, *rows]))
    assert counts(engine) == {"duplicate": 1_500}


def test_volume_of_an_unknown_start() -> None:
    engine = new()
    outputs = [engine.apply_trades(ticks([(300, 100, 5_000), (310, 100, 5_100), (420, 101, 5_300)])), engine.finish()]
    bars = [out.bars_1m["volume"].tolist() for out in outputs]
    assert bars == [[100], [200]]
    assert outputs[1].bars_1d["volume"].tolist() == [5_300]
    assert counts(engine) == {"volume_start_unknown": 1}
    assert engine.columns()["vwap"][0] == (100 * 100 + 101 * 200) / 300


def test_bars_are_final_two_seconds_behind_the_newest_tick() -> None:
    engine = new()
    first = engine.apply_trades(ticks([(10, 100, 1), (59, 101, 2), (61, 102, 3)]))
    assert len(first.bars_1m["start"]) == 0
    second = engine.apply_trades(ticks([(59.5, 99, 3), (61.9, 103, 4)]))
    assert len(second.bars_1m["start"]) == 0
    third = engine.apply_trades(ticks([(62, 104, 5)]))
    assert {name: third.bars_1m[name].tolist() for name in ("start", "open", "high", "low", "close", "volume")} == {
        "start": [OPEN],
        "open": [100],
        "high": [101],
        "low": [99],
        "close": [99],
        "volume": [3],
    }


def test_a_heartbeat_ends_the_session_and_nothing_reopens_it() -> None:
    engine = new()
    engine.apply_trades(ticks([(3_560, 100, 1)]))
    early = engine.apply([frame(FrameKind.HEARTBEAT, at=CLOSE + 2 * SECOND - 1)])
    assert len(early.bars_1d["start"]) == 0
    end = engine.apply([frame(FrameKind.HEARTBEAT, at=CLOSE + 2 * SECOND)])
    assert end.bars_1d["close"].tolist() == [100]
    assert end.bars_1m["start"].tolist() == [OPEN + 59 * MINUTE]
    again = engine.apply_trades(ticks([(3_561, 101, 2)]))
    assert counts(engine) == {"late": 1, "volume_start_unknown": 1}
    assert len(again.late["price"]) == 1
    assert len(engine.finish().bars_1d["start"]) == 0


def test_the_day_rolls_into_history() -> None:
    engine = new()
    out = engine.apply_trades(ticks([(10, 100, 1), (20, 120, 2), (24 * 3_600 + 5, 110, 7)]))
    assert out.bars_1d["close"].tolist() == [120]
    row = {name: values[0] for name, values in engine.columns().items()}
    assert (row["prev_day.close"], row["change"], row["change_basis"]) == (120, -10, 1)
    assert (row["high_52w"], row["low_52w"], row["day.volume"]) == (120, 100, 7)


def test_history_gives_previous_close_and_range() -> None:
    engine = new()
    starts = [OPEN - 370 * DAY, OPEN - 364 * DAY, OPEN - DAY]
    history: Columns = {
        "instrument_id": np.full(3, IDS[0], np.int64),
        "timeframe_s": np.full(3, 86_400, np.int32),
        "start": np.array(starts, np.int64),
        **{name: np.array([500.0, 300.0, 200.0]) for name in ("open", "high", "close")},
        "low": np.array([1.0, 150.0, 180.0]),
        "volume": np.ones(3),
    }
    engine.apply([frame(FrameKind.BAR, history)])
    assert math.isnan(engine.columns()["close"][0])
    engine.apply_trades(ticks([(1, 210, 1)]))
    row = {name: values[0] for name, values in engine.columns().items()}
    assert (row["prev_day.close"], row["high_52w"], row["low_52w"]) == (200, 300, 150)
    assert row["change_pct"] == pytest.approx(5)


def test_levels_between_previous_and_now() -> None:
    engine = new()
    engine.apply([arm("at previous", 1490), arm("inside", 1495), arm("at now", 1500), arm("down", 1490, "below")])
    first = engine.apply_trades(ticks([(1, 1490, 1), (2, 1500, 2)]))
    assert [one.rule_uid for one in first.fired] == ["at previous", "inside"]
    assert [(one.previous, one.value, one.nth) for one in first.fired] == [(1490, 1500, 1)] * 2
    second = engine.apply_trades(ticks([(3, 1501, 3), (4, 1489, 4), (5, 1502, 5)]))
    assert [one.rule_uid for one in second.fired] == ["at now", "down"]


def test_a_level_cannot_fire_at_its_first_evaluation() -> None:
    engine = new()
    engine.apply_trades(ticks([(1, 100, 1)]))
    engine.apply([arm("late", 105)])
    assert engine.apply_trades(ticks([(2, 110, 2)])).fired == []
    assert engine.apply_trades(ticks([(3, 100, 3)])).fired == []
    assert [one.event_time for one in engine.apply_trades(ticks([(4, 110, 4)])).fired] == [OPEN + 4 * SECOND]


def test_out_of_order_ticks_do_not_trigger() -> None:
    engine = new()
    engine.apply([arm("up", 105)])
    engine.apply_trades(ticks([(1, 100, 1), (2, 101, 2), (3, 102, 3)]))
    assert engine.apply_trades(ticks([(2, 110, 4)])).fired == []
    assert engine.columns()["close"][0] == 102


def test_firing_policies_versions_and_expiry() -> None:
    engine = new()
    engine.apply(
        [
            arm("every", 105, fire="every time"),
            arm("day", 105, fire="once per day"),
            arm("bar", 105, fire="once per bar"),
            arm("gone", 105, expires_at=OPEN + 2 * SECOND),
            arm("off", 105),
            frame(FrameKind.COMMAND, payload={"type": "disarm", "rule_uid": "off", "version": 1}),
            arm("off", 105),  # the same version again changes nothing
            arm("odd", 105, field="volume"),
        ]
    )
    rows = [(second, 110 if second % 2 else 100, second) for second in range(2, 8)]
    fired = engine.apply_trades(ticks([*rows, (70, 100, 70), (71, 110, 71)])).fired
    names = [one.rule_uid for one in fired]
    assert {name: names.count(name) for name in names} == {"every": 4, "day": 1, "bar": 2}
    assert engine.counters()["rules_rejected"] == 1


def test_levels_wait_for_their_instrument() -> None:
    engine = Engine(EngineConfig(), sessions)
    engine.apply([arm("soon", 105)])
    items = [one.as_dict() for one in INSTRUMENTS]
    engine.apply([frame(FrameKind.REFERENCE, payload={"type": "instruments", "items": items})])
    assert len(engine.apply_trades(ticks([(1, 100, 1), (2, 110, 2)])).fired) == 1


def test_unknown_instruments_are_counted_and_dropped() -> None:
    engine = new()
    columns = ticks([(1, 100, 1), (2, 100, 2)])
    columns["instrument_id"] = np.array([IDS[0], 99], np.int64)
    engine.apply_trades(columns)
    assert engine.quality_counts() == {"id:99": {"unknown_instrument": 1}}


def test_repeats_overlaps_and_gaps_of_a_producer() -> None:
    engine = new()
    rows = [(n + 1, 100 + n, n + 1) for n in range(6)]
    whole = ticks(rows)

    def piece(a: int, b: int) -> Frame:
        return frame(FrameKind.TRADE, {name: column[a:b] for name, column in whole.items()}, first=a)

    engine.apply([piece(0, 3)])
    engine.apply([piece(0, 3)])
    engine.apply([piece(1, 4)])
    assert engine.counters()["accepted"] == 4
    assert counts(engine) == {}
    out = engine.apply([piece(5, 6)])
    assert [(gap.expected, gap.got) for gap in out.gaps] == [(4, 5)]
    assert engine.counters()["gaps"] == 1


def test_quotes_depth_and_changed_rows() -> None:
    engine = new()
    engine.take_changed()
    depth: Columns = {
        "instrument_id": np.full(4, IDS[1], np.int64),
        "event_time": np.full(4, OPEN, np.int64),
        "side": np.array([0, 0, 1, 1], np.uint8),
        "level": np.array([0, 1, 0, 1], np.uint8),
        "price": np.array([99.0, 98.0, 101.0, 102.0]),
        "size": np.ones(4),
    }
    out = engine.apply([frame(FrameKind.DEPTH, depth)])
    assert len(out.depth) == 1
    assert engine.take_changed().tolist() == [1]
    assert engine.take_changed().tolist() == []
    row = {name: values[1] for name, values in engine.columns().items()}
    assert (row["bid"], row["ask"], row["spread"]) == (99, 101, 2)


def test_fundamentals_and_lists() -> None:
    engine = Engine(EngineConfig(), sessions)
    kinds = [Instrument("NSE:A", sector="IT", shares_outstanding=10), Instrument("NSE:B", sector="IT")]
    engine.define([*kinds, Instrument("NSE:X", kind="index")])
    items = [{"instrument_id": IDS[0], "values": {"fund.pe": 8, "fund.pb": 1, "fund.roe": 20}, "published_at": 1}]
    engine.apply([frame(FrameKind.REFERENCE, payload={"type": "fundamentals", "items": items})])
    engine.apply_trades(ticks([(1, 100, 10), (2, 110, 20)]))
    engine.apply_trades(ticks([(1, 100, 10), (2, 95, 20)], instrument=1))
    found = engine.lists()
    assert found["lists"]["top_gainers"] == ["NSE:A"]
    assert found["lists"]["top_losers"] == ["NSE:B"]
    assert found["lists"]["most_active"] == ["NSE:A", "NSE:B"]
    assert found["indices"] == ["NSE:X"]
    assert found["breadth"] == {"advances": 1, "declines": 1, "unchanged": 0, "unknown": 0}
    assert found["sectors"][0]["change_pct"] == pytest.approx(2.5)
    row = {name: values[0] for name, values in engine.columns().items()}
    assert (row["fund.pe"], row["fund.market_cap"]) == (8, 1_100)


def test_a_checkpoint_of_another_kind_is_refused() -> None:
    arrays = new().checkpoint()
    with pytest.raises(CheckpointError, match="late_s"):
        Engine.restore(arrays, EngineConfig(late_s=5), sessions)
    arrays["meta"] = np.frombuffer(b"{", np.uint8)
    with pytest.raises(CheckpointError):
        Engine.restore(arrays, EngineConfig(), sessions)


@st.composite
def dirty_log(draw: st.DrawFn) -> list[Frame]:
    """A log of three instruments over two days: repeats, steps back, bad prices, quotes, rules, heartbeats."""
    seed = draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    count = draw(st.integers(20, 400))
    spread = draw(st.sampled_from([0.05, 1.0, 20.0, 300.0]))
    seconds = np.cumsum(random.exponential(spread, count)) + np.where(np.arange(count) > count * 0.7, 86_400, 0)
    jitter = np.where(random.random(count) < 0.2, -random.integers(0, 4, count), 0)
    times = OPEN + (np.round(seconds) + jitter).astype(np.int64) * SECOND
    price = np.round(100 + np.cumsum(random.normal(0, 0.5, count)), 1)
    price[random.random(count) < 0.02] = np.nan
    volume = np.cumsum(random.integers(0, 50, count)).astype(np.float64)
    volume[random.random(count) < 0.05] -= 60
    columns: Columns = {
        "instrument_id": np.array(IDS, np.int64)[random.integers(0, 3, count)],
        "event_time": times,
        "ingest_time": times + random.integers(-9, 3, count) * SECOND,
        "price": price,
        "volume": volume,
    }
    again = np.sort(np.concatenate([np.arange(count), random.integers(0, count, count // 10)]))
    columns = {name: column[again] for name, column in columns.items()}
    rules = [
        arm(f"{direction}{level}", float(level), direction, instrument=level % 3, fire=policy)
        for level in range(95, 106)
        for direction, policy in (("above", "once"), ("below", "every time"))
    ]
    size = len(again)
    cuts = sorted({0, size, *draw(st.lists(st.integers(0, size), max_size=12))})
    frames = [*rules]
    for a, b in pairwise(cuts):
        frames.append(frame(FrameKind.TRADE, {name: column[a:b] for name, column in columns.items()}, first=a))
    return frames


def with_heartbeats(frames: list[Frame]) -> list[Frame]:
    """A heartbeat at the end of each day, at the same place of the log however it is cut."""
    return [*frames, frame(FrameKind.HEARTBEAT, at=CLOSE + DAY + 5 * SECOND)]


@settings(max_examples=40, deadline=None)
@given(dirty_log(), st.integers(0, 2**32 - 1))
def test_outputs_do_not_depend_on_cuts_nor_on_checkpoints(log: list[Frame], seed: int) -> None:
    whole = new()
    trades = [one for one in log if one.kind is FrameKind.TRADE]
    joined = {name: np.concatenate([one.columns[name] for one in trades]) for name in trades[0].columns}
    rules = [one for one in log if one.kind is FrameKind.COMMAND]
    uncut = with_heartbeats([*rules, frame(FrameKind.TRADE, joined)])
    expected = gathered([whole.apply(uncut), whole.finish()])

    cut = new()
    random = np.random.default_rng(seed)
    outputs = []
    for one in with_heartbeats(log):
        outputs.append(cut.apply([decode(encode(one))]))
        if random.random() < 0.3:
            cut = Engine.restore(cut.checkpoint(), EngineConfig(), sessions)
    outputs.append(cut.finish())
    assert gathered(outputs) == expected
    left, right = whole.checkpoint(), cut.checkpoint()
    for name, array in left.items():
        if name not in {"meta", "touched"}:
            assert array.tobytes() == right[name].tobytes() or name.startswith("ring"), name
    assert whole.quality_counts() == cut.quality_counts()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(95, 105), min_size=2, max_size=60), st.integers(95, 105), st.booleans(), st.integers(0, 20))
def test_levels_agree_with_the_plain_rule(prices: list[int], level: int, is_up: bool, armed_at: int) -> None:  # noqa: FBT001
    engine = new()
    rows = [(n + 1, float(price), n) for n, price in enumerate(prices)]
    fired = []
    for at, row in enumerate(rows):
        if at == armed_at:
            engine.apply([arm("one", float(level), "above" if is_up else "below", fire="every time")])
        fired += [one.event_time for one in engine.apply_trades(ticks([row])).fired]
    wanted = [
        OPEN + (at + 1) * SECOND
        for at in range(armed_at + 1, len(prices))
        if (prices[at - 1] <= level < prices[at] if is_up else prices[at - 1] >= level > prices[at])
    ]
    assert fired == wanted
