"""Rules in the whole engine, 1,000 to 100,000 of them: what arming costs, a closed minute, a tick, a checkpoint."""

import json
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from marketbell.core.columns.frame import Columns, Frame, FrameKind
from marketbell.core.engine.engine import Engine, EngineConfig
from marketbell.core.language.reader import parse_rule
from marketbell.core.market.instrument import Instrument
from marketbell.core.rules.arming import arm_command
from marketbell.flows.stream.line_up import BEHIND
from marketbell.processes.cli.bench.rows import BenchRow, seconds
from marketbell.wiring.calendars import calendars

INSTRUMENTS = 5_000
BAR_RULES = 10_000
MANY = 100_000
LEVELS = 100_000
TICKS_PER_S = 5_000
FRAME_TICKS = 20
LATENCY_S = 40
WARM_S = 5
WARM_MINUTES = 150
"""Until functions no longer depend on where their history began."""
RUNS = 7
SEED = 20_260_803
MINUTE = 60_000_000_000
START = 20_000 * 86_400_000_000_000

TEXTS = (
    "rsi(close, 14)@1m crosses below 31.25 and close > sma(close, 20)@1m",
    "close > 87.5 and (rsi(close, 14)@1m > 71.5 or close < ema(close, 21)@1m)",
    "close > 93.25 and volume > 3.75 * avg(volume, 20)@1m and not rsi(close, 14)@1m < 22.5",
)
_NUMBERS = ("31.25", "87.5", "71.5", "93.25", "3.75", "22.5")

Ids = NDArray[np.int64]


def instruments() -> list[Instrument]:
    """The market."""
    return [Instrument(f"NONE:S{n:05d}", calendar="NONE") for n in range(INSTRUMENTS)]


def commands(count: int, first: int = 0) -> Iterator[dict[str, Any]]:
    """What arms so many rules at 1-minute closes, one on each instrument in turn, each with its own numbers."""
    rng = np.random.default_rng(SEED + first)
    raw = []
    for n, text in enumerate(TEXTS):
        rule = parse_rule(f'alert "b{n}" on ${{NONE:S00000}} when {text} at 1m close')
        raw.append(json.dumps(arm_command(rule, None, "owner")))
    for n in range(first, first + count):
        text = raw[n % len(raw)].replace('"S00000"', f'"S{n % INSTRUMENTS:05d}"')
        for number, factor in zip(_NUMBERS, rng.uniform(0.8, 1.2, len(_NUMBERS)), strict=True):
            text = text.replace(number, repr(float(number) * float(factor)))
        yield json.loads(text) | {"rule_uid": f"b{n}", "rule": f"b{n}"}


def levels(count: int, market: list[Instrument]) -> Iterator[dict[str, Any]]:
    """What arms so many price levels about the price."""
    rng = np.random.default_rng(SEED)
    for n, level in enumerate(rng.uniform(80, 120, count).tolist()):
        yield {
            "type": "arm_level", "rule_uid": f"l{n}", "version": 1, "rule": "level", "owner_id": "owner",
            "instrument_id": int(market[n % len(market)].instrument_id), "field": "close",
            "direction": ("above", "below")[n % 2], "level": level, "definition_hash": "",
            "fire": "every time", "notify": [],
        }  # fmt: skip


class Market:
    """An engine with rules, and a clock of its own that only goes on."""

    def __init__(self) -> None:
        self.instruments = instruments()
        self.engine = Engine(EngineConfig(), calendars().sessions, BEHIND)
        self.engine.define(self.instruments)
        self.ids: Ids = np.array([int(one.instrument_id) for one in self.instruments], np.int64)
        self.now = START
        self.rules = 0
        self._volume = 0.0

    def arm(self, count: int) -> float:
        """So many rules more; seconds, without the making of the commands."""
        items = list(commands(count, self.rules))
        self.rules += count
        return self.command(items)

    def command(self, items: list[dict[str, Any]]) -> float:
        """Commands of the log; seconds. RuntimeError where one is rejected."""
        payload = json.dumps({"type": "batch", "items": items}).encode()
        frame = Frame(FrameKind.COMMAND, 0, 0, 0, 0, self.now, self.now, 0, {}, payload)
        began = time.perf_counter()
        out = self.engine.apply([frame])
        took = time.perf_counter() - began
        if out.rejected_rules:
            raise RuntimeError(out.rejected_rules[0][1])
        return took

    def minute(self) -> int:
        """One tick of every instrument, a minute further: everybody's minute before closes. How many fired."""
        self.now += MINUTE
        self._volume += 1.0
        wave = 100 + 6 * np.sin(self.now / MINUTE / 4 + np.arange(len(self.ids)))
        out = self.engine.apply_trades(
            {
                "instrument_id": self.ids,
                "event_time": np.full(len(self.ids), self.now),
                "ingest_time": np.full(len(self.ids), self.now),
                "price": np.round(wave, 2),
                "volume": np.full(len(self.ids), self._volume),
            }
        )
        return len(out.rule_firings)

    def ticks(self, count: int) -> Columns:
        """Ticks of instruments by chance at TICKS_PER_S, from now on."""
        rng = np.random.default_rng(SEED + int(self.now // MINUTE))
        times = self.now + np.arange(1, count + 1) * (1_000_000_000 // TICKS_PER_S)
        self.now = int(times[-1])
        self._volume += 1.0
        walk = 100 + 5 * np.sin(np.arange(count) / 40_000) + rng.normal(0, 0.5, count)
        return {
            "instrument_id": self.ids[rng.integers(0, len(self.ids), count)],
            "event_time": times,
            "ingest_time": times,
            "price": np.round(walk, 2),
            "volume": np.full(count, self._volume),
        }

    def frames(self, span_s: int) -> Iterator[Columns]:
        """Ticks of so many seconds, FRAME_TICKS at a time."""
        columns = self.ticks(TICKS_PER_S * span_s)
        for begin in range(0, len(columns["price"]), FRAME_TICKS):
            yield {name: column[begin : begin + FRAME_TICKS] for name, column in columns.items()}


def rows(market: Market) -> Iterator[BenchRow]:
    """All rows of this module; the market is left with BAR_RULES rules and LEVELS levels before the last stage."""
    yield from _stage(market, 1_000)
    yield from _stage(market, BAR_RULES)
    market.command(list(levels(LEVELS, market.instruments)))
    yield from _latency(market)
    yield from _checkpoint(market)


def many(market: Market) -> Iterator[BenchRow]:
    """The rows of MANY rules: closed minutes, one rule among them edited, memory."""
    process = psutil.Process()
    before, had = process.memory_info().rss, market.rules
    yield from _stage(market, MANY)
    grown = (process.memory_info().rss - before) / (market.rules - had)
    yield BenchRow(f"memory of one more rule, up to {MANY:,}", "KiB", grown / 1_024, None, "")
    yield from _edited(market)


def _stage(market: Market, count: int) -> Iterator[BenchRow]:
    more = count - market.rules
    took = market.arm(more) / more
    for _ in range(WARM_MINUTES if more == count else 3):
        market.minute()
    fired = 0
    found = []
    for _ in range(RUNS):
        began = time.perf_counter()
        fired += market.minute()
        found.append((time.perf_counter() - began) * 1_000)
    case = f"{count:,} rules, {INSTRUMENTS:,} instruments close a minute: bars, series, rules"
    yield BenchRow(f"{case}; {fired // RUNS:,} fire", "ms", float(np.median(found)), None, "")
    yield BenchRow(f"arming up to {count:,} rules, compiled", "ms a rule", took * 1_000, None, "")


def _latency(market: Market) -> Iterator[BenchRow]:
    """From the frame that carries a tick to what fired by it, in the engine, with everything armed."""
    took, fired = [], 0
    for part in market.frames(LATENCY_S):
        began = time.perf_counter()
        out = market.engine.apply_trades(part)
        took.append((time.perf_counter() - began) * 1_000)
        fired += len(out.fired) + len(out.rule_firings)
    if not fired:
        message = "nothing fired: the benchmark measures nothing"
        raise RuntimeError(message)
    warm = np.array(took[TICKS_PER_S // FRAME_TICKS * WARM_S :])
    case = (
        f"{FRAME_TICKS} ticks in, firings out at {TICKS_PER_S:,} ticks/s: {LEVELS:,} levels, {BAR_RULES:,} bar rules, "
        f"{fired:,} firings"
    )
    p50, p99 = np.percentile(warm, [50, 99])
    yield BenchRow(f"{case}: p50", "ms", float(p50), None, "")
    yield BenchRow(f"{case}: p99", "ms", float(p99), 50.0, "50 ms allowed", 1.0, higher_is_better=False)
    yield BenchRow(f"{case}: worst", "ms", float(warm.max()), None, "")


def _checkpoint(market: Market) -> Iterator[BenchRow]:
    """The pause of a checkpoint while ticks flow."""
    found, used = [], []
    market.engine.checkpoint()
    for _ in range(RUNS):
        for part in market.frames(1):
            market.engine.apply_trades(part)
        before = time.process_time()
        found.append(seconds(market.engine.checkpoint) * 1_000)
        used.append((time.process_time() - before) * 1_000)
    case = f"checkpoint of {BAR_RULES:,} bar rules, {LEVELS:,} levels: pause after a second of ticks"
    yield BenchRow(case, "ms", float(np.median(found)), 50.0, "the goal", 1.0, higher_is_better=False)
    yield BenchRow(f"{case}, CPU time", "ms CPU", float(np.median(used)), None, "")


def _edited(market: Market) -> Iterator[BenchRow]:
    """One rule's next version in the log, and the first frame behind it."""
    (text,) = commands(1, 0)
    command, frame, quiet = [], [], []
    parts = market.frames(1)
    for n in range(2 * RUNS):
        quiet.append(seconds(partial(market.engine.apply_trades, next(parts))) * 1_000)
        command.append(market.command([text | {"version": n + 2}]) * 1_000)
        frame.append(seconds(partial(market.engine.apply_trades, next(parts))) * 1_000)
    case = f"one of {market.rules:,} rules edited"
    yield BenchRow(f"{case}: the command", "ms", float(np.median(command)), None, "")
    yield BenchRow(
        f"{case}: the next {FRAME_TICKS} ticks", "ms", float(np.median(frame)), float(np.median(quiet)),
        "without an edit", None, higher_is_better=False,
    )  # fmt: skip
