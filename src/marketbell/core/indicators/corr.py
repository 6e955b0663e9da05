"""Pearson's correlation of x and y over the last n bars.

Definition: Σ (x − mean x)(y − mean y) / √(Σ (x − mean x)² · Σ (y − mean y)²), within −1 … 1; 0 where one of them is
flat, as TA-Lib does. Sums of distances from a value near the window, rebuilt when that has grown stale (see stdev).
Source: TA-Lib CORREL (0.8), the same arithmetic in the same order.
Unknown: an unknown or infinite x or y empties the window; the value is unknown until n known pairs have followed.
"""

import math

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201, C901, PLR0915 — kernels are long, flat and typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

# A row: how many pairs are in the window, the place of the next, the shifts, the sums of distances, of their squares
# and of their products (without the oldest), pairs since they were rebuilt, the squares that left, the window.
COUNT, NEXT, SHIFT_X, SHIFT_Y, X, Y, XX, YY, XY, AGE, LEFT_X, LEFT_Y, WINDOW = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
STALE, OUTLIER, FLAT, FRESH = 1e-6, 1e6, 1e-14, 32
LIMIT = 1e37  # from here on a number counts as infinite: its squares and products could overflow


def places(p):
    """Twelve numbers and the window of n pairs."""
    return WINDOW + 2 * int(p[0])


@njit(cache=True, error_model="numpy")
def run(state, rows, x, p, keep, out):
    """One value a row: x[0] and x[1] in, out[0] the correlation."""
    n = int(p[0])
    inverse = 1.0 / n
    for i in range(rows.shape[0]):
        r = rows[i]
        u = x[0, i]
        v = x[1, i]
        if not (abs(u) < LIMIT and abs(v) < LIMIT):
            out[0, i] = np.nan
            if keep:
                state[r, COUNT] = 0.0
            continue
        count = state[r, COUNT]
        at = 0
        shift_x = u
        shift_y = v
        sx = 0.0
        sy = 0.0
        sxx = 0.0
        syy = 0.0
        sxy = 0.0
        age = 0.0
        left_x = 0.0
        left_y = 0.0
        if count:
            at = int(state[r, NEXT])
            shift_x = state[r, SHIFT_X]
            shift_y = state[r, SHIFT_Y]
            sx = state[r, X]
            sy = state[r, Y]
            sxx = state[r, XX]
            syy = state[r, YY]
            sxy = state[r, XY]
            age = state[r, AGE]
            left_x = state[r, LEFT_X]
            left_y = state[r, LEFT_Y]
        was_x = state[r, WINDOW + 2 * at]
        was_y = state[r, WINDOW + 2 * at + 1]
        state[r, WINDOW + 2 * at] = u
        state[r, WINDOW + 2 * at + 1] = v
        oldest = at + 1 if at + 1 < n else 0
        a = u - shift_x
        b = v - shift_y
        sx += a
        sxx += a * a
        sxy += a * b
        sy += b
        syy += b * b
        value = np.nan
        if count >= n - 1:
            ssx = sxx - (sx * sx) * inverse
            ssy = syy - (sy * sy) * inverse
            sp = sxy - (sx * sy) * inverse
            age += 1
            if (
                ssx < STALE * sxx
                or ssy < STALE * syy
                or left_x > OUTLIER * sxx
                or left_y > OUTLIER * syy
                or age == FRESH * n
            ):
                age = 0.0
                shift_x = 0.0
                shift_y = 0.0
                j = oldest
                for _ in range(n):
                    shift_x += state[r, WINDOW + 2 * j]
                    shift_y += state[r, WINDOW + 2 * j + 1]
                    j = j + 1 if j + 1 < n else 0
                shift_x *= inverse
                shift_y *= inverse
                sx = 0.0
                sy = 0.0
                sxx = 0.0
                syy = 0.0
                sxy = 0.0
                for _ in range(n):
                    a = state[r, WINDOW + 2 * j] - shift_x
                    b = state[r, WINDOW + 2 * j + 1] - shift_y
                    sx += a
                    sxx += a * a
                    sxy += a * b
                    sy += b
                    syy += b * b
                    j = j + 1 if j + 1 < n else 0
                ssx = sxx - (sx * sx) * inverse
                ssy = syy - (sy * sy) * inverse
                sp = sxy - (sx * sy) * inverse
            value = 0.0
            if ssx > FLAT * sxx and ssy > FLAT * syy:
                value = min(max(sp / math.sqrt(ssx * ssy), -1.0), 1.0)
            a = state[r, WINDOW + 2 * oldest] - shift_x
            b = state[r, WINDOW + 2 * oldest + 1] - shift_y
            left_x = a * a
            left_y = b * b
            sx -= a
            sxx -= left_x
            sxy -= a * b
            sy -= b
            syy -= left_y
        out[0, i] = value
        if keep:
            state[r, COUNT] = min(count + 1, n)
            state[r, NEXT] = oldest
            state[r, SHIFT_X] = shift_x
            state[r, SHIFT_Y] = shift_y
            state[r, X] = sx
            state[r, Y] = sy
            state[r, XX] = sxx
            state[r, YY] = syy
            state[r, XY] = sxy
            state[r, AGE] = age
            state[r, LEFT_X] = left_x
            state[r, LEFT_Y] = left_y
        else:
            state[r, WINDOW + 2 * at] = was_x
            state[r, WINDOW + 2 * at + 1] = was_y
