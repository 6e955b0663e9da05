"""Option chains as documents: the latest, any stored minute, and the metrics of each as a series."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple, Protocol

from marketbell.core.options.chain import Chain


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


class ChainStore(Protocol):
    """Keeps chains by (underlying, expiry, as_of); putting one again replaces it. Times in ns UTC.

    Raises StoreUnavailableError where the database does not answer (retryable).
    """

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

        Of more than `limit`, evenly spaced moments are kept, the last among them.
        """

    def days(self, underlying: str, name: str, start: int, end: int) -> list[tuple[date, int, float]]:
        """The day's last known value of one metric of the nearest expiry: (UTC date, moment, value), rising."""

    def trim(self, before: int) -> int:
        """Forget chains captured before; gives how many. Each day's last chain of an expiry stays, for the history."""
