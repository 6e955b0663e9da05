"""The kernel of the order books: messages in log order, over levels in one arena.

The law is that of `core/market/order_book.py`, for many books at once; constants stand here again because a
cached kernel is compiled anew only when its own file changes. Levels of a side lie in [offset, offset + n)
of the arena, ascending by key, the best last: a bid's key is its price, an ask's the negative of it. So a
change near the best price moves few levels.
"""

import numpy as np
from numba import njit

# ruff: noqa: ANN001, ANN202, ANN201, C901, PLR0912, PLR0915, N803, N806 — kernels are long, flat and typed by Numba
# mypy: disable-error-code="no-untyped-def,misc"

NEVER = -(1 << 62)
NO_ID = -1

SNAPSHOT = 1
LAST = 2
WHOLE = 4
RESET = 8

BUILDING = 1
READY = 2
RESYNCING = 3
CROSSED = 4
EMPTY = 5

IMBALANCE_LEVELS = 5
DEPTH_LEVELS = 10
FIRST_CAPACITY = 32

# --- int64 state of a book -----------------------------------------------------------------------
I_STATE = 0
I_LIVE = 1
I_FIRST = 2  # no update was applied since the snapshot
I_LAST_UPDATE = 3
I_TAIL = 4  # last id of the updates that wait, NEVER when none does
I_PENDING = 5  # rows that wait
I_TIME = 6  # event time of the newest message
I_GAPS = 7
I_MESSAGES = 8
I_LOST = 9
NI = 10

# --- float64 state of a book ---------------------------------------------------------------------
S_BID = 0
S_BID_SIZE = 1
S_ASK = 2
S_ASK_SIZE = 3
S_BID_NEAR = 4  # sizes of the best 5 levels
S_ASK_NEAR = 5
S_BID_DEPTH = 6  # of the best 10
S_ASK_DEPTH = 7
NS = 8

# --- rows that wait ------------------------------------------------------------------------------
W_SLOT = 0
W_FIRST = 1
W_LAST = 2
W_PREVIOUS = 3
W_FLAGS = 4
W_SIDE = 5
W_TIME = 6
NW = 7


@njit(cache=True, error_model="numpy")
def _level(P, Z, A, H, s, side, key, size, most):
    """Set one level, 0 removes it. Returns the arena and the size that it had."""
    if key < H[s, side]:
        return P, Z, 0.0
    off, cap, n = A[s, side, 0], A[s, side, 1], A[s, side, 2]
    lo, hi = off, off + n
    if n > 0 and P[hi - 1] < key:
        lo = hi
    while lo < hi:
        mid = (lo + hi) >> 1
        if P[mid] < key:
            lo = mid + 1
        else:
            hi = mid
    end = off + n
    if lo < end and P[lo] == key:
        old = Z[lo]
        if size > 0:
            Z[lo] = size
        else:
            for j in range(lo, end - 1):
                P[j] = P[j + 1]
                Z[j] = Z[j + 1]
            A[s, side, 2] = n - 1
        return P, Z, old
    if size == 0:
        return P, Z, 0.0
    if n == most:
        if lo == off:
            H[s, side] = max(H[s, side], P[off])
            return P, Z, 0.0
        for j in range(off, lo - 1):
            P[j] = P[j + 1]
            Z[j] = Z[j + 1]
        P[lo - 1] = key
        Z[lo - 1] = size
        H[s, side] = max(H[s, side], P[off])
        return P, Z, 0.0
    if n == cap:
        wide = min(most, max(FIRST_CAPACITY, 2 * cap))
        start = A[0, 0, 3]
        if start + wide > len(P):
            room = max(2 * len(P), start + wide)
            more_p, more_z = np.empty(room), np.empty(room)
            more_p[:start] = P[:start]
            more_z[:start] = Z[:start]
            P, Z = more_p, more_z
        for j in range(n):
            P[start + j] = P[off + j]
            Z[start + j] = Z[off + j]
        A[0, 0, 3] = start + wide
        A[s, side, 0] = start
        A[s, side, 1] = wide
        lo += start - off
        off = start
        end = off + n
    for j in range(end, lo, -1):
        P[j] = P[j - 1]
        Z[j] = Z[j - 1]
    P[lo] = key
    Z[lo] = size
    A[s, side, 2] = n + 1
    return P, Z, 0.0


@njit(cache=True, error_model="numpy")
def summarise(P, Z, A, H, B, S, s):
    """State and numbers of a book from its levels. Sums run from the best level on."""
    S[s, :] = np.nan
    if B[s, I_LIVE] == 0:
        B[s, I_STATE] = RESYNCING if B[s, I_LOST] == 1 else BUILDING
        return
    state = READY
    for side in range(2):
        if A[s, side, 2] == 0:
            if H[s, side] > -np.inf:
                B[s, I_STATE] = BUILDING
                return
            state = EMPTY
    if state == READY and P[A[s, 0, 0] + A[s, 0, 2] - 1] >= -P[A[s, 1, 0] + A[s, 1, 2] - 1]:
        B[s, I_STATE] = CROSSED
        return
    B[s, I_STATE] = state
    for side in range(2):
        n = A[s, side, 2]
        if n == 0:
            continue
        best = A[s, side, 0] + n - 1
        S[s, S_BID + 2 * side] = P[best] if side == 0 else -P[best]
        S[s, S_BID_SIZE + 2 * side] = Z[best]
        if state == READY:
            total = 0.0
            for j in range(min(n, DEPTH_LEVELS)):
                total += Z[best - j]
                if j < IMBALANCE_LEVELS:
                    S[s, S_BID_NEAR + side] = total
            S[s, S_BID_DEPTH + side] = total


@njit(cache=True, error_model="numpy")
def _verdict(first, last, previous, newest, is_first):
    """0 applies, 1 is stale, 3 leaves ids out: `judge` of core/market/order_book.py."""
    if last < 0:
        return 0
    if last < newest or (last == newest and not (previous >= 0 and is_first)):
        return 1
    if previous < 0:
        return 0 if first <= newest + 1 else 3
    if is_first:
        return 0 if first <= newest else 3
    return 0 if previous == newest else 3


@njit(cache=True, error_model="numpy")
def _forget(A, H, B, s):
    """No levels, no snapshot."""
    for side in range(2):
        A[s, side, 2] = 0
        H[s, side] = -np.inf
    B[s, I_LIVE] = 0
    B[s, I_LAST_UPDATE] = NO_ID


@njit(cache=True, error_model="numpy")
def _drop_pending(W, B, used, s):
    """Rows of the book that wait are void. Returns the rows in use."""
    if B[s, I_PENDING] > 0:
        kept = 0
        for j in range(used):
            if W[j, W_SLOT] == s:
                W[j, W_SLOT] = -1
            elif W[j, W_SLOT] >= 0:
                kept = j + 1
        used = kept
    B[s, I_PENDING] = 0
    B[s, I_TAIL] = NEVER
    return used


@njit(cache=True, error_model="numpy")
def books(
    P, Z, A, H, B, S, W, V, waiting, most, most_pending, slots, time, first, last, previous, flags, side, price, size,
    delta, away, gaps, dropped,
):  # fmt: skip
    """Apply BOOK rows; every message ends with a row that bears LAST, or with the last row.

    `slots` is the book of each row, -1 unknown. Writes `delta` (size after less size before, NaN where the row
    did not change a shown book, infinite on the first row of a message that lost the book) and `away` (distance of
    the row's price from its side's best before the message, as a fraction of that; below 0 is better). `gaps` takes
    [slot, event time], `dropped` [slot, event time] for each row with an impossible price or size. Returns the
    arena, the waiting rows, and how many gaps and dropped.
    """
    count = len(slots)
    ng = 0
    nd = 0
    used = waiting[0]
    a = 0
    while a < count:
        s = slots[a]
        b = a + 1
        while b < count and flags[b - 1] & LAST == 0 and slots[b] == s and last[b] == last[a]:
            b += 1
        if s < 0:
            a = b
            continue
        t = time[a]
        for j in range(a, b):
            if side[j] < 2 and not (price[j] > 0 and price[j] < np.inf and size[j] >= 0 and size[j] < np.inf):
                dropped[nd, 0] = s
                dropped[nd, 1] = t
                nd += 1
        if flags[a] & RESET:
            _forget(A, H, B, s)
            delta[a] = np.inf
            B[s, I_LOST] = 0
            used = _drop_pending(W, B, used, s)
            if flags[a] & SNAPSHOT == 0:
                B[s, I_TIME] = max(B[s, I_TIME], t)
                summarise(P, Z, A, H, B, S, s)
                a = b
                continue
        applies = False
        keeps = False
        if flags[a] & SNAPSHOT:
            newest = last[a]
            applies = not (B[s, I_LIVE] == 1 and newest >= 0 and newest < B[s, I_LAST_UPDATE])
            if applies and newest >= 0 and B[s, I_PENDING] > 0:
                # The first message that waits and is not older must go on from this snapshot.
                for j in range(used):
                    if W[j, W_SLOT] == s:
                        told = _verdict(W[j, W_FIRST], W[j, W_LAST], W[j, W_PREVIOUS], newest, True)
                        if told != 1:
                            applies = told == 0
                            break
            if applies:
                _forget(A, H, B, s)
                for j in range(a, b):
                    if side[j] < 2 and price[j] > 0 and price[j] < np.inf and size[j] >= 0 and size[j] < np.inf:
                        key = price[j] if side[j] == 0 else -price[j]
                        P, Z, _ = _level(P, Z, A, H, s, side[j], key, size[j], most)
                for which in range(2):
                    is_whole = False
                    for j in range(a, b):
                        if side[j] == which and flags[j] & WHOLE:
                            is_whole = True
                    if A[s, which, 2] > 0 and not is_whole:
                        H[s, which] = max(H[s, which], P[A[s, which, 0]])
                B[s, I_LIVE] = 1
                B[s, I_LOST] = 0
                B[s, I_FIRST] = 1
                B[s, I_LAST_UPDATE] = newest
                if newest >= 0 and B[s, I_PENDING] > 0:
                    for j in range(used):
                        if W[j, W_SLOT] != s:
                            continue
                        if W[j, W_LAST] < newest or (W[j, W_LAST] == newest and W[j, W_PREVIOUS] < 0):
                            continue
                        if W[j, W_SIDE] < 2 and V[j, 0] > 0 and V[j, 0] < np.inf and V[j, 1] >= 0 and V[j, 1] < np.inf:
                            key = V[j, 0] if W[j, W_SIDE] == 0 else -V[j, 0]
                            P, Z, _ = _level(P, Z, A, H, s, W[j, W_SIDE], key, V[j, 1], most)
                        B[s, I_LAST_UPDATE] = W[j, W_LAST]
                        B[s, I_FIRST] = 0
                        t = max(t, W[j, W_TIME])
                used = _drop_pending(W, B, used, s)
        elif B[s, I_LIVE] == 1:
            told = _verdict(first[a], last[a], previous[a], B[s, I_LAST_UPDATE], B[s, I_FIRST] == 1)
            applies = told == 0
            if applies:
                for j in range(a, b):
                    if side[j] >= 2 or not (price[j] > 0 and price[j] < np.inf and size[j] >= 0 and size[j] < np.inf):
                        continue
                    which = side[j]
                    key = price[j] if which == 0 else -price[j]
                    best = S[s, S_BID + 2 * which]
                    P, Z, old = _level(P, Z, A, H, s, which, key, size[j], most)
                    if key >= H[s, which]:
                        delta[j] = size[j] - old
                        away[j] = (best - price[j]) / best if which == 0 else (price[j] - best) / best
                if last[a] >= 0:
                    B[s, I_LAST_UPDATE] = last[a]
                B[s, I_FIRST] = 0
            elif told == 3:
                gaps[ng, 0] = s
                gaps[ng, 1] = t
                ng += 1
                B[s, I_GAPS] += 1
                delta[a] = np.inf
                _forget(A, H, B, s)
                B[s, I_LOST] = 1
                keeps = True
        elif last[a] >= 0:
            told = 0
            if B[s, I_TAIL] != NEVER:
                told = _verdict(first[a], last[a], previous[a], B[s, I_TAIL], False)
            if told == 3:
                gaps[ng, 0] = s
                gaps[ng, 1] = t
                ng += 1
                B[s, I_GAPS] += 1
                B[s, I_LOST] = 1
                used = _drop_pending(W, B, used, s)
            keeps = told != 1
        if keeps:
            if B[s, I_PENDING] + b - a > most_pending:
                used = _drop_pending(W, B, used, s)
            if used + b - a > len(W):
                free = 0
                for j in range(used):
                    if W[j, W_SLOT] >= 0:
                        W[free] = W[j]
                        V[free] = V[j]
                        free += 1
                used = free
                if used + b - a > len(W):
                    room = max(2 * len(W), used + b - a)
                    more_w, more_v = np.empty((room, NW), np.int64), np.empty((room, 2))
                    more_w[:used] = W[:used]
                    more_v[:used] = V[:used]
                    W, V = more_w, more_v
            for j in range(a, b):
                W[used, W_SLOT] = s
                W[used, W_FIRST] = first[j]
                W[used, W_LAST] = last[j]
                W[used, W_PREVIOUS] = previous[j]
                W[used, W_FLAGS] = flags[j]
                W[used, W_SIDE] = side[j]
                W[used, W_TIME] = time[j]
                V[used, 0] = price[j]
                V[used, 1] = size[j]
                used += 1
            B[s, I_PENDING] += b - a
            B[s, I_TAIL] = last[a]
        if applies or keeps:
            B[s, I_TIME] = max(B[s, I_TIME], t)
            B[s, I_MESSAGES] += 1
            summarise(P, Z, A, H, B, S, s)
        a = b
    waiting[0] = used
    return P, Z, W, V, ng, nd


@njit(cache=True, error_model="numpy")
def top_levels(P, Z, A, B, which, most, slot, side, level, price, size):
    """The best levels of these books as DEPTH rows, bids first. Books that are not READY or EMPTY give none."""
    n = 0
    for s in which:
        if B[s, I_STATE] != READY and B[s, I_STATE] != EMPTY:
            continue
        for side_ in range(2):
            held = A[s, side_, 2]
            best = A[s, side_, 0] + held - 1
            for j in range(min(held, most)):
                slot[n] = s
                side[n] = side_
                level[n] = j
                price[n] = P[best - j] if side_ == 0 else -P[best - j]
                size[n] = Z[best - j]
                n += 1
    return n
