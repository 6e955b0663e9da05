"""Exact sums: what is inside decides the total, not in which order it came, went or was changed.

`exact_sum` is the whole computation, `ExactSums` the incremental one; both round once, correctly (to the
nearest float64, ties to even), so they agree to the last bit. This is more than a compensated sum in
instrument order gives, which a changed value would have to run through again.
"""

import math
from collections.abc import Iterable
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from marketbell.core.engine import exact_kernel as k

_ONE = 1 << 1074
"""1.0 in units of the smallest float64."""


def exact_sum(values: Iterable[float]) -> float:
    """The correctly rounded sum of finite values; NaN where it is beyond float64."""
    found = list(values)
    try:
        return math.fsum(found) + 0.0  # no sum is -0.0
    except OverflowError:  # also raised where only a partial sum is too large
        total = sum((Fraction(value) for value in found), Fraction(0))
    try:
        return float(total)
    except OverflowError:
        return math.nan


class ExactSums:
    """`size` sums. Values given must be finite; what was added can be taken away again, exactly."""

    def __init__(self, size: int) -> None:
        self._sums = np.zeros((size, k.PLACES), np.int64)

    def add(self, which: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Add values[i] to sum which[i]."""
        self._change(which, values, 1)

    def take(self, which: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Take values[i], which was added before, from sum which[i]."""
        self._change(which, values, -1)

    def _change(self, which: NDArray[np.int64], values: NDArray[np.float64], sign: int) -> None:
        bits = np.ascontiguousarray(values, np.float64).view(np.int64)
        k.add(self._sums, np.ascontiguousarray(which, np.int64), bits, np.full(len(bits), sign, np.int64))

    def total(self, which: int) -> float:
        """The correctly rounded sum; NaN where it is beyond float64. 0.0 where nothing is inside."""
        k.settle(self._sums[which : which + 1])
        digits = self._sums[which]
        low = int.from_bytes(digits[: k.DIGITS - 1].astype("<u4").tobytes(), "little")
        whole = low + (int(digits[k.DIGITS - 1]) << (32 * (k.DIGITS - 1)))
        try:
            return whole / _ONE  # a quotient of Python's integers is correctly rounded
        except OverflowError:
            return math.nan
