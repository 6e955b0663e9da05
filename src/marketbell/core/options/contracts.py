"""A block of contracts as the kernels work on them: rows of one flat array, so that the compiler sees they are apart.

Row `r` of contract `i` is `w[r * BLOCK + i]`. Contracts whose inputs do not fit carry their status in CODE and harmless
numbers in the other rows: no kernel has to look before it computes, and `store` writes NaN for them.
"""

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201 — typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

BLOCK = 256
"""Contracts a block: its rows stay in the core's cache."""
SHARE = 2_048
"""Contracts that a core takes at a time."""

PRICE, IV, DELTA, GAMMA, VEGA, THETA, RHO, VANNA, VOLGA, CHARM = (row * BLOCK for row in range(10))
"""The output, in the order of pricing.Priced."""
OUTPUTS = 10
STRIKE, SIGN, SPOT, FORWARD, T, CODE, ROOT_T, DISCOUNT, X, TOTAL, DENSITY, TAIL, PARITY, A, BETA, HIGHEST, PENDING = (
    row * BLOCK for row in range(10, 27)
)
"""Inputs; √T, e^{−rT}, x = ln(F / K), σ√T; φ(d1), Φ(−|d1|); a call less a put; what the search keeps."""
ROOM = 27 * BLOCK

OK, NO_PRICE, AT_INTRINSIC, ABOVE_MAXIMUM, EXPIRED, NO_FORWARD, NO_TIME, BAD_INPUT = (float(one) for one in range(8))
"""As in model.Status."""
SMALLEST, LARGEST = 1e-150, 1e150
"""Prices between these keep their digits in products and quotients."""
LONGEST = 1_000.0
"""Years."""


@njit(cache=True, error_model="numpy")
def step(column):
    """1 where the column has an entry a contract, 0 where one entry is for all."""
    return 1 if column.shape[0] > 1 else 0


@njit(cache=True, error_model="numpy")
def load(w, first, count, known, strike, is_call, spot, forward, t):
    """Contracts from `first` on. A column has an entry a contract, or one for all of them. `known` goes to PRICE."""
    spread(w, PRICE, first, count, known)
    spread(w, STRIKE, first, count, strike)
    spread(w, SPOT, first, count, spot)
    spread(w, FORWARD, first, count, forward)
    spread(w, T, first, count, t)
    if is_call.shape[0] > 1:
        for i in range(count):
            w[SIGN + i] = 1.0 if is_call[first + i] else -1.0
    else:
        sign = 1.0 if is_call[0] else -1.0
        for i in range(count):
            w[SIGN + i] = sign


@njit(cache=True, error_model="numpy")
def spread(w, row, first, count, column):
    """One column into its row."""
    if column.shape[0] > 1:
        w[row : row + count] = column[first : first + count]
    else:
        w[row : row + count] = column[0]


@njit(cache=True, error_model="numpy")
def judge(w, count, on_spot):
    """CODE from all inputs but `known`; numbers that do no harm where it is not OK."""
    for i in range(count):
        strike, spot, t = w[STRIKE + i], w[SPOT + i], w[T + i]
        basis = spot if on_spot else w[FORWARD + i]
        code = OK
        code = code if (basis > SMALLEST) & (basis < LARGEST) & (t < LONGEST) else BAD_INPUT
        code = code if basis == basis else NO_FORWARD  # noqa: PLR0124 — NaN is not itself
        code = code if t > 0.0 else EXPIRED
        code = code if t == t else NO_TIME  # noqa: PLR0124
        code = BAD_INPUT if (spot <= SMALLEST) | (spot >= LARGEST) else code
        code = code if (strike > SMALLEST) & (strike < LARGEST) else BAD_INPUT
        is_ok = code == OK
        w[CODE + i] = code
        w[STRIKE + i] = strike if is_ok else 1.0
        w[SPOT + i] = spot if is_ok else 1.0
        w[T + i] = t if is_ok else 1.0
        w[FORWARD + i] = basis if is_ok else 1.0


@njit(cache=True, error_model="numpy")
def store(w, first, count, out, status, keeps_price):
    """The block's columns into the output's."""
    for row in range(1 if keeps_price else 0, OUTPUTS):
        for i in range(count):
            out[row, first + i] = w[row * BLOCK + i] if w[CODE + i] == OK else np.nan
    if keeps_price:
        out[0, first : first + count] = w[PRICE : PRICE + count]
    for i in range(count):
        status[first + i] = np.uint8(w[CODE + i])
