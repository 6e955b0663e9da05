"""Gap: the session's open against the last close of the session before, in percent.

Definition: (open of the session's first bar / last close of the session before − 1) · 100, the same for all bars of
the session.
Source: the usual reading of an opening gap.
Unknown: in the first session of the history; an unknown or infinite open, close or session, or a close of 0, ends the
series: the gap is unknown until the next session.
"""

import math

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201 — kernels are long, flat and typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

# A row: whether there was a bar, its session, the gap of that session, the last close.
SEEN, SESSION, GAP, LAST = 0, 1, 2, 3
LIMIT = 1e37  # from here on a number counts as infinite: its squares and products could overflow


def places(p):  # noqa: ARG001 — every kernel has this form
    """Four numbers."""
    return 4


@njit(cache=True, error_model="numpy")
def run(state, rows, x, p, keep, out):  # noqa: ARG001 — every kernel has this form
    """One value a row: x[0] open, x[1] close, x[2] session in; out[0] the gap in percent."""
    for i in range(rows.shape[0]):
        r = rows[i]
        first = x[0, i]
        close = x[1, i]
        session = x[2, i]
        if not (abs(first) < LIMIT and abs(close) < LIMIT and close != 0.0 and abs(session) < LIMIT):
            out[0, i] = np.nan
            if keep:
                state[r, SEEN] = 0.0
            continue
        gap = np.nan
        if state[r, SEEN] != 0.0:
            gap = state[r, GAP]
            if session != state[r, SESSION]:
                gap = (first / state[r, LAST] - 1.0) * 100.0
                if not math.isfinite(gap):
                    gap = np.nan
        out[0, i] = gap
        if keep:
            state[r, SEEN] = 1.0
            state[r, SESSION] = session
            state[r, GAP] = gap
            state[r, LAST] = close
