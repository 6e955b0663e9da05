"""Linearly weighted moving average.

Definition: (n · x[t] + (n − 1) · x[t-1] + … + 1 · x[t-n+1]) / (n (n + 1) / 2), as two running totals that are added
up afresh from the window every 8 n values, so that rounding cannot pile up.
Source: TA-Lib WMA, the same arithmetic in the same order.
Unknown: an unknown or infinite x empties the window; the value is unknown until n known values have followed.
"""

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201 — kernels are long, flat and typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

# A row: how many values are in the window, the place of the next, the weighted and the plain total, values since
# they were added up, the window.
COUNT, NEXT, WEIGHTED, PLAIN, AGE, WINDOW = 0, 1, 2, 3, 4, 5
FRESH = 8
LIMIT = 1e37  # from here on a number counts as infinite: its squares and products could overflow


def places(p):
    """Five numbers and the window of n."""
    return WINDOW + int(p[0])


@njit(cache=True, error_model="numpy")
def run(state, rows, x, p, keep, out):
    """One value a row: x[0] in, out[0] the average."""
    n = int(p[0])
    divider = n * (n + 1.0) / 2.0
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
        age = 0.0
        if count:
            at = int(state[r, NEXT])
            weighted = state[r, WEIGHTED]
            plain = state[r, PLAIN]
            age = state[r, AGE]
        was = state[r, WINDOW + at]
        if count < n - 1:
            plain += v
            weighted += v * (count + 1)
            out[0, i] = np.nan
        else:
            plain += v
            if count == n:
                plain -= was
            weighted += v * n
            age += 1
            if age == FRESH * n:
                state[r, WINDOW + at] = v
                age = 0.0
                plain = 0.0
                weighted = 0.0
                j = at + 1 if at + 1 < n else 0
                for weight in range(1, n + 1):
                    plain += state[r, WINDOW + j]
                    weighted += state[r, WINDOW + j] * weight
                    j = j + 1 if j + 1 < n else 0
                state[r, WINDOW + at] = was
            out[0, i] = weighted / divider if n > 1 else v
            weighted -= plain
        if keep:
            state[r, WINDOW + at] = v
            state[r, COUNT] = min(count + 1, n)
            state[r, NEXT] = at + 1 if at + 1 < n else 0
            state[r, WEIGHTED] = weighted
            state[r, PLAIN] = plain
            state[r, AGE] = age
