"""Lengths of bars: tick, seconds, minutes, hours, days, weeks and months.

Seconds, minutes and hours are counted from the session's open (the last bar of a session may be
shorter), a day is a session and bears its trading date, weeks start on Monday, months on the first.
"""

from dataclasses import dataclass
from typing import Self

from marketbell.core.market.session import MINUTE, SECOND
from marketbell.core.primitives.errors import UserError

UNITS = ("tick", "s", "m", "h", "d", "w", "mo")
_NANOSECONDS = {"s": SECOND, "m": MINUTE, "h": 60 * MINUTE}
_MAX_COUNT = 5_000


@dataclass(frozen=True, slots=True)
class Timeframe:
    """`count` units. Equal lengths are equal objects: 60m is 1h, 60s is 1m. Ticks are never grouped."""

    unit: str
    count: int = 1

    def __post_init__(self) -> None:
        if self.unit not in UNITS or not 0 < self.count <= _MAX_COUNT or (self.unit == "tick" and self.count != 1):
            raise UserError(f"`{self.count}{self.unit}` is no timeframe: write tick, 30s, 5m, 1h, 1d, 1w or 1mo")
        for small, large in (("s", "m"), ("m", "h")):
            if self.unit == small and self.count % 60 == 0:
                object.__setattr__(self, "count", self.count // 60)
                object.__setattr__(self, "unit", large)

    @classmethod
    def parse(cls, text: str) -> Self:
        """`tick`, `15m`, `1d` ... UserError for anything else."""
        if text == "tick":
            return cls("tick")
        digits = text.rstrip("abcdefghijklmnopqrstuvwxyz")
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 4):
            raise UserError(f"`{text}` is no timeframe: write tick, 30s, 5m, 1h, 1d, 1w or 1mo")
        return cls(text[len(digits) :], int(digits))

    def __str__(self) -> str:
        return "tick" if self.unit == "tick" else f"{self.count}{self.unit}"

    @property
    def nanoseconds(self) -> int | None:
        """Length of a bar inside a session; None for ticks and for whole sessions and more."""
        length = _NANOSECONDS.get(self.unit)
        return None if length is None else length * self.count

    @property
    def is_intraday(self) -> bool:
        """True for ticks, seconds, minutes and hours: several bars a session."""
        return self.unit in {"tick", "s", "m", "h"}

    @property
    def rank(self) -> tuple[int, int]:
        """Orders timeframes from the finest to the coarsest."""
        return (UNITS.index(self.unit), self.count)


TICK = Timeframe("tick")
MINUTE_1 = Timeframe("m")
DAY_1 = Timeframe("d")
