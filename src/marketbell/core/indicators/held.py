"""A condition that has held for so many bars, or so long (`close > 100 for 3 bars`, `… for 10m`).

Definition: true where the condition was true at the last n evaluations; of a time T, where the current run of true ones
began at least T ago. In other words: at every evaluation behind now - T, and at the newest one up to then.
Source: the rule language.
Unknown: where it was false nowhere there, but unknown somewhere, or there is no evaluation that far back.
"""

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201 — kernels are long, flat and typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

# p: 0 of bars or 1 of time, and how many bars or ns. x: the condition, the bar's end (ns).
# A row: evaluations so far and the end of the first; of the last false one (and the last unknown one) whether there is
# one (1: it is the newest evaluation, 2: there is one behind it), its number, the end of the evaluation behind it.
COUNT, FIRST_AT = 0, 1
FALSE, FALSE_NUMBER, BEHIND_FALSE = 2, 3, 4
UNKNOWN, UNKNOWN_NUMBER, BEHIND_UNKNOWN = 5, 6, 7
SLACK = 1_000.0  # ns: float64 holds times of day to 256 ns


def places(p):  # noqa: ARG001 — every kernel has this form
    """Where it was last false, and last unknown."""
    return 8


@njit(cache=True, error_model="numpy")
def run(state, rows, x, p, keep, out):
    """One value a row."""
    of_time = p[0] == 1.0
    span = p[1] - SLACK if of_time else p[1]
    for i in range(rows.shape[0]):
        s = state[rows[i]]
        c = x[0, i]
        now = x[1, i]
        count = s[COUNT] + 1.0
        first_at = s[FIRST_AT] if count > 1.0 else now
        false, false_number, behind_false = s[FALSE], s[FALSE_NUMBER], s[BEHIND_FALSE]
        unknown, unknown_number, behind_unknown = s[UNKNOWN], s[UNKNOWN_NUMBER], s[BEHIND_UNKNOWN]
        if false == 1.0:
            false, behind_false = 2.0, now
        if unknown == 1.0:
            unknown, behind_unknown = 2.0, now
        if np.isnan(c):
            unknown, unknown_number = 1.0, count
        elif c == 0.0:
            false, false_number = 1.0, count
        if of_time:
            # What stood at now - T is what the newest evaluation up to then said: one counts until the next is so old.
            was_false = false == 1.0 or (false == 2.0 and now - behind_false < span)
            was_unknown = unknown == 1.0 or (unknown == 2.0 and now - behind_unknown < span)
            is_short = now - first_at < span
        else:
            was_false = false > 0.0 and count - false_number < span
            was_unknown = unknown > 0.0 and count - unknown_number < span
            is_short = count < span
        out[0, i] = 0.0 if was_false else (np.nan if was_unknown or is_short else 1.0)
        if keep:
            s[COUNT] = count
            s[FIRST_AT] = first_at
            s[FALSE] = false
            s[FALSE_NUMBER] = false_number
            s[BEHIND_FALSE] = behind_false
            s[UNKNOWN] = unknown
            s[UNKNOWN_NUMBER] = unknown_number
            s[BEHIND_UNKNOWN] = behind_unknown
