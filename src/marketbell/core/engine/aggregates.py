"""What groups of instruments do together: the market, each sector, each index. Kept as rows change.

Change is weighted by market value where every member with a known change has one, else it is the plain mean
(`is_weighted` says which); both stand beside it. Counts and sums are exact, so the numbers follow from the rows
as they are and not from the way there: stepwise and whole are one code.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from marketbell.core.engine import aggregate_kernel as k
from marketbell.core.engine.exact import ExactSums
from marketbell.core.market.instrument import LISTED_KINDS, Instrument

FACTS = ("change_pct", "fund.market_cap", "turnover")
"""Columns that aggregates are made of."""


@dataclass(frozen=True, slots=True)
class Groups:
    """Which rows belong together: the market (group 0), then sectors, then indices, each sorted by name.

    `sizes` are numbers of members; `starts` and `members` say the groups of each row.
    """

    sectors: tuple[str, ...]
    indices: tuple[str, ...]
    sizes: tuple[int, ...]
    starts: NDArray[np.int64]
    members: NDArray[np.int64]

    @classmethod
    def of(cls, instruments: Sequence[Instrument]) -> Self:
        """Take them from the instruments in row order. Sectors hold equities; an index holds who names it."""
        sectors = tuple(sorted({one.sector for one in instruments if one.kind == "equity" and one.sector}))
        indices = tuple(sorted({name for one in instruments for name in one.indices if name}))
        sector_at = {name: 1 + at for at, name in enumerate(sectors)}
        index_at = {name: 1 + len(sectors) + at for at, name in enumerate(indices)}
        starts, members = [0], []
        for one in instruments:
            if one.kind in LISTED_KINDS:
                members.append(0)
            if one.kind == "equity" and one.sector:
                members.append(sector_at[one.sector])
            members += sorted({index_at[name] for name in one.indices if name})
            starts.append(len(members))
        counted = np.bincount(np.array(members, np.int64), minlength=1 + len(sectors) + len(indices))
        sizes = tuple(int(size) for size in counted)
        return cls(sectors, indices, sizes, np.array(starts, np.int64), np.array(members, np.int64))


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One group. Changes are percentage points against each member's previous close; unknown is NaN.

    `turnover` is in the members' currency: sums over several currencies mean little. `count` counts members.
    """

    name: str
    count: int
    advances: int
    declines: int
    unchanged: int
    unknown: int
    change_pct: float
    is_weighted: bool
    cap_weighted_pct: float
    equal_weighted_pct: float
    turnover: float


class Aggregates:
    """Aggregates of all groups. It begins with every row unknown."""

    def __init__(self, groups: Groups) -> None:
        self.groups = groups
        size = len(groups.starts) - 1
        self._facts = np.full((k.SUMS, size), np.nan)
        self._counts = np.zeros((len(groups.sizes), k.COUNTS), np.int64)
        self._counts[:, k.UNKNOWN] = groups.sizes
        self._sums = ExactSums(len(groups.sizes) * k.SUMS)

    @classmethod
    def whole(cls, groups: Groups, columns: Mapping[str, NDArray[Any]]) -> Self:
        """The aggregates of a table: `columns` has the FACTS of all rows."""
        found = cls(groups)
        found.update(np.arange(len(groups.starts) - 1), columns)
        return found

    def update(self, rows: NDArray[np.int64], columns: Mapping[str, NDArray[Any]]) -> None:
        """Take the FACTS of these rows, each row at most once; `columns` hold values of these rows only."""
        change, weight, turnover = (np.asarray(columns[name], np.float64) for name in FACTS)
        change = np.where(np.isfinite(change), change, np.nan)
        with np.errstate(over="ignore", invalid="ignore"):
            product = change * weight
        product = np.where(np.isfinite(product), product, np.nan)
        turnover = np.where(np.isfinite(turnover), turnover, np.nan)
        rows = np.ascontiguousarray(rows, np.int64)
        self._shift(-1, rows)
        self._facts[:, rows] = change, product, weight, turnover
        self._shift(1, rows)

    def _shift(self, sign: int, rows: NDArray[np.int64]) -> None:
        groups = self.groups
        k.shift(sign, rows, groups.starts, groups.members, self._facts, self._counts, self._sums.digits)

    def breadth(self) -> dict[str, int]:
        """How many listed instruments are up, down, unchanged and unknown."""
        names = ("advances", "declines", "unchanged", "unknown")
        return dict(zip(names, self._counts[0].tolist(), strict=False))

    def sectors(self) -> list[Aggregate]:
        """Sectors by name."""
        return self._some(1, self.groups.sectors)

    def indices(self) -> list[Aggregate]:
        """Indices, made from their members, by name."""
        return self._some(1 + len(self.groups.sectors), self.groups.indices)

    def _some(self, first: int, names: Sequence[str]) -> list[Aggregate]:
        totals = self._sums.totals(first * k.SUMS, (first + len(names)) * k.SUMS)
        return [
            self._aggregate(first + at, name, totals[at * k.SUMS : (at + 1) * k.SUMS]) for at, name in enumerate(names)
        ]

    def _aggregate(self, group: int, name: str, totals: Sequence[float]) -> Aggregate:
        counts = self._counts[group].tolist()
        known = counts[k.ADVANCES] + counts[k.DECLINES] + counts[k.UNCHANGED]
        change, product, weight, turnover = totals
        equal = change / known if known else math.nan
        by_cap = product / weight if weight > 0 else math.nan
        is_weighted = 0 < known == counts[k.WEIGHED] and not math.isnan(by_cap)
        return Aggregate(
            name=name,
            count=self.groups.sizes[group],
            advances=counts[k.ADVANCES],
            declines=counts[k.DECLINES],
            unchanged=counts[k.UNCHANGED],
            unknown=counts[k.UNKNOWN],
            change_pct=by_cap if is_weighted else equal,
            is_weighted=is_weighted,
            cap_weighted_pct=by_cap,
            equal_weighted_pct=equal,
            turnover=turnover,
        )
