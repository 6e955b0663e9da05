"""What a position makes: today and at its first expiry, at most and at least, where it turns, and how likely.

At the first expiry the profit of legs that end there is a line with a kink at each strike: greatest, least and
break-evens come from the kinks exactly. Legs of a later expiry (calendars) are still worth something that a model says;
then all this is read from a fine grid, and the result says so.
Probability: the price at the first expiry is lognormal about that expiry's forward with its at-the-money volatility
(Black 1976). It is the market's own measure, not a forecast, and leaves out costs.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import numpy as np

from marketbell.core.options.chain import Floats
from marketbell.core.options.positions import (
    DAYS_A_YEAR,
    Greeks,
    Leg,
    LegKind,
    Market,
    check_legs,
    horizon,
    signed_units,
    unit_greeks,
    unit_value,
)
from marketbell.core.primitives.errors import UserError

_POINTS = 161
"""Of the curves, without the kinks that are added."""
_DEVIATIONS = 3.5
"""How far from the spot the curves reach, in standard deviations to the first expiry."""
_UNKNOWN_REACH = 0.15
"""The same as a share of the spot where the volatility is not known."""
_FINE = 4_000
"""Points of the grid that calendars are read from: even, so that none falls beside a strike at the money."""
_EXACT = 1e-9
"""Amounts as small as this beside the position's size are zero."""


class WhatIf(NamedTuple):
    """Another spot (per cent), volatility (percentage points, of every option) and later day (calendar days)."""

    spot_pct: float = 0.0
    iv_points: float = 0.0
    days: float = 0.0


class Span(NamedTuple):
    """Prices of the underlying from `low` to `high`; the same twice is one price, infinite has no end."""

    low: float
    high: float


class LegNow(NamedTuple):
    """A leg as it stands: signed units, what a unit is worth by the model now, and the leg's Greeks in money."""

    leg: Leg
    units: float
    value: float
    greeks: Greeks


@dataclass(frozen=True, slots=True)
class Payoff:
    """A position worked out. Amounts are money for the whole of it; NaN is unknown.

    `cost` is what options and stock cost now; negative is received; futures cost nothing to enter.
    `max_profit` is the most it can make at the first expiry, inf without a limit, and `best` where; `max_loss` the most
    it can lose (a positive number; under 0 it cannot lose), inf without a limit, and `worst` where.
    `horizon` is that first expiry (None: nothing expires). `is_numeric`: read from a grid, not exact.
    `spots` rise, with `now` (under the what-if's volatility and day) and `expiry` the profit at each.
    `at_spot`, `at_profit` and `greeks` are at the what-if's price, volatility and day.
    """

    legs: tuple[LegNow, ...]
    cost: float
    max_profit: float
    max_loss: float
    best: tuple[Span, ...]
    worst: tuple[Span, ...]
    break_evens: tuple[float, ...]
    probability_of_profit: float
    horizon: date | None
    is_numeric: bool
    spots: Floats
    now: Floats
    expiry: Floats
    what_if: WhatIf
    at_spot: float
    at_profit: float
    greeks: Greeks


@dataclass(frozen=True, slots=True)
class Shape:
    """A profit by price: straight between knots (from 0 up), with this slope after the last."""

    knots: Floats
    values: Floats
    slope: float
    zero: float
    """Amounts up to here are zero: rounding."""

    def at(self, spots: Floats) -> Floats:
        """The profit at each price."""
        inside = np.interp(spots, self.knots, self.values)
        found: Floats = inside + self.slope * np.maximum(spots - self.knots[-1], 0.0)
        return found

    def greatest(self) -> tuple[float, tuple[Span, ...]]:
        """The greatest profit and where; inf, on the last stretch, without a limit."""
        if self.slope > 0.0:
            return math.inf, (Span(float(self.knots[-1]), math.inf),)
        return self._extreme(float(self.values.max()))

    def least(self) -> tuple[float, tuple[Span, ...]]:
        """The same of the least profit; -inf without a limit."""
        if self.slope < 0.0:
            return -math.inf, (Span(float(self.knots[-1]), math.inf),)
        return self._extreme(float(self.values.min()))

    def _extreme(self, value: float) -> tuple[float, tuple[Span, ...]]:
        """The value, and the stretches of knots at it."""
        knots = [*self.knots.tolist(), math.inf if self.slope == 0.0 else float(self.knots[-1])]
        is_there = np.concatenate([[False], np.abs(self.values - value) <= self.zero, [False]])
        turns = np.flatnonzero(is_there[1:] != is_there[:-1]).tolist()
        count = len(self.knots)
        return value, tuple(
            Span(knots[start], knots[count if end == count else end - 1])
            for start, end in zip(turns[::2], turns[1::2], strict=True)
        )

    def roots(self) -> tuple[float, ...]:
        """Prices above 0 without profit or loss; of a stretch without, its two ends."""
        values = np.where(np.abs(self.values) <= self.zero, 0.0, self.values).tolist()
        knots = self.knots.tolist()
        found: list[float] = []
        for i, (knot, value) in enumerate(zip(knots, values, strict=True)):
            last = i + 1 == len(knots)
            after = self.slope if last else values[i + 1]
            if value == 0.0:
                inner = i > 0 and values[i - 1] == 0.0 and after == 0.0
                if knot > 0.0 and not inner:
                    found.append(knot)
            elif last and value * after < 0.0:
                found.append(knot - value / after)
            elif not last and value * after < 0.0:
                found.append(knot + (knots[i + 1] - knot) * value / (value - after))
        return tuple(found)


def assess(legs: Sequence[Leg], market: Market, what_if: WhatIf = WhatIf()) -> Payoff:  # noqa: B008 — a tuple, frozen
    """Work a position out. UserError where a leg or the what-if makes no sense (positions.check_legs says which)."""
    check_legs(legs, market)
    _check_what_if(what_if)
    end = horizon(legs)
    later = [leg for leg in legs if leg.kind is not LegKind.STOCK and end is not None and leg.expiry != end]
    time = market.terms[end].t_years if end is not None else math.nan
    elapsed = what_if.days / DAYS_A_YEAR
    iv_change = what_if.iv_points / 100.0
    at_spot = market.spot * (1.0 + what_if.spot_pct / 100.0)

    def at_expiry(spots: Floats) -> Floats:
        return _profit(legs, market, spots, at=end, iv_change=iv_change)

    def at_day(spots: Floats) -> Floats:
        # A later day than the first expiry is that expiry: what ended there has no tomorrow.
        if end is not None and elapsed >= time:
            return at_expiry(spots)
        return _profit(legs, market, spots, elapsed=elapsed, iv_change=iv_change)

    shape = _shape(legs, market, at_expiry, time, is_numeric=bool(later))
    roots = shape.roots()
    if later:
        roots = tuple(_closed_in(at_expiry, shape, root) for root in roots)
    most, best = shape.greatest()
    least, worst = shape.least()
    spots = _spots(legs, market, time, [market.spot, at_spot, *roots])
    now_legs = tuple(
        _leg_now(leg, market, at_spot, min(elapsed, time) if time > 0.0 else 0.0, iv_change) for leg in legs
    )
    return Payoff(
        legs=now_legs,
        cost=sum(signed_units(leg, market) * leg.price for leg in legs if leg.kind is not LegKind.FUTURE),
        max_profit=most,
        max_loss=-least,
        best=best,
        worst=worst,
        break_evens=roots,
        probability_of_profit=_probability(shape, roots, market, end),
        horizon=end,
        is_numeric=bool(later),
        spots=spots,
        now=at_day(spots),
        expiry=at_expiry(spots),
        what_if=what_if,
        at_spot=at_spot,
        at_profit=float(at_day(np.array([at_spot]))[0]),
        greeks=Greeks(*(float(sum(column)) for column in zip(*(one.greeks for one in now_legs), strict=True))),
    )


def _check_what_if(what_if: WhatIf) -> None:
    if not all(math.isfinite(one) for one in what_if):
        message = "a what-if needs plain numbers"
        raise UserError(message, field="what_if")
    if not what_if.spot_pct > -100.0:
        message = f"a price that moves by {what_if.spot_pct:g} % is no price: it can fall by less than 100 %"
        raise UserError(message, field="what_if.spot_pct")
    if what_if.days < 0.0:
        message = "a what-if looks forward: days cannot be negative"
        raise UserError(message, field="what_if.days")


def _profit(
    legs: Sequence[Leg],
    market: Market,
    spots: Floats,
    *,
    at: date | None = None,
    elapsed: float = 0.0,
    iv_change: float = 0.0,
) -> Floats:
    total = np.zeros(len(spots))
    for leg in legs:
        worth = unit_value(leg, market, spots, at=at, elapsed=elapsed, iv_change=iv_change)
        total += signed_units(leg, market) * (worth - leg.price)
    return total


def _leg_now(leg: Leg, market: Market, spot: float, elapsed: float, iv_change: float) -> LegNow:
    units = signed_units(leg, market)
    worth = unit_value(leg, market, np.array([spot]), elapsed=elapsed, iv_change=iv_change)
    greeks = unit_greeks(leg, market, spot, elapsed=elapsed, iv_change=iv_change)
    return LegNow(leg, units, float(worth[0]), Greeks(*(units * one for one in greeks)))


def _shape(
    legs: Sequence[Leg], market: Market, at_expiry: Callable[[Floats], Floats], time: float, *, is_numeric: bool
) -> Shape:
    """The profit at the first expiry: exact from the strikes, or a fine grid where a model has to value what is left.

    How it goes on above all strikes is counted, not valued: a call, a future and a unit of stock each gain a point a
    point; the little that carry adds to far futures is no limit gone.
    """
    strikes = sorted({leg.strike for leg in legs if leg.kind.is_option})
    size = sum(abs(signed_units(leg, market)) * (leg.price + max(leg.strike, 0.0)) for leg in legs)
    knots = np.array([0.0, *strikes]) if strikes else np.array([0.0, market.spot])
    slope = sum(signed_units(leg, market) for leg in legs if leg.kind is not LegKind.PUT)
    slope = 0.0 if abs(slope) <= _EXACT * market.units else slope
    if is_numeric:
        deviation = _deviation(market, legs, time)
        reach = market.spot * np.exp(8.0 * deviation * np.linspace(-1.0, 1.0, _FINE))
        far = np.geomspace(market.spot * 1e-3, market.spot * 10.0, _FINE // 10)
        knots = np.unique(np.concatenate([knots[1:], reach, far]))
    return Shape(knots, at_expiry(knots), slope, _EXACT * (size if math.isfinite(size) else market.spot * market.units))


def _deviation(market: Market, legs: Sequence[Leg], time: float) -> float:
    """The standard deviation of ln S to the first expiry; a guess where volatility or time is unknown."""
    end = horizon(legs)
    if end is not None and time > 0.0 and market.terms[end].atm_iv > 0.0:
        return market.terms[end].atm_iv * math.sqrt(time)
    return _UNKNOWN_REACH / _DEVIATIONS


def _closed_in(at_expiry: Callable[[Floats], Floats], shape: Shape, root: float) -> float:
    """A break-even between two points of the grid, halved until it stands."""
    after = int(np.searchsorted(shape.knots, root))
    if after in {0, len(shape.knots)} or shape.knots[after] == root:
        return root
    low, high = float(shape.knots[after - 1]), float(shape.knots[after])
    is_gain = bool(at_expiry(np.array([low]))[0] > 0.0)
    for _ in range(40):
        middle = 0.5 * (low + high)
        if bool(at_expiry(np.array([middle]))[0] > 0.0) == is_gain:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


def _spots(legs: Sequence[Leg], market: Market, time: float, marks: list[float]) -> Floats:
    """Prices of the curves: about the spot and every strike, with each kink, break-even and the spot itself."""
    strikes = [leg.strike for leg in legs if leg.kind.is_option]
    width = math.exp(_DEVIATIONS * _deviation(market, legs, time))
    low = min(market.spot / width, *(0.97 * one for one in [*strikes, *marks] if one <= 3.0 * market.spot))
    high = max(market.spot * width, *(1.03 * one for one in [*strikes, *marks] if one <= 3.0 * market.spot))
    inside = [one for one in [*strikes, *marks] if low <= one <= high]
    return np.unique(np.concatenate([np.linspace(low, high, _POINTS), inside]))


def _probability(shape: Shape, roots: Sequence[float], market: Market, end: date | None) -> float:
    """P(profit > 0): the lognormal's share of every stretch between break-evens that has a profit."""
    if end is None:
        return math.nan
    term = market.terms[end]
    deviation = term.atm_iv * math.sqrt(term.t_years) if term.t_years > 0.0 else math.nan
    if not (deviation > 0.0 and term.forward > 0.0) or np.isnan(shape.values).any():
        return math.nan

    def below(price: float) -> float:
        if price <= 0.0 or math.isinf(price):
            return float(price > 0.0)
        return 0.5 * math.erfc(-(math.log(price / term.forward) / deviation + 0.5 * deviation) / math.sqrt(2.0))

    ends = [0.0, *roots, math.inf]
    total = 0.0
    for low, high in itertools.pairwise(ends):
        middle = 2.0 * max(low, float(shape.knots[-1])) if math.isinf(high) else 0.5 * (low + high)
        if float(shape.at(np.array([middle]))[0]) > shape.zero:
            total += below(high) - below(low)
    return min(max(total, 0.0), 1.0)
