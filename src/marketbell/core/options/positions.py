"""Positions: legs bought and sold, and what each is worth at another price, volatility and day.

How a leg moves with the spot: the carry stays, so the forward of an expiry that is t away is S · (F/S)^(t/T), with F/S
it is now and T the time that is left now. A leg keeps its own volatility at its strike. Money earns nothing.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from marketbell.core.options.chain import Floats
from marketbell.core.options.model import ModelSettings
from marketbell.core.options.pricing import Priced, value
from marketbell.core.primitives.errors import UserError

MOST_LEGS = 24
DAYS_A_YEAR = 365.0
LOWEST_IV = 1e-4
"""Where a what-if would take volatility to nothing or under it, it stops at a hundredth of a point."""


class LegKind(StrEnum):
    """What is held."""

    CALL = "call"
    PUT = "put"
    FUTURE = "future"
    STOCK = "stock"
    """The underlying itself, in lots as well."""

    @property
    def is_option(self) -> bool:
        return self in {LegKind.CALL, LegKind.PUT}


class LegSide(StrEnum):
    """Which way."""

    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        return 1 if self is LegSide.BUY else -1


@dataclass(frozen=True, slots=True)
class Leg:
    """One part of a position.

    `price` is what a unit is bought or sold at. `strike` and `iv` (a fraction; NaN unknown) are an option's, `expiry`
    an option's or a future's.
    """

    kind: LegKind
    side: LegSide
    lots: float
    price: float
    strike: float = math.nan
    expiry: date | None = None
    iv: float = math.nan

    @property
    def name(self) -> str:
        """`24,500 call`, `future`, `stock`."""
        return f"{self.strike:,.10g} {self.kind}" if self.kind.is_option else str(self.kind)


class Term(NamedTuple):
    """An expiry as the market sees it now. `atm_iv` is a fraction; NaN is unknown; time is in years of 365 days."""

    expiry: date
    t_years: float
    forward: float
    atm_iv: float


@dataclass(frozen=True, slots=True)
class Market:
    """What legs are valued in: spot, units in a lot (NaN unknown: amounts are for one unit), expiries, model."""

    spot: float
    lot_size: float
    terms: Mapping[date, Term]
    settings: ModelSettings

    @property
    def units(self) -> float:
        """Units in a lot, one where that is not known."""
        return self.lot_size if self.lot_size > 0.0 else 1.0


class Greeks(NamedTuple):
    """Of a whole position, in money: per point of spot, per point of spot of that, per point of volatility, per day."""

    delta: float
    gamma: float
    vega: float
    theta: float


def check_legs(legs: Sequence[Leg], market: Market) -> None:
    """UserError where a position cannot be worked out, with the leg (from 1) and what to do."""
    if not market.spot > 0.0 or not math.isfinite(market.spot):
        message = "the price of the underlying is not known, so a position in it cannot be worked out"
        raise UserError(message)
    if not 1 <= len(legs) <= MOST_LEGS:
        message = f"a position has 1 to {MOST_LEGS} legs, not {len(legs)}"
        raise UserError(message, field="legs")
    for number, leg in enumerate(legs, 1):
        problem = _problem(leg, market)
        if problem:
            message = f"leg {number} ({leg.side} {leg.name}) {problem}"
            raise UserError(message, field=f"legs.{number - 1}")


def _problem(leg: Leg, market: Market) -> str:
    if not (math.isfinite(leg.lots) and leg.lots > 0.0):
        return "needs a number of lots above 0"
    if not (math.isfinite(leg.price) and leg.price >= 0.0):
        return "has no price: there is none in the chain, so write one"
    if leg.kind.is_option and not (math.isfinite(leg.strike) and leg.strike > 0.0):
        return "needs a strike above 0"
    if leg.kind is not LegKind.STOCK and leg.expiry not in market.terms:
        known = ", ".join(one.isoformat() for one in sorted(market.terms)) or "none"
        return f"needs an expiry that has a chain ({known})"
    return ""


def horizon(legs: Sequence[Leg]) -> date | None:
    """The first expiry among the legs; None where none expires."""
    return min((leg.expiry for leg in legs if leg.expiry is not None and leg.kind is not LegKind.STOCK), default=None)


def _term(leg: Leg, market: Market) -> Term:
    if leg.expiry is None:
        message = f"{leg.side} {leg.name} needs an expiry"
        raise UserError(message)
    return market.terms[leg.expiry]


def signed_units(leg: Leg, market: Market) -> float:
    """Units of the underlying that the leg is for, negative where it is sold."""
    return leg.side.sign * leg.lots * market.units


def time_left(leg: Leg, market: Market, at: date | None, elapsed: float) -> float:
    """Years that an option or future has left when `elapsed` years have passed, or at the expiry `at`.

    0 when it is over, NaN where the time is not known.
    """
    own = _term(leg, market)
    if at is not None:
        if own.expiry <= at:
            return 0.0
        elapsed = market.terms[at].t_years
    return max(own.t_years - elapsed, 0.0)  # in this order NaN stays NaN


def forward_at(leg: Leg, market: Market, spot: Floats, left: float) -> Floats:
    """The forward of the leg's expiry at other spots and so long before it: today's carry, in proportion."""
    term = _term(leg, market)
    share = left / term.t_years if term.t_years > 0.0 else float(left != 0.0)
    found: Floats = spot * (term.forward / market.spot) ** share
    return found


def unit_value(
    leg: Leg, market: Market, spot: Floats, *, at: date | None = None, elapsed: float = 0.0, iv_change: float = 0.0
) -> Floats:
    """What one unit is worth at each spot: at the expiry `at`, or when `elapsed` years have passed.

    `iv_change` (a fraction) is added to the volatility of options. NaN where a volatility is needed and not known.
    """
    if leg.kind is LegKind.STOCK:
        return spot
    left = time_left(leg, market, at, elapsed)
    if leg.kind is LegKind.FUTURE:
        return forward_at(leg, market, spot, left)
    if left == 0.0:
        sign = 1.0 if leg.kind is LegKind.CALL else -1.0
        intrinsic: Floats = np.maximum(sign * (spot - leg.strike), 0.0)
        return intrinsic
    return _priced(leg, market, spot, left, iv_change).price


def unit_greeks(leg: Leg, market: Market, spot: float, *, elapsed: float = 0.0, iv_change: float = 0.0) -> Greeks:
    """Greeks of one unit at one spot when `elapsed` years have passed; NaN where a volatility is not known.

    At and after its expiry an option has the delta of what it became and nothing else.
    """
    if leg.kind is LegKind.STOCK:
        return Greeks(1.0, 0.0, 0.0, 0.0)
    left = time_left(leg, market, None, elapsed)
    at = np.array([spot])
    if leg.kind is LegKind.FUTURE:
        return Greeks(float(forward_at(leg, market, at, left)[0]) / spot, 0.0, 0.0, 0.0)
    if left == 0.0:
        is_call = leg.kind is LegKind.CALL
        delta = float(spot > leg.strike) if is_call else -float(spot < leg.strike)
        return Greeks(delta, 0.0, 0.0, 0.0)
    priced = _priced(leg, market, at, left, iv_change)
    return Greeks(float(priced.delta[0]), float(priced.gamma[0]), float(priced.vega[0]), float(priced.theta[0]))


def _priced(leg: Leg, market: Market, spot: Floats, left: float, iv_change: float) -> Priced:
    return value(
        max(leg.iv + iv_change, LOWEST_IV) if math.isfinite(leg.iv) else math.nan,
        leg.strike,
        leg.kind is LegKind.CALL,
        spot,
        forward_at(leg, market, spot, left),
        left,
        market.settings,
    )
