"""Times of recorded files to ns UTC: text, dates, zoned stamps and epoch numbers, vectorised."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from marketbell.adapters.feeds.replay.arrow import flat, raw

HOUR = 3_600_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)
_UNITS = ((10**17, 1), (10**14, 1_000), (10**11, 1_000_000), (0, 1_000_000_000))
"""An epoch number above the first is in units of so many ns (ns, us, ms, s)."""


def local_to_utc(local: NDArray[np.int64], zone: str) -> NDArray[np.int64]:
    """Wall-clock ns of a zone to ns UTC. One lookup an hour that occurs, not one a row."""
    if zone == "UTC":
        return local
    hours, at = np.unique(local // HOUR, return_inverse=True)
    place = ZoneInfo(zone)
    offsets = np.array([round(_offset(int(hour), place).total_seconds()) * 1_000_000_000 for hour in hours], np.int64)
    return local - offsets[at]


def _offset(hour: int, place: ZoneInfo) -> timedelta:
    return (_EPOCH + timedelta(hours=hour)).replace(tzinfo=place).utcoffset() or timedelta(0)


def parse_times(column: pa.ChunkedArray, zone: str) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Times as ns UTC, and where they could be read. Stamps without an offset are local to `zone`."""
    kind = column.type
    if pa.types.is_date(kind):
        column = flat(column).cast(pa.timestamp("s"))
        kind = column.type
    if pa.types.is_timestamp(kind):
        stamps = flat(column).cast(pa.timestamp("ns", kind.tz), safe=False)
        values, readable = raw(stamps, pa.int64(), "<i8")
        return (values if kind.tz else np.where(readable, local_to_utc(values, zone), 0)), readable
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return _numbers(column)
    return _texts(column, zone)


def _numbers(column: pa.ChunkedArray) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    if pa.types.is_integer(column.type):
        numbers, readable = raw(column, pa.int64(), "<i8")
    else:
        numbers, readable = raw(column, pa.float64(), "<f8")
        readable = readable & np.isfinite(numbers)
    typical = float(np.median(numbers[readable])) if readable.any() else 0.0
    factor = next(scale for limit, scale in _UNITS if typical > limit or not limit)
    if pa.types.is_integer(column.type):
        return numbers * factor, readable
    return np.round(np.where(readable, numbers, 0.0) * factor).astype(np.int64), readable


def _texts(column: pa.ChunkedArray, zone: str) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Text that pyarrow did not take for times, because some of it is none or the form is unusual."""
    values = np.zeros(len(column), np.int64)
    readable = np.zeros(len(column), np.bool_)
    cache: dict[Any, int | None] = {}
    for at, text in enumerate(flat(column).to_pylist()):
        if text not in cache:
            cache[text] = _text(str(text), zone)
        moment = cache[text]
        if moment is not None:
            values[at], readable[at] = moment, True
    return values, readable


def _text(text: str, zone: str) -> int | None:
    for form in (None, "%d-%b-%Y", "%d-%m-%Y", "%m/%d/%Y", "%Y%m%d", "%d-%b-%Y %H:%M:%S", "%d-%m-%Y %H:%M:%S"):
        try:
            moment = datetime.fromisoformat(text) if form is None else datetime.strptime(text, form)  # noqa: DTZ007 — zone follows
        except ValueError:
            continue
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=ZoneInfo(zone))
        past = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
        return (past.days * 86_400 + past.seconds) * 1_000_000_000 + past.microseconds * 1_000
    return None
