"""At-the-money volatility from day to day: where today's stands among the past.

The values should be of one constant maturity (metrics.constant_maturity): that of the nearest expiry jumps when it
rolls.
Sources: IV rank and IV percentile as brokers define them (tastytrade; IG, Implied volatility rank and percentile).
"""

import math
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
