"""The kernels that roll bars up: buckets, base bars into longer ones, ticks into seconds.

Self-contained (see kernel.py): a cached kernel is compiled again when its own file changes, and only then.
An open bar of a row and timeframe is one line of `sf` (float64) and `si` (int64).
"""

import math

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201, ANN202, C901, PLR0912, PLR0915 — kernels are long, flat and typed by Numba
# mypy: disable-error-code="no-untyped-def,misc"

# --- float64 of an open bar ----------------------------------------------------------------------
S_OPEN = 0
S_HIGH = 1
S_LOW = 2
S_CLOSE = 3
S_VOLUME = 4  # NaN while no part's volume is known
S_PV = 5  # sum of price * size
S_SIZE = 6  # sum of sizes; NaN when a part that has volume has no vwap
NS = 7

# --- int64 of an open bar ------------------------------------------------------------------------
T_PARTS = 0  # 0: no bar is open
T_START = 1
T_END = 2
T_SESSION = 3
T_OPEN = 4  # the session's open
T_TRADES = 5
NT = 6

# --- columns of what comes out -------------------------------------------------------------------
# i: row, start, end, session, session_open, trades; f: open, high, low, close, volume, vwap
NI = 6
NF = 6

# --- open bars of seconds: several a row, in a small ring -----------------------------------------
P_CUM = 7  # largest cumulative volume inside the bar, -1 when none
P_SIZES = 8  # sum of sizes of a feed without cumulative volume
NP = 9
U_OPEN_TIME = 6
U_CLOSE_TIME = 7
U_HAS_VOLUME = 8
NU = 9

FIRST_TICK = 60_000_000_000


@njit(cache=True, error_model="numpy")
def find_sessions(opens, closes, low, high, rows, times, out):
    """Index of the session of each row's own calendar that holds the time; -1 outside of any."""
    for n in range(len(rows)):
        r = rows[n]
        t = times[n]
        a = low[r]
        b = high[r]
        first = a
        while a < b:
            mid = (a + b) >> 1
            if opens[mid] <= t:
                a = mid + 1
            else:
                b = mid
        s = a - 1
        out[n] = s if s >= first and t < closes[s] else -1


@njit(cache=True, error_model="numpy")
def _emit(sf, si, r, oi, of, n):
    """Write the bar of row r to line n."""
    oi[n, 0] = r
    for c in range(1, 6):
        oi[n, c] = si[r, c]
    for c in range(5):
        of[n, c] = sf[r, c]
    of[n, 5] = sf[r, S_PV] / sf[r, S_SIZE] if sf[r, S_SIZE] > 0.0 else np.nan


@njit(cache=True, error_model="numpy")
def roll(rows, starts, ends, part_ends, sessions, opens, values, trades, sf, si, every, oi, of):
    """Add base bars, in order, to the open bar [starts, ends) of their rows.

    A bar comes out when a base bar of a later one arrives, or when its last base bar does (`part_ends`).
    With `every` the bar as it stands after each base bar comes out instead, line for line.
    `oi`, `of` need two lines a base bar. Returns how many are filled.
    """
    count = np.int64(0)
    for n in range(len(rows)):
        r = rows[n]
        if si[r, T_PARTS] > 0 and si[r, T_START] != starts[n]:
            if not every:
                _emit(sf, si, r, oi, of, count)
                count += 1
            si[r, T_PARTS] = 0
        volume = values[n, 4]
        size = volume if volume > 0.0 else 0.0  # noqa: FURB136 — NaN counts as nothing
        if size > 0.0 and math.isnan(values[n, 5]):
            size = np.nan
        pv = values[n, 5] * size if size > 0.0 else 0.0
        if si[r, T_PARTS] == 0:
            si[r, T_START] = starts[n]
            si[r, T_END] = ends[n]
            si[r, T_SESSION] = sessions[n]
            si[r, T_OPEN] = opens[n]
            si[r, T_TRADES] = trades[n]
            for c in range(5):
                sf[r, c] = values[n, c]
            sf[r, S_PV] = pv
            sf[r, S_SIZE] = size
        else:
            if math.isnan(sf[r, S_HIGH]) or values[n, 1] > sf[r, S_HIGH]:
                sf[r, S_HIGH] = values[n, 1]
            if math.isnan(sf[r, S_LOW]) or values[n, 2] < sf[r, S_LOW]:
                sf[r, S_LOW] = values[n, 2]
            sf[r, S_CLOSE] = values[n, 3]
            if math.isnan(sf[r, S_VOLUME]):
                sf[r, S_VOLUME] = volume
            elif not math.isnan(volume):
                sf[r, S_VOLUME] += volume
            sf[r, S_PV] += pv
            sf[r, S_SIZE] += size
            si[r, T_TRADES] += trades[n]
        si[r, T_PARTS] += 1
        if every:
            _emit(sf, si, r, oi, of, count)
            count += 1
        if part_ends[n] >= ends[n]:
            if not every:
                _emit(sf, si, r, oi, of, count)
                count += 1
            si[r, T_PARTS] = 0
    return count


@njit(cache=True, error_model="numpy")
def close_due(until, sf, si, oi, of):
    """Close the bars whose end is not after their row's `until`; returns how many, from line 0."""
    count = np.int64(0)
    for r in range(len(until)):
        if si[r, T_PARTS] > 0 and si[r, T_END] <= until[r]:
            _emit(sf, si, r, oi, of, count)
            count += 1
            si[r, T_PARTS] = 0
    return count


@njit(cache=True, error_model="numpy")
def _close_seconds(sf, si, base, r, slots, until, oi, of, count):
    """Close the row's bars of seconds whose end is not after `until`, oldest first."""
    while True:
        best = -1
        for k in range(r * slots, r * slots + slots):
            if si[k, T_PARTS] > 0 and si[k, T_END] <= until and (best < 0 or si[k, T_START] < si[best, T_START]):
                best = k
        if best < 0:
            return count
        volume = sf[best, P_SIZES]
        if sf[best, P_CUM] > base[r]:
            volume += sf[best, P_CUM] - base[r]
            base[r] = sf[best, P_CUM]
        _emit(sf, si, best, oi, of, count)
        oi[count, 0] = r
        of[count, 4] = volume if si[best, U_HAS_VOLUME] == 1 else np.nan
        si[best, T_PARTS] = 0
        count += 1


@njit(cache=True, error_model="numpy")
def roll_ticks(
    rows, times, prices, volumes, amounts, ordered, sessions, opens, closes, dates, width, late, slots,
    day, newest, base, sf, si, oi, of,
):  # fmt: skip
    """Add accepted ticks, in log order, to the open bars of `width` ns of their rows, `slots` of them a row.

    `sessions` is the index of each tick's session in opens, closes, dates. `day` is the open of the session of a row's
    open bars, `newest` its newest time, `base` the largest cumulative volume before the end of its last
    closed bar (-1: none seen in the session). A bar closes when the newest time of its row, less `late`,
    reaches its end, or at a new session. `oi`, `of` need 1 + `slots` lines a tick at most. Returns how many are filled.
    """
    count = np.int64(0)
    for n in range(len(rows)):
        r = rows[n]
        t = times[n]
        s = sessions[n]
        if s < 0:
            continue
        if opens[s] != day[r]:
            count = _close_seconds(sf, si, base, r, slots, np.int64(1 << 62), oi, of, count)
            day[r] = opens[s]
            base[r] = -1.0
        if ordered[n]:
            newest[r] = t
            count = _close_seconds(sf, si, base, r, slots, t - late, oi, of, count)
        start = opens[s] + (t - opens[s]) // width * width
        k = r * slots + (t - opens[s]) // width % slots
        price = prices[n]
        amount = amounts[n]
        if si[k, T_PARTS] == 0:
            si[k, T_START] = start
            si[k, T_END] = min(start + width, closes[s])
            si[k, T_SESSION] = dates[s]
            si[k, T_OPEN] = opens[s]
            si[k, T_TRADES] = 0
            si[k, U_OPEN_TIME] = t
            si[k, U_CLOSE_TIME] = t
            si[k, U_HAS_VOLUME] = 0
            for c in range(4):
                sf[k, c] = price
            sf[k, S_PV] = 0.0
            sf[k, S_SIZE] = 0.0
            sf[k, P_CUM] = -1.0
            sf[k, P_SIZES] = 0.0
        else:
            sf[k, S_HIGH] = max(sf[k, S_HIGH], price)
            sf[k, S_LOW] = min(sf[k, S_LOW], price)
            if t >= si[k, U_CLOSE_TIME]:
                si[k, U_CLOSE_TIME] = t
                sf[k, S_CLOSE] = price
            if t < si[k, U_OPEN_TIME]:
                si[k, U_OPEN_TIME] = t
                sf[k, S_OPEN] = price
        si[k, T_PARTS] += 1
        si[k, T_TRADES] += 1
        sf[k, S_PV] += price * amount
        sf[k, S_SIZE] += amount
        if not math.isnan(volumes[n]):
            si[k, U_HAS_VOLUME] = 1
            if base[r] < 0.0:
                # As in the tick kernel: what a late beginner had traded before is unknown, and no volume of a bar.
                base[r] = volumes[n] if t - opens[s] > FIRST_TICK else 0.0
            sf[k, P_CUM] = max(sf[k, P_CUM], volumes[n])
        elif amount > 0.0:
            si[k, U_HAS_VOLUME] = 1
            sf[k, P_SIZES] += amount
    return count


@njit(cache=True, error_model="numpy")
def close_seconds(until, base, slots, sf, si, oi, of):
    """Close the bars of seconds whose end is not after their row's `until`, row by row, oldest first.

    `oi`, `of` need `slots` lines a row. Returns how many are filled.
    """
    count = np.int64(0)
    for r in range(len(until)):
        count = _close_seconds(sf, si, base, r, slots, until[r], oi, of, count)
    return count
