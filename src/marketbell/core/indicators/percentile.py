"""Percentile: the percentage of the n values before this one that lie strictly below it.

Definition: 100 · #{x[t-j] < x[t], j = 1 … n} / n. An update looks at all n values.
Source: the usual reading of an IV percentile (share of the days of the year with a lower value).
Unknown: an unknown or infinite x ends the series; the value is unknown until n + 1 known values have followed.
"""

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201 — kernels are long, flat and typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

# A row: how many values are in the window, the place of the oldest and next, the window.
COUNT, NEXT, WINDOW = 0, 1, 2
LIMIT = 1e37  # from here on a number counts as infinite: its squares and products could overflow


def places(p):
    """Two numbers and the window of n."""
    return WINDOW + int(p[0])


@njit(cache=True, error_model="numpy")
def run(state, rows, x, p, keep, out):
    """One value a row: x[0] in, out[0] the percentage."""
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
        value = np.nan
        if count == n:
            below = 0
            for j in range(n):
                below += state[r, WINDOW + j] < v
            value = 100.0 * below / n
        out[0, i] = value
        if keep:
            state[r, WINDOW + at] = v
            state[r, COUNT] = min(count + 1, n)
            state[r, NEXT] = at + 1 if at + 1 < n else 0
