"""The clock of a source that has no ingest_time, and what is `future_timestamp` against it.

A replayed file knows only the venue's times. Its clock is the newest accepted event_time of the whole
source: the newest among rows that pass epoch, price, future and session (duplicates and late rows cannot
raise it). A row further ahead of the clock than the allowance, in the same session, is `future_timestamp`
and does not move the clock (definitions.md §1.2). docs/decisions/0002-replay-clock.md says what that means
for gaps, and why a sparse source has a wider allowance.
"""

import numpy as np
from numpy.typing import NDArray

FUTURE_NS = 60_000_000_000
EPOCH_2000 = 946_684_800_000_000_000
"""2000-01-01 UTC: anything before it is a stamp that was never set."""
RHYTHM = 20
"""A source whose usual step is 3 s or more may be this many of its steps ahead."""


def allowance(event_time: NDArray[np.int64], session: NDArray[np.int64]) -> int:
    """How far ahead of the clock a row may be, ns: 60 s, or 20 times the source's median step if that is more.

    Rows in source order, all of them readable and in a session. Without the second half a file with a tick
    a minute would end at its second row.
    """
    clock = np.maximum.accumulate(event_time)
    step = np.diff(clock)
    inside = (step > 0) & (np.diff(session) == 0)
    return FUTURE_NS if not inside.any() else max(FUTURE_NS, RHYTHM * int(np.median(step[inside])))


def source_clock(
    event_time: NDArray[np.int64],
    session: NDArray[np.int64],
    price: NDArray[np.float64],
    *,
    keeps_gaps: bool = False,
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Per row in source order: is it `future_timestamp`, and the source's clock after it (ns UTC).

    `session` is the index of the row's session, -1 outside of any. With `keeps_gaps` a jump is future only
    if the source comes back behind it; else nothing was traded for a while and the row stands. Rows before
    the first accepted one take its time as clock; a source without any takes the rows' own times.
    """
    count = len(event_time)
    future = np.zeros(count, np.bool_)
    usable = np.flatnonzero((event_time >= EPOCH_2000) & np.isfinite(price) & (price > 0) & (session >= 0))
    if not len(usable):
        return future, event_time.astype(np.int64, copy=True)
    times, sessions = event_time[usable], session[usable]
    ahead = _ahead(times, sessions, allowance(times, sessions), keeps_gaps=keeps_gaps)
    future[usable[ahead]] = True
    accepted = usable[~ahead]
    clock = np.full(count, event_time[accepted[0]], np.int64)
    clock[accepted] = event_time[accepted]
    return future, np.maximum.accumulate(clock)


def _ahead(
    times: NDArray[np.int64], sessions: NDArray[np.int64], allowed: int, *, keeps_gaps: bool
) -> NDArray[np.bool_]:
    """Which rows are ahead of the clock. One round a jump: between jumps the clock is a running maximum."""
    ahead = np.zeros(len(times), np.bool_)
    at, newest, current = 1, int(times[0]), int(sessions[0])
    while at < len(times):
        clock = np.maximum.accumulate(np.concatenate([[newest], times[at:]]))
        seen = np.maximum.accumulate(np.concatenate([[current], sessions[at:]]))
        jumps = (times[at:] > clock[:-1] + allowed) & (sessions[at:] == seen[:-1])
        if not jumps.any():
            break
        jump = int(np.argmax(jumps))
        newest, current = int(clock[jump]), int(seen[jump])
        at += jump
        # What follows counts again from the first row that the clock allows, or that is of another session.
        allows = (times[at:] <= newest + allowed) | (sessions[at:] != current)
        run = int(np.argmax(allows)) if allows.any() else len(times) - at
        comes_back = run < len(times) - at and bool(
            ((times[at:] <= newest + allowed) & (sessions[at:] == current)).any()
        )
        if keeps_gaps and not comes_back:
            newest = int(times[at])
            at += 1
            continue
        ahead[at : at + run] = True
        at += run
    return ahead
