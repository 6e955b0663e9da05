"""Average true range.

Definition: Wilder's average of TR = max(high − low, |high − previous close|, |low − previous close|), begun with the
mean of the first n: a[t] = a[t-1] · (n − 1) / n + TR / n. The first bar has no TR.
Source: J. Welles Wilder, New Concepts in Technical Trading Systems (1978); TA-Lib ATR (0.8).
Unknown: an unknown or infinite high, low or close ends the series; it begins again with the next known bar.
"""

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201 — kernels are long, flat and typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

# A row: how many bars so far, up to n + 1; the last close; the average (the sum of the ranges until it begins).
COUNT, LAST, AVERAGE = 0, 1, 2
LIMIT = 1e37  # from here on a number counts as infinite: its squares and products could overflow


def places(p):  # noqa: ARG001 — every kernel has this form
    """Three numbers, whatever n is."""
    return 3


@njit(cache=True, error_model="numpy")
def run(state, rows, x, p, keep, out):
    """One value a row: x[0] high, x[1] low, x[2] close in; out[0] the average."""
    n = int(p[0])
    beta = (n - 1.0) / n
    alpha = 1.0 - beta
    for i in range(rows.shape[0]):
        r = rows[i]
        high = x[0, i]
        low = x[1, i]
        close = x[2, i]
        if not (abs(high) < LIMIT and abs(low) < LIMIT and abs(close) < LIMIT):
            out[0, i] = np.nan
            if keep:
                state[r, COUNT] = 0.0
            continue
        count = state[r, COUNT]
        average = 0.0
        if count:
            last = state[r, LAST]
            span = max(high - low, abs(last - high), abs(last - low))
            average = state[r, AVERAGE]
            if count > n:
                average = alpha * span + beta * average
            else:
                average += span
                if count == n:
                    average /= n
        out[0, i] = average if count >= n else np.nan
        if keep:
            state[r, COUNT] = min(count + 1, n + 1)
            state[r, LAST] = close
            state[r, AVERAGE] = average
