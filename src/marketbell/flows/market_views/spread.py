"""How the values of a field are spread over the market's rows."""

import math
from typing import Any

import numpy as np

from marketbell.core.market.instrument import LISTED_KINDS
from marketbell.flows.market_views.filters import field_name
from marketbell.flows.market_views.numbers import number
from marketbell.flows.market_views.reader import Market

BINS = 24
SHARES = (5, 25, 50, 75, 95)


def spread(market: Market, field: str) -> dict[str, Any]:
    """`{field, known, unknown, min, max, quantiles (at 5, 25, 50, 75, 95 in a hundred), bins: [{from, to, count}]}`.

    Over what is traded itself: an index among companies has no part in it. The outermost bins reach to the least and
    the largest value, the others are of one width, so that a single giant does not press everything into one bin.
    UserError for a name that is no field.
    """
    name = field_name(field.strip(), "field")
    among = [key for key in market.keys if market.universe.get(key).kind in LISTED_KINDS]
    found = [number(market.row(key), name) for key in among]
    known = np.array([value for value in found if value is not None], np.float64)
    answer: dict[str, Any] = {"field": name, "known": known.size, "unknown": len(among) - known.size}
    if known.size == 0:
        return answer | {"min": None, "max": None, "quantiles": [], "bins": []}
    quantiles = np.percentile(known, SHARES).tolist()
    low, high = float(known.min()), float(known.max())
    edges = _edges(low, high, *np.percentile(known, (2, 98)).tolist())
    counts = np.histogram(known, np.array(edges))[0].tolist() if len(edges) > 1 else [int(known.size)]
    ends = edges[1:] or [low]
    bins = [{"from": a, "to": b, "count": count} for a, b, count in zip(edges, ends, counts, strict=False)]
    return answer | {"min": low, "max": high, "quantiles": quantiles, "bins": bins}


def _edges(low: float, high: float, inner_low: float, inner_high: float) -> list[float]:
    """Of the bins; one value alone where all values are equal."""
    if low == high:
        return [low]
    if math.isclose(inner_low, inner_high):
        inner_low, inner_high = low, high
    edges = np.linspace(inner_low, inner_high, BINS + 1).tolist()
    edges[0], edges[-1] = low, high
    return sorted(set(edges))
