"""A screen as the table of screens runs it: closed series below, newest values, and conditions above both.

Three layers. *Closed* series come from bars; what reads the newest values or other instruments (ranks, shares of a
universe, other symbols) is made over the whole table at once; comparisons and logic above are operations of a
predicate table. What is the same in two screens has the same name, and is computed once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from marketbell.core.engine.beyond import part, words
from marketbell.core.engine.frontier import leaves
from marketbell.core.language import expression as ex
from marketbell.core.language.declared import known
from marketbell.core.language.expression_printer import print_expression
from marketbell.core.language.fields import FieldType
from marketbell.core.language.plan import Input, Node, Op, Plan
from marketbell.core.language.rule_plan import NOW, Part, RulePlan, compile_screen
from marketbell.core.language.tree import Screen, Symbol, expressions
from marketbell.core.language.vocabulary import TEXT_FIELDS

_ACROSS = frozenset({Op.FOREIGN, Op.CROSS})
_OF_PRICES = frozenset(
    {"fund.pe", "fund.pb", "fund.ps", "fund.market_cap", "fund.earnings_yield", "fund.dividend_yield"}
)
"""Ratios to the price: with an old price they are of another day."""
_OF_DATA = frozenset({"event_time", "src.age"})


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a screen: what was written, its heading, type and unit. `place` is its part, '' of a word."""

    expression: str
    label: str
    type: str
    unit: str
    place: str

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"expression": self.expression, "label": self.label, "type": self.type, "unit": self.unit}


@dataclass(frozen=True, slots=True)
class Compiled:
    """A screen, compiled. Made by `compiled`.

    `whole` has everything; `places` says where it has each part at the newest values. `leaves` are what the operations
    above read, with the names that `closed` and the table share (`words`, one for each node). `closed` are the series
    of bars, results by name, None where there are none. `chips`: texts and places of the conditions that must all
    hold. `labels`: of each leaf, what a person calls it. `needs_past`: a series reads across instruments at every bar.
    """

    screen: Screen
    plan: RulePlan
    whole: Plan
    words: tuple[str, ...]
    places: Mapping[str, Input]
    leaves: tuple[Input, ...]
    closed: Plan | None
    closed_names: Mapping[Input, str]
    truths: tuple[str, ...]
    chips: tuple[tuple[str, str], ...]
    order: str
    order_word: str
    columns: tuple[Column, ...]
    labels: Mapping[Input, str]
    reads_prices: bool
    needs_past: bool

    def name(self, item: Input) -> str:
        """Name of an output: the same for the same value in every screen."""
        return f"{self.words[item.node]}.{item.output}"


def compiled(screen: Screen, key: Callable[[Symbol], str] | None = None) -> Compiled:
    """Compile a judged screen; `key` gives the key of a symbol. InvalidRuleError where it cannot be evaluated."""
    plan = compile_screen(screen, key)
    nodes = list(plan.plan.nodes)
    numbers = {node: at for at, node in enumerate(nodes)}
    results = dict(plan.plan.results)

    def newest(item: Input) -> Input:
        node = nodes[item.node]
        if node.timeframe == NOW:
            return item
        held = (
            Node(Op.CONSTANT, NOW, parameters=node.parameters)
            if node.op is Op.CONSTANT
            else Node(Op.HOLD, NOW, inputs=(item,))
        )
        if held not in numbers:
            numbers[held] = len(nodes)
            nodes.append(held)
        return Input(numbers[held])

    places = {one.place: newest(results[one.place]) for one in plan.parts}
    whole = Plan(tuple(nodes))
    found = tuple(dict.fromkeys(item for place in places.values() for item in leaves(whole, place)))
    names = tuple(words(whole))
    closed, closed_names, needs_past = _closed(whole, found, names)
    truths = tuple(plan.roots[role] for role in ("where", "when") if role in plan.roots)
    order = screen.order_by
    return Compiled(
        screen, plan, whole, names, places, found, closed, closed_names, truths, _chips(plan, truths),
        plan.roots.get("order", ""), order.name if isinstance(order, ex.Field) and order.name in TEXT_FIELDS else "",
        tuple(_columns(screen, plan)), _labels(plan, places, whole), _reads_prices(whole), needs_past,
    )  # fmt: skip


def _closed(
    whole: Plan, roots: tuple[Input, ...], names: tuple[str, ...]
) -> tuple[Plan | None, dict[Input, str], bool]:
    """The series of bars that something above reads, by name, and whether one of them reads across at its own bars."""
    across: list[bool] = []
    for node in whole.nodes:
        across.append(node.op in _ACROSS or any(across[item.node] for item in node.inputs))
    reached = {item.node for item in roots}
    needs_past = False
    told: dict[Input, str] = {}
    for number in range(len(whole.nodes) - 1, -1, -1):
        if number not in reached:
            continue
        node = whole.nodes[number]
        is_series = node.timeframe != NOW and node.op in {Op.FUNCTION, Op.SHIFT, Op.LIVE, Op.HOLD}
        needs_past |= is_series and across[number]
        for item in node.inputs:
            below = whole.nodes[item.node]
            is_closed = below.timeframe != NOW and below.op is not Op.CONSTANT
            if is_closed and (not across[item.node] or (is_series and across[number])):
                told[item] = f"{names[item.node]}.{item.output}"
            else:
                reached.add(item.node)
    if needs_past:  # all series of bars at once, with what they read across at every bar
        told = {
            item: f"{names[item.node]}.{item.output}"
            for node in whole.nodes
            if node.timeframe == NOW
            for item in node.inputs
            if whole.nodes[item.node].timeframe != NOW and whole.nodes[item.node].op is not Op.CONSTANT
        }
    if not told:
        return None, {}, needs_past
    return part(whole, [(name, item) for item, name in sorted(told.items(), key=lambda one: one[1])]), told, needs_past


def _chips(plan: RulePlan, truths: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """The conditions that must all hold, in the order of the text."""
    found: list[tuple[str, str]] = []
    for place in truths:
        at = next(at for at, one in enumerate(plan.parts) if one.place == place)
        root = plan.parts[at]
        if isinstance(root.node, ex.Logic) and root.node.operator == "and":
            found += [(one.text, one.place) for one in plan.parts if one.parent == at]
        else:
            found.append((root.text, root.place))
    return tuple(found)


def _columns(screen: Screen, plan: RulePlan) -> list[Column]:
    parts = {one.place: one for one in plan.parts}
    found = []
    for at, node in enumerate(one for role, one in expressions(screen) if role == "column"):
        text = print_expression(node)
        place = plan.roots.get(f"column{at}", "")
        field = known(node.name) if isinstance(node, ex.Field) and node.symbol is None else None
        if not place:
            found.append(Column(text, text.capitalize(), "text", "", ""))
        elif field is not None:
            found.append(Column(text, field.label, str(field.type), field.unit, place))
        else:
            type_ = parts[place].type or str(FieldType.NUMBER)
            found.append(Column(text, text, type_, "%" if type_ == "percent" else "", place))
    return found


def _labels(plan: RulePlan, places: Mapping[str, Input], whole: Plan) -> dict[Input, str]:
    """What a person calls each value that is read: its field, or the text of the smallest part that is it."""
    found: dict[Input, str] = {}
    for one in plan.parts:
        for item in leaves(whole, places[one.place]):
            found[item] = _called(one, whole.nodes[item.node])
    return found


def _called(one: Part, node: Node) -> str:
    return node.name.partition("(")[0].partition("[")[0] if node.op is Op.FIELD else one.text


def _reads_prices(whole: Plan) -> bool:
    """True where a value follows from prices of this session, or from bars."""
    return any(
        node.op in {Op.BAR, Op.FUNCTION}
        or (node.op is Op.FIELD and (not node.name.startswith("fund.") or node.name in _OF_PRICES))
        for node in whole.nodes
        if node.name not in _OF_DATA
    )


def widened(
    screen: Screen, columns: tuple[ex.Expression, ...], order: ex.Expression | None, *, is_descending: bool
) -> Screen:
    """The screen with more columns, and in another order where one is given."""
    wide = replace(screen, columns=(*screen.columns, *columns))
    return wide if order is None else replace(wide, order_by=order, is_descending=is_descending)
