"""The payoff builder: legs as they are asked for, filled in from the chains, worked out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from marketbell.core.options.analysis import Analysed
from marketbell.core.options.document import moment, plain
from marketbell.core.options.margin import Margin, estimate_margin, ranges_of
from marketbell.core.options.payoff import LegNow, Payoff, Span, WhatIf, assess
from marketbell.core.options.payoff_words import MARGIN_MODEL, PROBABILITY_MODEL, payoff_words
from marketbell.core.options.positions import Greeks, Leg, LegKind, LegSide, Market
from marketbell.core.options.strategies import contract, market_of
from marketbell.core.primitives.errors import NotFoundError, UserError

__all__ = ["LegAsked", "WhatIf", "payoff_document"]


@dataclass(frozen=True, slots=True)
class LegAsked:
    """A leg as somebody writes it. `kind` call, put, future or stock; `side` buy or sell.

    Without `expiry` it is the position's; without `price` the chain's (mid, else last); a future's is the listed one,
    else the forward; stock's the spot.
    """

    kind: str
    side: str
    strike: float | None = None
    expiry: date | None = None
    lots: float = 1.0
    price: float | None = None


def payoff_document(
    chains: Mapping[date, Analysed],
    expiry: date,
    legs: Sequence[LegAsked],
    what_if: WhatIf = WhatIf(),  # noqa: B008
    kind: str = "",
) -> dict[str, Any]:
    """The position worked out, as the API gives it: null for unknown and for what has no limit.

    `chains` are of one underlying, by expiry, those of all legs among them; `kind` is the underlying's (`index`).
    Amounts are for the whole position in the underlying's currency; `iv` in percentage points; the Greeks of a leg and
    of the position are in money (a point of spot, a point of volatility, a calendar day). `best` and `worst` say at
    which prices the greatest profit and loss are (`high` null: and above). `is_numeric`: legs of a later expiry, read
    from a grid. UserError names the leg.
    """
    missing = sorted({one for leg in legs if (one := leg.expiry or expiry) not in chains and leg.kind != "stock"})
    if expiry not in chains or missing:
        wanted = missing[0] if missing else expiry
        known = ", ".join(one.isoformat() for one in sorted(chains)) or "none"
        message = f"there is no chain for {wanted}: there is {known}"
        raise NotFoundError(message, field="expiry")
    near = chains[expiry]
    market = market_of([near, *(one for day, one in chains.items() if day != expiry)])
    filled = [_filled(number, leg, chains, expiry, market) for number, leg in enumerate(legs)]
    payoff = assess(filled, market, what_if)
    margin = estimate_margin(filled, market, ranges_of(near.chain.underlying, kind))
    name = near.chain.underlying.partition(":")[2] or near.chain.underlying
    return {
        "underlying": near.chain.underlying,
        "spot": _known(market.spot),
        "expiry": expiry.isoformat(),
        "as_of": moment(max(one.chain.as_of for one in chains.values())),
        "lot_size": _known(market.lot_size),
        **position_document(payoff),
        "words": payoff_words(payoff, market, name),
        **_margin_document(margin),
    }


def position_document(payoff: Payoff) -> dict[str, Any]:
    """The numbers of a worked-out position."""
    return {
        "legs": [_leg_document(one) for one in payoff.legs],
        "cost": _known(payoff.cost),
        "max_profit": _known(payoff.max_profit),
        "max_loss": _known(payoff.max_loss),
        "is_profit_unlimited": math.isinf(payoff.max_profit),
        "is_loss_unlimited": math.isinf(payoff.max_loss),
        "best": [_span_document(one) for one in payoff.best],
        "worst": [_span_document(one) for one in payoff.worst],
        "break_evens": list(payoff.break_evens),
        "probability_of_profit": _known(payoff.probability_of_profit),
        "probability_model": PROBABILITY_MODEL,
        "horizon": None if payoff.horizon is None else payoff.horizon.isoformat(),
        "is_numeric": payoff.is_numeric,
        "greeks": _greeks_document(payoff.greeks),
        "what_if": {
            **payoff.what_if._asdict(),
            "spot": payoff.at_spot,
            "profit": _known(payoff.at_profit),
        },
        "points": [
            {"spot": spot, "now": now, "expiry": end}
            for spot, now, end in zip(plain(payoff.spots), plain(payoff.now), plain(payoff.expiry), strict=True)
        ],
    }


def legs_document(legs: Sequence[Leg]) -> list[dict[str, Any]]:
    """Legs as they would be asked for again, with their prices."""
    return [
        {
            "kind": str(leg.kind),
            "side": str(leg.side),
            "strike": _known(leg.strike),
            "expiry": None if leg.expiry is None else leg.expiry.isoformat(),
            "lots": leg.lots,
            "price": _known(leg.price),
            "iv": _known(leg.iv * 100.0),
        }
        for leg in legs
    ]


def _filled(number: int, asked: LegAsked, chains: Mapping[date, Analysed], expiry: date, market: Market) -> Leg:
    """The leg with what the chain says where nothing is written."""
    field = f"legs.{number}"
    try:
        kind, side = LegKind(asked.kind), LegSide(asked.side)
    except ValueError:
        kinds, sides = ", ".join(LegKind), " or ".join(LegSide)
        message = f"leg {number + 1} is one of {kinds}, with {sides}, not {asked.kind!r} with {asked.side!r}"
        raise UserError(message, field=field) from None
    price = math.nan if asked.price is None else asked.price
    if kind is LegKind.STOCK:
        return Leg(kind, side, asked.lots, market.spot if asked.price is None else price)
    day = asked.expiry or expiry
    analysed = chains[day]
    if kind is LegKind.FUTURE:
        listed = analysed.chain.future if analysed.chain.future > 0.0 else analysed.forward
        return Leg(kind, side, asked.lots, listed if asked.price is None else price, expiry=day)
    if asked.strike is None:
        message = f"leg {number + 1} ({side} {kind}) needs a strike"
        raise UserError(message, field=f"{field}.strike")
    try:
        quoted, iv = contract(analysed, kind, asked.strike)
    except UserError as error:
        message = f"leg {number + 1}: {error.message}"
        raise UserError(message, field=f"{field}.strike") from error
    return Leg(kind, side, asked.lots, quoted if asked.price is None else price, asked.strike, day, iv)


def _leg_document(one: LegNow) -> dict[str, Any]:
    return {
        **legs_document([one.leg])[0],
        "units": one.units,
        "value": _known(one.value),
        **_greeks_document(one.greeks),
    }


def _greeks_document(greeks: Greeks) -> dict[str, Any]:
    return {name: _known(number) for name, number in greeks._asdict().items()}


def _span_document(span: Span) -> dict[str, Any]:
    return {"low": span.low, "high": _known(span.high)}


def _margin_document(margin: Margin | None) -> dict[str, Any]:
    if margin is None:
        return {"margin": None, "margin_model": MARGIN_MODEL, "margin_parts": None}
    text = (
        f"Scanned to ±{100.0 * margin.price_range:.1f} % of the price and ±{100.0 * margin.iv_range:.1f} points of "
        f"volatility; worst at {margin.worst_price_pct:+.1f} % and {margin.worst_iv_points:+.1f} points."
    )
    parts = {"scan": margin.scan, "exposure": margin.exposure, "premium": margin.premium, "text": text}
    return {"margin": margin.total, "margin_model": MARGIN_MODEL, "margin_parts": parts}


def _known(number: float) -> float | None:
    return float(number) if math.isfinite(number) else None
