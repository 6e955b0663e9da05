"""Lengths of bars: tick, seconds, minutes, hours, days, weeks and months.

Seconds, minutes and hours are counted from the session's open (the last bar of a session may be
shorter), a day is a session and bears its trading date, weeks start on Monday, months on the first.

Beside bars there are *instants*: evaluations that something else than a price brings about. They are told apart by
their text: `now` (a screen), `update chain` (news of that kind), `schedule 0 15 * * 1-5` (a time of day).
"""

from dataclasses import dataclass
from typing import Self

from marketbell.core.market.session import MINUTE, SECOND
from marketbell.core.primitives.errors import UserError

UNITS = ("tick", "s", "m", "h", "d", "w", "mo")
_NANOSECONDS = {"s": SECOND, "m": MINUTE, "h": 60 * MINUTE}
_MAX_COUNT = 5_000
_INSTANTS = ("now", "update ", "schedule ")


@dataclass(frozen=True, slots=True)
class Timeframe:
    """`count` units. Equal lengths are equal objects: 60m is 1h, 60s is 1m. Ticks are never grouped."""

    unit: str
    count: int = 1

    def __post_init__(self) -> None:
        if self.is_instant and self.count == 1:
            return
        if self.unit not in UNITS or not 0 < self.count <= _MAX_COUNT or (self.unit == "tick" and self.count != 1):
            raise UserError(f"`{self.count}{self.unit}` is no timeframe: write tick, 30s, 5m, 1h, 1d, 1w or 1mo")
        for small, large in (("s", "m"), ("m", "h")):
            if self.unit == small and self.count % 60 == 0:
                object.__setattr__(self, "count", self.count // 60)
                object.__setattr__(self, "unit", large)

    @classmethod
    def parse(cls, text: str) -> Self:
        """`tick`, `15m`, `1d`, the text of an instant. UserError for anything else."""
        if text == "tick" or text.startswith(_INSTANTS):
            return cls(text)
        digits = text.rstrip("abcdefghijklmnopqrstuvwxyz")
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 4):
            raise UserError(f"`{text}` is no timeframe: write tick, 30s, 5m, 1h, 1d, 1w or 1mo")
        return cls(text[len(digits) :], int(digits))

    def __str__(self) -> str:
        return self.unit if self.unit == "tick" or self.is_instant else f"{self.count}{self.unit}"

    @property
    def is_instant(self) -> bool:
        """True for evaluations that are no bars and no ticks."""
        return self.unit == "now" or self.unit.startswith(_INSTANTS[1:])

    @property
    def nanoseconds(self) -> int | None:
        """Length of a bar inside a session; None for ticks and for whole sessions and more."""
        length = _NANOSECONDS.get(self.unit)
        return None if length is None else length * self.count

    @property
    def is_intraday(self) -> bool:
        """True for ticks, instants, seconds, minutes and hours: several bars a session."""
        return self.is_instant or self.unit in {"tick", "s", "m", "h"}

    @property
    def rank(self) -> tuple[int, int, str]:
        """Orders timeframes from the finest to the coarsest; instants stand between ticks and seconds."""
        if self.is_instant:
            return (0, 2, self.unit)
        return (UNITS.index(self.unit), self.count, "")


TICK = Timeframe("tick")
MINUTE_1 = Timeframe("m")
DAY_1 = Timeframe("d")
