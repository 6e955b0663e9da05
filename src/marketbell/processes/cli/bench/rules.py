"""Rules: conditions with their clauses, ours beside three expression libraries; scaling; how long a firing takes."""

import json
import time
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from marketbell.core.columns.frame import Columns, Frame, FrameKind
from marketbell.core.engine.bars import Bars
from marketbell.core.engine.engine import Engine, EngineConfig
from marketbell.core.engine.timeframes import Sessions
from marketbell.core.language.plan import Input, Node
from marketbell.core.language.reader import parse_rule
from marketbell.core.market.instrument import Instrument
from marketbell.core.market.timeframe import Timeframe
from marketbell.core.rules.armed import armed
from marketbell.core.rules.arming import arm_command
from marketbell.core.rules.group import Group, Moment
from marketbell.flows.stream.line_up import BEHIND
from marketbell.processes.cli.bench import peer_rules as peer
from marketbell.processes.cli.bench.rows import BenchRow, in_turn, seconds
from marketbell.wiring.calendars import calendars

INSTRUMENTS = 5_000
CONDITIONS = 100
PEER_EVALUATIONS = 2_000
RUNS = 7
SEED = 20_260_803
MINUTE = 60_000_000_000
M5 = Timeframe("m", 5)

Ids = NDArray[np.int64]

_LEVELS = 100_000
_BAR_RULES = 10_000
_TICKS_PER_S = 5_000
_FRAME_TICKS = 20
_LATENCY_S = 75


def run() -> list[BenchRow]:
    """All rows. RuntimeError where ours and the peers do not agree."""
    return [*_compound(), *_scaling(), *_latency()]


# --- compound conditions ---------------------------------------------------------------------------------


class _Market:
    """Values of every series that the rules read, at one bar of each instrument."""

    def __init__(self, texts: list[str], count: int, alone: int = 0) -> None:
        """`alone`: so many rules of one instrument each, with these conditions in turn, in place of rules on all."""
        self.texts = texts
        self.group = Group(M5, count)
        self.places: dict[tuple[object, ...], int] = {}
        self.names: dict[int, str] = {}
        rng = np.random.default_rng(SEED)
        rows = np.arange(count)
        for n, text in enumerate(texts):
            rule = parse_rule(f'alert "r{n}" on ALL when {text} at 5m close')
            found = armed(arm_command(rule, None, "owner"), lambda symbol: symbol.key)
            by_name = dict(found.cut.plan.results)
            place_of = {name: self._place(found.cut.plan.nodes, item) for name, item in by_name.items()}
            for k in range(n, alone, len(texts)):
                self.group.add(replace(found, uid=f"{found.uid}.{k}"), np.array([k % count]), place_of)
            if not alone:
                self.group.add(found, rows, place_of)
        price = rng.uniform(50, 5_000, count)
        made = {
            "close": price,
            "open": price * rng.uniform(0.98, 1.02, count),
            "high": price * 1.02,
            "low": price * 0.98,
            "volume": rng.uniform(1e3, 1e7, count),
            "sma": price * rng.uniform(0.9, 1.1, count),
            "ema": price * rng.uniform(0.9, 1.1, count),
            "rsi": rng.uniform(0, 100, count),
            "average": rng.uniform(1e3, 1e7, count),
        }
        self.fields = made
        self.values = {number: made[self.names[number]][None, :] for number in self.names}
        sessions = Sessions.of([calendars().sessions("NONE")] * count)
        start = np.full(count, 20_000 * 86_400_000_000_000)
        lines = np.column_stack([price] * 5 + [price])
        self.bars: Bars = sessions.minute_bars(rows, start, lines)
        self.moment = Moment(np.zeros(count, np.int64), np.zeros(count, np.int64))

    def _place(self, nodes: tuple[Node, ...], item: Input) -> Input:
        """One number for each distinct series, whatever rule reads it."""
        node = nodes[item.node]
        word = node.name
        if node.op.value == "function":
            inner = nodes[node.inputs[0].node].name
            word = "average" if inner == "volume" else node.name
        key = (word,)
        number = self.places.setdefault(key, len(self.places))
        self.names[number] = word
        return Input(number)

    def evaluate(self) -> int:
        """Every rule at every bar, clauses included; how many fired."""
        return len(self.group.evaluate(self.bars, self.values, self.moment))


def conditions(count: int) -> list[str]:
    """Compound conditions as people write them, each with its own numbers."""
    rng = np.random.default_rng(SEED)
    found = []
    for n in range(count):
        level, oversold, factor = rng.uniform(100, 4_000), rng.uniform(10, 40), rng.uniform(1.2, 5)
        busy = f"volume > {factor:.2f} * avg(volume, 20)"
        found.append(
            (
                f"close > sma(close, 50) and rsi(close, 14) < {oversold:.1f} and {busy}",
                f"close > {level:.1f} and (rsi(close, 14) > {100 - oversold:.1f} or close < ema(close, 21))",
                f"close > open and not (rsi(close, 14) > {100 - oversold:.1f}) and {busy}",
            )[n % 3]
        )
    return found


def _compound() -> list[BenchRow]:
    market = _Market(conditions(CONDITIONS), INSTRUMENTS)
    total = CONDITIONS * INSTRUMENTS
    rows = peer.rows_of(market.fields, PEER_EVALUATIONS // CONDITIONS)
    libraries = peer.libraries(market.texts)
    peer.check(market.texts, libraries, rows)
    peers = [lambda one=one: peer.rate(one, rows) for one in libraries.values()]
    market.evaluate()  # the first evaluation of each pair is one by one
    ours, *theirs = in_turn(RUNS, lambda: total / seconds(market.evaluate), *peers)
    case = f"{CONDITIONS} compound rules × {INSTRUMENTS:,} instruments, clauses included"
    best = max(theirs)
    return [
        BenchRow(case, "evaluations/s", ours, found, name, 100.0 if found == best else None)
        for name, found in zip(libraries, theirs, strict=True)
    ]


# --- scaling -------------------------------------------------------------------------------------------------


def _instruments(count: int) -> list[Instrument]:
    return [Instrument(f"NONE:S{n:05d}", calendar="NONE") for n in range(count)]


def _frame(kind: FrameKind, payload: object, moment: int) -> Frame:
    return Frame(kind, 0, 0, 0, 0, moment, moment, 0, {}, json.dumps(payload).encode())


def _armed(engine: Engine, instruments: list[Instrument], count: int) -> float:
    """Arm so many 1-minute rules, one on each instrument in turn; seconds."""
    rng = np.random.default_rng(SEED)
    items = []
    for n in range(count):
        symbol = instruments[n % len(instruments)].symbol
        level = rng.uniform(20, 40)
        when = f"rsi(close, 14)@1m crosses below {level:.2f} and close > sma(close, 20)@1m"
        text = f'alert "b{n}" on ${{NONE:{symbol}}} when {when}'
        items.append(arm_command(parse_rule(text), None, "owner"))
    start = 20_000 * 86_400_000_000_000
    return seconds(lambda: engine.apply([_frame(FrameKind.COMMAND, {"type": "batch", "items": items}, start)]))


def _ticks(ids: Ids, start: int, count: int, per_s: int, seed: int) -> Columns:
    rng = np.random.default_rng(seed)
    which = rng.integers(0, len(ids), count)
    times = start + np.arange(count) * (1_000_000_000 // per_s)
    return {
        "instrument_id": ids[which],
        "event_time": times,
        "ingest_time": times,
        "price": np.round(100 + 5 * np.sin(np.arange(count) / 40_000) + rng.normal(0, 0.5, count), 2),
        "volume": np.arange(count, dtype=np.float64),
    }


def _scaling() -> list[BenchRow]:
    """One closed minute of every instrument, by how many rules there are; and what arming one costs."""
    rows = []
    for count in (1_000, _BAR_RULES):
        instruments = _instruments(INSTRUMENTS)
        engine = Engine(EngineConfig(), calendars().sessions, BEHIND)
        engine.define(instruments)
        took = _armed(engine, instruments, count)
        ids = np.array([int(one.instrument_id) for one in instruments], np.int64)
        found = [seconds(partial(engine.apply_trades, _minute(ids, minute))) * 1_000 for minute in range(8)]
        case = f"{count:,} rules, {INSTRUMENTS:,} instruments close a minute: bars, series, rules"
        rows.append(BenchRow(case, "ms", float(np.median(found[3:])), None, ""))
        rows.append(BenchRow(f"{count:,} rules compiled and armed", "ms a rule", took / count * 1e3, None, ""))
    for count in (1_000, 10_000, 100_000):
        market = _Market(conditions(CONDITIONS), INSTRUMENTS, alone=count)
        market.evaluate()
        found = [seconds(market.evaluate) * 1_000 for _ in range(RUNS)]
        case = f"{count:,} rules of one instrument each, evaluated at one bar of {INSTRUMENTS:,}"
        rows.append(BenchRow(case, "ms", float(np.median(found)), None, ""))
    return rows


def _minute(ids: Ids, minute: int) -> Columns:
    """One tick of every instrument, a minute further."""
    times = np.full(len(ids), 20_000 * 86_400_000_000_000 + minute * MINUTE)
    return {
        "instrument_id": ids,
        "event_time": times,
        "ingest_time": times,
        "price": np.full(len(ids), 100.0 + minute),
        "volume": np.full(len(ids), float(minute + 1)),
    }


# --- how long a firing takes -----------------------------------------------------------------------------------


def _latency() -> list[BenchRow]:
    """From the frame that carries a tick to what fired by it, in the engine, with everything armed."""
    instruments = _instruments(INSTRUMENTS)
    engine = Engine(EngineConfig(), calendars().sessions, BEHIND)
    engine.define(instruments)
    _armed(engine, instruments, _BAR_RULES)
    rng = np.random.default_rng(SEED)
    items: list[dict[str, object]] = [
        {
            "type": "arm_level", "rule_uid": f"l{n}", "version": 1, "rule": "level", "owner_id": "owner",
            "instrument_id": int(instruments[n % len(instruments)].instrument_id), "field": "close",
            "direction": ("above", "below")[n % 2], "level": float(rng.uniform(80, 120)), "definition_hash": "",
            "fire": "every time", "notify": [],
        }
        for n in range(_LEVELS)
    ]  # fmt: skip
    start = 20_000 * 86_400_000_000_000
    engine.apply([_frame(FrameKind.COMMAND, {"type": "batch", "items": items}, start)])
    ids = np.array([int(one.instrument_id) for one in instruments], np.int64)
    columns = _ticks(ids, start, _TICKS_PER_S * _LATENCY_S, _TICKS_PER_S, SEED)
    took, fired = [], 0
    for begin in range(0, len(columns["price"]), _FRAME_TICKS):
        part = {name: column[begin : begin + _FRAME_TICKS] for name, column in columns.items()}
        began = time.perf_counter()
        out = engine.apply_trades(part)
        took.append((time.perf_counter() - began) * 1_000)
        fired += len(out.fired) + len(out.rule_firings)
    if not fired:
        message = "nothing fired: the benchmark measures nothing"
        raise RuntimeError(message)
    case = (
        f"{_FRAME_TICKS} ticks in, firings out: {_LEVELS:,} levels, {_BAR_RULES:,} bar rules, {_TICKS_PER_S:,} ticks/s"
    )
    warm = np.array(took[_TICKS_PER_S // _FRAME_TICKS * 5 :])
    return [
        BenchRow(f"{case}: p50", "ms", float(np.percentile(warm, 50)), None, ""),
        BenchRow(
            f"{case}: p99", "ms", float(np.percentile(warm, 99)), 50.0, "50 ms allowed", 1.0, higher_is_better=False
        ),
        BenchRow(f"{case}: worst", "ms", float(warm.max()), None, ""),
    ]
