"""The value of x at the bar where the condition last held.

Definition: x at the newest bar, this one included, at which the condition was true.
Source: the rule language.
Unknown: before the condition ever held; where x was unknown at that bar; and where the condition is unknown, from
then until it holds again (it may have held). x at other bars is not looked at.
"""

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201 — kernels are long, flat and typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

# A row: whether the condition held, and the value of x then.
HELD, VALUE = 0, 1
LIMIT = 1e37  # from here on a number counts as infinite: its squares and products could overflow


def places(p):  # noqa: ARG001 — every kernel has this form
    """Two numbers."""
    return 2


@njit(cache=True, error_model="numpy")
def run(state, rows, x, p, keep, out):  # noqa: ARG001 — every kernel has this form
    """One value a row: x[0] the condition (1, 0, NaN) and x[1] the value in, out[0] the value then."""
    for i in range(rows.shape[0]):
        r = rows[i]
        v = x[0, i]
        held = 0.0
        value = np.nan
        if abs(v) < LIMIT:
            if v != 0.0:
                held = 1.0
                value = x[1, i] if abs(x[1, i]) < LIMIT else np.nan
            elif state[r, HELD] > 0.0:
                held = 1.0
                value = state[r, VALUE]
        out[0, i] = value
        if keep:
            state[r, HELD] = held
            state[r, VALUE] = value if held > 0.0 else 0.0
