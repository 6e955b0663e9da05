"""A worked-out position in plain sentences, for someone who has never held an option."""

import itertools
import math
from collections.abc import Iterable
from datetime import date

import numpy as np

from marketbell.core.options.payoff import Payoff, Span
from marketbell.core.options.positions import LegKind, Market

PROBABILITY_MODEL = (
    "Lognormal price at the first expiry, about its forward, with its at-the-money volatility: what the options' own "
    "prices say, not a forecast."
)
MARGIN_MODEL = (
    "An estimate in the manner of SPAN: the worst loss of sixteen scenarios of price and volatility, the value of "
    "options sold, and an exposure charge. The exchange's own figure differs: its volatility, calendar, delivery and "
    "additional charges are not in it, nor is stock that you hold."
)
_LOWEST_AMOUNT = 0.005


def payoff_words(payoff: Payoff, market: Market, name: str) -> list[str]:
    """Sentences in the order that a beginner asks: cost, loss, profit, break-even, chance, time, what to beware of.

    `name` is the underlying's (`NIFTY`). Amounts are plain numbers in the underlying's currency.
    """
    when = f" on {_day(payoff.horizon)}" if payoff.horizon is not None else ""
    about = "about " if payoff.is_numeric else ""
    return [
        *_cost(payoff),
        *_loss(payoff, name, when, about),
        *_profit(payoff, name, when, about),
        *_break_even(payoff, market, name),
        *_chance(payoff),
        *_passing(payoff),
        *_beware(payoff, market),
    ]


def amount(value: float) -> str:
    """`5,400`, `12.50`: two digits behind the point, or none."""
    text = f"{abs(value):,.2f}"
    return text.removesuffix(".00")


def _cost(payoff: Payoff) -> Iterable[str]:
    if payoff.cost > _LOWEST_AMOUNT:
        yield f"You pay {amount(payoff.cost)} to enter."
    elif payoff.cost < -_LOWEST_AMOUNT:
        yield f"You receive {amount(payoff.cost)} when you enter."
    else:
        yield "It costs nothing to enter."
    if any(one.leg.kind is LegKind.FUTURE for one in payoff.legs):
        yield "A future costs nothing to enter, but money is set aside for it and its gains and losses are paid daily."


def _loss(payoff: Payoff, name: str, when: str, about: str) -> Iterable[str]:
    if math.isnan(payoff.max_loss):
        return
    if math.isinf(payoff.max_loss):
        yield f"The loss has no limit: it grows with every point that {name} ends above {_price(payoff.worst[0].low)}."
    elif payoff.max_loss <= _LOWEST_AMOUNT:
        yield f"By these prices it cannot lose: at worst it makes {about}{amount(payoff.max_loss)}."
    else:
        where = _where(payoff.worst, name)
        yield f"At most you lose {about}{amount(payoff.max_loss)}: {where}{when}."


def _profit(payoff: Payoff, name: str, when: str, about: str) -> Iterable[str]:
    if math.isnan(payoff.max_profit):
        return
    if math.isinf(payoff.max_profit):
        yield f"The profit has no limit: it grows with every point that {name} ends above {_price(payoff.best[0].low)}."
    elif payoff.max_profit <= _LOWEST_AMOUNT:
        yield f"By these prices it cannot win: at best it loses {about}{amount(payoff.max_profit)}."
    else:
        where = _where(payoff.best, name)
        yield f"At most you make {about}{amount(payoff.max_profit)}: {where}{when}."


def _where(spans: Iterable[Span], name: str) -> str:
    """`if NIFTY ends at or below 24,000, or ends at or above 25,000`."""
    found = []
    for low, high in spans:
        if low == high:
            found.append("falls to nothing" if low == 0.0 else f"ends at {_price(low)}")
        elif low <= 0.0 and math.isinf(high):
            return f"wherever {name} ends"
        elif low <= 0.0:
            found.append(f"ends at or below {_price(high)}")
        elif math.isinf(high):
            found.append(f"ends at or above {_price(low)}")
        else:
            found.append(f"ends between {_price(low)} and {_price(high)}")
    return f"if {name} {', or '.join(found)}"


def _break_even(payoff: Payoff, market: Market, name: str) -> Iterable[str]:
    if not payoff.break_evens:
        return
    ends = [0.0, *payoff.break_evens, math.inf]
    zones = []
    for low, high in itertools.pairwise(ends):
        inside = (payoff.spots > low) & (payoff.spots < high)
        if inside.any() and float(np.median(payoff.expiry[inside])) > 0.0:
            zones.append((low, high))
    parts = [
        f"below {_price(high)}"
        if low == 0.0
        else f"above {_price(low)}"
        if math.isinf(high)
        else f"between {_price(low)} and {_price(high)}"
        for low, high in zones
    ]
    if parts:
        yield f"You make money if {name} ends {' or '.join(parts)}."
    marks = [f"{_price(one)} ({_away(one, market.spot)})" for one in payoff.break_evens]
    yield f"It breaks even at {' and '.join(marks)}."


def _away(price: float, spot: float) -> str:
    share = 100.0 * (price / spot - 1.0)
    if abs(share) < 0.05:
        return "the price now"
    return f"{abs(share):.1f} % {'above' if share > 0 else 'below'} the price now"


def _chance(payoff: Payoff) -> Iterable[str]:
    chance = payoff.probability_of_profit
    if math.isnan(chance):
        return
    percent = (
        f"about {100.0 * chance:.0f} %" if 0.005 <= chance <= 0.995 else "under 1 %" if chance < 0.5 else "over 99 %"
    )
    yield f"The chance of a profit is {percent}, by the options' own prices: a model's number, not a promise."


def _passing(payoff: Payoff) -> Iterable[str]:
    theta, vega = payoff.greeks.theta, payoff.greeks.vega
    if math.isfinite(theta) and abs(theta) > _LOWEST_AMOUNT:
        verb = "costs" if theta < 0.0 else "brings"
        yield f"While nothing else changes, a day that passes {verb} about {amount(round(theta))}."
    if math.isfinite(vega) and abs(vega) > _LOWEST_AMOUNT:
        verb = "brings" if vega > 0.0 else "costs"
        yield f"If the market grows more nervous, each point of volatility {verb} about {amount(round(vega))}."


def _beware(payoff: Payoff, market: Market) -> Iterable[str]:
    if payoff.is_numeric:
        yield (
            "What is left of the later expiry at the first one is valued by a model, at today's volatility: amounts "
            "there are estimates."
        )
    blind = [one.leg.name for one in payoff.legs if one.leg.kind.is_option and math.isnan(one.leg.iv)]
    if blind:
        yield f"No volatility is known for the {', the '.join(blind)}, so today's value and the Greeks are not known."
    if not market.lot_size > 0.0:
        yield "The lot size is not known: amounts are for one unit."
    if math.isinf(payoff.max_loss):
        yield "A position without a limit to its loss can cost more than all the money in the account."


def _price(price: float) -> str:
    return f"{price:,.2f}".removesuffix(".00")


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"
