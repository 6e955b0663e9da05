"""Count: at how many of the last n bars the condition held.

Definition: the number of true ones among condition[t], …, condition[t-n+1].
Source: the rule language (three-valued logic).
Unknown: while the condition is unknown at any of the last n bars, the count is unknown.
"""

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201 — kernels are long, flat and typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

# A row: how many conditions are in the window, the place of the next, how many of them hold, the window.
COUNT, NEXT, TOTAL, WINDOW = 0, 1, 2, 3
LIMIT = 1e37  # from here on a number counts as infinite: its squares and products could overflow


def places(p):
    """Three numbers and the window of n."""
    return WINDOW + int(p[0])


@njit(cache=True, error_model="numpy")
def run(state, rows, x, p, keep, out):
    """One value a row: x[0] the condition (1, 0, NaN) in, out[0] the count."""
    n = int(p[0])
    for i in range(rows.shape[0]):
        r = rows[i]
        if not abs(x[0, i]) < LIMIT:
            out[0, i] = np.nan
            if keep:
                state[r, COUNT] = 0.0
            continue
        v = 1.0 if x[0, i] != 0.0 else 0.0
        count = state[r, COUNT]
        at = int(state[r, NEXT]) if count else 0
        total = (state[r, TOTAL] if count else 0.0) + v
        if count == n:
            total -= state[r, WINDOW + at]
        out[0, i] = total if count >= n - 1 else np.nan
        if keep:
            state[r, WINDOW + at] = v
            state[r, COUNT] = min(count + 1, n)
            state[r, NEXT] = at + 1 if at + 1 < n else 0
            state[r, TOTAL] = total
