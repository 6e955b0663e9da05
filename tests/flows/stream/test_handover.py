"""Every kind of log entry through one engine, and through parts that were cut from it and put together again."""

from itertools import pairwise
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from marketbell.adapters.calendars.dated.catalogue import CalendarCatalogue
from marketbell.core.columns.frame import SCHEMAS, Columns, Frame, FrameKind, encode
from marketbell.core.engine.engine import EngineConfig
from marketbell.core.engine.handover import merge
from marketbell.core.market.instrument import Instrument
from marketbell.core.primitives.errors import CheckpointError
from marketbell.core.primitives.shards import ALL_SHARDS, Shards
from marketbell.flows.stream.desk import Engines, session_dates
from marketbell.flows.stream.line_up import BEHIND
from marketbell.flows.stream.partition import Partition

NS = 1_000_000_000
OPEN = 1_619_581_500 * NS
SESSIONS = CalendarCatalogue().sessions
KNOWN = [Instrument(f"NSE:H{n}", sector="IT", shares_outstanding=1e6 * n) for n in range(12)]
KNOWN += [Instrument(f"NSE:H{n}F", kind="future", root=f"NSE:H{n}") for n in range(3)]
IDS = np.array([int(one.instrument_id) for one in KNOWN] + [4711])


def empty(shards: Shards = ALL_SHARDS) -> Partition:
    return Partition(0, Engines(EngineConfig(), SESSIONS, BEHIND), session_dates(SESSIONS), shards)


def log() -> list[tuple[int, bytes]]:
    """What ingest writes: run, instruments, history, facts, then trades, quotes, books, commands and heartbeats."""
    chance = np.random.default_rng(11)
    frames = [
        _document(FrameKind.COMMAND, {"type": "run", "run": "r"}),
        _document(FrameKind.REFERENCE, {"type": "source", "label": "l", "kind": "replay", "calendar": "XNSE"}),
        _document(FrameKind.REFERENCE, {"type": "instruments", "items": [_described(one) for one in KNOWN]}),
        _rows(FrameKind.BAR, IDS, OPEN, chance, timeframe_s=86_400, start=OPEN - 86_400 * NS),
        _rows(FrameKind.PROFILE, IDS, OPEN, chance, minute=3, count=9),
    ]
    facts = [{"instrument_id": int(i), "values": {"fund.pe": 9.5}, "published_at": OPEN - 1} for i in IDS]
    frames.append(_document(FrameKind.REFERENCE, {"type": "fundamentals", "items": facts}))
    frames += [_document(FrameKind.COMMAND, _level(n, 1)) for n in range(len(KNOWN))]
    position = 0
    for step in range(60):
        now = OPEN + step * 7 * NS
        ids = chance.choice(IDS, 9)
        frames.append(_rows(FrameKind.TRADE, ids, now, chance, first=position, ingest_time=now))
        position += 9
        frames.append(_rows(FrameKind.QUOTE, chance.choice(IDS, 3), now, chance))
        depth = np.repeat(chance.choice(IDS, 2, replace=False), 2)
        frames.append(_rows(FrameKind.DEPTH, depth, now, chance, side=np.array([0, 1, 0, 1]), level=0))
        if step % 9 == 0:
            frames.append(_document(FrameKind.COMMAND, _level(step % 12, 2 + step)))
            frames.append(_document(FrameKind.COMMAND, {"type": "disarm", "rule_uid": "rule 3", "version": 90}))
        frames.append(Frame(FrameKind.HEARTBEAT, 0, 7, position, position, now, now, 0))
    frames.append(_document(FrameKind.COMMAND, {"type": "end_of_source", "run": "r"}))
    return [(at, encode(frame)) for at, frame in enumerate(frames, start=1)]


def _described(one: Instrument) -> dict[str, Any]:
    return {"instrument_id": int(one.instrument_id)} | one.as_dict()


def _document(kind: FrameKind, payload: dict[str, Any]) -> Frame:
    return Frame(kind, 0, 7, 0, 0, OPEN, OPEN, 0, {}, orjson.dumps(payload))


def _level(number: int, version: int) -> dict[str, Any]:
    """The rule of a later version stands on another instrument."""
    return {
        "type": "arm_level",
        "rule_uid": f"rule {number}",
        "version": version,
        "instrument_id": int(IDS[(number + version - 1) % len(KNOWN)]),
        "direction": "above",
        "level": 100.0,
        "fire": "every time",
        "definition_hash": "00",
    }


def _rows(
    kind: FrameKind, ids: Any, now: int, chance: np.random.Generator, first: int | None = None, **given_columns: Any
) -> Frame:
    columns: Columns = {}
    for name, dtype in SCHEMAS[kind]:
        if name in given_columns:
            columns[name] = np.full(len(ids), given_columns[name], dtype)
        elif name == "instrument_id":
            columns[name] = np.asarray(ids)
        elif name == "event_time":
            columns[name] = now - chance.integers(0, 3 * NS, len(ids))
        elif dtype == "<f8":
            columns[name] = np.round(chance.normal(100, 2, len(ids)), 2)
    last = 0 if first is None else first + len(ids)
    return Frame(kind, 0, 7, first or 0, last, now, now, len(ids), columns)


LOG = log()


def arrays(part: Partition) -> dict[str, Any]:
    return merge([part.engine.checkpoint()], part.homes, BEHIND)


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@example(at=3, cuts={1, 2, 39, 40})  # parts that own nobody yet when the first book comes
@given(at=st.integers(3, len(LOG)), cuts=st.sets(st.integers(1, 63), min_size=1, max_size=5))
def test_parts_and_whole_are_one(at: int, cuts: set[int]) -> None:
    undivided = empty()
    undivided.apply(LOG[:at], 0)
    checkpoint = undivided.checkpoint(0)
    parts = []
    for low, high in pairwise([0, *sorted(cuts), 64]):
        part = empty(Shards(low, high - 1))
        part.restore(checkpoint)
        part.apply(LOG[at:], 0)
        parts.append(part)
    fired = [one for output in undivided.apply(LOG[at:], 0).outputs for one in output.fired]
    assert fired or at > len(LOG) // 2
    whole = parts[0]
    for part in parts[1:]:
        assert whole.meets(part)
        whole = whole.joined(part)
    assert whole.shards == ALL_SHARDS
    mine, theirs = arrays(whole), arrays(undivided)
    assert mine.keys() == theirs.keys()
    for name, array in theirs.items():
        if name != "touched":
            np.testing.assert_array_equal(mine[name], array, err_msg=name)
    assert whole.quality == undivided.quality
    assert whole.producers == undivided.producers


def test_parts_of_different_places_do_not_meet() -> None:
    low, high = empty(Shards(0, 31)), empty(Shards(32, 63))
    low.apply(LOG, 0)
    high.apply(LOG[:-1], 0)
    assert not low.meets(high)
    with pytest.raises(CheckpointError, match="not of one log"):
        merge([low.engine.checkpoint(), empty(Shards(32, 63)).engine.checkpoint()], low.homes, BEHIND)
