"""On-balance volume.

Definition: begun with the first bar's volume; the volume is added where the close rose, taken away where it fell,
and left out where it stayed.
Source: Joseph Granville; TA-Lib OBV, equal values.
Unknown: an unknown or infinite close or volume ends the series; it is counted afresh from the next known bar.
"""

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201 — kernels are long, flat and typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

# A row: whether there was a bar, its close, the balance.
SEEN, LAST, BALANCE = 0, 1, 2
LIMIT = 1e37  # from here on a number counts as infinite: its squares and products could overflow


def places(p):  # noqa: ARG001 — every kernel has this form
    """Three numbers."""
    return 3


@njit(cache=True, error_model="numpy")
def run(state, rows, x, p, keep, out):  # noqa: ARG001 — every kernel has this form
    """One value a row: x[0] close, x[1] volume in; out[0] the balance."""
    for i in range(rows.shape[0]):
        r = rows[i]
        close = x[0, i]
        volume = x[1, i]
        if not (abs(close) < LIMIT and abs(volume) < LIMIT):
            out[0, i] = np.nan
            if keep:
                state[r, SEEN] = 0.0
            continue
        balance = volume
        if state[r, SEEN] != 0.0:
            balance = state[r, BALANCE]
            if close > state[r, LAST]:
                balance += volume
            elif close < state[r, LAST]:
                balance -= volume
        out[0, i] = balance
        if keep:
            state[r, SEEN] = 1.0
            state[r, LAST] = close
            state[r, BALANCE] = balance
