"""What a broker may ask to be set aside: a stated estimate in the manner of SPAN, never the exchange's own figure.

The position is valued under sixteen scenarios a day on: the price still, or up and down by one, two and three thirds of
its range, each with volatility up and down; and two extreme moves of twice the range of which 35 % counts. The worst
loss is the scan. To it comes the value of options sold less those bought (SPAN's net option value; nothing is asked
below zero) and an exposure charge on the notional of options sold and of futures.
Ranges: NSE Clearing's published parameters (SPAN risk parameters, equity derivatives): six deviations of a day times √2
and at least 9.3 % for an index, 14.2 % for a stock; a quarter of the volatility and at least 4 and 10 points. Exposure:
2 % and 3.5 %. They change; these are of 2024 to 2026.
What differs: the exchange's volatility is an EWMA of its own and its arrays are fixed at set times of a day, here the
at-the-money volatility stands for it; calendar spread, delivery and additional margins are not in it, nor is stock that
is held, which brokers treat in their own ways.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marketbell.core.options.chain import Floats
from marketbell.core.options.positions import (
    DAYS_A_YEAR,
    Leg,
    LegKind,
    LegSide,
    Market,
    check_legs,
    horizon,
    signed_units,
    unit_value,
)

INDICES = frozenset({
    "NIFTY", "NIFTY50", "BANKNIFTY", "FINNIFTY", "MIDCPNIFTY", "NIFTYNXT50", "SENSEX", "SENSEX50", "BANKEX",
    "SPX", "XSP", "NDX", "RUT", "VIX", "DJX", "NANOS",
})  # fmt: skip
"""Symbols whose options are on an index, whatever else is known of them."""
_SESSIONS_A_YEAR = 252.0
_EXTREME, _EXTREME_SHARE = 2.0, 0.35


@dataclass(frozen=True, slots=True)
class Ranges:
    """How far a scan goes: shares of the spot, volatility a fraction a year."""

    least_price: float
    least_iv: float
    exposure: float
    deviations: float = 6.0 * math.sqrt(2.0)
    iv_share: float = 0.25


INDEX = Ranges(least_price=0.093, least_iv=0.04, exposure=0.02)
STOCK = Ranges(least_price=0.142, least_iv=0.10, exposure=0.035)


@dataclass(frozen=True, slots=True)
class Margin:
    """An estimate in money: `total` = what the scan and the premium ask, not under 0, and the exposure charge.

    `scan` is the worst loss of the scenarios, at `worst_price_pct` and `worst_iv_points` (percentage points); `premium`
    the value of options sold less that of those bought. `price_range` and `iv_range` are fractions.
    """

    total: float
    scan: float
    premium: float
    exposure: float
    price_range: float
    iv_range: float
    worst_price_pct: float
    worst_iv_points: float


def ranges_of(symbol: str, kind: str = "") -> Ranges:
    """The ranges of an underlying: by its kind (`index`, `equity`), else by its symbol (`NSE:NIFTY` or `NIFTY`)."""
    return INDEX if kind == "index" or symbol.rpartition(":")[2].upper() in INDICES else STOCK


def estimate_margin(legs: Sequence[Leg], market: Market, ranges: Ranges) -> Margin | None:
    """The estimate; None where a volatility or a time that it needs is not known. Errors as of `check_legs`."""
    check_legs(legs, market)
    scanned = [leg for leg in legs if leg.kind is not LegKind.STOCK]
    end = horizon(scanned)
    if end is None:
        return Margin(0.0, 0.0, 0.0, 0.0, ranges.least_price, ranges.least_iv, 0.0, 0.0)
    known = [term.atm_iv for day, term in sorted(market.terms.items()) if day >= end and term.atm_iv > 0.0]
    atm_iv = known[0] if known else 0.0
    price_range = max(ranges.least_price, ranges.deviations * atm_iv / math.sqrt(_SESSIONS_A_YEAR))
    iv_range = max(ranges.least_iv, ranges.iv_share * atm_iv)

    def worth(prices: list[float], elapsed: float, iv_change: float) -> Floats:
        spots = market.spot * (1.0 + np.array(prices))
        total = np.zeros(len(spots))
        for leg in scanned:
            total += signed_units(leg, market) * unit_value(leg, market, spots, elapsed=elapsed, iv_change=iv_change)
        return total

    now = float(worth([0.0], 0.0, 0.0)[0])
    day = 1.0 / DAYS_A_YEAR
    moves = [price_range * third / 3.0 for third in range(-3, 4)]
    extremes = [-_EXTREME * price_range, _EXTREME * price_range]
    scan, price_pct, iv_points = 0.0, 0.0, 0.0
    for prices, changes, share in ((moves, (iv_range, -iv_range), 1.0), (extremes, (0.0,), _EXTREME_SHARE)):
        for change in changes:
            losses = share * (now - worth(prices, day, change))
            if np.isnan(losses).any():
                return None
            worst = int(losses.argmax())
            if losses[worst] > scan:
                scan, price_pct, iv_points = float(losses[worst]), 100.0 * prices[worst], 100.0 * change
    options = [leg for leg in scanned if leg.kind.is_option]
    spot = np.array([market.spot])
    premium = -sum(signed_units(leg, market) * float(unit_value(leg, market, spot)[0]) for leg in options)
    charged = [leg for leg in scanned if leg.kind is LegKind.FUTURE or leg.side is LegSide.SELL]
    exposure = ranges.exposure * market.spot * sum(abs(signed_units(leg, market)) for leg in charged)
    total = max(0.0, scan + premium) + exposure
    return Margin(total, scan, premium, exposure, price_range, iv_range, price_pct, iv_points)
