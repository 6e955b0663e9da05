"""Where bars begin and end: the sessions of every row's calendar.

Minutes and hours are counted from the session's open, the last bar of a session may be shorter. A day is a
session. Weeks begin on Monday, months on the first, and both close with the last session that the row's
calendar has in them; n days are counted from the first session of a year, n weeks from the week of
1970-01-01, n months from January 1970 (3mo is a quarter, 12mo a year). Empty spans make no bar.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from marketbell.core.engine import roll_kernel as rk
from marketbell.core.engine.bars import Bars, Floats, Ints
from marketbell.core.market.session import DAY, MINUTE, SECOND, SessionTable, regular_minutes
from marketbell.core.market.timeframe import Timeframe

SESSIONS_A_YEAR = 252.0
WEEKS_A_YEAR = 52.0
MONTHS_A_YEAR = 12.0


class Sessions:
    """The sessions of every row's calendar, and where its bars begin and end.

    `opens`, `closes`, `dates`: the sessions of all calendars one behind the other. A row's own lie in
    [low, high); `minutes` is the length of its usual session.
    """

    def __init__(self, opens: Ints, closes: Ints, dates: Ints, low: Ints, high: Ints, minutes: Ints) -> None:
        self.opens, self.closes, self.dates = opens, closes, dates
        self.low, self.high, self.minutes = low, high, minutes
        self._groups: dict[Timeframe, tuple[Ints, Ints, Ints]] = {}

    def take(self, rows: Ints) -> "Sessions":
        """Of these rows alone, in their order."""
        return Sessions(self.opens, self.closes, self.dates, self.low[rows], self.high[rows], self.minutes[rows])

    @classmethod
    def of(cls, tables: Sequence[SessionTable]) -> Self:
        """One calendar a row, in the order of the rows; equal ones are stored once."""
        unique = {id(table): table for table in tables}
        place: dict[int, tuple[int, int, int]] = {}
        at = 0
        for ident, table in unique.items():
            place[ident] = (at, at + len(table.open), regular_minutes(table.open, table.close))
            at += len(table.open)
        own = np.array([place[id(table)] for table in tables], np.int64).reshape(-1, 3)
        joined = [
            np.concatenate([np.asarray(getattr(t, name), np.int64) for t in unique.values()] or [np.empty(0, np.int64)])
            for name in ("open", "close", "date")
        ]
        return cls(joined[0], joined[1], joined[2], *(np.ascontiguousarray(own[:, at]) for at in range(3)))

    def begun(self, rows: Ints, times: Ints) -> Ints:
        """How many sessions of each row's calendar opened at or before each time."""
        return self._count(self.opens, rows, times)

    def passed(self, rows: Ints, times: Ints) -> Ints:
        """How many sessions of each row's calendar closed at or before each time."""
        return self._count(self.closes, rows, times)

    def _count(self, edges: Ints, rows: Ints, times: Ints) -> Ints:
        out = np.zeros(len(rows), np.int64)
        for low, high in sorted(set(zip(self.low[rows].tolist(), self.high[rows].tolist(), strict=True))):
            mine = np.flatnonzero((self.low[rows] == low) & (self.high[rows] == high))
            out[mine] = np.searchsorted(edges[low:high], times[mine], side="right")
        return out

    def elapsed(self, rows: Ints, times: Ints) -> Ints:
        """Session time of each row's calendar before each time, ns: differences leave out nights and holidays."""
        out = np.zeros(len(rows), np.int64)
        for low, high in sorted(set(zip(self.low[rows].tolist(), self.high[rows].tolist(), strict=True))):
            mine = np.flatnonzero((self.low[rows] == low) & (self.high[rows] == high))
            opens, closes = self.opens[low:high], self.closes[low:high]
            before = np.concatenate([[0], np.cumsum(closes - opens)])
            at = np.searchsorted(opens, times[mine], side="right")
            inside = np.minimum(times[mine], closes[np.maximum(at - 1, 0)]) - opens[np.maximum(at - 1, 0)]
            out[mine] = np.where(at > 0, before[np.maximum(at - 1, 0)] + inside, 0)
        return out

    def find(self, rows: Ints, times: Ints) -> Ints:
        """Index of the session that holds each time in the row's calendar; -1 outside of any."""
        out = np.empty(len(rows), np.int64)
        rk.find_sessions(self.opens, self.closes, self.low, self.high, _plain(rows), _plain(times), out)
        return out

    def per_year(self, rows: Ints, timeframe: Timeframe) -> Floats:
        """Bars of this timeframe in a year: 252 usual sessions, 52 weeks, 12 months."""
        width = timeframe.nanoseconds
        if width is not None:
            return self.minutes[rows] * (MINUTE * SESSIONS_A_YEAR) / width
        year = {"d": SESSIONS_A_YEAR, "w": WEEKS_A_YEAR, "mo": MONTHS_A_YEAR}.get(timeframe.unit, np.nan)
        return np.full(len(rows), year / timeframe.count)

    def groups(self, timeframe: Timeframe) -> tuple[Ints, Ints, Ints]:
        """Of each session: open of the first, close of the last, date of the first session of its d, w or mo bar."""
        if timeframe not in self._groups:
            first, last = np.arange(len(self.opens)), np.arange(len(self.opens))
            if timeframe != Timeframe("d"):
                for low, high in sorted(set(zip(self.low.tolist(), self.high.tolist(), strict=True))):
                    keys = _keys(self.dates[low:high], timeframe)
                    begins = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])) + low
                    which = np.searchsorted(begins, np.arange(low, high), side="right") - 1
                    first[low:high] = begins[which]
                    last[low:high] = np.append(begins[1:], high)[which] - 1
            self._groups[timeframe] = (self.opens[first], self.closes[last], self.dates[first])
        return self._groups[timeframe]

    def minute_bars(self, rows: Ints, start: Ints, values: Floats, trades: Ints | None = None) -> Bars:
        """One-minute bars. One outside of every session is a session of its own."""
        return self._base(rows, start, values, trades, MINUTE, Timeframe("m"))

    def day_bars(self, rows: Ints, start: Ints, values: Floats, trades: Ints | None = None) -> Bars:
        """Daily bars that start at their session's open. One outside of every session is its UTC day."""
        return self._base(rows, start, values, trades, DAY, Timeframe("d"))

    def bars(self, timeframe: Timeframe, rows: Ints, start: Ints, values: Floats, trades: Ints) -> Bars:
        """Bars of some length inside a session, by their starts. ValueError for ticks, days and longer ones."""
        if timeframe.nanoseconds is None:
            message = f"bars of {timeframe} have no length inside a session"
            raise ValueError(message)
        return self._base(rows, start, values, trades, timeframe.nanoseconds, timeframe)

    def tick_bars(
        self, rows: Ints, times: Ints, price: Floats, amount: Floats | None = None, late: int = 2 * SECOND
    ) -> Bars:
        """In-order ticks as bars of no length: all prices are the tick's, the volume is its size (ns, `late` too)."""
        size = np.full(len(rows), np.nan) if amount is None else amount
        values = np.column_stack([price, price, price, price, size, np.where(size > 0, price, np.nan)])
        bars = self._base(rows, times, values, np.ones(len(rows), np.int64), 0, Timeframe("tick"))
        return replace(bars, end=bars.start, seen=bars.start - late)

    def _base(
        self, rows: Ints, start: Ints, values: Floats, trades: Ints | None, width: int, timeframe: Timeframe
    ) -> Bars:
        rows, start = _plain(rows), _plain(start)
        at = self.find(rows, start)
        inside, held = at >= 0, np.maximum(at, 0)
        opens, closes, dates = self.opens, self.closes, self.dates
        if not len(opens):
            opens = closes = dates = np.zeros(1, np.int64)
        close = np.where(inside, closes[held], start + width)
        return Bars(
            rows,
            start,
            close if timeframe.unit == "d" else np.minimum(start + width, close),
            np.where(inside, dates[held], start // DAY),
            np.where(inside, opens[held], start),
            np.zeros(len(rows), np.int64) if trades is None else _plain(trades),
            np.ascontiguousarray(values, np.float64),
            self.per_year(rows, timeframe),
        )

    def buckets(self, bars: Bars, timeframe: Timeframe) -> tuple[Ints, Ints, Ints, Ints]:
        """Start, end, session date and session open of the longer bar that each bar belongs to."""
        width = timeframe.nanoseconds
        at = self.find(bars.rows, bars.start)
        inside, held = at >= 0, np.maximum(at, 0)
        if width is not None:
            start = bars.session_open + (bars.start - bars.session_open) // width * width
            close = self.closes[held] if len(self.closes) else bars.end
            end = np.where(inside, np.minimum(start + width, close), start + width)
            return start, end, bars.session, bars.session_open
        low, high = _calendar_span(bars.session, timeframe)
        if not inside.any():
            return low * DAY, high * DAY, low, low * DAY
        first, last, date = self.groups(timeframe)
        start = np.where(inside, first[held], low * DAY)
        end = np.where(inside, last[held], high * DAY)
        return start, end, np.where(inside, date[held], low), start


def _plain(values: NDArray[Any]) -> Ints:
    return np.ascontiguousarray(values, np.int64)


def _keys(dates: Ints, timeframe: Timeframe) -> Ints:
    """The number of the bar that each session of one calendar belongs to."""
    if timeframe.unit == "d":
        years = dates.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64)
        at = np.arange(len(dates))
        begins = np.flatnonzero(np.concatenate([[True], years[1:] != years[:-1]]))
        ordinal = at - begins[np.searchsorted(begins, at, side="right") - 1]
        return years * 1_000 + ordinal // timeframe.count
    return _number(dates, timeframe) // timeframe.count


def _number(dates: Ints, timeframe: Timeframe) -> Ints:
    """Weeks since the Monday before 1970, or months since January 1970."""
    if timeframe.unit == "w":
        return (dates + 3) // 7
    return dates.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def _calendar_span(dates: Ints, timeframe: Timeframe) -> tuple[Ints, Ints]:
    """First day and the day after the last of the bar that holds each date, without a calendar (days since 1970)."""
    count = timeframe.count
    if timeframe.unit == "d":
        year = dates.astype("datetime64[D]").astype("datetime64[Y]").astype("datetime64[D]").astype(np.int64)
        low = year + (dates - year) // count * count
        return low, low + count
    number = _number(dates, timeframe) // count * count
    if timeframe.unit == "w":
        return number * 7 - 3, (number + count) * 7 - 3
    months = np.array([number, number + count]).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return months[0], months[1]
