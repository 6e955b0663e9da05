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

_SCALE = 1074
"""2^-1074 is the smallest float64, and the unit of the digits."""
_BITS = 64
"""More than a float64 holds, so that two roundings are one."""


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
    """`size` sums. Values given must be finite; what was added can be taken away again, exactly.

    `digits` is the state as exact_kernel describes it, for kernels that add to it themselves.
    """

    def __init__(self, size: int) -> None:
        self.digits = np.zeros((size, k.PLACES), np.int64)

    def add(self, which: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Add values[i] to sum which[i]."""
        self._change(which, values, 1)

    def take(self, which: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Take values[i], which was added before, from sum which[i]."""
        self._change(which, values, -1)

    def _change(self, which: NDArray[np.int64], values: NDArray[np.float64], sign: int) -> None:
        bits = np.ascontiguousarray(values, np.float64).view(np.int64)
        k.add(self.digits, np.ascontiguousarray(which, np.int64), bits, np.full(len(bits), sign, np.int64))

    def totals(self, first: int = 0, last: int | None = None) -> list[float]:
        """The correctly rounded sums `first` to before `last`: NaN beyond float64, 0.0 where nothing is inside."""
        chosen = self.digits[first:last]
        k.settle(chosen)
        low = chosen[:, : k.DIGITS - 1].astype("<u4")
        high = chosen[:, k.DIGITS - 1].tolist()
        return [_rounded(row.tobytes(), top) for row, top in zip(low, high, strict=True)]


def _rounded(low: bytes, top: int) -> float:
    whole = int.from_bytes(low, "little") + (top << (8 * len(low)))
    size = abs(whole)
    spare = max(0, size.bit_length() - _BITS)
    head = size >> spare
    if head << spare != size:
        head |= 1  # something is left behind: enough to decide between two halves
    try:
        found = math.ldexp(float(head), spare - _SCALE)  # Python rounds an integer of any length correctly
    except OverflowError:
        return math.nan
    return -found if whole < 0 else found
