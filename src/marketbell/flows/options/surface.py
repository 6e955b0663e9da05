"""The volatility surface of the newest chains of an underlying."""

import math
from collections.abc import Sequence
from typing import Any

from marketbell.core.options.analysis import Analysed
from marketbell.core.options.surface import build_surface, smile_of
from marketbell.core.options.surface import surface_document as documented


def surface_document(slices: Sequence[Analysed]) -> dict[str, Any]:
    """Fit and check the surface: one analysed chain an expiry, in any order.

    An expiry without time or forward is left out and said in `left_out` ({expiry, why}); one with too few quotes stays
    among the slices with its `reason`. `as_of` and `spot` are the newest chain's.
    """
    left_out, used = [], []
    for one in slices:
        why = _why_not(one)
        if why:
            left_out.append({"expiry": one.chain.expiry.isoformat(), "why": why})
        else:
            used.append(one)
    newest = max(slices, key=lambda one: one.chain.as_of, default=None)
    surface = build_surface(smile_of(one) for one in used)
    found = documented(
        surface,
        as_of=newest.chain.as_of if newest else 0,
        spot=newest.chain.spot if newest else math.nan,
    )
    return {**found, "left_out": left_out}


def _why_not(analysed: Analysed) -> str:
    if math.isnan(analysed.t_years):
        return "the moment of capture or of the expiry is not known"
    if analysed.t_years <= 0.0:
        return "the expiry has passed"
    if not analysed.forward > 0.0:
        return "it has no forward: neither a future, nor quotes near the money, nor a spot"
    return ""
