"""Stage two: the changed rows of all shard groups as one market, at times that all of them have told.

Each group (a range of shards that one lease covers) tells what changed in its rows, with the log's times
`at`, and its heartbeat: up to there it is told (see core/columns/rows.py). Changes wait until every group
has told its part, then they are applied moment by moment: all changes of one market time, in the order of
(at, shard, sequence). Market times are the times of the changes, rounded up to a whole multiple of `every`.

So what stands at a market time follows from the groups' logs alone: not from how shards are split over
groups, nor from how messages are cut, mixed or repeated.

Restart: `checkpoint` and `restore` go on bit for bit. Without a checkpoint nothing is lost but moments: the
table is a function of the newest row of each instrument, every group tells all of its rows in a full message
when it starts or is asked to (`merge.asks_for_full`), and what is computed here (lists, breadth, sectors,
cross-sections) is a function of the table. The memory of earlier moments that a crossing needs is not kept here.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from marketbell.core.columns.rows import ChangedRows
from marketbell.core.engine.aggregates import FACTS, Aggregates, Groups
from marketbell.core.engine.cross_section import CrossSection, cross_section
from marketbell.core.engine.lists import READ, Universe, market_lists
from marketbell.core.engine.merge import NEVER, Merge, Part
from marketbell.core.engine.merged_table import NOBODY, MergedTable
from marketbell.core.engine.universes import FOREVER, Membership, Universes
from marketbell.core.market.instrument import Instrument
from marketbell.core.primitives.errors import CheckpointError, UserError

STAGE_TWO_VERSION = 1


@dataclass(frozen=True, slots=True)
class Moment:
    """The market at `time` (ns UTC) is complete and stands in the table.

    `rows` changed, each once, in the order of (at, shard, sequence) of their newest change. `has_moved`: rows
    were added, removed or renewed, so row numbers and universes of before mean nothing.
    """

    time: int
    rows: NDArray[np.int64]
    has_moved: bool


@dataclass(slots=True)
class _Watched:
    """A cross-section that follows a column. `until`: when its universe's members change next."""

    function: str
    column: str
    universe: str
    form: CrossSection
    until: int = NEVER


class StageTwo:
    """`take` messages, then `step` until it gives None. One owner, one thread."""

    def __init__(self, groups: Iterable[str], *, every: int = 1, dated: Iterable[Membership] = ()) -> None:
        """`groups` must all have told a market time before it comes; `every` (ns) is the grid of market times."""
        self.merge = Merge(groups, every)
        self.table = MergedTable()
        self._dated = tuple(dated)
        self._universes: Universes | None = None
        self._watched: dict[str, _Watched] = {}
        self._description: bytes | None = None
        self._universe = Universe.of(())
        self._aggregates = Aggregates(Groups.of(()))

    @property
    def time(self) -> int:
        """The newest market time that was applied, ns UTC; NEVER before the first."""
        return self.merge.time

    def take(self, message: ChangedRows) -> bool:
        """Take a message; False where it changes nothing: see `Merge.take`."""
        return self.merge.take(message)

    # --- moments -------------------------------------------------------------------------------------

    def step(self) -> Moment | None:
        """Apply the next market time that every group has told; None where there is none yet."""
        found = self.merge.pop()
        if found is None:
            return None
        time, parts = found
        has_moved = self._define([part for part in parts if part.defines])
        rows = self._apply([part for part in parts if not part.defines])
        self._follow(rows, has_moved=has_moved)
        return Moment(time, rows, has_moved)

    def _define(self, parts: Sequence[Part]) -> bool:
        """Instruments of this moment; True where any was added, removed or renewed."""
        has_moved = False
        table = self.table
        for part in sorted(parts, key=lambda one: (int(one.at[0]), self.merge.name_of(one.group))):
            told = {one.key: one for one in part.instruments}
            gone: list[str] = []
            if part.is_full:
                mine = np.flatnonzero(table.owner == part.group).tolist()
                gone = [table.keys[row] for row in mine if table.keys[row] not in told]
            for key, one in told.items():
                row = table.row(key)
                has_moved |= row is None or table.instruments[row] != one
            has_moved |= bool(gone)
            table.define(told.values(), part.group, gone=gone)
        if any(part.is_full for part in parts) and self.merge.is_settled:
            orphans = np.flatnonzero(~np.isin(table.owner, self.merge.numbers)).tolist()
            has_moved |= table.define((), NOBODY, gone=[table.keys[row] for row in orphans])
        return has_moved

    def _apply(self, parts: Sequence[Part]) -> NDArray[np.int64]:
        rows, at = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        for part in parts:
            found = self.table.rows_of(part.ids)
            known = found >= 0
            if not known.all():
                self.merge.count(part.group, "unknown_rows", int(np.count_nonzero(~known)))
            self.table.put(found[known], part.event_time[known], part.names, part.values[:, known])
            rows.append(found[known])
            at.append(part.at[known])
        every, times = np.concatenate(rows), np.concatenate(at)
        _, newest = np.unique(every[::-1], return_index=True)
        newest = np.sort(len(every) - 1 - newest)
        order = np.lexsort((self.table.shard[every[newest]], times[newest]))
        return every[newest][order]

    # --- the market ----------------------------------------------------------------------------------

    @property
    def aggregates(self) -> Aggregates:
        """Breadth, sectors and indices as of `time`; kept as rows change."""
        return self._aggregates

    def lists(self, limit: int = 100, undervalued: Mapping[str, float] | None = None) -> dict[str, Any]:
        """Lists, breadth, sectors and indices as of `time`: see lists.py."""
        columns = {name: self.table.column(name) for name in READ}
        return market_lists(self._universe, columns, limit, undervalued or {}, self._aggregates)

    def _regroup(self) -> None:
        self._universes = self._description = None
        self._universe = Universe.of(self.table.instruments)
        self._aggregates = Aggregates.whole(self._universe.groups, {name: self.table.column(name) for name in FACTS})

    # --- cross-sections ------------------------------------------------------------------------------

    @property
    def universes(self) -> Universes:
        """Universes over the table's rows as they are now."""
        if self._universes is None:
            self._universes = Universes(self.table.instruments, self._dated)
        return self._universes

    def date_members(self, dated: Iterable[Membership]) -> None:
        """Replace the dated memberships. They count from the next moment on."""
        self._dated = tuple(dated)
        self._universes = None
        for watched in self._watched.values():
            watched.until = NEVER

    def watch(self, name: str, function: str, column: str, universe: str) -> None:
        """Keep `function` (rank, pct_of, avg_of) of a column over a universe up to date under `name`.

        A condition is a column of 1, 0 and NaN. UserError for a function or universe that there is not.
        """
        watched = _Watched(function, column, universe, cross_section(function, 0))
        if len(self.table):  # before the first instrument there is no universe to miss
            self.universes.mask(universe, self.time)
        self._watched[name] = watched
        self._begin(watched)

    def unwatch(self, name: str) -> None:
        """Forget a cross-section; nothing where there is none."""
        self._watched.pop(name, None)

    def foreign(self, key: str, column: str) -> float:
        """The last value of one instrument's column as of `time`; NaN where unknown. UserError for a strange key."""
        row = self.table.row(key)
        if row is None:
            raise UserError(f"there is no instrument `{key}`")
        return float(self.table.column(column)[row])

    def cross(self, name: str) -> NDArray[np.float64]:
        """A watched cross-section at every row, as of `time`: to read."""
        return self._watched[name].form.result()

    def _begin(self, watched: _Watched) -> None:
        watched.form = cross_section(watched.function, len(self.table))
        self._set_members(watched)
        watched.form.update(np.arange(len(self.table)), self.table.column(watched.column))

    def _set_members(self, watched: _Watched) -> None:
        try:
            members = self.universes.mask(watched.universe, self.time)
        except UserError:  # its last member is gone: the universe is empty until it has one again
            members = np.zeros(len(self.table), np.bool_)
        watched.form.set_members(members)
        watched.until = self.universes.next_change(watched.universe, self.time)

    def _follow(self, rows: NDArray[np.int64], *, has_moved: bool) -> None:
        if has_moved:
            self._regroup()
        else:
            self._aggregates.update(rows, {name: self.table.column(name)[rows] for name in FACTS})
        for watched in self._watched.values():
            if has_moved:
                self._begin(watched)
                continue
            if watched.until <= self.time and watched.until != FOREVER:
                self._set_members(watched)
            watched.form.update(rows, self.table.column(watched.column)[rows])

    # --- checkpoint ----------------------------------------------------------------------------------

    def checkpoint(self) -> dict[str, NDArray[Any]]:
        """The whole state as arrays that share nothing with it; `meta` is JSON bytes."""
        arrays = {f"merge.{name}": array for name, array in self.merge.checkpoint().items()}
        arrays |= {f"table.{name}": array for name, array in self.table.arrays().items()}
        meta = {
            "version": STAGE_TWO_VERSION,
            "names": self.table.names,
            "dated": [asdict(one) for one in self._dated],
            "watched": {
                name: [watched.function, watched.column, watched.universe] for name, watched in self._watched.items()
            },
        }
        arrays["meta"] = np.frombuffer(json.dumps(meta).encode(), np.uint8)
        arrays["instruments"] = np.frombuffer(self._described(), np.uint8)
        return arrays

    def _described(self) -> bytes:
        """The instruments as JSON; they change seldom, and there are many."""
        if self._description is None:
            self._description = json.dumps([one.as_dict() for one in self.table.instruments]).encode()
        return self._description

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Go on from a checkpoint, bit for bit. CheckpointError where it cannot be read."""
        try:
            meta = json.loads(np.asarray(arrays["meta"], np.uint8).tobytes())
            if meta["version"] != STAGE_TWO_VERSION:
                message = f"the checkpoint's version {meta['version']} is not this program's"
                raise CheckpointError(message)
            stage = cls((), dated=[Membership(**one) for one in meta["dated"]])
            stage.merge = Merge.restore(_without("merge.", arrays))
            described = json.loads(np.asarray(arrays["instruments"], np.uint8).tobytes())
            instruments = [Instrument.from_dict(one) for one in described]
            stage.table.load(instruments, meta["names"], _without("table.", arrays))
            watched = meta["watched"].items()
        except (KeyError, TypeError, ValueError) as error:
            message = f"the checkpoint of stage two cannot be read: {error}"
            raise CheckpointError(message) from error
        stage._regroup()
        for name, (function, column, universe) in watched:
            stage._watched[name] = _Watched(function, column, universe, cross_section(function, 0))
            stage._begin(stage._watched[name])
        return stage


def _without(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
