"""Bars since the condition last held.

Definition: the number of bars from the last one at which the condition was true to this one; 0 where it is true now.
Source: the rule language.
Unknown: before the condition ever held; and where it is unknown, from then until it holds again (it may have held).
"""

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201 — kernels are long, flat and typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

# A row: 1 more than the bars since the condition held, 0 where that is unknown.
SINCE = 0
LIMIT = 1e37  # from here on a number counts as infinite: its squares and products could overflow


def places(p):  # noqa: ARG001 — every kernel has this form
    """One number."""
    return 1


@njit(cache=True, error_model="numpy")
def run(state, rows, x, p, keep, out):  # noqa: ARG001 — every kernel has this form
    """One value a row: x[0] the condition (1, 0, NaN) in, out[0] the bars."""
    for i in range(rows.shape[0]):
        r = rows[i]
        v = x[0, i]
        since = 0.0
        if abs(v) < LIMIT:
            if v != 0.0:
                since = 1.0
            elif state[r, SINCE] > 0.0:
                since = state[r, SINCE] + 1.0
        out[0, i] = since - 1.0 if since > 0.0 else np.nan
        if keep:
            state[r, SINCE] = since
