"""Standard deviation of the last n values, ddof 0.

Definition: √(Σ (x[j] − mean)² / n) over the window. The running sums hold distances from a value near the window
(`shift`), so that large prices with small moves keep their digits; they are rebuilt from the window where the
distance has grown stale, where an outlier has just left, and every 32 n values. Flat prices give exactly 0.
Source: TA-Lib STDDEV (0.8), the same arithmetic in the same order.
Unknown: an unknown or infinite x empties the window; the value is unknown until n known values have followed.
"""

import math

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201, C901, PLR0915 — kernels are long, flat and typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

# A row: how many values are in the window, the place of the next, the shift, the sums of distances from it and of
# their squares (without the oldest), values since they were rebuilt, the window.
COUNT, NEXT, SHIFT, TOTAL, SQUARES, AGE, WINDOW = 0, 1, 2, 3, 4, 5, 6
STALE, OUTLIER, FLAT, FRESH = 1e-6, 1e6, 1e-12, 32
LIMIT = 1e37  # from here on a number counts as infinite: its squares and products could overflow


def places(p):
    """Six numbers and the window of n."""
    return WINDOW + int(p[0])


@njit(cache=True, error_model="numpy")
def run(state, rows, x, p, keep, out):
    """One value a row: x[0] in, out[0] the deviation."""
    n = int(p[0])
    inverse = 1.0 / n
    for i in range(rows.shape[0]):
        r = rows[i]
        v = x[0, i]
        if not abs(v) < LIMIT:
            out[0, i] = np.nan
            if keep:
                state[r, COUNT] = 0.0
            continue
        count = state[r, COUNT]
        at = 0
        shift = v
        total = 0.0
        squares = 0.0
        age = 0.0
        if count:
            at = int(state[r, NEXT])
            shift = state[r, SHIFT]
            total = state[r, TOTAL]
            squares = state[r, SQUARES]
            age = state[r, AGE]
        was = state[r, WINDOW + at]
        state[r, WINDOW + at] = v
        oldest = at + 1 if at + 1 < n else 0
        d = v - shift
        total += d
        squares += d * d
        variance = 0.0
        if count >= n - 1:
            mean = total * inverse
            variance = squares * inverse - mean * mean
            d = state[r, WINDOW + oldest] - shift
            d2 = d * d
            rest = squares - d2
            age += 1
            if variance < STALE * (rest * inverse) or d2 > OUTLIER * rest or age == FRESH * n:
                age = 0.0
                level = 0.0
                j = oldest
                for _ in range(n):
                    level += state[r, WINDOW + j]
                    j = j + 1 if j + 1 < n else 0
                shift = level * inverse
                total = 0.0
                squares = 0.0
                for _ in range(n):
                    d = state[r, WINDOW + j] - shift
                    total += d
                    squares += d * d
                    j = j + 1 if j + 1 < n else 0
                mean = total * inverse
                variance = squares * inverse - mean * mean
                if variance < FLAT * (squares * inverse):
                    variance = 0.0
                d = state[r, WINDOW + oldest] - shift
                d2 = d * d
            total -= d
            squares -= d2
        out[0, i] = math.sqrt(variance) if count >= n - 1 else np.nan
        if keep:
            state[r, COUNT] = min(count + 1, n)
            state[r, NEXT] = oldest
            state[r, SHIFT] = shift
            state[r, TOTAL] = total
            state[r, SQUARES] = squares
            state[r, AGE] = age
        else:
            state[r, WINDOW + at] = was
