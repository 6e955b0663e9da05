"""Volatility burst: the last minutes move much more than those before (see catalogue.py).

`bars[row]` holds the newest closed minutes as (end in s, close, volume), the newest last; `count` how many of
them belong to this session. `value[row]` becomes (score, flag, end in s); `evidence[row]` (start, end, numbers of
the catalogue) where the flag is set.
"""

import math

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201 — kernels are flat and typed by Numba
# mypy: disable-error-code="no-untyped-def,misc"

RECENT = 5
LEAST = 30
MOST = 60
THRESHOLD = 3.0
END, CLOSE = 0, 1


@njit(cache=True, error_model="numpy")
def run(bars, count, rows, step, value, evidence):
    """Judge the newest bar of each row. `step` is the price step of each."""
    for i in range(len(rows)):
        r = rows[i]
        last = bars.shape[1] - 1
        n = min(count[r], bars.shape[1])
        value[r, 2] = bars[r, last, END]
        value[r, 0] = np.nan
        value[r, 1] = np.nan
        before = min(n - 1 - RECENT, MOST)
        if before < LEAST:
            continue
        recent = 0.0
        for j in range(last - RECENT + 1, last + 1):
            move = bars[r, j, CLOSE] / bars[r, j - 1, CLOSE] - 1.0
            recent += move * move
        usual = 0.0
        for j in range(last - RECENT - before + 1, last - RECENT + 1):
            move = bars[r, j, CLOSE] / bars[r, j - 1, CLOSE] - 1.0
            usual += move * move
        recent = math.sqrt(recent / RECENT)
        usual = max(math.sqrt(usual / before), 0.5 * step[i] / bars[r, last, CLOSE])
        ratio = recent / usual
        value[r, 0] = ratio
        value[r, 1] = 1.0 if ratio >= THRESHOLD else 0.0
        if ratio >= THRESHOLD:
            evidence[r, 0] = bars[r, last - RECENT, END]
            evidence[r, 1] = bars[r, last, END]
            evidence[r, 2] = recent * 100.0
            evidence[r, 3] = usual * 100.0
            evidence[r, 4] = ratio
            evidence[r, 5] = (bars[r, last, CLOSE] / bars[r, last - RECENT, CLOSE] - 1.0) * 100.0
            evidence[r, 6] = before
