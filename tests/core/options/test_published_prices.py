"""Prices and Greeks as Hull's and Haug's books print them."""

import numpy as np
import pytest

from marketbell.core.options.model import Model, ModelSettings, Status
from marketbell.core.options.pricing import Priced, implied, value

CALL, PUT = np.True_, np.False_


def on_spot(spot: float, strike: float, t: float, rate: float, sigma: float, side: np.bool, q: float = 0.0) -> Priced:
    return value([sigma], [strike], [side], [spot], [np.nan], [t], ModelSettings(Model.BSM, rate, q))


def on_forward(forward: float, strike: float, t: float, rate: float, sigma: float, side: np.bool) -> Priced:
    return value([sigma], [strike], [side], [forward], [forward], [t], ModelSettings(Model.BLACK76, rate))


@pytest.mark.parametrize(
    ("found", "published", "digits"),
    [
        (on_spot(42, 40, 0.5, 0.10, 0.20, CALL), 4.76, 2),  # Hull, the model's example
        (on_spot(42, 40, 0.5, 0.10, 0.20, PUT), 0.81, 2),
        (on_spot(49, 50, 0.3846, 0.05, 0.20, CALL), 2.40, 2),  # Hull, the Greek letters
        (on_forward(20, 20, 4 / 12, 0.09, 0.25, PUT), 1.12, 2),  # Hull, options on futures
        (on_spot(60, 65, 0.25, 0.08, 0.30, CALL), 2.1334, 4),  # Haug, Black-Scholes
        (on_spot(100, 95, 0.5, 0.10, 0.20, PUT, 0.05), 2.4648, 4),  # Haug, with a dividend yield
        (on_forward(19, 19, 0.75, 0.10, 0.28, CALL), 1.7011, 4),  # Haug, Black-76
        (on_forward(19, 19, 0.75, 0.10, 0.28, PUT), 1.7011, 4),
    ],
)
def test_a_price_is_the_books(found: Priced, published: float, digits: int) -> None:
    assert round(float(found.price[0]), digits) == published


def test_greeks_are_the_books() -> None:
    hull = on_spot(49, 50, 0.3846, 0.05, 0.20, CALL)
    assert round(float(hull.delta[0]), 3) == 0.522
    assert round(float(hull.gamma[0]), 3) == 0.066
    assert round(365 * float(hull.theta[0]), 2) == -4.31
    assert round(100 * float(hull.vega[0]), 1) == 12.1
    assert round(100 * float(hull.rho[0]), 2) == 8.91
    haug = [on_spot(105, 100, 0.5, 0.10, 0.36, one, 0.10) for one in (CALL, PUT)]
    assert [round(float(one.delta[0]), 4) for one in haug] == [0.5946, -0.3566]
    haug = [on_spot(55, 60, 0.75, 0.10, 0.30, CALL)]
    assert round(float(haug[0].gamma[0]), 4) == 0.0278
    assert round(100 * float(haug[0].vega[0]), 4) == 18.9358


def test_a_books_price_gives_its_volatility() -> None:
    found = implied([4.759422392871532], [40], [CALL], [42], [np.nan], [0.5], ModelSettings(Model.BSM, 0.10))
    assert found.status[0] == Status.OK
    assert found.iv[0] == pytest.approx(0.2, abs=1e-12)
