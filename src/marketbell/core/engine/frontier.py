"""A compiled rule cut in two: series that need memory, and the comparisons above them.

The series run in the engine's program, shared by everybody who reads them; what stands above them goes to a predicate
table. Values of other timeframes are held at the rule's own, and so are the ends of their bars, to tell their age.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from marketbell.core.engine.beyond import part
from marketbell.core.language.plan import Input, Node, Op, Plan
from marketbell.core.language.rule_plan import RulePlan
from marketbell.core.market.timeframe import TICK, Timeframe


@dataclass(frozen=True, slots=True)
class Frontier:
    """`plan` are the series, results by name; `whole` the rule's plan, of which `columns` names what the series give.

    `places`: where the whole plan has each part, at the rule's timing. `befores`: of the operands of crosses, their
    values at the evaluation before. `ends`: names of results that are ends of bars (ns), by timeframe.
    """

    plan: Plan
    whole: Plan
    columns: Mapping[Input, str]
    places: Mapping[str, Input]
    befores: Mapping[str, Input]
    ends: Mapping[Timeframe, str]


class _Nodes:
    """The nodes of a plan, to which held values are added once each."""

    def __init__(self, plan: Plan, timing: Timeframe) -> None:
        self.nodes = list(plan.nodes)
        self.timing = timing
        self._known = {node: at for at, node in enumerate(self.nodes)}

    def add(self, node: Node) -> Input:
        at = self._known.get(node)
        if at is None:
            at = self._known[node] = len(self.nodes)
            self.nodes.append(node)
        return Input(at)

    def held(self, item: Input) -> Input:
        """A value at the rule's timing."""
        node = self.nodes[item.node]
        if node.timeframe == self.timing:
            return item
        if node.op is Op.CONSTANT:
            return self.add(Node(Op.CONSTANT, self.timing, parameters=node.parameters))
        return self.add(Node(Op.HOLD, self.timing, inputs=(item,)))


def frontier(rule: RulePlan) -> Frontier:
    """Cut a compiled rule."""
    nodes = _Nodes(rule.plan, rule.timing)
    results = dict(rule.plan.results)
    places = {one.place: nodes.held(results[one.place]) for one in rule.parts}
    bars = {node.timeframe for node in rule.plan.nodes if _has_bars(node.timeframe)} - {rule.timing}
    ends = {
        timeframe: nodes.held(nodes.add(Node(Op.BAR, timeframe, "end")))
        for timeframe in sorted(bars, key=lambda one: one.rank)
    }
    befores = _befores(rule, places, nodes.nodes)
    whole = Plan(tuple(nodes.nodes))
    columns: dict[Input, str] = {}
    told: list[tuple[str, Input]] = []

    def tell(item: Input) -> str:
        if item not in columns:
            columns[item] = f"c{len(columns)}"
            told.append((columns[item], item))
        return columns[item]

    for root in [*places.values(), *befores.values()]:
        for item in leaves(whole, root):
            tell(item)
    names = {timeframe: tell(item) for timeframe, item in ends.items()}
    return Frontier(part(whole, told), whole, columns, places, befores, names)


def leaves(plan: Plan, root: Input) -> list[Input]:
    """What the operations above a plan's series read, from the root down."""
    found: list[Input] = []
    seen: set[Input] = set()
    waiting = [root]
    while waiting:
        item = waiting.pop()
        if item in seen:
            continue
        seen.add(item)
        node = plan.nodes[item.node]
        if node.op is Op.MAP:
            waiting += node.inputs
        elif node.op is not Op.CONSTANT:
            found.append(item)
    return found


def _befores(rule: RulePlan, places: Mapping[str, Input], nodes: list[Node]) -> dict[str, Input]:
    """Of operands of crosses, the inputs that hold what they were before."""
    before_of: dict[Input, Input] = {}
    for place in places.values():
        for item in _operations(nodes, place):
            node = nodes[item.node]
            if node.name in {"crosses above", "crosses below"}:
                now, before = node.inputs[:2], node.inputs[2:]
                before_of.update(zip(now, before, strict=True))
    found = {one.place: before_of[places[one.place]] for one in rule.parts if places[one.place] in before_of}
    return {place: item for place, item in found.items() if nodes[item.node].op is not Op.CONSTANT}


def _operations(nodes: list[Node], root: Input) -> list[Input]:
    found: list[Input] = []
    waiting = [root]
    while waiting:
        item = waiting.pop()
        if nodes[item.node].op is Op.MAP:
            found.append(item)
            waiting += nodes[item.node].inputs
    return found


def _has_bars(timeframe: Timeframe) -> bool:
    return timeframe != TICK and not timeframe.is_instant
