"""The tree of a rule: frozen, comparable, without a word about how it was written.

Positions point into the text that a node came from; they take no part in comparison, so a tree that
was parsed, printed and parsed again equals itself.
"""

from dataclasses import dataclass, field
from datetime import date
from typing import Literal

SECOND = 1_000_000_000

Direction = Literal["above", "below"]


@dataclass(frozen=True, slots=True)
class Position:
    """Where a node begins in its text; both count from 1. (0, 0) means that it was not written."""

    line: int = 0
    column: int = 0


NOWHERE = Position()


@dataclass(frozen=True, slots=True)
class Symbol:
    """`$RELIANCE` or `$NSE:RELIANCE`. An empty venue is resolved where the rule is armed."""

    name: str
    venue: str = ""
    position: Position = field(default=NOWHERE, compare=False, repr=False)

    @property
    def key(self) -> str:
        """VENUE:SYMBOL, or the bare symbol where no venue was written."""
        return f"{self.venue}:{self.name}" if self.venue else self.name


@dataclass(frozen=True, slots=True)
class Number:
    """A plain number; `10Cr` and `100000000` are the same."""

    value: float
    position: Position = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class FieldRef:
    """A field of the registry, by its full name (aliases are resolved when the text is read)."""

    name: str
    position: Position = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Cross:
    """`left crosses above right`: left was at or under right at the evaluation before, and is over it now."""

    left: FieldRef
    direction: Direction
    right: Number
    position: Position = field(default=NOWHERE, compare=False, repr=False)


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
class Rule:
    """An alert: what to watch, when it is true, and what follows.

    `rule_uid` is the rule's permanent name for machines (a UUID). `timing` is `tick`, `fire` is
    `once`: the only ones until the language grows.
    """

    name: str
    rule_uid: str
    universe: Symbol
    when: Cross
    timing: Literal["tick"] = "tick"
    fire: Literal["once"] = "once"
    expires: ExpiresAfter | ExpiresOn | None = None
    notify: tuple[ChannelRef, ...] = ()
    position: Position = field(default=NOWHERE, compare=False, repr=False)
