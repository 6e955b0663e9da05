"""Change: the difference from n bars ago.

Definition: x[t] − x[t-n].
Source: TA-Lib MOM, equal values.
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
    """One value a row: x[0] in, out[0] the difference."""
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
        out[0, i] = v - state[r, WINDOW + at] if count == n else np.nan
        if keep:
            state[r, WINDOW + at] = v
            state[r, COUNT] = min(count + 1, n)
            state[r, NEXT] = at + 1 if at + 1 < n else 0
