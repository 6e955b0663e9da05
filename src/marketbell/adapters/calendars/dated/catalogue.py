"""Every calendar by name: our own dated NSE sessions, round-the-clock ones, and other venues.

Times of other venues come from `exchange_calendars`, which brings pandas: it is imported when such a
calendar is asked for and not before.
"""

import warnings
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from marketbell.adapters.calendars.dated import xnse_days
from marketbell.core.market.session import DAY, SECOND, SessionTable
from marketbell.core.primitives.errors import InvalidSettingError

REGULAR, SPECIAL, MUHURAT = 0, 1, 2
INDIA = "Asia/Kolkata"
_EPOCH = date(1970, 1, 1)
_ROUND_THE_CLOCK = ("1990-01-01", "2100-01-01")
_SIM = ("2000-01-01", "2060-01-01")
_HOURS = {
    "XNSE": xnse_days.REGULAR_HOURS,
    "XNSE_FO": xnse_days.FUTURES_HOURS,
    "XNSE_CAS": xnse_days.AUCTION_HOURS,
}
_OWN = (*_HOURS, "24/7", "NONE", "SIM")


class CalendarCatalogue:
    """Implements ports/calendars. Tables are made once and kept."""

    def __init__(self) -> None:
        self._tables: dict[str, SessionTable] = {}

    def sessions(self, name: str) -> SessionTable:
        if name not in self._tables:
            self._tables[name] = _make(name)
        return self._tables[name]

    def names(self) -> list[str]:
        return [*_OWN, *_foreign_names()]


def _make(name: str) -> SessionTable:
    if name in _HOURS:
        return _india(name)
    if name in {"24/7", "NONE"}:
        return _every_day(name, "UTC", *_ROUND_THE_CLOCK, time(0), 24 * 60)
    if name == "SIM":
        return _every_day(name, INDIA, *_SIM, time(9, 15), 375)
    return _foreign(name)


def _days(when: date) -> int:
    return (when - _EPOCH).days


def _nanoseconds(day: date, clock: str, zone: ZoneInfo) -> int:
    local = datetime.combine(day, time.fromisoformat(clock), zone)
    return int(local.astimezone(UTC).timestamp()) * SECOND


def _table(name: str, zone: str, rows: list[tuple[int, int, int, int]]) -> SessionTable:
    rows.sort()
    columns = np.array(rows, np.int64).reshape(-1, 4)
    return SessionTable(
        name=name,
        zone=zone,
        open=np.ascontiguousarray(columns[:, 0]),
        close=np.ascontiguousarray(columns[:, 1]),
        date=np.ascontiguousarray(columns[:, 2]),
        kind=columns[:, 3].astype(np.uint8),
    )


def _india(name: str) -> SessionTable:
    """Regular days less holidays, with the special and muhurat sessions in their place."""
    zone = ZoneInfo(INDIA)
    own = {
        date.fromisoformat(day): (opens, closes, kind)
        for rows, kind in ((xnse_days.SPECIAL, SPECIAL), (xnse_days.MUHURAT, MUHURAT))
        for day, opens, closes in rows
    }
    closed = {date.fromisoformat(f"{year}-{day}") for year, days in xnse_days.HOLIDAYS.items() for day in days.split()}
    changes = [(date.fromisoformat(day), opens, closes) for day, opens, closes in _HOURS[name]]
    rows: list[tuple[int, int, int, int]] = []
    day = date.fromisoformat(xnse_days.FIRST)
    last = date.fromisoformat(xnse_days.LAST)
    saturday = 5
    while day <= last:
        if day in own:
            opens, closes, kind = own[day]
        elif day.weekday() < saturday and day not in closed:
            _, opens, closes = [change for change in changes if change[0] <= day][-1]
            kind = REGULAR
        else:
            day += timedelta(days=1)
            continue
        rows.append((_nanoseconds(day, opens, zone), _nanoseconds(day, closes, zone), _days(day), kind))
        day += timedelta(days=1)
    return _table(name, INDIA, rows)


def _every_day(name: str, zone: str, first: str, last: str, opens: time, minutes: int) -> SessionTable:
    """The same session on every day of the week. Only for zones without daylight saving time."""
    days = np.arange(_days(date.fromisoformat(first)), _days(date.fromisoformat(last)), dtype=np.int64)
    start = _nanoseconds(date.fromisoformat(first), opens.isoformat(), ZoneInfo(zone))
    opened = start + (days - days[0]) * DAY
    return SessionTable(name, zone, opened, opened + minutes * 60 * SECOND, days, np.zeros(len(days), np.uint8))


def _foreign_names() -> list[str]:
    from exchange_calendars import get_calendar_names  # noqa: PLC0415 — brings pandas

    return sorted(get_calendar_names(include_aliases=False))


def _foreign(name: str) -> SessionTable:
    """A venue of `exchange_calendars`, as far back as 2000 and as far ahead as it knows."""
    import exchange_calendars  # noqa: PLC0415 — brings pandas

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library uses what the newest pandas is about to change
        try:
            known = exchange_calendars.get_calendar(name, start="2000-01-01")
        except exchange_calendars.errors.InvalidCalendarName:
            message = f"unknown calendar {name!r}; known are {', '.join(_OWN)} and {', '.join(_foreign_names())}"
            raise InvalidSettingError(message) from None
        except ValueError:
            known = exchange_calendars.get_calendar(name)
    opens = known.opens.dt.tz_convert(None).to_numpy().astype("datetime64[ns]").astype(np.int64)
    closes = known.closes.dt.tz_convert(None).to_numpy().astype("datetime64[ns]").astype(np.int64)
    days = known.sessions.to_numpy().astype("datetime64[D]").astype(np.int64)
    usual = np.median(closes - opens) if len(opens) else 0
    kind = np.where(closes - opens == usual, REGULAR, SPECIAL).astype(np.uint8)
    return SessionTable(name, str(known.tz), opens, closes, days, kind)
