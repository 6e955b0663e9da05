"""A screen over whole columns: conditions narrow three truths down, and the first rows in an order are picked.

A row `may` be said something of (it is looked among, and not old), `meets` what it was asked so far, or is `denied` by
one of the conditions; where it may, does not meet and is not denied, it cannot be said.
"""

import numpy as np
from numba import njit

from marketbell.core.engine import predicate_kernel as pk

# ruff: noqa: ANN001, ANN201, ANN202, C901 — kernels are typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"


@njit(cache=True, error_model="numpy")
def narrow(op, column, level, may, meets, denied):
    """Take one more comparison into `meets` and `denied`; gives how many of the rows that may meet it alone.

    Unknown and infinite values meet nothing and deny nothing. The loops have no branches: they become vector
    instructions.
    """
    count = 0
    if op == pk.ABOVE:
        for r in range(len(column)):
            known = abs(column[r]) < np.inf
            yes = known & (column[r] > level)
            count += yes & may[r]
            meets[r] &= yes
            denied[r] |= known & (not yes)
    elif op == pk.AT_LEAST:
        for r in range(len(column)):
            known = abs(column[r]) < np.inf
            yes = known & (column[r] >= level)
            count += yes & may[r]
            meets[r] &= yes
            denied[r] |= known & (not yes)
    elif op == pk.BELOW:
        for r in range(len(column)):
            known = abs(column[r]) < np.inf
            yes = known & (column[r] < level)
            count += yes & may[r]
            meets[r] &= yes
            denied[r] |= known & (not yes)
    elif op == pk.AT_MOST:
        for r in range(len(column)):
            known = abs(column[r]) < np.inf
            yes = known & (column[r] <= level)
            count += yes & may[r]
            meets[r] &= yes
            denied[r] |= known & (not yes)
    elif op == pk.EQUAL:
        for r in range(len(column)):
            known = abs(column[r]) < np.inf
            yes = known & (column[r] == level)
            count += yes & may[r]
            meets[r] &= yes
            denied[r] |= known & (not yes)
    else:
        for r in range(len(column)):
            known = abs(column[r]) < np.inf
            yes = known & (column[r] != level)
            count += yes & may[r]
            meets[r] &= yes
            denied[r] |= known & (not yes)
    return count


@njit(cache=True, error_model="numpy")
def first(meets, denied, may, order, is_descending, places, most, keys, rows, unknown):
    """The first `most` rows that meet, by `order` [rows, or none] and, where that ties, by `places`; unknown ones last.

    They stand in `rows`, `keys` is room beside them (`most` each, `rows` has at least one place for every row). Rows
    of which it cannot be said stand in `unknown`. Gives how many meet, how many are picked, how many are unknown.
    """
    met = lacking = 0
    for r in range(len(meets)):
        rows[met] = r
        met += meets[r]
        unknown[lacking] = r
        lacking += may[r] & (not meets[r]) & (not denied[r])
    size = 0
    for at in range(met):
        r = rows[at]
        key = 0.0
        if len(order) > 0:
            key = -order[r] if is_descending else order[r]
            if not abs(key) < np.inf:
                key = np.inf
        if size < most:  # a heap with the last one on top; it never reaches a row that was not looked at yet
            n = size
            size += 1
            while n > 0:
                above = (n - 1) >> 1
                if not _before(keys[above], places[rows[above]], key, places[r]):
                    break
                keys[n], rows[n] = keys[above], rows[above]
                n = above
            keys[n], rows[n] = key, r
        elif most > 0 and _before(key, places[r], keys[0], places[rows[0]]):
            _sink(keys, rows, places, size, key, r)
    for end in range(size - 1, 0, -1):
        key, r = keys[end], rows[end]
        keys[end], rows[end] = keys[0], rows[0]
        _sink(keys, rows, places, end, key, r)
    return met, size, lacking


@njit(cache=True, error_model="numpy")
def _before(key, place, other, other_place):
    return key < other or (key == other and place < other_place)


@njit(cache=True, error_model="numpy")
def _sink(keys, rows, places, size, key, row):
    """Put a row on top of a heap of `size` in the place of the one that is there."""
    n = 0
    while True:
        below = 2 * n + 1
        if below >= size:
            break
        if below + 1 < size and _before(keys[below], places[rows[below]], keys[below + 1], places[rows[below + 1]]):
            below += 1
        if not _before(key, places[row], keys[below], places[rows[below]]):
            break
        keys[n], rows[n] = keys[below], rows[below]
        n = below
    keys[n], rows[n] = key, row


@njit(cache=True, error_model="numpy")
def lacks(column, rows):
    """In how many of these rows a column is unknown."""
    count = 0
    for n in range(len(rows)):
        count += not abs(column[rows[n]]) < np.inf
    return count
