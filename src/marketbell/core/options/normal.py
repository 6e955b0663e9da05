"""The normal distribution for kernels: Mills' ratio, from which density and tails follow.

`mills(y)` = (1 − Φ(y)) / φ(y) = √(π/2) · erfcx(y / √2), for y ≥ 0: a tail is φ(y) · mills(y), to the last digits
however small it is. The rational of degrees 10 and 11 interpolates the ratio at the Chebyshev nodes of
(y − 3.5) / (y + 3.5), in 60 digits; all its coefficients are positive, so that nothing cancels. Error of the rational
4.6e-17; as computed, under 1e-15 relative (tests/core/options/test_normal.py, against mpmath).
"""

from numba import njit

# ruff: noqa: ANN001, ANN201 — typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

SQRT_2PI = 2.5066282746310002
INV_SQRT_2PI = 0.3989422804014327
FAR = 1e20
"""From here on the ratio is 1 / y, and the powers of y would overflow."""


@njit(cache=True, error_model="numpy")
def mills(y):
    """(1 − Φ(y)) / φ(y) for y ≥ 0."""
    if y > FAR:
        return 1.0 / y
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
