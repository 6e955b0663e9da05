"""The kernels of the bounded stores of closed bars: a ring of minutes, an ordered shelf of days.

Self-contained (see kernel.py): a cached kernel is compiled again when its own file changes, and only then.
"""

from numba import njit

# ruff: noqa: ANN001, ANN201, C901 — kernels are typed by Numba
# mypy: disable-error-code="no-untyped-def,misc"


@njit(cache=True, error_model="numpy")
def push(rows, start, trades, values, ring_start, ring_trades, ring_values, count):
    """Append bars to the rings of their rows, oldest first; `count` is how many a row ever had."""
    size = ring_start.shape[1]
    for n in range(len(rows)):
        r = rows[n]
        at = count[r] % size
        ring_start[r, at] = start[n]
        ring_trades[r, at] = trades[n]
        for c in range(6):
            ring_values[r, at, c] = values[n, c]
        count[r] += 1


@njit(cache=True, error_model="numpy")
def put(rows, start, values, shelf_start, shelf_values, count):
    """Insert or replace bars by their start, each row ascending; the oldest leaves a full shelf."""
    room = shelf_start.shape[1]
    for n in range(len(rows)):
        r = rows[n]
        held = count[r]
        at = held
        while at > 0 and shelf_start[r, at - 1] > start[n]:
            at -= 1
        if at > 0 and shelf_start[r, at - 1] == start[n]:
            at -= 1
        elif held == room:
            if at == 0:
                continue
            for k in range(at - 1):
                shelf_start[r, k] = shelf_start[r, k + 1]
                for c in range(6):
                    shelf_values[r, k, c] = shelf_values[r, k + 1, c]
            at -= 1
        else:
            for k in range(held, at, -1):
                shelf_start[r, k] = shelf_start[r, k - 1]
                for c in range(6):
                    shelf_values[r, k, c] = shelf_values[r, k - 1, c]
            count[r] = held + 1
        shelf_start[r, at] = start[n]
        for c in range(6):
            shelf_values[r, at, c] = values[n, c]
