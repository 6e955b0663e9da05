"""Black's formula and its Greeks, for all contracts of a block.

One form serves both models. With the forward F, the discount D = e^{−rT} and the carry b (the rate at which the
forward grows with time: r − q on a spot, 0 where the forward itself is given), A = D · F / S is e^{−qT} on a spot, and

    d1 = ln(F / K) / (σ√T) + σ√T / 2, d2 = d1 − σ√T, θ = 1 for a call, −1 for a put
    price = θ · D · (F · Φ(θd1) − K · Φ(θd2))
    delta = θ · A · Φ(θd1)                      gamma = A · φ(d1) / (S σ√T)
    vega  = A · S · φ(d1) · √T                  theta = r · price − b · S · delta − A · S · φ(d1) · σ / (2√T)
    rho   = T · (S · delta − price) on a spot, −T · price on a forward that is held
    vanna = −A · φ(d1) · d2 / σ                 volga = vega · d1 · d2 / σ
    charm = (r − b) · delta − A · φ(d1) · (b / (σ√T) − d2 / (2T))

Source: J. C. Hull, Options, Futures, and Other Derivatives, "The Greek letters"; E. G. Haug, The Complete Guide to
Option Pricing Formulas, chapter 2 (generalised Black-Scholes-Merton). F · φ(d1) = K · φ(d2) saves an exponential;
a price in the money is its intrinsic value and the price of the other side, so that no digit of it is lost.
"""

import math

import numpy as np
from numba import njit, prange

from marketbell.core.options.arithmetic import INV_SQRT_2PI, exp_less_one, exp_of, log_ratio, mills
from marketbell.core.options.contracts import (
    BAD_INPUT,
    BLOCK,
    CHARM,
    CODE,
    DELTA,
    DENSITY,
    DISCOUNT,
    FORWARD,
    GAMMA,
    IV,
    LARGEST,
    NO_PRICE,
    OK,
    PARITY,
    PRICE,
    RHO,
    ROOM,
    ROOT_T,
    SHARE,
    SIGN,
    SPOT,
    STRIKE,
    TAIL,
    THETA,
    TOTAL,
    VANNA,
    VEGA,
    VOLGA,
    T,
    X,
    judge,
    load,
    store,
)

# ruff: noqa: ANN001, ANN201 — typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

DAYS = 365.0


@njit(cache=True, error_model="numpy")
def prepare(w, count, rate, carry, on_spot):
    """√T, the discount, the forward, x = ln(F / K), and by parity what a call is worth more than a put.

    The latter, D · (F − K) = S − K + (S · (e^{−qT} − 1) − K · (e^{−rT} − 1)), is summed in this way: the great numbers
    that nearly cancel are the ones that are given exactly.
    """
    if on_spot:
        for i in range(count):
            spot, strike, t = w[SPOT + i], w[STRIKE + i], w[T + i]
            loss, lost = exp_less_one(-rate * t), exp_less_one((carry - rate) * t)
            w[ROOT_T + i] = math.sqrt(t)
            w[DISCOUNT + i] = 1.0 + loss
            w[FORWARD + i] = spot * (1.0 + lost) / (1.0 + loss)
            w[X + i] = log_ratio(spot, strike) + carry * t
            w[PARITY + i] = (spot - strike) + (spot * lost - strike * loss)
    else:
        for i in range(count):
            forward, strike, t = w[FORWARD + i], w[STRIKE + i], w[T + i]
            loss = exp_less_one(-rate * t)
            w[ROOT_T + i] = math.sqrt(t)
            w[DISCOUNT + i] = 1.0 + loss
            w[X + i] = log_ratio(forward, strike)
            w[PARITY + i] = (forward - strike) + (forward - strike) * loss


@njit(cache=True, error_model="numpy")
def tails(w, count):
    """φ(d1) and Φ(−|d1|) from the total volatility."""
    for i in range(count):
        total = w[TOTAL + i]
        d1 = w[X + i] / total + 0.5 * total
        density = INV_SQRT_2PI * exp_of(-0.5 * d1 * d1)
        w[DENSITY + i] = density
        w[TAIL + i] = density * mills(abs(d1))


@njit(cache=True, error_model="numpy")
def prices(w, count):
    """The price: that of the side out of the money from the tails, that of the other one by parity."""
    for i in range(count):
        x, total = w[X + i], w[TOTAL + i]
        forward, strike, first = w[FORWARD + i], w[STRIKE + i], w[TAIL + i]
        d1 = x / total + 0.5 * total
        d2 = d1 - total
        second = w[DENSITY + i] * (forward / strike) * mills(abs(d2))
        side = 1.0 if x <= 0.0 else -1.0
        first = first if side * d1 < 0.0 else 1.0 - first
        second = second if side * d2 < 0.0 else 1.0 - second
        price = w[DISCOUNT + i] * side * (forward * first - strike * second)
        w[PRICE + i] = price if w[SIGN + i] == side else price + abs(w[PARITY + i])


@njit(cache=True, error_model="numpy")
def greeks(w, count, rate, carry, on_spot):
    """All Greeks from price, volatility and tails. To the spot, and NaN there where the spot is unknown."""
    spots = 1.0 if on_spot else 0.0
    for i in range(count):
        total, t, root_t, spot, sign = w[TOTAL + i], w[T + i], w[ROOT_T + i], w[SPOT + i], w[SIGN + i]
        price, sigma, tail = w[PRICE + i], w[IV + i], w[TAIL + i]
        d1 = w[X + i] / total + 0.5 * total
        d2 = d1 - total
        # D · F is worth A · S.
        amount = w[DISCOUNT + i] * w[FORWARD + i]
        held = sign * amount * (tail if sign * d1 < 0.0 else 1.0 - tail)
        flow = amount * w[DENSITY + i]
        vega = flow * root_t
        a_spot = 1.0 / spot
        w[DELTA + i] = held * a_spot
        w[GAMMA + i] = flow * a_spot * a_spot / total
        w[VEGA + i] = vega * 0.01
        w[THETA + i] = (rate * price - carry * held - 0.5 * flow * sigma / root_t) * (1.0 / DAYS)
        w[RHO + i] = t * (spots * held - price) * 0.01
        w[VANNA + i] = -flow * a_spot * d2 / sigma * 0.01
        w[VOLGA + i] = vega * d1 * d2 / sigma * 1e-4
        w[CHARM + i] = ((rate - carry) * held - flow * (carry / total - d2 / (2.0 * t))) * a_spot * (1.0 / DAYS)


@njit(cache=True, error_model="numpy", nogil=True)
def value_rows(first, last, iv, strike, is_call, spot, forward, t, rate, dividend, on_spot, out, status):
    """Prices and Greeks of the contracts from `first` to before `last`."""
    w = np.empty(ROOM)
    carry = rate - dividend if on_spot else 0.0
    for start in range(first, last, BLOCK):
        count = min(BLOCK, last - start)
        load(w, start, count, iv, strike, is_call, spot, forward, t)
        judge(w, count, on_spot)
        for i in range(count):
            sigma = w[PRICE + i]
            code = BAD_INPUT if (sigma <= 0.0) | (sigma >= LARGEST) else OK
            code = code if sigma == sigma else NO_PRICE  # noqa: PLR0124 — NaN is not itself
            code = code if w[CODE + i] == OK else w[CODE + i]
            w[CODE + i] = code
            w[IV + i] = sigma if code == OK else 1.0
        prepare(w, count, rate, carry, on_spot)
        for i in range(count):
            w[TOTAL + i] = w[IV + i] * w[ROOT_T + i]
        tails(w, count)
        prices(w, count)
        greeks(w, count, rate, carry, on_spot)
        store(w, start, count, out, status, False)


@njit(cache=True, error_model="numpy", nogil=True, parallel=True)
def value_parallel(iv, strike, is_call, spot, forward, t, rate, dividend, on_spot, out, status):
    """The same on all cores."""
    count = out.shape[1]
    for share in prange((count + SHARE - 1) // SHARE):
        last = min(count, (share + 1) * SHARE)
        value_rows(share * SHARE, last, iv, strike, is_call, spot, forward, t, rate, dividend, on_spot, out, status)
