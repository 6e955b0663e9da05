"""Who belongs to a universe, and when: ALL, an index, a sector, a given list.

An index name stands in `Instrument.indices`: that is membership as the instruments are defined now. Dated
memberships (an index's members change at a date) replace it: where a universe has any, they alone count.
"""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketbell.core.market.instrument import Instrument
from marketbell.core.primitives.errors import UserError

ALL = "ALL"
ALWAYS = np.iinfo(np.int64).min
FOREVER = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Membership:
    """`key` is in `universe` from `since` until before `until`, ns UTC."""

    universe: str
    key: str
    since: int = ALWAYS
    until: int = FOREVER


def _folded(name: str) -> str:
    """Names are told apart by letters and digits only: `NIFTY 500` is `NIFTY500`."""
    return "".join(name.split()).upper()


class Universes:
    """Universes over the rows of `instruments`. It is made anew when instruments or memberships are."""

    def __init__(self, instruments: Sequence[Instrument], dated: Iterable[Membership] = ()) -> None:
        self._size = len(instruments)
        self._rows = {instrument.key: row for row, instrument in enumerate(instruments)}
        self._names: dict[str, str] = {}
        self._plain: dict[str, list[int]] = {}
        self._dated: dict[str, list[tuple[int, int, int]]] = {}
        self._edges: dict[str, NDArray[np.int64]] = {}
        for row, instrument in enumerate(instruments):
            for name in (*instrument.indices, instrument.sector):
                if name:
                    self._names.setdefault(_folded(name), name)
                    self._plain.setdefault(_folded(name), []).append(row)
        for one in dated:
            folded = _folded(one.universe)
            self._names.setdefault(folded, one.universe)
            spans = self._dated.setdefault(folded, [])
            if one.key in self._rows:
                spans.append((self._rows[one.key], one.since, one.until))
        for folded, spans in self._dated.items():
            self._edges[folded] = np.unique(np.array([edge for _, *both in spans for edge in both], np.int64))

    @property
    def names(self) -> tuple[str, ...]:
        """The universes that there are beside ALL, sorted."""
        return tuple(sorted(self._names.values()))

    def has(self, universe: str) -> bool:
        """True for a universe that has, or had, members here."""
        folded = _folded(universe)
        return folded == ALL or folded in self._dated or folded in self._plain or ":" in universe

    def mask(self, universe: str, at: int) -> NDArray[np.bool_]:
        """Members at the time `at` (ns UTC), as bool [rows].

        `universe` is ALL, the name of an index, list or sector, or keys separated by commas
        (`NSE:A,NSE:B`). UserError where it is none of these.
        """
        members = np.zeros(self._size, np.bool_)
        folded = _folded(universe)
        if folded == ALL:
            members[:] = True
        elif folded in self._dated:
            members[[row for row, since, until in self._dated[folded] if since <= at < until]] = True
        elif folded in self._plain:
            members[self._plain[folded]] = True
        elif ":" in universe:
            members[[self._row(key.strip()) for key in universe.split(",") if key.strip()]] = True
        else:
            raise UserError(f"there is no index, sector or list `{universe}`{self._hint(folded)}")
        return members

    def next_change(self, universe: str, after: int) -> int:
        """The first time after `after` at which members change; FOREVER where none do."""
        edges = self._edges.get(_folded(universe))
        if edges is None:
            return FOREVER
        at = int(np.searchsorted(edges, after, side="right"))
        return int(edges[at]) if at < len(edges) else FOREVER

    def _row(self, key: str) -> int:
        row = self._rows.get(key)
        if row is None:
            raise UserError(f"there is no instrument `{key}`")
        return row

    def _hint(self, folded: str) -> str:
        near = difflib.get_close_matches(folded, self._names, n=1)
        return f": did you mean `{self._names[near[0]]}`?" if near else ""
