"""At-the-money volatility from day to day: where today's stands among the past.

The values should be of one constant maturity (metrics.constant_maturity): that of the nearest expiry jumps when it
rolls.
Sources: IV rank and IV percentile as brokers define them (tastytrade; IG, Implied volatility rank and percentile).
"""

import math
from datetime import date
from typing import Any

import numpy as np

from marketbell.core.options.chain import Floats
from marketbell.core.primitives.errors import UserError

FEWEST_DAYS = 20
"""With fewer known days a rank says nothing: it is unknown."""


def iv_rank(values: Any, days: int) -> float:
    """Where the newest value stands between the lowest (0) and the highest (100) of the last `days` days, itself one.

    `values` are daily, oldest first, NaN unknown (left out, a day all the same). NaN with fewer than 20 known ones or
    an unknown newest one; 50 where all are the same.
    """
    window = _window(values, days)
    if window is None:
        return math.nan
    low, high = float(window.min()), float(window.max())
    return 50.0 if high == low else 100.0 * (float(window[-1]) - low) / (high - low)


def iv_percentile(values: Any, days: int) -> float:
    """The share, in per cent, of the last `days` days (the newest one of them) with a strictly lower value than now.

    `values` and what is unknown as in `iv_rank`.
    """
    window = _window(values, days)
    return math.nan if window is None else 100.0 * float(np.mean(window < window[-1]))


class DailyIv:
    """One value a day of one underlying: a ring of the newest `capacity` days. The last value put on a day counts.

    An unknown value does not take the place of a known one of its day.
    """

    __slots__ = ("_days", "_end", "_values", "count")

    def __init__(self, capacity: int = 400) -> None:
        if capacity < FEWEST_DAYS:
            message = f"a history of {capacity} days is too short: {FEWEST_DAYS} are the fewest that say something"
            raise UserError(message)
        self._days = np.zeros(capacity, np.int64)
        self._values = np.full(capacity, np.nan)
        self._end = 0
        self.count = 0

    def put(self, day: date, value: float) -> None:
        """Say what the day's value is now. A day before the newest is put in its place, or left out if too old."""
        number = day.toordinal()
        newest = int(self._days[self._end - 1]) if self.count else 0
        if number == newest:
            if not math.isnan(value):
                self._values[self._end - 1] = value
            return
        if number > newest:
            self._days[self._end] = number
            self._values[self._end] = value
            self._end = (self._end + 1) % len(self._days)
            self.count = min(self.count + 1, len(self._days))
            return
        self._insert(number, value)

    def _insert(self, number: int, value: float) -> None:
        days, values = self._ordered()
        at = int(np.searchsorted(days, number))
        if days[at] == number:
            if not math.isnan(value):
                values[at] = value
        else:
            days, values = np.insert(days, at, number), np.insert(values, at, value)
        self._fill(days, values)

    def _ordered(self) -> tuple[np.ndarray, Floats]:
        start = (self._end - self.count) % len(self._days)
        order = (start + np.arange(self.count)) % len(self._days)
        return self._days[order], self._values[order]

    def _fill(self, days: np.ndarray, values: Floats) -> None:
        kept = min(len(days), len(self._days))
        self._days[:kept] = days[len(days) - kept :]
        self._values[:kept] = values[len(values) - kept :]
        self.count = kept
        self._end = kept % len(self._days)

    @property
    def values(self) -> Floats:
        """Oldest first, NaN unknown."""
        return self._ordered()[1]

    @property
    def days(self) -> list[date]:
        """Of each value."""
        return [date.fromordinal(int(one)) for one in self._ordered()[0]]

    def rank(self, days: int) -> float:
        """The IV rank of the newest day, 0 to 100."""
        return iv_rank(self.values, days)

    def percentile(self, days: int) -> float:
        """The IV percentile of the newest day, 0 to 100."""
        return iv_percentile(self.values, days)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for a checkpoint: null for unknown."""
        days, values = self._ordered()
        return {
            "capacity": len(self._days),
            "days": days.tolist(),
            "values": [None if math.isnan(one) else one for one in values.tolist()],
        }

    @classmethod
    def from_dict(cls, kept: dict[str, Any]) -> "DailyIv":
        """The inverse of `as_dict`."""
        found = cls(int(kept["capacity"]))
        values = [math.nan if one is None else float(one) for one in kept["values"]]
        found._fill(np.array(kept["days"], np.int64), np.array(values, np.float64))
        return found


def _window(values: Any, days: int) -> Floats | None:
    """The known ones of the last days, the newest last; None where they say nothing."""
    if days < 1:
        message = f"a rank looks back over 1 day or more, not {days}"
        raise UserError(message)
    window = np.asarray(values, np.float64)[-days:]
    known: Floats = window[np.isfinite(window)]
    if len(known) < FEWEST_DAYS or not np.isfinite(window[-1]):
        return None
    return known
