"""Relative strength index.

Definition: 100 · G / (G + L); G and L are Wilder's averages of the gains and losses from value to value, begun with
the mean of the first n. Prices that never moved give 0, as TA-Lib does.
Source: J. Welles Wilder, New Concepts in Technical Trading Systems (1978); TA-Lib RSI.
Unknown: an unknown or infinite x ends the series; it begins again with the next known value.
"""

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201 — kernels are long, flat and typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

# A row: how many values so far, up to n + 1; the last one; the average gain and loss (their sums until then).
COUNT, LAST, GAIN, LOSS = 0, 1, 2, 3
LIMIT = 1e37  # from here on a number counts as infinite: its squares and products could overflow


def places(p):  # noqa: ARG001 — every kernel has this form
    """Four numbers, whatever n is."""
    return 4


@njit(cache=True, error_model="numpy")
def run(state, rows, x, p, keep, out):
    """One value a row: x[0] in, out[0] the index."""
    n = int(p[0])
    inverse = 1.0 / n
    for i in range(rows.shape[0]):
        r = rows[i]
        v = x[0, i]
        if not abs(v) < LIMIT:
            out[0, i] = np.nan
            if keep:
                state[r, COUNT] = 0.0
            continue
        count = state[r, COUNT]
        gain = 0.0
        loss = 0.0
        value = np.nan
        if count:
            gain = state[r, GAIN]
            loss = state[r, LOSS]
            move = v - state[r, LAST]
            up = max(0.0, move)
            if count > n:
                gain *= n - 1
                loss *= n - 1
            gain += up
            loss += up - move
            if count >= n:
                gain *= inverse
                loss *= inverse
                total = gain + loss
                value = 100.0 * (gain / total) if total > 0.0 else 0.0
        out[0, i] = value
        if keep:
            state[r, COUNT] = min(count + 1, n + 1)
            state[r, LAST] = v
            state[r, GAIN] = gain
            state[r, LOSS] = loss
