"""Bars that are committed together, and in which order."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from marketbell.core.engine.bars import Bars, Floats, Ints
from marketbell.core.language.plan import Op
from marketbell.core.market.timeframe import Timeframe

READERS = frozenset({Op.HOLD, Op.LIVE, Op.FOREIGN, Op.CROSS})
"""Nodes that read another timeframe or row."""


@dataclass(slots=True)
class Shape:
    """`done`: whose values nobody needs after a node; `held`: nodes that another timeframe or row reads.

    `below`: a node and what it reads in its own timeframe, in order; `ancestors`: and in any.
    """

    done: dict[int, list[int]]
    held: set[int]
    below: dict[int, list[int]]
    ancestors: dict[int, set[int]]


class Piece:
    """Bars that are committed together, and what was found for them so far."""

    def __init__(self, bars: Mapping[Timeframe, Bars]) -> None:
        self.bars = bars
        self.values: dict[int, Floats] = {}
        self.before: dict[int, Floats] = {}
        self._nth: dict[Timeframe, Ints] = {}

    def nth(self, timeframe: Timeframe) -> Ints:
        """How many bars of its row stand before each bar of a timeframe here."""
        if timeframe not in self._nth:
            rows = self.bars[timeframe].rows
            order = np.argsort(rows, kind="stable")
            same = rows[order]
            first = np.flatnonzero(np.concatenate([[True], same[1:] != same[:-1]])) if len(same) else same
            nth = np.empty(len(rows), np.int64)
            nth[order] = np.arange(len(rows)) - np.repeat(first, np.diff(np.append(first, len(rows))))
            self._nth[timeframe] = nth
        return self._nth[timeframe]


def waves(bars: Mapping[Timeframe, Bars], *, is_joint: bool) -> Iterator[dict[Timeframe, Ints]]:
    """Places of the bars, instant by instant of each row (of all rows at once where they read each other)."""
    timeframes = list(bars)
    rows = np.concatenate([bars[t].rows for t in timeframes])
    times = np.concatenate([bars[t].sight for t in timeframes])
    if is_joint:
        wave = np.unique(times, return_inverse=True)[1]
    else:
        order = np.lexsort((times, rows))
        r, t = rows[order], times[order]
        is_new_row = np.concatenate([[True], r[1:] != r[:-1]])
        step = np.cumsum(is_new_row | np.concatenate([[True], t[1:] != t[:-1]]))
        wave = np.empty(len(rows), np.int64)
        wave[order] = step - np.maximum.accumulate(np.where(is_new_row, step, 0))
    order = np.argsort(wave, kind="stable")
    cuts = np.flatnonzero(np.diff(wave[order])) + 1
    which = np.repeat(np.arange(len(timeframes)), [len(bars[t]) for t in timeframes])
    place = np.concatenate([np.arange(len(bars[t])) for t in timeframes])
    for part in np.split(order, cuts):
        found = ((t, place[part[which[part] == at]]) for at, t in enumerate(timeframes))
        yield {timeframe: np.sort(at) for timeframe, at in found if len(at)}


def renumbered(bars: Bars, rows: Ints) -> Bars:
    """The bars with the place in `rows` (ascending) in their rows' stead."""
    return replace(bars, rows=np.searchsorted(rows, bars.rows))
