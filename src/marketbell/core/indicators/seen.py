"""A condition that was true at one of the last evaluations (`… seen in last 30m`, `… seen in last 5 bars`).

Definition: true where it was true at one of the last n evaluations, this one included, or within the time up to now,
both ends included; else unknown where it was unknown at one of them, else false. Source: the rule language.
"""

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201 — kernels are long, flat and typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

# p: 0 of bars or 1 of time, and how many bars or ns. x: the condition, the bar's end (ns).
TRUE_AT = 0  # the newest true one: its number, or its end
UNKNOWN_AT = 1
COUNT = 2
HAS_TRUE = 3
HAS_UNKNOWN = 4
SLACK = 1_000.0  # ns: float64 holds times of day to 256 ns


def places(p):  # noqa: ARG001 — every kernel has this form
    """Where it was last true, and last unknown."""
    return 5


@njit(cache=True, error_model="numpy")
def run(state, rows, x, p, keep, out):
    """One value a row."""
    of_time = p[0] == 1.0
    reach = p[1] + SLACK if of_time else p[1] - 1.0
    for i in range(rows.shape[0]):
        r = rows[i]
        c = x[0, i]
        count = state[r, COUNT] + 1.0
        now = x[1, i] if of_time else count
        true_at = state[r, TRUE_AT]
        unknown_at = state[r, UNKNOWN_AT]
        has_true = state[r, HAS_TRUE]
        has_unknown = state[r, HAS_UNKNOWN]
        if np.isnan(c):
            unknown_at = now
            has_unknown = 1.0
        elif c != 0.0:
            true_at = now
            has_true = 1.0
        if has_true > 0.0 and now - true_at <= reach:
            value = 1.0
        elif has_unknown > 0.0 and now - unknown_at <= reach:
            value = np.nan
        else:
            value = 0.0
        out[0, i] = value
        if keep:
            state[r, TRUE_AT] = true_at
            state[r, UNKNOWN_AT] = unknown_at
            state[r, COUNT] = count
            state[r, HAS_TRUE] = has_true
            state[r, HAS_UNKNOWN] = has_unknown
