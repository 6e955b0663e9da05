"""Slow stochastic.

Definition: raw = 100 · (close − L) / (H − L) with the highest high H and the lowest low L of the last k bars, 0 where
the range is flat, as TA-Lib does; k = mean of the last `smooth` raw values, d = mean of the last `d` values of k.
Both start together. Queues hold only the highs and lows that can still be the answer, so an update takes constant
time on average however long k is.
Source: George Lane; TA-Lib STOCH with simple means, the same arithmetic in the same order.
Unknown: an unknown or infinite high, low or close ends the series; it begins again with the next known bar.
"""

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201, C901, PLR0912, PLR0915 — kernels are long, flat and typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

# A row: how many bars so far; the first place and length of the queue of highs and of the queue of lows; the place
# and total of either mean's window; the queues (rings of k pairs of a value and its bar's number), the two windows.
COUNT, TOP, TOPS, BOTTOM, BOTTOMS, AT_K, TOTAL_K, AT_D, TOTAL_D, QUEUES = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9
ZERO = 1e-14
LIMIT = 1e37  # from here on a number counts as infinite: its squares and products could overflow


def places(p):
    """Nine numbers, two queues of up to k pairs, the windows of the two means."""
    return QUEUES + 4 * int(p[0]) + int(p[1]) + int(p[2])


@njit(cache=True, error_model="numpy")
def run(state, rows, x, p, keep, out):
    """One value a row: x[0] high, x[1] low, x[2] close in; out[0] k, out[1] d."""
    n = int(p[0])
    n_k = int(p[1])
    n_d = int(p[2])
    highs = QUEUES
    lows = highs + 2 * n
    window_k = lows + 2 * n
    window_d = window_k + n_k
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
        top = 0
        tops = 0
        bottom = 0
        bottoms = 0
        at_k = 0
        total_k = 0.0
        at_d = 0
        total_d = 0.0
        if count:
            top = int(state[r, TOP])
            tops = int(state[r, TOPS])
            bottom = int(state[r, BOTTOM])
            bottoms = int(state[r, BOTTOMS])
            at_k = int(state[r, AT_K])
            total_k = state[r, TOTAL_K]
            at_d = int(state[r, AT_D])
            total_d = state[r, TOTAL_D]
        if tops and count - state[r, highs + 2 * top + 1] >= n:
            top = top + 1 if top + 1 < n else 0
            tops -= 1
        if bottoms and count - state[r, lows + 2 * bottom + 1] >= n:
            bottom = bottom + 1 if bottom + 1 < n else 0
            bottoms -= 1
        highest = state[r, highs + 2 * top] if tops and state[r, highs + 2 * top] > high else high
        lowest = state[r, lows + 2 * bottom] if bottoms and state[r, lows + 2 * bottom] < low else low
        raw = 0.0
        k = np.nan
        d = np.nan
        ready = count - (n - 1)
        if ready >= 0:
            if abs(highest - lowest) > ZERO * (abs(highest) + abs(lowest)):
                raw = 100.0 * ((close - lowest) / (highest - lowest))
            total_k += raw
            ready -= n_k - 1
            if ready >= 0:
                k = total_k / n_k
                total_d += k
                ready -= n_d - 1
                if ready >= 0:
                    d = total_d / n_d
        out[0, i] = k if ready >= 0 else np.nan
        out[1, i] = d
        if keep:
            while tops:
                j = top + tops - 1
                j = j if j < n else j - n
                if not state[r, highs + 2 * j] <= high:
                    break
                tops -= 1
            j = top + tops
            j = j if j < n else j - n
            state[r, highs + 2 * j] = high
            state[r, highs + 2 * j + 1] = count
            while bottoms:
                j = bottom + bottoms - 1
                j = j if j < n else j - n
                if not state[r, lows + 2 * j] >= low:
                    break
                bottoms -= 1
            j = bottom + bottoms
            j = j if j < n else j - n
            state[r, lows + 2 * j] = low
            state[r, lows + 2 * j + 1] = count
            if count >= n - 1:
                state[r, window_k + at_k] = raw
                at_k = at_k + 1 if at_k + 1 < n_k else 0
                if count >= n + n_k - 2:
                    total_k -= state[r, window_k + at_k]
                    state[r, window_d + at_d] = k
                    at_d = at_d + 1 if at_d + 1 < n_d else 0
                    if count >= n + n_k + n_d - 3:
                        total_d -= state[r, window_d + at_d]
            state[r, COUNT] = count + 1
            state[r, TOP] = top
            state[r, TOPS] = tops + 1
            state[r, BOTTOM] = bottom
            state[r, BOTTOMS] = bottoms + 1
            state[r, AT_K] = at_k
            state[r, TOTAL_K] = total_k
            state[r, AT_D] = at_d
            state[r, TOTAL_D] = total_d
