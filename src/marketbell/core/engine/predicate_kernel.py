"""Kernels of the predicate table: operations element by element, over three truths (see elementwise.py).

An operation is five numbers: what, and up to four slots that it reads. Slots are in an order in which each reads
only earlier ones. No fast math and no transcendental functions: the last bit is the same on every machine.
"""

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201, ANN202, C901, FURB136, PLR0911, PLR0912, PLR0915, PLR1714, SIM109 — kernels are typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

COLUMN = 0  # a: the column
CONSTANT = 1
ADD = 2
SUBTRACT = 3
MULTIPLY = 4
DIVIDE = 5
NEGATIVE = 6
ABSOLUTE = 7
SMALLEST = 8
LARGEST = 9
ROUND = 10
ROUND_TO = 11
COALESCE = 12
IF = 13
ABOVE = 14
AT_LEAST = 15
BELOW = 16
AT_MOST = 17
EQUAL = 18
UNEQUAL = 19
AND = 20
OR = 21
NOT = 22
KNOWN = 23
CROSSES_ABOVE = 24  # left, right, and both at the evaluation before
CROSSES_BELOW = 25
ENTERS = 26  # inside now, inside before
LEAVES = 27
OWN_ABOVE = 28  # as above; what stood at the evaluation before is the reader's own: places c, c + 1
OWN_BELOW = 29
OWN_ENTERS = 30  # place c
OWN_LEAVES = 31

WIDTH = 128
"""Elements that go through all operations together: they stay in the cache."""
TENS = np.array([10.0**digits for digits in range(-20, 21)])


@njit(cache=True, error_model="numpy")
def _finite(value):
    return value if abs(value) < np.inf else np.nan


@njit(cache=True, error_model="numpy")
def _round(value):
    size = abs(value)
    low = np.floor(size)
    whole = low + (1.0 if size - low >= 0.5 else 0.0)
    return whole if value >= 0.0 else -whole


@njit(cache=True, error_model="numpy")
def _both(a, b):
    if a == 0.0 or b == 0.0:
        return 0.0
    return np.nan if (np.isnan(a) or np.isnan(b)) else 1.0


@njit(cache=True, error_model="numpy")
def _either(a, b):
    if (a != 0.0 and not np.isnan(a)) or (b != 0.0 and not np.isnan(b)):
        return 1.0
    return np.nan if (np.isnan(a) or np.isnan(b)) else 0.0


@njit(cache=True, error_model="numpy")
def _crossed(now, other, before, other_before, is_up):
    """1 where `now` is over (under) the other and was not before; NaN where one of the four is unknown."""
    if np.isnan(now) or np.isnan(other) or np.isnan(before) or np.isnan(other_before):
        return np.nan
    if is_up:
        return 1.0 if (before <= other_before and now > other) else 0.0
    return 1.0 if (before >= other_before and now < other) else 0.0


@njit(cache=True, error_model="numpy")
def _passed(now, before):
    """`now and not before`."""
    return _both(now, np.nan if np.isnan(before) else (1.0 if before == 0.0 else 0.0))


@njit(cache=True, error_model="numpy")
def one(code, constants, tens, x, at, cone, values, own, is_first):
    """Evaluate the slots of `cone` for element `at` of the columns `x`, into `values` (one place a slot).

    `own` holds what the reader saw at the evaluation before, and takes what it sees now. At a first evaluation
    nothing can cross.
    """
    for n in range(len(cone)):
        s = cone[n]
        op = code[s, 0]
        a = code[s, 1]
        b = code[s, 2]
        r = np.nan
        if op == COLUMN:
            r = _finite(x[a, at])
        elif op == CONSTANT:
            r = constants[s]
        elif op == ADD:
            r = _finite(values[a] + values[b])
        elif op == SUBTRACT:
            r = _finite(values[a] - values[b])
        elif op == MULTIPLY:
            r = _finite(values[a] * values[b])
        elif op == DIVIDE:
            r = _finite(values[a] / values[b])
        elif op == NEGATIVE:
            r = -values[a]
        elif op == ABSOLUTE:
            r = abs(values[a])
        elif op == SMALLEST:
            r = _smallest(values[a], values[b])
        elif op == LARGEST:
            r = _largest(values[a], values[b])
        elif op == ROUND:
            r = _round(values[a])
        elif op == ROUND_TO:
            r = _rounded(values[a], values[b], tens)
        elif op == COALESCE:
            r = values[b] if np.isnan(values[a]) else values[a]
        elif op == IF:
            if not np.isnan(values[a]):
                r = values[b] if values[a] != 0.0 else values[code[s, 3]]
        elif op <= UNEQUAL:
            r = _compared(op, values[a], values[b])
        elif op == AND:
            r = _both(values[a], values[b])
        elif op == OR:
            r = _either(values[a], values[b])
        elif op == NOT:
            if not np.isnan(values[a]):
                r = 1.0 if values[a] == 0.0 else 0.0
        elif op == KNOWN:
            r = 0.0 if np.isnan(values[a]) else 1.0
        elif op == CROSSES_ABOVE or op == CROSSES_BELOW:
            if not is_first:
                r = _crossed(values[a], values[b], values[code[s, 3]], values[code[s, 4]], op == CROSSES_ABOVE)
        elif op == ENTERS:
            if not is_first:
                r = _passed(values[a], values[b])
        elif op == LEAVES:
            if not is_first:
                r = _passed(values[b], values[a])
        elif op == OWN_ABOVE or op == OWN_BELOW:
            c = code[s, 3]
            if not is_first:
                r = _crossed(values[a], values[b], own[c], own[c + 1], op == OWN_ABOVE)
            own[c] = values[a]
            own[c + 1] = values[b]
        elif op == OWN_ENTERS or op == OWN_LEAVES:
            c = code[s, 3]
            if not is_first:
                r = _passed(values[a], own[c]) if op == OWN_ENTERS else _passed(own[c], values[a])
            own[c] = values[a]
        values[s] = r


@njit(cache=True, error_model="numpy")
def _smallest(a, b):
    if np.isnan(a) or np.isnan(b):
        return np.nan
    return a if a <= b else b


@njit(cache=True, error_model="numpy")
def _largest(a, b):
    if np.isnan(a) or np.isnan(b):
        return np.nan
    return a if a >= b else b


@njit(cache=True, error_model="numpy")
def _rounded(value, digits, tens):
    if not abs(digits) <= 20.0:
        return np.nan
    scale = tens[int(digits) + 20]
    return _finite(_round(value * scale) / scale)


@njit(cache=True, error_model="numpy")
def _compared(op, a, b):
    if np.isnan(a) or np.isnan(b):
        return np.nan
    if op == ABOVE:
        return 1.0 if a > b else 0.0
    if op == AT_LEAST:
        return 1.0 if a >= b else 0.0
    if op == BELOW:
        return 1.0 if a < b else 0.0
    if op == AT_MOST:
        return 1.0 if a <= b else 0.0
    if op == EQUAL:
        return 1.0 if a == b else 0.0
    return 1.0 if a != b else 0.0


@njit(cache=True, error_model="numpy")
def block(code, constants, tens, x, places, begin, size, values):
    """Evaluate all operations for `size` elements into `values` [slots, WIDTH].

    Element n is column x[:, places[begin + n]]. The loops are simple: the compiler makes vector instructions of them.
    """
    for s in range(len(code)):
        op = code[s, 0]
        o = values[s]
        if op == COLUMN:
            c = x[code[s, 1]]
            for n in range(size):
                v = c[places[begin + n]]
                o[n] = v if abs(v) < np.inf else np.nan
            continue
        if op == CONSTANT:
            for n in range(size):
                o[n] = constants[s]
            continue
        a = values[code[s, 1]]
        b = values[code[s, 2]]
        if op == ADD:
            for n in range(size):
                r = a[n] + b[n]
                o[n] = r if abs(r) < np.inf else np.nan
        elif op == SUBTRACT:
            for n in range(size):
                r = a[n] - b[n]
                o[n] = r if abs(r) < np.inf else np.nan
        elif op == MULTIPLY:
            for n in range(size):
                r = a[n] * b[n]
                o[n] = r if abs(r) < np.inf else np.nan
        elif op == DIVIDE:
            for n in range(size):
                r = a[n] / b[n]
                o[n] = r if abs(r) < np.inf else np.nan
        elif op == NEGATIVE:
            for n in range(size):
                o[n] = -a[n]
        elif op == ABSOLUTE:
            for n in range(size):
                o[n] = abs(a[n])
        elif op == SMALLEST:
            for n in range(size):
                o[n] = _smallest(a[n], b[n])
        elif op == LARGEST:
            for n in range(size):
                o[n] = _largest(a[n], b[n])
        elif op == ROUND:
            for n in range(size):
                o[n] = _round(a[n])
        elif op == ROUND_TO:
            for n in range(size):
                o[n] = _rounded(a[n], b[n], tens)
        elif op == COALESCE:
            for n in range(size):
                o[n] = b[n] if np.isnan(a[n]) else a[n]
        elif op == IF:
            c = values[code[s, 3]]
            for n in range(size):
                o[n] = np.nan if np.isnan(a[n]) else (b[n] if a[n] != 0.0 else c[n])
        elif op == ABOVE:
            for n in range(size):
                r = 1.0 if a[n] > b[n] else 0.0
                o[n] = np.nan if (a[n] != a[n] or b[n] != b[n]) else r
        elif op == AT_LEAST:
            for n in range(size):
                r = 1.0 if a[n] >= b[n] else 0.0
                o[n] = np.nan if (a[n] != a[n] or b[n] != b[n]) else r
        elif op == BELOW:
            for n in range(size):
                r = 1.0 if a[n] < b[n] else 0.0
                o[n] = np.nan if (a[n] != a[n] or b[n] != b[n]) else r
        elif op == AT_MOST:
            for n in range(size):
                r = 1.0 if a[n] <= b[n] else 0.0
                o[n] = np.nan if (a[n] != a[n] or b[n] != b[n]) else r
        elif op == EQUAL:
            for n in range(size):
                r = 1.0 if a[n] == b[n] else 0.0
                o[n] = np.nan if (a[n] != a[n] or b[n] != b[n]) else r
        elif op == UNEQUAL:
            for n in range(size):
                r = 1.0 if a[n] != b[n] else 0.0
                o[n] = np.nan if (a[n] != a[n] or b[n] != b[n]) else r
        elif op == AND:
            for n in range(size):
                unknown = a[n] != a[n] or b[n] != b[n]
                r = np.nan if unknown else 1.0
                o[n] = 0.0 if (a[n] == 0.0 or b[n] == 0.0) else r
        elif op == OR:
            for n in range(size):
                unknown = a[n] != a[n] or b[n] != b[n]
                r = np.nan if unknown else 0.0
                o[n] = 1.0 if ((a[n] != 0.0 and a[n] == a[n]) or (b[n] != 0.0 and b[n] == b[n])) else r
        elif op == NOT:
            for n in range(size):
                r = 1.0 if a[n] == 0.0 else 0.0
                o[n] = np.nan if a[n] != a[n] else r
        elif op == KNOWN:
            for n in range(size):
                o[n] = 0.0 if a[n] != a[n] else 1.0
        elif op == CROSSES_ABOVE or op == CROSSES_BELOW:
            c = values[code[s, 3]]
            d = values[code[s, 4]]
            up = op == CROSSES_ABOVE
            for n in range(size):
                o[n] = _crossed(a[n], b[n], c[n], d[n], up)
        elif op == ENTERS:
            for n in range(size):
                o[n] = _passed(a[n], b[n])
        elif op == LEAVES:
            for n in range(size):
                o[n] = _passed(b[n], a[n])
        else:
            for n in range(size):
                o[n] = np.nan


@njit(cache=True, error_model="numpy")
def evaluate(code, constants, tens, x, places, wanted, values, out):
    """The wanted slots for all elements, in blocks: out [wanted, elements]."""
    total = len(places)
    begin = 0
    while begin < total:
        size = min(WIDTH, total - begin)
        block(code, constants, tens, x, places, begin, size, values)
        for w in range(len(wanted)):
            v = values[wanted[w]]
            o = out[w]
            for n in range(size):
                o[begin + n] = v[n]
        begin += size
