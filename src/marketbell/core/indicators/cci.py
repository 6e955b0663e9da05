"""Commodity channel index.

Definition: (x[t] − mean) / (0.015 · mean absolute distance from the mean) over the last n values; x is the typical
price (high + low + close) / 3 unless given. 0 where x is at the mean or the window is flat, as TA-Lib does. An
update looks at all n values twice.
Source: Donald Lambert, Commodities (1980); TA-Lib CCI, the same arithmetic in the same order.
Unknown: an unknown or infinite x empties the window; the value is unknown until n known values have followed.
"""

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201 — kernels are long, flat and typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

# A row: how many values are in the window, the place of the next, the window.
COUNT, NEXT, WINDOW = 0, 1, 2
ZERO = 1e-14
LIMIT = 1e37  # from here on a number counts as infinite: its squares and products could overflow


def places(p):
    """Two numbers and the window of n."""
    return WINDOW + int(p[0])


@njit(cache=True, error_model="numpy")
def run(state, rows, x, p, keep, out):
    """One value a row: x[0] in, out[0] the index."""
    n = int(p[0])
    for i in range(rows.shape[0]):
        r = rows[i]
        v = x[0, i]
        if not abs(v) < LIMIT:
            out[0, i] = np.nan
            if keep:
                state[r, COUNT] = 0.0
            continue
        count = state[r, COUNT]
        at = int(state[r, NEXT]) if count else 0
        was = state[r, WINDOW + at]
        state[r, WINDOW + at] = v
        value = np.nan
        if count >= n - 1:
            mean = 0.0
            for j in range(WINDOW, WINDOW + n):
                mean += state[r, j]
            mean /= n
            spread = 0.0
            for j in range(WINDOW, WINDOW + n):
                spread += abs(state[r, j] - mean)
            distance = v - mean
            value = 0.0
            if abs(distance) > ZERO * (abs(v) + abs(mean)) and spread > 0.0:
                value = distance / (0.015 * (spread / n))
        out[0, i] = value
        if keep:
            state[r, COUNT] = min(count + 1, n)
            state[r, NEXT] = at + 1 if at + 1 < n else 0
        else:
            state[r, WINDOW + at] = was
