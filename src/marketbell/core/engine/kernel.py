"""The kernels: one pass over the log's ticks, in log order, over dense rows of state.

Everything that Numba compiles for the engine, and the places of every value in the state, stand in
this one file: a cached kernel is recompiled when its file changes and only then, so a constant that
lived elsewhere could be stale in somebody's cache. No fastmath, no clock, no randomness.

State of a row (an instrument) are two vectors, `F` of float64 and `I` of int64, so that a tick
touches few cache lines. Open one-minute bars stand in `slots` places a row (`BF`, `BI`), as many as
the allowed lateness can keep open at once.
"""

import math

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201, ANN202, C901, PLR0912, PLR0915, E741, N803 — kernels are long, flat and typed by Numba
# mypy: disable-error-code="no-untyped-def,misc"

SECOND = 1_000_000_000
MINUTE = 60_000_000_000
DAY = 86_400_000_000_000
EPOCH_2000 = 946_684_800_000_000_000
FUTURE_LIVE = 5 * SECOND
FIRST_TICK = 60 * SECOND
YEAR_52W = 364 * DAY
NEVER = -(1 << 62)

# --- float64 state -------------------------------------------------------------------------------
F_LAST = 0  # newest in-order price
F_OPEN = 1
F_HIGH = 2
F_LOW = 3
F_PV = 4  # session's sum of price * size
F_SIZE = 5  # session's sum of sizes
F_CUM = 6  # largest cumulative volume of the session
F_BASE = 7  # largest cumulative before the end of the last closed minute
F_PREV_CLOSE = 8
F_HIST_HIGH = 9  # of the 364 days before this session
F_HIST_LOW = 10
F_BID = 11
F_ASK = 12
F_VOLATILITY = 13
F_SPIKE = 14
F_BAR_CLOSE = 15  # close of the last closed minute of this session
F_SHARES = 16
F_UP_LOW = 17  # no up level lies in [UP_LOW, UP_HIGH) but at UP_HIGH: the last price moved inside
F_UP_HIGH = 18
F_DOWN_LOW = 19
F_DOWN_HIGH = 20
F_BID_SIZE = 21
F_ASK_SIZE = 22
NF = 23

# --- int64 state ---------------------------------------------------------------------------------
I_ID = 0
I_CAL_LO = 1  # the calendar's range in the session arrays
I_CAL_HI = 2
I_OPEN = 3  # current session, ns UTC
I_CLOSE = 4
I_DATE = 5
I_NEWEST = 6  # newest accepted event time
I_SEALED = 7  # the session is final
I_TRADES = 8
I_OPEN_TIME = 9  # event time of the day's first price
I_EVALS = 10  # evaluations of tick rules so far
I_RING_AT = 11
I_RING_CAP = 12
I_RING_HEAD = 13
I_RING_LEN = 14
I_MAX_ID = 15
I_VR_LEN = 16  # one-minute returns seen (ring of 20)
I_MV_LEN = 17  # closed minutes of this session (ring of 20)
I_HIST_LEN = 18
I_QUOTE_TIME = 19
I_DUE = 20  # end of the oldest open minute, far future when none is open
I_MINUTES = 21  # minutes of the calendar's usual session
I_HAS_VOLUME = 22  # a volume or size was seen in this session
I_CUM_SEEN = 23
NI = 24

# --- open minute bars ----------------------------------------------------------------------------
B_OPEN = 0
B_HIGH = 1
B_LOW = 2
B_CLOSE = 3
B_PV = 4
B_SIZE = 5
B_CUM = 6  # largest cumulative inside the bar, -1 when none
B_SIZES = 7  # sum of sizes of a feed without cumulative volume
NB = 8
J_START = 0  # -1: the place is free
J_OPEN_TIME = 1
J_CLOSE_TIME = 2
J_TRADES = 3
J_HAS_VOLUME = 4
NJ = 5

FAR = (1 << 63) - 1
RETURNS = 20
MIN_RETURNS = 10
MIN_DAYS = 3
MIN_MINUTES = 5
HISTORY = 372

# --- columns of the outputs ----------------------------------------------------------------------
# bars: f open, high, low, close, volume, vwap; i row, start, trades
# quality: i instrument_id, kind, event_time, count, row
# fired: i slot, event_time, nth, row; f previous, value

# --- columns of the armed levels -----------------------------------------------------------------
R_ACTIVE = 0
R_ARMED = 1  # the row's evaluation count when it was armed
R_EXPIRES = 2
R_POLICY = 3  # POLICY_*
R_LAST = 4  # event time of the newest firing
R_NTH = 5  # how many at that time
R_KEY = 6  # session date or minute of the newest firing
R_ROW = 7
R_DIRECTION = 8  # 1 above, 0 below
NR = 9

POLICY_ONCE = 0
POLICY_EVERY = 1
POLICY_DAY = 2
POLICY_BAR = 3

K_EPOCH = 0
K_BAD_PRICE = 1
K_FUTURE = 2
K_OUT_OF_SESSION = 3
K_DUPLICATE = 4
K_LATE = 5
K_OUT_OF_ORDER = 6
K_VOLUME_REGRESSION = 7
K_START_UNKNOWN = 8
K_UNKNOWN = 9

FLAG_FUTURE = 1
FLAG_SOURCE_CLOCK = 2

_HASH = np.uint64(0x9E3779B97F4A7C15)


@njit(cache=True, error_model="numpy")
def fill_table(keys, rows, ids, first, shift):
    """Put instrument ids into the open-addressing table (keys 0 are free; its length is a power of 2)."""
    mask = len(keys) - 1
    for r in range(first, len(ids)):
        h = np.int64((np.uint64(ids[r]) * _HASH) >> np.uint64(shift))
        while keys[h] != 0:
            h = (h + 1) & mask
        keys[h] = ids[r]
        rows[h] = r


@njit(cache=True, error_model="numpy")
def find_rows(keys, rows, shift, ids, out):
    """Row of each instrument id, -1 where it is not known."""
    mask = len(keys) - 1
    for n in range(len(ids)):
        h = np.int64((np.uint64(ids[n]) * _HASH) >> np.uint64(shift))
        while keys[h] != 0 and keys[h] != ids[n]:
            h = (h + 1) & mask
        out[n] = rows[h] if keys[h] != 0 else -1


@njit(cache=True, error_model="numpy")
def _lower(values, lo, hi, x):
    """First index in [lo, hi) whose value is >= x."""
    while lo < hi:
        mid = (lo + hi) >> 1
        if values[mid] < x:
            lo = mid + 1
        else:
            hi = mid
    return lo


@njit(cache=True, error_model="numpy")
def _upper(values, lo, hi, x):
    """First index in [lo, hi) whose value is > x."""
    while lo < hi:
        mid = (lo + hi) >> 1
        if values[mid] <= x:
            lo = mid + 1
        else:
            hi = mid
    return lo


@njit(cache=True, error_model="numpy")
def _session_of(opens, closes, lo, hi, t):
    """Index of the session in [lo, hi) that holds t, else -1."""
    s = _upper(opens, lo, hi, t) - 1
    if s < lo or t >= closes[s]:
        return -1
    return s


@njit(cache=True, error_model="numpy")
def _fire(I, r, prev, now, t, slots, a, b, rules, fi, ff, nf):
    """Emit the levels in places [a, b) that may fire now; the arrays grow as needed."""
    evals = I[r, I_EVALS]
    if nf + (b - a) > len(fi):
        size = max(2 * len(fi), nf + (b - a))
        fi2 = np.empty((size, 4), np.int64)
        ff2 = np.empty((size, 2), np.float64)
        for k in range(nf):
            for c in range(4):
                fi2[k, c] = fi[k, c]
            for c in range(2):
                ff2[k, c] = ff[k, c]
        fi = fi2
        ff = ff2
    for k in range(a, b):
        s = slots[k]
        if rules[s, R_ACTIVE] == 0 or evals <= rules[s, R_ARMED]:
            continue
        if t >= rules[s, R_EXPIRES]:
            rules[s, R_ACTIVE] = 0
            continue
        policy = rules[s, R_POLICY]
        if policy == POLICY_ONCE:
            rules[s, R_ACTIVE] = 0
        elif policy != POLICY_EVERY:
            key = I[r, I_DATE] if policy == POLICY_DAY else (t - I[r, I_OPEN]) // MINUTE * MINUTE + I[r, I_OPEN]
            if rules[s, R_KEY] == key:
                continue
            rules[s, R_KEY] = key
        if rules[s, R_LAST] == t:
            rules[s, R_NTH] += 1
        else:
            rules[s, R_LAST] = t
            rules[s, R_NTH] = 1
        fi[nf, 0] = s
        fi[nf, 1] = t
        fi[nf, 2] = rules[s, R_NTH]
        fi[nf, 3] = r
        ff[nf, 0] = prev
        ff[nf, 1] = now
        nf += 1
    return fi, ff, nf


@njit(cache=True, error_model="numpy")
def _evaluate(F, I, r, prev, now, t, up, up_ptr, up_slot, dn, dn_ptr, dn_slot, rules, fi, ff, nf):
    """Tick rules at one evaluation: up levels in [prev, now), down levels in (now, prev].

    While the price stays between two neighbouring levels nothing is searched: the neighbours are
    kept in the row (UP_LOW < price <= UP_HIGH, DOWN_LOW <= price < DOWN_HIGH).
    """
    if not (F[r, F_UP_LOW] < now <= F[r, F_UP_HIGH]):
        lo = up_ptr[r]
        hi = up_ptr[r + 1]
        b = _lower(up, lo, hi, now)
        if prev < now:
            a = _lower(up, lo, hi, prev)
            if b > a:
                fi, ff, nf = _fire(I, r, prev, now, t, up_slot, a, b, rules, fi, ff, nf)
        F[r, F_UP_LOW] = up[b - 1] if b > lo else -np.inf
        F[r, F_UP_HIGH] = up[b] if b < hi else np.inf
    if not (F[r, F_DOWN_LOW] <= now < F[r, F_DOWN_HIGH]):
        lo = dn_ptr[r]
        hi = dn_ptr[r + 1]
        a = _upper(dn, lo, hi, now)
        if prev > now:
            b = _upper(dn, lo, hi, prev)
            if b > a:
                fi, ff, nf = _fire(I, r, prev, now, t, dn_slot, a, b, rules, fi, ff, nf)
        F[r, F_DOWN_LOW] = dn[a - 1] if a > lo else -np.inf
        F[r, F_DOWN_HIGH] = dn[a] if a < hi else np.inf
    I[r, I_EVALS] += 1
    return fi, ff, nf


@njit(cache=True, error_model="numpy")
def _minute_statistics(F, I, r, start, close, volume, returns, minutes, profile):
    """Volatility and volume spike at the close of a minute; the profile learns the minute afterwards."""
    before = F[r, F_BAR_CLOSE]
    F[r, F_BAR_CLOSE] = close
    if before > 0 and close > 0:
        n = I[r, I_VR_LEN]
        returns[r, n % RETURNS] = math.log(close / before)
        n += 1
        I[r, I_VR_LEN] = n
        held = min(n, RETURNS)
        if held >= MIN_RETURNS:
            mean = 0.0
            for k in range(held):
                mean += returns[r, (n - held + k) % RETURNS]
            mean /= held
            square = 0.0
            for k in range(held):
                d = returns[r, (n - held + k) % RETURNS] - mean
                square += d * d
            F[r, F_VOLATILITY] = 100.0 * math.sqrt(square / held * I[r, I_MINUTES] * 252.0)
    F[r, F_SPIKE] = np.nan
    if math.isnan(volume):
        return
    minute = (start - I[r, I_OPEN]) // MINUTE
    fits = minute < profile.shape[1]
    if fits and profile[r, minute, 0] >= MIN_DAYS:
        deviation = math.sqrt(profile[r, minute, 2] / profile[r, minute, 0])
        if deviation > 0:
            F[r, F_SPIKE] = (volume - profile[r, minute, 1]) / deviation
    else:
        n = I[r, I_MV_LEN]
        held = min(n, RETURNS)
        if held >= MIN_MINUTES:
            mean = 0.0
            for k in range(held):
                mean += minutes[r, (n - held + k) % RETURNS]
            mean /= held
            square = 0.0
            for k in range(held):
                d = minutes[r, (n - held + k) % RETURNS] - mean
                square += d * d
            deviation = math.sqrt(square / held)
            if deviation > 0:
                F[r, F_SPIKE] = (volume - mean) / deviation
    minutes[r, I[r, I_MV_LEN] % RETURNS] = volume
    I[r, I_MV_LEN] += 1
    if fits:
        profile[r, minute, 0] += 1
        d = volume - profile[r, minute, 1]
        profile[r, minute, 1] += d / profile[r, minute, 0]
        profile[r, minute, 2] += d * (volume - profile[r, minute, 1])


@njit(cache=True, error_model="numpy")
def _close_minutes(F, I, BF, BI, r, slots, until, returns, minutes, profile, bf, bi, nb):
    """Close the open minutes of a row whose end is not after `until`, oldest first; returns the new count."""
    while I[r, I_DUE] <= until:
        best = -1
        second = np.int64(FAR)
        first = np.int64(FAR)
        for k in range(r * slots, r * slots + slots):
            s = BI[k, J_START]
            if s < 0:
                continue
            if s < first:
                second = first
                first = s
                best = k
            elif s < second:
                second = s
        if best < 0:
            I[r, I_DUE] = FAR
            break
        volume = BF[best, B_SIZES]
        if BF[best, B_CUM] > F[r, F_BASE]:
            volume += BF[best, B_CUM] - F[r, F_BASE]
            F[r, F_BASE] = BF[best, B_CUM]
        if BI[best, J_HAS_VOLUME] == 0:
            volume = np.nan
        bf[nb, 0] = BF[best, B_OPEN]
        bf[nb, 1] = BF[best, B_HIGH]
        bf[nb, 2] = BF[best, B_LOW]
        bf[nb, 3] = BF[best, B_CLOSE]
        bf[nb, 4] = volume
        bf[nb, 5] = BF[best, B_PV] / BF[best, B_SIZE] if BF[best, B_SIZE] > 0 else np.nan
        bi[nb, 0] = r
        bi[nb, 1] = first
        bi[nb, 2] = BI[best, J_TRADES]
        nb += 1
        BI[best, J_START] = -1
        I[r, I_DUE] = FAR if second == FAR else min(second + MINUTE, I[r, I_CLOSE])
        _minute_statistics(F, I, r, first, BF[best, B_CLOSE], volume, returns, minutes, profile)
    return nb


@njit(cache=True, error_model="numpy")
def _put_history(I, hist_t, hist_f, r, start, high, low, close):
    """Insert or replace a daily bar, oldest first; the oldest leaves a full history."""
    n = I[r, I_HIST_LEN]
    at = _lower(hist_t[r], 0, n, start)
    if at < n and hist_t[r, at] == start:
        pass
    else:
        if n == HISTORY:
            if at == 0:
                return
            for k in range(n - 1):
                hist_t[r, k] = hist_t[r, k + 1]
                for c in range(3):
                    hist_f[r, k, c] = hist_f[r, k + 1, c]
            n -= 1
            at -= 1
        for k in range(n, at, -1):
            hist_t[r, k] = hist_t[r, k - 1]
            for c in range(3):
                hist_f[r, k, c] = hist_f[r, k - 1, c]
        I[r, I_HIST_LEN] = n + 1
    hist_t[r, at] = start
    hist_f[r, at, 0] = high
    hist_f[r, at, 1] = low
    hist_f[r, at, 2] = close


@njit(cache=True, error_model="numpy")
def _read_history(F, I, hist_t, hist_f, r, at):
    """Previous close and 52-week range from the daily bars that started before `at`."""
    n = I[r, I_HIST_LEN]
    limit = _lower(hist_t[r], 0, n, at)
    F[r, F_PREV_CLOSE] = hist_f[r, limit - 1, 2] if limit > 0 else np.nan
    high = np.nan
    low = np.nan
    for k in range(limit - 1, -1, -1):
        if hist_t[r, k] < at - YEAR_52W:
            break
        if not (hist_f[r, k, 0] <= high):
            high = hist_f[r, k, 0]
        if not (hist_f[r, k, 1] >= low):
            low = hist_f[r, k, 1]
    F[r, F_HIST_HIGH] = high
    F[r, F_HIST_LOW] = low


@njit(cache=True, error_model="numpy")
def _seal(F, I, BF, BI, r, slots, returns, minutes, profile, hist_t, hist_f, bf, bi, nb, df, di, nd):
    """The session of a row is over: close its open minutes and its day. Needs `slots` and 1 free places."""
    nb = _close_minutes(F, I, BF, BI, r, slots, np.int64(FAR - 1), returns, minutes, profile, bf, bi, nb)
    I[r, I_SEALED] = 1
    df[nd, 0] = F[r, F_OPEN]
    df[nd, 1] = F[r, F_HIGH]
    df[nd, 2] = F[r, F_LOW]
    df[nd, 3] = F[r, F_LAST]
    df[nd, 4] = F[r, F_CUM] if I[r, I_HAS_VOLUME] == 1 else np.nan
    df[nd, 5] = F[r, F_PV] / F[r, F_SIZE] if F[r, F_SIZE] > 0 else np.nan
    di[nd, 0] = r
    di[nd, 1] = I[r, I_OPEN]
    di[nd, 2] = I[r, I_TRADES]
    _put_history(I, hist_t, hist_f, r, I[r, I_OPEN], F[r, F_HIGH], F[r, F_LOW], F[r, F_LAST])
    return nb, nd + 1


@njit(cache=True, error_model="numpy")
def _begin_day(F, I, r, open_, close, date, price, t, hist_t, hist_f):
    """A new session of a row starts with this price."""
    I[r, I_OPEN] = open_
    I[r, I_CLOSE] = close
    I[r, I_DATE] = date
    I[r, I_SEALED] = 0
    I[r, I_TRADES] = 0
    I[r, I_OPEN_TIME] = t
    I[r, I_MV_LEN] = 0
    I[r, I_HAS_VOLUME] = 0
    I[r, I_CUM_SEEN] = 0
    I[r, I_DUE] = FAR
    F[r, F_OPEN] = price
    F[r, F_HIGH] = price
    F[r, F_LOW] = price
    F[r, F_PV] = 0.0
    F[r, F_SIZE] = 0.0
    F[r, F_CUM] = 0.0
    F[r, F_BASE] = 0.0
    F[r, F_BAR_CLOSE] = np.nan
    F[r, F_SPIKE] = np.nan
    _read_history(F, I, hist_t, hist_f, r, open_)


@njit(cache=True, error_model="numpy")
def _grown(a, need):
    """The array, or a copy with at least `need` places (twice as many).

    Element by element: assigning slices would compile Numba's messages about shapes with every kernel.
    """
    if need <= len(a):
        return a
    b = np.empty((max(need, 2 * len(a)), a.shape[1]), a.dtype)
    for n in range(len(a)):
        for c in range(a.shape[1]):
            b[n, c] = a[n, c]
    return b


@njit(cache=True, error_model="numpy")
def _is_duplicate(I, ring_i, ring_f, r, t, price, volume, trade_id, oldest):
    """True where the tick repeats an accepted one whose time lies in [oldest, newest]."""
    cap = I[r, I_RING_CAP]
    at = I[r, I_RING_AT]
    head = I[r, I_RING_HEAD]
    has_volume = not math.isnan(volume)
    for k in range(I[r, I_RING_LEN]):
        j = at + ((head - 1 - k) & (cap - 1))
        if trade_id >= 0:
            if ring_i[j, 1] == trade_id and ring_i[j, 0] >= oldest:
                return True
        elif ring_i[j, 0] == t and ring_f[j, 0] == price:
            if has_volume:
                if ring_f[j, 1] == volume:
                    return True
            elif math.isnan(ring_f[j, 1]):
                return True
    return False


@njit(cache=True, error_model="numpy")
def trades(
    keys, key_rows, shift, F, I, Q, BF, BI, slots, late, opens, closes, dates, ring_i, ring_f, ring_used,
    returns, minutes, profile, hist_t, hist_f, touched, up, up_ptr, up_slot, dn, dn_ptr, dn_slot, rules,
    bi, bf, di, df, qi, fi, ff, late_at, ids, event_time, ingest_time, price_, volume_, size_, trade_id_, flags,
):  # fmt: skip
    """Apply ticks in log order. Returns the arrays that may have grown, and how much of each is filled."""
    nb = np.int64(0)
    nd = np.int64(0)
    nq = np.int64(0)
    nf = np.int64(0)
    nl = np.int64(0)
    accepted = 0
    mask = len(keys) - 1
    for n in range(len(ids)):
        if nq + 3 > len(qi):
            qi = _grown(qi, nq + 3)
        t = event_time[n]
        price = price_[n]
        ident = ids[n]
        h = np.int64((np.uint64(ident) * _HASH) >> np.uint64(shift))
        while keys[h] != 0 and keys[h] != ident:
            h = (h + 1) & mask
        r = key_rows[h] if keys[h] != 0 else -1
        kind = -1
        s = -1
        if r < 0:
            kind = K_UNKNOWN
        elif t < EPOCH_2000:
            kind = K_EPOCH
        elif not (price > 0.0 and price < np.inf):
            kind = K_BAD_PRICE
        elif (flags[n] & FLAG_FUTURE) if (flags[n] & FLAG_SOURCE_CLOCK) else (t > ingest_time[n] + FUTURE_LIVE):
            kind = K_FUTURE
        else:
            newest = I[r, I_NEWEST]
            if not (I[r, I_OPEN] <= t < I[r, I_CLOSE]):
                s = _session_of(opens, closes, I[r, I_CAL_LO], I[r, I_CAL_HI], t)
                if s < 0:
                    kind = K_OUT_OF_SESSION
            if kind < 0:
                volume = volume_[n]
                size = size_[n]
                if math.isinf(volume):
                    volume = np.nan
                trade_id = trade_id_[n]
                sized = math.isnan(volume) and not math.isnan(size)
                oldest = newest - late
                if (
                    t >= oldest
                    and (t <= newest or trade_id >= 0)
                    and not (trade_id > I[r, I_MAX_ID] or (sized and trade_id < 0))
                    and _is_duplicate(I, ring_i, ring_f, r, t, price, volume, trade_id, oldest)
                ):
                    kind = K_DUPLICATE
                elif t < oldest or (t < I[r, I_CLOSE] and I[r, I_SEALED] == 1) or (s >= 0 and t < I[r, I_OPEN]):
                    kind = K_LATE
                    if nl == len(late_at):
                        late2 = np.empty(2 * nl, np.int64)
                        for k in range(nl):
                            late2[k] = late_at[k]
                        late_at = late2
                    late_at[nl] = n
                    nl += 1
        if kind >= 0:
            if r >= 0:
                Q[r, kind] += 1
            qi[nq, 0] = ident
            qi[nq, 1] = kind
            qi[nq, 2] = t
            qi[nq, 3] = 1
            qi[nq, 4] = r
            nq += 1
            continue

        # Accepted. A new session first ends the one before.
        if nb + slots > len(bi):
            bi = _grown(bi, nb + slots)
            bf = _grown(bf, nb + slots)
        if s >= 0:
            if nd + 1 > len(di):
                di = _grown(di, nd + 1)
                df = _grown(df, nd + 1)
            if I[r, I_OPEN] != NEVER and I[r, I_SEALED] == 0:
                nb, nd = _seal(
                    F, I, BF, BI, r, slots, returns, minutes, profile, hist_t, hist_f, bf, bi, nb, df, di, nd
                )
                if nb + slots > len(bi):
                    bi = _grown(bi, nb + slots)
                    bf = _grown(bf, nb + slots)
            _begin_day(F, I, r, opens[s], closes[s], dates[s], price, t, hist_t, hist_f)
        accepted += 1
        touched[r] = 1
        ordered = t >= newest
        if ordered:
            I[r, I_NEWEST] = t
            if I[r, I_DUE] <= t - late:
                nb = _close_minutes(F, I, BF, BI, r, slots, t - late, returns, minutes, profile, bf, bi, nb)
        else:
            Q[r, K_OUT_OF_ORDER] += 1
            qi[nq, 0] = ident
            qi[nq, 1] = K_OUT_OF_ORDER
            qi[nq, 2] = t
            qi[nq, 3] = 1
            qi[nq, 4] = r
            nq += 1

        # The size of the tick, from its cumulative volume or its own.
        amount = 0.0
        if not math.isnan(volume):
            largest = F[r, F_CUM]
            I[r, I_HAS_VOLUME] = 1
            if volume < largest:
                Q[r, K_VOLUME_REGRESSION] += 1
                qi[nq, 0] = ident
                qi[nq, 1] = K_VOLUME_REGRESSION
                qi[nq, 2] = t
                qi[nq, 3] = 1
                qi[nq, 4] = r
                nq += 1
            else:
                if I[r, I_CUM_SEEN] == 0 and volume > 0 and t - I[r, I_OPEN] > FIRST_TICK:
                    Q[r, K_START_UNKNOWN] += 1
                    qi[nq, 0] = ident
                    qi[nq, 1] = K_START_UNKNOWN
                    qi[nq, 2] = t
                    qi[nq, 3] = 1
                    qi[nq, 4] = r
                    nq += 1
                    F[r, F_BASE] = volume
                else:
                    amount = volume - largest
                F[r, F_CUM] = volume
            I[r, I_CUM_SEEN] = 1
        elif size > 0.0 and size < np.inf:
            amount = size
            I[r, I_HAS_VOLUME] = 1
            F[r, F_CUM] += size
        F[r, F_PV] += price * amount
        F[r, F_SIZE] += amount
        I[r, I_TRADES] += 1
        F[r, F_HIGH] = max(F[r, F_HIGH], price)
        F[r, F_LOW] = min(F[r, F_LOW], price)
        if t < I[r, I_OPEN_TIME]:
            I[r, I_OPEN_TIME] = t
            F[r, F_OPEN] = price

        # Its own minute.
        minute = (t - I[r, I_OPEN]) // MINUTE
        start = I[r, I_OPEN] + minute * MINUTE
        b = r * slots + minute % slots
        if BI[b, J_START] != start:
            BI[b, J_START] = start
            BI[b, J_OPEN_TIME] = t
            BI[b, J_CLOSE_TIME] = t
            BI[b, J_TRADES] = 1
            BI[b, J_HAS_VOLUME] = 0
            BF[b, B_OPEN] = price
            BF[b, B_HIGH] = price
            BF[b, B_LOW] = price
            BF[b, B_CLOSE] = price
            BF[b, B_PV] = price * amount
            BF[b, B_SIZE] = amount
            BF[b, B_CUM] = -1.0
            BF[b, B_SIZES] = 0.0
            end = min(start + MINUTE, I[r, I_CLOSE])
            I[r, I_DUE] = min(I[r, I_DUE], end)
        else:
            BI[b, J_TRADES] += 1
            BF[b, B_HIGH] = max(BF[b, B_HIGH], price)
            BF[b, B_LOW] = min(BF[b, B_LOW], price)
            if t >= BI[b, J_CLOSE_TIME]:
                BI[b, J_CLOSE_TIME] = t
                BF[b, B_CLOSE] = price
            if t < BI[b, J_OPEN_TIME]:
                BI[b, J_OPEN_TIME] = t
                BF[b, B_OPEN] = price
            BF[b, B_PV] += price * amount
            BF[b, B_SIZE] += amount
        if not math.isnan(volume):
            BI[b, J_HAS_VOLUME] = 1
            BF[b, B_CUM] = max(BF[b, B_CUM], volume)
        elif amount > 0.0:
            BI[b, J_HAS_VOLUME] = 1
            BF[b, B_SIZES] += amount

        # Remember it for duplicates.
        cap = I[r, I_RING_CAP]
        at = I[r, I_RING_AT]
        length = I[r, I_RING_LEN]
        head = I[r, I_RING_HEAD]
        oldest = I[r, I_NEWEST] - late
        while length > 0 and ring_i[at + ((head - length) & (cap - 1)), 0] < oldest:
            length -= 1
        if length == cap:
            new_at = ring_used[0]
            new_cap = max(8, 2 * cap)
            ring_used[0] = new_at + new_cap
            if new_at + new_cap > len(ring_i):
                ring_i = _grown(ring_i, new_at + new_cap)
                ring_f = _grown(ring_f, new_at + new_cap)
            for k in range(length):
                j = at + ((head - length + k) & (cap - 1))
                ring_i[new_at + k, 0] = ring_i[j, 0]
                ring_i[new_at + k, 1] = ring_i[j, 1]
                ring_f[new_at + k, 0] = ring_f[j, 0]
                ring_f[new_at + k, 1] = ring_f[j, 1]
            I[r, I_RING_AT] = new_at
            I[r, I_RING_CAP] = new_cap
            at = new_at
            cap = new_cap
            head = length
        j = at + (head & (cap - 1))
        ring_i[j, 0] = t
        ring_i[j, 1] = trade_id
        ring_f[j, 0] = price
        ring_f[j, 1] = volume
        I[r, I_RING_HEAD] = (head + 1) & (cap - 1)
        I[r, I_RING_LEN] = length + 1
        I[r, I_MAX_ID] = max(I[r, I_MAX_ID], trade_id)

        if ordered:
            prev = F[r, F_LAST]
            F[r, F_LAST] = price
            # Asked here and not inside: the call passes some eighty words of array headers.
            if F[r, F_UP_LOW] < price <= F[r, F_UP_HIGH] and F[r, F_DOWN_LOW] <= price < F[r, F_DOWN_HIGH]:
                I[r, I_EVALS] += 1
            else:
                fi, ff, nf = _evaluate(
                    F, I, r, prev, price, t, up, up_ptr, up_slot, dn, dn_ptr, dn_slot, rules, fi, ff, nf
                )
    return ring_i, ring_f, bi, bf, di, df, qi, fi, ff, late_at, nb, nd, nq, nf, nl, accepted


@njit(cache=True, error_model="numpy")
def heartbeat(
    F, I, BF, BI, slots, now, late, returns, minutes, profile, hist_t, hist_f, touched, count, bi, bf, di, df
):
    """End the sessions whose close lies `late` behind the venue's time."""
    nb = np.int64(0)
    nd = np.int64(0)
    for r in range(count):
        if I[r, I_OPEN] == NEVER or I[r, I_SEALED] == 1 or I[r, I_CLOSE] + late > now:
            continue
        if nb + slots > len(bi):
            bi = _grown(bi, nb + slots)
            bf = _grown(bf, nb + slots)
        if nd + 1 > len(di):
            di = _grown(di, nd + 1)
            df = _grown(df, nd + 1)
        nb, nd = _seal(F, I, BF, BI, r, slots, returns, minutes, profile, hist_t, hist_f, bf, bi, nb, df, di, nd)
        touched[r] = 1
    return bi, bf, di, df, nb, nd


@njit(cache=True, error_model="numpy")
def quotes(F, I, touched, rows, event_time, bid, bid_size, ask, ask_size):
    """Newest best bid and ask of each row; a price that is not above 0 is unknown."""
    for n in range(len(rows)):
        r = rows[n]
        if r < 0 or event_time[n] < I[r, I_QUOTE_TIME]:
            continue
        I[r, I_QUOTE_TIME] = event_time[n]
        F[r, F_BID] = bid[n] if bid[n] > 0 else np.nan
        F[r, F_BID_SIZE] = bid_size[n]
        F[r, F_ASK] = ask[n] if ask[n] > 0 else np.nan
        F[r, F_ASK_SIZE] = ask_size[n]
        touched[r] = 1


@njit(cache=True, error_model="numpy")
def history(F, I, hist_t, hist_f, touched, rows, timeframe, start, high, low, close):
    """Daily bars known from elsewhere: they give the previous close and the 52-week range, no price."""
    for n in range(len(rows)):
        r = rows[n]
        if r < 0 or not (close[n] > 0 and close[n] < np.inf):
            continue
        touched[r] = 1
        if timeframe[n] == 86_400:
            high_ = high[n] if high[n] > 0 else close[n]
            low_ = low[n] if low[n] > 0 else close[n]
            _put_history(I, hist_t, hist_f, r, start[n], high_, low_, close[n])
            if I[r, I_OPEN] != NEVER:
                _read_history(F, I, hist_t, hist_f, r, I[r, I_OPEN])
            else:
                _read_history(F, I, hist_t, hist_f, r, hist_t[r, I[r, I_HIST_LEN] - 1] + DAY)


@njit(cache=True, error_model="numpy")
def source_bars(
    F, I, BF, BI, slots, opens, closes, dates, returns, minutes, profile, hist_t, hist_f, touched, up, up_ptr, up_slot,
    dn, dn_ptr, dn_slot, rules, bi, bf, di, df, fi, ff, rows, timeframe, start, open_, high, low, close, volume,
    prev_close,
):  # fmt: skip
    """Bars as the source itself: each is final as it comes and is one evaluation of tick rules at its end.

    Minute bars build the day; a daily bar is the whole day. A bar that is not newer than the row's
    newest is left out (the reader delivers bars in time order). Returns the outputs and how many
    bars were left out. A price inside a minute is not known: turnover and vwap take (high + low + close) / 3.
    """
    nb = np.int64(0)
    nd = np.int64(0)
    nf = np.int64(0)
    skipped = 0
    for n in range(len(rows)):
        r = rows[n]
        price = close[n]
        if r < 0 or not (price > 0 and price < np.inf):
            skipped += 1
            continue
        s = _session_of(opens, closes, I[r, I_CAL_LO], I[r, I_CAL_HI], start[n])
        daily = timeframe[n] == 86_400
        if s >= 0:
            day_open = opens[s]
            day_close = closes[s]
            date = dates[s]
        else:
            day_open = start[n]
            day_close = start[n] + np.int64(timeframe[n]) * SECOND
            date = start[n] // DAY
        end = day_close if daily else min(start[n] + MINUTE, day_close)
        if end <= I[r, I_NEWEST]:
            skipped += 1
            continue
        nb_need = nb + slots + 1
        if nb_need > len(bi):
            bi = _grown(bi, nb_need)
            bf = _grown(bf, nb_need)
        if nd + 2 > len(di):
            di = _grown(di, nd + 2)
            df = _grown(df, nd + 2)
        touched[r] = 1
        first = open_[n] if open_[n] > 0 else price
        top = high[n] if high[n] > 0 else price
        bottom = low[n] if low[n] > 0 else price
        has_volume = not math.isnan(volume[n])
        amount = volume[n] if has_volume else 0.0
        if day_open != I[r, I_OPEN]:
            if I[r, I_OPEN] != NEVER and I[r, I_SEALED] == 0:
                nb, nd = _seal(
                    F, I, BF, BI, r, slots, returns, minutes, profile, hist_t, hist_f, bf, bi, nb, df, di, nd
                )
            _begin_day(F, I, r, day_open, day_close, date, first, start[n], hist_t, hist_f)
        F[r, F_HIGH] = max(F[r, F_HIGH], top)
        F[r, F_LOW] = min(F[r, F_LOW], bottom)
        if has_volume:
            I[r, I_HAS_VOLUME] = 1
        F[r, F_CUM] += amount
        F[r, F_BASE] = F[r, F_CUM]
        F[r, F_PV] += (top + bottom + price) / 3.0 * amount
        if not daily:
            F[r, F_SIZE] += amount
        if prev_close[n] > 0:
            F[r, F_PREV_CLOSE] = prev_close[n]
        I[r, I_NEWEST] = end
        prev = F[r, F_LAST]
        F[r, F_LAST] = price
        if daily:
            I[r, I_SEALED] = 1
            _put_history(I, hist_t, hist_f, r, day_open, top, bottom, price)
            df[nd, 0] = open_[n]
            df[nd, 1] = high[n]
            df[nd, 2] = low[n]
            df[nd, 3] = price
            df[nd, 4] = volume[n]
            df[nd, 5] = np.nan
            F[r, F_OPEN] = open_[n]  # unknown where the file has none
            F[r, F_HIGH] = high[n]
            F[r, F_LOW] = low[n]
            di[nd, 0] = r
            di[nd, 1] = start[n]
            di[nd, 2] = 0
            nd += 1
        else:
            bf[nb, 0] = first
            bf[nb, 1] = top
            bf[nb, 2] = bottom
            bf[nb, 3] = price
            bf[nb, 4] = volume[n]
            bf[nb, 5] = np.nan
            bi[nb, 0] = r
            bi[nb, 1] = start[n]
            bi[nb, 2] = 0
            nb += 1
            _minute_statistics(F, I, r, start[n], price, volume[n], returns, minutes, profile)
        fi, ff, nf = _evaluate(F, I, r, prev, price, end, up, up_ptr, up_slot, dn, dn_ptr, dn_slot, rules, fi, ff, nf)
    return bi, bf, di, df, fi, ff, nb, nd, nf, skipped


@njit(cache=True, error_model="numpy")
def forming_bars(BF, BI, F, slots, count, start, values):
    """The newest open minute of each row: start ns (0 when none) and open, high, low, close, volume."""
    for r in range(count):
        best = -1
        newest = -1
        for k in range(r * slots, r * slots + slots):
            if BI[k, J_START] > newest:
                newest = BI[k, J_START]
                best = k
        if best < 0:
            start[r] = 0
            for c in range(5):
                values[r, c] = np.nan
            continue
        start[r] = newest
        for c in range(4):
            values[r, c] = BF[best, c]
        # The largest cumulative before this minute: closed minutes and older open ones.
        base = F[r, F_BASE]
        for k in range(r * slots, r * slots + slots):
            if BI[k, J_START] >= 0 and k != best and BF[k, B_CUM] > base:
                base = BF[k, B_CUM]
        volume = BF[best, B_SIZES] + max(0.0, BF[best, B_CUM] - base)
        values[r, 4] = volume if BI[best, J_HAS_VOLUME] == 1 else np.nan


@njit(cache=True, error_model="numpy")
def trace_trades(
    keys, key_rows, shift, F, I, Q, BF, BI, slots, late, opens, closes, dates, ring_i, ring_f, ring_used,
    returns, minutes, profile, hist_t, hist_f, touched, up, up_ptr, up_slot, dn, dn_ptr, dn_slot, rules,
    bi, bf, di, df, qi, fi, ff, late_at, ids, event_time, ingest_time, price_, volume_, size_, trade_id_, flags,
    rows, trace_f, trace_i,
):  # fmt: skip
    """Apply ticks one by one and copy the row's state after each accepted one; returns how many they were.

    `rows` takes their places in the input. What the ticks bring forth is left out.
    """
    count = 0
    for n in range(len(ids)):
        found = trades(
            keys, key_rows, shift, F, I, Q, BF, BI, slots, late, opens, closes, dates, ring_i, ring_f, ring_used,
            returns, minutes, profile, hist_t, hist_f, touched, up, up_ptr, up_slot, dn, dn_ptr, dn_slot, rules,
            bi, bf, di, df, qi, fi, ff, late_at, ids[n : n + 1], event_time[n : n + 1], ingest_time[n : n + 1],
            price_[n : n + 1], volume_[n : n + 1], size_[n : n + 1], trade_id_[n : n + 1], flags[n : n + 1],
        )  # fmt: skip
        ring_i = found[0]
        ring_f = found[1]
        if found[15] == 0:
            continue
        h = np.int64((np.uint64(ids[n]) * _HASH) >> np.uint64(shift))
        while keys[h] != ids[n]:
            h = (h + 1) & (len(keys) - 1)
        rows[count] = n
        r = key_rows[h]
        for c in range(NF):
            trace_f[count, c] = F[r, c]
        for c in range(NI):
            trace_i[count, c] = I[r, c]
        count += 1
    return ring_i, ring_f, count


@njit(cache=True, error_model="numpy")
def trace_bars(
    F, I, BF, BI, slots, opens, closes, dates, returns, minutes, profile, hist_t, hist_f, touched, up, up_ptr, up_slot,
    dn, dn_ptr, dn_slot, rules, bi, bf, di, df, fi, ff, rows, timeframe, start, open_, high, low, close, volume,
    prev_close, kept, trace_f, trace_i,
):  # fmt: skip
    """The same for bars as the source."""
    count = 0
    for n in range(len(rows)):
        found = source_bars(
            F, I, BF, BI, slots, opens, closes, dates, returns, minutes, profile, hist_t, hist_f, touched,
            up, up_ptr, up_slot, dn, dn_ptr, dn_slot, rules, bi, bf, di, df, fi, ff, rows[n : n + 1],
            timeframe[n : n + 1], start[n : n + 1], open_[n : n + 1], high[n : n + 1], low[n : n + 1],
            close[n : n + 1], volume[n : n + 1], prev_close[n : n + 1],
        )  # fmt: skip
        if found[9] == 1:
            continue
        kept[count] = n
        for c in range(NF):
            trace_f[count, c] = F[rows[n], c]
        for c in range(NI):
            trace_i[count, c] = I[rows[n], c]
        count += 1
    return count
