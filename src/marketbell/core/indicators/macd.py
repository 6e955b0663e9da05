"""Moving average convergence divergence.

Definition: line = ema(x, fast) − ema(x, slow), signal = ema(line, signal), hist = line − signal. The fast average
begins with the slow one (with the mean of the last `fast` of the first `slow` values); all three outputs start with
the first signal. Where fast is the longer one, the two are exchanged.
Source: Gerald Appel; TA-Lib MACD, the same arithmetic in the same order.
Unknown: an unknown or infinite x ends the series; it begins again with the next known value.
"""

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201, C901, PLR0912, PLR0915 — kernels are long, flat and typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

# A row: how many values so far, up to slow + signal; the two averages and the signal (totals until they begin).
COUNT, FAST, SLOW, SIGNAL = 0, 1, 2, 3
LIMIT = 1e37  # from here on a number counts as infinite: its squares and products could overflow


def places(p):  # noqa: ARG001 — every kernel has this form
    """Four numbers, whatever the periods are."""
    return 4


@njit(cache=True, error_model="numpy")
def run(state, rows, x, p, keep, out):
    """One value a row: x[0] in; out[0] line, out[1] signal, out[2] histogram."""
    n_fast = int(min(p[0], p[1]))
    n_slow = int(max(p[0], p[1]))
    n_signal = int(p[2])
    k_fast = 2.0 / (n_fast + 1)
    k_slow = 2.0 / (n_slow + 1)
    k_signal = 2.0 / (n_signal + 1)
    first = n_slow + n_signal - 2
    for i in range(rows.shape[0]):
        r = rows[i]
        v = x[0, i]
        if not abs(v) < LIMIT:
            out[0, i] = np.nan
            out[1, i] = np.nan
            out[2, i] = np.nan
            if keep:
                state[r, COUNT] = 0.0
            continue
        count = state[r, COUNT]
        fast = 0.0
        slow = 0.0
        signal = 0.0
        if count:
            fast = state[r, FAST]
            slow = state[r, SLOW]
            signal = state[r, SIGNAL]
        if count >= n_slow:
            fast = (v - fast) * k_fast + fast
            slow = (v - slow) * k_slow + slow
        else:
            if count >= n_slow - n_fast:
                fast += v
            slow += v
            if count == n_slow - 1:
                fast /= n_fast
                slow /= n_slow
        line = fast - slow
        if count > first:
            signal = (line - signal) * k_signal + signal
        elif count >= n_slow - 1:
            signal += line
            if count == first:
                signal /= n_signal
        if count >= first:
            out[0, i] = line
            out[1, i] = signal
            out[2, i] = line - signal
        else:
            out[0, i] = np.nan
            out[1, i] = np.nan
            out[2, i] = np.nan
        if keep:
            state[r, COUNT] = min(count + 1, first + 1)
            state[r, FAST] = fast
            state[r, SLOW] = slow
            state[r, SIGNAL] = signal
