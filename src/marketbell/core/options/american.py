"""Options that may be exercised early, on a spot: a binomial tree of Leisen and Reimer, extrapolated.

A tree of n (odd) steps takes Peizer and Pratt's inversion of the binomial as its probabilities, so that its European
price meets Black-Scholes-Merton's to about 1 / n²; the right to exercise is tested at every node. Price, delta and
gamma are extrapolated from two trees, whose errors fall about as 1 / n. Delta and gamma come from the parabola through
the three nodes of the second step. Theta follows from the equation that the price obeys while the option is held,
theta = r · price − (r − q) · S · delta − σ² · S² · gamma / 2. The other Greeks are central differences of trees. Where
exercise can never pay (a call with q ≤ 0 ≤ r, a put with r ≤ 0 ≤ q) the European formula answers.

Measured beside QuantLib's QdFpAmericanEngine, 150 contracts on a spot of 100 (7 days to 2 years, strikes 70 to 130,
σ 10 to 60 %, r 0 to 10 %, q 0 to 8 %): the price is off by 0.0002 on average and 0.0036 at worst, the delta by 0.00005
on average, gamma by 0.00004, vega by 0.0002. At the exercise boundary itself, where gamma jumps, delta and gamma are
off by up to 0.008. A contract costs about 60 µs (tests/core/options/test_american.py).

Source: D. P. J. Leisen, M. Reimer, Binomial models for option valuation: examining and improving convergence, 1996;
M. Broadie, J. Detemple, American option valuation: new bounds, approximations, 1996, for the extrapolation.
"""

import math

import numpy as np
from numba import njit, prange

from marketbell.core.options.black_kernel import DAYS
from marketbell.core.options.black_kernel import value_rows as european_values
from marketbell.core.options.contracts import ABOVE_MAXIMUM, AT_INTRINSIC, OK, OUTPUTS, step
from marketbell.core.options.implied_kernel import implied_rows as european_volatilities

# ruff: noqa: ANN001, ANN201, ARG001 — typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

FEW, MANY = 101, 201
"""Steps of the two trees."""
SHARE = 8
"""Contracts that a core takes at a time."""
PRICE, IV, DELTA, GAMMA, VEGA, THETA, RHO, VANNA, VOLGA, CHARM = range(OUTPUTS)
"""Rows of the output."""
ROUNDING = 1e-12
"""Of the strike: what two hundred sums of a tree may be off."""
TREE_NOISE = 1e-8
"""Of the greater of spot and strike: prices nearer to the intrinsic value tell nothing."""
SEARCH = 200
WIDEST = 10.0
"""The largest σ√T that is looked for."""
SURE = 200.0
"""Standard deviations from the strike beyond which the end is known."""


@njit(cache=True, error_model="numpy")
def chances(z, n):
    """Peizer and Pratt's second inversion: chances of an up and of a down step, whose binomial of n gives Φ(z)."""
    scaled = z / (n + 1.0 / 3.0 + 0.1 / (n + 1.0))
    rest = math.exp(-scaled * scaled * (n + 1.0 / 6.0))
    small = 0.5 * rest / (1.0 + math.sqrt(1.0 - rest))
    return (1.0 - small, small) if z >= 0.0 else (small, 1.0 - small)


@njit(cache=True, error_model="numpy")
def tree(sign, spot, strike, t, rate, dividend, sigma, n, values, spots):
    """Price, delta and gamma by one tree of n steps; `values` and `spots` are room for n + 1 numbers."""
    total = sigma * math.sqrt(t)
    d1 = math.log(spot / strike) / total + (rate - dividend) * t / total + 0.5 * total
    dt = t / n
    up_spot, down_spot = chances(d1, n)
    up, down = chances(d1 - total, n)
    growth = math.exp((rate - dividend) * dt)
    higher, lower = growth * up_spot / up, growth * down_spot / down
    back = 1.0 / lower
    discount = math.exp(-rate * dt)
    up *= discount
    down *= discount
    node = spot * math.exp(n * math.log(lower))
    climb = higher / lower
    for j in range(n + 1):
        spots[j] = node
        values[j] = max(sign * (node - strike), 0.0)
        node *= climb
    for level in range(n - 1, 1, -1):
        for j in range(level + 1):
            spots[j] *= back
            values[j] = max(up * values[j + 1] + down * values[j], sign * (spots[j] - strike))
    a, b, c = spots[0], spots[1], spots[2]
    first, second = (values[1] - values[0]) / (b - a), (values[2] - values[1]) / (c - b)
    bend = (second - first) / (c - a)
    for level in range(1, -1, -1):
        for j in range(level + 1):
            spots[j] *= back
            values[j] = max(up * values[j + 1] + down * values[j], sign * (spots[j] - strike))
    return values[0], first + bend * (2.0 * spot - a - b), 2.0 * bend


@njit(cache=True, error_model="numpy")
def priced(sign, spot, strike, t, rate, dividend, sigma, values, spots):
    """Price, delta and gamma, extrapolated."""
    now = sign * (spot - strike)
    total = sigma * math.sqrt(t)
    away = sign * (math.log(spot / strike) + (rate - dividend) * t)
    if abs(away) > SURE * total:
        then = sign * (spot * math.exp(-dividend * t) - strike * math.exp(-rate * t))
        if max(now, then) <= 0.0:
            return 0.0, 0.0, 0.0
        return (now, sign, 0.0) if now >= then else (then, sign * math.exp(-dividend * t), 0.0)
    p, d, g = tree(sign, spot, strike, t, rate, dividend, sigma, MANY, values, spots)
    if p - now <= ROUNDING * strike:
        return now, sign, 0.0
    few_p, few_d, few_g = tree(sign, spot, strike, t, rate, dividend, sigma, FEW, values, spots)
    weight = FEW / (MANY - FEW)
    return max(p + weight * (p - few_p), now, 0.0), d + weight * (d - few_d), g + weight * (g - few_g)


@njit(cache=True, error_model="numpy")
def fill(i, sign, strike, spot, t, rate, dividend, sigma, out, values, spots):
    """Column i of `out` from a volatility, the price included."""
    price, delta, gamma = priced(sign, spot, strike, t, rate, dividend, sigma, values, spots)
    out[PRICE, i], out[IV, i], out[DELTA, i], out[GAMMA, i] = price, sigma, delta, gamma
    if price <= sign * (spot - strike):
        # To be exercised now: nothing but the spot moves it.
        out[VEGA, i] = out[THETA, i] = out[RHO, i] = out[VANNA, i] = out[VOLGA, i] = out[CHARM, i] = 0.0
        return
    out[THETA, i] = (rate * price - (rate - dividend) * spot * delta - 0.5 * (sigma * spot) ** 2 * gamma) / DAYS
    apart = 0.02 * sigma
    more, more_delta, _ = priced(sign, spot, strike, t, rate, dividend, sigma + apart, values, spots)
    less, less_delta, _ = priced(sign, spot, strike, t, rate, dividend, sigma - apart, values, spots)
    out[VEGA, i] = (more - less) / (2.0 * apart) / 100.0
    out[VOLGA, i] = (more - 2.0 * price + less) / (apart * apart) / 1e4
    out[VANNA, i] = (more_delta - less_delta) / (2.0 * apart) / 100.0
    apart = 1e-3
    more, _, _ = priced(sign, spot, strike, t, rate + apart, dividend, sigma, values, spots)
    less, _, _ = priced(sign, spot, strike, t, rate - apart, dividend, sigma, values, spots)
    out[RHO, i] = (more - less) / (2.0 * apart) / 100.0
    apart = 0.02 * t
    _, more_delta, _ = priced(sign, spot, strike, t + apart, rate, dividend, sigma, values, spots)
    _, less_delta, _ = priced(sign, spot, strike, t - apart, rate, dividend, sigma, values, spots)
    out[CHARM, i] = (less_delta - more_delta) / (2.0 * apart) / DAYS


@njit(cache=True, error_model="numpy")
def is_european(sign, rate, dividend):
    """Whether exercise before the expiry can never pay."""
    return dividend <= 0.0 <= rate if sign > 0.0 else rate <= 0.0 <= dividend


@njit(cache=True, error_model="numpy")
def volatility(sign, price, strike, spot, t, rate, dividend, guess, values, spots):
    """σ of a price between its bounds, by secants inside a bracket; NaN where the search did not end."""
    low, high = 0.0, WIDEST / math.sqrt(t)
    sigma, last, last_gap = guess if guess < high else 0.5 * high, math.nan, math.nan
    for _ in range(SEARCH):
        gap = priced(sign, spot, strike, t, rate, dividend, sigma, values, spots)[0] - price
        if gap < 0.0:
            low = sigma
        else:
            high = sigma
        slope = (gap - last_gap) / (sigma - last)
        if math.isnan(slope):
            found = sigma * (1.0 - 1e-4) if gap > 0.0 else sigma * (1.0 + 1e-4)
        else:
            found = sigma - gap / slope
        is_inside = low < found < high
        if (is_inside and abs(found - sigma) <= 1e-12 * sigma) or high - low <= 1e-13 * high:
            return sigma if abs(gap) <= TREE_NOISE * strike else math.nan
        if not is_inside:
            found = math.sqrt(low * high) if low > 0.0 else 0.25 * sigma
        last, last_gap, sigma = sigma, gap, found
    return math.nan


@njit(cache=True, error_model="numpy")
def implied_one(i, price, strike, sign, spot, t, rate, dividend, guess, out, values, spots):
    """Column i of `out` from a price between zero and infinity; the status."""
    discount, yielded = math.exp(-rate * t), math.exp(-dividend * t)
    if price >= (spot * max(1.0, yielded) if sign > 0.0 else strike * max(1.0, discount)):
        return ABOVE_MAXIMUM
    least = max(sign * (spot - strike), sign * (spot * yielded - strike * discount), 0.0)
    if least > 0.0 and price - least <= TREE_NOISE * max(spot, strike):
        return AT_INTRINSIC
    sigma = volatility(sign, price, strike, spot, t, rate, dividend, guess, values, spots)
    if not sigma > 0.0:
        return AT_INTRINSIC
    fill(i, sign, strike, spot, t, rate, dividend, sigma, out, values, spots)
    out[PRICE, i] = price
    return OK


# The next ones take the arguments of implied_kernel and black_kernel; `forward` and `on_spot` count for nothing here.
# They start from the European answer: it judges the inputs, is right where exercise cannot pay, and is an upper bound
# of the volatility elsewhere.


@njit(cache=True, error_model="numpy", nogil=True)
def implied_rows(first, last, price, strike, is_call, spot, forward, t, warm, rate, dividend, on_spot, out, status):
    """Volatility and Greeks of the contracts from `first` to before `last`."""
    european_volatilities(
        first, last, price, strike, is_call, spot, spot, t, warm, rate, dividend, True, out, status
    )  # fmt: skip
    prices, strikes, calls, spot_step, times = step(price), step(strike), step(is_call), step(spot), step(t)
    before = step(warm)
    values, spots = np.empty(MANY + 1), np.empty(MANY + 1)
    for i in range(first, last):
        sign = 1.0 if is_call[i * calls] else -1.0
        # What the European bounds refuse may stand between the American ones.
        if is_european(sign, rate, dividend) or status[i] not in (OK, AT_INTRINSIC, ABOVE_MAXIMUM):
            continue
        guess = warm[i * before]
        if not guess > 0.0:
            guess = out[IV, i] if status[i] == OK else 0.5
        found = implied_one(
            i, price[i * prices], strike[i * strikes], sign, spot[i * spot_step], t[i * times], rate, dividend, guess,
            out, values, spots,
        )  # fmt: skip
        status[i] = np.uint8(found)
        if found != OK:
            out[IV:, i] = np.nan


@njit(cache=True, error_model="numpy", nogil=True, parallel=True)
def implied_parallel(price, strike, is_call, spot, forward, t, warm, rate, dividend, on_spot, out, status):
    """The same on all cores."""
    count = out.shape[1]
    for share in prange((count + SHARE - 1) // SHARE):
        first, last = share * SHARE, min(count, (share + 1) * SHARE)
        implied_rows(first, last, price, strike, is_call, spot, forward, t, warm, rate, dividend, on_spot, out, status)


@njit(cache=True, error_model="numpy", nogil=True)
def value_rows(first, last, iv, strike, is_call, spot, forward, t, rate, dividend, on_spot, out, status):
    """Prices and Greeks of the contracts from `first` to before `last`."""
    european_values(first, last, iv, strike, is_call, spot, spot, t, rate, dividend, True, out, status)
    strikes, calls, spot_step, times = step(strike), step(is_call), step(spot), step(t)
    values, spots = np.empty(MANY + 1), np.empty(MANY + 1)
    for i in range(first, last):
        sign = 1.0 if is_call[i * calls] else -1.0
        if status[i] == OK and not is_european(sign, rate, dividend):
            fill(
                i, sign, strike[i * strikes], spot[i * spot_step], t[i * times], rate, dividend, out[IV, i], out,
                values, spots,
            )  # fmt: skip


@njit(cache=True, error_model="numpy", nogil=True, parallel=True)
def value_parallel(iv, strike, is_call, spot, forward, t, rate, dividend, on_spot, out, status):
    """The same on all cores."""
    count = out.shape[1]
    for share in prange((count + SHARE - 1) // SHARE):
        last = min(count, (share + 1) * SHARE)
        value_rows(share * SHARE, last, iv, strike, is_call, spot, forward, t, rate, dividend, on_spot, out, status)
