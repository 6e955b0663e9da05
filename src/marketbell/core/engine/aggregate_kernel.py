"""Counts and exact sums of groups of rows, as rows come and go. Self-contained: the exact sum is that of exact_kernel.

A row belongs to the groups `groups[starts[row] : starts[row + 1]]`. Its facts are change (percentage points),
weight (market value) and turnover, each NaN where unknown. A group counts advances, declines, unchanged,
unknown and weighed (change and product with the weight known) and sums the changes, the weighed changes times
their weights, their weights, and the turnovers. Group 0 only counts.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

COUNTS = 5
ADVANCES, DECLINES, UNCHANGED, UNKNOWN, WEIGHED = range(COUNTS)
SUMS = 4
CHANGE, PRODUCT, WEIGHT, TURNOVER = range(SUMS)
_DIGITS = 68
_PATIENCE = 1 << 29


@njit(cache=True, error_model="numpy")
def _add(digits: NDArray[np.int64], pattern: int, sign: int) -> None:
    exponent = (pattern >> 52) & 0x7FF
    fraction = pattern & 0xFFFFFFFFFFFFF
    if exponent:
        fraction |= 0x10000000000000
        exponent -= 1
    if pattern < 0:
        sign = -sign
    digit, shift = exponent >> 5, exponent & 31
    low = (fraction & 0xFFFFFFFF) << shift
    high = ((fraction >> 32) << shift) + (low >> 32)
    digits[digit] += sign * (low & 0xFFFFFFFF)
    digits[digit + 1] += sign * (high & 0xFFFFFFFF)
    digits[digit + 2] += sign * (high >> 32)
    digits[_DIGITS] += 1
    if digits[_DIGITS] >= _PATIENCE:
        for at in range(_DIGITS - 1):
            digits[at + 1] += digits[at] >> 32
            digits[at] &= 0xFFFFFFFF
        digits[_DIGITS] = 0


@njit(cache=True, error_model="numpy")
def shift(
    sign: int,
    rows: NDArray[np.int64],
    starts: NDArray[np.int64],
    groups: NDArray[np.int64],
    facts: NDArray[np.float64],
    counts: NDArray[np.int64],
    sums: NDArray[np.int64],
) -> None:
    """Let `rows` come (sign 1) or go (-1) with facts[4, all rows]: change, product, weight, turnover.

    `counts` is [groups, COUNTS], `sums` [groups * SUMS, digits].
    """
    bits = facts.view(np.int64)
    for row in rows:
        change, product, turnover = facts[CHANGE, row], facts[PRODUCT, row], facts[TURNOVER, row]
        if change > 0.0:
            kind = ADVANCES
        elif change < 0.0:
            kind = DECLINES
        elif change == 0.0:
            kind = UNCHANGED
        else:
            kind = UNKNOWN
        for at in range(starts[row], starts[row + 1]):
            group = groups[at]
            counts[group, kind] += sign
            if group == 0:
                continue
            if kind != UNKNOWN:
                _add(sums[group * SUMS + CHANGE], bits[CHANGE, row], sign)
            if not np.isnan(product):
                counts[group, WEIGHED] += sign
                _add(sums[group * SUMS + PRODUCT], bits[PRODUCT, row], sign)
                _add(sums[group * SUMS + WEIGHT], bits[WEIGHT, row], sign)
            if not np.isnan(turnover):
                _add(sums[group * SUMS + TURNOVER], bits[TURNOVER, row], sign)
