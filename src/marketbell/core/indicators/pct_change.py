"""Change from n bars ago in percent. The functions pct_change and roc (rate of change).

Definition: (x[t] / x[t-n] − 1) · 100; 0 where x[t-n] is 0, as TA-Lib does.
Source: TA-Lib ROC, the same arithmetic.
Unknown: an unknown or infinite x ends the series; the value is unknown until n + 1 known values have followed.
"""

import math

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
    """One value a row: x[0] in, out[0] the change in percent."""
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
            before = state[r, WINDOW + at]
            value = (v / before - 1.0) * 100.0 if before != 0.0 else 0.0
            if not math.isfinite(value):
                value = np.nan
        out[0, i] = value
        if keep:
            state[r, WINDOW + at] = v
            state[r, COUNT] = min(count + 1, n)
            state[r, NEXT] = at + 1 if at + 1 < n else 0
