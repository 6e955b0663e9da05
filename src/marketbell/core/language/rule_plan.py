"""A rule or a screen as a plan, with the place of every part that somebody may want to see.

The parts are what reasons are made of: the conditions of the logic tree, the operands of the last of them, and below
these every field, function and offset. A function's own arguments are not parts, nor are literals inside arithmetic.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from marketbell.core.language import expression as ex
from marketbell.core.language.compile import Compiler
from marketbell.core.language.declared import EXPIRIES
from marketbell.core.language.defaults import effective
from marketbell.core.language.expression_printer import print_expression
from marketbell.core.language.functions import BUILT_INS, UNIVERSE_AT
from marketbell.core.language.plan import Input, Op, Plan
from marketbell.core.language.tree import Rule, Screen, Symbol, Timing, TimingKind, expressions
from marketbell.core.language.types import LITERAL, judge
from marketbell.core.language.vocabulary import TEXT_FIELDS
from marketbell.core.market.timeframe import DAY_1, TICK, Timeframe
from marketbell.core.primitives.errors import InvalidRuleError

NOW = Timeframe("now")
"""When a screen is evaluated."""

CHAIN_UPDATE = Timeframe("update chain")
"""When a rule that waits for option chains is evaluated; with the word of an expiry behind it: for those alone."""

_EXPIRY = re.compile(r'expiry: "(\w+)"')
_LITERALS = (ex.Number, ex.Percent, ex.Duration, ex.Text, ex.Truth)
_BAR_FIELDS = frozenset({"open", "high", "low", "close", "volume", "vwap"})
_PLAIN = frozenset(BUILT_INS) - frozenset(UNIVERSE_AT) - {"live"}


@dataclass(frozen=True, slots=True)
class Part:
    """A sub-expression. Parts stand in the order of the text, each behind the one that it is part of.

    `place` names its result in the plan. `role` is when, where, rearm, order or column; `kind` is condition, value or
    literal. `type` is a type of the language, None where it is a number of unknown meaning. `parent` is the place
    in the parts of what it stands in, -1 for a root. `timeframe` is that of its value: the bars that it is of.
    """

    place: str
    role: str
    kind: str
    type: str | None
    text: str
    parent: int
    node: ex.Expression
    timeframe: Timeframe


@dataclass(frozen=True, slots=True)
class RulePlan:
    """A compiled rule or screen.

    `plan` has every part as a result, by its place, at the timeframe of its value. `timing` says at which bars (or
    ticks, or instants) it is evaluated. `roots` gives the place of a role's root; columns are column0, column1 … (one
    that is a fact in words, like `symbol`, has none). `is_joint`: it reads other instruments; `may_repaint`: it reads
    bars that are still open. `fields` are the registry's names of what it reads.
    """

    plan: Plan
    timing: Timeframe
    parts: tuple[Part, ...]
    roots: Mapping[str, str]
    is_joint: bool
    may_repaint: bool
    fields: tuple[str, ...]


def compile_rule(rule: Rule, key: Callable[[Symbol], str] | None = None) -> RulePlan:
    """Compile a judged rule; what it does not say is filled in. `key` gives the key of a symbol.

    InvalidRuleError at the first part that cannot be evaluated.
    """
    rule = effective(rule)
    at = rule.at or Timing(TimingKind.TICK)
    return _compiled(rule, timing_of(at), at.timeframe if at.kind is TimingKind.LIVE else None, key)


def compile_screen(screen: Screen, key: Callable[[Symbol], str] | None = None) -> RulePlan:
    """Compile a judged screen: what names no bar has its newest value, functions and offsets are of days."""
    return _compiled(screen, NOW, None, key)


def faults(tree: Rule | Screen) -> list[InvalidRuleError]:
    """What of a judged rule or screen cannot be evaluated: all of it, in no order. Nothing where it compiles."""
    try:
        _ = compile_rule(tree) if isinstance(tree, Rule) else compile_screen(tree)
    except InvalidRuleError as error:
        found = {(error.line, error.column, error.message): error}
    else:
        return []
    # One fault is known; the others are found where each condition is compiled alone.
    whole = effective(tree) if isinstance(tree, Rule) else tree
    for role, node in expressions(whole):
        for part in _conjuncts(node):
            alone = _alone(whole, role, part)
            try:
                _ = compile_rule(alone) if isinstance(alone, Rule) else compile_screen(alone)
            except InvalidRuleError as error:
                found[error.line, error.column, error.message] = error
    return list(found.values())


def _conjuncts(node: ex.Expression) -> list[ex.Expression]:
    if isinstance(node, (ex.Logic, ex.Not)):
        return [one for part in ex.children(node) for one in _conjuncts(part)]
    return [node]


def _alone(tree: Rule | Screen, role: str, node: ex.Expression) -> Rule | Screen:
    """The same rule or screen with nothing but this expression; its timing stays."""
    if isinstance(tree, Rule):
        return replace(tree, when=node, where=None, rearm=None)
    is_value = role in {"order", "column"}
    when = ex.Known(node, position=node.position) if is_value else node
    return replace(tree, when=when, where=None, order_by=None, columns=())


def timing_of(at: Timing) -> Timeframe:
    """The bars, ticks or instants at which a rule is evaluated."""
    if at.kind is TimingKind.CLOSE and at.timeframe is not None:
        return at.timeframe
    if at.kind in {TimingKind.UPDATE, TimingKind.SCHEDULE}:
        return Timeframe(f"{at.kind} {at.word}")
    return TICK


def _compiled(
    tree: Rule | Screen, timing: Timeframe, live: Timeframe | None, key: Callable[[Symbol], str] | None
) -> RulePlan:
    parts = _Parts(Compiler(TICK, key), timing, live)
    roots: dict[str, str] = {}
    columns = 0
    for role, node in expressions(tree):
        name = role
        if role == "column":
            name, columns = f"column{columns}", columns + 1
        if isinstance(node, ex.Field) and node.name in TEXT_FIELDS:
            continue
        roots[name] = parts.add(node, role)
    plan = parts.compiler.plan()
    if timing == CHAIN_UPDATE and len(words := _expiries(plan)) == 1:
        # A rule that reads one expiry alone is looked at when a chain of that one comes.
        return _compiled(tree, Timeframe(f"{CHAIN_UPDATE} {words.pop()}"), live, key)
    ops = {node.op for node in plan.nodes}
    return RulePlan(
        plan,
        timing,
        tuple(parts.found),
        roots,
        is_joint=not ops.isdisjoint({Op.FOREIGN, Op.CROSS}),
        may_repaint=Op.LIVE in ops,
        fields=tuple(sorted(set(_fields(plan)))),
    )


def _expiries(plan: Plan) -> set[str]:
    """The words of the expiries that a plan reads chains of: all of them for a slope, which is of two."""
    names = [node.name for node in plan.nodes if node.op is Op.FIELD]
    if any(name.startswith("opt.term_slope") for name in names):
        return set(EXPIRIES)
    return {one.group(1) for name in names if (one := _EXPIRY.search(name))}


def _fields(plan: Plan) -> Iterator[str]:
    for node in plan.nodes:
        if node.op is Op.FIELD:
            yield node.name.partition("(")[0].partition("[")[0]
        elif node.op is Op.BAR and node.name == "typical":
            yield from ("high", "low", "close")
        elif node.op is Op.BAR and node.name in _BAR_FIELDS:
            yield node.name


class _Parts:
    """Walks expressions and compiles each part where it stands."""

    def __init__(self, compiler: Compiler, timing: Timeframe, live: Timeframe | None) -> None:
        self.compiler = compiler
        self.found: list[Part] = []
        self._timing = timing
        self._live = live

    def add(self, node: ex.Expression, role: str) -> str:
        """The expression of a role with all its parts; gives the place of the whole."""
        first = len(self.found)
        self._visit(node, role, -1, self._timing, is_named=False)
        return self.found[first].place

    def _visit(self, node: ex.Expression, role: str, parent: int, at: Timeframe, *, is_named: bool) -> None:
        inner = node
        while isinstance(inner, ex.At):
            at, is_named = inner.timeframe, True
            inner = inner.of
        place = f"p{len(self.found)}"
        item = self._compile(place, inner, parent, at, is_named=is_named)
        type_ = judge(node, lambda *_: None)  # it has no fault: only its type is asked
        kind = "literal" if isinstance(inner, _LITERALS) else "condition" if type_ == "bool" else "value"
        timeframe = self.compiler.timeframe(item)
        part = Part(
            place, role, kind, "number" if type_ == LITERAL else type_, print_expression(node), parent, node, timeframe
        )
        self.found.append(part)
        me = len(self.found) - 1
        for child in _children(inner):
            self._visit(child, role, me, at, is_named=is_named)

    def _compile(self, place: str, node: ex.Expression, parent: int, at: Timeframe, *, is_named: bool) -> Input:
        if isinstance(node, ex.Text):
            # The number of an enum's word: its field stands beside it.
            above = self.found[parent].node if parent >= 0 else node
            beside = next((one for one in _children(_inside(above)) if not isinstance(one, ex.Text)), node)
            return self.compiler.add_word(place, beside, node, at)
        bars = DAY_1 if at == TICK or at.is_instant else None
        return self.compiler.add(place, node, at, bars=bars, live=self._live, is_named=is_named)


def _inside(node: ex.Expression) -> ex.Expression:
    while isinstance(node, ex.At):
        node = node.of
    return node


def _children(node: ex.Expression) -> list[ex.Expression]:
    """What of a part are parts."""
    if isinstance(node, (ex.Chain, ex.Negative)) or (isinstance(node, ex.Call) and node.name in _PLAIN):
        if isinstance(node, ex.Call) and node.symbol is not None:
            return []
        return [one for one in ex.children(node) if not isinstance(one, _LITERALS)]
    if isinstance(node, (ex.Field, ex.Call, ex.Member, ex.Offset, *_LITERALS)):
        return []
    return list(ex.children(node))
