"""Opening range: the highest and lowest price from the session's open to open + T.

Definition: the highest high and the lowest low of the session's bars that end by open + T; known from the first bar
on that ends at or after open + T.
Source: Toby Crabel, Day Trading with Short Term Price Patterns and Opening Range Breakout (1990).
Unknown: before open + T; in a session without a bar by then; in a session with a bar that begins before open + T and
ends after it (it cannot be told what of it belongs to the range); and where the high or low of a bar of the range is
unknown.
"""

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201 — kernels are long, flat and typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

# A row: whether there was a bar, its session, the range so far, and how many bars it is made of (-1: it cannot be
# told).
SEEN, SESSION, HIGH, LOW, BARS = 0, 1, 2, 3, 4
LIMIT = 1e37  # from here on a number counts as infinite: its squares and products could overflow


def places(p):  # noqa: ARG001 — every kernel has this form
    """Five numbers."""
    return 5


@njit(cache=True, error_model="numpy")
def run(state, rows, x, p, keep, out):
    """x[0] high, x[1] low, x[2] start, x[3] end, x[4] session, x[5] session_open in, p[0] T (all ns); out high, low."""
    for i in range(rows.shape[0]):
        r = rows[i]
        start = x[2, i]
        end = x[3, i]
        session = x[4, i]
        limit = x[5, i] + p[0]
        if not (abs(start) < LIMIT and abs(end) < LIMIT and abs(session) < LIMIT and abs(limit) < LIMIT):
            out[0, i] = np.nan
            out[1, i] = np.nan
            if keep and state[r, SEEN] != 0.0:
                state[r, BARS] = -1.0
            continue
        high = -np.inf
        low = np.inf
        bars = 0.0
        if state[r, SEEN] != 0.0 and state[r, SESSION] == session:
            high = state[r, HIGH]
            low = state[r, LOW]
            bars = state[r, BARS]
        if end <= limit:
            if bars >= 0.0 and abs(x[0, i]) < LIMIT and abs(x[1, i]) < LIMIT:
                high = max(high, x[0, i])
                low = min(low, x[1, i])
                bars += 1.0
            else:
                bars = -1.0
        elif start < limit:
            bars = -1.0
        is_known = bars > 0.0 and end >= limit
        out[0, i] = high if is_known else np.nan
        out[1, i] = low if is_known else np.nan
        if keep:
            state[r, SEEN] = 1.0
            state[r, SESSION] = session
            state[r, HIGH] = high
            state[r, LOW] = low
            state[r, BARS] = bars
