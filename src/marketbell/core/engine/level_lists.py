"""Sorted lists of levels in one pool: put one in, take one out, find a rule by the hash of its uid.

A list is a segment of the pool (`values`, and the `slots` of the rules beside them) in the order of
(value, slot). Its head holds where it starts, how many it has and room for how many. A full list moves to
a segment of twice the room and leaves the old one to the next list that needs one of that size: putting
one of a million in costs a binary search and a shift inside the list of its instrument.

The tick kernel reads and shortens the same lists (kernel.py, which says the places of a head again:
Numba's cache watches only the file of a kernel).
"""

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201, ANN202 — kernels are typed by Numba
# mypy: disable-error-code="no-untyped-def,misc"

H_START = 0
H_SIZE = 1
H_ROOM = 2
H_HINT = 3  # the tick kernel's
NH = 4

POOL_USED = 0
"""Place of the pool's end in `free`; behind it the first free segment of each size (a power of 2), -1 none."""
SIZES = 40
SMALLEST = 4

A_HASH = 0
"""Place of the uid's hash in an about row."""

_HASH = np.uint64(0x9E3779B97F4A7C15)


@njit(cache=True, error_model="numpy")
def _place(values, slots, low, high, value, slot):
    """First place in [low, high) that is not before (value, slot)."""
    while low < high:
        mid = (low + high) >> 1
        if values[mid] < value or (values[mid] == value and slots[mid] < slot):
            low = mid + 1
        else:
            high = mid
    return low


@njit(cache=True, error_model="numpy")
def insert(values, slots, heads, h, free, value, slot):
    """Put a level into list `h`. False where the pool is too small: grow it and call again."""
    start = heads[h, H_START]
    size = heads[h, H_SIZE]
    room = heads[h, H_ROOM]
    if size == room:
        wanted = max(SMALLEST, 2 * room)
        rank = 0
        while (1 << rank) < wanted:
            rank += 1
        new = free[1 + rank]
        if new >= 0:
            free[1 + rank] = slots[new]
        else:
            new = free[POOL_USED]
            if new + wanted > len(values):
                return False
            free[POOL_USED] = new + wanted
        for k in range(size):
            values[new + k] = values[start + k]
            slots[new + k] = slots[start + k]
        if room > 0:
            slots[start] = free[rank]
            free[rank] = start
        start = new
        heads[h, H_START] = start
        heads[h, H_ROOM] = wanted
    at = _place(values, slots, start, start + size, value, slot)
    for k in range(start + size, at, -1):
        values[k] = values[k - 1]
        slots[k] = slots[k - 1]
    values[at] = value
    slots[at] = slot
    heads[h, H_SIZE] = size + 1
    return True


@njit(cache=True, error_model="numpy")
def remove(values, slots, heads, h, value, slot):
    """Take a level out of list `h`; False where it is not there."""
    start = heads[h, H_START]
    end = start + heads[h, H_SIZE]
    at = _place(values, slots, start, end, value, slot)
    if at == end or slots[at] != slot or values[at] != value:
        return False
    for k in range(at, end - 1):
        values[k] = values[k + 1]
        slots[k] = slots[k + 1]
    heads[h, H_SIZE] -= 1
    return True


@njit(cache=True, error_model="numpy")
def find(index, shift, about, wanted):
    """Slot of the rule whose uid has this hash, else -1. `index` holds slots + 1, 0 is free."""
    mask = len(index) - 1
    at = np.int64((np.uint64(wanted) * _HASH) >> np.uint64(shift))
    while index[at] != 0:
        slot = index[at] - 1
        if about[slot, A_HASH] == wanted:
            return slot
        at = (at + 1) & mask
    return -1


@njit(cache=True, error_model="numpy")
def enter(index, shift, about, first, last):
    """Enter the slots [first, last) into the index, which has a free place for each."""
    mask = len(index) - 1
    for slot in range(first, last):
        at = np.int64((np.uint64(about[slot, A_HASH]) * _HASH) >> np.uint64(shift))
        while index[at] != 0:
            at = (at + 1) & mask
        index[at] = slot + 1
