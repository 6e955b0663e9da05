"""From a tick on the bus to the alert that is durable, with everything armed and at a market's pace."""

import json
import threading
import time
from typing import Any

import numpy as np

from marketbell.core.columns.frame import Columns, Frame, FrameKind, encode
from marketbell.core.engine.engine import EngineConfig
from marketbell.core.language.reader import parse_rule
from marketbell.core.market.instrument import Instrument
from marketbell.core.primitives.errors import UnavailableError
from marketbell.core.primitives.shards import ALL_SHARDS
from marketbell.core.rules.arming import arm_command
from marketbell.core.rules.why import Reasons
from marketbell.flows.stream.desk import Engines, session_dates
from marketbell.flows.stream.durable import LedgerJob, LedgerLane
from marketbell.flows.stream.line_up import LIVE
from marketbell.flows.stream.partition import Partition
from marketbell.flows.stream.records import firing_of, rule_firing_of
from marketbell.processes.cli.bench.ledger_parts import Servers
from marketbell.processes.cli.bench.rows import BenchRow
from marketbell.wiring.bench import bench_bus, bench_stores
from marketbell.wiring.calendars import calendars

INSTRUMENTS = 5_000
LEVELS = 100_000
BAR_RULES = 10_000
TICKS_PER_S = 5_000
FRAME_TICKS = 20
LASTS_S = 75
WARM_S = 10
GOAL_MS = 50.0
SEED = 20_260_804
START = 20_000 * 86_400_000_000_000
TOPIC = "log"


def tick_to_durable(found: Servers) -> list[BenchRow]:
    """p50, p99 and the worst of all alerts of a run."""
    stores, bus = bench_stores(found.database), bench_bus(found.valkey)
    bus.ensure_topic(TOPIC, 1, 200_000)
    frames = _frames()
    partition = _partition()
    kept = _Kept(stores.ledger, stores.rules)
    lane = threading.Thread(target=kept.lane.run, args=(kept.is_over.is_set,), name="ledger")
    feed = threading.Thread(target=kept.publish, args=(bus, frames), name="feed")
    try:
        lane.start()
        feed.start()
        kept.evaluate(bus, partition, len(frames))
        feed.join()
        until_empty = time.monotonic() + 30.0
        while kept.lane.depth and time.monotonic() < until_empty:
            time.sleep(0.01)
    finally:
        kept.is_over.set()
        lane.join()
        bus.close()
        stores.close()
    if not kept.took:
        raise UnavailableError("nothing fired: the benchmark measures nothing")
    took = np.array(kept.took) * 1_000
    case = (
        f"tick on the bus to durable alert: {TICKS_PER_S:,} ticks/s, {LEVELS:,} levels, {BAR_RULES:,} bar rules, "
        f"{len(took):,} alerts"
    )
    p50, p99 = np.percentile(took, [50, 99])
    return [
        BenchRow(f"{case}: p50", "ms", float(p50), None, ""),
        BenchRow(f"{case}: p99", "ms", float(p99), GOAL_MS, "50 ms allowed", 1.0, higher_is_better=False),
        BenchRow(f"{case}: worst", "ms", float(took.max()), None, ""),
    ]


class _Kept:
    """The feed, the evaluating thread and the ledger's lane, and how long each alert took."""

    def __init__(self, ledger: Any, rules: Any) -> None:
        self.lane = LedgerLane(_Timed(ledger, self._durable), rules, lambda _: None)  # type: ignore[arg-type]
        self.is_over = threading.Event()
        self.published: list[float] = []
        self.due: dict[str, float] = {}
        self.took: list[float] = []

    def publish(self, bus: Any, frames: list[bytes]) -> None:
        """Each frame at its time."""
        began = time.perf_counter()
        for number, frame in enumerate(frames):
            due = began + number * FRAME_TICKS / TICKS_PER_S
            wait = due - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
            self.published.append(due)
            bus.publish(TOPIC, 0, frame)

    def evaluate(self, bus: Any, partition: Partition, count: int) -> None:
        """Read, apply, hand over what fired, as the stream does."""
        reasons, seen, mark = Reasons(), 0, 0
        while seen < count:
            entries = bus.read(TOPIC, 0, partition.offset, 256, 0.05)
            if not entries:
                continue
            # of several frames in one read, the oldest counts for all that fired
            came = self.published[seen]
            seen += len(entries)
            applied = partition.apply(entries, time.time_ns())
            firings = [
                *(firing_of(one, "bench", 0) for out in applied.outputs for one in out.fired),
                *(rule_firing_of(one, reasons, "bench", 0) for out in applied.outputs for one in out.rule_firings),
            ]
            if not firings:
                continue
            mark += 1
            if seen * FRAME_TICKS > WARM_S * TICKS_PER_S:
                self.due.update(dict.fromkeys((one.firing_id for one in firings), came))
            self.lane.put(LedgerJob(mark, ALL_SHARDS, 1, "bench", partition.offset, tuple(firings)))

    def _durable(self, firings: Any) -> None:
        now = time.perf_counter()
        self.took += [now - self.due[one.firing_id] for one in firings if one.firing_id in self.due]


class _Timed:
    """A ledger that says when it has committed."""

    def __init__(self, ledger: Any, on_commit: Any) -> None:
        self._ledger = ledger
        self._on_commit = on_commit

    def append(self, firings: Any, *place: Any) -> int:
        """Write, then tell."""
        new: int = self._ledger.append(firings, *place)
        self._on_commit(firings)
        return new


def _partition() -> Partition:
    """The stream's state with everything armed."""
    sessions = calendars().sessions
    partition = Partition(0, Engines(EngineConfig(), sessions, LIVE), session_dates(sessions))
    engine = partition.engine
    instruments = [Instrument(f"NONE:S{n:05d}", calendar="NONE") for n in range(INSTRUMENTS)]
    engine.define(instruments)
    rng = np.random.default_rng(SEED)
    items: list[dict[str, object]] = []
    for n in range(BAR_RULES):
        level = rng.uniform(20, 40)
        when = f"rsi(close, 14)@1m crosses below {level:.2f} and close > sma(close, 20)@1m"
        text = f'alert "b{n}" on ${{NONE:{instruments[n % INSTRUMENTS].symbol}}} when {when}'
        items.append(arm_command(parse_rule(text), None, "owner"))
    items += [
        {
            "type": "arm_level", "rule_uid": f"l{n}", "version": 1, "rule": "level", "owner_id": "owner",
            "instrument_id": int(instruments[n % INSTRUMENTS].instrument_id), "field": "close",
            "direction": ("above", "below")[n % 2], "level": float(rng.uniform(90, 110)), "definition_hash": "00" * 16,
            "fire": "every time", "notify": [],
        }
        for n in range(LEVELS)
    ]  # fmt: skip
    payload = json.dumps({"type": "batch", "items": items}).encode()
    engine.apply([Frame(FrameKind.COMMAND, 0, 0, 0, 0, START, START, 0, {}, payload)])
    return partition


def _frames() -> list[bytes]:
    """Ticks of all instruments in turn, prices that wander slowly."""
    rng = np.random.default_rng(SEED)
    count = TICKS_PER_S * LASTS_S
    ids = np.array([int(Instrument(f"NONE:S{n:05d}").instrument_id) for n in range(INSTRUMENTS)], np.int64)
    which = rng.integers(0, INSTRUMENTS, count)
    times = START + np.arange(count) * (1_000_000_000 // TICKS_PER_S)
    price = np.round(100 + 3 * np.sin(np.arange(count) / 40_000) + rng.normal(0, 0.1, count), 2)
    volume = np.arange(count, dtype=np.float64)
    found = []
    for first in range(0, count, FRAME_TICKS):
        part = slice(first, first + FRAME_TICKS)
        columns: Columns = {
            "instrument_id": ids[which[part]],
            "event_time": times[part],
            "ingest_time": times[part],
            "price": price[part],
            "volume": volume[part],
        }
        low, high = int(times[part][0]), int(times[part][-1])
        found.append(encode(Frame(FrameKind.TRADE, 0, 1, first, first + FRAME_TICKS, low, high, FRAME_TICKS, columns)))
    return found
