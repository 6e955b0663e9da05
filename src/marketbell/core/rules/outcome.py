"""What the price did after a rule fired: 5 minutes, an hour, a trading day later, in percent.

The rule itself saw nothing of it: outcomes are looked up afterwards, in bars that closed later than the firing.

* The price at the firing is the one that the rule saw; where it looked at none, the close of the newest bar that had
  ended by then.
* 5m and 1h: the close of the newest minute that had ended so much later, in the same session; a firing whose session
  ends (or whose data end) before that has no such outcome.
* 1d: the close of the next trading day of the instrument.
"""

from collections.abc import Sequence
from math import isfinite, nan
from typing import Any

import numpy as np

from marketbell.core.engine.bars import Bars, Floats, Ints
from marketbell.core.market.session import MINUTE
from marketbell.core.rules.trial import Shot

_CLOSE = 3
SPANS = (("5m", 5 * MINUTE), ("1h", 60 * MINUTE))


class Closes:
    """Closes of bars by instrument, ascending in time."""

    def __init__(self, bars: Bars) -> None:
        order = np.lexsort((bars.end, bars.rows))
        self._rows: Ints = bars.rows[order]
        self.end: Ints = bars.end[order]
        self.session: Ints = bars.session[order]
        self.close: Floats = bars.values[order, _CLOSE] if len(order) else np.empty(0)

    def span(self, row: int) -> tuple[int, int]:
        """The places of an instrument's bars."""
        first, last = np.searchsorted(self._rows, [row, row + 1])
        return int(first), int(last)

    def at(self, row: int, time: int) -> int:
        """The place of the newest bar that had ended at `time`, -1 where there is none."""
        first, last = self.span(row)
        at = first + int(np.searchsorted(self.end[first:last], time, side="right")) - 1
        return at if at >= first else -1


def outcomes(shots: Sequence[Shot], minutes: Bars, days: Bars) -> list[dict[str, Any]]:
    """`[{after, count, mean_pct, median_pct, up_pct}]` over the firings that have such an outcome.

    `minutes` and `days` are closed bars of the instruments, by the same row numbers; firings that were held back do
    not count. A span that no firing has data for has the count 0 and no figures.
    """
    told = [shot for shot in shots if not shot.is_suppressed]
    by_minute, by_day = Closes(minutes), Closes(days)
    found = [_told(name, [_after(shot, span, by_minute, by_day) for shot in told]) for name, span in SPANS]
    return [*found, _told("1d", [_next_day(shot, by_minute, by_day) for shot in told])]


def price_at(shot: Shot, minutes: Closes, days: Closes) -> float:
    """The price at a firing; NaN where nothing says it."""
    if isfinite(shot.price):
        return shot.price
    at = minutes.at(shot.row, shot.time)
    if at >= 0 and minutes.session[at] == shot.day:
        return float(minutes.close[at])
    at = days.at(shot.row, shot.time)
    return float(days.close[at]) if at >= 0 else nan


def _after(shot: Shot, span: int, minutes: Closes, days: Closes) -> float:
    until = shot.time + span
    first, last = minutes.span(shot.row)
    # a bar that ended then or later, in the same session, shows that so much time has passed
    witness = first + int(np.searchsorted(minutes.end[first:last], until, side="left"))
    if witness >= last or minutes.session[witness] != shot.day:
        return nan
    at = minutes.at(shot.row, until)
    if at < 0 or minutes.end[at] <= shot.time:
        return nan
    return _change(price_at(shot, minutes, days), float(minutes.close[at]))


def _next_day(shot: Shot, minutes: Closes, days: Closes) -> float:
    first, last = days.span(shot.row)
    at = first + int(np.searchsorted(days.session[first:last], shot.day, side="right"))
    if at >= last or days.end[at] <= shot.time:
        return nan
    return _change(price_at(shot, minutes, days), float(days.close[at]))


def _change(before: float, after: float) -> float:
    return (after / before - 1.0) * 100.0 if before > 0 and isfinite(after) else nan


def _told(name: str, changes: Sequence[float]) -> dict[str, Any]:
    known = np.array([one for one in changes if isfinite(one)])
    if not len(known):
        return {"after": name, "count": 0, "mean_pct": None, "median_pct": None, "up_pct": None}
    return {
        "after": name,
        "count": len(known),
        "mean_pct": round(float(known.mean()), 4),
        "median_pct": round(float(np.median(known)), 4),
        "up_pct": round(float((known > 0).mean() * 100.0), 2),
    }
