"""The search for a volatility: how far one step goes, and that it ends from anywhere."""

import mpmath
import numpy as np
import pytest

from marketbell.core.options.black_kernel import prepare
from marketbell.core.options.contracts import BLOCK, PENDING, ROOM, TOTAL, judge, load
from marketbell.core.options.implied_kernel import first_step, search, time_values
from marketbell.core.options.model import ModelSettings
from marketbell.core.options.pricing import value

EXACT = mpmath.MPContext()
EXACT.dps = 50


def time_value(a: float, sigma: float) -> float:
    """b(σ) of the module's docstring."""
    h, t = EXACT.mpf(a) / sigma, EXACT.mpf(sigma) / 2
    half = EXACT.exp(EXACT.mpf(a) / 2)
    return float(EXACT.ncdf(t - h) / half - half * EXACT.ncdf(-t - h))


def block(total: np.ndarray, away: np.ndarray) -> tuple[np.ndarray, int]:
    """A year's contracts at a forward of 100 after their first step, and how many need more."""
    strike, ones = 100 * np.exp(away * total), np.ones(1)
    is_call = strike >= 100
    price = value(total, strike, is_call, 100.0, 100.0, 1.0, ModelSettings()).price
    w = np.empty(ROOM)
    load(w, 0, BLOCK, price, strike, is_call, 100 * ones, 100 * ones, ones)
    judge(w, BLOCK, False)
    prepare(w, BLOCK, 0.0, 0.0, False)
    time_values(w, BLOCK)
    pending = first_step(w, BLOCK)
    return w, pending


def test_one_step_is_enough_for_a_market() -> None:
    """To 60 % for half a year, five standard deviations around the forward."""
    rng = np.random.default_rng(2)
    total = rng.uniform(0.002, 0.42, BLOCK)
    w, pending = block(total, rng.uniform(-5, 5, BLOCK))
    assert pending == 0
    np.testing.assert_allclose(w[TOTAL : TOTAL + BLOCK], total, rtol=1e-11)


def test_what_one_step_does_not_solve_is_marked() -> None:
    rng = np.random.default_rng(2)
    total = rng.uniform(0.05, 6, BLOCK)
    w, pending = block(total, rng.uniform(-3, 3, BLOCK))
    is_solved = w[PENDING : PENDING + BLOCK] == 0
    assert 0 < pending == (~is_solved).sum()
    np.testing.assert_allclose(w[TOTAL : TOTAL + BLOCK][is_solved], total[is_solved], rtol=1e-11)


@pytest.mark.parametrize("begin", [1e-12, 1e-3, 0.3, 2.0, 30.0, 1e9, -1.0, np.nan, np.inf])
def test_the_search_ends_from_anywhere(begin: float) -> None:
    for sigma in (1e-4, 0.01, 0.2, 1.0, 3.0, 8.0):
        for h in (0.0, 0.01, 0.5, 2.0, 8.0, 30.0):
            a = h * sigma
            highest = np.exp(-a / 2)
            beta = time_value(a, sigma)
            if 1e-300 < beta < highest * (1 - 1e-12):
                assert search(a, beta, highest, begin) == pytest.approx(sigma, rel=1e-9), (sigma, h)
