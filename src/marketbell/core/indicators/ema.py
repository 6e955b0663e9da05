"""Exponential moving average.

Definition: e[t] = e[t-1] + (x[t] − e[t-1]) · 2 / (n + 1), begun with the mean of the first n values.
Source: TA-Lib EMA, the same arithmetic in the same order; n = 1 is x itself.
Unknown: an unknown or infinite x ends the series; it begins again with the next known value.
"""

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201 — kernels are long, flat and typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

# A row: how many values so far, up to n; their total, from the n-th on the average.
COUNT, AVERAGE = 0, 1
LIMIT = 1e37  # from here on a number counts as infinite: its squares and products could overflow


def places(p):  # noqa: ARG001 — every kernel has this form
    """Two numbers, whatever n is."""
    return 2


@njit(cache=True, error_model="numpy")
def run(state, rows, x, p, keep, out):
    """One value a row: x[0] in, out[0] the average."""
    n = int(p[0])
    k = 2.0 / (n + 1)
    for i in range(rows.shape[0]):
        r = rows[i]
        v = x[0, i]
        if not abs(v) < LIMIT:
            out[0, i] = np.nan
            if keep:
                state[r, COUNT] = 0.0
            continue
        count = state[r, COUNT]
        if n == 1:
            average = v
        elif count >= n:
            average = (v - state[r, AVERAGE]) * k + state[r, AVERAGE]
        else:
            average = (state[r, AVERAGE] if count else 0.0) + v
            if count == n - 1:
                average /= n
        out[0, i] = average if count >= n - 1 else np.nan
        if keep:
            state[r, COUNT] = min(count + 1, n)
            state[r, AVERAGE] = average
