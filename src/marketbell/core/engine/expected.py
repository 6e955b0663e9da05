"""From when on a series is expected to be known: how many bars it still needs, and when the last of them ends."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from marketbell.core.engine.aligned import Sessions
from marketbell.core.engine.bars import Ints
from marketbell.core.engine.needs import SESSION_MINUTES, seen_needed
from marketbell.core.engine.nodes import Nodes
from marketbell.core.language.plan import Input
from marketbell.core.market.timeframe import TICK, Timeframe

_MOST_SESSIONS = 2_000


@dataclass(frozen=True, slots=True)
class Lack:
    """Bars of a timeframe that a value still needs: it has seen `seen` of `needed`.

    `known_from` is when the last of them ends (ns UTC) if something trades in each; None where the calendar ends
    before, and for what is read at ticks.
    """

    timeframe: Timeframe
    seen: int
    needed: int
    known_from: int | None


def lack(program: Nodes, items: Iterable[Input], row: int, sessions: Sessions, now: int) -> Lack | None:
    """What results of a program lack on a row at `now` (ns UTC): that which comes last; None where it is nothing."""
    minutes = int(sessions.minutes[row]) if len(sessions.minutes) > row else SESSION_MINUTES
    needed = seen_needed(program.nodes, minutes or SESSION_MINUTES)
    nodes = program.nodes
    found: list[Lack] = []
    for number in program.needed_by(items):
        timeframe, seen = nodes[number].timeframe, program.seen(number, row)
        if seen < needed[number] and not timeframe.is_instant:
            when = bar_end(sessions, row, timeframe, now, needed[number] - seen)
            found.append(Lack(timeframe, seen, needed[number], when))
    return max(found, key=_lateness, default=None)


def _lateness(one: Lack) -> tuple[int, int]:
    return (1 << 62 if one.known_from is None else one.known_from, one.needed - one.seen)


def bar_end(sessions: Sessions, row: int, timeframe: Timeframe, now: int, count: int) -> int | None:
    """When the `count`th bar of a timeframe that ends behind `now` ends, in the row's calendar; None: not known."""
    if timeframe == TICK or timeframe.is_instant:
        return None
    low, high = int(sessions.low[row]), int(sessions.high[row])
    width = timeframe.nanoseconds
    if width is None:
        ends = np.unique(sessions.groups(timeframe)[1][low:high])
        later = ends[ends > now]
        return int(later[count - 1]) if len(later) >= count else None
    first = int(np.searchsorted(sessions.closes[low:high], now, side="right")) + low
    for at in range(first, min(first + _MOST_SESSIONS, high)):
        opened, close = int(sessions.opens[at]), int(sessions.closes[at])
        later = _ends(opened, close, width)
        later = later[later > now]
        if len(later) >= count:
            return int(later[count - 1])
        count -= len(later)
    return None


def _ends(opened: int, close: int, width: int) -> Ints:
    """Ends of the bars of a session; the last may be shorter."""
    return np.minimum(np.arange(opened, close, width, dtype=np.int64) + width, close)
