"""Positions with a name: a straddle, a spread, a condor, built from the strikes that a chain really has.

Strikes are chosen either by width (so many widths from the at-the-money strike, a width being half an expected move to
the expiry, at least one strike apart) or by delta. Only contracts with a price are used; a position that the chain
cannot make is said with the reason, never made of something else.
"""

import itertools
import math
from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from marketbell.core.options.analysis import Analysed
from marketbell.core.options.chain import Floats
from marketbell.core.options.payoff import Payoff, assess
from marketbell.core.options.positions import Leg, LegKind, Market, Term
from marketbell.core.options.presets import PRESETS, SHOWN, Part, Preset, View
from marketbell.core.options.pricing import Priced
from marketbell.core.primitives.errors import UserError

EXAMPLES = 3
_CALL, _FUTURE, _STOCK = LegKind.CALL, LegKind.FUTURE, LegKind.STOCK


class By(StrEnum):
    """How strikes are chosen."""

    WIDTH = "width"
    DELTA = "delta"


class Built(NamedTuple):
    """A preset made of a chain's contracts."""

    preset: Preset
    legs: tuple[Leg, ...]


class Example(NamedTuple):
    """A preset made and worked out."""

    preset: Preset
    legs: tuple[Leg, ...]
    payoff: Payoff


def market_of(analysed: Sequence[Analysed]) -> Market:
    """What positions in these chains (of one underlying, an expiry each) are valued in.

    The newest chain's spot counts. UserError without a chain.
    """
    if not analysed:
        message = "there is no chain to work a position out from"
        raise UserError(message)
    newest = max(analysed, key=lambda one: one.chain.as_of)
    lots = [one.chain.lot_size for one in (newest, *analysed) if one.chain.lot_size > 0.0]
    terms = {one.chain.expiry: Term(one.chain.expiry, one.t_years, one.forward, atm_iv_of(one)) for one in analysed}
    return Market(newest.chain.spot, lots[0] if lots else math.nan, terms, newest.settings)


def atm_iv_of(analysed: Analysed) -> float:
    """Volatility at the forward, a fraction: linear between the strikes that have one. NaN without any."""
    known = np.isfinite(analysed.iv)
    if not known.any() or not analysed.forward > 0.0:
        return math.nan
    return float(np.interp(analysed.forward, analysed.chain.strikes[known], analysed.iv[known]))


def contract(analysed: Analysed, kind: LegKind, strike: float) -> tuple[float, float]:
    """Price and volatility (a fraction) of one of the chain's options, NaN where it has none.

    A contract whose own price gives no volatility has that of its strike. UserError for a strike that is not listed.
    """
    at = int(np.searchsorted(analysed.chain.strikes, strike))
    if at == len(analysed.chain) or analysed.chain.strikes[at] != strike:
        message = f"{strike:,.10g} is not a strike of the expiry {analysed.chain.expiry}"
        raise UserError(message)
    side = _side(analysed, kind)
    iv = float(side.iv[at])
    return float(side.price[at]), float(analysed.iv[at]) if math.isnan(iv) else iv


def build(
    name: str, near: Analysed, later: Analysed | None = None, *, by: By = By.WIDTH, width: float | None = None
) -> Built:
    """A preset made of a chain's contracts, one lot of each part (`later`: the next expiry, for calendars).

    `width` in units of price, None for half an expected move. UserError for an unknown name, or with the reason why
    this chain cannot make it.
    """
    preset = PRESETS.get(name)
    if preset is None:
        message = f"there is no preset {name!r}: {', '.join(PRESETS)}"
        raise UserError(message, field="name")
    ladders: dict[bool, Analysed | None] = {False: near, True: later}
    legs = [_leg(preset, part, ladders[part.is_later], near, by, width or default_width(near)) for part in preset.parts]
    _check_order(preset, legs)
    return Built(preset, tuple(legs))


def default_width(analysed: Analysed) -> float:
    """Half an expected move to the expiry (F · iv · √t), and at least the distance of strikes about the money."""
    strikes = analysed.chain.strikes
    if len(strikes) < 2:
        return math.nan
    at = int(np.searchsorted(strikes, analysed.chain.spot))
    near = strikes[max(0, at - 3) : at + 3]
    gap = float(np.median(np.diff(near))) if len(near) > 1 else float(np.median(np.diff(strikes)))
    move = analysed.forward * atm_iv_of(analysed) * math.sqrt(max(analysed.t_years, 0.0))
    return max(gap, 0.5 * move) if math.isfinite(move) else 2.0 * gap


def examples(view: View, near: Analysed) -> list[Example]:
    """Three positions of limited risk for a view, worked out, of one expiry.

    Fewer where the chain makes fewer, none without a spot.
    """
    market = market_of([near])
    if not market.spot > 0.0:
        return []
    found: list[Example] = []
    for name in SHOWN[view]:
        try:
            built = build(name, near)
        except UserError:
            continue  # this chain has no price for one of its strikes: the next one stands in
        payoff = assess(built.legs, market)
        # Prices of a thin chain can turn a spread into a gift or a sure loss: neither is an example.
        if 0.0 < payoff.max_loss < math.inf and payoff.max_profit > 0.0:
            found.append(Example(built.preset, built.legs, payoff))
        if len(found) == EXAMPLES:
            break
    return found


def _side(analysed: Analysed, kind: LegKind) -> Priced:
    return analysed.call if kind is _CALL else analysed.put


def _leg(preset: Preset, part: Part, chain: Analysed | None, near: Analysed, by: By, width: float) -> Leg:
    if chain is None:
        message = f"{preset.title} needs a later expiry, and there is none"
        raise UserError(message)
    if part.kind is _STOCK:
        return Leg(part.kind, part.side, part.lots, chain.chain.spot)
    expiry: date = chain.chain.expiry
    if part.kind is _FUTURE:
        listed = chain.chain.future
        return Leg(part.kind, part.side, part.lots, listed if listed > 0.0 else chain.forward, expiry=expiry)
    side = _side(chain, part.kind)
    usable = side.price > 0.0
    by_delta = by is By.DELTA and part.at != 0.0  # a straddle has one strike, whatever the two deltas say
    if by_delta:
        distance = np.where(usable, np.abs(np.abs(side.delta) - part.delta), np.nan)
    else:
        distance = np.where(usable, np.abs(chain.chain.strikes - (_at_the_money(near) + part.at * width)), np.nan)
    if np.isnan(distance).all():
        what = "a price and a delta" if by_delta else "a price"
        message = f"{preset.title} cannot be made: no {part.kind} of {expiry} has {what}"
        raise UserError(message)
    at = int(np.nanargmin(distance))
    strike = float(chain.chain.strikes[at])
    price, iv = contract(chain, part.kind, strike)
    return Leg(part.kind, part.side, part.lots, price, strike, expiry, iv)


def _at_the_money(analysed: Analysed) -> float:
    """The strike nearest to the spot, the lower of two (definitions.md §5.2)."""
    strikes: Floats = analysed.chain.strikes
    if not len(strikes):
        return math.nan
    return float(strikes[int(np.argmin(np.abs(strikes - analysed.chain.spot)))])


def _check_order(preset: Preset, legs: Sequence[Leg]) -> None:
    """The strikes must stand as the preset says: apart where they are meant to be, together where they are not."""
    options = [(part.at, leg.strike) for part, leg in zip(preset.parts, legs, strict=True) if leg.kind.is_option]
    for (at, strike), (other_at, other) in itertools.combinations(options, 2):
        if (at < other_at) != (strike < other) or (at == other_at) != (strike == other):
            message = (
                f"{preset.title} cannot be made: the chain has no prices at enough different strikes "
                f"({strike:,.10g} and {other:,.10g})"
            )
            raise UserError(message)
