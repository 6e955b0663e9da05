"""Lowest of the last n values.

Definition: the minimum of x[t], …, x[t-n+1]. A queue holds only the values that can still be the answer, so an
update takes constant time on average however long the window is.
Source: TA-Lib MIN, equal values.
Unknown: an unknown or infinite x empties the window; the value is unknown until n known values have followed.
"""

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201 — kernels are long, flat and typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

# A row: how many values so far, the place of the queue's first entry and its length, the
# queue: pairs of a value and its number, in a ring of n pairs, each value above the one before it.
COUNT, FIRST, LENGTH, QUEUE = 0, 1, 2, 3
LIMIT = 1e37  # from here on a number counts as infinite: its squares and products could overflow


def places(p):
    """Three numbers and a queue of up to n pairs."""
    return QUEUE + 2 * int(p[0])


@njit(cache=True, error_model="numpy")
def run(state, rows, x, p, keep, out):
    """One value a row: x[0] in, out[0] the lowest."""
    n = int(p[0])
    for i in range(rows.shape[0]):
        r = rows[i]
        v = x[0, i]
        if not abs(v) < LIMIT:
            out[0, i] = np.nan
            if keep:
                state[r, COUNT] = 0.0
            continue
        count = state[r, COUNT]
        first = int(state[r, FIRST]) if count else 0
        length = int(state[r, LENGTH]) if count else 0
        # The first entry leaves when it is n bars old; nothing else can leave at this bar.
        if length and count - state[r, QUEUE + 2 * first + 1] >= n:
            first = first + 1 if first + 1 < n else 0
            length -= 1
        best = v
        if length and state[r, QUEUE + 2 * first] < v:
            best = state[r, QUEUE + 2 * first]
        out[0, i] = best if count >= n - 1 else np.nan
        if keep:
            while length:
                last = first + length - 1
                last = last if last < n else last - n
                if not state[r, QUEUE + 2 * last] >= v:
                    break
                length -= 1
            at = first + length
            at = at if at < n else at - n
            state[r, QUEUE + 2 * at] = v
            state[r, QUEUE + 2 * at + 1] = count
            length += 1
            state[r, COUNT] = count + 1
            state[r, FIRST] = first
            state[r, LENGTH] = length
