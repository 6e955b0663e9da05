"""A fast move: x now against its lowest (highest) value in a window (`close rises by 2% within 10m`).

Definition (definitions.md, rules, 4): x rises by P within T where x now >= (1 + P) * min x over the evaluations in
[now - T, now], both ends included; falls where x now <= (1 - P) * max x; moves where either. With a plain number in
P's stead the difference is taken. `within n bars` reaches n evaluations back. The window begins with the session and
needs two evaluations.
Unknown: where x or P is; and where an evaluation of the window is and none of the others proves the move.

A queue holds only the values that can still be the answer. How many these are depends on the prices, so the state
grows: `run` stops before the evaluation that finds no room, and goes on when the state is wider (zeros on its right).
"""

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201, ANN202, C901, PLR0912, PLR0915 — kernels are long, flat and typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

# p: verb (0 rises, 1 falls, 2 moves), 1 where `by` is a percentage, 0 of bars or 1 of time, bars or ns, 1 where the
# session cuts. x: x, by, the bar's end (ns), the session's open (ns).
RISES, FALLS = 0.0, 1.0
# A row: session; evaluations so far; whether there was one before in the window's session, and its time (or number);
# the same of the last unknown one; place of the first entry and number of entries of the lows and of the highs; then
# entries of four: time and value of a low, time and value of a high, oldest first. A queue walks to the right and is
# put back to the left when it meets the end.
SESSION, COUNT, HAS_LAST, LAST, HAS_UNKNOWN, UNKNOWN, LOWS, HIGHS, ENTRIES = 0, 1, 2, 3, 4, 5, 6, 8, 10
WIDTH = 4
LEAST = 8
SLACK = 1_000.0  # ns: float64 holds times of day to 256 ns


def places(p):  # noqa: ARG001 — every kernel has this form
    """Room for a few extremes; there may come more."""
    return ENTRIES + WIDTH * LEAST


def wider(width):
    """How many places a row has that needs more than `width`."""
    return ENTRIES + 2 * (width - ENTRIES)


def settled(state):
    """A copy in which equal states have equal bytes, however wide they grew: queues stand left, nothing behind them."""
    state = state.copy()
    _settle(state)
    longest = int(max(state[:, LOWS + 1].max(initial=0.0), state[:, HIGHS + 1].max(initial=0.0)))
    room = LEAST
    while room < longest:
        room *= 2
    return np.ascontiguousarray(state[:, : ENTRIES + WIDTH * room])


@njit(cache=True, error_model="numpy")
def _settle(state):
    for r in range(state.shape[0]):
        for queue in range(2):
            at = LOWS + 2 * queue
            first = int(state[r, at])
            size = int(state[r, at + 1])
            _to_the_left(state[r], at, ENTRIES + 2 * queue)
            for n in range(size, (state.shape[1] - ENTRIES) // WIDTH):
                state[r, ENTRIES + 2 * queue + WIDTH * n] = 0.0
                state[r, ENTRIES + 2 * queue + WIDTH * n + 1] = 0.0
            if first and size == 0:
                state[r, at] = 0.0


@njit(cache=True, error_model="numpy")
def _to_the_left(s, at, base):
    first = int(s[at])
    for n in range(int(s[at + 1])):
        s[base + WIDTH * n] = s[base + WIDTH * (first + n)]
        s[base + WIDTH * n + 1] = s[base + WIDTH * (first + n) + 1]
    s[at] = 0.0


@njit(cache=True, error_model="numpy")
def _from(s, at, base, oldest):
    """The first entry of a queue that lies in the window."""
    first = int(s[at])
    end = first + int(s[at + 1])
    while first < end and s[base + WIDTH * first] < oldest:
        first += 1
    return first


@njit(cache=True, error_model="numpy")
def _has_room(s, at, base, first, value, sign):
    """Leave out what is too old (before `first`) and what `value` makes meaningless; True where one more fits."""
    end = int(s[at]) + int(s[at + 1])
    while end > first and sign * s[base + WIDTH * (end - 1) + 1] >= sign * value:
        end -= 1
    if end == first:
        s[at] = 0.0
        s[at + 1] = 0.0
        return True
    s[at] = first
    s[at + 1] = end - first
    room = (s.shape[0] - ENTRIES) // WIDTH
    if end == room and 2 * first >= room:
        _to_the_left(s, at, base)
        end -= first
    return end < room


@njit(cache=True, error_model="numpy")
def _put(s, at, base, now, value):
    end = int(s[at]) + int(s[at + 1])
    s[base + WIDTH * end] = now
    s[base + WIDTH * end + 1] = value
    s[at + 1] += 1.0


@njit(cache=True, error_model="numpy")
def run(state, rows, x, p, keep, out):
    """One value a row. Gives how many were taken: fewer than there are where a row has no room for the next."""
    verb = p[0]
    is_percent = p[1] == 1.0
    of_time = p[2] == 1.0
    reach = p[3] + SLACK if of_time else p[3]
    cuts = p[4] == 1.0
    lows = ENTRIES
    highs = ENTRIES + 2
    for i in range(rows.shape[0]):
        s = state[rows[i]]
        value, by = x[0, i], x[1, i]
        count = s[COUNT] + 1.0
        now = x[2, i] if of_time else count
        is_new = cuts and s[SESSION] != x[3, i]
        oldest = now - reach
        has_last = not is_new and s[HAS_LAST] > 0.0 and s[LAST] >= oldest
        was_unknown = not is_new and s[HAS_UNKNOWN] > 0.0 and s[UNKNOWN] >= oldest
        result = np.nan
        low_at = high_at = 0
        if not np.isnan(value):
            low = high = value
            if not is_new:
                low_at = _from(s, LOWS, lows, oldest)
                high_at = _from(s, HIGHS, highs, oldest)
                if low_at < int(s[LOWS]) + int(s[LOWS + 1]):
                    low = min(low, s[lows + WIDTH * low_at + 1])
                if high_at < int(s[HIGHS]) + int(s[HIGHS + 1]):
                    high = max(high, s[highs + WIDTH * high_at + 1])
            if is_percent:
                rises = value >= (1.0 + by / 100.0) * low
                falls = value <= (1.0 - by / 100.0) * high
            else:
                rises = value - low >= by
                falls = high - value >= by
            if has_last and not np.isnan(by):
                if (rises and verb != FALLS) or (falls and verb != RISES):
                    result = 1.0
                elif not was_unknown:
                    result = 0.0
        if keep:
            if is_new:
                s[LOWS] = s[LOWS + 1] = s[HIGHS] = s[HIGHS + 1] = 0.0
                s[HAS_LAST] = s[HAS_UNKNOWN] = s[LAST] = s[UNKNOWN] = 0.0
                s[SESSION] = x[3, i]
            if np.isnan(value):
                s[HAS_UNKNOWN] = 1.0
                s[UNKNOWN] = now
            else:
                fits = True
                if verb != FALLS:
                    fits = _has_room(s, LOWS, lows, low_at, value, 1.0)
                if verb != RISES:
                    fits = _has_room(s, HIGHS, highs, high_at, value, -1.0) and fits
                if not fits:
                    return i
                if verb != FALLS:
                    _put(s, LOWS, lows, now, value)
                if verb != RISES:
                    _put(s, HIGHS, highs, now, value)
            s[COUNT] = count
            s[HAS_LAST] = 1.0
            s[LAST] = now
        out[0, i] = result
    return rows.shape[0]
