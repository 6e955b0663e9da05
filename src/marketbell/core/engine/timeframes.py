"""Bars of every timeframe: rolled up from closed minutes, days and ticks, aligned to each row's sessions.

Minutes and hours are counted from the session's open, the last bar of a session may be shorter. A day is a
session. Weeks begin on Monday, months on the first, and both close with the last session that the row's
calendar has in them; n days are counted from the first session of a year, n weeks from the week of
1970-01-01, n months from January 1970 (3mo is a quarter, 12mo a year). Empty spans make no bar.

Of a longer bar: high and low are those of the parts that are known; the volume is the sum of the known
ones and unknown (NaN) only when all are; vwap is the parts' vwap weighted by their volume, unknown when a
part with volume has none; trades is the sum.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from marketbell.core.engine import roll_kernel as rk
from marketbell.core.market.session import DAY, MINUTE, SECOND, SessionTable, regular_minutes
from marketbell.core.market.timeframe import Timeframe

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

COLUMNS = ("open", "high", "low", "close", "volume", "vwap")
SESSIONS_A_YEAR = 252.0
WEEKS_A_YEAR = 52.0
MONTHS_A_YEAR = 12.0
FAR = (1 << 62) - 1


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars of one timeframe in the order of their closing; those of a row are ascending in time.

    `rows` are dense numbers of instruments. `start` and `end` (ns UTC): the bar is [start, end). `session`
    is the trading date (days since 1970; of a week or month that of its first session), `session_open` in
    ns. `values` has the columns open, high, low, close, volume, vwap (NaN is unknown), C-contiguous [n, 6].
    `per_year` counts bars of this timeframe in a year of 252 sessions. `fields` are registry fields sampled
    at the bar's end, by name. A tick is a bar of no length. `seen` is the time up to which a reader may see
    what others closed: the end, but for ticks, which do not wait for lateness, their time less the lateness.
    """

    rows: Ints
    start: Ints
    end: Ints
    session: Ints
    session_open: Ints
    trades: Ints
    values: Floats
    per_year: Floats
    fields: Mapping[str, Floats] = field(default_factory=dict)
    seen: Ints | None = None

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def empty(cls) -> Self:
        """No bars."""
        none = np.empty(0, np.int64)
        return cls(none, none, none, none, none, none, np.empty((0, 6)), np.empty(0))

    @property
    def sight(self) -> Ints:
        """Up to when a reader at the bar sees what others closed, ns UTC."""
        return self.end if self.seen is None else self.seen

    def column(self, name: str) -> Floats:
        """A column by the name that plans use, as float64 (whole seconds in ns are exact). KeyError if unknown."""
        if name in COLUMNS:
            return np.ascontiguousarray(self.values[:, COLUMNS.index(name)])
        if name == "typical":
            high, low, close = self.values[:, 1], self.values[:, 2], self.values[:, 3]
            return (high + low + close) / 3.0
        if name == "per_year":
            return self.per_year
        if name in {"start", "end", "session", "session_open", "trades"}:
            found: Ints = getattr(self, name)
            return found.astype(np.float64)
        raise KeyError(name)

    def take(self, at: NDArray[Any]) -> "Bars":
        """The bars at these places (an index or a mask)."""
        return Bars(
            self.rows[at],
            self.start[at],
            self.end[at],
            self.session[at],
            self.session_open[at],
            self.trades[at],
            np.ascontiguousarray(self.values[at]),
            self.per_year[at],
            {name: values[at] for name, values in self.fields.items()},
            None if self.seen is None else self.seen[at],
        )

    def numbered(self, rows: Ints) -> "Bars":
        """The same bars of rows with other numbers."""
        return replace(self, rows=rows)

    @staticmethod
    def joined(parts: Sequence["Bars"]) -> "Bars":
        """One behind the other. Fields that not all of them have are left out."""
        parts = [part for part in parts if len(part)] or list(parts[:1])
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return Bars.empty()
        plain = ("rows", "start", "end", "session", "session_open", "trades", "values", "per_year")
        names = [name for name in parts[0].fields if all(name in part.fields for part in parts)]
        seen = [part.sight for part in parts]
        return Bars(
            **{name: np.concatenate([getattr(part, name) for part in parts]) for name in plain},
            fields={name: np.concatenate([part.fields[name] for part in parts]) for name in names},
            seen=None if all(part.seen is None for part in parts) else np.concatenate(seen),
        )


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


class Roller:
    """The open bars of one timeframe, a row each, fed with closed base bars in the order of their closing."""

    def __init__(self, timeframe: Timeframe, rows: int = 0) -> None:
        self.timeframe = timeframe
        self.sf = np.zeros((rows, rk.NS))
        self.si = np.zeros((rows, rk.NT), np.int64)

    def grow(self, rows: int) -> None:
        """Make room for `rows` rows; new ones have no open bar."""
        if rows > len(self.sf):
            self.sf = np.concatenate([self.sf, np.zeros((rows - len(self.sf), rk.NS))])
            self.si = np.concatenate([self.si, np.zeros((rows - len(self.si), rk.NT), np.int64)])

    def add(self, bars: Bars, sessions: Sessions) -> Bars:
        """Take base bars; gives the longer ones that they closed."""
        return self._roll(bars, sessions, is_every=False)

    def follow(self, bars: Bars, sessions: Sessions) -> Bars:
        """Take base bars; gives, for each of them, the longer bar as it stands after it."""
        return self._roll(bars, sessions, is_every=True)

    def _roll(self, bars: Bars, sessions: Sessions, *, is_every: bool) -> Bars:
        if not len(bars):
            return Bars.empty()
        start, end, session, opened = sessions.buckets(bars, self.timeframe)
        oi = np.empty((2 * len(bars), rk.NI), np.int64)
        of = np.empty((2 * len(bars), rk.NF))
        count = rk.roll(
            bars.rows, start, end, bars.end, session, opened, bars.values, bars.trades,
            self.sf, self.si, is_every, oi, of,
        )  # fmt: skip
        return _bars(oi[:count], of[:count], sessions, self.timeframe)

    def due(self, until: Ints, sessions: Sessions) -> Bars:
        """Close the bars whose end is not after their row's `until` (ns, one a row)."""
        open_ = (self.si[: len(until), rk.T_PARTS] > 0) & (self.si[: len(until), rk.T_END] <= until)
        count = int(np.count_nonzero(open_))
        if not count:
            return Bars.empty()
        oi, of = np.empty((count, rk.NI), np.int64), np.empty((count, rk.NF))
        rk.close_due(until, self.sf, self.si, oi, of)
        return _bars(oi, of, sessions, self.timeframe)

    def forming(self, rows: Ints, sessions: Sessions) -> Bars:
        """The open bars of these rows as they stand; rows without one are left out."""
        held = _plain(rows[self.si[rows, rk.T_PARTS] > 0])
        si, sf = self.si[held], self.sf[held]
        with np.errstate(invalid="ignore", divide="ignore"):
            vwap = np.where(sf[:, rk.S_SIZE] > 0, sf[:, rk.S_PV] / sf[:, rk.S_SIZE], np.nan)
        lines = np.column_stack([held, si[:, 1:6]])
        return _bars(lines, np.column_stack([sf[:, :5], vwap]), sessions, self.timeframe)

    def take(self, rows: Ints) -> "Roller":
        """A copy of these rows alone, in their order."""
        other = Roller(self.timeframe)
        other.sf, other.si = self.sf[rows], self.si[rows]
        return other

    def reset(self, rows: Ints) -> None:
        """Forget the open bars of these rows."""
        self.si[rows] = 0


class TickRoller:
    """Open bars of n seconds (of any width inside a session), a few a row, fed with accepted ticks in log order."""

    def __init__(self, timeframe: Timeframe, late: int, rows: int = 0) -> None:
        """`late`: how far behind its row's newest a tick may come, ns. ValueError for d, w, mo and tick."""
        if timeframe.nanoseconds is None:
            message = f"bars of {timeframe} are not made from ticks"
            raise ValueError(message)
        self.timeframe, self.late = timeframe, late
        self.width = timeframe.nanoseconds
        self.slots = late // self.width + 2
        self.sf = np.zeros((rows * self.slots, rk.NP))
        self.si = np.zeros((rows * self.slots, rk.NU), np.int64)
        self.day = np.full(rows, -1, np.int64)
        self.newest = np.full(rows, -FAR, np.int64)
        self.base = np.full(rows, -1.0)

    def grow(self, rows: int) -> None:
        """Make room for `rows` rows."""
        more = rows - len(self.day)
        if more <= 0:
            return
        self.sf = np.concatenate([self.sf, np.zeros((more * self.slots, rk.NP))])
        self.si = np.concatenate([self.si, np.zeros((more * self.slots, rk.NU), np.int64)])
        self.day = np.concatenate([self.day, np.full(more, -1, np.int64)])
        self.newest = np.concatenate([self.newest, np.full(more, -FAR, np.int64)])
        self.base = np.concatenate([self.base, np.full(more, -1.0)])

    def add(
        self, rows: Ints, times: Ints, price: Floats, volume: Floats, amount: Floats,
        ordered: NDArray[np.bool_], sessions: Sessions,
    ) -> Bars:  # fmt: skip
        """Take accepted ticks (as Operator.ticks gives them); gives the bars that they closed."""
        if not len(rows):
            return Bars.empty()
        rows, times = _plain(rows), _plain(times)
        room = len(rows) + int(np.count_nonzero(self.si[:, rk.T_PARTS])) + 1
        oi, of = np.empty((room, rk.NI), np.int64), np.empty((room, rk.NF))
        count = rk.roll_ticks(
            rows, times, np.ascontiguousarray(price), np.ascontiguousarray(volume), np.ascontiguousarray(amount),
            np.ascontiguousarray(ordered, np.bool_), sessions.find(rows, times), sessions.opens, sessions.closes,
            sessions.dates, self.width, self.late, self.slots, self.day, self.newest, self.base, self.sf, self.si,
            oi, of,
        )  # fmt: skip
        return _bars(oi[:count], of[:count], sessions, self.timeframe)

    def due(self, until: Ints, sessions: Sessions) -> Bars:
        """Close the bars whose end is not after their row's `until` (ns, one a row)."""
        until = _plain(until)
        room = int(np.count_nonzero(self.si[:, rk.T_PARTS]))
        if not room:
            return Bars.empty()
        oi, of = np.empty((room, rk.NI), np.int64), np.empty((room, rk.NF))
        count = rk.close_seconds(until, self.base, self.slots, self.sf, self.si, oi, of)
        return _bars(oi[:count], of[:count], sessions, self.timeframe)

    def open_bars(self, rows: Ints, sessions: Sessions) -> Bars:
        """The open bars of these rows as they stand, ascending for each."""
        places = rows[:, None] * self.slots + np.arange(self.slots)
        start = np.where(self.si[places, rk.T_PARTS] > 0, self.si[places, rk.T_START], FAR)
        places = np.take_along_axis(places, np.argsort(start, axis=1, kind="stable"), axis=1)
        base = np.maximum(self.base[rows], 0.0)
        parts: list[tuple[Ints, Ints, Floats]] = []
        for at in places.T:
            is_open = self.si[at, rk.T_PARTS] > 0
            si, sf = self.si[at], self.sf[at]
            volume = sf[:, rk.P_SIZES] + np.maximum(0.0, sf[:, rk.P_CUM] - base)
            volume = np.where(si[:, rk.U_HAS_VOLUME] == 1, volume, np.nan)
            base = np.where(is_open, np.maximum(base, sf[:, rk.P_CUM]), base)
            with np.errstate(invalid="ignore", divide="ignore"):
                vwap = np.where(sf[:, rk.S_SIZE] > 0, sf[:, rk.S_PV] / sf[:, rk.S_SIZE], np.nan)
            values = np.column_stack([sf[:, :4], volume, vwap])
            parts.append((np.flatnonzero(is_open), si, values))
        lines = [np.column_stack([rows[at], si[at, 1:6]]) for at, si, _ in parts]
        return _bars(np.concatenate(lines), np.concatenate([v[at] for at, _, v in parts]), sessions, self.timeframe)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The state, to read and to write: the row is the first axis of each array."""
        rows = len(self.day)
        return {
            "sf": self.sf.reshape(rows, self.slots, rk.NP),
            "si": self.si.reshape(rows, self.slots, rk.NU),
            "day": self.day,
            "newest": self.newest,
            "base": self.base,
        }


def roll(bars: Bars, timeframe: Timeframe, sessions: Sessions) -> tuple[Bars, Bars]:
    """Whole histories at once: closed bars of `timeframe`, and the forming ones (at most one a row).

    `bars` are one-minute, daily or other bars of which the longer ones consist, ascending for each row. The
    last bar of a row is closed when the base bar that completes it is there, else it is forming.
    """
    roller = Roller(timeframe, int(bars.rows.max()) + 1 if len(bars) else 0)
    closed = roller.add(bars, sessions)
    return closed, roller.forming(np.arange(len(roller.sf)), sessions)


def _bars(lines: Ints, values: Floats, sessions: Sessions, timeframe: Timeframe) -> Bars:
    rows, start, end, session, opened, trades = (np.ascontiguousarray(lines[:, at]) for at in range(6))
    per_year = sessions.per_year(rows, timeframe)
    return Bars(rows, start, end, session, opened, trades, np.ascontiguousarray(values), per_year)


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
