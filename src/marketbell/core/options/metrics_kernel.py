"""The metrics of one chain in one pass, compiled: sums, walls, max pain, the money, the smile, gamma, quotes.

Arrays have one entry a strike, strikes rise; NaN is unknown. Definitions with their sources: `metrics.METRICS`.
"""

import math

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201 — kernels are long, flat and typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

CALL_OI, PUT_OI, CALL_VOLUME, PUT_VOLUME, CALL_CHANGE, PUT_CHANGE = 0, 1, 2, 3, 4, 5
CALL_WALL, PUT_WALL, MAX_PAIN, ATM, STRADDLE, ATM_IV = 6, 7, 8, 9, 10, 11
GEX, FLIP, VIOLATIONS, LIQUID = 12, 13, 14, 15
COUNT = 16

PERCENT = 100.0
NARROW = 0.10
"""A spread of at most this share of the mid is liquid …"""
NARROW_PRICE = 0.10
"""… and so is one of at most this price: two ticks of 0.05."""
SLACK = 0.001
"""Parity is violated beyond this share of the forward, about what both ways cost in taxes and fees."""
FLIP_STEP, FLIP_STEPS = 0.005, 30
"""The flip is looked for within ±15 % of the spot."""


@njit(cache=True, error_model="numpy", nogil=True)
def total(values):
    """Sum of what is known; NaN where nothing is."""
    found = 0.0
    known = False
    for one in values:
        if not np.isnan(one):
            found += one
            known = True
    return found if known else np.nan


@njit(cache=True, error_model="numpy", nogil=True)
def wall(strikes, oi):
    """The strike with the largest open interest, the lower of equal ones; NaN without any."""
    best, found = 0.0, np.nan
    for i in range(len(strikes)):
        if oi[i] > best:
            best, found = oi[i], strikes[i]
    return found


@njit(cache=True, error_model="numpy", nogil=True)
def max_pain(strikes, call_oi, put_oi):
    """The lowest of the strikes at which holders get least; NaN without open interest.

    The pain is convex in the strike: from one to the next it changes by the gap times (call OI at or under it less put
    OI above it). So its least is where that difference first is not negative, found without rounding of products.
    """
    calls, puts = 0.0, 0.0
    for i in range(len(strikes)):
        if put_oi[i] > 0.0:
            puts += put_oi[i]
        if call_oi[i] > 0.0:
            calls += call_oi[i]
    if not calls + puts > 0.0:
        return np.nan
    under, above = 0.0, puts
    for i in range(len(strikes)):
        if call_oi[i] > 0.0:
            under += call_oi[i]
        if put_oi[i] > 0.0:
            above -= put_oi[i]
        if under >= above:
            return strikes[i]
    return strikes[-1]


@njit(cache=True, error_model="numpy", nogil=True)
def nearest(strikes, spot):
    """Index of the strike nearest to the spot, the lower of two; -1 without a spot."""
    if np.isnan(spot) or not len(strikes):
        return -1
    best = 0
    for i in range(1, len(strikes)):
        if abs(strikes[i] - spot) < abs(strikes[best] - spot):
            best = i
    return best


@njit(cache=True, error_model="numpy", nogil=True)
def is_liquid(bid, ask, last, volume, is_quoted):
    """A narrow two-sided quote; where the source has no quotes at all, a trade today."""
    if is_quoted:
        return 0.0 < bid <= ask and ask - bid <= max(NARROW * 0.5 * (ask + bid), NARROW_PRICE * (1.0 + 1e-9))
    return last > 0.0 and volume > 0.0


@njit(cache=True, error_model="numpy", nogil=True)
def any_known(values):
    """Whether one of the values is known."""
    for one in values:  # noqa: SIM110 — a loop compiles to one
        if not np.isnan(one):
            return True
    return False


@njit(cache=True, error_model="numpy", nogil=True)
def liquid(bid, ask, last, volume, is_quoted, out):
    """The liquidity mask of one side."""
    for i in range(len(bid)):
        out[i] = is_liquid(bid[i], ask[i], last[i], volume[i], is_quoted)


@njit(cache=True, error_model="numpy", nogil=True)
def known_from(delta, iv, at, step):
    """The first place from `at` on whose delta and volatility are known, -1 without one."""
    n = len(delta)
    while 0 <= at < n:
        if not (np.isnan(delta[at]) or np.isnan(iv[at])):
            return at
        at += step
    return -1


@njit(cache=True, error_model="numpy", nogil=True)
def at_delta(delta, iv, start, step, target):
    """The volatility at |delta| = target on one side, linear in delta between two known neighbours; NaN out of reach.

    `start` is the strike at the money, `step` the way out of the money. The crossing nearest the money counts: far out
    a wrong price makes any delta.
    """
    at = known_from(delta, iv, start, step)
    # The money itself may already be further out than the target: begin further in.
    while at >= 0 and abs(delta[at]) < target:
        at = known_from(delta, iv, at - step, -step)
    while at >= 0 and abs(delta[at]) != target:
        outer = known_from(delta, iv, at + step, step)
        if outer >= 0 and abs(delta[outer]) <= target:
            share = (abs(delta[at]) - target) / (abs(delta[at]) - abs(delta[outer]))
            return iv[at] + share * (iv[outer] - iv[at])
        at = outer
    return iv[at] if at >= 0 else np.nan


@njit(cache=True, error_model="numpy", nogil=True)
def exposure(strikes, iv, net_oi, spot, carry, discount, t_years):
    """Σ gamma · (call OI - put OI) · S² / 100 at another spot, each strike's volatility held.

    The forward is spot · carry; gamma to the spot of Black (1976) with the carry held.
    """
    forward = spot * carry
    found = 0.0
    root = math.sqrt(t_years)
    for i in range(len(strikes)):
        if net_oi[i] != 0.0 and iv[i] > 0.0:
            width = iv[i] * root
            d1 = math.log(forward / strikes[i]) / width + 0.5 * width
            found += net_oi[i] * math.exp(-0.5 * d1 * d1) / width
    return found * discount * carry * spot * 0.01 / math.sqrt(2.0 * math.pi)


@njit(cache=True, error_model="numpy", nogil=True)
def flip(strikes, iv, net_oi, spot, carry, discount, t_years):
    """The spot nearest to today's at which the exposure changes its sign; NaN without one within reach."""
    here = exposure(strikes, iv, net_oi, spot, carry, discount, t_years)
    if not (here > 0.0 or here < 0.0):
        return np.nan
    up, down = here, here
    for k in range(1, FLIP_STEPS + 1):
        above = exposure(strikes, iv, net_oi, spot * (1.0 + k * FLIP_STEP), carry, discount, t_years)
        below = exposure(strikes, iv, net_oi, spot * (1.0 - k * FLIP_STEP), carry, discount, t_years)
        found, distance = np.nan, np.inf
        if (above > 0.0) != (here > 0.0):
            low, high = spot * (1.0 + (k - 1) * FLIP_STEP), spot * (1.0 + k * FLIP_STEP)
            found = root(strikes, iv, net_oi, low, high, up, carry, discount, t_years)
            distance = found - spot
        if (below > 0.0) != (here > 0.0):
            low, high = spot * (1.0 - (k - 1) * FLIP_STEP), spot * (1.0 - k * FLIP_STEP)
            other = root(strikes, iv, net_oi, low, high, down, carry, discount, t_years)
            if spot - other < distance:
                found = other
        if not np.isnan(found):
            return found
        up, down = above, below
    return np.nan


@njit(cache=True, error_model="numpy", nogil=True)
def root(strikes, iv, net_oi, near, far, at_near, carry, discount, t_years):
    """Bisection between two spots whose exposures differ in sign, to a thousandth of the step."""
    for _ in range(10):
        middle = 0.5 * (near + far)
        value = exposure(strikes, iv, net_oi, middle, carry, discount, t_years)
        if (value > 0.0) == (at_near > 0.0):
            near = middle
        else:
            far = middle
    return 0.5 * (near + far)


@njit(cache=True, error_model="numpy", nogil=True)
def summarise(  # noqa: C901 — one pass, compiled as one
    strikes, spot, forward, discount, t_years,
    call_bid, call_ask, call_last, call_volume, call_oi, call_change, call_gamma,
    put_bid, put_ask, put_last, put_volume, put_oi, put_change, put_gamma,
    smile, out,
):  # fmt: skip
    """All sums and places of a chain into `out` (COUNT numbers, NaN unknown). `smile` is the iv of each strike."""
    n = len(strikes)
    out[CALL_OI], out[PUT_OI] = total(call_oi), total(put_oi)
    out[CALL_VOLUME], out[PUT_VOLUME] = total(call_volume), total(put_volume)
    out[CALL_CHANGE], out[PUT_CHANGE] = total(call_change), total(put_change)
    out[CALL_WALL], out[PUT_WALL] = wall(strikes, call_oi), wall(strikes, put_oi)
    out[MAX_PAIN] = max_pain(strikes, call_oi, put_oi)
    at = nearest(strikes, spot)
    out[ATM] = out[STRADDLE] = out[ATM_IV] = np.nan
    if at >= 0:
        out[ATM] = strikes[at]
        out[ATM_IV] = smile[at] * PERCENT
        if call_last[at] > 0.0 and put_last[at] > 0.0:
            out[STRADDLE] = call_last[at] + put_last[at]

    gex, knows_gex = 0.0, False
    net = np.zeros(n)
    quoted = any_known(call_bid) or any_known(call_ask) or any_known(put_bid) or any_known(put_ask)
    compared, violated, count = 0, 0, 0
    for i in range(n):
        if call_oi[i] > 0.0:
            net[i] += call_oi[i]
            if not np.isnan(call_gamma[i]):
                gex += call_gamma[i] * call_oi[i]
                knows_gex = True
        if put_oi[i] > 0.0:
            net[i] -= put_oi[i]
            if not np.isnan(put_gamma[i]):
                gex -= put_gamma[i] * put_oi[i]
                knows_gex = True
        if 0.0 < call_bid[i] <= call_ask[i] and 0.0 < put_bid[i] <= put_ask[i] and not np.isnan(forward * discount):
            compared += 1
            fair, slack = discount * (forward - strikes[i]), SLACK * forward
            if call_bid[i] - put_ask[i] > fair + slack or call_ask[i] - put_bid[i] < fair - slack:
                violated += 1
        # Out of the money is the side that gives the strike's volatility.
        if strikes[i] >= forward:
            count += is_liquid(call_bid[i], call_ask[i], call_last[i], call_volume[i], quoted)
        elif strikes[i] < forward:
            count += is_liquid(put_bid[i], put_ask[i], put_last[i], put_volume[i], quoted)
    out[GEX] = gex * spot * spot * 0.01 if knows_gex else np.nan
    out[FLIP] = np.nan
    if knows_gex and t_years > 0.0 and spot > 0.0 and forward > 0.0:
        out[FLIP] = flip(strikes, smile, net, spot, forward / spot, discount, t_years)
    out[VIOLATIONS] = float(violated) if compared else np.nan
    out[LIQUID] = float(count) if not np.isnan(forward) else np.nan
