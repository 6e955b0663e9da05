"""Which shard an instrument lives in, for every row of the log, also of instruments that live elsewhere."""

from collections.abc import Iterable
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from marketbell.core.market.instrument import Instrument
from marketbell.core.primitives.shards import Shards


class Homes:
    """The home of each instrument that the log defined, in the order of its definitions.

    An instrument keeps the home of its first definition: rows never move between states. Ids that were never
    defined are spread over the shards `strangers`, so that each is counted by one owner, whatever the split.
    """

    def __init__(self, strangers: Shards) -> None:
        self.strangers = strangers
        self._place: dict[int, int] = {}
        self._shards: list[int] = []
        self._sorted: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None
        self._array: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self._place)

    def learn(self, instruments: Iterable[Instrument]) -> None:
        """Take the homes of instruments that are new."""
        for one in instruments:
            ident = int(one.instrument_id)
            if ident not in self._place:
                self._place[ident] = len(self._shards)
                self._shards.append(one.shard)
                self._sorted = self._array = None

    def of(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """The shard of each id (`ids` [n] int64)."""
        if self._sorted is None:
            known = np.fromiter(self._place, np.int64, len(self._place))
            order = np.argsort(known)
            self._sorted = known[order], np.array(self._shards, np.int64)[order]
        known, shards = self._sorted
        strangers = self.strangers.first + ids % len(self.strangers)
        if not len(known):
            return strangers
        at = np.minimum(np.searchsorted(known, ids), len(known) - 1)
        return np.where(known[at] == ids, shards[at], strangers)

    def inside(self, ids: NDArray[np.int64], shards: Shards) -> NDArray[np.bool_]:
        """True for each id whose home is one of `shards`."""
        home = self.of(ids)
        return (home >= shards.first) & (home <= shards.last)

    def has(self, instrument_id: int, shards: Shards) -> bool:
        """The same of one id."""
        return bool(self.inside(np.array([instrument_id], np.int64), shards)[0])

    def place(self, instrument_id: int) -> int:
        """The number of the instrument's definition in the log; those that it never defined come last."""
        return self._place.get(instrument_id, len(self._shards))

    def checkpoint(self) -> NDArray[np.int64]:
        """Ids and shards in the order of definition, [n, 2]: to read, and the same array until one is learnt."""
        if self._array is None:
            ids = np.fromiter(self._place, np.int64, len(self._place))
            self._array = np.column_stack([ids, np.array(self._shards, np.int64)])
        return self._array

    @classmethod
    def restore(cls, array: NDArray[Any], strangers: Shards) -> Self:
        """The inverse of `checkpoint`."""
        homes = cls(strangers)
        for place, (ident, shard) in enumerate(array.tolist()):
            homes._place[ident] = place
            homes._shards.append(shard)
        return homes
