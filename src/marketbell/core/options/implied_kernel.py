"""The volatility that gives a price, and the Greeks at it, in one pass.

**What is solved.** A price is taken to its side out of the money by parity, undiscounted and divided by √(FK): the
time value β. With a = |ln(F / K)|, the total volatility σ (σ√T of the contract), h = a / σ and t = σ / 2,

    b(σ) = e^{−(h² + t²) / 2} / √(2π) · (m(h − t) − m(h + t)),    b_max = e^{−a / 2},    m Mills' ratio,

rises from 0 to b_max; b(σ) = β has one solution for 0 < β < b_max (P. Jäckel, Let's Be Rational, 2015, section 2).

**Where the search starts.** Jäckel's rational start costs two or three evaluations of b. Ours costs none. The normal
model's volatility s of the same price is a function of one number: with X = |F − K| / √(FK) and y = X / s,
β / X = φ(y) / y − Φ(−y). A rational of degrees 5 and 6 in w = ln(1 + X / 2β), fitted to 9e-6, gives y² / w² for all y
up to 39. Then σ follows from s by the expansion of Black's price around the normal one: with σ0 = s · a / X,
σ = σ0 (1 + σ0² (1 / 24 − a² / 2880) + 7 / 1920 σ0⁴ + 127 / 322560 σ0⁶).

**How it goes on.** Householder's method of order 3 on ln b, or on ln(b_max − b) above half of b_max, where b hardly
moves: an error of ε becomes about ε⁴. A step under `LAST_STEP` is therefore the last one. All contracts of a block take
one step together, which is all that a market's contracts need; the others go on alone, with a bracket around the
solution: a step that leaves it is replaced by the bracket's middle. A warm start helps those alone.
"""

import math

import numpy as np
from numba import njit, prange

from marketbell.core.options.arithmetic import INV_SQRT_2PI, SQRT_2PI, exp_of, log_ratio, mills
from marketbell.core.options.black_kernel import greeks, prepare, tails
from marketbell.core.options.contracts import (
    ABOVE_MAXIMUM,
    AT_INTRINSIC,
    BETA,
    BLOCK,
    CODE,
    DISCOUNT,
    FORWARD,
    HIGHEST,
    IV,
    NO_PRICE,
    OK,
    PARITY,
    PENDING,
    PRICE,
    ROOM,
    ROOT_T,
    SHARE,
    SIGN,
    STRIKE,
    TOTAL,
    A,
    X,
    judge,
    load,
    store,
)

# ruff: noqa: ANN001, ANN201 — typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

EPSILON = 2.220446049250313e-16
LEAST_VALUE = 1e-300
"""Under it doubles lose their digits."""
STEPS = 100
"""Far more than any search needs; each halving of the bracket counts as one."""
LAST_STEP = 2e-4
WIDE = 1.2
"""A total volatility over which the start is poor, and the last volatility of the contract a better one."""


@njit(cache=True, error_model="numpy")
def time_values(w, count):
    """a, β and b_max; the status of prices without a solution, and numbers that do no harm for them."""
    for i in range(count):
        forward, strike, x, is_call = w[FORWARD + i], w[STRIKE + i], w[X + i], w[SIGN + i] > 0.0
        price = w[PRICE + i]
        discount, sign = w[DISCOUNT + i], w[SIGN + i]
        full = price / discount
        middle = math.sqrt(forward * strike)
        inside = (x > 0.0) if is_call else (x < 0.0)
        # The price in the money and its intrinsic value are sums of rounded numbers.
        least = 4.0 * EPSILON * max(forward, strike) if inside else LEAST_VALUE * middle
        value = (price - sign * w[PARITY + i]) / discount if inside else full
        highest = min(forward, strike) / middle
        beta = value / middle
        code = AT_INTRINSIC if value <= least else OK
        most = forward if is_call else strike
        code = ABOVE_MAXIMUM if (full >= most) | (beta >= highest * (1.0 - 4.0 * EPSILON)) else code
        code = code if price > 0.0 else NO_PRICE
        code = code if w[CODE + i] == OK else w[CODE + i]
        is_ok = code == OK
        w[CODE + i] = code
        w[A + i] = abs(x) if is_ok else 0.0
        w[BETA + i] = beta if is_ok else 0.1
        w[HIGHEST + i] = highest if is_ok else 1.0


@njit(cache=True, error_model="numpy")
def first_step(w, count):
    """The start and one step for all; PENDING where more are needed. Returns how many."""
    for i in range(count):
        a, beta, highest = w[A + i], w[BETA + i], w[HIGHEST + i]
        # X = b_max⁻¹ − b_max
        apart = 1.0 / highest - highest
        v = log_ratio(1.0 + 0.5 * apart / beta, 1.0)
        # fmt: off
        p = 4.459868484232679e-06
        p = p * v + 0.000941197716623917
        p = p * v + 0.0178989456095379
        p = p * v + 0.0863493811022648
        p = p * v + 0.3786613511375028
        p = p * v + 0.6366097065410076
        q = 2.232600037784588e-06
        q = q * v + 0.0004961649560491315
        q = q * v + 0.012667876204767883
        q = q * v + 0.10033099061941168
        q = q * v + 0.5160699506941206
        q = q * v + 1.5940145712827574
        q = q * v + 1.0
        # fmt: on
        sigma = SQRT_2PI * (beta + 0.5 * apart) if a < 1e-6 * beta else a / v * math.sqrt(q / p)
        square = sigma * sigma
        square = min(square, 4.0)
        more = 7.0 / 1920.0 + square * (127.0 / 322560.0)
        squared = a * a
        sigma *= 1.0 + square * (1.0 / 24.0 - (min(squared, 60.0)) / 2880.0 + square * more)
        h = a / sigma
        t = 0.5 * sigma
        density = INV_SQRT_2PI * exp_of(-0.5 * (h * h + t * t))
        far, near = mills(h + t), mills(abs(h - t))
        b = density * (near - far) if h >= t else highest - density * (near + far)
        slope = density / b
        second = h * h / sigma - 0.25 * sigma
        third = second * second - 3.0 * h * h / square_of(sigma) - 0.25
        move = log_ratio(beta, b) / slope
        bend = second - slope
        twist = third - slope * (3.0 * second - 2.0 * slope)
        factor = (1.0 + 0.5 * bend * move) / (1.0 + move * (bend + twist * move * (1.0 / 6.0)))
        w[TOTAL + i] = sigma + move * factor
        is_last = (abs(move) <= LAST_STEP * sigma) & (b > 0.0) & (beta <= 0.5 * highest)
        w[PENDING + i] = 0.0 if is_last else 1.0
    pending = 0
    for i in range(count):
        pending += w[PENDING + i] != 0.0
    return pending


@njit(cache=True, error_model="numpy")
def square_of(z):
    """z²."""
    return z * z


@njit(cache=True, error_model="numpy")
def search(a, beta, highest, sigma):  # noqa: PLR0912 — one loop, two objectives
    """σ√T of one contract from `sigma` on; NaN where the search did not end."""
    missing = highest - beta
    is_high = beta > 0.5 * highest
    # At this end nothing is missing from b_max that a double could show.
    low, high = 0.0, 40.0 + 2.0 * math.sqrt(2.0 * a)
    if not low < sigma < high:
        sigma = 1.0
    for _ in range(STEPS):
        h = a / sigma
        t = 0.5 * sigma
        density = INV_SQRT_2PI * exp_of(-0.5 * (h * h + t * t))
        far = mills(h + t)
        if h >= t:
            b = density * (mills(h - t) - far)
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
        move = math.nan
        if is_high and rest > 0.0 and density > 0.0:
            slope = density / rest
            move = log_ratio(rest, missing) / slope
            bend = second + slope
            twist = third + slope * (3.0 * second + 2.0 * slope)
        elif not is_high and b > 0.0 and density > 0.0:
            slope = density / b
            move = log_ratio(beta, b) / slope
            bend = second - slope
            twist = third - slope * (3.0 * second - 2.0 * slope)
        else:
            bend = twist = 0.0
        # The higher orders help near the solution; far from it they may be absurd.
        factor = (1.0 + 0.5 * bend * move) / (1.0 + move * (bend + twist * move / 6.0))
        found = sigma + move * (factor if 0.2 < factor < 5.0 else 1.0)
        if low < found < high:
            if abs(move) <= LAST_STEP * sigma:
                return found
            sigma = found
        elif abs(move) <= 4.0 * EPSILON * sigma or high - low <= 4.0 * EPSILON * high:
            return sigma
        else:
            sigma = math.sqrt(low * high) if low > 0.0 else 0.25 * sigma
    return math.nan


@njit(cache=True, error_model="numpy", nogil=True)
def implied_rows(first, last, price, strike, is_call, spot, forward, t, warm, rate, dividend, on_spot, out, status):
    """Volatility and Greeks of the contracts from `first` to before `last`."""
    w = np.empty(ROOM)
    carry = rate - dividend if on_spot else 0.0
    for start in range(first, last, BLOCK):
        count = min(BLOCK, last - start)
        load(w, start, count, price, strike, is_call, spot, forward, t)
        judge(w, count, on_spot)
        prepare(w, count, rate, carry, on_spot)
        time_values(w, count)
        if first_step(w, count):
            for i in range(count):
                if w[PENDING + i] == 0.0:
                    continue
                sigma = w[TOTAL + i]
                before = w[ROOT_T + i] * warm[start + i if warm.shape[0] > 1 else 0]
                if before > 0.0 and not sigma < WIDE:
                    sigma = before
                total = search(w[A + i], w[BETA + i], w[HIGHEST + i], sigma)
                if not total > 0.0:
                    total = 1.0
                    w[CODE + i] = AT_INTRINSIC
                w[TOTAL + i] = total
        for i in range(count):
            w[IV + i] = w[TOTAL + i] / w[ROOT_T + i]
        tails(w, count)
        greeks(w, count, rate, carry, on_spot)
        store(w, start, count, out, status, True)


@njit(cache=True, error_model="numpy", nogil=True, parallel=True)
def implied_parallel(price, strike, is_call, spot, forward, t, warm, rate, dividend, on_spot, out, status):
    """The same on all cores."""
    count = out.shape[1]
    for share in prange((count + SHARE - 1) // SHARE):
        first, last = share * SHARE, min(count, (share + 1) * SHARE)
        implied_rows(first, last, price, strike, is_call, spot, forward, t, warm, rate, dividend, on_spot, out, status)
