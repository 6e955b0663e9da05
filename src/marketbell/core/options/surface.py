"""The volatility surface of an underlying: an SVI slice an expiry, checked between each other, and what lies between.

Between two fitted expiries total variance is linear in time at the same log-moneyness (k against each expiry's own
forward), which keeps calendars free of arbitrage where the slices are. Before the first and after the last the
volatility of that slice holds. Source: J. Gatheral and A. Jacquier, Arbitrage-free SVI volatility surfaces (2014).
"""

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from marketbell.core.options.analysis import Analysed
from marketbell.core.options.document import moment
from marketbell.core.options.metrics import has_quotes, liquid
from marketbell.core.options.svi import CHECKED, Svi, SviFit, fit_svi, vega_weights
from marketbell.core.primitives.errors import UserError

Floats = NDArray[np.float64]

_POINTS = 2_001
_ROUNDING = 1e-12
_GRID = 41
"""Log-moneynesses of the grid: enough for a heat map and a 3-D surface."""


class Smile(NamedTuple):
    """One expiry's quotes: volatility (a fraction a year, NaN unknown) at each strike, and the forward they lie about.

    `weights` as `fit_svi` wants them; None: vega's.
    """

    expiry: date
    t_years: float
    forward: float
    strikes: Floats
    iv: Floats
    weights: Floats | None = None


@dataclass(frozen=True, slots=True)
class Slice:
    """One expiry of the surface."""

    expiry: date
    forward: float
    strikes: Floats
    fit: SviFit

    @property
    def t_years(self) -> float:
        return self.fit.t_years

    @property
    def quoted(self) -> tuple[float, float]:
        """Lowest and highest log-moneyness that the fit rests on."""
        k = self.fit.k[self.fit.is_used]
        return float(k.min()), float(k.max())


class Crossing(NamedTuple):
    """Log-moneynesses where the nearer expiry has more total variance than the farther one: calendar arbitrage.

    `depth` is the excess of total variance at its worst, at `worst_k`. `is_quoted` where that stretch reaches into
    what both expiries have quotes for; else it lies in extrapolated wings.
    """

    near: date
    far: date
    low_k: float
    high_k: float
    worst_k: float
    depth: float
    is_quoted: bool


@dataclass(frozen=True, slots=True)
class Surface:
    """Slices by time, those without a fit among them, and every calendar crossing of neighbours over |k| ≤ 1.5."""

    slices: tuple[Slice, ...]
    crossings: tuple[Crossing, ...]

    @property
    def fitted(self) -> tuple[Slice, ...]:
        """Slices that have a fit."""
        return tuple(one for one in self.slices if one.fit.params is not None)

    def total_variance(self, k: Any, t_years: float) -> Floats:
        """Total variance w at each log-moneyness, at any time. NaN without a fitted slice or at t ≤ 0."""
        k = np.asarray(k, np.float64)
        known = [(one.t_years, one.fit.params) for one in self.slices if one.fit.params is not None]
        if not known or not t_years > 0.0:
            return np.full(k.shape, np.nan)
        times = [t for t, _ in known]
        after = int(np.searchsorted(times, t_years))
        if after in {0, len(known)}:
            t, params = known[0 if after == 0 else -1]
            found: Floats = params.total_variance(k) * (t_years / t)
            return found
        (t0, near), (t1, far) = known[after - 1], known[after]
        share = (t_years - t0) / (t1 - t0)
        between: Floats = (1.0 - share) * near.total_variance(k) + share * far.total_variance(k)
        return between

    def iv(self, k: Any, t_years: float) -> Floats:
        """The volatility at each log-moneyness, at any time: a fraction a year, NaN where total variance is."""
        with np.errstate(invalid="ignore"):
            found: Floats = np.sqrt(self.total_variance(k, t_years) / t_years)
        return found

    def forward(self, t_years: float) -> float:
        """The forward at any time: ln F is linear between expiries and constant outside. NaN without slices."""
        known = [(one.t_years, one.forward) for one in self.slices if one.t_years > 0.0 and one.forward > 0.0]
        if not known:
            return math.nan
        times, forwards = zip(*known, strict=True)
        return float(np.exp(np.interp(t_years, times, np.log(forwards))))


def build_surface(smiles: Iterable[Smile]) -> Surface:
    """Fit every expiry, the nearest first, then look at each pair of neighbours.

    Each is fitted to its own quotes; among slices that fit nearly as well (svi.fit_svi) one that does not cross the
    nearer expiry is preferred. UserError where an expiry comes twice.
    """
    ordered = sorted(smiles, key=lambda one: (one.t_years, one.expiry))
    if len({one.expiry for one in ordered}) < len(ordered):
        message = "an expiry comes twice in one surface"
        raise UserError(message)
    slices: list[Slice] = []
    nearer = None
    for one in ordered:
        fit = _fit(one, nearer)
        slices.append(Slice(one.expiry, one.forward, one.strikes, fit))
        nearer = fit.params or nearer
    fitted = [one for one in slices if one.fit.params is not None]
    crossings = [found for near, far in itertools.pairwise(fitted) for found in _crossings(near, far)]
    return Surface(tuple(slices), tuple(crossings))


def smile_of(analysed: Analysed) -> Smile:
    """The smile of an analysed chain: its out-of-the-money volatilities about its forward, weighted by vega.

    A strike whose option is not liquid (metrics.liquid) has no weight. Where the source tells neither quotes nor volume
    nobody knows, and all count.
    """
    chain, iv = analysed.chain, analysed.iv
    is_quoted = has_quotes(chain)
    calls, puts = (liquid(side, is_quoted=is_quoted) for side in (chain.call, chain.put))
    is_call = chain.strikes >= analysed.forward
    is_liquid = np.where(is_call, calls, puts)
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = vega_weights(np.log(chain.strikes / analysed.forward), iv, analysed.t_years)
    if is_quoted or any(np.isfinite(side.volume).any() for side in (chain.call, chain.put)):
        weights = np.where(is_liquid, weights, 0.0)
    return Smile(chain.expiry, analysed.t_years, analysed.forward, chain.strikes, iv, weights)


def surface_document(surface: Surface, *, as_of: int, spot: float) -> dict[str, Any]:
    """The surface as the API gives it: plain values, null for unknown, volatilities in percentage points.

    `as_of` in ns UTC (0 unknown) becomes ISO 8601.
    `min_g`, `k`, the params and `depth` are pure numbers (log-moneyness, total variance). The grid covers the quoted
    log-moneynesses of all fitted expiries; `is_quoted` says where an expiry has quotes and is not extrapolated.
    """
    return {
        "as_of": moment(as_of),
        "spot": _plain(spot),
        "slices": [_slice_document(one) for one in surface.slices],
        "calendar": {
            "is_free": not surface.crossings,
            "is_free_where_quoted": not any(one.is_quoted for one in surface.crossings),
            "crossings": [
                {**one._asdict(), "near": one.near.isoformat(), "far": one.far.isoformat()} for one in surface.crossings
            ],
        },
        "grid": _grid_document(surface),
    }


def _fit(smile: Smile, nearer: Svi | None) -> SviFit:
    with np.errstate(divide="ignore", invalid="ignore"):
        k = np.log(np.asarray(smile.strikes, np.float64) / smile.forward)
    return fit_svi(k, smile.iv, smile.t_years, smile.weights, nearer)


def _crossings(near: Slice, far: Slice) -> Iterable[Crossing]:
    """Stretches of |k| ≤ 1.5 where the nearer slice lies above the farther, their ends found by halving."""
    one, two = near.fit.params, far.fit.params
    if one is None or two is None:
        return

    def excess(k: Floats) -> Floats:
        found: Floats = one.total_variance(k) - two.total_variance(k)
        return found

    reach = max(CHECKED, *(1.1 * abs(end) for part in (near, far) for end in part.quoted))
    k = np.unique(np.concatenate([np.linspace(-reach, reach, _POINTS), *(_bend(part, reach) for part in (one, two))]))
    above = excess(k) > _ROUNDING
    turns = np.flatnonzero(above[1:] != above[:-1]) + 1
    low_quoted = max(near.quoted[0], far.quoted[0])
    high_quoted = min(near.quoted[1], far.quoted[1])
    for start, end in itertools.pairwise([0, *turns.tolist(), len(k)]):
        if not above[start]:
            continue
        low = float(k[0]) if start == 0 else _halved(excess, float(k[start]), float(k[start - 1]))
        high = float(k[-1]) if end == len(k) else _halved(excess, float(k[end - 1]), float(k[end]))
        inside = excess(k[start:end])
        worst = int(inside.argmax())
        yield Crossing(
            near=near.expiry,
            far=far.expiry,
            low_k=low,
            high_k=high,
            worst_k=float(k[start + worst]),
            depth=float(inside[worst]),
            is_quoted=low <= high_quoted and high >= low_quoted and low_quoted <= high_quoted,
        )


def _bend(params: Svi, reach: float) -> Floats:
    """Log-moneynesses dense about the vertex, where a coarse grid could step over a short crossing."""
    k = params.m + params.sigma * np.sinh(np.linspace(-4.0, 4.0, 401))
    found: Floats = k[np.abs(k) <= reach]
    return found


def _halved(excess: Any, above: float, below: float) -> float:
    """Where the excess ends between a point that has it and a neighbour that has not."""
    for _ in range(60):
        middle = 0.5 * (above + below)
        if excess(np.float64(middle)) > _ROUNDING:
            above = middle
        else:
            below = middle
    return above


def _slice_document(one: Slice) -> dict[str, Any]:
    fit, params, butterfly = one.fit, one.fit.params, one.fit.butterfly
    points = zip(one.strikes, fit.k, fit.iv, fit.fitted, fit.residual, fit.is_used, strict=True)
    return {
        "expiry": one.expiry.isoformat(),
        "t_years": _plain(one.t_years),
        "forward": _plain(one.forward),
        "params": None if params is None else params._asdict(),
        "reason": fit.reason,
        "rmse": _points(fit.rmse),
        "min_g": None if butterfly is None else _plain(butterfly.min_g),
        "min_g_k": None if butterfly is None else butterfly.at_k,
        "checked_k": None if butterfly is None else [butterfly.low_k, butterfly.high_k],
        "is_butterfly_free": None if butterfly is None else butterfly.is_free,
        "left_slope": None if params is None else params.left_slope,
        "right_slope": None if params is None else params.right_slope,
        "is_lee_bounded": None if params is None else params.is_lee_bounded,
        "points": [
            {
                "strike": float(strike),
                "k": _plain(k),
                "iv": _points(iv),
                "fitted": _points(fitted),
                "residual": _points(residual),
                "is_used": bool(used),
            }
            for strike, k, iv, fitted, residual, used in points
        ],
    }


def _grid_document(surface: Surface) -> dict[str, Any]:
    fitted = surface.fitted
    if not fitted:
        return {"k": [], "expiries": [], "t_years": [], "iv": [], "is_quoted": []}
    ends = [one.quoted for one in fitted]
    k = np.linspace(min(low for low, _ in ends), max(high for _, high in ends), _GRID)
    return {
        "k": k.tolist(),
        "expiries": [one.expiry.isoformat() for one in fitted],
        "t_years": [one.t_years for one in fitted],
        "iv": [[_points(iv) for iv in surface.iv(k, one.t_years)] for one in fitted],
        "is_quoted": [((k >= low) & (k <= high)).tolist() for low, high in ends],
    }


def _plain(number: float) -> float | None:
    return float(number) if math.isfinite(number) else None


def _points(fraction: float) -> float | None:
    return float(fraction) * 100.0 if math.isfinite(fraction) else None
