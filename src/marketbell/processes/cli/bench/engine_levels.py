"""A million standing levels beside bisect, and what arming, moving and disarming one of them costs."""

import gc
import json
from bisect import bisect_left, bisect_right, insort

import numpy as np

from marketbell.core.columns.frame import Frame, FrameKind, decode
from marketbell.processes.cli.bench.engine_parts import make_engine, packed_frames, run
from marketbell.processes.cli.bench.market import START, BenchMarket, make_market
from marketbell.processes.cli.bench.rows import BenchRow, in_turn, seconds

INSTRUMENTS = 5_000
TICKS = 400_000
LEVELS = 1_000_000
CHANGES = 2_000
RUNS = 5


def sorted_levels(market: BenchMarket) -> tuple[list[list[float]], list[list[float]]]:
    """Levels to cross upwards and downwards, by instrument, sorted."""
    up: list[list[float]] = [[] for _ in market.instruments]
    down: list[list[float]] = [[] for _ in market.instruments]
    for at, level, is_up in zip(
        market.level_row.tolist(), market.level_price.tolist(), market.level_up.tolist(), strict=True
    ):
        (up if is_up else down)[at].append(level)
    for table in (up, down):
        for levels in table:
            levels.sort()
    return up, down


def _bisected(row: list[int], price: list[float], up: list[list[float]], down: list[list[float]]) -> int:
    """Standing alerts as a Python programmer keeps them: those that fired are counted and taken out."""
    fired = 0
    last = [0.0] * len(up)
    for at, now in zip(row, price, strict=True):
        before = last[at]
        last[at] = now
        if before in (0.0, now):
            continue
        if now > before:
            levels = up[at]
            low, high = bisect_left(levels, before), bisect_left(levels, now)
        else:
            levels = down[at]
            low, high = bisect_right(levels, now), bisect_right(levels, before)
        if high > low:
            fired += high - low
            del levels[low:high]
    return fired


def _crossing() -> list[BenchRow]:
    market = make_market(INSTRUMENTS, TICKS, LEVELS)
    packed = packed_frames(market)
    row, price = market.row.tolist(), market.price.tolist()

    def ours() -> float:
        engine = make_engine(market)
        gc.collect()
        return TICKS / seconds(lambda: run(engine, packed))

    def peer() -> float:
        up, down = sorted_levels(market)
        gc.collect()
        return TICKS / seconds(lambda: _bisected(row, price, up, down))

    ours()
    engine_rate, bisect_rate = in_turn(RUNS, ours, peer)
    case = "1M standing levels (fire once), with quality, bars, statistics and patterns on our side; ticks"
    return [BenchRow(case, "ticks/s", engine_rate, bisect_rate, "Python bisect, levels only", 5.0)]


def _moved(market: BenchMarket, number: int) -> float:
    return float(market.level_price[number]) * 1.001


def _changing() -> list[BenchRow]:
    market = make_market(INSTRUMENTS, 20_480, LEVELS)
    engine = make_engine(market)
    packed = packed_frames(market)
    run(engine, packed[:10])
    up, down = sorted_levels(market)
    chosen = np.random.default_rng(1).choice(LEVELS, CHANGES * RUNS, replace=False)
    turn = {"ours": 0, "peer": 0}

    def ours() -> float:
        part = chosen[turn["ours"] * CHANGES :][:CHANGES].tolist()
        turn["ours"] += 1
        items = [{"type": "move_level", "rule_uid": str(n), "version": 2, "level": _moved(market, n)} for n in part]
        payload = json.dumps({"type": "batch", "items": items}).encode()
        frame = Frame(FrameKind.COMMAND, 0, 0, 0, 0, START, START, 0, {}, payload)
        return seconds(lambda: engine.apply([frame, decode(packed[10])])) / CHANGES * 1e6

    def peer() -> float:
        part = chosen[turn["peer"] * CHANGES :][:CHANGES].tolist()
        turn["peer"] += 1

        def work() -> None:
            for n in part:
                table = (up if market.level_up[n] else down)[market.level_row[n]]
                level = float(market.level_price[n])
                del table[bisect_left(table, level)]
                insort(table, _moved(market, n))

        return seconds(work) / CHANGES * 1e6

    moved, by_hand = in_turn(RUNS, ours, peer)
    return [
        BenchRow(
            "moving one of 1M levels: 2,000 commands of the log and 1,024 ticks behind them",
            "µs",
            moved,
            by_hand,
            "list: delete and insort, without rule, version or owner",
            higher_is_better=False,
        )
    ]


def rows() -> list[BenchRow]:
    """Ticks through a million levels, and the price of a change."""
    return [*_crossing(), *_changing()]
