"""A smile in five numbers: Gatheral's raw SVI, fitted to quotes and checked for arbitrage.

w(k) = a + b (rho (k − m) + √((k − m)² + σ²)), with k = ln(K / F) and w = iv² · t the total variance.
Sources: J. Gatheral, A parsimonious arbitrage-free implied volatility parameterization (2004); J. Gatheral and
A. Jacquier, Arbitrage-free SVI volatility surfaces (2014), for g(k); R. Lee, The moment formula (2004), for the wings.
A fit keeps Lee's bound and never lets variance be negative. Freedom from arbitrage is preferred where it costs little,
not forced: it is checked and reported.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from marketbell.core.options.svi_kernel import LEE, least_g, search
from marketbell.core.primitives.errors import UserError

Floats = NDArray[np.float64]

FEWEST_QUOTES = 6
"""Five numbers, and one quote that can contradict them."""
CHECKED = 1.5
"""Butterflies are looked for over |k| up to here at least: strikes from 0.22 to 4.5 times the forward."""
_ROUNDING = 1e-10
"""g as little as this under zero is rounding."""
_LOWEST_SHARE = 1e-3
"""A fitted slice stays above this share of the lowest quoted variance: at zero a density makes no sense."""


class Butterfly(NamedTuple):
    """Where g(k), the sign of the density, is least. Below zero, a butterfly of options there has a price under 0."""

    min_g: float
    at_k: float
    low_k: float
    high_k: float

    @property
    def is_free(self) -> bool:
        """No butterfly arbitrage between `low_k` and `high_k`."""
        return self.min_g >= -_ROUNDING


class Svi(NamedTuple):
    """The five numbers of one slice, in total variance over log-moneyness."""

    a: float
    b: float
    rho: float
    m: float
    sigma: float

    @classmethod
    def checked(cls, a: float, b: float, rho: float, m: float, sigma: float) -> "Svi":
        """UserError where the numbers are no smile: b < 0, |rho| > 1, σ ≤ 0, or a variance that goes negative."""
        found = cls(a, b, rho, m, sigma)
        if not (all(math.isfinite(one) for one in found) and b >= 0.0 and abs(rho) <= 1.0 and sigma > 0.0):
            message = f"SVI needs finite numbers with b ≥ 0, |rho| ≤ 1, σ > 0, not {found._asdict()}"
            raise UserError(message)
        if found.lowest < 0.0:
            message = f"this SVI slice has a negative variance of {found.lowest:.3g} at its lowest"
            raise UserError(message)
        return found

    @property
    def lowest(self) -> float:
        """The least total variance of all strikes."""
        return self.a + self.b * self.sigma * math.sqrt(max(0.0, 1.0 - self.rho * self.rho))

    @property
    def left_slope(self) -> float:
        """How fast total variance rises towards low strikes; Lee allows 2."""
        return self.b * (1.0 - self.rho)

    @property
    def right_slope(self) -> float:
        """How fast total variance rises towards high strikes; Lee allows 2."""
        return self.b * (1.0 + self.rho)

    @property
    def is_lee_bounded(self) -> bool:
        """Both wings rise no faster than Lee allows."""
        return max(self.left_slope, self.right_slope) <= LEE + _ROUNDING

    def total_variance(self, k: Floats) -> Floats:
        """Total variance w at each log-moneyness."""
        x = np.asarray(k, np.float64) - self.m
        found: Floats = self.a + self.b * (self.rho * x + np.hypot(x, self.sigma))
        return found

    def iv(self, k: Floats, t_years: float) -> Floats:
        """The volatility at each log-moneyness, a fraction a year."""
        found: Floats = np.sqrt(np.maximum(self.total_variance(k), 0.0) / t_years)
        return found

    def g(self, k: Floats) -> Floats:
        """Gatheral's g at each log-moneyness: the density of the price at expiry has its sign. NaN where w ≤ 0.

        (1 − k w1 / 2w)² − (w1² / 4)(1/w + 1/4) + w2 / 2 with the first and second derivative of w.
        """
        k = np.asarray(k, np.float64)
        x = k - self.m
        root = np.hypot(x, self.sigma)
        w = self.a + self.b * (self.rho * x + root)
        w = np.where(w > 0.0, w, np.nan)
        first = self.b * (self.rho + x / root)
        second = self.b * self.sigma**2 / root**3
        found: Floats = (1.0 - k * first / (2.0 * w)) ** 2 - first**2 / 4.0 * (1.0 / w + 0.25) + second / 2.0
        return found

    def butterfly(self, low_k: float = -CHECKED, high_k: float = CHECKED) -> Butterfly:
        """The least g between two log-moneynesses: of a thousand points, dense where the smile bends, then closer."""
        least, at = least_g(*self, low_k, high_k)
        return Butterfly(float(least), float(at), low_k, high_k)


@dataclass(frozen=True, slots=True)
class SviFit:
    """A slice beside the quotes it was fitted to. Columns have one entry a quote, in the given order.

    `params` is None where there is no fit, and `reason` says why. `weights` are those used (0: not used; they sum to
    one). `fitted` is the slice's volatility, `rmse` the plain root mean square of fitted less quoted over the quotes
    that were used; both fractions a year.
    """

    t_years: float
    k: Floats
    iv: Floats
    weights: Floats
    params: Svi | None
    reason: str
    fitted: Floats
    rmse: float
    butterfly: Butterfly | None

    @property
    def residual(self) -> Floats:
        """Fitted less quoted volatility."""
        found: Floats = self.fitted - self.iv
        return found

    @property
    def is_used(self) -> NDArray[np.bool_]:
        """Quotes that the fit rests on."""
        found: NDArray[np.bool_] = self.weights > 0.0
        return found


def vega_weights(k: Floats, iv: Floats, t_years: float) -> Floats:
    """How much a quote's volatility can be trusted: Black's vega beside the at-the-money one, 0 where unknown.

    A tick of price moves the volatility of a far strike a lot and that of a near one little.
    """
    k, iv = np.asarray(k, np.float64), np.asarray(iv, np.float64)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        spread = iv * math.sqrt(t_years) if t_years > 0.0 else np.full_like(iv, np.nan)
        weight = np.exp(-0.5 * (-k / spread + 0.5 * spread) ** 2)
    return np.where(np.isfinite(weight) & (iv > 0.0), weight, 0.0)


def fit_svi(k: Any, iv: Any, t_years: float, weights: Any = None, nearer: Svi | None = None) -> SviFit:
    """Fit one slice to quotes: arrays of log-moneyness ln(K/F) and volatility (a fraction a year; NaN: no quote).

    The least of Σ weight · (fitted − quoted volatility)², to first order in the difference (it is taken in total
    variance). `weights` are not negative, 0 for a quote to leave out; by default `vega_weights`. Where the best slice
    has a butterfly, or less variance somewhere than the `nearer` expiry's, the best of those without is taken if its
    root mean square is at most 1.5 times as large. Too few usable quotes or no time give no fit, with the reason;
    UserError where the arrays do not match or a weight is negative.
    """
    k = np.asarray(k, np.float64)
    iv = np.asarray(iv, np.float64)
    if weights is not None:
        weights = np.asarray(weights, np.float64)
    elif k.shape == iv.shape:
        weights = vega_weights(k, iv, t_years)
    if weights is None or k.ndim != 1 or not k.shape == iv.shape == weights.shape:
        message = f"a smile needs one volatility and one weight for each of {k.size} strikes, not {iv.size}"
        raise UserError(message)
    if np.any(weights < 0.0):
        message = "the weight of a quote cannot be negative"
        raise UserError(message)
    with np.errstate(invalid="ignore"):
        used = np.isfinite(k) & np.isfinite(iv) & (iv > 0.0) & np.isfinite(weights) & (weights > 0.0)
    used_weights = np.where(used, weights, 0.0)
    count = len(np.unique(k[used]))
    if not t_years > 0.0:
        reason = "the expiry has passed or is not known"
    elif count < FEWEST_QUOTES:
        reason = f"{count} strikes have a usable volatility, a smile needs {FEWEST_QUOTES}"
    else:
        return _fitted(k, iv, t_years, used_weights / used_weights.sum(), used, nearer)
    return SviFit(t_years, k, iv, used_weights, None, reason, np.full(len(k), np.nan), math.nan, None)


def _fitted(
    k: Floats, iv: Floats, t_years: float, weights: Floats, used: NDArray[np.bool_], nearer: Svi | None
) -> SviFit:
    quoted_k, quoted_iv = np.ascontiguousarray(k[used]), iv[used]
    w = quoted_iv**2 * t_years
    floor = _LOWEST_SHARE * float(w.min())
    scale = float(w.mean())
    # Near a quote dw = 2 iv t d(iv): squares of volatility are squares of variance over its slope.
    of_variance = weights[used] / quoted_iv**2
    reach = max(CHECKED, 1.1 * float(np.abs(quoted_k).max()))
    found = search(
        quoted_k,
        (w - floor) / scale,
        of_variance / of_variance.sum(),
        scale,
        floor,
        reach,
        np.zeros(5) if nearer is None else np.array(nearer),
    )
    params = Svi(*found.tolist())
    fitted = params.iv(k, t_years)
    return SviFit(
        t_years=t_years,
        k=k,
        iv=iv,
        weights=weights,
        params=params,
        reason="",
        fitted=fitted,
        rmse=float(np.sqrt(np.mean((fitted[used] - quoted_iv) ** 2))),
        butterfly=params.butterfly(-reach, reach),
    )
