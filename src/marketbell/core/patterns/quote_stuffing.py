"""Quote stuffing suspicion: a second of many changes that leave nothing and trade nothing (see catalogue.py).

A row of `state`: the second in hand, seconds seen, its changes, size added and removed, trades; then the changes of
the 60 seconds before, the newest last. Events come in log order; one of an older second counts in that in hand.
"""

import math

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN201, ANN202, C901 — kernels are flat and typed by Numba
# mypy: disable-error-code="no-untyped-def,misc"

LEAST = 30
MOST = 60
NEAR = 0.01
THRESHOLD = 6.0
CHANGES = 100.0
REMAINS = 0.2
TRADES = 0.02

SECOND, SEEN, N, ADDED, REMOVED, TRADED, RING = 0, 1, 2, 3, 4, 5, 6
PLACES = RING + MOST
CHANGE, TRADE, LOST = 0.0, 1.0, 2.0


@njit(cache=True, error_model="numpy")
def _close(s, value, evidence):
    """Judge the second in hand."""
    known = int(min(s[SEEN], MOST))
    value[2] = s[SECOND] + 1.0
    value[0] = np.nan
    value[1] = np.nan
    if known < LEAST:
        return
    mean = 0.0
    for j in range(MOST - known, MOST):
        mean += s[RING + j]
    mean /= known
    spread = 0.0
    for j in range(MOST - known, MOST):
        off = s[RING + j] - mean
        spread += off * off
    deviations = (s[N] - mean) / max(math.sqrt(spread / known), 1.0)
    larger = max(s[ADDED], s[REMOVED])
    is_fleeting = larger > 0.0 and abs(s[ADDED] - s[REMOVED]) <= REMAINS * larger
    is_quiet = s[TRADED] <= TRADES * s[N]
    value[0] = deviations
    value[1] = 1.0 if deviations >= THRESHOLD and s[N] >= CHANGES and is_fleeting and is_quiet else 0.0
    if value[1] == 1.0:
        evidence[0] = s[SECOND]
        evidence[1] = s[SECOND] + 1.0
        evidence[2] = s[N]
        evidence[3] = mean
        evidence[4] = deviations
        evidence[5] = s[ADDED]
        evidence[6] = s[REMOVED]
        evidence[7] = s[TRADED]


@njit(cache=True, error_model="numpy")
def run(state, rows, kind, second, delta, away, value, evidence):
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
        if second[i] > s[SECOND]:
            _close(s, value[rows[i]], evidence[rows[i]])
            passed = second[i] - s[SECOND]
            shift = int(min(passed, MOST))
            for j in range(MOST - shift):
                s[RING + j] = s[RING + j + shift]
            for j in range(MOST - shift, MOST):
                s[RING + j] = 0.0
            if passed <= MOST:
                s[RING + MOST - shift] = s[N]
            s[SEEN] = min(s[SEEN] + passed, MOST)
            s[SECOND] = second[i]
            s[N] = 0.0
            s[ADDED] = 0.0
            s[REMOVED] = 0.0
            s[TRADED] = 0.0
        if kind[i] == TRADE:
            s[TRADED] += 1.0
        elif abs(away[i]) <= NEAR:
            s[N] += 1.0
            if delta[i] > 0.0:
                s[ADDED] += delta[i]
            else:
                s[REMOVED] -= delta[i]
