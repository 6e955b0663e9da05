"""`marketbell bench engine`: the engine on one core beside streaming libraries, bisect, TA-Lib and a bare kernel.

Ours starts from packed frames as they lie on the bus (1,024 ticks each) and does everything that the stream
process asks of the engine. The peers start from Python tuples that are ready in memory, and do less: no
52-week range, no quality events, no books, no patterns, no values of forming bars. That favours them.
"""

import gc
from collections.abc import Callable

import numpy as np
from numba import njit
from numpy.typing import NDArray

from marketbell.processes.cli.bench import engine_indicators, engine_levels, engine_scaling, engine_start, peers
from marketbell.processes.cli.bench.engine_parts import ROWS_PER_FRAME, make_engine, packed_frames
from marketbell.processes.cli.bench.engine_parts import run as run_engine
from marketbell.processes.cli.bench.market import BenchMarket, make_market
from marketbell.processes.cli.bench.rows import BenchRow, in_turn, seconds

INSTRUMENTS = 5_000
TICKS = 1_000_000
PEER_TICKS = 150_000
LEVELS = 100_000
TICKS_PER_SECOND = 2_000
"""Of market time: in the whole run every instrument closes eight minutes, in the peers' part one."""
RUNS = 5
FIVE_SECONDS = 25
"""Frames of a market of 5,000 ticks a second between two checkpoints."""
_WARM_FRAMES = 120


@njit(cache=True)
def _bare(
    row: NDArray[np.int64],
    price: NDArray[np.float64],
    volume: NDArray[np.float64],
    last: NDArray[np.float64],
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    sold: NDArray[np.float64],
    turnover: NDArray[np.float64],
) -> None:
    for i in range(len(row)):
        at = row[i]
        size = max(0.0, volume[i] - sold[at])
        sold[at] += size
        turnover[at] += size * price[i]
        high[at] = max(high[at], price[i])
        low[at] = min(low[at], price[i])
        last[at] = price[i]


def _run_bare(market: BenchMarket) -> None:
    state = [np.zeros(INSTRUMENTS) for _ in range(5)]
    for first in range(0, len(market.row), ROWS_PER_FRAME):
        part = slice(first, first + ROWS_PER_FRAME)
        _bare(market.row[part], market.price[part], market.volume[part], *state)


def full_job() -> list[BenchRow]:
    """The whole work on one core, and the same without indicators."""
    market = make_market(INSTRUMENTS, TICKS, LEVELS, TICKS_PER_SECOND)
    packed = packed_frames(market)
    few = slice(0, PEER_TICKS)
    ticks: list[peers.Tick] = list(
        zip(
            market.row[few].tolist(),
            market.event_time[few].tolist(),
            market.price[few].tolist(),
            market.volume[few].tolist(),
            strict=True,
        )
    )
    levels = list(zip(market.level_row.tolist(), market.level_price.tolist(), market.level_up.tolist(), strict=True))

    def ours(*, has_indicators: bool) -> float:
        engine = make_engine(market, has_indicators=has_indicators)
        gc.collect()
        return TICKS / seconds(lambda: run_engine(engine, packed, tells_forming=has_indicators))

    def peer(run: Callable[[list[peers.TickState], list[peers.Tick]], int]) -> Callable[[], float]:
        def measure() -> float:
            states = peers.armed_states(INSTRUMENTS, levels)
            gc.collect()
            return PEER_TICKS / seconds(lambda: run(states, ticks))

        return measure

    ours(has_indicators=True)  # compile
    _run_bare(market)
    whole, plain_ours, streamz, bytewax, plain, limit = in_turn(
        RUNS,
        lambda: ours(has_indicators=True),
        lambda: ours(has_indicators=False),
        peer(peers.run_streamz),
        peer(peers.run_bytewax),
        peer(peers.run_plain),
        lambda: TICKS / seconds(lambda: _run_bare(market)),
    )
    job = "quality, bars, statistics, patterns, 10 indicators, 100k levels; 5,000 instruments, one core"
    return [
        BenchRow(job, "ticks/s", whole, streamz, "streamz, per tick, talipp", 20.0),
        BenchRow(job, "ticks/s", whole, bytewax, "Bytewax, per tick, one worker, talipp", 20.0),
        BenchRow(job, "ticks/s", whole, plain, "plain Python loop, talipp"),
        BenchRow(job, "ticks/s", whole, limit, "bare Numba kernel: last, high, low, VWAP only (the limit)"),
        BenchRow(job, "ticks/s", whole, plain_ours, "ours without the indicators"),
        BenchRow(job, "ticks/s", whole, 3e6, "the design's 3 M", 1.0),
    ]


def checkpoints() -> list[BenchRow]:
    """The pause of the engine while five seconds of a busy market lie between two checkpoints."""
    rows = []
    for levels, target in ((LEVELS, 50.0), (1_000_000, None)):
        market = make_market(INSTRUMENTS, 1_024 * FIVE_SECONDS * 40, levels, 5_000)
        packed = packed_frames(market)
        engine = make_engine(market, has_indicators=True)
        run_engine(engine, packed[:_WARM_FRAMES])
        at = _WARM_FRAMES
        first = seconds(engine.checkpoint) * 1_000

        def pause() -> float:
            nonlocal at
            run_engine(engine, packed[at : at + FIVE_SECONDS])  # noqa: B023 — used in this turn
            at += FIVE_SECONDS
            return seconds(engine.checkpoint) * 1_000  # noqa: B023

        (taken,) = in_turn(4 * RUNS, pause)
        case = f"checkpoint of 5,000 instruments, 10 indicators, {levels:,} levels: pause after 5 s at 5,000 ticks/s"
        rows.append(BenchRow(case, "ms", taken, target, "the goal", 1.0 if target else None, higher_is_better=False))
        rows.append(BenchRow(case, "ms", taken, first, "the first one after a start", higher_is_better=False))
    return rows


def run() -> list[BenchRow]:
    """All rows of `bench engine`; several minutes on two cores."""
    return [
        *full_job(),
        *engine_indicators.rows(),
        *engine_levels.rows(),
        *checkpoints(),
        *engine_scaling.rows(),
        *engine_start.rows(),
    ]
