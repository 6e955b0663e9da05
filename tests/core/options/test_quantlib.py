"""European prices, Greeks and volatilities beside QuantLib's analytic engine."""

import numpy as np
import pytest
import QuantLib as ql  # noqa: N813 — as its own examples do

from marketbell.core.options.model import Model, ModelSettings
from marketbell.core.options.pricing import implied, value

SPOT, COUNT = 24_000.0, 150
GREEKS = ("price", "delta", "gamma", "vega", "theta", "rho")


def test_prices_greeks_and_volatilities_are_quantlibs() -> None:
    rng = np.random.default_rng(11)
    today, clock = ql.Date(1, 1, 2026), ql.Actual365Fixed()
    ql.Settings.instance().evaluationDate = today
    spot = ql.QuoteHandle(ql.SimpleQuote(SPOT))
    for _ in range(COUNT):
        days, sigma, is_call = int(rng.integers(1, 400)), float(rng.uniform(0.05, 1.5)), bool(rng.random() < 0.5)
        rate, dividend, t = float(rng.uniform(-0.02, 0.12)), float(rng.uniform(0, 0.05)), days / 365
        strike = SPOT * float(np.exp(rng.uniform(-2.5, 2.5) * sigma * np.sqrt(t)))
        process = ql.BlackScholesMertonProcess(
            spot,
            ql.YieldTermStructureHandle(ql.FlatForward(today, dividend, clock)),
            ql.YieldTermStructureHandle(ql.FlatForward(today, rate, clock)),
            ql.BlackVolTermStructureHandle(ql.BlackConstantVol(today, ql.NullCalendar(), sigma, clock)),
        )
        kind = ql.Option.Call if is_call else ql.Option.Put
        option = ql.VanillaOption(ql.PlainVanillaPayoff(kind, strike), ql.EuropeanExercise(today + days))
        option.setPricingEngine(ql.AnalyticEuropeanEngine(process))
        exact = {
            "price": option.NPV(), "delta": option.delta(), "gamma": option.gamma(), "vega": option.vega() / 100,
            "theta": option.theta() / 365, "rho": option.rho() / 100,
        }  # fmt: skip
        columns = ([strike], [is_call], [SPOT], [np.nan], [t], ModelSettings(Model.BSM, rate, dividend))
        found = value([sigma], *columns)
        for name in GREEKS:
            assert getattr(found, name)[0] == pytest.approx(exact[name], rel=1e-9, abs=1e-12), (name, strike, sigma)
        forward, discount = SPOT * np.exp((rate - dividend) * t), float(np.exp(-rate * t))
        theirs = ql.blackFormulaImpliedStdDev(kind, strike, forward, exact["price"], discount, 0.0, 0.3, 1e-13, 500)
        assert implied([exact["price"]], *columns).iv[0] == pytest.approx(theirs / np.sqrt(t), abs=1e-8)
