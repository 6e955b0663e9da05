"""e^z, e^z − 1 and ln in plain arithmetic, and Mills' ratio of the normal distribution.

Nothing here calls the C library or branches. So the last bits are the same on every machine, and a loop over contracts
that uses these functions is compiled for four or eight contracts at a time. Relative errors, against 50 digits
(tests/core/options/test_arithmetic.py): e^z, e^z − 1 and ln under 5e-16, Mills' ratio under 1.5e-15.
"""

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201 — typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc,operator,attr-defined"

SQRT_2PI = 2.5066282746310002
INV_SQRT_2PI = 0.3989422804014327
_LOG2_E = 1.4426950408889634
_LN2_HIGH, _LN2_LOW = 0.6931471803691238, 1.9082149292705877e-10
"""ln 2 in two parts; the first has few enough digits for its small multiples to be exact."""
_ROUND = 6755399441055744.0
"""1.5 · 2^52: a number that is added to it loses its fraction, and stands in the low bits as an integer."""
_ROUND_BITS = np.int64(0x4338000000000000)
_MANTISSA = np.int64(52)
_BIAS = np.int64(1023)
_ROOT_HALF_BITS = np.int64(0x3FE6A09E667F3BCD)
_FAR = 1e20


@njit(cache=True, error_model="numpy")
def parts_of_exp(z):
    """S and e with e^z = s + s · e, where s is a power of 2. Taylor's series after taking out the powers of 2."""
    shifted = z * _LOG2_E + _ROUND
    n = shifted - _ROUND
    r = z - n * _LN2_HIGH - n * _LN2_LOW
    p = 1.0 / 6227020800.0
    p = p * r + 1.0 / 479001600.0
    p = p * r + 1.0 / 39916800.0
    p = p * r + 1.0 / 3628800.0
    p = p * r + 1.0 / 362880.0
    p = p * r + 1.0 / 40320.0
    p = p * r + 1.0 / 5040.0
    p = p * r + 1.0 / 720.0
    p = p * r + 1.0 / 120.0
    p = p * r + 1.0 / 24.0
    p = p * r + 1.0 / 6.0
    p = p * r + 0.5
    scale = np.int64((np.float64(shifted).view(np.int64) + _BIAS) << _MANTISSA).view(np.float64)
    return scale, p * r * r + r


@njit(cache=True, error_model="numpy")
def exp_of(z):
    """e^z: 0 under −708, e^709 over 709."""
    z = min(z, 709.0)
    scale, rest = parts_of_exp(z)
    return 0.0 if z < -708.0 else (rest + 1.0) * scale


@njit(cache=True, error_model="numpy")
def exp_less_one(z):
    """e^z − 1, to the last digits also where it is small: −1 under −708, as of 709 over it."""
    z = min(z, 709.0)
    scale, rest = parts_of_exp(z)
    return -1.0 if z < -708.0 else scale * rest + (scale - 1.0)


@njit(cache=True, error_model="numpy")
def log_ratio(numerator, denominator):
    """ln(numerator / denominator) of positive numbers, also to the last digits where they are nearly equal.

    The denominator is doubled or halved until the quotient m lies between √½ and √2. Then ln m is the series of
    2 artanh((m − 1) / (m + 1)), where the difference of nearly equal numbers is exact.
    """
    bits = np.float64(numerator / denominator).view(np.int64)
    n = (bits - _ROOT_HALF_BITS) >> _MANTISSA
    near = denominator * np.int64((n + _BIAS) << _MANTISSA).view(np.float64)
    s = (numerator - near) / (numerator + near)
    z = s * s
    p = 1.0 / 21.0
    p = p * z + 1.0 / 19.0
    p = p * z + 1.0 / 17.0
    p = p * z + 1.0 / 15.0
    p = p * z + 1.0 / 13.0
    p = p * z + 1.0 / 11.0
    p = p * z + 1.0 / 9.0
    p = p * z + 1.0 / 7.0
    p = p * z + 1.0 / 5.0
    p = p * z + 1.0 / 3.0
    count = np.int64(n + _ROUND_BITS).view(np.float64) - _ROUND
    return count * _LN2_HIGH + (2.0 * s + (2.0 * s * z * p + count * _LN2_LOW))


@njit(cache=True, error_model="numpy")
def mills(y):
    """Give the share of the normal distribution beyond y ≥ 0 over its density there.

    Mills' ratio is (1 − Φ(y)) / φ(y) = √(π/2) · erfcx(y / √2). The rational of degrees 10 and 11 meets it at the
    Chebyshev nodes of (y − 3.5) / (y + 3.5), solved in 60 digits, to 4.6e-17. All its coefficients are positive, so
    that nothing cancels. Beyond 1e20 it is that of 1e20.
    """
    y = min(y, _FAR)
    # fmt: off
    p = y + 28.85599128117289
    p = p * y + 413.66682662462745
    p = p * y + 3815.5160167850654
    p = p * y + 24845.32318579227
    p = p * y + 118721.35282651668
    p = p * y + 420631.5625665354
    p = p * y + 1091539.5383450652
    p = p * y + 1992376.9712497448
    p = p * y + 2327796.085037637
    p = p * y + 1342213.7859064909
    q = y + 28.85599128117289
    q = q * y + 414.6668266246268
    q = q * y + 3844.372008066531
    q = q * y + 25256.99001236316
    q = q * y + 122479.15686580456
    q = q * y + 444659.5518125702
    q = q * y + 1202918.4297669553
    q = q * y + 2367380.2725270344
    q = q * y + 3217918.2776444433
    q = q * y + 2711792.391801306
    q = q * y + 1070931.6570715518
    # fmt: on
    return p / q
