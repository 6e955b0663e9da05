"""What a truth is made of: comparisons of a column with a number, and whatever else must hold.

Most screens are such comparisons joined by `and`. A kernel tests those without a table of operations, and knows which
of them a changed value can turn: those whose number lies between the old value and the new one.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from marketbell.core.engine import predicate_kernel as pk
from marketbell.core.engine.predicates import PredicateTable

_TURNED: Mapping[int, int] = {
    pk.ABOVE: pk.BELOW,
    pk.AT_LEAST: pk.AT_MOST,
    pk.BELOW: pk.ABOVE,
    pk.AT_MOST: pk.AT_LEAST,
    pk.EQUAL: pk.EQUAL,
    pk.UNEQUAL: pk.UNEQUAL,
}
"""What `5 < x` says of x, by the operator."""
_DENIED: Mapping[int, int] = {
    pk.ABOVE: pk.AT_MOST,
    pk.AT_LEAST: pk.BELOW,
    pk.BELOW: pk.AT_LEAST,
    pk.AT_MOST: pk.ABOVE,
    pk.EQUAL: pk.UNEQUAL,
    pk.UNEQUAL: pk.EQUAL,
}
"""What `not x > 5` says of x: unknown stays unknown."""


class Comparison(NamedTuple):
    """`column operator level`: the operator is one of predicate_kernel's, the level a number that is known."""

    column: int
    operator: int
    level: float


class Other(NamedTuple):
    """A slot that must be true, or false where it `is_denied`."""

    slot: int
    is_denied: bool


class Operations:
    """The operations of a table as they stand, by slot."""

    def __init__(self, table: PredicateTable) -> None:
        self._table = table
        self._code, self._constants = table.arrays

    def needs(self, slot: int, *, is_member: bool = False) -> tuple[list[Comparison], list[Other]]:
        """What must all hold for a truth: together by `and` over three truths they are the truth itself.

        With `is_member` only "it is true" is the same: `if(a, b, unknown)` is then `a and b`.
        """
        plain: list[Comparison] = []
        others: list[Other] = []
        waiting = [(slot, False)]
        while waiting:
            one, is_denied = waiting.pop()
            op, a, b, c, _ = self._line(one)
            found = self._comparison(one)
            if found is not None:
                plain.append(found._replace(operator=_DENIED[found.operator]) if is_denied else found)
            elif op == (pk.OR if is_denied else pk.AND):
                waiting += [(b, is_denied), (a, is_denied)]
            elif op == pk.NOT:
                waiting.append((a, not is_denied))
            elif is_member and not is_denied and op == pk.IF and self._is_unknown(c):
                waiting += [(b, False), (a, False)]
            else:
                others.append(Other(one, is_denied))
        return list(dict.fromkeys(plain)), list(dict.fromkeys(others))

    def turns(self, slots: Iterable[int]) -> tuple[list[tuple[int, float]], list[int]]:
        """When these truths can change: at levels of columns that are passed or met, and at any change of columns.

        A column that becomes known or unknown can change everything that rests on it; that is not said here.
        """
        levels: dict[tuple[int, float], None] = {}
        always: set[int] = set()
        seen: set[int] = set()
        waiting = list(slots)
        while waiting:
            one = waiting.pop()
            if one in seen:
                continue
            seen.add(one)
            op, a, b, c, _ = self._line(one)
            found = self._comparison(one)
            if found is not None:
                levels[found.column, found.level] = None
            elif op in {pk.AND, pk.OR}:
                waiting += [a, b]
            elif op == pk.NOT:
                waiting.append(a)
            elif op == pk.IF:
                waiting += [a, b, c]
            elif op != pk.KNOWN or self._line(a)[0] != pk.COLUMN:
                always |= set(self._table.columns_of(one))
        return list(levels), sorted(always)

    def column(self, slot: int) -> int:
        """The column that a slot is, -1 where it is more."""
        op, a, *_ = self._line(slot)
        return a if op == pk.COLUMN else -1

    def _comparison(self, slot: int) -> Comparison | None:
        """A column beside a known number; a column alone is true where it is not 0."""
        op, a, b, _, _ = self._line(slot)
        if op == pk.COLUMN:
            return Comparison(a, pk.UNEQUAL, 0.0)
        if op not in _TURNED:
            return None
        left, right = self._line(a), self._line(b)
        if left[0] == pk.COLUMN and right[0] == pk.CONSTANT and not np.isnan(self._constants[b]):
            return Comparison(left[1], op, float(self._constants[b]))
        if left[0] == pk.CONSTANT and right[0] == pk.COLUMN and not np.isnan(self._constants[a]):
            return Comparison(right[1], _TURNED[op], float(self._constants[a]))
        return None

    def _is_unknown(self, slot: int) -> bool:
        return self._line(slot)[0] == pk.CONSTANT and bool(np.isnan(self._constants[slot]))

    def _line(self, slot: int) -> tuple[int, int, int, int, int]:
        op, a, b, c, d = self._code[slot].tolist()
        return op, a, b, c, d


def packed(parts: Iterable[Iterable[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Lists one behind the other, and where each begins (one place more than there are lists)."""
    lists = [list(part) for part in parts]
    begins = np.zeros(len(lists) + 1, np.int64)
    np.cumsum([len(part) for part in lists], out=begins[1:])
    return begins, np.array([one for part in lists for one in part], np.int64)
