"""Price moves while volume dries up (see catalogue.py; arrays as in volatility_burst.py).

`opened` is the open of each row's session in s.
"""

import math

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201 — kernels are flat and typed by Numba
# mypy: disable-error-code="no-untyped-def,misc"

WINDOW = 30
HALF = 15
FIRST_S = 3_600.0
TREND = 2.0
SUPPORT = 0.5
END, CLOSE, VOLUME = 0, 1, 2


@njit(cache=True, error_model="numpy")
def run(bars, count, rows, opened, value, evidence):
    """Judge the newest bar of each row."""
    for i in range(len(rows)):
        r = rows[i]
        last = bars.shape[1] - 1
        value[r, 2] = bars[r, last, END]
        value[r, 0] = np.nan
        value[r, 1] = np.nan
        if count[r] < WINDOW + 1 or bars[r, last, END] - opened[i] < FIRST_S:
            continue
        squares = 0.0
        earlier = 0.0
        later = 0.0
        for j in range(last - WINDOW + 1, last + 1):
            move = bars[r, j, CLOSE] / bars[r, j - 1, CLOSE] - 1.0
            squares += move * move
            if j <= last - HALF:
                earlier += bars[r, j, VOLUME]
            else:
                later += bars[r, j, VOLUME]
        if not earlier > 0.0 or not later >= 0.0:
            continue
        move = bars[r, last, CLOSE] / bars[r, last - WINDOW, CLOSE] - 1.0
        # The root mean square over 30 steps times the root of 30 is the root of the sum of squares.
        trend = abs(move) / math.sqrt(squares) if squares > 0.0 else 0.0
        support = later / earlier
        value[r, 0] = trend if support <= SUPPORT else 0.0
        value[r, 1] = 1.0 if trend >= TREND and support <= SUPPORT else 0.0
        if value[r, 1] == 1.0:
            evidence[r, 0] = bars[r, last - WINDOW, END]
            evidence[r, 1] = bars[r, last, END]
            evidence[r, 2] = move * 100.0
            evidence[r, 3] = trend
            evidence[r, 4] = earlier
            evidence[r, 5] = later
            evidence[r, 6] = support
