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

# ruff: noqa: ANN001, ANN201, ANN202, C901, PLR0911, PLR0912, PLR0915, E741, N803 — kernels are long, flat and typed by Numba
# mypy: disable-error-code="no-untyped-def,misc"

SECOND = 1_000_000_000
MINUTE = 60_000_000_000
DAY = 86_400_000_000_000
EPOCH_2000 = 946_684_800_000_000_000
FUTURE_LIVE = 5 * SECOND
FIRST_TICK = 60 * SECOND
YEAR_52W = 364 * DAY
NEVER = -(1 << 62)

# --- a row -----------------------------------------------------------------------------------------
# One vector of 64 words, of which `F` sees the floats and `I` the integers: the same memory twice, so every
# place belongs to one of them. What each tick touches stands first, eight words to a cache line.
I_ID = 0
I_OPEN = 1  # current session, ns UTC
I_CLOSE = 2
I_NEWEST = 3  # newest accepted event time
I_DUE = 4  # end of the oldest open minute, far future when none is open
I_MAX_ID = 5
I_SEALED = 6  # the session is final
I_HAS_VOLUME = 7  # a volume or size was seen in this session
I_RING_AT = 8
I_RING_CAP = 9
I_RING_HEAD = 10
I_RING_LEN = 11
I_CUM_SEEN = 12
I_EXTRA = 13  # 1 + the row's block of levels on other fields, 0 none
F_LAST = 14  # newest in-order price
F_CUM = 15  # largest cumulative volume of the session
F_PV = 16  # session's sum of price * size
F_SIZE = 17  # session's sum of sizes
F_HIGH = 18
F_LOW = 19
I_TRADES = 20
I_OPEN_TIME = 21  # event time of the day's first price
I_EVALS = 22  # evaluations of tick rules so far
F_OPEN = 23
F_UP_LOW = 24  # no up level lies in [UP_LOW, UP_HIGH) but at UP_HIGH: the last price moved inside
F_UP_HIGH = 25
F_DOWN_LOW = 26
F_DOWN_HIGH = 27
F_BASE = 28  # largest cumulative before the end of the last closed minute
F_BAR_CLOSE = 29  # close of the last closed minute of this session
F_PREV_CLOSE = 30
I_DATE = 31
F_HIST_HIGH = 32  # of the 364 days before this session
F_HIST_LOW = 33
F_BID = 34
F_ASK = 35
F_BID_SIZE = 36
F_ASK_SIZE = 37
F_VOLATILITY = 38
F_SPIKE = 39
F_SHARES = 40
I_CAL_LO = 41  # the calendar's range in the session arrays
I_CAL_HI = 42
I_VR_LEN = 43  # one-minute returns seen (ring of 20)
I_MV_LEN = 44  # closed minutes of this session (ring of 20)
I_HIST_LEN = 45
I_QUOTE_TIME = 46
I_MINUTES = 47  # minutes of the calendar's usual session
I_QUOTES = 48  # evaluations of rules on bid and ask so far
I_HIST_VERSION = 49  # goes up with every change of the daily history
I_LAST_MINUTE = 50  # start of the newest closed minute, our own or from history
NF = 64
NI = 64
FLOATS = (
    F_LAST, F_CUM, F_PV, F_SIZE, F_HIGH, F_LOW, F_OPEN, F_UP_LOW, F_UP_HIGH, F_DOWN_LOW, F_DOWN_HIGH, F_BASE,
    F_BAR_CLOSE, F_PREV_CLOSE, F_HIST_HIGH, F_HIST_LOW, F_BID, F_ASK, F_BID_SIZE, F_ASK_SIZE, F_VOLATILITY, F_SPIKE,
    F_SHARES,
)  # fmt: skip

# --- open minute bars: sixteen words in the same way, two cache lines ---------------------------------
J_START = 0  # -1: the place is free
B_HIGH = 1
B_LOW = 2
B_CLOSE = 3
B_PV = 4
B_SIZE = 5
B_CUM = 6  # largest cumulative inside the bar, -1 when none
J_CLOSE_TIME = 7
J_TRADES = 8
J_HAS_VOLUME = 9
J_OPEN_TIME = 10
B_OPEN = 11
B_SIZES = 12  # sum of sizes of a feed without cumulative volume
NB = 16
NJ = 16

FAR = (1 << 63) - 1
RETURNS = 20
MIN_RETURNS = 10
MIN_DAYS = 3
MIN_MINUTES = 5
HISTORY = 372

# --- the ring of accepted ticks, for duplicates: words seen as F and I are ------------------------------
G_TIME = 0
G_ID = 1
G_PRICE = 2
G_VOLUME = 3
NG = 4
SMALLEST_RING = 8

AHEAD = 32
"""Ticks whose rows are fetched together."""
WALK = 8
"""Levels that a search walks from where the last one ended."""
HOT = 32
"""Words of a row that most ticks touch."""

# --- columns of the outputs ----------------------------------------------------------------------
# bars: f open, high, low, close, volume, vwap; i row, start, trades
# quality: i instrument_id, kind, event_time, count, row
# fired: i slot, event_time, nth, row; f previous, value
# taken: i place in the input, 1 in order or 0; f the tick's own size
# begun: i row, start of the minute, place in the input; the row's words as they stood before
# told: place among the accepted ticks; the row's words behind it

# --- an armed level: eight words, one cache line ---------------------------------------------------
R_STATE = 0  # 0 not armed, else 1 + 2 * policy + 8 * (1 above) + 16 * field
R_ARMED = 1  # the row's evaluation count when it was armed
R_EXPIRES = 2
R_LAST = 3  # event time of the newest firing
R_NTH = 4  # how many at that time
R_KEY = 5  # session date or minute of the newest firing
R_ROW = 6
R_SEQ = 7  # order of arming
NR = 8

# --- sorted lists of levels (level_lists.py) --------------------------------------------------------
# `heads`: start, size, room of a list in the pool `lv` (levels) and `ls` (slots), and where its last search
# ended: prices move little, so the next one begins there. The lists of `close` are
# 2 * row (upwards) and 2 * row + 1. A row with levels on other fields has a block of FIELDS - 1 fields in
# `eh` (two lists each) and `ef` (E_*).
H_START = 0
H_SIZE = 1
H_HINT = 3
E_PREVIOUS = 0
E_UP_LOW = 1
E_UP_HIGH = 2
E_DOWN_LOW = 3
E_DOWN_HIGH = 4
NE = 5

CLOSE = 0
BID = 1
ASK = 2
CHANGE_PCT = 3
VWAP = 4
DAY_HIGH = 5
DAY_LOW = 6
DAY_VOLUME = 7
FIELDS = 8

POLICY_ONCE = 0
POLICY_EVERY = 1
POLICY_DAY = 2
POLICY_BAR = 3

# --- how far a kernel came and how much of each output is filled --------------------------------------
# No kernel makes its arrays longer: where an output (or the ring) has no room for one more input it stops,
# and its caller makes room and calls again. Handing arrays on inside the loop would count references to
# them, an atomic instruction each.
N_DONE = 0  # inputs applied
N_BARS = 1
N_DAYS = 2
N_QUALITY = 3
N_FIRED = 4
N_LATE = 5
N_BEGUN = 6
N_ACCEPTED = 7  # of bars as the source: those that were left out
N_TOLD = 8
N_TAKEN = 9  # evaluations of bars as the source
N_WANTED = 10  # room that the levels of the next row may need, 0 when they were not the reason to stop
NN = 11

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
def _lower_near(values, lo, hi, at, x):
    """The same as _lower, walking a little from `at` in [lo, hi] before searching."""
    if at < hi and values[at] < x:
        end = min(hi, at + WALK)
        while at < end and values[at] < x:
            at += 1
        return _lower(values, at, hi, x) if at == end else at
    end = max(lo, at - WALK)
    while at > end and values[at - 1] >= x:
        at -= 1
    return _lower(values, lo, at, x) if at == end else at


@njit(cache=True, error_model="numpy")
def _upper_near(values, lo, hi, at, x):
    """The same for _upper."""
    if at < hi and values[at] <= x:
        end = min(hi, at + WALK)
        while at < end and values[at] <= x:
            at += 1
        return _upper(values, at, hi, x) if at == end else at
    end = max(lo, at - WALK)
    while at > end and values[at - 1] > x:
        at -= 1
    return _upper(values, lo, at, x) if at == end else at


@njit(cache=True, error_model="numpy")
def _session_of(opens, closes, lo, hi, t):
    """Index of the session in [lo, hi) that holds t, else -1."""
    s = _upper(opens, lo, hi, t) - 1
    if s < lo or t >= closes[s]:
        return -1
    return s


@njit(cache=True, error_model="numpy")
def _cross(I, r, prev, now, t, evals, heads, h, lv, ls, rules, fi, ff, nf):
    """The levels of list `h` (even: upwards) that lie between two evaluations; then the neighbours of `now`.

    Upwards [prev, now), downwards (now, prev]. What fired for good or has expired leaves the list. An
    unknown `prev` crosses nothing. The outputs must have room for the whole list.
    """
    start = heads[h, H_START]
    end = start + heads[h, H_SIZE]
    hint = min(start + heads[h, H_HINT], end)
    if h & 1 == 0:
        b = _lower_near(lv, start, end, hint, now)
        a = _lower_near(lv, start, b, b, prev) if prev < now else b
    else:
        a = _upper_near(lv, start, end, hint, now)
        b = _upper_near(lv, a, end, a, prev) if prev > now else a
    kept = a
    if a < b:
        for k in range(a, b):
            s = ls[k]
            stays = True
            if t >= rules[s, R_EXPIRES]:
                rules[s, R_STATE] = 0
                stays = False
            elif evals > rules[s, R_ARMED]:
                policy = (rules[s, R_STATE] >> 1) & 3
                fires = True
                if policy == POLICY_ONCE:
                    rules[s, R_STATE] = 0
                    stays = False
                elif policy != POLICY_EVERY:
                    key = I[r, I_DATE]
                    if policy == POLICY_BAR:
                        first = I[r, I_OPEN] if I[r, I_OPEN] != NEVER else 0
                        key = (t - first) // MINUTE * MINUTE + first
                    fires = rules[s, R_KEY] != key
                    rules[s, R_KEY] = key
                if fires:
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
            if stays:
                lv[kept] = lv[k]
                ls[kept] = s
                kept += 1
        gone = b - kept
        if gone > 0:
            for k in range(b, end):
                lv[k - gone] = lv[k]
                ls[k - gone] = ls[k]
            end -= gone
            heads[h, H_SIZE] = end - start
    at = kept if h & 1 == 0 else a
    heads[h, H_HINT] = at - start
    low = lv[at - 1] if at > start else -np.inf
    high = lv[at] if at < end else np.inf
    return nf, low, high


@njit(cache=True, error_model="numpy")
def _field(F, I, r, field):
    """Value of one of the fields with levels; unknown is NaN. The arithmetic is that of view.py."""
    if field == BID:
        return F[r, F_BID]
    if field == ASK:
        return F[r, F_ASK]
    if field == CHANGE_PCT:
        before = F[r, F_PREV_CLOSE]
        basis = before if 0 < before < np.inf else F[r, F_OPEN]
        return (F[r, F_LAST] - basis) / basis * 100.0
    if field == VWAP:
        return F[r, F_PV] / F[r, F_SIZE] if F[r, F_SIZE] > 0 else np.nan
    if field == DAY_HIGH:
        return F[r, F_HIGH]
    if field == DAY_LOW:
        return F[r, F_LOW]
    return F[r, F_CUM] if I[r, I_HAS_VOLUME] == 1 else np.nan


@njit(cache=True, error_model="numpy")
def _cross_fields(F, I, r, t, first, last, evals, eh, ef, lv, ls, rules, fi, ff, nf):
    """The same for the fields first … last - 1 of a row that has a block of them."""
    block = (I[r, I_EXTRA] - 1) * (FIELDS - 1)
    for field in range(first, last):
        e = block + field - 1
        now = _field(F, I, r, field)
        prev = ef[e, E_PREVIOUS]
        ef[e, E_PREVIOUS] = now
        if math.isnan(now):
            continue
        if not (ef[e, E_UP_LOW] < now <= ef[e, E_UP_HIGH]):
            nf, ef[e, E_UP_LOW], ef[e, E_UP_HIGH] = _cross(
                I, r, prev, now, t, evals, eh, 2 * e, lv, ls, rules, fi, ff, nf
            )
        if not (ef[e, E_DOWN_LOW] <= now < ef[e, E_DOWN_HIGH]):
            nf, ef[e, E_DOWN_LOW], ef[e, E_DOWN_HIGH] = _cross(
                I, r, prev, now, t, evals, eh, 2 * e + 1, lv, ls, rules, fi, ff, nf
            )
    return nf


@njit(cache=True, error_model="numpy")
def _by_arming(fi, ff, rules, first, last):
    """Bring the firings of one evaluation into the order of arming (Shell's sort: few, or many at a gap)."""
    gap = last - first
    while gap > 1:
        gap = gap // 3 + 1 if gap > 3 else 1
        for n in range(first + gap, last):
            s, t, nth, r = fi[n, 0], fi[n, 1], fi[n, 2], fi[n, 3]
            prev, now = ff[n, 0], ff[n, 1]
            place = rules[s, R_SEQ]
            k = n
            while k - gap >= first and rules[fi[k - gap, 0], R_SEQ] > place:
                for c in range(4):
                    fi[k, c] = fi[k - gap, c]
                ff[k, 0] = ff[k - gap, 0]
                ff[k, 1] = ff[k - gap, 1]
                k -= gap
            fi[k, 0], fi[k, 1], fi[k, 2], fi[k, 3] = s, t, nth, r
            ff[k, 0], ff[k, 1] = prev, now


@njit(cache=True, error_model="numpy")
def _evaluate(F, I, r, prev, now, t, lv, ls, heads, eh, ef, rules, fi, ff, nf):
    """Tick rules at one evaluation.

    While a value stays between two neighbouring levels nothing is searched: the neighbours are kept in
    the row (UP_LOW < price <= UP_HIGH, DOWN_LOW <= price < DOWN_HIGH).
    """
    evals = I[r, I_EVALS]
    I[r, I_EVALS] = evals + 1
    first = nf
    if not (F[r, F_UP_LOW] < now <= F[r, F_UP_HIGH]):
        nf, F[r, F_UP_LOW], F[r, F_UP_HIGH] = _cross(I, r, prev, now, t, evals, heads, 2 * r, lv, ls, rules, fi, ff, nf)
    if not (F[r, F_DOWN_LOW] <= now < F[r, F_DOWN_HIGH]):
        nf, F[r, F_DOWN_LOW], F[r, F_DOWN_HIGH] = _cross(
            I, r, prev, now, t, evals, heads, 2 * r + 1, lv, ls, rules, fi, ff, nf
        )
    if I[r, I_EXTRA] > 0:
        nf = _cross_fields(F, I, r, t, CHANGE_PCT, FIELDS, evals, eh, ef, lv, ls, rules, fi, ff, nf)
    if nf - first > 1:
        _by_arming(fi, ff, rules, first, nf)
    return nf


@njit(cache=True, error_model="numpy")
def _levels_of(I, r, heads, eh):
    """How many levels a row has: no evaluation can fire more."""
    count = heads[2 * r, H_SIZE] + heads[2 * r + 1, H_SIZE]
    if I[r, I_EXTRA] > 0:
        block = 2 * (I[r, I_EXTRA] - 1) * (FIELDS - 1)
        for h in range(block, block + 2 * (FIELDS - 1)):
            count += eh[h, H_SIZE]
    return count


@njit(cache=True, error_model="numpy")
def _volatility(F, I, r, close, returns):
    """One more one-minute return, and the volatility of the newest ones."""
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


@njit(cache=True, error_model="numpy")
def _minute_statistics(F, I, r, start, close, volume, returns, minutes, profile):
    """Volatility and volume spike at the close of a minute; the profile learns the minute afterwards."""
    _volatility(F, I, r, close, returns)
    F[r, F_SPIKE] = np.nan
    if math.isnan(volume):
        return
    minute = (start - I[r, I_OPEN]) // MINUTE
    fits = minute < len(profile)
    if fits and profile[minute, r, 0] >= MIN_DAYS:
        deviation = math.sqrt(profile[minute, r, 2] / profile[minute, r, 0])
        if deviation > 0:
            F[r, F_SPIKE] = (volume - profile[minute, r, 1]) / deviation
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
        profile[minute, r, 0] += 1
        d = volume - profile[minute, r, 1]
        profile[minute, r, 1] += d / profile[minute, r, 0]
        profile[minute, r, 2] += d * (volume - profile[minute, r, 1])
        minutes[len(minutes) - len(profile) + minute, 0] = 1.0  # behind the rows: this minute has changed


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
        I[r, I_LAST_MINUTE] = first
        I[r, I_DUE] = FAR if second == FAR else min(second + MINUTE, I[r, I_CLOSE])
        _minute_statistics(F, I, r, first, BF[best, B_CLOSE], volume, returns, minutes, profile)
    return nb


@njit(cache=True, error_model="numpy")
def _put_history(I, hist_t, hist_f, r, start, high, low, close):
    """Insert or replace a daily bar, oldest first; the oldest leaves a full history."""
    I[r, I_HIST_VERSION] += 1
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
    if I[r, I_LAST_MINUTE] < open_:  # else history has brought minutes of this very session
        F[r, F_BAR_CLOSE] = np.nan
    F[r, F_SPIKE] = np.nan
    _read_history(F, I, hist_t, hist_f, r, open_)


@njit(cache=True, error_model="numpy")
def _is_duplicate(I, ring, ring_f, r, t, price, volume, trade_id, oldest):
    """True where the tick repeats an accepted one whose time lies in [oldest, newest]."""
    cap = I[r, I_RING_CAP]
    at = I[r, I_RING_AT]
    head = I[r, I_RING_HEAD]
    has_volume = not math.isnan(volume)
    for k in range(I[r, I_RING_LEN]):
        j = at + ((head - 1 - k) & (cap - 1))
        if trade_id >= 0:
            if ring[j, G_ID] == trade_id and ring[j, G_TIME] >= oldest:
                return True
        elif ring[j, G_TIME] == t and ring_f[j, G_PRICE] == price:
            if has_volume:
                if ring_f[j, G_VOLUME] == volume:
                    return True
            elif math.isnan(ring_f[j, G_VOLUME]):
                return True
    return False


@njit(cache=True, error_model="numpy")
def _room_in_ring(I, ring, ring_used, r, oldest):
    """Forget what is older than `oldest`, and where that is not enough, move to twice the room."""
    cap = I[r, I_RING_CAP]
    at = I[r, I_RING_AT]
    length = I[r, I_RING_LEN]
    head = I[r, I_RING_HEAD]
    while length > 0 and ring[at + ((head - length) & (cap - 1)), G_TIME] < oldest:
        length -= 1
    if length == cap:
        new_at = ring_used[0]
        new_cap = max(SMALLEST_RING, 2 * cap)
        ring_used[0] = new_at + new_cap
        for k in range(length):
            j = at + ((head - length + k) & (cap - 1))
            for c in range(NG):
                ring[new_at + k, c] = ring[j, c]
        I[r, I_RING_AT] = new_at
        I[r, I_RING_CAP] = new_cap
        I[r, I_RING_HEAD] = length
    I[r, I_RING_LEN] = length


@njit(cache=True, error_model="numpy")
def _fetch(I, BI, ring, heads, rows, first, last, slots):
    """Read a word of every cache line that the next ticks will touch.

    The reads do not wait for one another, so a row that lies far away costs the next loop little.
    """
    seen = np.int64(0)
    for n in range(first, last):
        r = rows[n]
        if r >= 0:
            for c in range(0, HOT, 8):
                seen ^= I[r, c]
            for b in range(r * slots, r * slots + slots):
                seen ^= BI[b, 0] ^ BI[b, 8]
            seen ^= heads[2 * r, H_SIZE]
    for n in range(first, last):
        r = rows[n]
        if r >= 0 and I[r, I_RING_CAP] > 0:
            seen ^= ring[I[r, I_RING_AT] + I[r, I_RING_HEAD], 0]
    return seen


@njit(cache=True, error_model="numpy")
def trades(
    counts, rows, F, I, Q, BF, BI, slots, late, opens, closes, dates, ring, ring_f, ring_used, returns, minutes,
    profile, hist_t, hist_f, touched, lv, ls, heads, eh, ef, rules, bi, bf, di, df, qi, fi, ff, late_at,
    wants_ticks, wants_minutes, taken, taken_f, begun, begun_i, watched, told, told_i, ids, event_time, ingest_time,
    price_, volume_, size_, trade_id_, flags,
):  # fmt: skip
    """Apply ticks in log order from counts[N_DONE] on; `rows` are their instruments' rows, -1 unknown.

    `taken` must hold all ticks where `wants_ticks`. Where `wants_minutes`, `begun` takes each row's words as
    they stood before the first tick in order of a minute that is newer than the row's newest tick. `told` takes
    the words of `watched` rows behind each tick in order (`watched` may be empty).
    """
    nb = counts[N_BARS]
    nd = counts[N_DAYS]
    nq = counts[N_QUALITY]
    nf = counts[N_FIRED]
    nl = counts[N_LATE]
    nm = counts[N_BEGUN]
    nt = counts[N_TOLD]
    accepted = counts[N_ACCEPTED]
    counts[N_WANTED] = 0
    last = len(ids)
    done = last
    fetched = counts[N_DONE]
    for n in range(counts[N_DONE], last):
        if n == fetched:
            fetched = min(n + AHEAD, last)
            touched[len(touched) - 1] = np.uint8(_fetch(I, BI, ring, heads, rows, n, fetched, slots) & 1)
        if (
            nq + 3 > len(qi)
            or nb + 2 * slots > len(bi)
            or nd == len(di)
            or nl == len(late_at)
            or (wants_minutes and nm == len(begun))
            or (len(watched) > 0 and nt == len(told))
        ):
            done = n
            break
        t = event_time[n]
        price = price_[n]
        ident = ids[n]
        r = rows[n]
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
                    and _is_duplicate(I, ring, ring_f, r, t, price, volume, trade_id, oldest)
                ):
                    kind = K_DUPLICATE
                elif t < oldest or (t < I[r, I_CLOSE] and I[r, I_SEALED] == 1) or (s >= 0 and t < I[r, I_OPEN]):
                    kind = K_LATE
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

        # Accepted, if there is room for what may come of it.
        ordered = t >= newest
        if I[r, I_RING_LEN] == I[r, I_RING_CAP] and ring_used[0] + max(SMALLEST_RING, 2 * I[r, I_RING_CAP]) > len(ring):
            done = n
            break
        is_quiet = (
            F[r, F_UP_LOW] < price <= F[r, F_UP_HIGH]
            and F[r, F_DOWN_LOW] <= price < F[r, F_DOWN_HIGH]
            and I[r, I_EXTRA] == 0
        )
        if ordered and not is_quiet:
            wanted = _levels_of(I, r, heads, eh)
            if nf + wanted > len(fi):
                counts[N_WANTED] = wanted
                done = n
                break

        # What the row said at the end of a minute is what it says before the next one's first tick.
        if wants_minutes and ordered:
            first = opens[s] if s >= 0 else I[r, I_OPEN]
            start = first + (t - first) // MINUTE * MINUTE
            if start > newest:
                begun[nm, 0] = r
                begun[nm, 1] = start
                begun[nm, 2] = n
                for c in range(NI):
                    begun_i[nm, c] = I[r, c]
                nm += 1

        # A new session first ends the one before.
        if s >= 0:
            if I[r, I_OPEN] != NEVER and I[r, I_SEALED] == 0:
                nb, nd = _seal(
                    F, I, BF, BI, r, slots, returns, minutes, profile, hist_t, hist_f, bf, bi, nb, df, di, nd
                )
            _begin_day(F, I, r, opens[s], closes[s], dates[s], price, t, hist_t, hist_f)
        touched[r] = 1
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
        if wants_ticks:
            taken[accepted, 0] = n
            taken[accepted, 1] = 1 if ordered else 0
            taken_f[accepted] = amount
        accepted += 1

        # Its own minute; the places of a row are a power of 2.
        minute = (t - I[r, I_OPEN]) // MINUTE
        start = I[r, I_OPEN] + minute * MINUTE
        b = r * slots + (minute & (slots - 1))
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

        # Remember it for duplicates. What is too old is looked at only where room is wanted.
        if I[r, I_RING_LEN] == I[r, I_RING_CAP]:
            _room_in_ring(I, ring, ring_used, r, I[r, I_NEWEST] - late)
        head = I[r, I_RING_HEAD]
        j = I[r, I_RING_AT] + head
        ring[j, G_TIME] = t
        ring[j, G_ID] = trade_id
        ring_f[j, G_PRICE] = price
        ring_f[j, G_VOLUME] = volume
        I[r, I_RING_HEAD] = (head + 1) & (I[r, I_RING_CAP] - 1)
        I[r, I_RING_LEN] += 1
        I[r, I_MAX_ID] = max(I[r, I_MAX_ID], trade_id)

        if ordered:
            prev = F[r, F_LAST]
            F[r, F_LAST] = price
            if is_quiet:
                I[r, I_EVALS] += 1
            else:
                nf = _evaluate(F, I, r, prev, price, t, lv, ls, heads, eh, ef, rules, fi, ff, nf)
            if len(watched) > 0 and watched[r]:
                told[nt] = accepted - 1
                for c in range(NI):
                    told_i[nt, c] = I[r, c]
                nt += 1
    counts[N_DONE] = done
    counts[N_BARS] = nb
    counts[N_DAYS] = nd
    counts[N_QUALITY] = nq
    counts[N_FIRED] = nf
    counts[N_LATE] = nl
    counts[N_BEGUN] = nm
    counts[N_TOLD] = nt
    counts[N_ACCEPTED] = accepted


@njit(cache=True, error_model="numpy")
def heartbeat(
    counts, F, I, BF, BI, slots, now, late, returns, minutes, profile, hist_t, hist_f, touched, count, bi, bf, di, df
):
    """End the sessions whose close lies `late` behind the venue's time; counts[N_DONE] are the rows seen."""
    nb = counts[N_BARS]
    nd = counts[N_DAYS]
    done = count
    for r in range(counts[N_DONE], count):
        if I[r, I_OPEN] == NEVER or I[r, I_SEALED] == 1 or I[r, I_CLOSE] + late > now:
            continue
        if nb + slots > len(bi) or nd == len(di):
            done = r
            break
        nb, nd = _seal(F, I, BF, BI, r, slots, returns, minutes, profile, hist_t, hist_f, bf, bi, nb, df, di, nd)
        touched[r] = 1
    counts[N_DONE] = done
    counts[N_BARS] = nb
    counts[N_DAYS] = nd


@njit(cache=True, error_model="numpy")
def quotes(counts, F, I, touched, lv, ls, heads, eh, ef, rules, fi, ff, rows, event_time, bid, bid_size, ask, ask_size):
    """Newest best bid and ask of each row; a price that is not above 0 is unknown.

    Each quote that is not older than the row's newest is one evaluation of the levels on bid and ask.
    """
    nf = counts[N_FIRED]
    counts[N_WANTED] = 0
    done = len(rows)
    for n in range(counts[N_DONE], len(rows)):
        r = rows[n]
        if r < 0 or event_time[n] < I[r, I_QUOTE_TIME]:
            continue
        if I[r, I_EXTRA] > 0:
            wanted = _levels_of(I, r, heads, eh)
            if nf + wanted > len(fi):
                counts[N_WANTED] = wanted
                done = n
                break
        I[r, I_QUOTE_TIME] = event_time[n]
        F[r, F_BID] = bid[n] if bid[n] > 0 else np.nan
        F[r, F_BID_SIZE] = bid_size[n]
        F[r, F_ASK] = ask[n] if ask[n] > 0 else np.nan
        F[r, F_ASK_SIZE] = ask_size[n]
        touched[r] = 1
        evals = I[r, I_QUOTES]
        I[r, I_QUOTES] = evals + 1
        if I[r, I_EXTRA] > 0:
            first = nf
            nf = _cross_fields(F, I, r, event_time[n], BID, CHANGE_PCT, evals, eh, ef, lv, ls, rules, fi, ff, nf)
            if nf - first > 1:
                _by_arming(fi, ff, rules, first, nf)
    counts[N_DONE] = done
    counts[N_FIRED] = nf


@njit(cache=True, error_model="numpy")
def history(F, I, opens, returns, hist_t, hist_f, touched, rows, timeframe, start, high, low, close):
    """Closed bars known from elsewhere; they give no price.

    Days give the previous close and the 52-week range. Minutes that are newer than any that the row has
    closed, and older than those that are open, give the returns that volatility is made of.
    """
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
        elif timeframe[n] == 60 and start[n] > I[r, I_LAST_MINUTE]:
            if start[n] + MINUTE >= I[r, I_DUE]:
                continue  # the oldest open minute, and every later one, is ours to close
            mine = _upper(opens, I[r, I_CAL_LO], I[r, I_CAL_HI], start[n])
            before = _upper(opens, I[r, I_CAL_LO], I[r, I_CAL_HI], I[r, I_LAST_MINUTE])
            if mine != before:
                F[r, F_BAR_CLOSE] = np.nan
            I[r, I_LAST_MINUTE] = start[n]
            _volatility(F, I, r, close[n], returns)


@njit(cache=True, error_model="numpy")
def source_bars(
    counts, F, I, BF, BI, slots, opens, closes, dates, returns, minutes, profile, hist_t, hist_f, touched, lv, ls,
    heads, eh, ef, rules, bi, bf, di, df, fi, ff, wants_ticks, taken, taken_f, watched, told, told_i, rows, timeframe,
    start, open_, high, low, close, volume, prev_close,
):  # fmt: skip
    """Bars as the source itself: each is final as it comes and is one evaluation of tick rules at its end.

    Minute bars build the day; a daily bar is the whole day. A bar that is not newer than the row's newest is
    left out (the reader delivers bars in time order). A price inside a minute is not known: turnover and
    vwap take (high + low + close) / 3. `taken` holds these evaluations where `wants_ticks`: the bar's place in the
    input and its end.
    """
    nb = counts[N_BARS]
    nd = counts[N_DAYS]
    nf = counts[N_FIRED]
    nt = counts[N_TOLD]
    evaluated = counts[N_TAKEN]
    skipped = counts[N_ACCEPTED]
    counts[N_WANTED] = 0
    done = len(rows)
    for n in range(counts[N_DONE], len(rows)):
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
        wanted = _levels_of(I, r, heads, eh)
        if nf + wanted > len(fi):
            counts[N_WANTED] = wanted
        if (
            nf + wanted > len(fi)
            or nb + slots + 1 > len(bi)
            or nd + 2 > len(di)
            or (len(watched) > 0 and nt == len(told))
        ):
            done = n
            break
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
            I[r, I_LAST_MINUTE] = start[n]
        nf = _evaluate(F, I, r, prev, price, end, lv, ls, heads, eh, ef, rules, fi, ff, nf)
        if wants_ticks:
            taken[evaluated, 0] = n
            taken[evaluated, 1] = end
            taken_f[evaluated] = amount
        if len(watched) > 0 and watched[r]:
            told[nt] = evaluated
            for c in range(NI):
                told_i[nt, c] = I[r, c]
            nt += 1
        evaluated += 1
    counts[N_DONE] = done
    counts[N_BARS] = nb
    counts[N_DAYS] = nd
    counts[N_FIRED] = nf
    counts[N_TOLD] = nt
    counts[N_TAKEN] = evaluated
    counts[N_ACCEPTED] = skipped


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
        values[r, 0] = BF[best, B_OPEN]
        values[r, 1] = BF[best, B_HIGH]
        values[r, 2] = BF[best, B_LOW]
        values[r, 3] = BF[best, B_CLOSE]
        # The largest cumulative before this minute: closed minutes and older open ones.
        base = F[r, F_BASE]
        for k in range(r * slots, r * slots + slots):
            if BI[k, J_START] >= 0 and k != best and BF[k, B_CUM] > base:
                base = BF[k, B_CUM]
        volume = BF[best, B_SIZES] + max(0.0, BF[best, B_CUM] - base)
        values[r, 4] = volume if BI[best, J_HAS_VOLUME] == 1 else np.nan


@njit(cache=True, error_model="numpy")
def trace_trades(
    counts, rows, F, I, Q, BF, BI, slots, late, opens, closes, dates, ring, ring_f, ring_used, returns, minutes,
    profile, hist_t, hist_f, touched, lv, ls, heads, eh, ef, rules, bi, bf, di, df, qi, fi, ff, late_at, taken,
    taken_f, begun, begun_i, watched, told, told_i, ids, event_time, ingest_time, price_, volume_, size_, trade_id_,
    flags, first, count, kept, trace_i,
):  # fmt: skip
    """Apply ticks one by one from `first` on and copy the row's words after each accepted one.

    `kept` takes their places in the input, `count` are those that are kept already. What the ticks bring
    forth is left out. Returns how many ticks are applied (fewer where room is wanted) and kept.
    """
    for n in range(first, len(ids)):
        for c in range(NN):
            counts[c] = 0
        trades(
            counts, rows[n : n + 1], F, I, Q, BF, BI, slots, late, opens, closes, dates, ring, ring_f, ring_used,
            returns, minutes, profile, hist_t, hist_f, touched, lv, ls, heads, eh, ef, rules, bi, bf, di, df, qi,
            fi, ff, late_at, False, False, taken, taken_f, begun, begun_i, watched, told, told_i, ids[n : n + 1],
            event_time[n : n + 1], ingest_time[n : n + 1], price_[n : n + 1], volume_[n : n + 1], size_[n : n + 1],
            trade_id_[n : n + 1], flags[n : n + 1],
        )  # fmt: skip
        if counts[N_DONE] == 0:
            return n, count
        if counts[N_ACCEPTED] == 0:
            continue
        kept[count] = n
        for c in range(NI):
            trace_i[count, c] = I[rows[n], c]
        count += 1
    return len(ids), count


@njit(cache=True, error_model="numpy")
def trace_bars(
    counts, F, I, BF, BI, slots, opens, closes, dates, returns, minutes, profile, hist_t, hist_f, touched, lv, ls,
    heads, eh, ef, rules, bi, bf, di, df, fi, ff, taken, taken_f, watched, told, told_i, rows, timeframe, start, open_,
    high, low, close, volume, prev_close, first, count, kept, trace_i,
):  # fmt: skip
    """The same for bars as the source."""
    for n in range(first, len(rows)):
        for c in range(NN):
            counts[c] = 0
        source_bars(
            counts, F, I, BF, BI, slots, opens, closes, dates, returns, minutes, profile, hist_t, hist_f, touched,
            lv, ls, heads, eh, ef, rules, bi, bf, di, df, fi, ff, False, taken, taken_f, watched, told, told_i,
            rows[n : n + 1],
            timeframe[n : n + 1], start[n : n + 1], open_[n : n + 1], high[n : n + 1], low[n : n + 1],
            close[n : n + 1], volume[n : n + 1], prev_close[n : n + 1],
        )  # fmt: skip
        if counts[N_DONE] == 0:
            return n, count
        if counts[N_ACCEPTED] == 1:
            continue
        kept[count] = n
        for c in range(NI):
            trace_i[count, c] = I[rows[n], c]
        count += 1
    return len(rows), count
