"""Layering or spoofing suspicion: size behind the best price that comes and goes on one side (see catalogue.py).

A row of `state`: the second in hand, seconds seen; then 70 seconds of (added, removed, additions) of the bid, the
same of the ask, and size traded, the second in hand being the last. Events as in quote_stuffing.py.
"""

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201, ANN202, C901 — kernels are flat and typed by Numba
# mypy: disable-error-code="no-untyped-def,misc"

PLACING = 5
PULLING = 5
USUAL = 60
KEPT = PLACING + PULLING + USUAL
BEHIND = 0.0025
THRESHOLD = 5.0
GONE = 0.8
OTHER = 0.5
TRADED_SHARE = 0.1
ADDITIONS = 3.0

SECOND, SEEN, RING = 0, 1, 2
WIDTH = 7
TRADED = 6
PLACES = RING + KEPT * WIDTH
CHANGE, TRADE, LOST = 0.0, 1.0, 2.0


@njit(cache=True, error_model="numpy")
def _sum(s, column, first, last):
    """Sum of a column over seconds [first, last) of the ring."""
    total = 0.0
    for j in range(first, last):
        total += s[RING + j * WIDTH + column]
    return total


@njit(cache=True, error_model="numpy")
def _close(s, value, evidence):
    """Judge the last ten seconds against the minute before."""
    value[2] = s[SECOND] + 1.0
    value[0] = np.nan
    value[1] = np.nan
    if s[SEEN] + 1.0 < KEPT:
        return
    value[0] = 0.0
    value[1] = 0.0
    traded = _sum(s, TRADED, USUAL, KEPT)
    for side in range(2):
        usual = _sum(s, 3 * side, 0, USUAL) / (USUAL / PLACING)
        placed = _sum(s, 3 * side, USUAL, USUAL + PLACING)
        if not usual > 0.0:
            continue
        score = placed / usual
        value[0] = max(value[0], score)
        pulled = _sum(s, 3 * side + 1, USUAL + PLACING, KEPT)
        other = _sum(s, 3 * (1 - side), USUAL, USUAL + PLACING)
        additions = _sum(s, 3 * side + 2, USUAL, USUAL + PLACING)
        if (
            score >= THRESHOLD
            and additions >= ADDITIONS
            and pulled >= GONE * placed
            and other <= OTHER * placed
            and traded <= TRADED_SHARE * placed
        ):
            value[1] = 1.0
            evidence[0] = s[SECOND] + 1.0 - PLACING - PULLING
            evidence[1] = s[SECOND] + 1.0
            evidence[2] = side
            evidence[3] = placed
            evidence[4] = usual
            evidence[5] = pulled
            evidence[6] = other
            evidence[7] = traded
            evidence[8] = additions


@njit(cache=True, error_model="numpy")
def run(state, rows, kind, second, side, delta, away, value, evidence):
    """Take events: changes of levels, trades (`delta` their size), and the loss of a book."""
    for i in range(len(rows)):
        s = state[rows[i]]
        if kind[i] == LOST:
            s[:] = 0.0
            value[rows[i], 0] = np.nan
            value[rows[i], 1] = np.nan
            continue
        if s[SECOND] == 0.0:
            s[SECOND] = second[i]
        while second[i] > s[SECOND]:
            _close(s, value[rows[i]], evidence[rows[i]])
            passed = second[i] - s[SECOND]
            # After a silence longer than the ring only its end matters.
            if passed > KEPT:
                s[RING:] = 0.0
                s[SEEN] = KEPT
                s[SECOND] = second[i]
                break
            for j in range(RING, PLACES - WIDTH):
                s[j] = s[j + WIDTH]
            for j in range(PLACES - WIDTH, PLACES):
                s[j] = 0.0
            s[SEEN] = min(s[SEEN] + 1.0, KEPT)
            s[SECOND] += 1.0
        now = PLACES - WIDTH
        if kind[i] == TRADE:
            s[now + TRADED] += delta[i]
        elif away[i] > 0.0 and away[i] <= BEHIND:
            at = now + 3 * side[i]
            if delta[i] > 0.0:
                s[at] += delta[i]
                s[at + 2] += 1.0
            else:
                s[at + 1] -= delta[i]
