"""An order that follows its values: rows sorted by value, largest first, equal ones by row; ranks beside it.

`order[p]` is the row at place p and `keys[p]` its value, p < count[0]. `ranks[row]` is 1 plus the number of
strictly larger values, NaN for a row that is not in the order. `held[row]` is the row's value, NaN where it
is not in the order. The state follows from `held` alone.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, error_model="numpy")
def place_of(order: NDArray[np.int64], keys: NDArray[np.float64], count: int, value: float, row: int) -> int:
    """The first place whose entry does not stand before (value, row)."""
    low, high = 0, count
    while low < high:
        middle = (low + high) >> 1
        if keys[middle] > value or (keys[middle] == value and order[middle] < row):
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True, error_model="numpy")
def change(  # noqa: C901, PLR0912, PLR0915 — one loop over rows, compiled as one
    order: NDArray[np.int64],
    keys: NDArray[np.float64],
    ranks: NDArray[np.float64],
    held: NDArray[np.float64],
    moved: NDArray[np.uint8],
    count: NDArray[np.int64],
    rows: NDArray[np.int64],
    values: NDArray[np.float64],
    budget: int,
) -> int:
    """Give rows[i] the value values[i] (NaN: out of the order), and mark rows whose rank changed in `moved`.

    Returns how many of them were done when `budget` steps were used up.
    """
    steps = 0
    for i in range(len(rows)):
        if steps > budget:
            return i
        row, new = rows[i], values[i]
        old = held[row]
        if old == new or (np.isnan(old) and np.isnan(new)):
            continue
        held[row] = new
        size = count[0]
        if np.isnan(old):  # joins at the end, behind everything
            old = -np.inf
            at = size
            order[at], keys[at] = row, old
            size += 1
            count[0] = size
        else:
            at = place_of(order, keys, size, old, row)
        leaves = np.isnan(new)
        if leaves:
            new = -np.inf
        if new > old:
            to = place_of(order, keys, size, new, row)
            p = at + 1  # equals behind: one more is larger than they are
            while p < size and keys[p] == old:
                ranks[order[p]] += 1.0
                moved[order[p]] = 1
                p += 1
            steps += p - to
            for q in range(at, to, -1):
                other, key = order[q - 1], keys[q - 1]
                order[q], keys[q] = other, key
                if key < new:
                    ranks[other] += 1.0
                    moved[other] = 1
        else:
            to = place_of(order, keys, size, new, row) - 1
            for q in range(at, to):
                other, key = order[q + 1], keys[q + 1]
                order[q], keys[q] = other, key
                if key < old:
                    ranks[other] -= 1.0
                    moved[other] = 1
            p = to + 1  # equals behind: what was larger is equal now
            while p < size and keys[p] == new:
                ranks[order[p]] -= 1.0
                moved[order[p]] = 1
                p += 1
            steps += p - at
        order[to], keys[to] = row, new
        if leaves:
            count[0] = size - 1
            rank = np.nan
        else:
            first = to
            if first > 0 and keys[first - 1] == new:
                first = place_of(order, keys, size, new, -1)
            rank = first + 1.0
        if ranks[row] != rank:
            moved[row] = 1
        ranks[row] = rank
    return len(rows)


@njit(cache=True, error_model="numpy")
def join(  # noqa: C901 — one pass, compiled as one
    order: NDArray[np.int64],
    keys: NDArray[np.float64],
    ranks: NDArray[np.float64],
    moved: NDArray[np.uint8],
    count: NDArray[np.int64],
    leaving: NDArray[np.uint8],
    coming: NDArray[np.int64],
    values: NDArray[np.float64],
) -> None:
    """Take all rows marked in `leaving` out of the order and merge `coming` into it, in one pass over it.

    `coming` with `values` is ordered as `order` is. Marks in `leaving` are taken away.
    """
    size = count[0]
    old_order, old_keys = order[:size].copy(), keys[:size].copy()
    at, place = 0, 0
    for i in range(size + 1):
        if i < size and leaving[old_order[i]]:
            continue
        while at < len(coming) and (
            i == size or values[at] > old_keys[i] or (values[at] == old_keys[i] and coming[at] < old_order[i])
        ):
            order[place], keys[place] = coming[at], values[at]
            place += 1
            at += 1
        if i < size:
            order[place], keys[place] = old_order[i], old_keys[i]
            place += 1
    count[0] = place
    for at in range(len(coming)):
        leaving[coming[at]] = 0
    for i in range(size):
        row = old_order[i]
        if leaving[row]:  # it left and did not come back
            leaving[row] = 0
            ranks[row] = np.nan
            moved[row] = 1
    rank = 0.0
    for p in range(place):
        if p == 0 or keys[p] != keys[p - 1]:
            rank = p + 1.0
        if ranks[order[p]] != rank:
            ranks[order[p]] = rank
            moved[order[p]] = 1
