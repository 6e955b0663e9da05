"""Option chains as documents: the latest, any stored minute, and the metrics of each as a series."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple, Protocol

from marketbell.core.options.chain import Chain

DAY_NS = 86_400 * 10**9
"""A day of the history is one of UTC: the sessions that have options lie inside one."""


@dataclass(frozen=True, slots=True)
class ChainRecord:
    """A chain and its metrics under the default model (names of core/options/metrics; None unknown)."""

    chain: Chain
    metrics: Mapping[str, Any] = field(default_factory=dict)
    is_simulated: bool = False


class MetricsAt(NamedTuple):
    """The metrics of one expiry at one moment."""

    expiry: date
    as_of: int
    spot: float
    metrics: Mapping[str, Any]


def plain_metrics(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Metrics as a store keeps them: numbers, words, and None for what is unknown or not finite."""
    return {str(name): _plain(value) for name, value in metrics.items()}


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (str, bool)):
        return value
    number = float(value)
    return number if math.isfinite(number) else None


def spaced(moments: Sequence[int], limit: int) -> list[int]:
    """At most `limit` of the moments, evenly spaced, the last among them."""
    count = len(moments)
    if count <= limit:
        return list(moments)
    return [one for at, one in enumerate(moments) if (at + 1) * limit // count != at * limit // count]


class ChainStore(Protocol):
    """Keeps chains by (underlying, expiry, as_of); putting one again replaces it. Times in ns UTC.

    Raises StoreUnavailableError where the database does not answer (retryable). Text is text: nothing in an
    underlying's or a metric's name is ever read as an operator.
    """

    @property
    def kind(self) -> str:
        """memory, postgresql or mongodb: for people."""

    def ping(self) -> None:
        """StoreUnavailableError where the database does not answer."""

    def put(self, records: Sequence[ChainRecord]) -> None: ...

    def underlyings(self) -> list[str]:
        """Keys of what has chains, in order."""

    def expiries(self, underlying: str, as_of: int | None = None) -> list[tuple[date, int]]:
        """Expiries that have a chain at or before `as_of` (None: ever), each with the newest such moment, in order.

        With `as_of`, an expiry that has passed by then is left out.
        """

    def latest(self, underlying: str, expiry: date, as_of: int | None = None) -> ChainRecord | None:
        """The newest chain at or before `as_of` (None: of all)."""

    def times(self, underlying: str, expiry: date | None, start: int, end: int) -> list[int]:
        """Moments in [start, end) that have a chain, rising."""

    def series(
        self, underlying: str, expiry: date | None, start: int, end: int, names: Sequence[str] = (), limit: int = 5_000
    ) -> list[MetricsAt]:
        """Metrics of the chains in [start, end) by time and expiry; only `names` where some are given.

        Of more than `limit` moments, so many evenly spaced ones are kept with all their expiries, the last among
        them.
        """

    def days(self, underlying: str, name: str, start: int, end: int) -> list[tuple[date, int, float]]:
        """The day's last known number of one metric: (UTC date, moment, value), rising.

        Of the nearest expiry that had not passed on that day and whose metric was known at any time of it.
        """

    def trim(self, before: int) -> int:
        """Forget chains captured before; gives how many. Each day's last chain of an expiry stays, for the history."""

    def close(self) -> None:
        """Let go of connections."""
