"""What is written of a rule or a screen beside its expressions: frozen, comparable, without a word about spelling.

Positions point into the text that a node came from; they take no part in comparison, so a tree that was parsed,
printed and parsed again equals itself. None stands for a clause that is not written (defaults.py fills it in).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import Literal

from marketbell.core.language.expression import Expression
from marketbell.core.language.symbols import NOWHERE, Position, Symbol
from marketbell.core.market.session import SECOND
from marketbell.core.market.timeframe import Timeframe

__all__ = [
    "ALL",
    "EVERYBODY",
    "NOWHERE",
    "SECOND",
    "Action",
    "ChannelRef",
    "Cooldown",
    "Direction",
    "ExpiresAfter",
    "ExpiresOn",
    "Fire",
    "Position",
    "Rearm",
    "Rule",
    "Scope",
    "ScopeKind",
    "Screen",
    "SessionWindow",
    "Symbol",
    "Timing",
    "TimingKind",
    "expressions",
    "renamed",
]

Direction = Literal["above", "below"]


class ScopeKind(StrEnum):
    """What an `on` clause names."""

    SYMBOL = "symbol"
    NAMED = "universe"
    WATCHLIST = "watchlist"
    SCREEN = "screen"
    PORTFOLIO = "portfolio"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Scope:
    """One of the things that a rule is about: `$NSE:RELIANCE`, `NIFTY500`, `watchlist "core"`, `ALL`."""

    kind: ScopeKind
    name: str = ""
    venue: str = ""
    position: Position = field(default=NOWHERE, compare=False, repr=False)

    @property
    def symbol(self) -> Symbol:
        """The symbol of a scope that is one."""
        return Symbol(self.name, self.venue, self.position)


ALL = Scope(ScopeKind.ALL)
EVERYBODY = (ALL,)


class TimingKind(StrEnum):
    """What brings an evaluation about."""

    TICK = "tick"
    CLOSE = "close"
    LIVE = "live"
    UPDATE = "update"
    SCHEDULE = "schedule"


@dataclass(frozen=True, slots=True)
class Timing:
    """`tick`, `5m close`, `5m live`, `update chain` (word: chain), `schedule "0 15 * * 1-5"` (word: the cron text)."""

    kind: TimingKind
    timeframe: Timeframe | None = None
    word: str = ""


class Fire(StrEnum):
    """How often a rule fires."""

    ONCE = "once"
    BAR = "once per bar"
    DAY = "once per day"
    SESSION = "once per session"
    EVERY = "every time"
    ENTER = "on enter"
    EXIT = "on exit"
    CHANGE = "on change"


@dataclass(frozen=True, slots=True)
class Rearm:
    """What makes a rule that fired ready again; `after` in ns."""

    kind: Literal["false", "when", "after", "never"]
    when: Expression | None = None
    after: int = 0


@dataclass(frozen=True, slots=True)
class Cooldown:
    """No second firing for so long (ns): of a symbol in the engine, of the rule where messages are made."""

    duration: int
    per: Literal["symbol", "rule"] = "symbol"


@dataclass(frozen=True, slots=True)
class SessionWindow:
    """Minutes of the local day between which a rule is evaluated, both of them inside."""

    venue: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ExpiresAfter:
    """The rule lives for `duration` nanoseconds of market time, counted from its arming."""

    duration: int


@dataclass(frozen=True, slots=True)
class ExpiresOn:
    """The rule lives through that date (until its end, UTC)."""

    day: date


@dataclass(frozen=True, slots=True)
class ChannelRef:
    """A channel to tell: its kind (`slack`), and perhaps which one (`slack:desk`)."""

    kind: str
    target: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.target}" if self.target else self.kind


@dataclass(frozen=True, slots=True)
class Action:
    """`paper_close(qty: 50%)`."""

    name: str
    arguments: tuple[Expression, ...] = ()
    named: tuple[tuple[str, Expression], ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """An alert: what to watch, when it is true, and what follows. `rule_uid` is its permanent name for machines."""

    name: str
    rule_uid: str
    on: tuple[Scope, ...]
    when: Expression
    where: Expression | None = None
    at: Timing | None = None
    hold: int = 0
    fire: Fire | None = None
    rearm: Rearm | None = None
    cooldown: Cooldown | None = None
    limit: int | None = None
    session: SessionWindow | None = None
    expires: ExpiresAfter | ExpiresOn | None = None
    stale: Literal["skip", "hold", "fire"] | None = None
    max_age: int | None = None
    severity: Literal["low", "normal", "high"] | None = None
    notify: tuple[ChannelRef, ...] = ()
    fallback: ChannelRef | None = None
    digest: int | None = None
    action: Action | None = None
    position: Position = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Screen:
    """A standing question: who matches, in which order, with which columns. A bare expression has the name ""."""

    name: str
    screen_uid: str
    when: Expression
    on: tuple[Scope, ...] = EVERYBODY
    where: Expression | None = None
    order_by: Expression | None = None
    is_descending: bool = False
    limit: int | None = None
    columns: tuple[Expression, ...] = ()
    position: Position = field(default=NOWHERE, compare=False, repr=False)


def expressions(tree: Rule | Screen) -> Iterator[tuple[str, Expression]]:
    """The expressions of a tree with their roles, in the order in which they are written."""
    if tree.where is not None:
        yield "where", tree.where
    yield "when", tree.when
    if isinstance(tree, Rule):
        if tree.rearm is not None and tree.rearm.when is not None:
            yield "rearm", tree.rearm.when
        return
    if tree.order_by is not None:
        yield "order", tree.order_by
    for column in tree.columns:
        yield "column", column


def renamed(rule: Rule, name: str) -> Rule:
    """The same rule under another name."""
    return replace(rule, name=name)
