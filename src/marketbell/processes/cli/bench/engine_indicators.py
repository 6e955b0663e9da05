"""Ten indicators of 5,000 instruments, one more bar each: ours beside TA-Lib's stream handles and talipp."""

import math

import numpy as np

from marketbell.core.engine.program import Program
from marketbell.core.engine.timeframes import Bars, Sessions
from marketbell.core.language.compile import compile_plan
from marketbell.core.language.expression_reader import read_text
from marketbell.core.market.timeframe import DAY_1
from marketbell.processes.cli.bench import peer_indicators as peer
from marketbell.processes.cli.bench.rows import BenchRow, in_turn, seconds
from marketbell.wiring.calendars import calendars

INSTRUMENTS = 5_000
HISTORY = 300
UPDATES = 15
TALIPP_INSTRUMENTS = 100
SEED = 20_260_801
DAY = 86_400_000_000_000


def _market() -> tuple[peer.Bars, list[list[tuple[float, float, float]]]]:
    """History, and the bars that come."""
    rng = np.random.default_rng(SEED)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, (INSTRUMENTS, HISTORY + UPDATES)), axis=1))
    spread = 1 + np.abs(rng.normal(0, 0.005, close.shape))
    bars = np.stack([close * spread, close / spread, close], axis=2)
    coming = [[tuple(bar) for bar in bars[:, HISTORY + at].tolist()] for at in range(UPDATES)]
    return bars[:, :HISTORY], coming


def _bars(sessions: Sessions, day: int, values: peer.Bars) -> Bars:
    """One daily bar for each instrument."""
    high, low, close = values[:, 0], values[:, 1], values[:, 2]
    rows = np.arange(len(values))
    columns = np.column_stack([close, high, low, close, np.ones(len(values)), close])
    return sessions.day_bars(rows, np.full(len(values), day * DAY), columns)


def rows() -> list[BenchRow]:
    """Ms for 5,000 instruments. RuntimeError where our values are not TA-Lib's."""
    history, coming = _market()
    sessions = Sessions.of([calendars().sessions("NONE")] * INSTRUMENTS)
    plan = compile_plan([(name, read_text(text)) for name, text in peer.EXPRESSIONS.items()], DAY_1)
    program = Program(plan, INSTRUMENTS, sessions=sessions)
    first_day = 20_000
    for at in range(HISTORY):
        program.commit({DAY_1: _bars(sessions, first_day + at, history[:, at])})
    handles = peer.talib_handles(history)
    sets = [peer.TalippSet() for _ in range(TALIPP_INSTRUMENTS)]
    for one, bars in zip(sets, history[:TALIPP_INSTRUMENTS].tolist(), strict=True):
        for high, low, close in bars:
            one.add(high, low, close)
    turns = {"ours": 0, "talib": 0, "talipp": 0}

    def ours() -> float:
        at = turns["ours"]
        turns["ours"] += 1
        bars = _bars(sessions, first_day + HISTORY + at, np.array(coming[at]))
        return seconds(lambda: program.commit({DAY_1: bars})) * 1_000

    def talib() -> float:
        at = turns["talib"]
        turns["talib"] += 1
        return seconds(lambda: peer.talib_update(handles, coming[at])) * 1_000

    def talipp() -> float:
        at = turns["talipp"]
        turns["talipp"] += 1
        bars = coming[at][:TALIPP_INSTRUMENTS]

        def work() -> None:
            for one, bar in zip(sets, bars, strict=True):
                one.add(*bar)

        return seconds(work) * 1_000 * INSTRUMENTS / TALIPP_INSTRUMENTS

    taken, of_talib, of_talipp = in_turn(UPDATES, ours, talib, talipp)
    _compare(program, handles)
    case = "10 indicators of 5,000 instruments, one closed bar each; equal values"
    return [
        BenchRow(case, "ms", taken, of_talib, "TA-Lib 0.8 stream handles", 15.0, higher_is_better=False),
        BenchRow(case, "ms", taken, of_talipp, f"talipp ({TALIPP_INSTRUMENTS} measured)", higher_is_better=False),
    ]


def _compare(program: Program, handles: list[tuple[list[object], list[object]]]) -> None:
    every = np.arange(INSTRUMENTS)
    for name, theirs in peer.talib_values(handles).items():
        ours = program.values(program.results[name], every).tolist()
        for row, (mine, his) in enumerate(zip(ours, theirs, strict=True)):
            if not math.isclose(mine, his, rel_tol=1e-9, abs_tol=1e-9):
                message = f"{name} of instrument {row} is {mine!r} here and {his!r} in TA-Lib"
                raise RuntimeError(message)
