"""`rank`, `pct_of` and `avg_of` over whole histories: a Program's CrossSection where all bars are there at once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from marketbell.core.engine.cross_section import evaluate
from marketbell.core.engine.timeframes import Bars
from marketbell.core.engine.universes import Universes
from marketbell.core.language.plan import Node

Floats = NDArray[np.float64]


class AcrossHistory:
    """At the end of each bar: over the members at that time, each by its last value at or before it."""

    def __init__(self, universes: Universes) -> None:
        self._universes = universes

    def __call__(self, node: Node, bars: Bars, x: Sequence[Floats], before: Sequence[Floats]) -> Floats:
        """See Program's CrossSection. UserError for a universe that nobody knows."""
        column, given = np.array(before[0]), x[0]
        ends, rows = bars.end, bars.rows
        out = np.full(len(bars), np.nan)
        order = np.argsort(ends, kind="stable")
        edges = np.flatnonzero(np.concatenate([[True], ends[order][1:] != ends[order][:-1]]))
        for at in np.split(order, edges[1:]) if len(order) else []:
            # Two bars of a row that end together (ticks): the later one is what stands.
            column[rows[at]] = given[at]
            members = self._universes.mask(node.universe, int(ends[at[0]]))
            out[at] = evaluate(node.name, column, members)[rows[at]]
        return out
