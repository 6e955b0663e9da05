"""Flat arrays in which rules have spans of their own: they grow, and what is given back is used again."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


class Places:
    """Hands out runs of numbers from 0 up. A run that was given back goes to the next who wants one of its size."""

    def __init__(self) -> None:
        self.used = 0
        """All numbers that were ever handed out are below this."""
        self._free: dict[int, list[int]] = {}

    def take(self, size: int) -> int:
        """The first number of a run of this size."""
        free = self._free.get(size)
        if free:
            return free.pop()
        begin = self.used
        self.used += size
        return begin

    def give_back(self, begin: int, size: int) -> None:
        """Nobody uses this run any more."""
        if size:
            self._free.setdefault(size, []).append(begin)


class Spans(Places):
    """The same with what stands there: `data` holds every span's values."""

    def __init__(self) -> None:
        super().__init__()
        self.data: NDArray[np.int64] = np.zeros(64, np.int64)

    def put(self, values: Any) -> tuple[int, int]:
        """Keep these values; gives where they begin, and how many they are."""
        size = len(values)
        begin = self.take(size)
        self.data = grown(self.data, self.used)
        self.data[begin : begin + size] = values
        return begin, size


def grown(array: NDArray[Any], size: int, fill: float = 0) -> NDArray[Any]:
    """The array, or a copy at least twice as long where it has no room for `size`; what is new is `fill`."""
    if size <= len(array):
        return array
    more = np.full((max(size - len(array), len(array)), *array.shape[1:]), fill, array.dtype)
    return np.concatenate([array, more])
