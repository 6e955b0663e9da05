"""Sum of the last n values.

Definition: x[t] + … + x[t-n+1], as a running total: add the new value, give the total, take away the oldest.
Source: TA-Lib SUM, the same arithmetic in the same order.
Unknown: an unknown or infinite x empties the window; the value is unknown until n known values have followed.
"""

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201 — kernels are long, flat and typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

# A row: how many values are in the window, the place of the next, the total without the oldest, the window.
COUNT, NEXT, TOTAL, WINDOW = 0, 1, 2, 3
LIMIT = 1e37  # from here on a number counts as infinite: its squares and products could overflow


def places(p):
    """Three numbers and the window of n."""
    return WINDOW + int(p[0])


@njit(cache=True, error_model="numpy")
def run(state, rows, x, p, keep, out):
    """One value a row: x[0] in, out[0] the sum."""
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
        total = (state[r, TOTAL] if count else 0.0) + v
        out[0, i] = total if count >= n - 1 else np.nan
        if keep:
            state[r, WINDOW + at] = v
            at = at + 1 if at + 1 < n else 0
            if count >= n - 1:
                total -= state[r, WINDOW + at]
            state[r, COUNT] = min(count + 1, n)
            state[r, NEXT] = at
            state[r, TOTAL] = total
