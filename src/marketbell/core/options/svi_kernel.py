"""The search for the five numbers of a raw SVI slice: two by descent, three by linear algebra.

Method: quasi-explicit calibration. For given m and σ a slice is linear in the other three, so the search runs over m
and ln σ alone (Nelder-Mead from the best of a grid) and the rest is a small constrained least squares solved exactly.
Source: Zeliade Systems (De Marco, Martini), Quasi-Explicit Calibration of Gatheral's SVI model (2009).
Of our own: the three linear numbers are a, u = bσ(1 + rho) and v = bσ(1 − rho), the scaled slopes of the two wings.
Lee's bound is then a square, 0 ≤ u, v ≤ 2σ, and "variance is nowhere negative" is a + √(uv) ≥ 0: a may be negative.
Quotes say little about the wings beyond them, so many slices fit nearly as well as the best. Where the best has a
butterfly or crosses the nearer expiry, a second search looks among those for one that does not.
"""

import math

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201, ANN202, PLR0915 — kernels are long, flat and typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

LEE = 2.0
"""The steepest that total variance may rise with log-moneyness (Roger Lee, The moment formula, 2004)."""

_WIDEST_M = 1.0
"""m may lie so many spans of the quotes outside them: a one-sided smile has its vertex there."""
_NARROWEST, _WIDEST = 0.005, 10.0
"""σ in spans of the quotes."""
_LOG_NARROWEST, _LOG_WIDEST = math.log(_NARROWEST), math.log(_WIDEST)
_XS = np.linspace(-_WIDEST_M, 1.0 + _WIDEST_M, 17)
_SS = np.linspace(_LOG_NARROWEST, _LOG_WIDEST, 10)
"""The grid that descents start from: m and ln σ, in spans. Plain loops run over it: they are compiled soonest."""
_STARTS = 3
_FIRST_STEPS, _STEPS = 20, 400
"""Moves of the descent from each start, and of the last one, which goes on from where they led."""
_LAST_TURNS = 4
"""A triangle can fold flat before the bottom: a fresh one goes on from there, so often at most."""
_CLOSE = 1e-9
"""Nelder-Mead ends where its triangle is so small, in spans and in ln σ."""
ALLOWED = 1.5
"""How many times the best slice's root mean square one without arbitrage may have."""
_PRICES = (30.0, 3.0, 1.0)
"""What arbitrage costs in the second search, in sums of squares of the best: so dear that it ends where it can; where
that fits too badly, so that there is less of it."""
_MARGIN = 2e-3
"""g is wanted so far above zero, variance by this share above the nearer expiry's: between points they may dip."""
_LOOKS = 41
"""Points of each of the two grids that arbitrage is looked for on."""
_FINE = 501
"""Points of each of the two grids of the report."""
_FINE_BENDS = np.sinh(np.linspace(-6.0, 6.0, _FINE))
_SHARES = np.linspace(-1.0, 1.0, _LOOKS)
_BENDS = np.sinh(5.0 * _SHARES)
_RAYS = 17
_RAY_END = 8.0
_GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0


@njit(cache=True, error_model="numpy")
def _on_ray(w, weight, p, q, cap, log_r, out):
    """The best slice whose variance touches zero, with √(u/v) = r: one number is left, its size."""
    r = math.exp(log_r)
    along = 0.0
    length = 0.0
    for i in range(w.shape[0]):
        shape = p[i] * r + q[i] / r - 1.0
        along += weight[i] * w[i] * shape
        length += weight[i] * shape * shape
    size = along / length if length > 0.0 else 0.0
    size = min(max(size, 0.0), cap / max(r, 1.0 / r))
    out[0] = -size
    out[1] = size * r
    out[2] = size / r
    return _cost(w, weight, p, q, out)


@njit(cache=True, error_model="numpy")
def _cost(w, weight, p, q, out):
    a, u, v = out[0], out[1], out[2]
    total = 0.0
    for i in range(w.shape[0]):
        miss = a + p[i] * u + q[i] * v - w[i]
        total += weight[i] * miss * miss
    return total


@njit(cache=True, error_model="numpy")
def _touching(w, weight, p, q, cap, out):
    """The best slice of those that touch zero: rays first, then a golden section between the best one's neighbours."""
    best = np.inf
    at = 0.0
    step = 2.0 * _RAY_END / (_RAYS - 1)
    for i in range(_RAYS):
        log_r = -_RAY_END + i * step
        cost = _on_ray(w, weight, p, q, cap, log_r, out)
        if cost < best:
            best = cost
            at = log_r
    low = at - step
    high = at + step
    left = high - _GOLDEN * (high - low)
    right = low + _GOLDEN * (high - low)
    f_left = _on_ray(w, weight, p, q, cap, left, out)
    f_right = _on_ray(w, weight, p, q, cap, right, out)
    for _ in range(30):
        if f_left < f_right:
            high = right
            right = left
            f_right = f_left
            left = high - _GOLDEN * (high - low)
            f_left = _on_ray(w, weight, p, q, cap, left, out)
        else:
            low = left
            left = right
            f_left = f_right
            right = low + _GOLDEN * (high - low)
            f_right = _on_ray(w, weight, p, q, cap, right, out)
    return _on_ray(w, weight, p, q, cap, 0.5 * (low + high), out)


@njit(cache=True, error_model="numpy")
def linear_part(k, w, weight, m, sigma, cap, room, out):
    """The best a, u, v (into `out`) for this m and σ: weighted squares of total variance under the three bounds.

    Gives the sum of squares. `weight` sums to one; `cap` is the greatest u and v; `room` has two rows for the quotes.
    """
    n = k.shape[0]
    p_row, q_row = room[0], room[1]
    mean_p = 0.0
    mean_q = 0.0
    mean_w = 0.0
    for i in range(n):
        y = (k[i] - m) / sigma
        # p = (√(y² + 1) + y) / 2 and q = p − y; the greater one first, so that no digit is lost.
        size = 0.5 * (math.sqrt(y * y + 1.0) + abs(y))
        p, q = (size, 0.25 / size) if y >= 0.0 else (0.25 / size, size)
        p_row[i] = p
        q_row[i] = q
        mean_p += weight[i] * p
        mean_q += weight[i] * q
        mean_w += weight[i] * w[i]
    pp = 0.0
    pq = 0.0
    qq = 0.0
    pw = 0.0
    qw = 0.0
    for i in range(n):
        p = p_row[i] - mean_p
        q = q_row[i] - mean_q
        v = weight[i] * (w[i] - mean_w)
        pp += weight[i] * p * p
        pq += weight[i] * p * q
        qq += weight[i] * q * q
        pw += p * v
        qw += q * v
    determinant = pp * qq - pq * pq
    best_u = -1.0
    best_v = -1.0
    if determinant > 1e-14 * pp * qq:
        best_u = (pw * qq - qw * pq) / determinant
        best_v = (qw * pp - pw * pq) / determinant
    if not (0.0 <= best_u <= cap and 0.0 <= best_v <= cap):
        # The squares are convex: outside the square its best point lies on an edge.
        least = np.inf
        for edge in range(4):
            fixed = 0.0 if edge < 2 else cap
            if edge % 2 == 0:
                u = fixed
                v = min(max((qw - pq * u) / qq, 0.0), cap) if qq > 0.0 else 0.0
            else:
                v = fixed
                u = min(max((pw - pq * v) / pp, 0.0), cap) if pp > 0.0 else 0.0
            cost = u * (u * pp + 2.0 * v * pq - 2.0 * pw) + v * (v * qq - 2.0 * qw)
            if cost < least:
                least = cost
                best_u = u
                best_v = v
    out[1] = best_u
    out[2] = best_v
    out[0] = mean_w - best_u * mean_p - best_v * mean_q
    if out[0] + math.sqrt(best_u * best_v) < 0.0:
        return _touching(w, weight, p_row, q_row, cap, out)
    return _cost(w, weight, p_row, q_row, out)


@njit(cache=True, error_model="numpy")
def _look(k, a, u, v, m, sigma, look, nearer):
    """How bad arbitrage is at one k: what g lacks, and a fifth of the share of variance lacking to the nearer slice."""
    scale = look[1]
    x = k - m
    root = math.sqrt(x * x + sigma * sigma)
    b = 0.5 * (u + v) / sigma * scale
    tilt = 0.5 * (u - v) / sigma * scale
    w = a * scale + look[2] + tilt * x + b * root
    first = tilt + b * x / root
    second = b * sigma * sigma / (root * root * root)
    bow = 1.0 - k * first / (2.0 * w)
    g = bow * bow - first * first * 0.25 * (1.0 / w + 0.25) + 0.5 * second
    bad = max(0.0, _MARGIN - g)
    if nearer[4] > 0.0:
        x = k - nearer[3]
        least = nearer[0] + nearer[1] * (nearer[2] * x + math.sqrt(x * x + nearer[4] * nearer[4]))
        bad += 0.2 * max(0.0, _MARGIN - (w - least) / least)
    return bad


@njit(cache=True, error_model="numpy")
def _arbitrage(a, u, v, m, sigma, look, nearer):
    """0 for a slice without arbitrage over |k| ≤ reach, else how bad it is where it is worst."""
    reach = look[3]
    worst = 0.0
    for i in range(_LOOKS):
        worst = max(worst, _look(_SHARES[i] * reach, a, u, v, m, sigma, look, nearer))
        k = m + sigma * _BENDS[i]
        if abs(k) < reach:
            worst = max(worst, _look(k, a, u, v, m, sigma, look, nearer))
    return worst


@njit(cache=True, error_model="numpy")
def _at(k, w, weight, low, span, steepest, look, nearer, x, s, room, out):
    """The cost at m = low + x·span and ln(σ / span) = s, both moved into their bounds.

    `look` is (price of arbitrage, scale of w, its floor, reach): where the price is not 0 arbitrage costs up to it.
    """
    x = min(max(x, -_WIDEST_M), 1.0 + _WIDEST_M)
    s = min(max(s, _LOG_NARROWEST), _LOG_WIDEST)
    sigma = span * math.exp(s)
    m = low + x * span
    cost = linear_part(k, w, weight, m, sigma, steepest * sigma, room, out)
    if look[0] > 0.0:
        cost += look[0] * _arbitrage(out[0], out[1], out[2], m, sigma, look, nearer)
    return cost


@njit(cache=True, error_model="numpy")
def _descend(  # noqa: C901, PLR0912 — one loop, all its moves
    k, w, weight, low, span, steepest, look, nearer, x, s, size, steps, room, found
):
    """Nelder-Mead over (x, s) from a triangle of this size; `found` gets x and s, the result is the cost."""
    out = np.empty(3)
    px = np.array([x, x + size, x])
    ps = np.array([s, s, s + 2.0 * size])
    f = np.empty(3)
    for i in range(3):
        f[i] = _at(k, w, weight, low, span, steepest, look, nearer, px[i], ps[i], room, out)
    for _ in range(steps):
        for i, j in ((0, 1), (1, 2), (0, 1)):
            if f[j] < f[i]:
                f[i], f[j] = f[j], f[i]
                px[i], px[j] = px[j], px[i]
                ps[i], ps[j] = ps[j], ps[i]
        if abs(px[2] - px[0]) + abs(px[1] - px[0]) + abs(ps[2] - ps[0]) + abs(ps[1] - ps[0]) < _CLOSE:
            break
        cx = 0.5 * (px[0] + px[1])
        cs = 0.5 * (ps[0] + ps[1])
        rx = 2.0 * cx - px[2]
        rs = 2.0 * cs - ps[2]
        fr = _at(k, w, weight, low, span, steepest, look, nearer, rx, rs, room, out)
        if fr < f[0]:
            ex = 3.0 * cx - 2.0 * px[2]
            es = 3.0 * cs - 2.0 * ps[2]
            fe = _at(k, w, weight, low, span, steepest, look, nearer, ex, es, room, out)
            if fe < fr:
                rx = ex
                rs = es
                fr = fe
            px[2] = rx
            ps[2] = rs
            f[2] = fr
            continue
        if fr < f[1]:
            px[2] = rx
            ps[2] = rs
            f[2] = fr
            continue
        if fr < f[2]:
            px[2] = rx
            ps[2] = rs
            f[2] = fr
        ix = 0.5 * (cx + px[2])
        js = 0.5 * (cs + ps[2])
        fi = _at(k, w, weight, low, span, steepest, look, nearer, ix, js, room, out)
        if fi < f[2]:
            px[2] = ix
            ps[2] = js
            f[2] = fi
            continue
        for i in range(1, 3):
            px[i] = 0.5 * (px[0] + px[i])
            ps[i] = 0.5 * (ps[0] + ps[i])
            f[i] = _at(k, w, weight, low, span, steepest, look, nearer, px[i], ps[i], room, out)
    best = 0
    for i in range(1, 3):
        if f[i] < f[best]:
            best = i
    found[0] = min(max(px[best], -_WIDEST_M), 1.0 + _WIDEST_M)
    found[1] = min(max(ps[best], _LOG_NARROWEST), _LOG_WIDEST)
    return f[best]


@njit(cache=True, error_model="numpy")
def _lowest(cost):
    """Row and column of the least entry; it and its neighbours, which lead to the same valley, count no more."""
    row = 0
    column = 0
    for i in range(cost.shape[0]):
        for j in range(cost.shape[1]):
            if cost[i, j] < cost[row, column]:
                row = i
                column = j
    for i in range(max(row - 1, 0), min(row + 2, cost.shape[0])):
        for j in range(max(column - 1, 0), min(column + 2, cost.shape[1])):
            cost[i, j] = np.inf
    return row, column


@njit(cache=True, error_model="numpy")
def _best(k, w, weight, low, span, steepest, look, nearer, room, found):
    """The best x and s (into `found`) and its cost: a grid, descents from its best points, one to the bottom."""
    out = np.empty(3)
    cost = np.empty((_XS.shape[0], _SS.shape[0]))
    for i in range(_XS.shape[0]):
        for j in range(_SS.shape[0]):
            cost[i, j] = _at(k, w, weight, low, span, steepest, look, nearer, _XS[i], _SS[j], room, out)
    best = np.inf
    x = 0.5
    s = 0.0
    for turn in range(_STARTS + _LAST_TURNS):
        is_start = turn < _STARTS
        row, column = _lowest(cost) if is_start else (0, 0)
        reached = _descend(
            k, w, weight, low, span, steepest, look, nearer,
            _XS[row] if is_start else x, _SS[column] if is_start else s, 0.06 if is_start else 0.01,
            _FIRST_STEPS if is_start else _STEPS, room, found,
        )  # fmt: skip
        if not is_start and not reached < best * (1.0 - 1e-9):
            break
        if reached < best:
            best = reached
            x = found[0]
            s = found[1]
    found[0] = x
    found[1] = s
    return best


@njit(cache=True, error_model="numpy")
def search(k, w, weight, scale, floor, reach, nearer):
    """a, b, rho, m, σ of the best slice of total variance `scale · w + floor`, by these weights that sum to one.

    `k` are log-moneynesses. `nearer` holds the five numbers of the nearer expiry, zeros without one: where slices cost
    nearly the same, one without butterflies over |k| ≤ reach that does not cross it is preferred.
    """
    low = k[0]
    high = k[0]
    for i in range(1, k.shape[0]):
        low = min(low, k[i])
        high = max(high, k[i])
    span = high - low
    steepest = LEE / scale
    look = np.array([0.0, scale, floor, reach])
    room = np.empty((2, k.shape[0]))
    found = np.empty(2)
    out = np.empty(3)
    best = _best(k, w, weight, low, span, steepest, look, nearer, room, found)
    x = found[0]
    s = found[1]
    _at(k, w, weight, low, span, steepest, look, nearer, x, s, room, out)
    if _arbitrage(out[0], out[1], out[2], low + x * span, span * math.exp(s), look, nearer) > 0.0:
        for price in _PRICES:
            look[0] = price * best
            _best(k, w, weight, low, span, steepest, look, nearer, room, found)
            look[0] = 0.0
            cost = _at(k, w, weight, low, span, steepest, look, nearer, found[0], found[1], room, out)
            if cost <= ALLOWED * ALLOWED * best:
                x = found[0]
                s = found[1]
                break
    _at(k, w, weight, low, span, steepest, look, nearer, x, s, room, out)
    sigma = span * math.exp(s)
    result = np.empty(5)
    result[0] = out[0] * scale + floor
    result[1] = 0.5 * (out[1] + out[2]) / sigma * scale
    result[2] = (out[1] - out[2]) / (out[1] + out[2]) if out[1] + out[2] > 0.0 else 0.0
    result[3] = low + x * span
    result[4] = sigma
    return result


@njit(cache=True, error_model="numpy")
def _g(k, a, b, rho, m, sigma):
    x = k - m
    root = math.sqrt(x * x + sigma * sigma)
    w = a + b * (rho * x + root)
    if not w > 0.0:
        return np.nan
    first = b * (rho + x / root)
    bow = 1.0 - k * first / (2.0 * w)
    return bow * bow - first * first * 0.25 * (1.0 / w + 0.25) + 0.5 * b * sigma * sigma / (root * root * root)


@njit(cache=True, error_model="numpy")
def least_g(a, b, rho, m, sigma, low, high):
    """The least g between two log-moneynesses, and where; −inf at the first point without a positive variance.

    A thousand points, even ones and others dense where the smile bends; the best is closed in upon.
    """
    if a + b * sigma * math.sqrt(max(0.0, 1.0 - rho * rho)) <= 0.0:
        lowest = min(max(m - rho * sigma / math.sqrt(max(1e-300, 1.0 - rho * rho)), low), high)
        if np.isnan(_g(lowest, a, b, rho, m, sigma)):
            return -np.inf, lowest
    best = np.inf
    at = low
    width = (high - low) / (_FINE - 1)
    for i in range(2 * _FINE):
        is_even = i < _FINE
        k = low + i * width if is_even else m + sigma * _FINE_BENDS[i - _FINE]
        if not low <= k <= high:
            continue
        g = _g(k, a, b, rho, m, sigma)
        if np.isnan(g):
            return -np.inf, k
        if g < best:
            best = g
            at = k
    for _ in range(10):
        left = max(at - width, low)
        width = (min(at + width, high) - left) / 16.0
        for j in range(17):
            k = left + j * width
            g = _g(k, a, b, rho, m, sigma)
            if g < best:
                best = g
                at = k
    return best, at
