"""One published value, and how it is written on the log.

When it is visible is the matter of point_in_time.py.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketbell.core.primitives.errors import InvalidSourceError

_DAY = 86_400_000_000_000
_EPOCH = date(1970, 1, 1).toordinal()

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PublishedFact:
    """One published value. `period_end` is an ISO date, '' where the source names no period.

    `is_estimated` says that the source does not tell when it was published and `published_at` (ns UTC) is a
    stated guess on the late side.
    """

    name: str
    value: float
    published_at: int
    period_end: str = ""
    version: int = 1
    source: str = ""
    is_estimated: bool = False

    def as_dict(self) -> dict[str, Any]:
        """As an entry of `facts` in an item of the log."""
        found: dict[str, Any] = {
            "name": self.name,
            "value": None if np.isnan(self.value) else self.value,
            "period_end": self.period_end,
            "published_at": self.published_at,
            "version": self.version,
            "source": self.source,
        }
        return found | {"is_estimated": True} if self.is_estimated else found


def facts_in(item: Mapping[str, Any], source: str = "") -> Iterator[PublishedFact]:
    """The facts of one item of a REFERENCE entry of type `fundamentals`.

    `{instrument_id, facts: [{name, value, period_end, published_at, version, source}]}`, or the older
    `{instrument_id, values: {name: value}, published_at, period_end, version, source}`, whose description
    holds for all its values. A value of null is published as unknown. InvalidSourceError for what is no fact.
    """
    shared = {name: item.get(name) for name in ("period_end", "published_at", "version", "source", "is_estimated")}
    entries = [dict(shared, name=name, value=value) for name, value in (item.get("values") or {}).items()]
    for entry in [*entries, *(item.get("facts") or ())]:
        try:
            value = entry["value"]
            yield PublishedFact(
                name=str(entry["name"]),
                value=float("nan") if value is None else float(value),
                published_at=int(entry.get("published_at") or 0),
                period_end=str(entry.get("period_end") or ""),
                version=int(entry.get("version") or 1),
                source=str(entry.get("source") or source),
                is_estimated=bool(entry.get("is_estimated")),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidSourceError(f"a published fact has no name, number or time: {dict(entry)!r}") from error


def period_day(fact: PublishedFact) -> int:
    """The end of the fact's period as days since 1970. InvalidSourceError where it is no ISO date."""
    if not fact.period_end:
        return int(fact.published_at // _DAY)
    try:
        return date.fromisoformat(fact.period_end).toordinal() - _EPOCH
    except ValueError as error:
        message = f"{fact.name}: the end of the period {fact.period_end!r} is no date like 2026-03-31"
        raise InvalidSourceError(message) from error


def day_text(day: int) -> str:
    """Days since 1970 as an ISO date."""
    return date.fromordinal(_EPOCH + int(day)).isoformat()


def months_before(days: Ints, months: int) -> Ints:
    """The same day of the month so many months earlier; the last day of a month stays a last day."""
    moment = days.astype("datetime64[D]")
    month = moment.astype("datetime64[M]")
    is_last = (moment + 1).astype("datetime64[M]") != month
    earlier = month - months
    last = (earlier + 1).astype("datetime64[D]") - 1
    same = earlier.astype("datetime64[D]") + (moment - month.astype("datetime64[D]"))
    found: Ints = np.where(is_last | (same > last), last, same).astype(np.int64)
    return found
