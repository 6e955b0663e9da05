"""A plan in the making: nodes, each distinct one once, whatever order and whichever expression they come from."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import blake2b

from marketbell.core.language.plan import Input, Node, Op, Plan
from marketbell.core.market.timeframe import Timeframe

_COMMUTATIVE = frozenset({"+", "*", "=", "!=", "and", "or", "min", "max"})


class PlanBuilder:
    """Collects nodes and named results; `plan` gives what the results need."""

    def __init__(self) -> None:
        self._nodes: list[Node] = []
        self._numbers: dict[Node, int] = {}
        self._marks: list[bytes] = []
        """What each node is, whatever its number."""
        self._results: list[tuple[str, Input]] = []

    def name(self, name: str, place: Input) -> None:
        """Make a place a result of the plan."""
        self._results.append((name, place))

    def timeframe(self, place: Input) -> Timeframe:
        """The timeframe of the values at a place."""
        return self._nodes[place.node].timeframe

    def op(self, place: Input) -> Op:
        """What the node of a place does."""
        return self._nodes[place.node].op

    def inputs(self, place: Input) -> tuple[Input, ...]:
        """What the node of a place reads."""
        return self._nodes[place.node].inputs

    def plan(self) -> Plan:
        """What the results need, in an order in which each node reads only earlier ones."""
        needed: set[int] = set()
        waiting = [place.node for _, place in self._results]
        while waiting:
            number = waiting.pop()
            if number not in needed:
                needed.add(number)
                waiting += [one.node for one in self._nodes[number].inputs]
        # Folding and sharing leave nodes that nobody reads.
        number_of = {old: new for new, old in enumerate(sorted(needed))}

        def moved(place: Input) -> Input:
            return Input(number_of[place.node], place.output)

        nodes = [self._nodes[old] for old in sorted(needed)]
        return Plan(
            tuple(replace(node, inputs=tuple(moved(place) for place in node.inputs)) for node in nodes),
            tuple((name, moved(place)) for name, place in self._results),
        )

    def node(
        self,
        op: Op,
        timeframe: Timeframe,
        name: str = "",
        parameters: tuple[float, ...] = (),
        inputs: Sequence[Input] = (),
        universe: str = "",
        *,
        more: tuple[int, int] = (0, 0),
    ) -> Input:
        """The place of a node, new or known. `more` are its own bars of lookback and warm-up."""
        if name in _COMMUTATIVE and op is Op.MAP:
            # An order that does not depend on what else is in the plan: equal series of two plans are equal nodes.
            inputs = sorted(inputs, key=lambda one: (self._marks[one.node], one.output))
        below = [self._nodes[one.node] for one in inputs]
        same = [one for one in below if one.timeframe == timeframe]
        lookback = more[0] + max((one.lookback for one in same), default=0)
        warm_up = more[1] + max((one.warm_up for one in same), default=0)
        node = Node(op, timeframe, name, parameters, tuple(inputs), universe, lookback, warm_up)
        number = self._numbers.get(node)
        if number is None:
            number = len(self._nodes)
            self._nodes.append(node)
            self._numbers[node] = number
            below_marks = [(self._marks[one.node].hex(), one.output) for one in inputs]
            content = repr((op.value, str(timeframe), name, parameters, below_marks, universe))
            self._marks.append(blake2b(content.encode(), digest_size=16).digest())
        return Input(number)

    def constant(self, value: float, timeframe: Timeframe) -> Input:
        """The same value at every bar."""
        # Infinite is unknown, and there is one NaN: equal constants are one node.
        return self.node(Op.CONSTANT, timeframe, parameters=(value + 0.0 if math.isfinite(value) else math.nan,))

    def value(self, one: Input) -> float | None:
        """The value of a constant, None for what is none."""
        node = self._nodes[one.node]
        return node.parameters[0] if node.op is Op.CONSTANT else None

    def map(self, name: str, inputs: Sequence[Input], timeframe: Timeframe) -> Input:
        """An operation bar by bar; arithmetic over constants is a constant."""
        values = [value for one in inputs if (value := self.value(one)) is not None]
        if len(values) == len(inputs):
            folded = _folded(name, values)
            if folded is not None:
                return self.constant(folded, timeframe)
        return self.node(Op.MAP, timeframe, name, inputs=inputs)

    def shift(self, one: Input, bars: int, timeframe: Timeframe) -> Input:
        """A value so many bars earlier."""
        if self.value(one) is not None:
            return one
        return self.node(Op.SHIFT, timeframe, parameters=(float(bars),), inputs=(one,), more=(bars, bars))

    def hold(self, one: Input, timeframe: Timeframe) -> Input:
        """A value of any timeframe, read at another."""
        node = self._nodes[one.node]
        if node.timeframe == timeframe:
            return one
        if node.op is Op.CONSTANT:
            return self.constant(node.parameters[0], timeframe)
        return self.node(Op.HOLD, timeframe, inputs=(one,))


_FOLDED: dict[str, Callable[..., float]] = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "/": lambda x, y: x / y if y else math.nan,
    "neg": lambda x: -x,
    "abs": abs,
}


def _folded(name: str, x: Sequence[float]) -> float | None:
    """The value of arithmetic over constants; None where it is left to the run, which does the same."""
    return _FOLDED[name](*x) if name in _FOLDED else None
