"""The tree of an expression: frozen, comparable, without a word about how it was written.

One meaning has one tree: brackets are gone, aliases are full names, `-5` is a number, a member stands at its
call (`bb(close, 20, 2)@1d.upper` is `bb(close, 20, 2).upper@1d`), chains of `and`, `or`, `+` and `*` are flat.
`expression_reader.py` makes it from text, `expression_printer.py` gives its one spelling, `types.py` judges it,
`compile.py` turns it into a plan.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields

from marketbell.core.language.symbols import NOWHERE, Position, Symbol
from marketbell.core.market.timeframe import Timeframe

BARS = "bars"
"""The unit of an offset or a span that counts bars."""


@dataclass(frozen=True, slots=True)
class Expression:
    """Any node. `position` is where it begins in its text; it takes no part in comparison."""

    position: Position = field(default=NOWHERE, compare=False, repr=False, kw_only=True)


# Literals.


@dataclass(frozen=True, slots=True)
class Number(Expression):
    """A plain number, negative ones too; `10Cr` and `100000000` are the same."""

    value: float


@dataclass(frozen=True, slots=True)
class Percent(Expression):
    """`5%`, held in percentage points."""

    value: float


@dataclass(frozen=True, slots=True)
class Duration(Expression):
    """`30s`, `15m`, `1d`, `1q`: as written, for a day is a session here and 24 hours there."""

    amount: float
    unit: str


@dataclass(frozen=True, slots=True)
class Text(Expression):
    """`"long_buildup"`."""

    value: str


@dataclass(frozen=True, slots=True)
class Truth(Expression):
    """`true` or `false`."""

    value: bool


# Values.


@dataclass(frozen=True, slots=True)
class Field(Expression):
    """A field by its full name, of another instrument where `symbol` says so: `$NIFTY.close`."""

    name: str
    symbol: Symbol | None = None


@dataclass(frozen=True, slots=True)
class Universe(Expression):
    """The second word of `rank(close, NIFTY500)`: a set of instruments."""

    name: str


@dataclass(frozen=True, slots=True)
class Call(Expression):
    """A function of arguments, or a field with settings (`opt.pcr_oi(expiry: "nearest")`); `named` in their order.

    With `symbol` the whole call is of that instrument: `$NIFTY.roc(close, 63)`.
    """

    name: str
    arguments: tuple[Expression, ...] = ()
    named: tuple[tuple[str, Expression], ...] = ()
    symbol: Symbol | None = None


@dataclass(frozen=True, slots=True)
class Member(Expression):
    """One of several values: `macd(close, 12, 26, 9).hist`."""

    of: Expression
    name: str


@dataclass(frozen=True, slots=True)
class Offset(Expression):
    """`x[3]` (unit "bars"), `x[1d]`, `x[1q]`: the value some bars, sessions, weeks, months, quarters, years ago."""

    of: Expression
    amount: int
    unit: str = BARS


@dataclass(frozen=True, slots=True)
class At(Expression):
    """`x@15m`: everything in x is of these bars, unless it says otherwise itself."""

    of: Expression
    timeframe: Timeframe


# Arithmetic.


@dataclass(frozen=True, slots=True)
class Negative(Expression):
    """`-x`; of a literal, the literal itself is negative."""

    of: Expression


@dataclass(frozen=True, slots=True)
class Chain(Expression):
    """`a + b - c` or `a * b / c`: `operators[n]` stands between `operands[n]` and the next; from left to right."""

    operands: tuple[Expression, ...]
    operators: tuple[str, ...]


# Predicates.


@dataclass(frozen=True, slots=True)
class Comparison(Expression):
    """`left > right`; the operator is one of > >= < <= = !=."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Between(Expression):
    """Both ends count."""

    of: Expression
    low: Expression
    high: Expression


@dataclass(frozen=True, slots=True)
class In(Expression):
    """Equal to one of them."""

    of: Expression
    choices: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Crosses(Expression):
    """`left crosses above right`; `direction` is above, below or either."""

    left: Expression
    direction: str
    right: Expression


@dataclass(frozen=True, slots=True)
class Passes(Expression):
    """`x enters (low, high)` or `x leaves (low, high)`: it is inside now and was not before, or the reverse."""

    of: Expression
    verb: str
    low: Expression
    high: Expression


@dataclass(frozen=True, slots=True)
class Span:
    """`5 bars` (unit "bars") or `10m`."""

    amount: float
    unit: str


@dataclass(frozen=True, slots=True)
class Moves(Expression):
    """`x rises by 2% within 10m`; `verb` is rises, falls or moves."""

    of: Expression
    verb: str
    by: Expression
    within: Span


@dataclass(frozen=True, slots=True)
class Trend(Expression):
    """`x is rising`: above its value at the evaluation before; `direction` is rising or falling."""

    of: Expression
    direction: str


@dataclass(frozen=True, slots=True)
class Known(Expression):
    """`x is known`: never itself unknown."""

    of: Expression


@dataclass(frozen=True, slots=True)
class Not(Expression):
    """Unknown stays unknown."""

    of: Expression


@dataclass(frozen=True, slots=True)
class Logic(Expression):
    """`a and b and c` or `a or b or c`: at least two parts, none of them of the same operator."""

    operator: str
    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class HeldFor(Expression):
    """`predicate for 3 bars`: it holds now and has held that long."""

    of: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class Seen(Expression):
    """`predicate seen in last 30m`."""

    of: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class Then(Expression):
    """`first then second within 5 bars`."""

    first: Expression
    second: Expression
    within: Span


def children(node: Expression) -> Iterator[Expression]:
    """The expressions right below, in the order in which they are written."""
    for one in fields(node):
        value = getattr(node, one.name)
        if isinstance(value, Expression):
            yield value
        elif isinstance(value, tuple):
            for item in value:
                if isinstance(item, Expression):
                    yield item
                elif isinstance(item, tuple):
                    yield item[1]


def walk(node: Expression) -> Iterator[Expression]:
    """The node and everything below it, each before what is in it."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        yield one
        waiting.extend(reversed(list(children(one))))
