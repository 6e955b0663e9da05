"""Early exercise beside QuantLib's fixed-point engine (Andersen, Lake, Offengenden) in its accurate scheme."""

from dataclasses import dataclass

import numpy as np
import pytest
import QuantLib as ql  # noqa: N813 — as its own examples do

from marketbell.core.options.model import Model, ModelSettings, Status
from marketbell.core.options.pricing import implied, value

SPOT = 100.0
UNKNOWN = np.array([np.nan])


@dataclass(frozen=True, slots=True)
class Contract:
    is_call: bool
    strike: float
    days: int
    rate: float
    dividend: float
    sigma: float

    @property
    def settings(self) -> ModelSettings:
        return ModelSettings(Model.AMERICAN, self.rate, self.dividend)


def contracts(count: int) -> list[Contract]:
    rng = np.random.default_rng(3)
    return [
        Contract(
            bool(rng.random() < 0.5), float(rng.uniform(70, 130)), int(rng.integers(7, 730)),
            float(rng.choice([0.0, 0.02, 0.05, 0.1])), float(rng.choice([0.0, 0.01, 0.04, 0.08])),
            float(rng.uniform(0.1, 0.6)),
        )
        for _ in range(count)
    ]  # fmt: skip


def by_quantlib(one: Contract, spot: float = SPOT, sigma: float | None = None) -> float:
    today, clock = ql.Date(1, 1, 2026), ql.Actual365Fixed()
    ql.Settings.instance().evaluationDate = today
    process = ql.BlackScholesMertonProcess(
        ql.QuoteHandle(ql.SimpleQuote(spot)),
        ql.YieldTermStructureHandle(ql.FlatForward(today, one.dividend, clock)),
        ql.YieldTermStructureHandle(ql.FlatForward(today, one.rate, clock)),
        ql.BlackVolTermStructureHandle(
            ql.BlackConstantVol(today, ql.NullCalendar(), one.sigma if sigma is None else sigma, clock)
        ),
    )
    payoff = ql.PlainVanillaPayoff(ql.Option.Call if one.is_call else ql.Option.Put, one.strike)
    option = ql.VanillaOption(payoff, ql.AmericanExercise(today, today + one.days))
    option.setPricingEngine(ql.QdFpAmericanEngine(process, ql.QdFpAmericanEngine.accurateScheme()))
    return float(option.NPV())


def test_prices_delta_and_vega_are_as_near_as_the_docstring_says() -> None:
    asked = contracts(150)
    off: dict[str, list[float]] = {"price": [], "delta": [], "gamma": [], "vega": []}
    for one in asked:
        found = value([one.sigma], [one.strike], [one.is_call], [SPOT], UNKNOWN, [one.days / 365], one.settings)
        exact = by_quantlib(one)
        higher, lower = by_quantlib(one, SPOT + 0.05), by_quantlib(one, SPOT - 0.05)
        vega = (by_quantlib(one, sigma=one.sigma + 1e-3) - by_quantlib(one, sigma=one.sigma - 1e-3)) / 0.2
        off["price"].append(found.price[0] - exact)
        off["delta"].append(found.delta[0] - (higher - lower) / 0.1)
        off["gamma"].append(found.gamma[0] - (higher - 2 * exact + lower) / 0.0025)
        off["vega"].append(found.vega[0] - vega)
    mean = {name: float(np.mean(np.abs(one))) for name, one in off.items()}
    worst = {name: float(np.max(np.abs(one))) for name, one in off.items()}
    assert worst["price"] < 5e-3
    assert worst["delta"] < 1e-2
    assert mean["price"] < 2.5e-4
    assert mean["delta"] < 1e-4
    assert mean["gamma"] < 1e-4
    assert mean["vega"] < 3e-4


def test_what_exercise_cannot_improve_is_european() -> None:
    plain = ModelSettings(Model.BSM, 0.05)
    early = ModelSettings(Model.AMERICAN, 0.05)
    asked = ([0.3], [95.0], [True], [SPOT], UNKNOWN, [0.5])
    assert value(*asked, early).charm[0] == value(*asked, plain).charm[0]
    put = ([0.3], [95.0], [False], [SPOT], UNKNOWN, [0.5])
    assert value(*put, early).price[0] > value(*put, plain).price[0]


def test_a_price_gives_its_volatility_back() -> None:
    asked = [one for one in contracts(60) if one.dividend == 0.04 and one.rate == 0.05] or contracts(20)
    settings = asked[0].settings
    columns = (
        [one.strike for one in asked], [one.is_call for one in asked], SPOT, np.nan, [one.days / 365 for one in asked],
    )  # fmt: skip
    sigma = np.array([one.sigma for one in asked])
    priced = value(sigma, *columns, settings)
    for warm in (None, sigma * 1.03, np.full(len(sigma), 0.01)):
        found = implied(priced.price, *columns, settings, warm)
        assert (found.status == Status.OK).all()
        np.testing.assert_allclose(found.iv, sigma, rtol=1e-7)
        np.testing.assert_allclose(found.delta, priced.delta, rtol=1e-6)


def test_what_should_be_exercised_now_moves_with_the_spot_alone() -> None:
    found = value([0.1], [150.0], [False], [SPOT], UNKNOWN, [0.5], ModelSettings(Model.AMERICAN, 0.08))
    assert found.price[0] == 50.0
    assert found.delta[0] == -1.0
    assert all(getattr(found, name)[0] == 0 for name in ("gamma", "vega", "theta", "rho", "vanna", "volga", "charm"))


@pytest.mark.parametrize("is_call", [True, False])
def test_a_call_is_a_put_with_spot_and_strike_rate_and_dividend_exchanged(*, is_call: bool) -> None:
    """McDonald and Schroder's symmetry."""
    one = value([0.3], [90.0], [is_call], [SPOT], UNKNOWN, [0.7], ModelSettings(Model.AMERICAN, 0.03, 0.06))
    other = value([0.3], [SPOT], [not is_call], [90.0], UNKNOWN, [0.7], ModelSettings(Model.AMERICAN, 0.06, 0.03))
    assert one.price[0] == pytest.approx(other.price[0], abs=2e-3)


def test_many_trees_on_all_cores_are_the_same_as_one() -> None:
    strikes = np.linspace(80, 120, 50)
    settings = ModelSettings(Model.AMERICAN, 0.05, 0.02)
    whole = value(0.25, strikes, False, SPOT, np.nan, 0.4, settings)
    parts = [value(0.25, [one], [False], SPOT, np.nan, 0.4, settings).vega[0] for one in strikes]
    np.testing.assert_array_equal(whole.vega, parts)


@pytest.mark.parametrize(("strike", "is_call", "sigma", "t"), [(95.0, True, 0.3, 0.5), (105.0, False, 0.3, 0.5)])
def test_greeks_are_what_the_price_does(*, strike: float, is_call: bool, sigma: float, t: float) -> None:
    def at(spot: float = SPOT, t: float = t, rate: float = 0.05, sigma: float = sigma) -> float:
        settings = ModelSettings(Model.AMERICAN, rate, 0.02)
        return float(value([sigma], [strike], [is_call], [spot], UNKNOWN, [t], settings).price[0])

    found = value([sigma], [strike], [is_call], [SPOT], UNKNOWN, [t], ModelSettings(Model.AMERICAN, 0.05, 0.02))
    assert found.delta[0] == pytest.approx((at(101) - at(99)) / 2, rel=1e-3)
    assert found.gamma[0] == pytest.approx((at(102) - 2 * at() + at(98)) / 4, rel=5e-3)
    assert found.theta[0] == pytest.approx((at(t=t - 0.02) - at(t=t + 0.02)) / 0.04 / 365, rel=5e-3)
    assert found.vega[0] == pytest.approx((at(sigma=sigma + 0.01) - at(sigma=sigma - 0.01)) / 2, rel=1e-3)
    assert found.rho[0] == pytest.approx((at(rate=0.051) - at(rate=0.049)) / 0.2, rel=1e-3)
