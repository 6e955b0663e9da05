"""`marketbell bench engine`: the engine on one core beside streaming libraries, bisect and a bare kernel.

Ours starts from packed frames as they lie on the bus (1,024 ticks each) and does everything that the stream
process asks of the engine. The peers start from Python tuples that are ready in memory, and do less: no
52-week range, no volatility, no quality events, no lists. That favours them.
"""

import io
from bisect import bisect_left, bisect_right
from collections.abc import Callable

import numpy as np
from numba import njit
from numpy.typing import NDArray

from marketbell.core.columns.frame import decode, encode
from marketbell.core.engine.engine import Engine, EngineConfig
from marketbell.processes.cli.bench import peers
from marketbell.processes.cli.bench.market import BenchMarket, make_market
from marketbell.processes.cli.bench.rows import BenchRow, in_turn, seconds
from marketbell.wiring.calendars import calendars

INSTRUMENTS = 5_000
TICKS = 1_000_000
PEER_TICKS = 40_000
LEVELS = 100_000
MANY_LEVELS = 1_000_000
RUNS = 5
ROWS_PER_FRAME = 1_024
FRAMES_PER_CALL = 64


def _packed(market: BenchMarket) -> list[bytes]:
    return [encode(frame) for frame in market.frames(ROWS_PER_FRAME)]


def _armed_engine(market: BenchMarket) -> Engine:
    engine = Engine(EngineConfig(), calendars().sessions)
    engine.define(market.instruments)
    ids = [instrument.instrument_id for instrument in market.instruments]
    for number, (row, level, is_up) in enumerate(
        zip(market.level_row.tolist(), market.level_price.tolist(), market.level_up.tolist(), strict=True)
    ):
        engine.levels.arm(
            {
                "rule_uid": str(number),
                "version": 1,
                "rule": "bench",
                "owner_id": "bench",
                "instrument_id": ids[row],
                "direction": "above" if is_up else "below",
                "level": level,
                "definition_hash": "",
                "fire": "once",
                "notify": [],
            },
            row,
            0,
        )
    return engine


def _run_ours(engine: Engine, packed: list[bytes]) -> int:
    fired = 0
    for first in range(0, len(packed), FRAMES_PER_CALL):
        fired += len(engine.apply([decode(data) for data in packed[first : first + FRAMES_PER_CALL]]).fired)
    return fired


def _checkpoint(engine: Engine) -> dict[str, NDArray[np.generic]]:
    return {name: np.array(array) for name, array in engine.checkpoint().items()}


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


def _full_job() -> list[BenchRow]:
    market = make_market(INSTRUMENTS, TICKS, LEVELS)
    packed = _packed(market)
    armed = _checkpoint(_armed_engine(market))
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

    def ours() -> float:
        engine = Engine.restore(armed, EngineConfig(), calendars().sessions)
        _run_ours(engine, packed[:1])  # sorts the tables: arming is not what this case measures
        return (TICKS - ROWS_PER_FRAME) / seconds(lambda: _run_ours(engine, packed[1:]))

    def peer(run: Callable[[list[peers.TickState], list[peers.Tick]], int]) -> Callable[[], float]:
        def measure() -> float:
            states = peers.armed_states(INSTRUMENTS, levels)
            return PEER_TICKS / seconds(lambda: run(states, ticks))

        return measure

    def bare() -> float:
        return TICKS / seconds(lambda: _run_bare(market))

    ours()  # compile
    bare()
    engine_rate, streamz, bytewax, plain, limit = in_turn(
        RUNS, ours, peer(peers.run_streamz), peer(peers.run_bytewax), peer(peers.run_plain), bare
    )
    case = "quality, 1m and 1d bars, day statistics, 100k levels; 5,000 instruments, one core"
    return [
        BenchRow(case, "ticks/s", engine_rate, streamz, "streamz, per tick", 20.0),
        BenchRow(case, "ticks/s", engine_rate, bytewax, "Bytewax, per tick, one worker", 20.0),
        BenchRow(case, "ticks/s", engine_rate, plain, "plain Python loop"),
        BenchRow(case, "ticks/s", engine_rate, limit, "bare Numba kernel: last, high, low, VWAP only (the limit)"),
        *_checkpoint_rows(packed, armed),
    ]


def _checkpoint_rows(packed: list[bytes], armed: dict[str, NDArray[np.generic]]) -> list[BenchRow]:
    engine = Engine.restore(armed, EngineConfig(), calendars().sessions)
    _run_ours(engine, packed[:256])

    def pause() -> float:
        return seconds(engine.checkpoint) * 1_000

    def saved() -> float:
        return seconds(lambda: np.savez(io.BytesIO(), **engine.checkpoint())) * 1_000  # type: ignore[arg-type]

    taken, packed_too = in_turn(RUNS, pause, saved)
    return [
        BenchRow(
            "checkpoint of 5,000 instruments and 100k levels: pause of the engine",
            "ms",
            taken,
            packed_too,
            "the same with packing to one file in memory",
            higher_is_better=False,
        )
    ]


def _many_levels() -> list[BenchRow]:
    market = make_market(INSTRUMENTS, 400_000, MANY_LEVELS)
    packed = _packed(market)
    armed = _checkpoint(_armed_engine(market))
    few = 200_000
    row, price = market.row[:few].tolist(), market.price[:few].tolist()
    sorted_up: list[list[float]] = [[] for _ in range(INSTRUMENTS)]
    sorted_down: list[list[float]] = [[] for _ in range(INSTRUMENTS)]
    for at, level, is_up in zip(
        market.level_row.tolist(), market.level_price.tolist(), market.level_up.tolist(), strict=True
    ):
        (sorted_up if is_up else sorted_down)[at].append(level)
    for table in (sorted_up, sorted_down):
        for levels in table:
            levels.sort()

    def ours() -> float:
        engine = Engine.restore(armed, EngineConfig(), calendars().sessions)
        _run_ours(engine, packed[:1])  # sorts the tables: arming is not what this case measures
        return (len(market.row) - ROWS_PER_FRAME) / seconds(lambda: _run_ours(engine, packed[1:]))

    def bisected() -> int:
        fired = 0
        last = [0.0] * INSTRUMENTS
        for at, now in zip(row, price, strict=True):
            before = last[at]
            last[at] = now
            if before in (0.0, now):
                continue
            if now > before:
                levels = sorted_up[at]
                fired += bisect_left(levels, now) - bisect_left(levels, before)
            else:
                levels = sorted_down[at]
                fired += bisect_right(levels, before) - bisect_right(levels, now)
        return fired

    engine_rate, peer = in_turn(RUNS, ours, lambda: few / seconds(bisected))
    return [
        BenchRow(
            "1M standing levels, with quality, bars and statistics on our side",
            "ticks/s",
            engine_rate,
            peer,
            "Python bisect, levels only",
            5.0,
        )
    ]


def run() -> list[BenchRow]:
    """All rows of `bench engine`; about a minute on two cores."""
    return [*_full_job(), *_many_levels()]
