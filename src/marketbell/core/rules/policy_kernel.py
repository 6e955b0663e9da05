"""The policy of rules (policy.py) over arrays: many rules, many instruments, a batch of evaluations at once.

A *pair* is a rule on an instrument's row. Each has a byte of flags; what needs numbers (holds, cooldowns, counts) lies
in a record that a pair gets when it first needs one. Nothing here reads a clock.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from marketbell.core.engine import predicate_kernel as pk

# ruff: noqa: ANN001, ANN201, ANN202, C901, PLR0911, PLR0912, PLR0915, PLR1714, SIM109 — kernels are typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc,assignment"

NEVER = -(1 << 62)
FAR = (1 << 63) - 1

# --- a rule ------------------------------------------------------------------------------------------
P_FIRE = 0
P_HOLD = 1
P_REARM = 2
P_AFTER = 3
P_COOLDOWN = 4
P_BEGIN = 5  # minutes of the local day, -1 without a session
P_END = 6
P_EXPIRES = 7
P_STALE = 8
P_INTRADAY = 9
P_PAIR = 10  # its first pair
P_ROOT = 11  # slots of the predicate table; -1 where there is none
P_GATE = 12
P_REARM_SLOT = 13
P_CONE = 14  # what root and rearm rest on, in `cones`: where it begins, and how many
P_CONE_SIZE = 15
P_GATE_CONE = 16
P_GATE_SIZE = 17
P_OWN = 18  # values of the evaluation before that it keeps itself
P_WIDE = 19  # place of the root among the values of a block, -1: it is evaluated alone
P_WIDE_GATE = 20
P_WIDE_REARM = 21
P_INPUTS = 22  # columns that it reads, in `inputs`: where they begin, and how many
P_INPUTS_SIZE = 23
P_BAR = 24  # width of what `once per bar` counts, ns; 0: each evaluation is its own bar
NP = 25

# --- a pair's byte: last known truth, whether it was ever evaluated, whether the last one was unknown, phase ---------
TRUTH = 3  # 0 none, 1 false, 2 true
TRUE = 2
EVALUATED = 4
UNKNOWN = 8
PHASE = 4  # shift

IDLE, PENDING, FIRING, RECOVERING, DONE, EXPIRED = range(6)

# --- a record -----------------------------------------------------------------------------------------
Q_PAIR = 0
Q_RULE = 1
Q_ROW = 2
Q_SINCE = 3
Q_TARGET = 4
Q_SESSION = 5
Q_CLOSE = 6
Q_DATE = 7
Q_FIRED = 8
Q_KEY = 9
Q_LAST = 10
Q_NTH = 11
NQ = 12

# --- a firing ------------------------------------------------------------------------------------------
# rule, row, place of the evaluation (-1: it rests on the values of the evaluation before), event time, nth,
# 1 exit, 1 suppressed by the cooldown, record
NF = 8

_ONCE, _BAR, _DAY, _SESSION, _EVERY, _ENTER, _EXIT, _CHANGE = range(8)
_FALSE, _WHEN, _AFTER, _NEVER = range(4)
_SKIP, _HOLD, _FIRE = range(3)


@njit(cache=True, error_model="numpy")
def _record(pair, rule, row, recs, records, used):
    """The record of a pair, new or known; there is room for it."""
    rec = recs[pair]
    if rec >= 0:
        return rec, used
    rec = used
    recs[pair] = rec
    records[rec, Q_PAIR] = pair
    records[rec, Q_RULE] = rule
    records[rec, Q_ROW] = row
    records[rec, Q_SINCE] = NEVER
    records[rec, Q_TARGET] = 1
    records[rec, Q_SESSION] = NEVER
    records[rec, Q_CLOSE] = FAR
    records[rec, Q_DATE] = 0
    records[rec, Q_FIRED] = NEVER
    records[rec, Q_KEY] = NEVER
    records[rec, Q_LAST] = NEVER
    records[rec, Q_NTH] = 0
    return rec, used + 1


@njit(cache=True, error_model="numpy")
def _fire(p, rule, row, rec, place, time, key, is_exit, records, fi, nf):
    """policy._fire: the phase, and how many firings there are now."""
    q = records[rec]
    if key != NEVER and key == q[Q_KEY]:
        return FIRING, nf
    nth = q[Q_NTH] + 1 if q[Q_LAST] == time else 1
    q[Q_LAST] = time
    q[Q_NTH] = nth
    is_suppressed = q[Q_FIRED] != NEVER and time - q[Q_FIRED] < p[P_COOLDOWN]
    fi[nf, 0] = rule
    fi[nf, 1] = row
    fi[nf, 2] = place
    fi[nf, 3] = time
    fi[nf, 4] = nth
    fi[nf, 5] = 1 if is_exit else 0
    fi[nf, 6] = 1 if is_suppressed else 0
    fi[nf, 7] = rec
    if is_suppressed:
        return FIRING, nf + 1
    q[Q_FIRED] = time
    q[Q_KEY] = key
    return (DONE if (p[P_FIRE] == _ONCE or p[P_REARM] == _NEVER) else FIRING), nf + 1


@njit(cache=True, error_model="numpy")
def _settle(p, rule, row, flags, pair, rec, time, records, fi, nf):
    """policy.settle for a pending pair."""
    q = records[rec]
    due = q[Q_SINCE] + p[P_HOLD]
    if p[P_INTRADAY] and due > q[Q_CLOSE]:
        if time > q[Q_CLOSE]:
            flags[pair] = flags[pair] & (EVALUATED | UNKNOWN)
        return nf
    if due > time or due >= p[P_EXPIRES]:
        return nf
    fire = p[P_FIRE]
    key = NEVER
    if fire == _DAY:
        key = q[Q_DATE]
    elif fire == _SESSION:
        key = q[Q_SESSION]
    elif fire == _BAR:
        key = due
    phase, nf = _fire(p, rule, row, rec, -1, due, key, q[Q_TARGET] == 0, records, fi, nf)
    flags[pair] = (np.int64(flags[pair]) & 15) | (phase << PHASE)
    return nf


@njit(cache=True, error_model="numpy")
def decide(
    p, rule, row, pair, place, time, truth, rearm, bar, date, session, close, flags, recs, records, used, fi, nf
):
    """policy.step behind the checks of gate and session: truth and rearm are 1, 0 or NaN (rearm: unknown is no)."""
    byte = np.int64(flags[pair])
    phase = byte >> PHASE
    before = byte & TRUTH
    if np.isnan(truth):
        if p[P_STALE] == _SKIP:
            if phase == PENDING:
                phase = IDLE
                before = 0
            flags[pair] = before | EVALUATED | UNKNOWN | (phase << PHASE)
            return used, nf
        if p[P_STALE] == _HOLD:
            if before == 0:
                flags[pair] = EVALUATED | UNKNOWN | (phase << PHASE)
                return used, nf
            is_true = before == 2
        else:
            is_true = True
    else:
        is_true = truth != 0.0
    rec = recs[pair]
    if phase == FIRING or phase == RECOVERING:
        if p[P_REARM] == _FALSE:
            if not is_true:
                phase = IDLE
        else:
            is_due = rearm == 1.0 if p[P_REARM] == _WHEN else time - records[rec, Q_FIRED] >= p[P_AFTER]
            if is_due:
                phase = IDLE
                before = 1
    fire = p[P_FIRE]
    is_waiting = False
    if phase == PENDING:
        if is_true != (records[rec, Q_TARGET] == 1):
            phase = IDLE
        elif time >= records[rec, Q_SINCE] + p[P_HOLD]:
            is_waiting = True
            phase, nf = _fire(
                p, rule, row, rec, place, time, _key(fire, bar, date, session), not is_true, records, fi, nf
            )
        else:
            is_waiting = True
    if not is_waiting:
        if fire < _EVERY:
            wants = is_true and before != 2
        elif fire == _EVERY:
            wants = is_true
        elif fire == _ENTER:
            wants = is_true and before == 1
        elif fire == _EXIT:
            wants = not is_true and before == 2
        else:
            wants = before != 0 and is_true != (before == 2)
        if wants and (phase == IDLE or (p[P_REARM] == _FALSE and fire >= _EVERY)):
            rec, used = _record(pair, rule, row, recs, records, used)
            if p[P_HOLD] > 0 and not (fire == _EVERY and phase == FIRING):
                phase = PENDING
                records[rec, Q_SINCE] = time
                records[rec, Q_TARGET] = 1 if is_true else 0
                records[rec, Q_SESSION] = session
                records[rec, Q_CLOSE] = close
                records[rec, Q_DATE] = date
            else:
                phase, nf = _fire(
                    p, rule, row, rec, place, time, _key(fire, bar, date, session), not is_true, records, fi, nf
                )
    if phase == FIRING and not is_true and p[P_REARM] != _FALSE:
        phase = RECOVERING
    flags[pair] = (2 if is_true else 1) | EVALUATED | (UNKNOWN if np.isnan(truth) else 0) | (phase << PHASE)
    return used, nf


@njit(cache=True, error_model="numpy")
def _key(fire, bar, date, session):
    if fire == _BAR:
        return bar
    if fire == _DAY:
        return date
    return session if fire == _SESSION else NEVER


@njit(cache=True, error_model="numpy")
def _leave(flags, pair):
    """The rule is not evaluated here: a hold breaks off."""
    if flags[pair] >> PHASE == PENDING:
        flags[pair] = flags[pair] & (EVALUATED | UNKNOWN)


@njit(cache=True, error_model="numpy")
def visit(
    p, rule, row, pair, place, code, constants, tens, x, cones, values, block_values, at, time, minute, bar, date,
    session, close, flags, recs, records, record_f, used, fi, ff, nf, inputs, past,
):  # fmt: skip
    """One rule at one evaluation; `at` is its place in the block (-1: everything is evaluated alone)."""
    byte = np.int64(flags[pair])
    phase = byte >> PHASE
    if phase >= DONE:
        return used, nf
    begun = nf
    if phase == PENDING:
        rec = recs[pair]
        nf = _settle(p, rule, row, flags, pair, rec, time - 1, records, fi, nf)
        for n in range(begun, nf):
            for c in range(record_f.shape[1]):
                ff[n, c] = record_f[rec, c]
        byte = np.int64(flags[pair])
        phase = byte >> PHASE
        if phase >= DONE:
            return used, nf
    if time >= p[P_EXPIRES]:
        flags[pair] = (byte & 15) | (EXPIRED << PHASE)
        return used, nf
    if phase == PENDING and p[P_INTRADAY] and session != records[recs[pair], Q_SESSION]:
        flags[pair] = byte & (EVALUATED | UNKNOWN)
        byte = np.int64(flags[pair])
    if p[P_BEGIN] >= 0 and not (p[P_BEGIN] <= minute <= p[P_END]):
        _leave(flags, pair)
        return used, nf
    is_first = byte & EVALUATED == 0
    alone = at < 0 or p[P_WIDE] < 0 or is_first
    if p[P_GATE] >= 0:
        if at >= 0 and p[P_WIDE] >= 0:
            gate = block_values[p[P_WIDE_GATE], at]
        else:
            pk.one(
                code, constants, tens, x, place, cones[p[P_GATE_CONE] : p[P_GATE_CONE] + p[P_GATE_SIZE]], values, past,
                False,
            )  # fmt: skip
            gate = values[p[P_GATE]]
        if gate != 1.0:
            _leave(flags, pair)
            return used, nf
    own = p[P_OWN]
    if alone:
        if own > 0:
            rec, used = _record(pair, rule, row, recs, records, used)
            for c in range(own):
                past[c] = record_f[rec, c]
            pk.one(
                code, constants, tens, x, place, cones[p[P_CONE] : p[P_CONE] + p[P_CONE_SIZE]], values,
                record_f[rec], is_first,
            )  # fmt: skip
        else:
            pk.one(
                code, constants, tens, x, place, cones[p[P_CONE] : p[P_CONE] + p[P_CONE_SIZE]], values, past, is_first
            )
        truth = values[p[P_ROOT]]
        rearm = values[p[P_REARM_SLOT]] if p[P_REARM_SLOT] >= 0 else np.nan
    else:
        truth = block_values[p[P_WIDE], at]
        rearm = block_values[p[P_WIDE_REARM], at] if p[P_REARM_SLOT] >= 0 else np.nan
    if truth == 0.0 and byte == (1 | EVALUATED):  # false before, false now, nothing under way
        return used, nf
    before = nf
    used, nf = decide(
        p, rule, row, pair, place, time, truth, rearm, bar, date, session, close, flags, recs, records, used, fi, nf
    )
    for n in range(before, nf):
        for c in range(own):
            ff[n, c] = past[c]
    if flags[pair] >> PHASE == PENDING:
        rec = recs[pair]
        for c in range(p[P_INPUTS_SIZE]):
            record_f[rec, own + c] = x[inputs[p[P_INPUTS] + c], place]
    return used, nf


def _quiet() -> NDArray[np.bool_]:
    """Where an evaluation changes nothing: by kind of rule, truth (0, 1, 2 unknown) and the pair's byte.

    Bits of the kind: 1, the rule is armed again when its condition is false, and a condition that stays true does not
    fire; 2, an unknown truth is no evaluation. A pair that was never evaluated is not quiet.
    """
    found = np.zeros((4, 3, 256), np.bool_)
    for kind in range(4):
        for phase in range(EXPIRED + 1):
            for byte in range(phase << PHASE, (phase << PHASE) + 16):
                if phase >= DONE:
                    found[kind, :, byte] = True
                elif byte & EVALUATED and phase != PENDING:
                    is_known = byte & UNKNOWN == 0
                    found[kind, 0, byte] = is_known and phase == IDLE and byte & TRUTH == 1
                    found[kind, 1, byte] = kind & 1 and is_known and phase in {IDLE, FIRING} and byte & TRUTH == 2
                    found[kind, 2, byte] = kind & 2 and not is_known
    return found


QUIET = _quiet()


@njit(cache=True, error_model="numpy")
def _repeats(rows, begin, size, seen, before):
    """Where in a block each element's row stood before it: `before` [element], -1 where it did not.

    `seen` [row] is kept from block to block; it holds places of the batch.
    """
    has_some = False
    for n in range(size):
        row = rows[begin + n]
        place = seen[row] - begin
        before[n] = place if 0 <= place < n and rows[begin + place] == row else -1
        has_some = has_some or before[n] >= 0
        seen[row] = begin + n
    return has_some


@njit(cache=True, error_model="numpy")
def _loud(rules, wide, quiet, block_values, rows, time, flags, begin, size, before, has_repeats, which, count):
    """Of the wide rules over a block: which evaluations may change something, `which` [n] = rule's place, element.

    `count` [element] says how many there are of each. Behind one that may, what a pair's byte will be is not known.
    """
    found = 0
    is_loud = np.zeros(size, np.bool_)
    for n in range(size):
        count[n] = 0
    for w in range(len(wide)):
        p = rules[wide[w]]
        pair = p[P_PAIR]
        expires = p[P_EXPIRES]
        kind = (1 if (p[P_REARM] == _FALSE and p[P_FIRE] != _EVERY) else 0) + (2 if p[P_STALE] == _SKIP else 0)
        table = quiet[kind]
        truths = block_values[p[P_WIDE]]
        has_gate = p[P_GATE] >= 0
        gates = block_values[p[P_WIDE_GATE] if has_gate else 0]
        for n in range(size):
            truth = truths[n]
            byte = flags[pair + rows[begin + n]]
            t = 2 if np.isnan(truth) else (0 if truth == 0.0 else 1)
            is_quiet = table[t, byte] or (has_gate and gates[n] != 1.0 and byte >> PHASE != PENDING)
            is_quiet = is_quiet and (time[begin + n] < expires or byte >> PHASE >= DONE)
            if has_repeats:
                is_loud[n] = not is_quiet or (before[n] >= 0 and is_loud[before[n]])
                is_quiet = not is_loud[n]
            if is_quiet:
                continue
            which[found, 0] = w
            which[found, 1] = n
            found += 1
            count[n] += 1
    return found


@njit(cache=True, error_model="numpy")
def _by_element(which, found, count, size, first, order):
    """The rules' places of `which`, element by element: `order`, from first[n] on those of element n."""
    at = 0
    for n in range(size):
        first[n] = at
        at += count[n]
    first[size] = at
    for f in range(found):
        n = which[f, 1]
        order[first[n]] = which[f, 0]
        first[n] += 1
    for n in range(size, 0, -1):
        first[n] = first[n - 1]
    first[0] = 0


@njit(cache=True, error_model="numpy")
def run(
    rules, wide, heads, counts_by_row, entries, quiet, code, constants, tens, x, cones, block_code, block_constants,
    block_values, values, inputs, past, rows, time, minute, date, session, close, flags, recs, records, record_f, fi,
    ff, begin, counts,
):  # fmt: skip
    """All rules of a timeframe over a batch of evaluations, from `begin` on; returns where it stopped for want of room.

    `wide` rules are those of every row: their pair is P_PAIR + row. The others of row r are in a list that begins with
    entry heads[r] (row_lists.py); a rule without pairs has left. counts: records used, firings.
    """
    used = counts[0]
    nf = counts[1]
    total = len(rows)
    places = np.arange(total)
    most = len(wide) * min(pk.WIDTH, total - begin)
    which = np.empty((most, 2), np.int32)
    order = np.empty(most, np.int32)
    loud = np.zeros(pk.WIDTH, np.int64)
    first = np.zeros(pk.WIDTH + 1, np.int64)
    before = np.empty(pk.WIDTH, np.int64)
    seen = np.full(len(heads), -1, np.int64)
    while begin < total:
        size = min(pk.WIDTH, total - begin)
        if len(wide):
            pk.block(block_code, block_constants, tens, x, places, begin, size, block_values)
            has_repeats = _repeats(rows, begin, size, seen, before)
            found = _loud(
                rules, wide, quiet, block_values, rows, time, flags, begin, size, before, has_repeats, which, loud
            )
            _by_element(which, found, loud, size, first, order)
        for n in range(begin, begin + size):
            r = rows[n]
            wanted = loud[n - begin] + counts_by_row[r]  # a record and two firings each, at most
            if used + wanted > len(records) or nf + 2 * wanted > len(fi):
                counts[0] = used
                counts[1] = nf
                return n
            for w in range(first[n - begin], first[n - begin + 1]):
                rule = wide[order[w]]
                p = rules[rule]
                bar = session[n] + (time[n] - session[n]) // p[P_BAR] * p[P_BAR] if p[P_BAR] > 0 else time[n]
                used, nf = visit(
                    p, rule, r, p[P_PAIR] + r, n, code, constants, tens, x, cones, values, block_values, n - begin,
                    time[n], minute[n], bar, date[n], session[n], close[n], flags, recs, records, record_f, used, fi,
                    ff, nf, inputs, past,
                )  # fmt: skip
            e = heads[r]
            while e >= 0:
                rule = entries[e, 0]
                pair = entries[e, 1]
                e = entries[e, 2]
                p = rules[rule]
                if p[P_PAIR] < 0 or flags[pair] >> PHASE >= DONE:
                    continue
                bar = session[n] + (time[n] - session[n]) // p[P_BAR] * p[P_BAR] if p[P_BAR] > 0 else time[n]
                used, nf = visit(
                    p, rule, r, pair, n, code, constants, tens, x, cones, values, block_values, -1,
                    time[n], minute[n], bar, date[n], session[n], close[n], flags, recs, records, record_f, used, fi,
                    ff, nf, inputs, past,
                )  # fmt: skip
        begin += size
    counts[0] = used
    counts[1] = nf
    return total


@njit(cache=True, error_model="numpy")
def settle_due(rules, flags, records, record_f, used, until, fi, ff):
    """Complete the holds that were over at `until`[row]; the outputs have room for every record."""
    nf = 0
    for rec in range(used):
        pair = records[rec, Q_PAIR]
        if pair < 0 or flags[pair] >> PHASE != PENDING:
            continue
        rule, row = records[rec, Q_RULE], records[rec, Q_ROW]
        before = nf
        nf = _settle(rules[rule], rule, row, flags, pair, rec, until[row], records, fi, nf)
        for n in range(before, nf):
            for c in range(record_f.shape[1]):
                ff[n, c] = record_f[rec, c]
    return nf
