"""Classic floor pivots of the bar (of the last day, where they are read at @1d).

Definition: p = (high + low + close) / 3, r1 = 2 p − low, s1 = 2 p − high, r2 = p + (high − low), s2 = p − (high − low),
r3 = high + 2 (p − low), s3 = low − 2 (high − p).
Source: the floor traders' formula; John L. Person, A Complete Guide to Technical Trading Tactics (2004).
Unknown: where the bar's high, low or close is unknown. No bar before it matters.
"""

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201 — kernels are long, flat and typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

LIMIT = 1e37  # from here on a number counts as infinite: its squares and products could overflow


def places(p):  # noqa: ARG001 — every kernel has this form
    """None: the bar itself says all."""
    return 0


@njit(cache=True, error_model="numpy")
def run(state, rows, x, p, keep, out):  # noqa: ARG001 — every kernel has this form
    """One value a row: x[0] high, x[1] low, x[2] close in; out p, r1, s1, r2, s2, r3, s3."""
    for i in range(rows.shape[0]):
        high = x[0, i]
        low = x[1, i]
        close = x[2, i]
        if not (abs(high) < LIMIT and abs(low) < LIMIT and abs(close) < LIMIT):
            for j in range(7):
                out[j, i] = np.nan
            continue
        pivot = (high + low + close) / 3.0
        out[0, i] = pivot
        out[1, i] = 2.0 * pivot - low
        out[2, i] = 2.0 * pivot - high
        out[3, i] = pivot + (high - low)
        out[4, i] = pivot - (high - low)
        out[5, i] = high + 2.0 * (pivot - low)
        out[6, i] = low - 2.0 * (high - pivot)
