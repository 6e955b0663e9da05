"""Volume-weighted average price since the session's open.

Definition: Σ price · volume / Σ volume over the bars of the session so far; the price is the bar's own VWAP where it
is known, else its typical price (high + low + close) / 3.
Source: TA-Lib VWAP, the same arithmetic, begun afresh with each session.
Unknown: before anything was traded in the session; and from a bar without a known price and volume on until the next
session (the sums would miss it). A bar that traded nothing leaves the value as it was.
"""

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201 — kernels are long, flat and typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

# A row: whether there was a bar, its session, the two sums (NaN once they miss a bar).
SEEN, SESSION, MONEY, SIZE = 0, 1, 2, 3
LIMIT = 1e37  # from here on a number counts as infinite: its squares and products could overflow


def places(p):  # noqa: ARG001 — every kernel has this form
    """Four numbers."""
    return 4


@njit(cache=True, error_model="numpy")
def run(state, rows, x, p, keep, out):  # noqa: ARG001 — every kernel has this form
    """One value a row: x[0] typical, x[1] vwap, x[2] volume, x[3] session in; out[0] the price."""
    for i in range(rows.shape[0]):
        r = rows[i]
        price = x[1, i] if abs(x[1, i]) < LIMIT else x[0, i]
        volume = x[2, i]
        session = x[3, i]
        if not abs(session) < LIMIT:
            out[0, i] = np.nan
            if keep:
                state[r, SEEN] = 1.0
                state[r, MONEY] = np.nan
                state[r, SIZE] = np.nan
            continue
        money = 0.0
        size = 0.0
        if state[r, SEEN] != 0.0 and state[r, SESSION] == session:
            money = state[r, MONEY]
            size = state[r, SIZE]
        if volume == 0.0:
            pass
        elif abs(price) < LIMIT and 0.0 < volume < LIMIT:
            money += price * volume
            size += volume
        else:
            money = np.nan
            size = np.nan
        out[0, i] = money / size if size > 0.0 else np.nan
        if keep:
            state[r, SEEN] = 1.0
            state[r, SESSION] = session
            state[r, MONEY] = money
            state[r, SIZE] = size
