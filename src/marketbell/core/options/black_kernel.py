"""Black's formula and its Greeks, one contract after the other.

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

from numba import njit, prange

from marketbell.core.options.normal import INV_SQRT_2PI, mills

# ruff: noqa: ANN001, ANN201 — kernels are long, flat and typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

PRICE, IV, DELTA, GAMMA, VEGA, THETA, RHO, VANNA, VOLGA, CHARM = range(10)
"""Rows of the output."""
COLUMNS = 10
OK, NO_PRICE, AT_INTRINSIC, ABOVE_MAXIMUM, EXPIRED, NO_FORWARD, NO_TIME, BAD_INPUT = range(8)
"""As in model.Status; Numba wants plain numbers."""
DAYS = 365.0
INFINITE = 1e300
"""From here on a number counts as infinite."""
BLOCK = 512
"""Contracts that a core takes at a time."""


@njit(cache=True, error_model="numpy")
def step(column):
    """1 where the column has an entry a contract, 0 where one entry is for all."""
    return 1 if column.shape[0] > 1 else 0


@njit(cache=True, error_model="numpy")
def log_ratio(numerator, denominator):
    """ln(numerator / denominator), also to the last digits where they are nearly equal."""
    apart = (numerator - denominator) / denominator
    return math.log1p(apart) if -0.5 < apart < 1.0 else math.log(numerator / denominator)


@njit(cache=True, error_model="numpy")
def unfit(strike, spot, forward, t, on_spot):
    """Why these inputs have no price, before anybody looks at the price; OK where they have one."""
    if not 0.0 < strike < INFINITE or spot <= 0.0 or spot >= INFINITE:
        return BAD_INPUT
    if math.isnan(t):
        return NO_TIME
    if t <= 0.0:
        return EXPIRED
    basis = spot if on_spot else forward
    if math.isnan(basis):
        return NO_FORWARD
    if not 0.0 < basis < INFINITE or t >= INFINITE:
        return BAD_INPUT
    return OK


@njit(cache=True, error_model="numpy")
def greeks(i, sign, spot, forward, strike, t, root_t, rate, carry, on_spot, discount, x, total, needs_price, out):
    """Column i of `out` from the total volatility σ√T and `x` = ln(F / K): the Greeks, the price where it is wanted."""
    sigma = total / root_t
    d1 = x / total + 0.5 * total
    d2 = d1 - total
    density = INV_SQRT_2PI * math.exp(-0.5 * d1 * d1)
    tail1 = density * mills(abs(d1))
    if needs_price:
        # The side out of the money, from the tails; the other one by parity.
        tail2 = density * (forward / strike) * mills(abs(d2))
        side = 1.0 if x <= 0.0 else -1.0
        first = tail1 if side * d1 < 0.0 else 1.0 - tail1
        second = tail2 if side * d2 < 0.0 else 1.0 - tail2
        price = side * (forward * first - strike * second)
        if sign != side:
            price += abs(forward - strike)
        price *= discount
        out[PRICE, i] = price
    else:
        price = out[PRICE, i]
    # D · F is worth A · S; the spot may be unknown where a forward is given, then only what is told to the spot is.
    amount = discount * forward
    held = sign * amount * (tail1 if sign * d1 < 0.0 else 1.0 - tail1)
    flow = amount * density
    vega = flow * root_t
    out[IV, i] = sigma
    out[DELTA, i] = held / spot
    out[GAMMA, i] = flow / (spot * spot * total)
    out[VEGA, i] = vega / 100.0
    out[THETA, i] = (rate * price - carry * held - 0.5 * flow * sigma / root_t) / DAYS
    out[RHO, i] = (t * (held - price) if on_spot else -t * price) / 100.0
    out[VANNA, i] = -flow / spot * d2 / sigma / 100.0
    out[VOLGA, i] = vega * d1 * d2 / sigma / 1e4
    out[CHARM, i] = ((rate - carry) * held - flow * (carry / total - d2 / (2.0 * t))) / spot / DAYS


@njit(cache=True, error_model="numpy")
def value_one(i, iv, strike, is_call, spot, forward, t, rate, dividend, on_spot, out):
    """Column i of `out` from a volatility; the status. Nothing is written where there is no price."""
    status = unfit(strike, spot, forward, t, on_spot)
    if status != OK:
        return status
    if math.isnan(iv):
        return NO_PRICE
    if not 0.0 < iv < INFINITE:
        return BAD_INPUT
    root_t = math.sqrt(t)
    discount = math.exp(-rate * t)
    carry = 0.0
    if on_spot:
        carry = rate - dividend
        forward = spot * math.exp(carry * t)
        x = log_ratio(spot, strike) + carry * t
    else:
        x = log_ratio(forward, strike)
    sign = 1.0 if is_call else -1.0
    greeks(i, sign, spot, forward, strike, t, root_t, rate, carry, on_spot, discount, x, iv * root_t, True, out)
    return OK


@njit(cache=True, error_model="numpy", nogil=True)
def value_rows(first, last, iv, strike, is_call, spot, forward, t, rate, dividend, on_spot, out, status):
    """Prices and Greeks of the contracts from `first` to before `last`. Inputs have an entry each, or one for all."""
    volatilities, strikes, calls = step(iv), step(strike), step(is_call)
    spots, forwards, times = step(spot), step(forward), step(t)
    for i in range(first, last):
        status[i] = value_one(
            i, iv[i * volatilities], strike[i * strikes], is_call[i * calls], spot[i * spots], forward[i * forwards],
            t[i * times], rate, dividend, on_spot, out,
        )  # fmt: skip


@njit(cache=True, error_model="numpy", nogil=True, parallel=True)
def value_parallel(iv, strike, is_call, spot, forward, t, rate, dividend, on_spot, out, status):
    """The same on all cores, block by block."""
    count = out.shape[1]
    for block in prange((count + BLOCK - 1) // BLOCK):
        last = min(count, (block + 1) * BLOCK)
        value_rows(block * BLOCK, last, iv, strike, is_call, spot, forward, t, rate, dividend, on_spot, out, status)
