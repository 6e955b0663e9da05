"""Beta: how much x's one-bar returns move with y's over the last n returns.

Definition: the slope of the least-squares line through the points (return of y, return of x),
return = x[t] / x[t-1] − 1 (0 after a 0); 0 where y's returns are all equal, as TA-Lib does. So `beta(close,
$NIFTY.close, n)` is the stock's beta against the index. Sums of distances from a value near the window, rebuilt when
that has grown stale (see stdev).
Source: TA-Lib BETA (0.8) with the index first, BETA(y, x); the same arithmetic in the same order.
Unknown: an unknown or infinite x or y ends the series; the value is unknown until n + 1 known pairs have followed.
"""

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201, C901, PLR0915 — kernels are long, flat and typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

# A row: 1 more than the returns in the window, the place of the next, the shifts, the sums of distances, of squares
# and of products (without the oldest), returns since they were rebuilt, the squares that left, the last prices, the
# window of returns. The index is a, the stock is b.
COUNT, NEXT, SHIFT_A, SHIFT_B, A, B, AA, AB, BB = 0, 1, 2, 3, 4, 5, 6, 7, 8
AGE, LEFT_A, LEFT_B, LAST_A, LAST_B, WINDOW = 9, 10, 11, 12, 13, 14
STALE, OUTLIER, FLAT, FRESH, ZERO = 1e-6, 1e3, 1e-14, 32, 1e-14
LIMIT = 1e37  # from here on a number counts as infinite: its squares and products could overflow


def places(p):
    """Fourteen numbers and the window of n pairs."""
    return WINDOW + 2 * int(p[0])


@njit(cache=True, error_model="numpy")
def run(state, rows, x, p, keep, out):
    """One value a row: x[0] the stock and x[1] the index in, out[0] beta."""
    n = int(p[0])
    for i in range(rows.shape[0]):
        r = rows[i]
        stock = x[0, i]
        index = x[1, i]
        if not (abs(stock) < LIMIT and abs(index) < LIMIT):
            out[0, i] = np.nan
            if keep:
                state[r, COUNT] = 0.0
            continue
        count = state[r, COUNT] - 1
        if count < 0:
            out[0, i] = np.nan
            if keep:
                state[r, COUNT] = 1.0
                state[r, LAST_A] = index
                state[r, LAST_B] = stock
            continue
        before = state[r, LAST_A]
        u = (index - before) / before if abs(before) >= ZERO else 0.0
        before = state[r, LAST_B]
        v = (stock - before) / before if abs(before) >= ZERO else 0.0
        at = 0
        shift_a = u
        shift_b = v
        sa = 0.0
        sb = 0.0
        saa = 0.0
        sbb = 0.0
        left_b = 0.0
        sab = 0.0
        age = 0.0
        left_a = 0.0
        if count:
            at = int(state[r, NEXT])
            shift_a = state[r, SHIFT_A]
            shift_b = state[r, SHIFT_B]
            sa = state[r, A]
            sb = state[r, B]
            saa = state[r, AA]
            sbb = state[r, BB]
            left_b = state[r, LEFT_B]
            sab = state[r, AB]
            age = state[r, AGE]
            left_a = state[r, LEFT_A]
        was_a = state[r, WINDOW + 2 * at]
        was_b = state[r, WINDOW + 2 * at + 1]
        state[r, WINDOW + 2 * at] = u
        state[r, WINDOW + 2 * at + 1] = v
        oldest = at + 1 if at + 1 < n else 0
        a = u - shift_a
        b = v - shift_b
        saa += a * a
        sbb += b * b
        sab += a * b
        sa += a
        sb += b
        value = np.nan
        if count >= n - 1:
            scale = n * saa
            spread = scale - sa * sa
            age += 1
            if spread < STALE * scale or left_a > OUTLIER * saa or left_b > OUTLIER * sbb or age == FRESH * n:
                age = 0.0
                shift_a = 0.0
                shift_b = 0.0
                j = oldest
                for _ in range(n):
                    shift_a += state[r, WINDOW + 2 * j]
                    shift_b += state[r, WINDOW + 2 * j + 1]
                    j = j + 1 if j + 1 < n else 0
                shift_a /= n
                shift_b /= n
                sa = 0.0
                sb = 0.0
                saa = 0.0
                sbb = 0.0
                sab = 0.0
                for _ in range(n):
                    a = state[r, WINDOW + 2 * j] - shift_a
                    b = state[r, WINDOW + 2 * j + 1] - shift_b
                    saa += a * a
                    sbb += b * b
                    sab += a * b
                    sa += a
                    sb += b
                    j = j + 1 if j + 1 < n else 0
                scale = n * saa
                spread = scale - sa * sa
            value = (n * sab - sa * sb) / spread if spread > FLAT * scale else 0.0
            a = state[r, WINDOW + 2 * oldest] - shift_a
            b = state[r, WINDOW + 2 * oldest + 1] - shift_b
            left_a = a * a
            left_b = b * b
            saa -= left_a
            sbb -= left_b
            sab -= a * b
            sa -= a
            sb -= b
        out[0, i] = value
        if keep:
            state[r, COUNT] = min(count + 1, n) + 1
            state[r, NEXT] = oldest
            state[r, SHIFT_A] = shift_a
            state[r, SHIFT_B] = shift_b
            state[r, A] = sa
            state[r, B] = sb
            state[r, AA] = saa
            state[r, AB] = sab
            state[r, AGE] = age
            state[r, LEFT_A] = left_a
            state[r, BB] = sbb
            state[r, LEFT_B] = left_b
            state[r, LAST_A] = index
            state[r, LAST_B] = stock
        else:
            state[r, WINDOW + 2 * at] = was_a
            state[r, WINDOW + 2 * at + 1] = was_b
