"""The engine's job written as a Python programmer would for a per-tick streaming library.

One tick in, the alerts that it fired out: checks of quality, one-minute and day bars, session VWAP, volatility
and volume spike at each minute's close, ten indicators of talipp on the closed minutes, and standing levels by
bisect. streamz and Bytewax call the same function, so what differs is the library.
"""

import math
from bisect import bisect_left, bisect_right, insort
from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import fmean, pstdev
from typing import Any

from marketbell.processes.cli.bench.peer_indicators import TalippSet

Tick = tuple[int, int, float, float]
"""row, event_time ns, price, cumulative volume."""

SECOND = 1_000_000_000


@dataclass(slots=True)
class TickState:
    """What one instrument remembers."""

    newest: int = 0
    last: float = math.nan
    largest: float = 0.0
    recent: deque[Tick] = field(default_factory=deque)
    minute: int = -1
    bar: list[float] = field(default_factory=list)
    closed: deque[list[float]] = field(default_factory=lambda: deque(maxlen=21))
    day: list[float] = field(default_factory=list)
    turnover: float = 0.0
    sold: float = 0.0
    up: list[float] = field(default_factory=list)
    down: list[float] = field(default_factory=list)
    indicators: TalippSet = field(default_factory=TalippSet)
    volatility: float = math.nan
    spike: float = math.nan


def step(state: TickState, tick: Tick) -> list[float]:  # noqa: C901 — the whole job in one function, as a user writes it
    """Apply one tick and give the levels that it crossed."""
    _, at, price, volume = tick
    if at < 946_684_800 * SECOND or not math.isfinite(price) or price <= 0:
        return []
    while state.recent and state.recent[0][1] < state.newest - 2 * SECOND:
        state.recent.popleft()
    if tick in state.recent or at < state.newest - 2 * SECOND:
        return []
    state.recent.append(tick)
    size = max(0.0, volume - state.largest)
    state.largest = max(state.largest, volume)
    state.turnover += price * size
    state.sold += size
    minute = at // (60 * SECOND)
    if minute != state.minute:
        if state.bar:
            close_minute(state)
        state.minute, state.bar = minute, [price, price, price, price, 0.0, 0]
    for bar in (state.bar, state.day):
        if not bar:
            bar[:] = [price, price, price, price, 0.0, 0]
        bar[1] = max(bar[1], price)
        bar[2] = min(bar[2], price)
        bar[3] = price
        bar[4] += size
        bar[5] += 1
    fired: list[float] = []
    if at >= state.newest:
        previous, state.last, state.newest = state.last, price, at
        if price > previous:
            fired = state.up[bisect_left(state.up, previous) : bisect_left(state.up, price)]
            if fired:
                del state.up[bisect_left(state.up, previous) : bisect_left(state.up, price)]
        elif price < previous:
            fired = state.down[bisect_right(state.down, price) : bisect_right(state.down, previous)]
            if fired:
                del state.down[bisect_right(state.down, price) : bisect_right(state.down, previous)]
    return fired


def close_minute(state: TickState) -> None:
    """Statistics over the last 20 minutes, and the indicators."""
    state.closed.append(state.bar)
    bars = list(state.closed)
    if len(bars) > 10:
        returns = [math.log(b[3] / a[3]) for a, b in pairwise(bars)]
        state.volatility = 100 * pstdev(returns) * math.sqrt(375 * 252)
        volumes = [bar[4] for bar in bars[:-1]]
        spread = pstdev(volumes)
        state.spike = (bars[-1][4] - fmean(volumes)) / spread if spread else math.nan
    state.indicators.add(state.bar[1], state.bar[2], state.bar[3])


def armed_states(instruments: int, levels: list[tuple[int, float, bool]]) -> list[TickState]:
    """One state an instrument with its levels sorted in."""
    states = [TickState() for _ in range(instruments)]
    for row, level, is_up in levels:
        insort(states[row].up if is_up else states[row].down, level)
    return states


def run_plain(states: list[TickState], ticks: list[Tick]) -> int:
    """A bare loop: what Python itself gives. Returns the number of levels fired."""
    return sum(len(step(states[tick[0]], tick)) for tick in ticks)


def run_streamz(states: list[TickState], ticks: list[Tick]) -> int:
    """One event at a time through a streamz pipeline."""
    from streamz import Stream

    fired = 0

    def count(levels: list[float]) -> None:
        nonlocal fired
        fired += len(levels)

    source = Stream()
    source.map(lambda tick: step(states[tick[0]], tick)).sink(count)
    for tick in ticks:
        source.emit(tick)
    return fired


def run_bytewax(states: list[TickState], ticks: list[Tick]) -> int:
    """Keyed state in a Bytewax dataflow with one worker."""
    import bytewax.operators as op
    from bytewax.dataflow import Dataflow
    from bytewax.testing import TestingSink, TestingSource, run_main

    fired: list[tuple[str, int]] = []

    def apply(state: TickState | None, tick: Tick) -> tuple[TickState, int]:
        state = state or states[tick[0]]
        return state, len(step(state, tick))

    flow = Dataflow("bench")
    keyed: Any = op.key_on(
        "key", op.input("in", flow, TestingSource(ticks, batch_size=1_000)), lambda tick: str(tick[0])
    )
    op.output("out", op.stateful_map("step", keyed, apply), TestingSink(fired))
    run: Any = run_main  # carries no types
    run(flow)
    return sum(count for _, count in fired)
