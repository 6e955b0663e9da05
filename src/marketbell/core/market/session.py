"""Sessions as arrays: which session a time lies in, which minute of it, and where bars start.

Pure helpers over the arrays of a session table (ns UTC, ascending, disjoint, [open, close)).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
DAY = 86_400 * SECOND


@dataclass(frozen=True, slots=True)
class SessionTable:
    """Sessions of one calendar, ascending and disjoint.

    `open` and `close` are ns UTC (a session is [open, close)), `date` the trading date as days since
    1970-01-01, `zone` the IANA name of the venue's time zone, `kind` 0 regular, 1 special, 2 muhurat.
    """

    name: str
    zone: str
    open: NDArray[np.int64]
    close: NDArray[np.int64]
    date: NDArray[np.int64]
    kind: NDArray[np.uint8]


VENUES = {"XNSE": "NSE", "XNSE_FO": "NSE", "XNYS": "US", "XNAS": "US", "SIM": "SIM"}
"""Venue prefix of an instrument key by calendar; every other calendar gives NONE."""


def venue_of(calendar: str) -> str:
    """The prefix of keys that come from a file with this calendar."""
    return VENUES.get(calendar, "NONE")


def session_index(opens: NDArray[np.int64], closes: NDArray[np.int64], times: NDArray[np.int64]) -> NDArray[np.int64]:
    """Index of the session that holds each time, -1 outside of any."""
    index = np.searchsorted(opens, times, side="right").astype(np.int64) - 1
    outside = (index < 0) | (times >= closes[np.maximum(index, 0)]) if len(opens) else np.ones(len(times), np.bool_)
    return np.where(outside, np.int64(-1), index)


def session_of_date(dates: NDArray[np.int64], days: NDArray[np.int64]) -> NDArray[np.int64]:
    """Index of the first session of each trading date (days since 1970), -1 where the venue was closed."""
    if not len(dates):
        return np.full(len(days), -1, np.int64)
    index = np.searchsorted(dates, days, side="left").astype(np.int64)
    held = np.minimum(index, len(dates) - 1)
    return np.where(dates[held] == days, held, np.int64(-1))


def minute_index(opens: NDArray[np.int64], index: NDArray[np.int64], times: NDArray[np.int64]) -> NDArray[np.int64]:
    """Whole minutes since the open of the session with that index."""
    return (times - opens[index]) // MINUTE


def bar_start(
    opens: NDArray[np.int64], index: NDArray[np.int64], times: NDArray[np.int64], width: int
) -> NDArray[np.int64]:
    """Start of the bar of `width` ns that holds each time; bars are aligned to the session's open."""
    return opens[index] + (times - opens[index]) // width * width


def regular_minutes(opens: NDArray[np.int64], closes: NDArray[np.int64]) -> int:
    """Minutes of the calendar's usual session: the median, so that special sessions do not count."""
    if not len(opens):
        return 1440
    return int(np.median((closes - opens) // MINUTE))
