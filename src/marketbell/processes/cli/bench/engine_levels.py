"""A million standing levels beside bisect, and what arming, moving and disarming one of them costs."""

import gc
import json
import time
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable
from typing import Any, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from marketbell.core.columns.frame import Frame, FrameKind, decode
from marketbell.core.engine import kernel as k
from marketbell.processes.cli.bench.engine_parts import make_engine, packed_frames, run
from marketbell.processes.cli.bench.market import START, BenchMarket, make_market
from marketbell.processes.cli.bench.rows import BenchRow, in_turn, seconds

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

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


@njit
def _levels_alone(
    row: Ints, price: Floats, at: Ints, f: Floats, i: Ints, values: Floats, slots: Ints, heads: Ints,
    block_heads: Ints, fields: Floats, rules: Ints, fi: Ints, ff: Floats,
) -> int:  # fmt: skip
    """What a tick costs of levels alone: the kernel's own evaluation, without quality, bars and statistics."""
    fired = 0
    for n in range(len(row)):
        r = row[n]
        now = price[n]
        previous = f[r, k.F_LAST]
        f[r, k.F_LAST] = now
        if (
            f[r, k.F_UP_LOW] < now <= f[r, k.F_UP_HIGH]
            and f[r, k.F_DOWN_LOW] <= now < f[r, k.F_DOWN_HIGH]
            and i[r, k.I_EXTRA] == 0
        ):
            i[r, k.I_EVALS] += 1
            continue
        fired += k._evaluate(  # noqa: SLF001 — the part of the kernel that is measured
            f, i, r, previous, now, at[n], values, slots, heads, block_heads, fields, rules, fi, ff, 0
        )
    return fired


_LEVELS_ALONE: Callable[..., int] = cast("Any", _levels_alone)  # a compiled function carries no types


def _alone(market: BenchMarket) -> tuple[float, int]:
    engine = make_engine(market)
    state = engine._state  # noqa: SLF001 — the arrays that the kernel is given
    room = np.empty((LEVELS, 4), np.int64), np.empty((LEVELS, 2))
    fired = 0

    def work() -> None:
        nonlocal fired
        fired = _LEVELS_ALONE(
            market.row, market.price, market.event_time, state.F, state.I, *engine.levels.tables, *room
        )

    gc.collect()
    return TICKS / seconds(work), fired


def _crossing() -> list[BenchRow]:
    market = make_market(INSTRUMENTS, TICKS, LEVELS)
    packed = packed_frames(market)
    row, price = market.row.tolist(), market.price.tolist()

    def ours() -> float:
        engine = make_engine(market)
        gc.collect()
        return TICKS / seconds(lambda: run(engine, packed))

    fired = {"alone": 0, "bisect": 0}

    def alone() -> float:
        rate, fired["alone"] = _alone(market)
        return rate

    def peer() -> float:
        up, down = sorted_levels(market)
        gc.collect()
        begun = time.perf_counter()
        fired["bisect"] = _bisected(row, price, up, down)
        return TICKS / (time.perf_counter() - begun)

    ours()
    alone()
    engine_rate, alone_rate, bisect_rate = in_turn(RUNS, ours, alone, peer)
    if fired["alone"] != fired["bisect"]:
        message = f"{fired['alone']} levels fired here, {fired['bisect']} by bisect"
        raise RuntimeError(message)
    case = f"1M standing levels, fire once; {TICKS:,} ticks, {fired['alone']:,} firings"
    return [
        BenchRow(f"{case}; levels alone", "ticks/s", alone_rate, bisect_rate, "Python bisect, levels alone", 5.0),
        BenchRow(
            f"{case}; ours with quality, bars, statistics, patterns and firing records", "ticks/s", engine_rate,
            bisect_rate, "Python bisect, levels alone",
        ),
    ]  # fmt: skip


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
