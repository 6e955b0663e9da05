"""Names and types of an expression, judged on its tree.

A percentage is held in percentage points; it compares with plain numbers and percentages. Words of enums are equal to
an enum's value or not, and nothing else.
"""

from marketbell.core.indicators.catalogue import BY_NAME as SERIES
from marketbell.core.indicators.catalogue import Signature
from marketbell.core.language import expression as ex
from marketbell.core.language.declared import DECLARED, DERIVED, declared, known
from marketbell.core.language.errors import LIMIT, NAME, SYNTAX, TYPE
from marketbell.core.language.expression_printer import print_expression, print_span
from marketbell.core.language.fields import ALIASES, BY_NAME, Field, resolve
from marketbell.core.language.functions import (
    BUILT_INS,
    MEMBER_TYPES,
    NAMES,
    UNIVERSE_AT,
    BuiltIn,
    Report,
    bind,
    settled,
    usage,
)
from marketbell.core.language.vocabulary import BAR_FIELDS, TEXT_FIELDS, TYPE_NAMES, hint

LITERAL = "literal"
"""The type of a plain number: it fits every numeric type."""

BOOL = "bool"
_NUMERIC = frozenset({"price", "number", "percent", "money", "count", "duration", LITERAL})
_NO_NUMBERS = frozenset({"text", BOOL, "enum", "time"})
_LONGEST = 60
_EQUALS = frozenset({"=", "!="})
_SPANS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
MAX_SPAN_DAYS = 366
"""The longest time that a predicate may look back."""


def judge(expression: ex.Expression, report: Report) -> str | None:
    """The type of an expression, None where it is not known. `report` takes all that is wrong with it."""
    return _Judge(report).infer(expression)


def judge_column(expression: ex.Expression, report: Report) -> str | None:
    """The same for a column or an order of a screen: it may also be a fact in words, like `symbol`."""
    if isinstance(expression, ex.Field) and expression.name in TEXT_FIELDS and expression.symbol is None:
        return "text"
    return judge(expression, report)


def judge_condition(expression: ex.Expression, report: Report) -> None:
    """The same for an expression that must be true or false."""
    _Judge(report).condition(expression)


def said(node: ex.Expression) -> str:
    """An expression as messages quote it."""
    text = print_expression(node)
    return f"`{text}`" if len(text) <= _LONGEST else f"`{text[: _LONGEST - 1]}…`"


def type_name(kind: str | None) -> str:
    """A type in words."""
    return TYPE_NAMES.get(kind or "", "a number")


class _Judge:
    def __init__(self, report: Report) -> None:
        self._report = report

    def condition(self, node: ex.Expression) -> None:
        kind = self.infer(node)
        if kind is not None and kind != BOOL:
            message = f"a condition is needed here, and {said(node)} is {type_name(kind)}"
            self._report(node.position, message, TYPE)

    def infer(self, node: ex.Expression) -> str | None:  # noqa: C901, PLR0911 — one line a kind of node
        match node:
            case ex.Number():
                return LITERAL
            case ex.Percent():
                return "percent"
            case ex.Duration():
                return "duration"
            case ex.Text():
                return "text"
            case ex.Truth():
                return BOOL
            case ex.Field():
                return self._field(node)
            case ex.Call():
                return self._call(node, None)
            case ex.Member(of=ex.Call() as call):
                return self._call(call, node)
            case ex.Member(of=of):
                self.infer(of)
                self._report(node.position, f"{said(of)} has no member `{node.name}`", NAME)
                return None
            case ex.Offset(of=of) | ex.At(of=of) | ex.Negative(of=of):
                return self._numbers(of) if isinstance(node, ex.Negative) else self.infer(of)
            case ex.Chain():
                return self._chain(node)
            case ex.Universe():
                return None
        self._predicate(node)
        return BOOL

    # Predicates.

    def _predicate(self, node: ex.Expression) -> None:
        match node:
            case ex.Not() | ex.Logic():
                for part in ex.children(node):
                    self.condition(part)
            case ex.HeldFor(span=span) | ex.Seen(span=span) | ex.Then(within=span):
                for part in ex.children(node):
                    self.condition(part)
                self._span(node, span)
            case ex.Moves():
                self._moves(node)
            case ex.Trend(of=of):
                self._numbers(of)
            case ex.Known(of=of):
                self.infer(of)
            case _:
                is_equal = isinstance(node, ex.Comparison) and node.operator in _EQUALS
                is_order = not (is_equal or isinstance(node, ex.In))
                left, *others = ex.children(node)
                kind = self.infer(left)
                if is_order and kind in _NO_NUMBERS:
                    message = f"{said(left)} is {type_name(kind)}: it can be compared by = and != alone"
                    self._report(left.position, message, TYPE)
                    return
                for other in others:
                    self._compare(left, kind, other, self.infer(other), is_order=is_order)

    def _moves(self, node: ex.Moves) -> None:
        kind = self._numbers(node.of)
        by = self._numbers(node.by)
        value = node.by.value if isinstance(node.by, (ex.Number, ex.Percent)) else 1.0
        if value <= 0:
            self._report(node.by.position, f"`{node.verb} by` needs more than nothing, not {said(node.by)}", LIMIT)
        elif by != "percent":  # a percentage is one of the value itself
            self._compare(node.of, kind, node.by, by, is_order=True)
        self._span(node, node.within)

    def _span(self, node: ex.Expression, span: ex.Span) -> None:
        if span.unit == ex.BARS:
            return
        if span.unit not in _SPANS:
            message = f"`{print_span(span)}` has no fixed length: use bars, s, m, h, d or w"
            self._report(node.position, message, TYPE)
        elif not 0 < span.amount * _SPANS[span.unit] <= MAX_SPAN_DAYS * _SPANS["d"]:
            message = f"`{print_span(span)}`: more than nothing and at most {MAX_SPAN_DAYS}d are needed"
            self._report(node.position, message, LIMIT)

    def _compare(
        self,
        left: ex.Expression,
        left_type: str | None,
        right: ex.Expression,
        type_: str | None,
        *,
        is_order: bool = False,
    ) -> None:
        both = {left_type, type_}
        if both == {"enum", "text"} and not is_order:
            self._word(*((left, right) if left_type == "enum" else (right, left)))
            return
        if (left_type is None or type_ is None or left_type == type_) and both != {"text"}:
            return
        if LITERAL in both and both <= _NUMERIC:
            return
        message = (
            f"{said(left)} is {type_name(left_type)} and {said(right)} is {type_name(type_)}: they cannot be compared"
        )
        self._report(right.position, message, TYPE)

    def _word(self, of: ex.Expression, text: ex.Expression) -> None:
        """A text beside an enum has to be one of its words."""
        while isinstance(of, (ex.Offset, ex.At)):
            of = of.of
        field = known(of.name) if isinstance(of, (ex.Field, ex.Call)) else None
        if field is None or not field.members or not isinstance(text, ex.Text):
            self._report(text.position, f"{said(text)} can only stand beside a field that is a choice", TYPE)
            return
        members = [word for word in field.members if word]
        if text.value not in members:
            choices = hint(text.value, members) or f": it is one of {', '.join(members)}"
            self._report(text.position, f"`{field.name}` is never `{text.value}`{choices}", NAME)

    # Values.

    def _numbers(self, node: ex.Expression) -> str | None:
        kind = self.infer(node)
        if kind in _NO_NUMBERS:
            message = f"{said(node)} is {type_name(kind)}: it cannot be reckoned with"
            self._report(node.position, message, TYPE)
            return None
        return kind

    def _chain(self, node: ex.Chain) -> str | None:
        types = [self._numbers(operand) for operand in node.operands]
        known = {kind for kind in types if kind != LITERAL}
        is_sum = node.operators[0] in "+-"
        for operand, kind in zip(node.operands, types, strict=True):
            # `close + 5%` and `5% * close` would add or multiply percentage points: hardly ever what is meant.
            literal = isinstance(operand, ex.Percent)
            others = known - {None, kind}
            if literal and (others if is_sum else len(known) > 1):
                message = (
                    f"{said(operand)} is a percentage, held in percentage points: "
                    f"5% of a price is written `0.05 * close`, and 5% more is `1.05 * close`"
                )
                self._report(operand.position, message, TYPE)
                return None
        if not known:
            return LITERAL
        if len(known) > 1 or None in known:
            return None
        (kind,) = known
        if is_sum:
            return kind
        # A price times two is a price; a price over a price is a plain number of unknown meaning.
        divisors = {t for t, operator in zip(types[1:], node.operators, strict=True) if operator == "/"}
        return kind if types.count(kind) == 1 and divisors <= {LITERAL} else None

    def _field(self, node: ex.Field) -> str | None:
        if node.name in BAR_FIELDS:
            return BAR_FIELDS[node.name][0]
        field = known(node.name)
        if field is not None:
            return self._known(node, field)
        if node.name in NAMES:
            self._report(node.position, f"`{node.name}` is a function: `{usage(node.name)}`", NAME)
            return None
        if node.name in TEXT_FIELDS:
            message = f"`{node.name}` is a fact in words: it can be a column of a screen, no part of an expression"
            self._report(node.position, message, TYPE)
            return None
        names = [*BY_NAME, *ALIASES, *BAR_FIELDS, *(one.name for one in (*DECLARED, *DERIVED))]
        self._report(node.position, f"unknown field `{node.name}`{hint(node.name, names)}", NAME)
        return None

    def _known(self, node: ex.Field | ex.Call, field: Field) -> str | None:
        """The type of a field whose settings are right."""
        return None if settled(node, field, self._report) is None else str(field.type)

    # Calls.

    def _call(self, call: ex.Call, member: ex.Member | None) -> str | None:
        if call.name in SERIES:
            return self._series(call, member)
        field = declared(call.name)
        if field is not None:
            if member is None:
                return self._known(call, field)
            self._report(member.position, f"`{call.name}(…)` has no member `{member.name}`", NAME)
            return None
        types = [self.infer(argument) for argument in call.arguments]
        for _, argument in call.named:
            self.infer(argument)
        if member is not None and call.name in BUILT_INS:
            self._report(member.position, f"`{call.name}(…)` has no member `{member.name}`", NAME)
            return None
        if call.name in BUILT_INS:
            return self._built_in(call, types)
        if resolve(call.name) is not None or call.name in BAR_FIELDS:
            self._report(call.position, f"`{call.name}` is a field and takes no arguments", NAME)
        else:
            names = [*NAMES, *(one.name for one in DECLARED if one.settings)]
            self._report(call.position, f"unknown function `{call.name}`{hint(call.name, names)}", NAME)
        return None

    def _series(self, call: ex.Call, member: ex.Member | None) -> str | None:
        bound = bind(call, self._report)
        if bound is None:
            for argument in call.arguments:
                if not isinstance(argument, (ex.Number, ex.Percent, ex.Duration)):
                    self.infer(argument)
            return None
        signature = bound.signature
        written = [*call.arguments, *(value for _, value in call.named)]
        same: str | None = None
        for name, series in zip(signature.arguments, bound.series, strict=True):
            if name == "condition":
                self.condition(series)
                continue
            kind = self._numbers(series) if any(series is one for one in written) else "price"
            same = kind if name == "x" else same
        if not self._is_member(call, member, signature):
            return None
        result = signature.result if member is None else MEMBER_TYPES.get((call.name, member.name), signature.result)
        if result != "same":
            return result
        return None if same == LITERAL else same

    def _is_member(self, call: ex.Call, member: ex.Member | None, signature: Signature) -> bool:
        choices = ", ".join(f"`.{name}`" for name in signature.outputs)
        if member is None:
            if not signature.main:
                message = f"`{call.name}(…)` has several values: say which of {choices}"
                self._report(call.position, message, NAME)
            return bool(signature.main)
        if member.name in signature.outputs:
            return True
        near = ": it has one value" if len(signature.outputs) == 1 else hint(member.name, signature.outputs)
        message = f"`{call.name}(…)` has no member `{member.name}`{near or f': it has {choices}'}"
        self._report(member.position, message, NAME)
        return False

    def _built_in(self, call: ex.Call, types: list[str | None]) -> str | None:  # noqa: C901 — one check a line
        one = BUILT_INS[call.name]
        if not self._is_well_called(call, one):
            return None
        values = list(zip(call.arguments, types, strict=True))
        if call.name in UNIVERSE_AT:
            del values[UNIVERSE_AT[call.name]]
        if call.name in {"if", "pct_of"}:
            (node, kind), *values = values
            if kind not in {None, BOOL}:
                message = f"a condition is needed here, and {said(node)} is {type_name(kind)}"
                self._report(node.position, message, TYPE)
        elif call.name not in {"live", "coalesce"}:
            for node, kind in values:
                if kind in _NO_NUMBERS:
                    message = f"{said(node)} is {type_name(kind)}: `{call.name}` needs numbers"
                    self._report(node.position, message, TYPE)
        if one.result != "same":
            return one.result
        if call.name == "round":
            values = values[:1]
        for node, kind in values[1:]:
            self._compare(values[0][0], values[0][1], node, kind)
        known = [kind for _, kind in values if kind not in {None, LITERAL}]
        return known[0] if known else values[0][1]

    def _is_well_called(self, call: ex.Call, one: BuiltIn) -> bool:
        count = len(call.arguments)
        if count < one.least or (one.most is not None and count > one.most):
            few = f"{one.least} to {one.most}"
            if one.most is None or one.least == one.most:
                few = f"{'at least ' if one.most is None else ''}{one.least}"
            noun = "argument" if few == "1" else "arguments"
            self._report(call.position, f"`{call.name}` takes {few} {noun}: `{one.usage}`", SYNTAX)
            return False
        if call.named:
            word, argument = call.named[0]
            self._report(argument.position, f"`{call.name}` has no argument `{word}`: `{one.usage}`", NAME)
            return False
        place = UNIVERSE_AT.get(call.name)
        if place is not None and not isinstance(call.arguments[place], ex.Universe):
            message = f"`{call.name}` needs the name of a universe here: `{one.usage}`"
            self._report(call.arguments[place].position, message, TYPE)
            return False
        return True
