"""The clock of a source that has no ingest_time, and what is `future_timestamp` against it.

A replayed file knows only the venue's times. Its clock is the newest event_time of the whole source
among rows that pass epoch, price, future and session. A row more than 60 s ahead of the clock in the
same session is a jump. A jump is `future_timestamp` when the source comes back later (a row of the
same session at or before the old clock + 60 s follows); otherwise nothing was traded for a while and
the row stands: see docs/decisions/0002-replay-clock.md.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

FUTURE_NS = 60_000_000_000
EPOCH_2000 = 946_684_800_000_000_000
"""2000-01-01 UTC: anything before it is a stamp that was never set."""

_NONE = np.iinfo(np.int64).min


@njit(cache=True)
def _judge(
    event_time: NDArray[np.int64],
    session: NDArray[np.int64],
    readable: NDArray[np.bool_],
    future: NDArray[np.bool_],
    clock: NDArray[np.int64],
) -> None:
    count = len(event_time)
    # lowest[i]: earliest time among later usable rows of the same session as row i's.
    sessions = 0
    for i in range(count):
        sessions = max(sessions, session[i] + 1)
    suffix = np.full(sessions, np.iinfo(np.int64).max, np.int64)
    lowest = np.full(count, np.iinfo(np.int64).max, np.int64)
    for k in range(count):
        i = count - 1 - k
        if readable[i] and session[i] >= 0:
            lowest[i] = suffix[session[i]]
            suffix[session[i]] = min(suffix[session[i]], event_time[i])
    newest = _NONE
    current = -1
    for i in range(count):
        if readable[i] and session[i] >= 0:
            ahead = session[i] == current and event_time[i] > newest + FUTURE_NS
            if ahead and lowest[i] <= newest + FUTURE_NS:
                future[i] = True
            elif event_time[i] > newest:
                newest = event_time[i]
                current = session[i]
        clock[i] = newest


def source_clock(
    event_time: NDArray[np.int64], session: NDArray[np.int64], price: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Per row in source order: is it `future_timestamp`, and the source's clock after it (ns UTC).

    `session` is the index of the row's session, -1 outside of any. Rows before the first accepted
    one take its time as clock; a source without any takes the rows' own times.
    """
    readable = (event_time >= EPOCH_2000) & np.isfinite(price) & (price > 0)
    future = np.zeros(len(event_time), np.bool_)
    clock = np.empty(len(event_time), np.int64)
    _judge(event_time, session, readable, future, clock)
    unset = clock == _NONE
    if unset.any():
        known = clock[~unset]
        clock[unset] = known[0] if len(known) else event_time[unset]
    return future, clock
