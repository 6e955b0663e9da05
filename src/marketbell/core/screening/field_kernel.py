"""Rows' words as columns, and rows whose newest session is over."""

import numpy as np
from numba import njit

from marketbell.core.engine import kernel as k

# ruff: noqa: ANN001, ANN201 — kernels are typed by Numba
# mypy: disable-error-code="no-untyped-def,misc"


@njit(cache=True, error_model="numpy")
def gather(words, count, places, out):
    """Words `places` of the first `count` rows into `out` [places, rows]."""
    for r in range(count):
        for n in range(len(places)):
            out[n, r] = words[r, places[n]]


@njit(cache=True, error_model="numpy")
def stale(low, high, opened, date, opens, dates, as_of, out):
    """Rows that have traded (`opened`), but not on the date of their calendar's newest session begun at `as_of`."""
    last_low, newest = -1, 0
    is_open = False
    for r in range(len(out)):
        if low[r] != last_low:
            last_low = low[r]
            at = low[r] + np.searchsorted(opens[low[r] : high[r]], as_of, side="right") - 1
            is_open = at >= low[r]
            newest = dates[at] if is_open else 0
        out[r] = is_open and opened[r] != k.NEVER and date[r] < newest
