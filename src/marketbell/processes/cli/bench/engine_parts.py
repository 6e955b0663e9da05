"""What the engine's benchmarks have in common: a market as packed frames, engines armed and watching."""

import json
import time

import numpy as np

from marketbell.core.columns.frame import Frame, FrameKind, decode, encode
from marketbell.core.engine.engine import Engine, EngineConfig
from marketbell.processes.cli.bench.market import START, BenchMarket
from marketbell.processes.cli.bench.peer_indicators import EXPRESSIONS
from marketbell.wiring.calendars import calendars

ROWS_PER_FRAME = 1_024
FRAMES_PER_CALL = 64
PUBLISH_EVERY_S = 0.1
WATCH = "bench"


def packed_frames(market: BenchMarket) -> list[bytes]:
    """The market's ticks as they lie on the bus."""
    return [encode(frame) for frame in market.frames(ROWS_PER_FRAME)]


def make_engine(market: BenchMarket, *, has_levels: bool = True, has_indicators: bool = False) -> Engine:
    """An engine that knows the market's instruments, its levels armed, ten indicators of minutes watched."""
    engine = Engine(EngineConfig(), calendars().sessions)
    engine.define(market.instruments)
    if has_levels and len(market.level_row):
        ids = np.array([int(instrument.instrument_id) for instrument in market.instruments], np.int64)
        engine.levels.arm_many(
            [str(number) for number in range(len(market.level_row))],
            ids[market.level_row],
            market.level_row,
            market.level_price,
            market.level_up,
            {"rule": "bench", "owner_id": "bench", "definition_hash": "", "notify": []},
        )
    if has_indicators:
        watch(engine, "1m")
    return engine


def watch(engine: Engine, timeframe: str) -> None:
    """Watch the ten indicators for all instruments, as a command of the log asks."""
    payload = json.dumps({"type": "watch", "uid": WATCH, "expressions": EXPRESSIONS, "timeframe": timeframe}).encode()
    engine.apply([Frame(FrameKind.COMMAND, 0, 0, 0, 0, START, START, 0, {}, payload)])


def run(engine: Engine, packed: list[bytes], *, tells_forming: bool = False) -> int:
    """Decode and apply; gives how many levels fired.

    `tells_forming`: ten times a second, as the publisher does, the rows that changed are taken, and the
    indicators of their forming bars.
    """
    fired = 0
    inputs = [engine.series.result(WATCH, name) for name in EXPRESSIONS] if tells_forming else []
    due = time.perf_counter()
    for first in range(0, len(packed), FRAMES_PER_CALL):
        fired += len(engine.apply([decode(data) for data in packed[first : first + FRAMES_PER_CALL]]).fired)
        if time.perf_counter() >= due:
            due += PUBLISH_EVERY_S
            rows = engine.take_changed()
            if inputs:
                forming = engine.tentative(rows)
                for item in inputs:
                    forming.values(item, rows)
    return fired
