"""Across a universe: `rank`, `pct_of` and `avg_of`, whole and step by step with the same result.

Rows are instruments; a universe is a mask over them, which may change at a date. A value is unknown where
it is NaN or infinite. The whole forms are the definition:

- `rank(x, U)`: 1 for the highest known value of U; equal values share the better rank and the ranks behind
  them stay free (standard competition ranking: 1, 2, 2, 4). Unknown for who is unknown or not in U.
- `pct_of(U, c)`: percentage of the members with a known condition for whom it holds (not 0); unknown
  without any. Members whose condition is unknown are left out.
- `avg_of(U, x)`: mean of the known members' values: the exact sum, rounded once, over their number;
  unknown without any.

The stepwise forms keep what a change of some rows needs: a change costs what it moves, not a whole sort.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from marketbell.core.engine import rank_kernel
from marketbell.core.engine.exact import ExactSums, exact_sum
from marketbell.core.primitives.errors import UserError

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]
Rows = NDArray[np.int64]

_NOWHERE: Rows = np.empty(0, np.int64)
_ONLY: Rows = np.zeros(1, np.int64)
_FEW = 8
_STEPS = 2
"""Fewer rows than one in eight go one by one, for as many steps as two passes over the order (measured)."""


def _inside(values: NDArray[Any], members: Mask) -> Values:
    """Known values of the members, NaN for everybody else."""
    found = np.asarray(values, np.float64)
    return np.where(members & np.isfinite(found), found, np.nan)


def rank(values: NDArray[Any], members: Mask) -> Values:
    """Ranks of the known members, 1 = highest; NaN elsewhere. `values`, `members` and the result are [rows]."""
    inside = _inside(values, members)
    rows = np.flatnonzero(np.isfinite(inside))
    known = inside[rows]
    larger = len(known) - np.searchsorted(np.sort(known), known, side="right")
    ranks = np.full(len(inside), np.nan)
    ranks[rows] = larger + 1.0
    return ranks


def pct_of(condition: NDArray[Any], members: Mask) -> float:
    """Percentage of the known members whose condition holds; NaN without any. `condition` is 1, 0 or NaN."""
    inside = _inside(condition, members)
    known = int(np.count_nonzero(np.isfinite(inside)))
    return _share(int(np.count_nonzero(inside > 0) + np.count_nonzero(inside < 0)), known)


def avg_of(values: NDArray[Any], members: Mask) -> float:
    """Mean of the known members' values; NaN without any."""
    inside = _inside(values, members)
    known = inside[np.isfinite(inside)]
    return _mean(exact_sum(known.tolist()), len(known))


def _share(true: int, known: int) -> float:
    return 100.0 * true / known if known else math.nan


def _mean(total: float, known: int) -> float:
    return total / known if known else math.nan


def evaluate(name: str, values: NDArray[Any], members: Mask) -> Values:
    """A CROSS node over one column of values at one market time, for every row.

    `rank` gives each row its own; `pct_of` and `avg_of` are the universe's and stand at every row, members or
    not. UserError for another name.
    """
    if name == "rank":
        return rank(values, members)
    if name == "pct_of":
        return np.full(len(values), pct_of(values, members))
    if name == "avg_of":
        return np.full(len(values), avg_of(values, members))
    raise _unknown(name)


def _unknown(name: str) -> UserError:
    return UserError(f"`{name}` is no function over a universe; there are {', '.join(sorted(FORMS))}")


class CrossSection(ABC):
    """One CROSS node kept up to date. It begins with every row unknown and nobody a member."""

    name: ClassVar[str]

    def __init__(self, size: int) -> None:
        """`size` is the number of rows."""
        self.size = size
        self._given = np.full(size, np.nan)
        self._members = np.zeros(size, np.bool_)

    def update(self, rows: Rows, values: NDArray[Any]) -> Rows:
        """Take new values of these rows (each at most once); the rows at which the result changed, ascending."""
        new = np.asarray(values, np.float64)
        self._given[rows] = new
        return self._take(rows, _inside(new, self._members[rows]))

    def set_members(self, members: Mask) -> Rows:
        """Another membership (bool [rows]); the rows at which the result changed, ascending."""
        rows = np.flatnonzero(members != self._members)
        self._members[rows] = members[rows]
        return self._take(rows, _inside(self._given[rows], self._members[rows]))

    @property
    def members(self) -> Mask:
        """Who is in the universe: to read."""
        return self._members

    @abstractmethod
    def result(self) -> Values:
        """The value at every row, as `evaluate` gives it; to read."""

    @abstractmethod
    def _take(self, rows: Rows, inside: Values) -> Rows:
        """Values of members became `inside` (NaN: no known member)."""


class Rank(CrossSection):
    """`rank(x, U)` in an order that follows its values.

    A changed row costs a binary search and the places that it passes. Where rows move far, what is left of
    them is sorted and merged into the order in one pass.
    """

    name = "rank"

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._order = np.zeros(size, np.int64)
        self._keys = np.zeros(size)
        self._ranks = np.full(size, np.nan)
        self._held = np.full(size, np.nan)
        self._moved = np.zeros(size, np.uint8)
        self._leaving = np.zeros(size, np.uint8)
        self._count = np.zeros(1, np.int64)

    def result(self) -> Values:
        return self._ranks

    def top(self, limit: int) -> Rows:
        """Rows of the `limit` highest ranks; equal values in the order of rows."""
        return self._order[: min(limit, int(self._count[0]))].copy()

    def _take(self, rows: Rows, inside: Values) -> Rows:
        given, values = np.ascontiguousarray(rows, np.int64), np.ascontiguousarray(inside, np.float64)
        done = 0
        if len(given) * _FEW < self.size:
            done = rank_kernel.change(
                self._order,
                self._keys,
                self._ranks,
                self._held,
                self._moved,
                self._count,
                given,
                values,
                _STEPS * self.size,
            )
        if done < len(given):
            self._join(given[done:], values[done:])
        moved = np.flatnonzero(self._moved.view(np.bool_))
        self._moved[moved] = 0
        return moved

    def _join(self, rows: Rows, values: Values) -> None:
        self._leaving[rows[np.isfinite(self._held[rows])]] = 1
        self._held[rows] = values
        come = np.isfinite(values)
        coming, known = rows[come], values[come]
        order = np.lexsort((coming, -known))
        rank_kernel.join(
            self._order,
            self._keys,
            self._ranks,
            self._moved,
            self._count,
            self._leaving,
            coming[order],
            known[order],
        )


class _OfUniverse(CrossSection):
    """A number of the universe as a whole: it stands at every row."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._held = np.full(size, np.nan)
        self._known = 0
        self._value = math.nan

    def result(self) -> Values:
        return np.full(self.size, self._value)

    @property
    def value(self) -> float:
        """The universe's number."""
        return self._value

    def _take(self, rows: Rows, inside: Values) -> Rows:
        old = self._held[rows]
        was, now = np.isfinite(old), np.isfinite(inside)
        self._known += int(np.count_nonzero(now)) - int(np.count_nonzero(was))
        self._count(old[was], inside[now])
        self._held[rows] = inside
        before, self._value = self._value, self._total()
        is_same = before == self._value or (math.isnan(before) and math.isnan(self._value))
        return _NOWHERE if is_same else np.arange(self.size)

    @abstractmethod
    def _count(self, gone: Values, come: Values) -> None: ...

    @abstractmethod
    def _total(self) -> float: ...


class PctOf(_OfUniverse):
    """`pct_of(U, condition)` by two counters."""

    name = "pct_of"

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._true = 0

    def _count(self, gone: Values, come: Values) -> None:
        self._true += int(np.count_nonzero(come)) - int(np.count_nonzero(gone))

    def _total(self) -> float:
        return _share(self._true, self._known)


class AvgOf(_OfUniverse):
    """`avg_of(U, x)` by an exact sum."""

    name = "avg_of"

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._sum = ExactSums(1)

    def _count(self, gone: Values, come: Values) -> None:
        self._sum.take(np.broadcast_to(_ONLY, len(gone)), gone)
        self._sum.add(np.broadcast_to(_ONLY, len(come)), come)

    def _total(self) -> float:
        return _mean(self._sum.totals()[0], self._known)


FORMS: Mapping[str, Callable[[int], CrossSection]] = {form.name: form for form in (Rank, PctOf, AvgOf)}


def cross_section(name: str, size: int) -> CrossSection:
    """The stepwise form of `rank`, `pct_of` or `avg_of` over `size` rows. UserError for another name."""
    form = FORMS.get(name)
    if form is None:
        raise _unknown(name)
    return form(size)
