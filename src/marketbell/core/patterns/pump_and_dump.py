"""Pump-and-dump shape: a steep rise on volume that is gone again.

See catalogue.py; arrays as in volatility_burst.py.
"""

import math

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201, C901, PLR0915 — kernels are flat and typed by Numba
# mypy: disable-error-code="no-untyped-def,misc"

SPAN = 30  # minutes that the rise, the fall and the base may last, each
LEAST_BASE = 20
LEAST = 50
RISE = 0.05
CHANCE = 6.0
CROWD = 3.0
GIVEN_BACK = 0.6
END, CLOSE, VOLUME = 0, 1, 2


@njit(cache=True, error_model="numpy")
def run(bars, count, rows, value, evidence):
    """Judge the newest bar of each row."""
    for i in range(len(rows)):
        r = rows[i]
        last = bars.shape[1] - 1
        n = min(count[r], bars.shape[1])
        first = last - n + 1
        value[r, 2] = bars[r, last, END]
        value[r, 0] = np.nan
        value[r, 1] = np.nan
        if n < LEAST:
            continue
        peak = max(first, last - SPAN)
        for j in range(peak + 1, last + 1):
            if bars[r, j, CLOSE] > bars[r, peak, CLOSE]:
                peak = j
        low = peak
        for j in range(peak - 1, max(first, peak - SPAN) - 1, -1):
            if bars[r, j, CLOSE] < bars[r, low, CLOSE]:
                low = j
        top = bars[r, peak, CLOSE]
        bottom = bars[r, low, CLOSE]
        rise = top / bottom - 1.0
        back = (top - bars[r, last, CLOSE]) / (top - bottom) if top > bottom else 0.0
        base = max(first, low - SPAN)
        steps = low - base
        score = min(rise / RISE, back / GIVEN_BACK)
        if steps < LEAST_BASE:
            # Without a base a rise and fall cannot be judged; what is no rise and fall needs none.
            if score < 1.0:
                value[r, 0] = score
                value[r, 1] = 0.0
            continue
        squares = 0.0
        quiet = 0.0
        for j in range(base + 1, low + 1):
            move = bars[r, j, CLOSE] / bars[r, j - 1, CLOSE] - 1.0
            squares += move * move
            quiet += bars[r, j, VOLUME]
        loud = 0.0
        for j in range(low + 1, peak + 1):
            loud += bars[r, j, VOLUME]
        quiet /= steps
        if not quiet > 0.0 or not loud >= 0.0:
            continue
        length = max(peak - low, 1)
        by_chance = math.sqrt(squares / steps * length)
        chance = rise / by_chance if by_chance > 0.0 else (CHANCE if rise > 0.0 else 0.0)
        crowd = loud / length / quiet
        score = min(score, chance / CHANCE, crowd / CROWD)
        value[r, 0] = score
        value[r, 1] = 1.0 if score >= 1.0 else 0.0
        if score >= 1.0:
            evidence[r, 0] = bars[r, low, END]
            evidence[r, 1] = bars[r, last, END]
            evidence[r, 2] = rise * 100.0
            evidence[r, 3] = chance
            evidence[r, 4] = crowd
            evidence[r, 5] = back * 100.0
            evidence[r, 6] = peak - low
            evidence[r, 7] = last - peak
