"""Which rules are evaluated at each row, in the order in which they came: a linked list for each row.

One rule more is linked to the ends of its rows' lists; one that leaves is passed over from then on (its line says so)
until the lists are laid out anew, each row's entries side by side, when enough has come and gone.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from marketbell.core.rules.spans import grown

# ruff: noqa: ANN001, ANN202 — kernels are typed by Numba
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

Ints = NDArray[np.int64]

_MOST_LOOSE = 4_096


@njit(cache=True, error_model="numpy")
def _link(rows, begin, rule, pair, head, tail, counts, entries):
    for n in range(len(rows)):
        row = rows[n]
        e = begin + n
        entries[e, 0] = rule
        entries[e, 1] = pair + n
        entries[e, 2] = -1
        if tail[row] < 0:
            head[row] = e
        else:
            entries[tail[row], 2] = e
        tail[row] = e
        counts[row] += 1


@njit(cache=True, error_model="numpy")
def _lay_out(alive, head, tail, counts, entries, out):
    """Copy the entries whose rule lives to `out`, row by row; gives how many they are."""
    used = 0
    for row in range(len(head)):
        e = head[row]
        first = used
        while e >= 0:
            if alive[entries[e, 0]]:
                out[used, 0] = entries[e, 0]
                out[used, 1] = entries[e, 1]
                out[used, 2] = used + 1
                used += 1
            e = entries[e, 2]
        counts[row] = used - first
        head[row] = first if used > first else -1
        tail[row] = used - 1 if used > first else -1
        if used > first:
            out[used - 1, 2] = -1
    return used


_LINK: Callable[..., None] = _link
_LAY_OUT: Callable[..., int] = _lay_out


class RowLists:
    """See the module. `entries` [entries, 3]: the rule's number, its pair on the row, the next entry (-1: none).

    `head` has each row's first entry (-1: none), `counts` how many it has, those of rules that left among them.
    """

    def __init__(self, rows: int) -> None:
        self.head: Ints = np.full(rows, -1, np.int64)
        self._tail: Ints = np.full(rows, -1, np.int64)
        self.counts: Ints = np.zeros(rows, np.int64)
        self.entries: Ints = np.zeros((64, 3), np.int64)
        self._used = 0
        self._loose = 0
        """Entries that came, or whose rule left, since they were laid out."""

    def link(self, rule: int, rows: Ints, pair: int) -> None:
        """A rule is evaluated at these rows; its pairs are `pair` and those behind it."""
        begin = self._used
        self._used += len(rows)
        self._loose += len(rows)
        self.entries = grown(self.entries, self._used)
        _LINK(rows, begin, rule, pair, self.head, self._tail, self.counts, self.entries)

    def leave(self, count: int) -> None:
        """A rule with so many rows has left."""
        self._loose += count

    @property
    def is_loose(self) -> bool:
        """True where it is worth while to lay the lists out anew."""
        return self._loose > max(_MOST_LOOSE, self._used // 2)

    def lay_out(self, alive: NDArray[Any]) -> None:
        """Put each row's entries side by side, without those of rules that left; `alive` is by the rule's number."""
        out = np.empty((max(64, self._used), 3), np.int64)
        self._used = int(_LAY_OUT(alive, self.head, self._tail, self.counts, self.entries, out))
        self.entries, self._loose = out, 0
