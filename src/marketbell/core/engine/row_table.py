"""From instrument ids to rows: an open-addressing table, an id and its row side by side in one cache line."""

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201 — kernels are typed by Numba
# mypy: disable-error-code="no-untyped-def,misc"

_HASH = np.uint64(0x9E3779B97F4A7C15)


@njit(cache=True, error_model="numpy")
def fill_table(table, ids, first, shift):
    """Put ids[first:] into the table, n-th id row n. Id 0 is a free place; the length is a power of 2."""
    mask = len(table) - 1
    for r in range(first, len(ids)):
        h = np.int64((np.uint64(ids[r]) * _HASH) >> np.uint64(shift))
        while table[h, 0] != 0:
            h = (h + 1) & mask
        table[h, 0] = ids[r]
        table[h, 1] = r


@njit(cache=True, error_model="numpy")
def find_rows(table, shift, ids, out):
    """Row of each instrument id, -1 where it is not known."""
    mask = len(table) - 1
    for n in range(len(ids)):
        h = np.int64((np.uint64(ids[n]) * _HASH) >> np.uint64(shift))
        while table[h, 0] != 0 and table[h, 0] != ids[n]:
            h = (h + 1) & mask
        out[n] = table[h, 1] if table[h, 0] != 0 else -1
