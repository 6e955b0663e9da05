"""The engine's sorted levels and the step function say the same, however the log is cut."""

import json
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from marketbell.core.columns.frame import Frame, FrameKind
from marketbell.core.engine.engine import Engine, EngineConfig
from marketbell.core.language.reader import parse_rule
from marketbell.core.market.instrument import Instrument
from marketbell.core.market.session import SessionTable
from marketbell.core.rules.arming import arm_command, disarm_command, expiry
from marketbell.core.rules.level import LevelRule, LevelState, step

SECOND = 1_000_000_000
OPEN = 1_619_581_500 * SECOND
INSTRUMENTS = (Instrument("NSE:A"), Instrument("NSE:B"))
LATE_NS = 2 * SECOND


def sessions(name: str) -> SessionTable:
    day = np.array([OPEN // (86_400 * SECOND)], np.int64)
    opens = np.array([OPEN], np.int64)
    return SessionTable(name, "UTC", opens, opens + 22_500 * SECOND, day, np.zeros(1, np.uint8))


@dataclass(frozen=True)
class Tick:
    who: int
    step_ms: int
    price: int


@dataclass(frozen=True)
class Arm:
    number: int
    who: int
    direction: str
    level: int
    life_s: int | None


@dataclass(frozen=True)
class Disarm:
    number: int


who = st.integers(0, 1)
entries = st.one_of(
    st.builds(Tick, who, st.sampled_from([0, 0, 1, 500, 1_500, -500, -2_000, -2_001]), st.integers(1, 8)),
    st.builds(Tick, who, st.integers(0, 900), st.integers(1, 8)),
    st.builds(
        Arm,
        st.integers(0, 3),
        who,
        st.sampled_from(["above", "below"]),
        st.integers(1, 8),
        st.sampled_from([None, 1, 3]),
    ),
    st.builds(Disarm, st.integers(0, 3)),
)


@dataclass
class Oracle:
    """One rule and one tick at a time, by the words of the definitions."""

    newest: dict[int, int] = field(default_factory=dict)
    armed: dict[str, tuple[int, LevelRule, LevelState, int]] = field(default_factory=dict)
    fired: list[tuple[Any, ...]] = field(default_factory=list)

    def arm(self, command: dict[str, Any], log_time: int) -> None:
        rule = LevelRule(command["direction"], command["level"], expiry(command, log_time))
        self.armed[command["rule_uid"]] = (command["instrument_id"], rule, LevelState(), command["version"])

    def tick(self, instrument: int, time: int, price: float) -> None:
        newest = self.newest.get(instrument)
        if newest is not None and time < newest:
            return  # out of order or late: neither moves the price nor triggers
        self.newest[instrument] = time
        for uid, (of, rule, state, version) in list(self.armed.items()):
            if of != instrument:
                continue
            after, fires = step(rule, state, price, time)
            self.armed[uid] = (of, rule, after, version)
            if fires:
                self.fired.append((uid, version, of, time, state.previous, price, 1))


def build(log: list[Tick | Arm | Disarm]) -> tuple[list[Frame], Oracle]:
    oracle, frames = Oracle(), []
    versions: dict[str, int] = {}
    clock, volume, seq = OPEN + 10 * SECOND, 0.0, 0

    def command(payload: dict[str, Any]) -> None:
        raw = json.dumps(payload).encode()
        frames.append(Frame(FrameKind.COMMAND, 0, 1, seq, seq, clock, clock, 0, {}, raw))

    for entry in log:
        if isinstance(entry, Tick):
            time = clock + entry.step_ms * 1_000_000
            clock, volume = max(clock, time), volume + 1.0
            number = int(INSTRUMENTS[entry.who].instrument_id)
            columns = {
                "instrument_id": np.array([number], np.int64),
                "event_time": np.array([time], np.int64),
                "ingest_time": np.array([time], np.int64),
                "price": np.array([float(entry.price)]),
                "volume": np.array([volume]),
            }
            frames.append(Frame(FrameKind.TRADE, 0, 1, seq, seq + 1, time, time, 1, columns))
            seq += 1
            oracle.tick(number, time, float(entry.price))
            continue
        name = f"rule {entry.number}"
        if isinstance(entry, Disarm):
            uid = parse_rule(f'alert "{name}" on $A when close crosses above 1 at tick fire once').rule_uid
            command(disarm_command(uid, versions.get(uid, 0)))
            oracle.armed.pop(uid, None)
            continue
        life = "" if entry.life_s is None else f" expires after {entry.life_s}s"
        text = f'alert "{name}" on $A when close crosses {entry.direction} {entry.level} at tick fire once{life}'
        rule = parse_rule(text)
        versions[rule.rule_uid] = versions.get(rule.rule_uid, 0) + 1
        payload = arm_command(rule, INSTRUMENTS[entry.who], "owner", versions[rule.rule_uid])
        command(payload)
        oracle.arm(payload, clock)
    return frames, oracle


def run(frames: list[Frame], cuts: list[int]) -> list[tuple[Any, ...]]:
    engine = Engine(EngineConfig(), sessions)
    engine.define(INSTRUMENTS)
    fired: list[tuple[Any, ...]] = []
    edges = sorted({0, len(frames), *(cut % (len(frames) + 1) for cut in cuts)})
    for first, last in pairwise(edges):
        fired += [
            (f.rule_uid, f.version, f.instrument_id, f.event_time, f.previous, f.value, f.nth)
            for f in engine.apply(frames[first:last]).fired
        ]
    return fired


@settings(max_examples=150, deadline=None)
@given(st.lists(entries, max_size=60), st.lists(st.integers(0, 1_000), max_size=5))
def test_engine_and_oracle_fire_alike(log: list[Tick | Arm | Disarm], cuts: list[int]) -> None:
    frames, oracle = build(log)
    assert sorted(run(frames, cuts)) == sorted(oracle.fired)
