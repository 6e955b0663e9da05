"""Text, or a part of a rule's parse tree, to the tree of an expression."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from lark import Token
from lark import Tree as ParseTree

from marketbell.core.language import expression as ex
from marketbell.core.language.errors import LIMIT, SYNTAX, RuleErrors
from marketbell.core.language.fields import resolve
from marketbell.core.language.functions import UNIVERSE_AT
from marketbell.core.language.literals import read_number, read_string, read_symbol
from marketbell.core.language.source import Source
from marketbell.core.language.symbols import Position, Symbol
from marketbell.core.language.syntax import Node, Tree, parse
from marketbell.core.language.types import judge
from marketbell.core.market.timeframe import Timeframe
from marketbell.core.primitives.errors import InvalidRuleError, UserError

MAX_WINDOW = 5_000
"""Bars of an offset, as of a window."""

OFFSET_UNITS = ("d", "w", "mo", "q", "y")

_FIRST = Position(1, 1)

Place = Callable[[Node], Position]

_LEVELS = {"sum": "+-", "product": "*/"}


def read_text(text: str, start: Position = _FIRST) -> ex.Expression:
    """Read an expression that stands at `start`. RuleErrors where it is none; its names are not judged yet."""
    source = Source(text, start)
    try:
        return read_expression(parse(source, "expression"), lambda node: _position(node, source))
    except InvalidRuleError as error:
        raise RuleErrors([error]) from error


def parse_expression(text: str, start: Position = _FIRST) -> ex.Expression:
    """Read an expression and judge its names and types. RuleErrors with everything that is wrong."""
    expression = read_text(text, start)
    errors: list[InvalidRuleError] = []

    def report(position: Position, message: str, reason: str) -> None:
        errors.append(InvalidRuleError(message, position.line, position.column, reason=reason))

    judge(expression, report)
    if errors:
        raise RuleErrors(errors)
    return expression


def _position(node: Node, source: Source) -> Position:
    if isinstance(node, Token):
        return source.position(node.line or 1, node.column or 1)
    return source.start if node.meta.empty else source.position(node.meta.line, node.meta.column)


def read_expression(node: Node, at: Place) -> ex.Expression:
    """The tree of an expression's parse tree; `at` gives a node's place. InvalidRuleError at the first fault."""
    return _Reader(at).read(node)


class _Reader:
    def __init__(self, at: Place) -> None:
        self._at = at
        self._readers: dict[str, Callable[[Tree, Position], ex.Expression]] = {
            "number": self._number,
            "percent": lambda n, p: ex.Percent(self._value(n.children[0], str(n.children[0])[:-1]), position=p),
            "duration": lambda n, p: ex.Duration(*_amount(str(n.children[0])), position=p),
            "text": lambda n, p: ex.Text(read_string(str(n.children[0])), position=p),
            "truth": lambda n, p: ex.Truth(str(n.children[0]) == "true", position=p),
            "symbol": self._bare_symbol,
            "name": self._field,
            "member": self._member,
            "call": self._call,
            "offset": self._offset,
            "timeframe": self._timeframe,
            "group": lambda n, _: self.read(n.children[0]),
            "negative": self._negative,
            "sum": self._chain,
            "product": self._chain,
            "comparison": lambda n, p: ex.Comparison(
                str(n.children[1]), self.read(n.children[0]), self.read(n.children[2]), position=p
            ),
            "between": lambda n, p: ex.Between(*self._all(n), position=p),
            "in_": self._in,
            "crosses": lambda n, p: ex.Crosses(
                self.read(n.children[0]), str(n.children[1]), self.read(n.children[2]), position=p
            ),
            "crosses_either": lambda n, p: ex.Crosses(
                self.read(n.children[0]), "either", self.read(n.children[1]), position=p
            ),
            "enters": lambda n, p: self._passes(n, p, "enters"),
            "leaves": lambda n, p: self._passes(n, p, "leaves"),
            "moves": lambda n, p: ex.Moves(
                self.read(n.children[0]),
                str(n.children[1]),
                self.read(n.children[2]),
                self._span(n.children[3]),
                position=p,
            ),
            "is_trend": lambda n, p: ex.Trend(self.read(n.children[0]), str(n.children[1]), position=p),
            "is_known": lambda n, p: ex.Known(self.read(n.children[0]), position=p),
            "not_": lambda n, p: ex.Not(self.read(n.children[0]), position=p),
            "conjunction": lambda n, p: self._logic(n, p, "and"),
            "expression": lambda n, p: self._logic(n, p, "or"),
            "held_for": lambda n, p: ex.HeldFor(self.read(n.children[0]), self._span(n.children[1]), position=p),
            "seen": lambda n, p: ex.Seen(self.read(n.children[0]), self._span(n.children[1]), position=p),
            "then_": lambda n, p: ex.Then(
                self.read(n.children[0]), self.read(n.children[1]), self._span(n.children[2]), position=p
            ),
        }

    def read(self, node: Node) -> ex.Expression:
        if not isinstance(node, ParseTree):
            raise TypeError(node)  # cannot be: every value of the grammar is a tree
        return self._readers[str(node.data)](node, self._at(node))

    def _fail(self, node: Node, message: str, reason: str = SYNTAX) -> InvalidRuleError:
        position = self._at(node)
        return InvalidRuleError(message, position.line, position.column, reason=reason)

    def _all(self, node: Tree) -> Iterator[Any]:
        return (self.read(child) for child in node.children if isinstance(child, ParseTree))

    # Literals.

    def _number(self, node: Tree, position: Position) -> ex.Expression:
        token = node.children[0]
        return ex.Number(self._value(token, str(token)), position=position)

    def _value(self, token: Node, text: str) -> float:
        try:
            value = read_number(text)
        except ValueError:
            message = f"unknown number `{text}`: a number may end in k, L, M, Cr or B"
            raise self._fail(token, message) from None
        if value == float("inf"):
            raise self._fail(token, "a number must be finite", LIMIT)
        return value

    def _span(self, node: Node) -> ex.Span:
        if not isinstance(node, ParseTree):
            raise TypeError(node)  # cannot be: a span is a tree
        token = node.children[0]
        if isinstance(token, Token) and token.type == "DURATION":
            return ex.Span(*_amount(str(token)))
        bars = self._value(token, str(token))
        if bars != int(bars) or not 1 <= bars <= MAX_WINDOW:
            raise self._fail(token, f"`{token} bars`: a whole number from 1 to {MAX_WINDOW:,} is needed", LIMIT)
        return ex.Span(bars, ex.BARS)

    # Names.

    def _path(self, node: Node) -> tuple[Symbol | None, str] | None:
        """(symbol, dotted name) of a chain of names; None where something is computed."""
        if not isinstance(node, ParseTree):
            return None
        if node.data == "name":
            return None, str(node.children[0])
        if node.data != "member":
            return None
        head, member = node.children[0], str(node.children[1])
        if isinstance(head, ParseTree) and head.data == "symbol":
            return self._symbol(head), member[1:]
        path = self._path(head)
        return None if path is None else (path[0], path[1] + member)

    def _symbol(self, node: Tree) -> Symbol:
        token = str(node.children[0])
        symbol = read_symbol(token)
        if not symbol.name:
            raise self._fail(node, f"`{token}` names no symbol")
        return Symbol(symbol.name, symbol.venue, self._at(node))

    def _bare_symbol(self, node: Tree, _: Position) -> ex.Expression:
        token = node.children[0]
        raise self._fail(node, f"`{token}` needs a field: `{token}.close`")

    def _field(self, node: Tree, position: Position) -> ex.Expression:
        path = self._path(node)
        if path is None:
            raise TypeError(node)  # cannot be: callers made sure
        symbol, name = path
        known = resolve(name)
        return ex.Field(name if known is None else known.name, symbol, position=position)

    def _member(self, node: Tree, position: Position) -> ex.Expression:
        if self._path(node) is not None:
            return self._field(node, position)
        return _at_call(self.read(node.children[0]), str(node.children[1])[1:], position)

    def _call(self, node: Tree, position: Position) -> ex.Expression:
        path = self._path(node.children[0])
        if path is None:
            raise self._fail(node.children[0], "only a function can be called, as in `sma(close, 20)`")
        symbol, name = path
        given: list[ex.Expression] = []
        named: list[tuple[str, ex.Expression]] = []
        arguments = node.children[1] if len(node.children) > 1 else None
        for argument in arguments.children if isinstance(arguments, ParseTree) else ():
            inner = argument
            while isinstance(inner, ParseTree) and inner.data == "argument":
                inner = inner.children[0]
            if isinstance(inner, ParseTree) and inner.data == "named_argument":
                word = str(inner.children[0])
                if any(word == other for other, _ in named):
                    raise self._fail(inner, f"`{word}` is given twice")
                named.append((word, self.read(inner.children[1])))
            elif named:
                raise self._fail(inner, "named arguments stand behind the others")
            elif UNIVERSE_AT.get(name) == len(given) and isinstance(inner, ParseTree) and inner.data == "name":
                given.append(ex.Universe(str(inner.children[0]), position=self._at(inner)))
            else:
                given.append(self.read(inner))
        return ex.Call(name, tuple(given), tuple(named), symbol, position=position)

    # Other bars.

    def _offset(self, node: Tree, position: Position) -> ex.Expression:
        of, token = self.read(node.children[0]), node.children[1]
        word = str(token)
        if isinstance(token, Token) and token.type == "DURATION":
            amount, unit = _amount(word)
            if unit not in OFFSET_UNITS:
                message = (
                    f"`[{word}]`: an offset is in bars (`[3]`), or written `[1d]`, `[1w]`, `[1mo]`, `[1q]`, `[1y]`"
                )
                raise self._fail(token, message)
        else:
            amount, unit = self._value(token, word), ex.BARS
        if amount != int(amount) or not 1 <= amount <= MAX_WINDOW:
            raise self._fail(token, f"`[{word}]`: an offset is a whole number from 1 to {MAX_WINDOW:,}", LIMIT)
        return ex.Offset(of, int(amount), unit, position=position)

    def _timeframe(self, node: Tree, position: Position) -> ex.Expression:
        of, token = self.read(node.children[0]), node.children[1]
        try:
            timeframe = Timeframe.parse(str(token))
        except UserError as error:
            raise self._fail(token, error.message) from None
        return ex.At(of, timeframe, position=position)

    # Arithmetic and predicates.

    def _negative(self, node: Tree, position: Position) -> ex.Expression:
        of = self.read(node.children[0])
        if isinstance(of, (ex.Number, ex.Percent)):
            return type(of)(0.0 - of.value, position=position)
        return ex.Negative(of, position=position)

    def _chain(self, node: Tree, position: Position) -> ex.Expression:
        operators = [str(child) for child in node.children if isinstance(child, Token)]
        operands = list(self._all(node))
        first = operands[0]
        if isinstance(first, ex.Chain) and first.operators[0] in _LEVELS[str(node.data)]:
            operands[:1], operators = first.operands, [*first.operators, *operators]
        return ex.Chain(tuple(operands), tuple(operators), position=position)

    def _in(self, node: Tree, position: Position) -> ex.Expression:
        of, *choices = self._all(node)
        return ex.In(of, tuple(choices), position=position)

    def _passes(self, node: Tree, position: Position, verb: str) -> ex.Expression:
        of, low, high = self._all(node)
        return ex.Passes(of, verb, low, high, position=position)

    def _logic(self, node: Tree, position: Position, operator: str) -> ex.Expression:
        parts: list[ex.Expression] = []
        for part in self._all(node):
            parts += part.parts if isinstance(part, ex.Logic) and part.operator == operator else (part,)
        return ex.Logic(operator, tuple(parts), position=position)


def _amount(text: str) -> tuple[float, str]:
    """`1.5h` -> (1.5, "h")."""
    digits = text.rstrip("abcdefghijklmnopqrstuvwxyz")
    return float(Decimal(digits)), text[len(digits) :]


def _at_call(of: ex.Expression, name: str, position: Position) -> ex.Expression:
    """A member written behind `@` or an offset means the same as right behind the call: there it is put."""
    if isinstance(of, ex.At):
        return ex.At(_at_call(of.of, name, position), of.timeframe, position=of.position)
    if isinstance(of, ex.Offset):
        return ex.Offset(_at_call(of.of, name, position), of.amount, of.unit, position=of.position)
    return ex.Member(of, name, position=position)
