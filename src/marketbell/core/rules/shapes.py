"""Rules that differ in their thresholds alone are compiled once.

Ten thousand rules are mostly a few sentences with other numbers in them. The *shape* of a rule is its conditions with a
mark in the place of each number that is only compared; what is compiled is the shape, and each rule puts its numbers
where the marks are. A rule goes through its shape even where it is the first of it: what it becomes depends on itself
alone. Numbers inside functions, offsets and whatever remembers are part of the shape.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from math import isfinite, ldexp, nan

from marketbell.core.engine.frontier import Frontier, frontier
from marketbell.core.engine.watching import plan_form
from marketbell.core.language import expression as ex
from marketbell.core.language.plan import Op, Plan
from marketbell.core.language.rule_plan import RulePlan, compile_rule
from marketbell.core.language.tree import Rule, Symbol, Timing, expressions
from marketbell.core.market.timeframe import Timeframe
from marketbell.core.primitives.errors import InvalidRuleError

MOST = 4_096
"""Shapes that are remembered."""
_MARKS = tuple(0.618_033_988_749_894_9 + ldexp(n, -44) for n in range(256))
"""Numbers that nobody writes, and that are others when something is added to them."""

Key = Callable[[Symbol], str]
_Shared = tuple[ex.Expression, ex.Expression | None, ex.Expression | None, Timing | None]


@dataclass(frozen=True, slots=True)
class Shape:
    """What the rules of a shape share. `marks`: node of `cut.whole` -> which of the rule's numbers it is.

    `watch` names the series: equal series of different rules have the same name.
    """

    timing: Timeframe
    roots: Mapping[str, str]
    cut: Frontier
    watch: str
    is_fixed: bool
    """Every symbol in the conditions says its venue: they mean the same whoever there is."""
    marks: tuple[tuple[int, int], ...] = ()

    def filled(self, numbers: list[float]) -> Frontier:
        """The cut of the rule that has these numbers."""
        if not self.marks:
            return self.cut
        nodes = list(self.cut.whole.nodes)
        for at, number in self.marks:
            value = numbers[number]
            nodes[at] = replace(nodes[at], parameters=(value + 0.0 if isfinite(value) else nan,))
        return replace(self.cut, whole=Plan(tuple(nodes)))


class Shapes:
    """Remembers shapes. The same rule gives the same answer, whether its shape was known or not."""

    def __init__(self) -> None:
        self._known: dict[_Shared, Shape | None] = {}

    def of(self, rule: Rule, key: Key) -> tuple[Shape, Frontier]:
        """A rule's shape, and its own cut. InvalidRuleError where it cannot be evaluated.

        `rule` has its defaults. What names a symbol without a venue is compiled for itself, for `key` decides.
        """
        numbers: list[float] = []
        shared = replace(
            rule,
            when=_marked(rule.when, numbers),
            where=None if rule.where is None else _marked(rule.where, numbers),
            rearm=None
            if rule.rearm is None
            else replace(rule.rearm, when=None if rule.rearm.when is None else _marked(rule.rearm.when, numbers)),
        )
        own: _Shared = (shared.when, shared.where, shared.rearm.when if shared.rearm else None, rule.at)
        found = self._known.get(own)
        if found is None and own not in self._known:
            if len(self._known) >= MOST:
                self._known.clear()
            found = self._known[own] = _compiled(shared, len(numbers), key) if _is_fixed(rule) else None
        if found is not None:
            return found, found.filled(numbers)
        alone = _shape(compile_rule(rule, key), is_fixed=_is_fixed(rule))
        return alone, alone.cut


def _is_fixed(rule: Rule) -> bool:
    symbols = (
        node.symbol
        for _, expression in expressions(rule)
        for node in ex.walk(expression)
        if isinstance(node, (ex.Field, ex.Call)) and node.symbol is not None
    )
    return all(symbol.venue for symbol in symbols)


def watch_name(plan: Plan) -> str:
    """The name of a plan's series; equal plans have the same."""
    return "rules:" + blake2b(repr(plan_form(plan)).encode(), digest_size=16).hexdigest()


def _shape(plan: RulePlan, *, is_fixed: bool) -> Shape:
    cut = frontier(plan)
    return Shape(plan.timing, plan.roots, cut, watch_name(cut.plan), is_fixed)


def _compiled(rule: Rule, count: int, key: Key) -> Shape | None:
    """The shape of a rule with marks; None where a mark is not found again where it can be filled in."""
    try:
        found = _shape(compile_rule(rule, key), is_fixed=True)
    except InvalidRuleError:
        return None  # the rule itself says what is wrong, with its own places
    number_of = {mark: number for number, mark in enumerate(_MARKS[:count])}
    marks = [
        (at, number_of[node.parameters[0]])
        for at, node in enumerate(found.cut.whole.nodes)
        if node.op is Op.CONSTANT and node.parameters[0] in number_of
    ]
    is_lost = {number for _, number in marks} != set(number_of.values())
    below = {one for node in found.cut.plan.nodes for one in node.parameters}
    if is_lost or not below.isdisjoint(number_of):
        return None
    return replace(found, marks=tuple(marks))


def _marked(node: ex.Expression, numbers: list[float]) -> ex.Expression:
    """The condition with marks for the numbers that are only compared; these are added to `numbers`."""
    match node:
        case ex.Logic(parts=parts):
            return replace(node, parts=tuple(_marked(one, numbers) for one in parts))
        case ex.Not(of=of):
            return replace(node, of=_marked(of, numbers))
        case ex.Comparison(left=left, right=right) | ex.Crosses(left=left, right=right):
            return replace(node, left=_operand(left, numbers), right=_operand(right, numbers))
        case ex.Between(of=of, low=low, high=high):
            return replace(node, of=of, low=_operand(low, numbers), high=_operand(high, numbers))
    return node


def _operand(node: ex.Expression, numbers: list[float]) -> ex.Expression:
    """A number, or a chain of one number and series: numbers among themselves are worked out before."""
    if isinstance(node, ex.Chain):
        literal = [at for at, one in enumerate(node.operands) if isinstance(one, (ex.Number, ex.Percent))]
        others = [one for one in node.operands if not isinstance(one, (ex.Number, ex.Percent))]
        if len(literal) != 1 or not all(isinstance(one, (ex.Field, ex.Call, ex.At)) for one in others):
            return node
        (at,) = literal
        return replace(
            node, operands=(*node.operands[:at], _operand(node.operands[at], numbers), *node.operands[at + 1 :])
        )
    if not isinstance(node, (ex.Number, ex.Percent)) or len(numbers) >= len(_MARKS):
        return node
    numbers.append(node.value)
    return replace(node, value=_MARKS[len(numbers) - 1])
