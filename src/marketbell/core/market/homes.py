"""Which shard an instrument lives in, for every row of the log, also of instruments that live elsewhere."""

from collections.abc import Iterable
from typing import Any, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from marketbell.core.market.instrument import Instrument
from marketbell.core.primitives.shards import Shards

_HASH = np.uint64(0x9E3779B97F4A7C15)


# ruff: noqa: ANN001, ANN202 — kernels are typed by Numba
# mypy: disable-error-code="no-untyped-def,misc"


@njit(cache=True, error_model="numpy")
def _fill(keys, values, shift, ids, shards):
    """Put ids into the open-addressing table; a value of -1 is a free place, its length is a power of 2."""
    mask = len(keys) - 1
    for n in range(len(ids)):
        h = np.int64((np.uint64(ids[n]) * _HASH) >> np.uint64(shift))
        while values[h] >= 0:
            h = (h + 1) & mask
        keys[h] = ids[n]
        values[h] = shards[n]


@njit(cache=True, error_model="numpy")
def _find(keys, values, shift, ids, first, count, out):
    """The shard of each id; an unknown one is spread over `count` shards from `first` on."""
    mask = len(keys) - 1
    for n in range(len(ids)):
        ident = ids[n]
        h = np.int64((np.uint64(ident) * _HASH) >> np.uint64(shift))
        while values[h] >= 0 and keys[h] != ident:
            h = (h + 1) & mask
        out[n] = values[h] if values[h] >= 0 else first + ident % count


class Homes:
    """The home of each instrument that the log defined, in the order of its definitions.

    An instrument keeps the home of its first definition: rows never move between states. Ids that were never
    defined are spread over the shards `strangers`, so that each is counted by one owner, whatever the split.
    """

    def __init__(self, strangers: Shards) -> None:
        self.strangers = strangers
        self._place: dict[int, int] = {}
        self._shards: list[int] = []
        self._table: tuple[NDArray[np.int64], NDArray[np.int64], int] | None = None
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
                self._table = self._array = None

    def of(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """The shard of each id (`ids` [n] int64)."""
        if self._table is None:
            size = 1 << max(6, (2 * len(self._place)).bit_length())
            keys, values = np.zeros(size, np.int64), np.full(size, -1, np.int64)
            shift = 64 - (size.bit_length() - 1)
            known = np.fromiter(self._place, np.int64, len(self._place))
            _fill(keys, values, shift, known, np.array(self._shards, np.int64))
            self._table = keys, values, shift
        out = np.empty(len(ids), np.int64)
        _find(*self._table, np.array(ids, np.int64), self.strangers.first, len(self.strangers), out)
        return out

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
