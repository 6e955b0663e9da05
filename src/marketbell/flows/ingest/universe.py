"""The instruments that ingest knows, and the partition of each."""

import threading
from collections.abc import Iterable

from marketbell.core.market.instrument import Instrument
from marketbell.core.primitives.identity import partition_of


class Directory:
    """By id and key; threads may share it."""

    def __init__(self, partitions: int, instruments: Iterable[Instrument] = ()) -> None:
        self._partitions = partitions
        self._lock = threading.Lock()
        self._by_key: dict[str, Instrument] = {}
        self._partition: dict[int, int] = {}
        self.add(instruments)

    def set_partitions(self, partitions: int) -> None:
        """The log turned out to have another number of partitions."""
        with self._lock:
            self._partitions = partitions
            self._partition = {
                int(one.instrument_id): partition_of(one.shard, partitions) for one in self._by_key.values()
            }

    def add(self, instruments: Iterable[Instrument]) -> list[Instrument]:
        """Remember them; returns those that were unknown or are described otherwise now."""
        changed = []
        with self._lock:
            for one in instruments:
                if self._by_key.get(one.key) != one:
                    changed.append(one)
                    self._by_key[one.key] = one
                    self._partition[int(one.instrument_id)] = partition_of(one.shard, self._partitions)
        return changed

    def get(self, key: str) -> Instrument | None:
        """One instrument."""
        return self._by_key.get(key)

    def all(self) -> list[Instrument]:
        """Everything, in the order it was learnt."""
        with self._lock:
            return list(self._by_key.values())

    def knows(self, instrument_id: int) -> bool:
        """True where the id belongs to a known instrument."""
        return instrument_id in self._partition

    def partition(self, instrument_id: int) -> int:
        """Home of an instrument; what is unknown goes to partition 0, where it is counted as unknown."""
        return self._partition.get(instrument_id, 0)
