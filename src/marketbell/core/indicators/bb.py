"""Bollinger bands: the mean of the last n values, and k standard deviations (ddof 0) to either side.

Definition: mid = sma(x, n), upper = mid + k · stdev(x, n), lower = mid − k · stdev(x, n);
width = (upper − lower) / mid · 100.
Source: John Bollinger, Bollinger on Bollinger Bands (2001); TA-Lib BBANDS, the same arithmetic in the same order.
Unknown: an unknown or infinite x empties the window; the values are unknown until n known values have followed, and
the width where mid is 0.
"""

import math

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201, C901, PLR0912, PLR0915 — kernels are long, flat and typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

# A row: how many values are in the window, the place of the next, the shift, the sums of distances from it and of
# their squares, values since they were rebuilt, the sum of the values (all sums without the oldest), the window.
# See stdev.py.
COUNT, NEXT, SHIFT, TOTAL, SQUARES, AGE, SUM, WINDOW = 0, 1, 2, 3, 4, 5, 6, 7
STALE, OUTLIER, FLAT, FRESH = 1e-6, 1e6, 1e-12, 32
LIMIT = 1e37  # from here on a number counts as infinite: its squares and products could overflow


def places(p):
    """Seven numbers and the window of n."""
    return WINDOW + int(p[0])


@njit(cache=True, error_model="numpy")
def run(state, rows, x, p, keep, out):
    """One value a row: x[0] in; out[0] upper, out[1] mid, out[2] lower, out[3] width."""
    n = int(p[0])
    k = p[1]
    inverse = 1.0 / n
    for i in range(rows.shape[0]):
        r = rows[i]
        v = x[0, i]
        if not abs(v) < LIMIT:
            out[0, i] = np.nan
            out[1, i] = np.nan
            out[2, i] = np.nan
            out[3, i] = np.nan
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
        whole = (state[r, SUM] if count else 0.0) + v
        if count >= n - 1:
            mid = whole / n
            reach = math.sqrt(variance) * k
            out[0, i] = mid + reach
            out[1, i] = mid
            out[2, i] = mid - reach
            out[3, i] = (out[0, i] - out[2, i]) / mid * 100.0 if mid != 0.0 else np.nan
            whole -= state[r, WINDOW + oldest]
        else:
            out[0, i] = np.nan
            out[1, i] = np.nan
            out[2, i] = np.nan
            out[3, i] = np.nan
        if keep:
            state[r, COUNT] = min(count + 1, n)
            state[r, NEXT] = oldest
            state[r, SHIFT] = shift
            state[r, TOTAL] = total
            state[r, SQUARES] = squares
            state[r, AGE] = age
            state[r, SUM] = whole
        else:
            state[r, WINDOW + at] = was
