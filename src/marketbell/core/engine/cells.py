"""One node of a running program: its kernel, and its state as a line of places for every row."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from marketbell.core.engine import series_kernel as sk
from marketbell.core.engine.timeframes import Roller
from marketbell.core.language.plan import Input, Node, Op
from marketbell.core.market.timeframe import Timeframe
from marketbell.core.primitives.errors import UserError

if TYPE_CHECKING:
    from marketbell.core.indicators.implementations import Implementation

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(slots=True)
class Cell:
    """A node and its state. The node's inputs are numbers of cells."""

    node: Node
    parameters: Floats
    outputs: int
    places: int
    run: Callable[..., Any] | None
    state: Floats
    last: Floats
    seen: Ints
    """Bars of its timeframe since the row was fresh."""
    roller: Roller | None = None
    past_end: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    past: Floats = field(default_factory=lambda: np.empty(0))
    function: "Implementation | None" = None
    """Of a node that calls one."""

    def feed(self, rows: Ints, x: Floats, out: Floats, *, keep: bool) -> None:
        """Run the kernel over bars; a state that is too narrow for them grows."""
        if self.function is not None:
            self.state = self.function.feed(self.state, rows, x, self.parameters, out, keep=keep)
            self.places = self.state.shape[1]
        elif self.run is not None:
            self.run(self.state, rows, x, self.parameters, keep, out)

    def take(self, other: "Cell", rows: Ints, theirs: Ints) -> None:
        """Take over the state of these rows from the same node elsewhere; `theirs` are their numbers over there."""
        self.widen(other.places)
        self.state[rows, : other.places] = other.state[theirs]
        self.state[rows, other.places :] = 0.0
        self.last[:, rows] = other.last[:, theirs]
        self.seen[rows] = other.seen[theirs]
        if self.roller is not None and other.roller is not None:
            self.roller.sf[rows], self.roller.si[rows] = other.roller.sf[theirs], other.roller.si[theirs]

    def widen(self, places: int) -> None:
        """Give every row at least so many places."""
        more = places - self.places
        if more > 0:
            self.state = np.concatenate([self.state, np.zeros((len(self.state), more))], axis=1)
            self.places = places

    @property
    def grows(self) -> bool:
        """True where a row may need more places than it has."""
        return self.function is not None and self.function.growing is not None

    def saved(self, rows: slice) -> Floats:
        """A copy of the state of these rows; equal states are equal, however wide they grew."""
        if self.function is not None and self.function.growing is not None:
            return self.function.growing.settled(self.state[rows])
        return self.state[rows].copy()

    def grow(self, rows: int) -> None:
        """Make room for `rows` rows; new ones have seen nothing."""
        more = rows - self.last.shape[1]
        if more > 0:
            self.state = np.concatenate([self.state, np.zeros((more, self.places))])
            self.last = np.concatenate([self.last, np.full((self.outputs, more), np.nan)], axis=1)
            self.seen = np.concatenate([self.seen, np.zeros(more, np.int64)])
            if self.roller is not None:
                self.roller.grow(rows)


def make_cell(node: Node, rows: int) -> Cell:
    """A node that has seen nothing. UserError where its function has no kernel."""
    outputs, places, run, known = 1, 0, None, None
    if node.op is Op.FUNCTION:
        from marketbell.core.indicators.implementations import IMPLEMENTATIONS  # noqa: PLC0415 — all kernels, when needed

        known = IMPLEMENTATIONS.get(node.name)
        if known is None:
            raise UserError(f"the function `{node.name}` cannot be evaluated")
        outputs, places = len(known.signature.outputs), int(known.places(node.parameters))
    elif node.op is Op.SHIFT:
        places, run = 1 + int(node.parameters[0]), sk.shift
    return Cell(
        node,
        np.array(node.parameters, np.float64),
        outputs,
        places,
        run,
        np.zeros((rows, places)),
        np.full((outputs, rows), np.nan),
        np.zeros(rows, np.int64),
        function=known,
    )


def as_list(node: Node) -> list[Any]:
    """A node as JSON can hold it."""
    inputs = [[item.node, item.output] for item in node.inputs]
    plain = (node.op, str(node.timeframe), node.name, list(node.parameters))
    return [*plain, inputs, node.universe, node.lookback, node.warm_up]


def from_list(item: Sequence[Any]) -> Node:
    """The inverse. ValueError or UserError where it is none."""
    op, timeframe, name, parameters, inputs, universe, lookback, warm_up = item
    read = tuple(Input(node, output) for node, output in inputs)
    # One NaN for all: tuples compare it by identity, and equal nodes are shared.
    values = tuple(math.nan if math.isnan(value) else float(value) for value in parameters)
    return Node(Op(op), Timeframe.parse(timeframe), name, values, read, universe, lookback, warm_up)


def key_of(node: Node) -> tuple[Any, ...]:
    """What makes two nodes the same series."""
    return (node.op, node.timeframe, node.name, node.parameters, node.inputs, node.universe)
