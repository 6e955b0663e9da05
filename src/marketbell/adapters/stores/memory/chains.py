"""Option chains in dictionaries, as the documents that the other stores keep."""

import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import orjson

from marketbell.core.options.chain import Chain
from marketbell.ports.chains import DAY_NS, ChainRecord, MetricsAt, plain_metrics, spaced


class _Kept(NamedTuple):
    expiry: date
    as_of: int
    spot: float
    chain: bytes
    metrics: dict[str, Any]
    is_simulated: bool


class MemoryChains:
    """Chains by underlying, then by expiry and moment."""

    kind = "memory"

    def __init__(self) -> None:
        self._chains: dict[str, dict[tuple[date, int], _Kept]] = {}
        self._lock = threading.Lock()

    def ping(self) -> None:
        """Always there."""

    def close(self) -> None:
        """Nothing is held."""

    def put(self, records: Sequence[ChainRecord]) -> None:
        """Keep chains; of one moment the later stays."""
        with self._lock:
            for record in records:
                chain = record.chain
                self._chains.setdefault(chain.underlying, {})[chain.expiry, chain.as_of] = _Kept(
                    chain.expiry,
                    chain.as_of,
                    chain.spot,
                    orjson.dumps(chain.as_dict()),
                    plain_metrics(record.metrics),
                    record.is_simulated,
                )

    def underlyings(self) -> list[str]:
        """Keys of what has chains, in order."""
        with self._lock:
            return sorted(key for key, chains in self._chains.items() if chains)

    def expiries(self, underlying: str, as_of: int | None = None) -> list[tuple[date, int]]:
        """Expiries with their newest moment, in order."""
        newest: dict[date, int] = {}
        for one in self._of(underlying):
            if as_of is None or (one.as_of <= as_of and one.expiry >= _day(as_of)):
                newest[one.expiry] = max(one.as_of, newest.get(one.expiry, 0))
        return sorted(newest.items())

    def latest(self, underlying: str, expiry: date, as_of: int | None = None) -> ChainRecord | None:
        """The newest chain at or before `as_of`."""
        found = [one for one in self._of(underlying) if one.expiry == expiry and (as_of is None or one.as_of <= as_of)]
        if not found:
            return None
        newest = max(found, key=lambda one: one.as_of)
        return ChainRecord(Chain.from_dict(orjson.loads(newest.chain)), dict(newest.metrics), newest.is_simulated)

    def times(self, underlying: str, expiry: date | None, start: int, end: int) -> list[int]:
        """Moments in [start, end) that have a chain, rising."""
        return sorted({one.as_of for one in self._between(underlying, expiry, start, end)})

    def series(
        self, underlying: str, expiry: date | None, start: int, end: int, names: Sequence[str] = (), limit: int = 5_000
    ) -> list[MetricsAt]:
        """Metrics by time and expiry."""
        found = sorted(self._between(underlying, expiry, start, end), key=lambda one: (one.as_of, one.expiry))
        moments = sorted({one.as_of for one in found})
        kept = set(spaced(moments, limit))
        wanted = set(names)
        return [
            MetricsAt(
                one.expiry,
                one.as_of,
                one.spot,
                {name: value for name, value in one.metrics.items() if not wanted or name in wanted},
            )
            for one in found
            if one.as_of in kept
        ]

    def days(self, underlying: str, name: str, start: int, end: int) -> list[tuple[date, int, float]]:
        """The day's last known number of one metric of the nearest expiry."""
        best: dict[date, tuple[date, int, float]] = {}
        for one in self._between(underlying, None, start, end):
            day, value = _day(one.as_of), one.metrics.get(name)
            if isinstance(value, bool) or not isinstance(value, float) or one.expiry < day:
                continue
            other = best.get(day)
            if other is None or (one.expiry, -one.as_of) < (other[0], -other[1]):
                best[day] = (one.expiry, one.as_of, value)
        return [(day, as_of, value) for day, (_, as_of, value) in sorted(best.items())]

    def trim(self, before: int) -> int:
        """Forget chains captured before, but each day's last of an expiry."""
        gone = 0
        with self._lock:
            for chains in self._chains.values():
                last: dict[tuple[date, int], int] = {}
                for expiry, as_of in chains:
                    key = expiry, as_of // DAY_NS
                    last[key] = max(as_of, last.get(key, 0))
                old = [key for key in chains if key[1] < before and key[1] < last[key[0], key[1] // DAY_NS]]
                for key in old:
                    del chains[key]
                gone += len(old)
        return gone

    def _of(self, underlying: str) -> list[_Kept]:
        with self._lock:
            return list(self._chains.get(underlying, {}).values())

    def _between(self, underlying: str, expiry: date | None, start: int, end: int) -> Iterator[_Kept]:
        for one in self._of(underlying):
            if start <= one.as_of < end and (expiry is None or one.expiry == expiry):
                yield one


def _day(as_of: int) -> date:
    return datetime.fromtimestamp(as_of // 10**9, UTC).date()
