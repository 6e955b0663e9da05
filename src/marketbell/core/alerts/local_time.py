"""A person's clock: days and wall times of their zone, right through every change of it. Moments are ns UTC."""

from datetime import UTC, datetime, timedelta, tzinfo

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
DAY_S = 86_400
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def local(at: int, zone: tzinfo) -> datetime:
    """The wall clock of the zone at a moment, to the microsecond."""
    return (EPOCH + timedelta(microseconds=at // 1_000)).astimezone(zone)


def day_of(at: int, zone: tzinfo) -> int:
    """The local day that a moment lies in, as an ordinal."""
    return local(at, zone).toordinal()


def moment(day: int, minutes: int, zone: tzinfo, *, is_last: bool = False) -> int:
    """When the zone's clock shows so many minutes past midnight of that day.

    A time that comes twice is the first of the two, or with `is_last` the second. One that is left out, because
    the clock is put forward over it, is the moment at which it is put forward.
    """
    wall = datetime.fromordinal(day).replace(hour=minutes // 60, minute=minutes % 60, tzinfo=zone)
    early, late = _ns(wall.replace(fold=0)), _ns(wall.replace(fold=1))
    if early > late:
        return _put_forward(late, early, zone)
    return late if is_last else early


def told(at: int, zone: tzinfo) -> str:
    """`2021-04-28 10:15 IST`."""
    shown = local(at, zone)
    return f"{shown:%Y-%m-%d %H:%M} {shown.tzname()}"


def _ns(wall: datetime) -> int:
    return int((wall - EPOCH) / timedelta(seconds=1)) * SECOND


def _put_forward(low: int, high: int, zone: tzinfo) -> int:
    """The first second of the later offset between two moments that have different ones."""
    before = local(low, zone).utcoffset()
    low, high = low // SECOND, high // SECOND
    while high - low > 1:
        middle = (low + high) // 2
        if local(middle * SECOND, zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high * SECOND
