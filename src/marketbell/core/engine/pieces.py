"""Copies of long arrays in pieces, made again only where something has changed since the last time.

A checkpoint may be written while the engine goes on, so it must share nothing that will change. Pieces
that did not change are shared by all checkpoints that hold them: neither time nor memory for them twice.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from marketbell.core.primitives.errors import CheckpointError


class Pieces:
    """The copies of one array's rows. `mark` what changed, then `take`."""

    def __init__(self, rows: int) -> None:
        """`rows` of the array go into one piece."""
        self.rows = rows
        self._copies: list[NDArray[np.generic]] = []
        self._stale: NDArray[np.bool_] = np.ones(1, np.bool_)

    def mark(self, at: NDArray[np.int64] | int) -> None:
        """These rows have changed."""
        newest = int(np.max(at)) // self.rows if np.size(at) else 0
        if newest >= len(self._stale):
            more = np.ones(max(newest + 1, 2 * len(self._stale)) - len(self._stale), np.bool_)
            self._stale = np.concatenate([self._stale, more])
        self._stale[at // self.rows] = True

    def mark_all(self) -> None:
        """All rows may have changed."""
        self._stale[:] = True

    def take(self, array: NDArray[np.generic], used: int) -> list[NDArray[np.generic]]:
        """Pieces of the first `used` rows."""
        count = -(-used // self.rows)
        kept = self._copies
        self._copies = []
        for n in range(count):
            part = array[n * self.rows : min(used, (n + 1) * self.rows)]
            is_same = n < len(kept) and not self._stale[n] and len(kept[n]) == len(part)
            self._copies.append(kept[n] if is_same else part.copy())
        self._stale = np.zeros(max(1, count), np.bool_)
        return self._copies


def named(name: str, pieces: list[NDArray[np.generic]]) -> dict[str, NDArray[np.generic]]:
    """Pieces under the names NAME/0, NAME/1 …."""
    return {f"{name}/{n}": piece for n, piece in enumerate(pieces)}


def joined(arrays: Mapping[str, NDArray[np.generic]], name: str, empty: NDArray[np.generic]) -> NDArray[np.generic]:
    """The whole again; `empty` where there is no piece. CheckpointError where one is missing in between."""
    places = sorted(int(full[len(name) + 1 :]) for full in arrays if full.startswith(f"{name}/"))
    if places != list(range(len(places))):
        message = f"the checkpoint lacks pieces of {name!r}"
        raise CheckpointError(message)
    if not places:
        return empty
    return np.concatenate([arrays[f"{name}/{n}"] for n in places])
