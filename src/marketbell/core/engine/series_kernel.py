"""The kernels of a program beside its functions: a value some bars ago, and one held from another timeframe.

Self-contained (see kernel.py): a cached kernel is compiled again when its own file changes, and only then.
"""

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201 — kernels are typed by Numba
# mypy: disable-error-code="no-untyped-def,misc"


@njit(cache=True, error_model="numpy")
def shift(state, rows, x, p, keep, out):
    """x[0] of p[0] bars earlier, NaN before there is one. A place a bar, and the count of bars in the first."""
    back = np.int64(p[0])
    for n in range(len(rows)):
        r = rows[n]
        if back == 0:
            out[0, n] = x[0, n]
            continue
        count = np.int64(state[r, 0])
        at = 1 + count % back
        out[0, n] = state[r, at] if count >= back else np.nan
        if keep:
            state[r, at] = x[0, n]
            # Beyond one round only the place counts: the number stays small and exact.
            state[r, 0] = count + 1 if count + 1 < 2 * back else back


@njit(cache=True, error_model="numpy")
def hold(src_rows, src_end, src, last, rows, seen, head, link, out):
    """For each reader the newest value of its row that ended at or before `seen`.

    `src` are values of this piece, ascending in time for each row; `last` the newest before the piece, a
    row each. `head` (a row each) and `link` (a source bar each) are scratch.
    """
    for r in range(len(head)):
        head[r] = -1
    for n in range(len(src_rows) - 1, -1, -1):
        link[n] = head[src_rows[n]]
        head[src_rows[n]] = n
    # The newest source bar of each row that a reader of it has passed.
    current = np.full(len(head), -1, np.int64)
    for n in range(len(rows)):
        r = rows[n]
        at = head[r]
        while at >= 0 and src_end[at] <= seen[n]:
            current[r] = at
            at = link[at]
        head[r] = at
        out[n] = src[current[r]] if current[r] >= 0 else last[r]


@njit(cache=True, error_model="numpy")
def keep_last(rows, values, last, seen):
    """Put each bar's values [outputs, bars] into its row's newest ones [outputs, rows], and count the bar."""
    for n in range(len(rows)):
        seen[rows[n]] += 1
    for output in range(len(values)):
        for n in range(len(rows)):
            last[output, rows[n]] = values[output, n]


@njit(cache=True, error_model="numpy")
def first_from(src_rows, src_start, rows, ends, head, link, out):
    """For each bar the first source of its row that starts at or after its end, -1 without one.

    Sources and bars are ascending for each row. `head` (a row each) and `link` (a source each) are scratch.
    """
    for r in range(len(head)):
        head[r] = -1
    for n in range(len(src_rows) - 1, -1, -1):
        link[n] = head[src_rows[n]]
        head[src_rows[n]] = n
    for n in range(len(rows)):
        r = rows[n]
        at = head[r]
        while at >= 0 and src_start[at] < ends[n]:
            at = link[at]
        head[r] = at
        out[n] = at
