"""How the peers of the options bench are asked: as directly as they can be, without their checks of the input."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import QuantLib as ql  # noqa: N813 — as its own examples do
from fast_vollib import backends
from fast_vollib.jackel import numpy_backend
from numpy.typing import NDArray

from marketbell.core.options.chain import Floats


@dataclass(frozen=True)
class Contracts:
    """Columns of one length; `spot` is the forward where `model` is "black"."""

    price: Floats
    strike: Floats
    t: Floats
    is_call: NDArray[np.bool_]
    sigma: Floats
    spot: float | Floats
    rate: float
    model: str = "black_scholes"

    @cached_property
    def columns(self) -> tuple[NDArray[Any], ...]:
        """Spot, strike, time and rate of each contract."""
        count = len(self.strike)
        return np.full(count, self.spot), self.strike, self.t, np.full(count, self.rate)

    @cached_property
    def flags(self) -> NDArray[Any]:
        """What fast-vollib calls a call and a put."""
        return np.where(self.is_call, "c", "p")


def jackel(of: Contracts) -> Floats:
    """Volatilities by fast-vollib's full-precision solver."""
    solver: Any = numpy_backend  # its annotations know scalars alone
    found: Floats = solver.implied_volatility(of.model, of.price, *of.columns, of.flags, on_error="ignore")
    return found


def halley(of: Contracts, backend: str) -> Floats:
    """Volatilities by fast-vollib's default solver."""
    module = backends.get_module(backend)
    found: Floats = np.asarray(
        module.implied_volatility(of.model, of.price, *of.columns, of.flags, on_error="ignore")
    )  # fmt: skip
    return found


def greeks(of: Contracts, backend: str) -> dict[str, Floats]:
    """Delta, gamma, theta, rho, vega by fast-vollib."""
    found: dict[str, Floats] = backends.get_module(backend).greeks(of.model, of.flags, *of.columns, of.sigma)
    return found


def price_and_greeks(of: Contracts, backend: str) -> tuple[Any, dict[str, Floats]]:
    """The five Greeks and the price by fast-vollib: two calls, it has no common one."""
    module = backends.get_module(backend)
    return np.asarray(module.price_black_scholes(of.flags, *of.columns, of.sigma)), greeks(of, backend)


def quantlib(of: Contracts) -> Floats:
    """Volatilities by QuantLib, contract by contract; NaN where it raises."""
    spot, strike, t, rate = of.columns
    growth = np.exp(rate * t)
    forward = spot * growth
    out = np.empty(len(strike))
    rows = zip(
        of.is_call.tolist(), strike.tolist(), forward.tolist(), of.price.tolist(), (1 / growth).tolist(), strict=True
    )
    for i, (is_call, k, f, p, d) in enumerate(rows):
        kind = ql.Option.Call if is_call else ql.Option.Put
        try:
            out[i] = ql.blackFormulaImpliedStdDev(kind, k, f, p, d, 0.0, 0.2 * t[i] ** 0.5, 1e-12, 200)
        except RuntimeError:
            out[i] = np.nan
    found: Floats = out / np.sqrt(t)
    return found


def tree(of: Contracts, dividend: float, steps: int) -> list[tuple[float, float, float]]:
    """Price, delta and gamma of American puts by QuantLib's tree of Leisen and Reimer."""
    today, clock = ql.Date(1, 1, 2026), ql.Actual365Fixed()
    ql.Settings.instance().evaluationDate = today
    spot = ql.QuoteHandle(ql.SimpleQuote(float(of.spot)))
    rates = ql.YieldTermStructureHandle(ql.FlatForward(today, of.rate, clock))
    yields = ql.YieldTermStructureHandle(ql.FlatForward(today, dividend, clock))
    found = []
    for strike, t, sigma in zip(of.strike.tolist(), of.t.tolist(), of.sigma.tolist(), strict=True):
        moves = ql.BlackVolTermStructureHandle(ql.BlackConstantVol(today, ql.NullCalendar(), sigma, clock))
        process = ql.BlackScholesMertonProcess(spot, yields, rates, moves)
        exercise = ql.AmericanExercise(today, today + round(365 * t))
        option = ql.VanillaOption(ql.PlainVanillaPayoff(ql.Option.Put, strike), exercise)
        option.setPricingEngine(ql.BinomialVanillaEngine(process, "lr", steps))
        found.append((option.NPV(), option.delta(), option.gamma()))
    return found
