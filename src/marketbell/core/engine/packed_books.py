"""Order books as arrays of a checkpoint: taken apart by book, and put together in the order of their rows.

Arrays: `row`, `state`, `numbers`, `horizon`, `lengths` (levels of both sides) by book; `keys` and `sizes` one
side behind the other; `waiting` (its first column is the book) and `waiting_levels` in order of arrival; by row
`direct` (id of the venue's own quote) and `quote`. Books stand in the order of their rows, so equal books give
equal arrays, however they came.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketbell.core.engine import book_kernel as b


@dataclass(frozen=True, slots=True)
class Packed:
    """One book."""

    row: int
    state: NDArray[np.int64]
    numbers: NDArray[np.float64]
    horizon: NDArray[np.float64]
    levels: tuple[tuple[NDArray[np.float64], NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64]]]
    waiting: NDArray[np.int64]
    waiting_levels: NDArray[np.float64]


def pack(books: Sequence[Packed], direct: NDArray[np.int64], quote: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
    """Arrays of these books, in any order."""
    ordered = sorted(books, key=lambda one: one.row)
    waiting = []
    for at, one in enumerate(ordered):
        mine = one.waiting.copy()
        mine[:, b.W_SLOT] = at
        waiting.append(mine)
    sides = [side for one in ordered for side in one.levels]
    return {
        "direct": direct,
        "quote": quote,
        "row": np.array([one.row for one in ordered], np.int64),
        "state": _stacked([one.state for one in ordered], b.NI, np.int64),
        "numbers": _stacked([one.numbers for one in ordered], b.NS, np.float64),
        "horizon": _stacked([one.horizon for one in ordered], 2, np.float64),
        "lengths": np.array([len(keys) for keys, _ in sides], np.int64).reshape(-1, 2),
        "keys": np.concatenate([np.empty(0), *(keys for keys, _ in sides)]),
        "sizes": np.concatenate([np.empty(0), *(sizes for _, sizes in sides)]),
        "waiting": np.concatenate([np.empty((0, b.NW), np.int64), *waiting]),
        "waiting_levels": np.concatenate([np.empty((0, 2)), *(one.waiting_levels for one in ordered)]),
    }


def _stacked(rows: Sequence[NDArray[Any]], width: int, dtype: Any) -> NDArray[Any]:
    return np.array(rows, dtype).reshape(len(rows), width)


def unpack(arrays: Mapping[str, NDArray[Any]]) -> list[Packed]:
    """The books. KeyError, ValueError or IndexError where the arrays are not of this form."""
    lengths = np.asarray(arrays["lengths"], np.int64).reshape(-1)
    ends = np.concatenate([[0], np.cumsum(lengths)])
    keys, sizes = np.asarray(arrays["keys"], np.float64), np.asarray(arrays["sizes"], np.float64)
    waiting = np.asarray(arrays["waiting"], np.int64)
    levels = np.asarray(arrays["waiting_levels"], np.float64)
    if len(keys) != ends[-1] or len(sizes) != ends[-1] or len(levels) != len(waiting):
        message = "levels and their numbers do not agree"
        raise ValueError(message)
    found = []
    for at, row in enumerate(np.asarray(arrays["row"], np.int64).tolist()):
        mine = np.flatnonzero(waiting[:, b.W_SLOT] == at)
        low, middle, high = ends[2 * at], ends[2 * at + 1], ends[2 * at + 2]
        found.append(
            Packed(
                row,
                np.array(arrays["state"][at], np.int64),
                np.array(arrays["numbers"][at], np.float64),
                np.array(arrays["horizon"][at], np.float64),
                (
                    (keys[low:middle].copy(), sizes[low:middle].copy()),
                    (keys[middle:high].copy(), sizes[middle:high].copy()),
                ),
                waiting[mine].copy(),
                levels[mine].copy(),
            )
        )
    return found


def renumbered(books: Sequence[Packed], rows: Mapping[int, int]) -> list[Packed]:
    """Those whose row is named, under its new number."""
    return [replace(one, row=rows[one.row]) for one in books if one.row in rows]
