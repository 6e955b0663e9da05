"""Sums of float64 without any rounding, that values can join and leave: state in, state out.

A finite float64 is an integer times 2^-1074. The state of a sum is that integer as 68 digits of 32 bits in
int64 places, so that carries may wait: adding a value touches three digits, taking it away touches the same
three. The state depends on what is inside and on nothing else, so neither does the rounded total.
After the digits stands one place that counts waiting carries. (The idea is Kulisch's long accumulator.)
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

DIGITS = 68
PLACES = DIGITS + 1
_PATIENCE = 1 << 29
"""Additions after which carries are settled: a digit grows by less than 2^32 each."""


@njit(cache=True, error_model="numpy")
def _settle(digits: NDArray[np.int64]) -> None:
    """Bring each digit but the last into [0, 2^32)."""
    for at in range(DIGITS - 1):
        digits[at + 1] += digits[at] >> 32
        digits[at] &= 0xFFFFFFFF
    digits[DIGITS] = 0


@njit(cache=True, error_model="numpy")
def settle(sums: NDArray[np.int64]) -> None:
    """Settle the carries of every sum; sums[n, PLACES]."""
    for at in range(len(sums)):
        _settle(sums[at])


@njit(cache=True, error_model="numpy")
def add(sums: NDArray[np.int64], which: NDArray[np.int64], bits: NDArray[np.int64], signs: NDArray[np.int64]) -> None:
    """Add signs[i] (1, -1) times the finite float64 with the pattern bits[i] to sums[which[i]]."""
    for i in range(len(bits)):
        pattern = bits[i]
        exponent = (pattern >> 52) & 0x7FF
        fraction = pattern & 0xFFFFFFFFFFFFF
        if exponent:
            fraction |= 0x10000000000000
            exponent -= 1
        sign = -signs[i] if pattern < 0 else signs[i]
        digit, shift = exponent >> 5, exponent & 31
        low = (fraction & 0xFFFFFFFF) << shift
        high = ((fraction >> 32) << shift) + (low >> 32)
        digits = sums[which[i]]
        digits[digit] += sign * (low & 0xFFFFFFFF)
        digits[digit + 1] += sign * (high & 0xFFFFFFFF)
        digits[digit + 2] += sign * (high >> 32)
        digits[DIGITS] += 1
        if digits[DIGITS] >= _PATIENCE:
            _settle(digits)
