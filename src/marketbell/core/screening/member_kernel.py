"""Who enters, leaves and changes, of many screens at once: only rows that changed, only screens that can have turned.

Members and scopes are bits: screen s of row r is bit s & 63 of word s >> 6.
"""

import numpy as np
from numba import njit

from marketbell.core.engine import predicate_kernel as pk

# ruff: noqa: ANN001, ANN201, ANN202, C901, PLR0912, PLR0915 — kernels are typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

ENTER, LEAVE = 0, 1
SCREEN_BITS, WHAT_BITS = 34, 1
"""A line is one number: the screen above bit 34, the place among the rows given above bit 1, what happened."""
_ONE = np.uint64(1)


@njit(cache=True, error_model="numpy")
def holds(op, value, level):
    """True where a known value compares like that."""
    if op == pk.ABOVE:
        return value > level
    if op == pk.AT_LEAST:
        return value >= level
    if op == pk.BELOW:
        return value < level
    if op == pk.AT_MOST:
        return value <= level
    if op == pk.EQUAL:
        return value == level
    return value != level and value == value  # noqa: PLR0124 — NaN is not itself


@njit(cache=True, error_model="numpy")
def _first_at_least(levels, low, high, value):
    """Place of the first of ascending levels[low:high] that is not below the value."""
    while low < high:
        middle = (low + high) >> 1
        if levels[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True, error_model="numpy")
def advance(
    x, rows, values, is_all, start, count,
    fresh, level_begins, levels, level_screens, always_begins, always_screens, reader_begins, reader_screens, shows,
    test_begins, test_columns, test_ops, test_levels, need_begins, needs, denied, leave_of,
    root_slots, cone_begins, cones, code, constants, tens,
    scope, members, counts, now, slot_values, own, root_values, root_stamps, stamps, queue, moved, stamp, out, told,
    all_told,
):  # fmt: skip
    """Take new values and let rows enter and leave; gives how many of `rows` are done and how many lines `out` has.

    `x` [columns, all rows] takes `values` [columns, rows given]. A row has changed where one of its values has; a
    screen is evaluated for it where the change can have turned it: a level of `levels` lies between old and new,
    a column of `always` changed, or one that it reads became known or unknown. Screens of `fresh` are evaluated for
    every row given; with `is_all` all are, and nothing counts as an update. It stops before a row for which `out` may
    be too short, and goes on from `start` with `count` lines. `told` [rows given, words] takes, as bits, who was a
    member and is one, and has a value changed of those in `shows`; `all_told` those of all rows together.

    The lists by column, by screen and by root (a slot that is evaluated by its operations) stand one behind the
    other, with where each begins. A screen's truth holds where its comparisons (`test_`) and its roots (`needs`,
    false ones where `denied`) do; with a root in `leave_of` (-1: none) only where that is false, and a member stays
    while it is. The rest is room: `now` [columns, 1], `slot_values`, `root_values` and so on.
    """
    screens = len(counts)
    columns = len(values)
    words = members.shape[1]
    for n in range(start, len(rows)):
        if len(out) - count < screens:
            return n, count
        r = rows[n]
        changes = 0
        for c in range(columns):
            value = values[c, n]
            old = x[c, r]
            now[c, 0] = value if abs(value) < np.inf else np.nan
            if value != old and not (np.isnan(value) and np.isnan(old)):
                moved[changes] = c
                changes += 1
        for w in range(words):
            told[n, w] = 0
        if changes == 0 and not is_all and len(fresh) == 0:
            continue
        stamp[0] += 1
        mark = stamp[0]
        size = 0
        if is_all:
            for s in range(screens):
                queue[s] = s
            size = screens
        else:
            for at in range(len(fresh)):
                stamps[fresh[at]] = mark
                queue[size] = fresh[at]
                size += 1
            for m in range(changes):
                c = moved[m]
                old = x[c, r] if abs(x[c, r]) < np.inf else np.nan
                new = now[c, 0]
                if np.isnan(old) and np.isnan(new):
                    continue
                if np.isnan(old) or np.isnan(new):
                    for at in range(reader_begins[c], reader_begins[c + 1]):
                        s = reader_screens[at]
                        if stamps[s] != mark:
                            stamps[s] = mark
                            queue[size] = s
                            size += 1
                    continue
                for at in range(always_begins[c], always_begins[c + 1]):
                    s = always_screens[at]
                    if stamps[s] != mark:
                        stamps[s] = mark
                        queue[size] = s
                        size += 1
                at = _first_at_least(levels, level_begins[c], level_begins[c + 1], min(old, new))
                high = max(old, new)
                while at < level_begins[c + 1] and levels[at] <= high:
                    s = level_screens[at]
                    at += 1
                    if stamps[s] != mark:
                        stamps[s] = mark
                        queue[size] = s
                        size += 1
            for w in range(words):
                for m in range(changes):
                    told[n, w] |= shows[moved[m], w]
                told[n, w] &= members[r, w]
        for m in range(changes):
            x[moved[m], r] = values[moved[m], n]
        for q in range(size):
            s = queue[q]
            w = s >> 6
            bit = _ONE << np.uint64(s & 63)
            was = (members[r, w] & bit) != 0
            is_in = False
            if (scope[r, w] & bit) != 0:
                is_in = True
                for at in range(test_begins[s], test_begins[s + 1]):
                    if not holds(test_ops[at], now[test_columns[at], 0], test_levels[at]):
                        is_in = False
                        break
                at = need_begins[s]
                while is_in and at < need_begins[s + 1]:
                    k = needs[at]
                    if root_stamps[k] != mark:
                        root_stamps[k] = mark
                        cone = cones[cone_begins[k] : cone_begins[k + 1]]
                        pk.one(code, constants, tens, now, 0, cone, slot_values, own, False)
                        root_values[k] = slot_values[root_slots[k]]
                    value = root_values[k]
                    is_in = (value == 0.0) if denied[at] else (value != 0.0 and not np.isnan(value))
                    at += 1
                k = leave_of[s]
                if k >= 0 and (was or is_in):
                    if root_stamps[k] != mark:
                        root_stamps[k] = mark
                        cone = cones[cone_begins[k] : cone_begins[k + 1]]
                        pk.one(code, constants, tens, now, 0, cone, slot_values, own, False)
                        root_values[k] = slot_values[root_slots[k]]
                    is_in = root_values[k] == 0.0
            if is_in != was:
                members[r, w] ^= bit
                counts[s] += 1 if is_in else -1
                out[count] = (s << SCREEN_BITS) | (n << WHAT_BITS) | (ENTER if is_in else LEAVE)
                count += 1
        for w in range(words):
            told[n, w] &= members[r, w]
            all_told[w] |= told[n, w]
    return len(rows), count


@njit(cache=True, error_model="numpy")
def differs(x, rows, values, out):
    """Of which of `rows` a value changed, into `out`: column by column, as the values lie."""
    out[:] = False
    for c in range(len(values)):
        for n in range(len(rows)):
            value = values[c, n]
            old = x[c, rows[n]]
            out[n] |= value != old and (value == value or old == old)  # noqa: PLR0124 — NaN is not itself


@njit(cache=True, error_model="numpy")
def by_screen(lines, begins, out):
    """Lines that stand by row into `out`, by screen, then by row. `begins` is room, one place more than screens."""
    begins[:] = 0
    for n in range(len(lines)):
        begins[(lines[n] >> SCREEN_BITS) + 1] += 1
    for s in range(1, len(begins)):
        begins[s] += begins[s - 1]
    for n in range(len(lines)):
        s = lines[n] >> SCREEN_BITS
        out[begins[s]] = lines[n]
        begins[s] += 1


@njit(cache=True, error_model="numpy")
def pairs(members, rows, screens, out):
    """All memberships of the first rows, as (screen, row) by row, into `out`; gives how many."""
    count = 0
    for r in range(rows):
        for w in range(members.shape[1]):
            word = members[r, w]
            s = w << 6
            while word != 0 and s < screens:
                if (word & _ONE) != 0:
                    out[count, 0] = s
                    out[count, 1] = r
                    count += 1
                word >>= _ONE
                s += 1
    return count


@njit(cache=True, error_model="numpy")
def bit(words, screen, count):
    """One screen's bit of the first `count` rows, as truths."""
    found = np.empty(count, np.bool_)
    w = screen >> 6
    mask = _ONE << np.uint64(screen & 63)
    for r in range(count):
        found[r] = (words[r, w] & mask) != 0
    return found
