"""Historical volatility in percent a year.

Definition: the standard deviation (ddof 1) of the last n log returns ln(x[t] / x[t-1]), times √(bars a year), times
100. Bars a year are counted with 252 sessions.
Source: J. C. Hull, Options, Futures, and Other Derivatives, "Estimating volatility from historical data".
Unknown: an unknown, infinite, zero or negative x ends the series; the value is unknown until n + 1 known values
have followed.
"""

import math

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201, C901, PLR0912, PLR0915 — kernels are long, flat and typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

# A row: how many returns are in the window and 1 more for the first price, the place of the next, the shift, the sums
# of distances from it and of their squares (without the oldest), values since they were rebuilt, the last price, the
# window of returns. See stdev.py.
COUNT, NEXT, SHIFT, TOTAL, SQUARES, AGE, LAST, WINDOW = 0, 1, 2, 3, 4, 5, 6, 7
STALE, OUTLIER, FLAT, FRESH = 1e-6, 1e6, 1e-12, 32
LIMIT = 1e37  # from here on a number counts as infinite: its squares and products could overflow


def places(p):
    """Seven numbers and the window of n."""
    return WINDOW + int(p[0])


@njit(cache=True, error_model="numpy")
def run(state, rows, x, p, keep, out):
    """One value a row: x[0] the price, x[1] bars a year; out[0] the volatility in percent."""
    n = int(p[0])
    inverse = 1.0 / n
    for i in range(rows.shape[0]):
        r = rows[i]
        price = x[0, i]
        year = x[1, i]
        if not (1.0 / LIMIT < price < LIMIT and abs(year) < LIMIT):
            out[0, i] = np.nan
            if keep:
                state[r, COUNT] = 0.0
            continue
        if state[r, COUNT] == 0.0:
            out[0, i] = np.nan
            if keep:
                state[r, COUNT] = 1.0
                state[r, LAST] = price
            continue
        v = math.log(price / state[r, LAST])
        count = state[r, COUNT] - 1
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
        out[0, i] = math.sqrt(variance * n / (n - 1) * year) * 100.0 if count >= n - 1 else np.nan
        if keep:
            state[r, COUNT] = min(count + 1, n) + 1
            state[r, NEXT] = oldest
            state[r, SHIFT] = shift
            state[r, TOTAL] = total
            state[r, SQUARES] = squares
            state[r, AGE] = age
            state[r, LAST] = price
        else:
            state[r, WINDOW + at] = was
