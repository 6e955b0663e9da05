"""Chains for tests: from theory, or at random."""

import math
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketbell.core.options.chain import Chain, Side
from marketbell.core.options.expiry import expires_at

EXPIRY = date(2026, 9, 29)
YEAR = 365 * 86_400 * 10**9
EXPIRES = expires_at("NSE:NIFTY", EXPIRY)

_erf = np.vectorize(math.erf)


def black(forward: float, strikes: NDArray[Any], sigma: Any, t: float, rate: float, *, is_call: bool) -> NDArray[Any]:
    """Black (1976) in the textbook's form, with the standard library's error function."""
    width = np.asarray(sigma) * math.sqrt(t)
    d1 = np.log(forward / strikes) / width + width / 2
    sign = 1 if is_call else -1
    first, second = (0.5 * (1 + _erf(sign * d / math.sqrt(2))) for d in (d1, d1 - width))
    return math.exp(-rate * t) * sign * (forward * first - strikes * second)


def chain(strikes: Any, call: dict[str, Any], put: dict[str, Any], **settings: Any) -> Chain:
    """A chain of NIFTY with these columns."""
    places = np.asarray(strikes, np.float64)
    given: dict[str, Any] = {
        "underlying": "NSE:NIFTY", "expiry": EXPIRY, "as_of": EXPIRES - YEAR // 12, "spot": float(np.median(places)),
        "expires_at": EXPIRES, **settings,
    }  # fmt: skip
    return Chain(strikes=places, call=Side.of(len(places), **call), put=Side.of(len(places), **put), **given)


def theory(
    *, spot: float = 24_000.0, forward: float = 24_120.0, t: float = 1 / 12, rate: float = 0.0, half_spread: float = 0.0
) -> Chain:
    """A chain whose quotes are exact prices of a smile: 14 % at the forward, dearer puts, cheaper calls."""
    strikes = np.arange(22_000.0, 26_100.0, 100.0)
    k = np.log(strikes / forward)
    sigma = 0.14 - 0.2 * k + 0.8 * k * k
    sides = []
    for is_call in (True, False):
        price = black(forward, strikes, sigma, t, rate, is_call=is_call)
        middle = 0.02 if is_call else -0.03
        oi = 65.0 * np.round(1_000 * np.exp(-(((k - middle) * 20) ** 2)) + 10)
        sides.append({
            "last": price, "bid": price - half_spread, "ask": price + half_spread, "oi": oi, "volume": oi * 3,
            "oi_change": oi * 0.1, "prev_close": price * 1.1,
        })  # fmt: skip
    return chain(strikes, *sides, spot=spot, as_of=EXPIRES - round(t * YEAR), lot_size=65.0)
