"""Supertrend: the band of m average true ranges around the middle of the bar that price has not yet crossed.

Definition: bands (high + low) / 2 ± m · atr(n). The upper band only falls until a close above it, the lower one only
rises until a close below it. The trend turns down at a close below the lower band and up at a close above the upper
one; it begins as up. value is the lower band in an uptrend and the upper one in a downtrend, dir 1 or −1.
Source: Olivier Seban; TA-Lib SUPERTREND (0.8).
Unknown: an unknown or infinite high, low or close ends the series; it begins again with the next known bar.
"""

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201, C901, PLR0912, PLR0915 — kernels are long, flat and typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

# A row: how many bars so far, up to n + 1; the last close; the average range (the sum of the ranges until it
# begins); the bands; the trend.
COUNT, LAST, AVERAGE, UPPER, LOWER, TREND = 0, 1, 2, 3, 4, 5
LIMIT = 1e37  # from here on a number counts as infinite: its squares and products could overflow


def places(p):  # noqa: ARG001 — every kernel has this form
    """Six numbers, whatever n is."""
    return 6


@njit(cache=True, error_model="numpy")
def run(state, rows, x, p, keep, out):
    """One value a row: x[0] high, x[1] low, x[2] close in; out[0] the value, out[1] the direction."""
    n = int(p[0])
    m = p[1]
    beta = (n - 1.0) / n
    alpha = 1.0 - beta
    for i in range(rows.shape[0]):
        r = rows[i]
        high = x[0, i]
        low = x[1, i]
        close = x[2, i]
        if not (abs(high) < LIMIT and abs(low) < LIMIT and abs(close) < LIMIT):
            out[0, i] = np.nan
            out[1, i] = np.nan
            if keep:
                state[r, COUNT] = 0.0
            continue
        count = state[r, COUNT]
        average = 0.0
        upper = 0.0
        lower = 0.0
        trend = 1.0
        value = np.nan
        if count:
            last = state[r, LAST]
            span = max(high - low, abs(last - high), abs(last - low))
            average = state[r, AVERAGE]
            if count > n:
                average = alpha * span + beta * average
            else:
                average += span
                if count == n:
                    average /= n
            if count >= n:
                middle = (high + low) / 2.0
                upper = middle + m * average
                lower = middle - m * average
                if count > n:
                    if not (upper < state[r, UPPER] or last > state[r, UPPER]):
                        upper = state[r, UPPER]
                    if not (lower > state[r, LOWER] or last < state[r, LOWER]):
                        lower = state[r, LOWER]
                    trend = state[r, TREND]
                    if trend > 0.0:
                        if close < lower:
                            trend = -1.0
                    elif close > upper:
                        trend = 1.0
                value = lower if trend > 0.0 else upper
        out[0, i] = value
        out[1, i] = trend if count >= n else np.nan
        if keep:
            state[r, COUNT] = min(count + 1, n + 1)
            state[r, LAST] = close
            state[r, AVERAGE] = average
            state[r, UPPER] = upper
            state[r, LOWER] = lower
            state[r, TREND] = trend
