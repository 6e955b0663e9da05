"""Volatilities, prices and Greeks beside mpmath with 60 digits, in regimes from calm to absurd.

A price that is rounded to a double no longer holds its volatility exactly. What can be attained is the rounding of the
price, to half a unit of its last place or a little more, over the vega.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
import pytest

from marketbell.core.options.model import Model, ModelSettings, Status
from marketbell.core.options.pricing import Priced, implied, value

EXACT = mpmath.MPContext()
EXACT.dps = 60
CONTRACTS = 60
EPSILON = 2.220446049250313e-16
UNKNOWN = np.array([np.nan])


@dataclass(frozen=True, slots=True)
class Contract:
    spot: float
    strike: float
    t: float
    rate: float
    dividend: float
    sigma: float
    is_call: bool

    @property
    def settings(self) -> ModelSettings:
        return ModelSettings(Model.BSM, self.rate, self.dividend)

    def price(self, **changed: Any) -> Any:
        """The formula as it stands in the books, in 60 digits."""
        given = {name: EXACT.mpf(getattr(self, name)) for name in ("spot", "strike", "t", "rate", "dividend", "sigma")}
        s, k, t, r, q, v = (given | changed).values()
        total = v * EXACT.sqrt(t)
        d1 = (EXACT.log(s / k) + (r - q) * t) / total + total / 2
        sign = 1 if self.is_call else -1
        return sign * (s * EXACT.exp(-q * t) * normal(sign * d1) - k * EXACT.exp(-r * t) * normal(sign * (d1 - total)))

    def value(self) -> Priced:
        return value([self.sigma], [self.strike], [self.is_call], [self.spot], UNKNOWN, [self.t], self.settings)


def normal(z: Any) -> Any:
    return EXACT.erfc(-z / EXACT.sqrt(2)) / 2


def contracts(regime: str) -> Iterator[Contract]:
    rng = np.random.default_rng(sum(map(ord, regime)))
    for _ in range(CONTRACTS):
        is_call = bool(rng.random() < 0.5)
        t, sigma, away = rng.choice([1, 8, 29, 85, 365]) / 365, rng.uniform(0.05, 0.6), rng.uniform(-2.5, 2.5)
        rate, dividend = 0.065, 0.0
        match regime:
            case "deep out of the money":
                away = rng.uniform(5, 30) * (1 if is_call else -1)
            case "deep in the money":
                away = rng.uniform(3, 6) * (-1 if is_call else 1)
            case "minutes to expiry":
                t = rng.uniform(1, 60) / 525_600
            case "200 to 600 % volatility":
                t, sigma = rng.choice([8, 29, 85, 365]) / 365, rng.uniform(2, 6)
            case "rates from -3 to 10 %":
                rate, dividend = rng.choice([-0.03, -0.005, 0.1]), rng.choice([-0.02, 0.0, 0.03, 0.08])
            case "at the money":
                away, rate = 0.0, 0.0
        strike = 24_000 * np.exp(away * sigma * np.sqrt(t) + (rate - dividend) * t)
        yield Contract(24_000.0, float(strike), float(t), float(rate), float(dividend), float(sigma), is_call)


REGIMES = (
    "within 2.5 standard deviations", "deep out of the money", "deep in the money", "minutes to expiry",
    "200 to 600 % volatility", "rates from -3 to 10 %", "at the money",
)  # fmt: skip


@pytest.mark.parametrize("regime", REGIMES)
def test_a_price_gives_its_volatility_as_exactly_as_it_can(regime: str) -> None:
    for one in contracts(regime):
        exact = one.price()
        found = implied(
            [float(exact)], [one.strike], [one.is_call], [one.spot], UNKNOWN, [one.t], one.settings
        )  # fmt: skip
        vega = float(EXACT.diff(lambda v, one=one: one.price(sigma=v), one.sigma))
        noise = abs(float(EXACT.mpf(float(exact)) - exact)) + EPSILON * float(exact)
        is_inside = (one.strike < one.spot) is one.is_call
        attainable = noise / vega if is_inside else 0.0
        assert found.status[0] == Status.OK, one
        assert abs(found.iv[0] - one.sigma) <= max(1e-10 * one.sigma, 2 * attainable), one


@pytest.mark.parametrize("regime", REGIMES)
def test_prices_and_greeks_are_the_derivatives(regime: str) -> None:
    for one in list(contracts(regime))[: CONTRACTS // 3]:
        found = one.value()

        def by(name: str, order: int = 1, one: Contract = one) -> Any:
            return EXACT.diff(lambda x: one.price(**{name: x}), getattr(one, name), order)

        def both(name: str, one: Contract = one) -> Any:
            return EXACT.diff(lambda s, x: one.price(spot=s, **{name: x}), (one.spot, getattr(one, name)), (1, 1))

        exact = {
            "price": one.price(),
            "delta": by("spot"),
            "gamma": by("spot", 2),
            "vega": by("sigma") / 100,
            "theta": -by("t") / 365,
            "rho": by("rate") / 100,
            "vanna": both("sigma") / 100,
            "volga": by("sigma", 2) / 10_000,
            "charm": -both("t") / 365,
        }
        for name, wanted in exact.items():
            assert float(getattr(found, name)[0]) == pytest.approx(float(wanted), rel=1e-10, abs=0), (name, one)
