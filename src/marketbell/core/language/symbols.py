"""Places in a text, and the names of instruments in it: what every tree of the language rests on."""

from dataclasses import dataclass, field


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
