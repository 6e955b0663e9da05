"""Average directional index, and the two directional indicators.

Definition: +DM = high − previous high where that is above 0 and above −DM = previous low − low (and the reverse), TR
as in atr; Wilder's running sums S[t] = S[t-1] − S[t-1] / n + new, begun with the sum of the first n − 1.
plus_di = 100 · S(+DM) / S(TR), minus_di likewise, DX = 100 · |plus_di − minus_di| / (plus_di + minus_di); the index
is Wilder's average of DX, begun with the mean of the first n. Without any range the indicators are 0.
Source: J. Welles Wilder, New Concepts in Technical Trading Systems (1978); TA-Lib ADX, PLUS_DI, MINUS_DI (0.8).
Unknown: an unknown or infinite high, low or close ends the series; it begins again with the next known bar. plus_di
and minus_di are known after n bars, the index after 2 n − 1.
"""

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201, C901, PLR0912, PLR0915 — kernels are long, flat and typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

# A row: how many bars so far, up to 2 n; the last high, low, close; the three sums; the index (the sum of DX until
# it begins).
COUNT, HIGH, LOW, CLOSE, PLUS, MINUS, RANGE, INDEX = 0, 1, 2, 3, 4, 5, 6, 7
ZERO = 1e-14
LIMIT = 1e37  # from here on a number counts as infinite: its squares and products could overflow


def places(p):  # noqa: ARG001 — every kernel has this form
    """Eight numbers, whatever n is."""
    return 8


@njit(cache=True, error_model="numpy")
def run(state, rows, x, p, keep, out):
    """One value a row: x[0] high, x[1] low, x[2] close in; out[0] the index, out[1] plus_di, out[2] minus_di."""
    n = int(p[0])
    inverse = 1.0 / n
    for i in range(rows.shape[0]):
        r = rows[i]
        high = x[0, i]
        low = x[1, i]
        close = x[2, i]
        if not (abs(high) < LIMIT and abs(low) < LIMIT and abs(close) < LIMIT):
            out[0, i] = np.nan
            out[1, i] = np.nan
            out[2, i] = np.nan
            if keep:
                state[r, COUNT] = 0.0
            continue
        count = state[r, COUNT]
        plus = 0.0
        minus = 0.0
        span = 0.0
        index = 0.0
        plus_di = np.nan
        minus_di = np.nan
        if count:
            plus = state[r, PLUS]
            minus = state[r, MINUS]
            span = state[r, RANGE]
            index = state[r, INDEX]
            last = state[r, CLOSE]
            up = high - state[r, HIGH]
            down = state[r, LOW] - low
            if count >= n:
                plus -= plus * inverse
                minus -= minus * inverse
                span -= span * inverse
            if down > 0.0 and down > up:
                minus += down
            elif up > 0.0 and up > down:
                plus += up
            span += max(high - low, abs(high - last), abs(low - last))
            if count >= n:
                plus_di = 0.0
                minus_di = 0.0
                if span > 0.0:
                    plus_di = 100.0 * (plus / span)
                    minus_di = 100.0 * (minus / span)
                    total = minus_di + plus_di
                    if total >= ZERO:
                        dx = 100.0 * (abs(minus_di - plus_di) / total)
                        if count < 2 * n:
                            index += dx
                        else:
                            index -= (index - dx) * inverse
                if count == 2 * n - 1:
                    index /= n
        out[0, i] = index if count >= 2 * n - 1 else np.nan
        out[1, i] = plus_di
        out[2, i] = minus_di
        if keep:
            state[r, COUNT] = min(count + 1, 2 * n)
            state[r, HIGH] = high
            state[r, LOW] = low
            state[r, CLOSE] = close
            state[r, PLUS] = plus
            state[r, MINUS] = minus
            state[r, RANGE] = span
            state[r, INDEX] = index
