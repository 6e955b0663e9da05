"""The canonical text of an expression: one spelling for one tree, brackets only where they are needed."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from marketbell.core.language import expression as ex
from marketbell.core.language.literals import write_number, write_number_exact, write_string, write_symbol
from marketbell.core.language.symbols import Symbol

# How tightly a spelling holds together, loosest first; an operand that is looser gets brackets.
_OR, _AND, _NOT, _THEN, _HELD, _PREDICATE, _SUM, _PRODUCT, _UNARY, _POSTFIX = range(10)


def print_expression(node: ex.Expression) -> str:
    """Text that reads back as the same tree."""
    return _written(node)[0]


def print_span(span: ex.Span) -> str:
    """`5 bars` or `10m`."""
    amount = _amount(span.amount)
    return f"{amount} bars" if span.unit == ex.BARS else f"{amount}{span.unit}"


def _amount(value: float) -> str:
    return write_number_exact(Decimal(repr(value)))


def _prefix(symbol: Symbol | None) -> str:
    return "" if symbol is None else f"{write_symbol(symbol)}."


def _as(node: ex.Expression, level: int) -> str:
    text, own = _written(node)
    return text if own >= level else f"({text})"


def _literal(text: str) -> tuple[str, int]:
    return text, _UNARY if text.startswith("-") else _POSTFIX


def _call(node: ex.Call) -> tuple[str, int]:
    written = [print_expression(argument) for argument in node.arguments]
    written += [f"{name}: {print_expression(argument)}" for name, argument in node.named]
    return f"{_prefix(node.symbol)}{node.name}({', '.join(written)})", _POSTFIX


def _offset(node: ex.Offset) -> tuple[str, int]:
    unit = "" if node.unit == ex.BARS else node.unit
    return f"{_as(node.of, _POSTFIX)}[{node.amount}{unit}]", _POSTFIX


def _chain(node: ex.Chain) -> tuple[str, int]:
    level = _SUM if node.operators[0] in "+-" else _PRODUCT
    text = _as(node.operands[0], level + 1)
    for operator, operand in zip(node.operators, node.operands[1:], strict=True):
        text += f" {operator} {_as(operand, level + 1)}"
    return text, level


def _crosses(node: ex.Crosses) -> tuple[str, int]:
    direction = "" if node.direction == "either" else f" {node.direction}"
    return f"{_as(node.left, _SUM)} crosses{direction} {_as(node.right, _SUM)}", _PREDICATE


def _logic(node: ex.Logic) -> tuple[str, int]:
    level = _OR if node.operator == "or" else _AND
    return f" {node.operator} ".join(_as(part, level + 1) for part in node.parts), level


_WRITERS: dict[type[ex.Expression], Callable[[Any], tuple[str, int]]] = {
    ex.Number: lambda n: _literal(write_number(n.value)),
    ex.Percent: lambda n: _literal(f"{write_number(n.value)}%"),
    ex.Duration: lambda n: (f"{_amount(n.amount)}{n.unit}", _POSTFIX),
    ex.Text: lambda n: (write_string(n.value), _POSTFIX),
    ex.Truth: lambda n: ("true" if n.value else "false", _POSTFIX),
    ex.Field: lambda n: (f"{_prefix(n.symbol)}{n.name}", _POSTFIX),
    ex.Universe: lambda n: (n.name, _POSTFIX),
    ex.Call: _call,
    ex.Member: lambda n: (f"{_as(n.of, _POSTFIX)}.{n.name}", _POSTFIX),
    ex.Offset: _offset,
    ex.At: lambda n: (f"{_as(n.of, _POSTFIX)}@{n.timeframe}", _POSTFIX),
    ex.Negative: lambda n: (f"-{_as(n.of, _UNARY)}", _UNARY),
    ex.Chain: _chain,
    ex.Comparison: lambda n: (f"{_as(n.left, _SUM)} {n.operator} {_as(n.right, _SUM)}", _PREDICATE),
    ex.Between: lambda n: (
        f"{_as(n.of, _SUM)} between {_as(n.low, _SUM)} and {_as(n.high, _SUM)}",
        _PREDICATE,
    ),
    ex.In: lambda n: (f"{_as(n.of, _SUM)} in ({', '.join(_as(c, _SUM) for c in n.choices)})", _PREDICATE),
    ex.Crosses: _crosses,
    ex.Passes: lambda n: (f"{_as(n.of, _SUM)} {n.verb} ({_as(n.low, _SUM)}, {_as(n.high, _SUM)})", _PREDICATE),
    ex.Moves: lambda n: (
        f"{_as(n.of, _SUM)} {n.verb} by {_as(n.by, _SUM)} within {print_span(n.within)}",
        _PREDICATE,
    ),
    ex.Trend: lambda n: (f"{_as(n.of, _SUM)} is {n.direction}", _PREDICATE),
    ex.Known: lambda n: (f"{_as(n.of, _SUM)} is known", _PREDICATE),
    ex.Not: lambda n: (f"not {_as(n.of, _NOT)}", _NOT),
    ex.Logic: _logic,
    ex.HeldFor: lambda n: (f"{_as(n.of, _HELD)} for {print_span(n.span)}", _HELD),
    ex.Seen: lambda n: (f"{_as(n.of, _HELD)} seen in last {print_span(n.span)}", _HELD),
    ex.Then: lambda n: (
        f"{_as(n.first, _HELD)} then {_as(n.second, _HELD)} within {print_span(n.within)}",
        _THEN,
    ),
}


def _written(node: ex.Expression) -> tuple[str, int]:
    return _WRITERS[type(node)](node)
