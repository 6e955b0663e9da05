"""Slope a bar of the least-squares line through the last n values.

Definition: (n Σ j·x − Σ j · Σ x) / (n Σ j² − (Σ j)²), j = 0 … n − 1 from the oldest. The two sums move on by one
value a bar and are added up afresh from the window every 32 n values and when a value leaves that outweighs the
others a hundred times, so that rounding cannot pile up.
Source: TA-Lib LINEARREG_SLOPE (0.8), the same arithmetic in the same order.
Unknown: an unknown or infinite x empties the window; the value is unknown until n known values have followed.
"""

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201, PLR0915 — kernels are long, flat and typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

# A row: how many values are in the window, the place of the next, the sum weighted by age and the plain one, the sum
# of sizes, values since they were added up, the window.
COUNT, NEXT, WEIGHTED, PLAIN, SIZE, AGE, WINDOW = 0, 1, 2, 3, 4, 5, 6
FRESH, OUTLIER = 32, 100.0
LIMIT = 1e37  # from here on a number counts as infinite: its squares and products could overflow


def places(p):
    """Six numbers and the window of n."""
    return WINDOW + int(p[0])


@njit(cache=True, error_model="numpy")
def run(state, rows, x, p, keep, out):
    """One value a row: x[0] in, out[0] the slope."""
    n = int(p[0])
    ages = n * (n - 1) * 0.5
    divisor = ages * ages - n * (n * (n - 1.0) * (2.0 * n - 1.0) / 6.0)
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
        weighted = 0.0
        plain = 0.0
        size = 0.0
        age = 0.0
        if count:
            at = int(state[r, NEXT])
            weighted = state[r, WEIGHTED]
            plain = state[r, PLAIN]
            size = state[r, SIZE]
            age = state[r, AGE]
        was = state[r, WINDOW + at]
        state[r, WINDOW + at] = v
        oldest = at + 1 if at + 1 < n else 0
        if count == n:
            weighted = weighted + plain - n * was
            plain = plain - was + v
            size = size - abs(was) + abs(v)
            age += 1
        if count == n - 1 or (count == n and (age == FRESH * n or n * abs(was) > OUTLIER * size)):
            age = 0.0
            weighted = 0.0
            plain = 0.0
            size = 0.0
            j = oldest
            for back in range(n - 1, -1, -1):
                plain += state[r, WINDOW + j]
                size += abs(state[r, WINDOW + j])
                weighted += back * state[r, WINDOW + j]
                j = j + 1 if j + 1 < n else 0
        out[0, i] = (n * weighted - ages * plain) / divisor if count >= n - 1 else np.nan
        if keep:
            state[r, COUNT] = min(count + 1, n)
            state[r, NEXT] = oldest
            state[r, WEIGHTED] = weighted
            state[r, PLAIN] = plain
            state[r, SIZE] = size
            state[r, AGE] = age
        else:
            state[r, WINDOW + at] = was
