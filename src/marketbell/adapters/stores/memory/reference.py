"""Fundamentals and shareholding in a dictionary, point in time."""

import threading
from collections.abc import Sequence

from marketbell.ports.stores import Fact

_Key = tuple[int, str, str, int]


class MemoryFundamentals:
    """Facts by instrument, name, period and version."""

    def __init__(self) -> None:
        self._facts: dict[_Key, Fact] = {}
        self._lock = threading.Lock()

    def put(self, facts: Sequence[Fact]) -> None:
        """Add facts; the same key takes the later values."""
        with self._lock:
            self._facts.update({_key(fact): fact for fact in facts})

    def as_of(self, when: int, instrument_ids: Sequence[int] | None = None) -> dict[int, dict[str, float]]:
        """Newest period's newest version of each name, among what had been published at `when`."""
        wanted = None if instrument_ids is None else set(instrument_ids)
        known: dict[int, dict[str, float]] = {}
        with self._lock:
            for key in sorted(self._facts):
                fact = self._facts[key]
                if fact.published_at <= when and (wanted is None or fact.instrument_id in wanted):
                    known.setdefault(fact.instrument_id, {})[fact.name] = fact.value
        return known

    def history(self, instrument_id: int, name: str) -> list[Fact]:
        """Every version of every period, oldest first."""
        with self._lock:
            return [self._facts[key] for key in sorted(self._facts) if key[:2] == (instrument_id, name)]

    def published(self, instrument_ids: Sequence[int], until: int) -> list[Fact]:
        """Every version of every period that had been published at `until`, in the order of publication."""
        wanted = set(instrument_ids)
        with self._lock:
            found = [one for one in self._facts.values() if one.instrument_id in wanted and one.published_at <= until]
        return sorted(found, key=lambda fact: (fact.published_at, _key(fact)))


def _key(fact: Fact) -> _Key:
    return fact.instrument_id, fact.name, fact.period_end, fact.version
