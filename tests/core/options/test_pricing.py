"""The door of the kernels: states instead of numbers, shapes, warm starts, blocks and cores."""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketbell.core.options import pricing
from marketbell.core.options.model import Model, ModelSettings, Status
from marketbell.core.options.pricing import SERIAL_BELOW, Priced, implied, value

BSM = ModelSettings(Model.BSM, 0.065)
BLACK = ModelSettings(Model.BLACK76)
AMERICAN = ModelSettings(Model.AMERICAN, 0.065, 0.02)
GREEKS = ("iv", "delta", "gamma", "vega", "theta", "rho", "vanna", "volga", "charm")
INTRINSIC = 24_000 - 23_000 * math.exp(-0.065 * 30 / 365)


def one(price: float, settings: ModelSettings = BSM, **changed: Any) -> Priced:
    """A call of strike 23,000 at a spot of 24,000, thirty days before its expiry."""
    asked = {"strike": 23_000.0, "is_call": True, "spot": 24_000.0, "forward": 24_100.0, "t_years": 30 / 365} | changed
    return implied([price], *([asked[name]] for name in asked), settings)


NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"price": 1_000.0}, Status.AT_INTRINSIC),  # below
        ({"price": INTRINSIC}, Status.AT_INTRINSIC),  # exactly there
        ({"price": math.nextafter(INTRINSIC, INF)}, Status.AT_INTRINSIC),  # a rounding above
        ({"price": 0.0}, Status.NO_PRICE),
        ({"price": -1.0}, Status.NO_PRICE),
        ({"price": NAN}, Status.NO_PRICE),
        ({"price": 24_000.0}, Status.ABOVE_MAXIMUM),
        ({"price": 30_000.0}, Status.ABOVE_MAXIMUM),
        ({"price": INF}, Status.ABOVE_MAXIMUM),
        ({"price": 22_950.0, "is_call": False}, Status.ABOVE_MAXIMUM),  # over the discounted strike
        ({"price": 1e-310, "is_call": False}, Status.AT_INTRINSIC),  # fewer digits than a number has
        ({"price": 1_500.0, "t_years": 0.0}, Status.EXPIRED),
        ({"price": 1_500.0, "t_years": -1.0}, Status.EXPIRED),
        ({"price": NAN, "t_years": -1.0}, Status.EXPIRED),
        ({"price": 1_500.0, "t_years": NAN}, Status.NO_TIME),
        ({"price": 1_500.0, "t_years": INF}, Status.BAD_INPUT),
        ({"price": 1_500.0, "spot": NAN}, Status.NO_FORWARD),
        ({"price": 1_500.0, "spot": 0.0}, Status.BAD_INPUT),
        ({"price": 1_500.0, "spot": INF}, Status.BAD_INPUT),
        ({"price": 1_500.0, "strike": 0.0}, Status.BAD_INPUT),
        ({"price": 1_500.0, "strike": -5.0}, Status.BAD_INPUT),
        ({"price": 1_500.0, "strike": NAN}, Status.BAD_INPUT),
        ({"price": 1_500.0, "strike": INF, "t_years": 0.0}, Status.BAD_INPUT),
        ({"price": 1_500.0, "forward": NAN, "settings": BLACK}, Status.NO_FORWARD),
        ({"price": 1_500.0, "forward": 0.0, "settings": BLACK}, Status.BAD_INPUT),
        ({"price": 1_100.0, "settings": BLACK}, Status.AT_INTRINSIC),
        ({"price": 24_100.0, "settings": BLACK}, Status.ABOVE_MAXIMUM),
        # Early exercise moves the bounds: 23,000 - 24,000 now, or discounted, whichever is more.
        ({"price": 1_000.0, "settings": AMERICAN}, Status.AT_INTRINSIC),
        ({"price": 1_000.0, "settings": AMERICAN, "is_call": False, "strike": 25_000.0}, Status.AT_INTRINSIC),
        ({"price": 25_000.0, "settings": AMERICAN, "is_call": False, "strike": 25_000.0}, Status.ABOVE_MAXIMUM),
        ({"price": 1_500.0, "settings": AMERICAN, "t_years": NAN}, Status.NO_TIME),
        ({"price": 0.0, "settings": AMERICAN}, Status.NO_PRICE),
    ],
)
def test_what_has_no_volatility_says_why(asked: dict[str, Any], status: Status) -> None:
    found = one(**asked)
    assert Status(int(found.status[0])) is status
    assert found.price[0] == asked["price"] or (np.isnan(found.price[0]) and np.isnan(asked["price"]))
    assert all(np.isnan(getattr(found, name)[0]) for name in GREEKS)


def test_a_volatility_that_cannot_be_is_a_state_too() -> None:
    found = value([NAN, 0.0, -0.1, INF, 0.2], [100.0], [True], [100.0], [NAN], [0.5], BSM)
    assert found.status.tolist() == [Status.NO_PRICE, *[Status.BAD_INPUT] * 3, Status.OK]
    assert np.isnan(found.price[:4]).all()
    assert found.price[4] > 0


def test_a_spot_that_is_not_known_leaves_what_is_told_to_it_unknown() -> None:
    found = one(1_500.0, BLACK, spot=NAN)
    assert found.status[0] == Status.OK
    unknown = {name for name in GREEKS if np.isnan(getattr(found, name)[0])}
    assert unknown == {"delta", "gamma", "vanna", "charm"}
    known = one(1_500.0, BLACK)
    assert found.iv[0] == known.iv[0]
    assert found.theta[0] == known.theta[0]


def test_a_future_and_the_spot_it_grows_from_say_the_same() -> None:
    carried = 24_000 * math.exp(0.065 * 30 / 365)
    by_future = one(1_500.0, ModelSettings(Model.BLACK76, 0.065), forward=carried)
    by_spot = one(1_500.0)
    for name in ("iv", "delta", "gamma", "vega", "vanna", "volga"):
        assert getattr(by_future, name)[0] == pytest.approx(getattr(by_spot, name)[0], rel=1e-11)


def test_the_exchanges_way_is_the_spot_at_ten_per_cent() -> None:
    assert one(1_500.0, ModelSettings(Model.NSE)).iv[0] == one(1_500.0, ModelSettings(Model.BSM, 0.10)).iv[0]


def market(count: int, seed: int = 1) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    t, sigma = rng.choice([1, 8, 29, 85], count) / 365, rng.uniform(0.08, 0.9, count)
    strike = 24_000 * np.exp(rng.uniform(-3, 3, count) * sigma * np.sqrt(t))
    return {"iv": sigma, "strike": strike, "is_call": rng.random(count) < 0.5, "spot": 24_000.0, "t_years": t}


def asked(of: dict[str, Any]) -> list[Any]:
    return [of["strike"], of["is_call"], of["spot"], of["spot"], of["t_years"]]


def same(a: Priced, b: Priced) -> None:
    for column in fields(Priced):
        np.testing.assert_array_equal(getattr(a, column.name), getattr(b, column.name), err_msg=column.name)


@pytest.mark.parametrize("settings", [BLACK, BSM])
def test_many_cores_and_one_give_the_same_bits(settings: ModelSettings) -> None:
    count = 2 * SERIAL_BELOW + 7
    of = market(count)
    priced = value(of["iv"], *asked(of), settings)
    whole = implied(priced.price, *asked(of), settings)
    half = count // 4
    for start in range(0, count, half):
        rows = slice(start, start + half)
        part = of | {name: of[name][rows] for name in ("iv", "strike", "is_call", "t_years")}
        taken = {column.name: getattr(whole, column.name)[rows] for column in fields(Priced)}
        same(implied(priced.price[rows], *asked(part), settings), Priced(**taken))


def test_threads_that_ask_at_once_get_the_same_answers() -> None:
    of = market(2 * SERIAL_BELOW)
    alone = value(of["iv"], *asked(of), BSM)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: value(of["iv"], *asked(of), BSM), range(12)))
    for other in found:
        same(alone, other)
    assert pricing._CORES == ["free"]


def test_a_warm_start_changes_nothing_that_counts() -> None:
    of = market(400) | {"iv": np.random.default_rng(3).uniform(0.05, 9.0, 400)}
    of["strike"] = np.random.default_rng(4).uniform(15_000, 36_000, 400)
    priced = value(of["iv"], *asked(of), BSM)
    cold = implied(priced.price, *asked(of), BSM)
    known = cold.status == Status.OK
    for warm in (of["iv"] * 1.03, np.full(400, NAN), np.full(400, 1e-9), np.full(400, 1e9), -of["iv"]):
        found = implied(priced.price, *asked(of), BSM, warm)
        np.testing.assert_array_equal(found.status, cold.status)
        np.testing.assert_allclose(found.iv[known], cold.iv[known], rtol=1e-9)


def test_one_number_stands_for_all_and_read_only_columns_are_read() -> None:
    of = market(5)
    strike = of["strike"].copy()
    strike.flags.writeable = False
    spread = value(of["iv"], strike, of["is_call"], np.full(5, 24_000.0), np.full(5, NAN), of["t_years"], BSM)
    same(spread, value(of["iv"], strike.tolist(), of["is_call"].tolist(), 24_000, NAN, of["t_years"][::1], BSM))
    every_other = value(of["iv"][::2], strike[::2], of["is_call"][::2], 24_000, NAN, of["t_years"][::2], BSM)
    np.testing.assert_array_equal(every_other.price, spread.price[::2])
    assert len(implied([], [], [], 24_000.0, NAN, 0.1, BSM)) == 0


def test_columns_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="lengths"):
        value([0.1, 0.2], [100.0, 100.0, 100.0], True, 100.0, NAN, 0.5, BSM)
    with pytest.raises(ValueError, match="one dimension"):
        value([[0.1]], 100.0, True, 100.0, NAN, 0.5, BSM)


@given(
    total=st.floats(1e-5, 8.0),
    away=st.floats(-12.0, 12.0),
    t=st.floats(1e-6, 30.0),
    is_call=st.booleans(),
    rate=st.floats(-0.1, 0.2),
)
def test_a_volatility_that_is_found_gives_the_price_back(
    *, total: float, away: float, t: float, is_call: bool, rate: float
) -> None:
    settings = replace(BLACK, rate=rate)
    strike = 100 * math.exp(min(max(away * total, -20), 20))
    priced = value([total / math.sqrt(t)], [strike], [is_call], [100.0], [100.0], [t], settings)
    found = implied(priced.price, [strike], [is_call], [100.0], [100.0], [t], settings)
    if found.status[0] == Status.OK:
        again = value(found.iv, [strike], [is_call], [100.0], [100.0], [t], settings)
        noise = 1e-14 * math.exp(-rate * t) * max(100.0, strike)
        is_outside = (strike >= 100) is is_call
        assert again.price[0] == pytest.approx(priced.price[0], rel=1e-9 if is_outside else 0, abs=noise)
    else:
        assert found.status[0] in {Status.AT_INTRINSIC, Status.ABOVE_MAXIMUM, Status.NO_PRICE}
