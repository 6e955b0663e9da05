"""One condition, and another within so many bars or so long behind it (`A then B within 5 bars`).

Definition: true where B is true now and A was true at an evaluation before this one, at most n evaluations or that
long ago. False where B is false, or no A lies in the window. Unknown where B is true and A was unknown in the window
without being true there, or where B is unknown and A was true or unknown there. Source: the rule language.
"""

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201 — kernels are long, flat and typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

# p: 0 of bars or 1 of time, and how many bars or ns. x: A, B, the bar's end (ns).
TRUE_AT = 0  # the newest true A: its number, or its end
UNKNOWN_AT = 1
COUNT = 2
HAS_TRUE = 3
HAS_UNKNOWN = 4
SLACK = 1_000.0  # ns: float64 holds times of day to 256 ns


def places(p):  # noqa: ARG001 — every kernel has this form
    """Where A was last true, and last unknown."""
    return 5


@njit(cache=True, error_model="numpy")
def run(state, rows, x, p, keep, out):
    """One value a row."""
    of_time = p[0] == 1.0
    reach = p[1] + SLACK if of_time else p[1]
    for i in range(rows.shape[0]):
        r = rows[i]
        a = x[0, i]
        b = x[1, i]
        count = state[r, COUNT] + 1.0
        now = x[2, i] if of_time else count
        was_true = state[r, HAS_TRUE] > 0.0 and now - state[r, TRUE_AT] <= reach
        was_unknown = state[r, HAS_UNKNOWN] > 0.0 and now - state[r, UNKNOWN_AT] <= reach
        if np.isnan(b):
            value = np.nan if (was_true or was_unknown) else 0.0
        elif b == 0.0:
            value = 0.0
        elif was_true:
            value = 1.0
        else:
            value = np.nan if was_unknown else 0.0
        out[0, i] = value
        if keep:
            state[r, COUNT] = count
            if np.isnan(a):
                state[r, UNKNOWN_AT] = now
                state[r, HAS_UNKNOWN] = 1.0
            elif a != 0.0:
                state[r, TRUE_AT] = now
                state[r, HAS_TRUE] = 1.0
