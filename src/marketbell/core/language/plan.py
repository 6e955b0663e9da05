"""A compiled set of expressions: a list of distinct series, each after the ones that it reads.

The compiler (`compile.py`) makes it from trees; the engine (`core/engine/series`) runs it. Equal
sub-expressions are one node, however many rules, screens and charts use them.
"""

from dataclasses import dataclass
from enum import StrEnum

from marketbell.core.market.timeframe import Timeframe


class Op(StrEnum):
    """What a node does. Values are float64: a condition is 1, 0 or NaN, and NaN is unknown."""

    CONSTANT = "constant"
    """`parameters[0]`, at every bar."""
    BAR = "bar"
    """Column `name` of the node's own bar: open, high, low, close, volume, vwap, trades, typical, start, end,
    session, session_open, per_year."""
    FIELD = "field"
    """Registry field `name`, its last known value at the bar's end. A name like `fund.eps[4q]` is the published
    value that many fiscal quarters back (core/fundamentals/point_in_time)."""
    FUNCTION = "function"
    """`name` of core/indicators/catalogue. Inputs are the arguments, then the bars of its signature."""
    MAP = "map"
    """Element by element: `name` is one of + - * / neg abs min max round coalesce if > >= < <= = != and or not
    known. Three-valued logic for and, or, not; every other one but `coalesce`, `if` and `known` is unknown
    where an input is."""
    SHIFT = "shift"
    """The input `parameters[0]` bars earlier."""
    HOLD = "hold"
    """The input's value at the last bar of its own timeframe that ended at or before this bar's end."""
    LIVE = "live"
    """The input's value at the forming bar of its own timeframe: it may repaint."""
    FOREIGN = "foreign"
    """The input at the instrument whose key is `name`, as HOLD: its last value at or before this bar's end."""
    CROSS = "cross"
    """Across a universe: `name` is rank, pct_of or avg_of, `universe` says of whom."""


@dataclass(frozen=True, slots=True)
class Input:
    """An output of an earlier node."""

    node: int
    output: int = 0


@dataclass(frozen=True, slots=True)
class Node:
    """One distinct series. `lookback` and `warm_up` are bars of its own timeframe, its inputs' included."""

    op: Op
    timeframe: Timeframe
    name: str = ""
    parameters: tuple[float, ...] = ()
    inputs: tuple[Input, ...] = ()
    universe: str = ""
    lookback: int = 0
    warm_up: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """`nodes` in an order in which each reads only earlier ones; `results` by the expression's name."""

    nodes: tuple[Node, ...] = ()
    results: tuple[tuple[str, Input], ...] = ()

    @property
    def timeframes(self) -> tuple[Timeframe, ...]:
        """The distinct timeframes, finest first."""
        return tuple(sorted({node.timeframe for node in self.nodes}, key=lambda one: one.rank))
