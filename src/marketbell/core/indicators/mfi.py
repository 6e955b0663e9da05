"""Money flow index.

Definition: flow = typical price · volume, positive where the typical price (high + low + close) / 3 rose, negative
where it fell, none where it stayed; the index is 100 · positive / (positive + negative) over the last n flows, 0
where nothing flowed (no volume, or no move), as TA-Lib does.
Source: Gene Quong and Avrum Soudack; TA-Lib MFI (0.8), the same arithmetic in the same order.
Unknown: an unknown or infinite high, low, close or volume, or a negative volume, ends the series; it begins again
with the next known bar.
"""

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201, C901, PLR0912, PLR0915 — kernels are long, flat and typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

# A row: 1 more than the flows in the window, the place of the next, the last typical price, the two sums, how many
# bars nothing has flowed for, the window of flows (negative ones below 0).
COUNT, NEXT, LAST, POSITIVE, NEGATIVE, NOTHING, WINDOW = 0, 1, 2, 3, 4, 5, 6
ZERO = 1e-14
LIMIT = 1e37  # from here on a number counts as infinite: its squares and products could overflow


def places(p):
    """Six numbers and the window of n."""
    return WINDOW + int(p[0])


@njit(cache=True, error_model="numpy")
def run(state, rows, x, p, keep, out):
    """One value a row: x[0] high, x[1] low, x[2] close, x[3] volume in; out[0] the index."""
    n = int(p[0])
    for i in range(rows.shape[0]):
        r = rows[i]
        high = x[0, i]
        low = x[1, i]
        close = x[2, i]
        volume = x[3, i]
        if not (abs(high) < LIMIT and abs(low) < LIMIT and abs(close) < LIMIT and 0.0 <= volume < LIMIT):
            out[0, i] = np.nan
            if keep:
                state[r, COUNT] = 0.0
            continue
        typical = (high + low + close) / 3.0
        count = state[r, COUNT] - 1
        at = 0
        positive = 0.0
        negative = 0.0
        nothing = 0.0
        flow = 0.0
        value = np.nan
        if count >= 0:
            if count:
                at = int(state[r, NEXT])
                positive = state[r, POSITIVE]
                negative = state[r, NEGATIVE]
                nothing = state[r, NOTHING]
            if count == n:
                was = state[r, WINDOW + at]
                if was > 0.0:
                    positive -= was
                else:
                    negative += was
            last = state[r, LAST]
            move = typical - last
            if abs(move) > ZERO * (abs(typical) + abs(last)):
                flow = typical * volume
                if move < 0.0:
                    negative += flow
                    flow = -flow
                else:
                    positive += flow
            nothing = min(nothing + 1, n) if flow == 0.0 else 0
            if nothing == n:
                positive = 0.0
                negative = 0.0
            if count >= n - 1:
                total = positive + negative
                value = 100.0 * (min(max(positive, 0.0), total) / total) if total > 0.0 else 0.0
        out[0, i] = value
        if keep:
            if count >= 0:
                state[r, WINDOW + at] = flow
                state[r, NEXT] = at + 1 if at + 1 < n else 0
            state[r, COUNT] = min(count + 1, n) + 1
            state[r, LAST] = typical
            state[r, POSITIVE] = positive
            state[r, NEGATIVE] = negative
            state[r, NOTHING] = nothing
