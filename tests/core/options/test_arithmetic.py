"""e^z, ln and Mills' ratio beside 50 digits."""

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from numba import njit

from marketbell.core.options.arithmetic import exp_less_one, exp_of, log_ratio, mills

EXACT = mpmath.mp.clone() if hasattr(mpmath.mp, "clone") else mpmath.MPContext()
EXACT.dps = 50


@njit
def many(function: Any, values: Any) -> Any:
    out = np.empty_like(values)
    for i in range(len(values)):
        out[i] = function(values[i])
    return out


@njit
def log_of(value: float) -> float:
    return log_ratio(value, 1.0)


def mills_ratio(y: float) -> Any:
    exact = EXACT.mpf(y)
    return EXACT.sqrt(EXACT.pi / 2) * EXACT.erfc(exact / EXACT.sqrt(2)) * EXACT.exp(exact * exact / 2)


def worst(function: Any, exact: Callable[[float], Any], values: Any) -> float:
    pairs = zip(many(function, values), values, strict=True)
    return max(abs(float((EXACT.mpf(float(one)) - exact(at)) / exact(at))) for one, at in pairs)


def test_exponentials_logarithms_and_tails_are_right_to_the_last_digits() -> None:
    rng = np.random.default_rng(5)
    assert worst(exp_of, lambda z: EXACT.exp(EXACT.mpf(z)), rng.uniform(-708, 709, 2_000)) < 5e-16
    assert worst(exp_of, lambda z: EXACT.exp(EXACT.mpf(z)), rng.uniform(-1, 1, 2_000)) < 5e-16
    near_zero = rng.uniform(-1, 1, 1_000) * 10.0 ** rng.integers(-15, 2, 1_000)
    assert worst(exp_less_one, lambda z: EXACT.expm1(EXACT.mpf(z)), near_zero) < 5e-16
    assert worst(log_of, lambda q: EXACT.log(EXACT.mpf(q)), np.exp(rng.uniform(-690, 690, 2_000))) < 5e-16
    near_one = np.concatenate([1 + rng.uniform(-1, 1, 500) * 10.0 ** rng.integers(-15, 0, 500)])
    assert worst(log_of, lambda q: EXACT.log(EXACT.mpf(q)), near_one[near_one != 1]) < 5e-16
    tails = np.concatenate([rng.uniform(0, 1, 500), rng.uniform(0, 40, 1_000), 10.0 ** rng.uniform(-10, 3, 500)])
    assert worst(mills, mills_ratio, tails) < 1.5e-15


def test_ends_of_the_line_and_the_unknown() -> None:
    assert [exp_of(z) for z in (0.0, -709.0, -math.inf)] == [1.0, 0.0, 0.0]
    assert exp_of(1e5) == exp_of(709.0)
    assert [exp_less_one(z) for z in (0.0, -709.0, -math.inf)] == [0.0, -1.0, -1.0]
    assert log_ratio(7.0, 7.0) == 0.0
    assert log_ratio(3.0, 7.0) == pytest.approx(-log_ratio(7.0, 3.0), rel=1e-15)
    assert mills(1e30) == pytest.approx(1e-20)
    assert all(
        math.isnan(one) for one in (exp_of(math.nan), exp_less_one(math.nan), mills(math.nan), log_ratio(math.nan, 1.0))
    )
