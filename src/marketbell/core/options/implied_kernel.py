"""The volatility that gives a price, and the Greeks at it, in one pass.

**What is solved.** A price is taken to its side out of the money by parity, undiscounted and divided by √(FK): the
time value β. With a = |ln(F / K)|, the total volatility σ (σ√T of the contract), h = a / σ and t = σ / 2,

    b(σ) = e^{−(h² + t²) / 2} / √(2π) · (m(h − t) − m(h + t)),    b_max = e^{−a / 2},    m Mills' ratio,

rises from 0 to b_max; b(σ) = β has one solution for 0 < β < b_max (P. Jäckel, Let's Be Rational, 2015, section 2).

**Where the search starts.** Jäckel's rational start costs two or three evaluations of b. Ours costs none. The normal
model's volatility s of the same price is a function of one number: with X = 2 sinh(a / 2) and y = X / s,
β / X = φ(y) / y − Φ(−y). A rational of degrees 5 and 6 in w = ln(1 + X / 2β), fitted to 9e-6, gives y² / w² for all y
up to 39. Then σ follows from s by the expansion of Black's price around the normal one: σ0 = s · a / X,
σ = σ0 (1 + σ0² (1 / 24 − a² / 2880) + 7 / 1920 σ0⁴).

**How it goes on.** Householder's method of order 3 on ln b, or on ln(b_max − b) above half of b_max, where b hardly
moves: an error of ε becomes about ε⁴. A step smaller than 1e-4 of σ is therefore the last one. A market's contracts
need one step; the bracket around the solution is kept, and a step that leaves it is replaced by halving.
"""

import math

from numba import njit, prange

from marketbell.core.options.black_kernel import (
    ABOVE_MAXIMUM,
    AT_INTRINSIC,
    BLOCK,
    INFINITE,
    NO_PRICE,
    OK,
    PRICE,
    greeks,
    log_ratio,
    step,
    unfit,
)  # fmt: skip
from marketbell.core.options.normal import INV_SQRT_2PI, SQRT_2PI, mills

# ruff: noqa: ANN001, ANN201, PLR0911 — kernels are long, flat and typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

EPSILON = 2.220446049250313e-16
SMALLEST = 2.3e-308
"""Under it doubles lose their digits."""
STEPS = 100
"""Far more than any search needs; each halving of the bracket counts as one."""
LAST_STEP = 1e-4


@njit(cache=True, error_model="numpy")
def start(a, beta):
    """Total volatility to begin with: within 1e-5 where it is under 0.5."""
    square = a * a
    apart = a * (1.0 + square / 24.0 * (1.0 + square / 80.0)) if a < 0.5 else 2.0 * math.sinh(0.5 * a)
    if apart < 1e-6 * beta:
        sigma = SQRT_2PI * (beta + 0.5 * apart)
    else:
        w = math.log(1.0 + 0.5 * apart / beta)
        # fmt: off
        p = 4.459868484232679e-06
        p = p * w + 0.000941197716623917
        p = p * w + 0.0178989456095379
        p = p * w + 0.0863493811022648
        p = p * w + 0.3786613511375028
        p = p * w + 0.6366097065410076
        q = 2.232600037784588e-06
        q = q * w + 0.0004961649560491315
        q = q * w + 0.012667876204767883
        q = q * w + 0.10033099061941168
        q = q * w + 0.5160699506941206
        q = q * w + 1.5940145712827574
        q = q * w + 1.0
        # fmt: on
        sigma = a / (w * math.sqrt(p / q))
    square_sigma = min(sigma * sigma, 4.0)
    return sigma * (1.0 + square_sigma * (1.0 / 24.0 - min(square, 60.0) / 2880.0 + square_sigma * (7.0 / 1920.0)))


@njit(cache=True, error_model="numpy")
def total_volatility(a, beta, guess):
    """σ√T of a time value `beta` = β in (0, b_max) at a = |ln(F / K)|; NaN where the search did not end.

    `guess` > 0 is where to begin; otherwise `start` says.
    """
    highest = math.exp(-0.5 * a)
    missing = highest - beta
    is_high = beta > 0.5 * highest
    low, high = 0.0, math.inf
    sigma = guess if guess > 0.0 else start(a, beta)
    for _ in range(STEPS):
        h = a / sigma
        t = 0.5 * sigma
        density = INV_SQRT_2PI * math.exp(-0.5 * (h * h + t * t))
        far = mills(h + t)
        if h >= t:
            near = mills(h - t) - far
            b = density * near
            rest = highest - b
        else:
            rest = density * (mills(t - h) + far)
            b = highest - rest
        if b < beta:
            low = sigma
        else:
            high = sigma
        # b'' / b' and b''' / b'; b' is the density.
        second = h * h / sigma - 0.25 * sigma
        third = second * second - 3.0 * (h / sigma) ** 2 - 0.25
        if is_high:
            slope = density / rest
            move = math.log(rest / missing) / slope
            bend = second + slope
            twist = third + slope * (3.0 * second + 2.0 * slope)
        else:
            slope = density / b
            move = math.log(beta / b) / slope
            bend = second - slope
            twist = third - slope * (3.0 * second - 2.0 * slope)
        move *= (1.0 + 0.5 * bend * move) / (1.0 + move * (bend + twist * move / 6.0))
        found = sigma + move
        if low < found < high:
            if abs(move) <= LAST_STEP * sigma:
                return found
            sigma = found
        elif high - low <= 4.0 * EPSILON * high or abs(move) <= 4.0 * EPSILON * sigma:
            return sigma
        elif high == math.inf:
            sigma *= 2.0
        else:
            sigma = 0.5 * (low + high)
    return math.nan


@njit(cache=True, error_model="numpy")
def implied_one(i, price, strike, is_call, spot, forward, t, warm, rate, dividend, on_spot, out):
    """Column i of `out` from a price; the status. The price is written in any case."""
    out[PRICE, i] = price
    status = unfit(strike, spot, forward, t, on_spot)
    if status != OK:
        return status
    if not price > 0.0:
        return NO_PRICE
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
    value = price / discount
    if value >= (forward if is_call else strike):
        return ABOVE_MAXIMUM
    if sign * x > 0.0:
        value -= abs(forward - strike)
        # The price in the money and its intrinsic value are sums of rounded numbers.
        if value <= 4.0 * EPSILON * max(forward, strike):
            return AT_INTRINSIC
    middle = math.sqrt(forward) * math.sqrt(strike)
    beta = value / middle
    if beta < SMALLEST:
        return AT_INTRINSIC
    a = abs(x)
    if beta >= math.exp(-0.5 * a) * (1.0 - 4.0 * EPSILON):
        return ABOVE_MAXIMUM
    total = total_volatility(a, beta, warm * root_t)
    if not 0.0 < total < INFINITE:
        return AT_INTRINSIC
    greeks(i, sign, spot, forward, strike, t, root_t, rate, carry, on_spot, discount, x, total, False, out)
    return OK


@njit(cache=True, error_model="numpy", nogil=True)
def implied_rows(first, last, price, strike, is_call, spot, forward, t, warm, rate, dividend, on_spot, out, status):
    """Volatility and Greeks of the contracts from `first` to before `last`; inputs as in black_kernel.value_rows."""
    prices, strikes, calls, spots = step(price), step(strike), step(is_call), step(spot)
    forwards, times, before = step(forward), step(t), step(warm)
    for i in range(first, last):
        status[i] = implied_one(
            i, price[i * prices], strike[i * strikes], is_call[i * calls], spot[i * spots], forward[i * forwards],
            t[i * times], warm[i * before], rate, dividend, on_spot, out,
        )  # fmt: skip


@njit(cache=True, error_model="numpy", nogil=True, parallel=True)
def implied_parallel(price, strike, is_call, spot, forward, t, warm, rate, dividend, on_spot, out, status):
    """The same on all cores, block by block."""
    count = out.shape[1]
    for block in prange((count + BLOCK - 1) // BLOCK):
        first, last = block * BLOCK, min(count, (block + 1) * BLOCK)
        implied_rows(first, last, price, strike, is_call, spot, forward, t, warm, rate, dividend, on_spot, out, status)
