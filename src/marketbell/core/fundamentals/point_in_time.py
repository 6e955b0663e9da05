"""Published values, point in time: what anybody could have known at a moment, and nothing else.

A fact is a value of a name (`fund.eps`) for a period, published at a moment, as a version. The reading:

* At a time `t` the facts with `published_at <= t` are known. The *visible* fact of an instrument and name
  is, among the known ones, that of the newest period; of that period the newest version; of equal versions
  the later published; of equal publications the later on the log. So a restatement of an older period
  never becomes the newest value.
* `[1q]` and `[1y]` look back from the visible fact's period P: to the known period that ends nearest to P
  less three (twelve) calendar months, at most 45 days off (fiscal quarters of 13 weeks do not end on
  calendar dates; of two equally near the earlier). Its value is the newest version known at `t` too:
  a change from quarter to quarter compares two numbers as they stood at one moment. Where that period was
  never published the value is unknown; another period is not put in its place.
* A fact that bears no period is of the (UTC) day of its publication.

Later facts never change what was visible before. Kept are the newest `PERIODS` periods of each name and
the newest `VERSIONS` facts of each period, which is more than `[5y]` needs.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from marketbell.core.fundamentals.published import PublishedFact, day_text, months_before, period_day
from marketbell.core.primitives.errors import CheckpointError

PERIODS = 26
VERSIONS = 8
NEAREST_DAYS = 45
QUARTER, YEAR = 1, 4
"""Lengths of an offset in quarters."""

_ZERO = 1 << 17  # periods before 1970 stay positive in a key
_PERIOD_BITS, _NAME_BITS = 18, 8
_NONE = -1
NO_PERIOD = -_ZERO

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


_COLUMNS: tuple[tuple[str, str], ...] = (
    ("key", "<i8"),
    ("version", "<i8"),
    ("published", "<i8"),
    ("value", "<f8"),
    ("source", "<i8"),
)
_Columns = dict[str, NDArray[Any]]


def _none() -> _Columns:
    return {name: np.empty(0, dtype) for name, dtype in _COLUMNS}


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a visible value comes from. `period_end` is an ISO date, `published_at` ns UTC."""

    value: float
    period_end: str
    published_at: int
    version: int
    source: str


class FactBook:
    """The facts of many instruments (dense rows) and a fixed list of names.

    `add` takes facts in log order; `advance` moves the rows' clocks and lets those become known that had
    been published by then. Reading is vectorised over rows; unknown is NaN.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._place = {name: at for at, name in enumerate(self.names)}
        self._newest = int(np.iinfo(np.int64).min)
        self._timelines: dict[int, tuple[Ints, Ints, Ints]] = {}
        self._sources: dict[str, int] = {}
        self._known = _none()
        self._pending = _none()
        self._new: list[tuple[int, int, int, float, int]] = []
        self._rows = 0
        self._value = np.full((0, len(self.names)), np.nan)
        self._period = np.full((0, len(self.names)), NO_PERIOD, np.int64)

    def __len__(self) -> int:
        """Facts that are kept, those that are not public yet included."""
        return len(self._known["key"]) + len(self._pending["key"]) + len(self._new)

    def grow(self, rows: int) -> None:
        """Make room for so many rows."""
        if rows <= self._rows:
            return
        more = rows - self._rows
        width = len(self.names)
        self._value = np.concatenate([self._value, np.full((more, width), np.nan)])
        self._period = np.concatenate([self._period, np.full((more, width), NO_PERIOD, np.int64)])
        self._rows = rows

    def add(self, row: int, facts: Sequence[PublishedFact]) -> int:
        """Take facts of a row, known or not yet published; returns how many bear a name of this book."""
        taken = 0
        for fact in facts:
            place = self._place.get(fact.name)
            if place is None:
                continue
            source = self._sources.setdefault(fact.source, len(self._sources))
            key = self._key(row, place) + period_day(fact)
            self._new.append((key, fact.version, fact.published_at, fact.value, source))
            taken += 1
        return taken

    @property
    def next_publication(self) -> int | None:
        """When the next fact becomes known, None where none waits."""
        self._settle()
        waiting = self._pending["published"]
        return int(waiting[0]) if len(waiting) else None

    def advance(self, clocks: Ints) -> Ints:
        """Let each row's clock stand at `clocks[row]`, ns; returns the rows that have new facts.

        A clock that goes back changes nothing. A row has its own clock so that what it knows does not depend
        on which other rows are kept beside it.
        """
        self._settle()
        waiting = self._pending
        count = int(np.searchsorted(waiting["published"], clocks.max(), side="right")) if len(clocks) else 0
        if not count:
            return np.empty(0, np.int64)
        due = np.zeros(len(waiting["key"]), np.bool_)
        due[:count] = waiting["published"][:count] <= clocks[waiting["key"][:count] >> (_PERIOD_BITS + _NAME_BITS)]
        if not due.any():
            return np.empty(0, np.int64)
        fresh = {name: column[due] for name, column in waiting.items()}
        self._pending = {name: column[~due] for name, column in waiting.items()}
        self._newest = max(self._newest, int(fresh["published"].max()))
        self._timelines.clear()
        self._merge(fresh)
        groups = np.unique(fresh["key"] >> _PERIOD_BITS)
        self._show(groups)
        rows: Ints = np.unique(groups >> _NAME_BITS)
        return rows

    # --- reading -------------------------------------------------------------------------------

    def values(self, name: str, rows: Ints | None = None, quarters: int = 0) -> Floats:
        """The visible value of each row, or the one `quarters` before it. NaN is unknown."""
        place = self._place[name]
        at = np.arange(self._rows) if rows is None else rows
        if not quarters:
            visible: Floats = self._value[at, place]
            return visible
        index = self._offset(at, place, self._period[at, place], quarters, None)
        return self._of(index)

    def periods(self, name: str, rows: Ints | None = None) -> Ints:
        """The visible fact's period as days since 1970, NO_PERIOD where none is known."""
        period = self._period[:, self._place[name]]
        return period.copy() if rows is None else period[rows]

    def values_at(self, name: str, rows: Ints, times: Ints, quarters: int = 0) -> Floats:
        """What `values` said for each (row, time) pair when the row's clock stood at that time (up to now)."""
        index = self._index_at(self._place[name], rows, times)
        if quarters:
            index = self._offset(rows, self._place[name], self._periods_of(index), quarters, times)
        return self._of(index)

    def periods_at(self, name: str, rows: Ints, times: Ints) -> Ints:
        """What `periods` said at each time."""
        return self._periods_of(self._index_at(self._place[name], rows, times))

    def is_settled(self, times: Ints) -> bool:
        """True where nothing became known after any of these times: what is visible now was visible then."""
        return not len(times) or self._newest <= int(times.min())

    def evidence(self, name: str, row: int, quarters: int = 0) -> Evidence | None:
        """Where the visible value of one row comes from; None where there is none."""
        place, at = self._place[name], np.array([row], np.int64)
        period = self._period[at, place]
        if quarters:
            index = int(self._offset(at, place, period, quarters, None)[0])
        elif period[0] == NO_PERIOD:
            index = _NONE
        else:
            index = int(np.searchsorted(self._known["key"], self._key(row, place) + period[0], side="right")) - 1
        if index < 0:
            return None
        known, names = self._known, list(self._sources)
        return Evidence(
            float(known["value"][index]),
            day_text(int(self._period_of(np.array([index]))[0])),
            int(known["published"][index]),
            int(known["version"][index]),
            names[int(known["source"][index])],
        )

    # --- checkpoints ---------------------------------------------------------------------------

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything that is kept; the sources stand in order of their names.

        The arrays are the book's own: they are never written to, a change makes new ones.
        """
        self._settle()
        names = list(self._sources)
        counts = sum(np.bincount(part["source"], minlength=len(names)) for part in (self._known, self._pending))
        used = np.flatnonzero(counts).tolist()
        kept = sorted(names[code] for code in used)
        found: dict[str, NDArray[Any]] = {}
        for part, columns in (("known", self._known), ("pending", self._pending)):
            found |= {f"{part}.{name}": column for name, column in columns.items()}
            if kept != names:
                codes = np.zeros(len(names), np.int64)
                codes[used] = [kept.index(names[code]) for code in used]
                found[f"{part}.source"] = codes[columns["source"]]
        found["sources"] = np.frombuffer(json.dumps(kept).encode(), np.uint8).copy()
        found["names"] = np.frombuffer(json.dumps(self.names).encode(), np.uint8).copy()
        found["rows"] = np.array([self._rows], np.int64)
        return found

    @classmethod
    def from_arrays(cls, names: Sequence[str], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The inverse of `arrays`. CheckpointError where they are of another list of names."""
        book = cls(names)
        try:
            if tuple(json.loads(np.asarray(arrays["names"], np.uint8).tobytes())) != book.names:
                raise CheckpointError("the checkpoint's published facts bear other names than this program's")
            for part, into in (("known", book._known), ("pending", book._pending)):
                for name, dtype in _COLUMNS:
                    into[name] = np.array(arrays[f"{part}.{name}"], dtype)
            sources = json.loads(np.asarray(arrays["sources"], np.uint8).tobytes())
            rows = int(arrays["rows"][0])
        except (KeyError, ValueError) as error:
            raise CheckpointError(f"the checkpoint has no published facts ({error})") from error
        book._sources = {str(name): at for at, name in enumerate(sources)}
        book.grow(rows)
        if len(book._known["key"]):
            book._newest = int(book._known["published"].max())
            book._show(np.unique(book._known["key"] >> _PERIOD_BITS))
        return book

    @property
    def rows(self) -> int:
        """Rows that there is room for."""
        return self._rows

    def select(self, rows: Ints) -> Self:
        """A book of these rows alone, renumbered 0, 1, 2 …."""
        new = np.full(self._rows, _NONE, np.int64)
        new[rows] = np.arange(len(rows))
        part = type(self)(self.names)
        part.take(self, new, len(rows))
        return part

    @classmethod
    def joined(cls, parts: Sequence[Self], order: Ints) -> Self:
        """All parts in one: row r is row `order[r]` of their rows counted one part after the other."""
        whole = cls(parts[0].names)
        new = np.empty(len(order), np.int64)
        new[order] = np.arange(len(order))
        first = 0
        for part in parts:
            whole.take(part, new[first : first + part.rows], len(order))
            first += part.rows
        return whole

    def take(self, other: Self, new: Ints, rows: int) -> None:
        """Add another book's facts; `new[row]` is the row's number among the `rows` here, -1 leaves it out."""
        other._settle()
        codes = np.array([self._sources.setdefault(name, len(self._sources)) for name in other._sources], np.int64)
        shift = _PERIOD_BITS + _NAME_BITS
        for part, into in ((other._known, self._known), (other._pending, self._pending)):
            homes = new[part["key"] >> shift] if len(part["key"]) else np.empty(0, np.int64)
            mine = homes >= 0
            moved = {name: column[mine] for name, column in part.items()}
            moved["key"] = (homes[mine] << shift) | (moved["key"] & ((1 << shift) - 1))
            moved["source"] = codes[moved["source"]]
            for name, _ in _COLUMNS:
                into[name] = np.concatenate([into[name], moved[name]])
        by_key = np.argsort(self._known["key"], kind="stable")
        self._known = {name: column[by_key] for name, column in self._known.items()}
        # Facts that wait for the same moment may stand in the order of their rows: ties are within a row.
        by_time = np.lexsort((self._pending["key"] >> shift, self._pending["published"]))
        self._pending = {name: column[by_time] for name, column in self._pending.items()}
        self._timelines.clear()
        self.grow(rows)
        if len(self._known["key"]):
            self._newest = int(self._known["published"].max())
            self._show(np.unique(self._known["key"] >> _PERIOD_BITS))

    # --- inside --------------------------------------------------------------------------------

    @staticmethod
    def _key(row: int, place: int) -> int:
        """The key of a row's name on 1970-01-01; a period is added as days."""
        return (((int(row) << _NAME_BITS) | place) << _PERIOD_BITS) + _ZERO

    @staticmethod
    def _keys(rows: Ints, place: int) -> Ints:
        found: Ints = (((rows.astype(np.int64) << _NAME_BITS) | place) << _PERIOD_BITS) + _ZERO
        return found

    def _period_of(self, index: Ints) -> Ints:
        found: Ints = (self._known["key"][index] & ((1 << _PERIOD_BITS) - 1)) - _ZERO
        return found

    def _periods_of(self, index: Ints) -> Ints:
        """The periods of facts, NO_PERIOD for none."""
        if not len(self._known["key"]):
            return np.full(len(index), NO_PERIOD, np.int64)
        found: Ints = np.where(index >= 0, self._period_of(np.maximum(index, 0)), NO_PERIOD)
        return found

    def _of(self, index: Ints) -> Floats:
        if not len(self._known["value"]):
            return np.full(len(index), np.nan)
        found: Floats = np.where(index >= 0, self._known["value"][np.maximum(index, 0)], np.nan)
        return found

    def _settle(self) -> None:
        """Put new facts among those that wait, by publication, then row; a row's equals stay in log order."""
        if not self._new:
            return
        columns = list(zip(*self._new, strict=True))
        self._new = []
        more = {name: np.array(columns[at], dtype) for at, (name, dtype) in enumerate(_COLUMNS)}
        joined = {name: np.concatenate([self._pending[name], more[name]]) for name, _ in _COLUMNS}
        order = np.lexsort((joined["key"] >> (_PERIOD_BITS + _NAME_BITS), joined["published"]))
        self._pending = {name: column[order] for name, column in joined.items()}

    def _merge(self, fresh: _Columns) -> None:
        """Add facts to the known ones and forget what is too old. Only the groups that they touch are sorted."""
        known = self._known
        groups = np.unique(fresh["key"] >> _PERIOD_BITS)
        low = np.searchsorted(known["key"], groups << _PERIOD_BITS)
        high = np.searchsorted(known["key"], (groups + 1) << _PERIOD_BITS)
        counts = high - low
        old = np.repeat(low - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts) + np.arange(int(counts.sum()))
        mixed = {name: np.concatenate([known[name][old], fresh[name]]) for name, _ in _COLUMNS}
        order = np.lexsort((mixed["published"], mixed["version"], mixed["key"]))
        order = order[_kept(mixed["key"][order])]
        mixed = {name: column[order] for name, column in mixed.items()}
        # Whole slices are copied: one new fact among half a million costs the copying and nothing else.
        first = np.searchsorted(mixed["key"], groups << _PERIOD_BITS).tolist()
        last = np.searchsorted(mixed["key"], (groups + 1) << _PERIOD_BITS).tolist()
        begins, ends = [0, *high.tolist()], [*low.tolist(), len(known["key"])]
        self._known = {
            name: np.concatenate(
                [
                    *(
                        piece
                        for begin, end, f, t in zip(begins, ends, first, last, strict=False)
                        for piece in (known[name][begin:end], mixed[name][f:t])
                    ),
                    known[name][begins[-1] :],
                ]
            )
            for name, _ in _COLUMNS
        }

    def _show(self, groups: Ints) -> None:
        """Renew what is visible of these (row, name) groups."""
        if not len(groups):
            return
        index = np.searchsorted(self._known["key"], (groups + 1) << _PERIOD_BITS) - 1
        rows, places = groups >> _NAME_BITS, groups & ((1 << _NAME_BITS) - 1)
        self._value[rows, places] = self._known["value"][index]
        self._period[rows, places] = self._period_of(index)

    def _timeline(self, place: int) -> tuple[Ints, Ints, Ints]:
        """Of one name: the moments of publication, sorted (row, moment) codes, and what was visible from each on."""
        if place not in self._timelines:
            known = self._known
            mine = np.flatnonzero(((known["key"] >> _PERIOD_BITS) & ((1 << _NAME_BITS) - 1)) == place)
            owner = known["key"][mine] >> (_PERIOD_BITS + _NAME_BITS)
            order = np.lexsort((mine, known["published"][mine], owner))
            # Facts lie by row, period and version: the newest known one has the largest index published so
            # far, and as rows ascend, one running maximum serves all of them.
            newest = np.maximum.accumulate(mine[order])
            moments, code = np.unique(known["published"][mine][order], return_inverse=True)
            self._timelines[place] = (moments, owner[order] * (len(moments) + 1) + code + 1, newest)
        return self._timelines[place]

    def _index_at(self, place: int, rows: Ints, times: Ints) -> Ints:
        """Index of the fact that was visible at each time, -1 where none was."""
        moments, codes, newest = self._timeline(place)
        if not len(codes):
            return np.full(len(rows), _NONE, np.int64)
        width = len(moments) + 1
        asked = rows.astype(np.int64) * width + np.searchsorted(moments, times, side="right")
        at = np.searchsorted(codes, asked, side="right") - 1
        held = np.maximum(at, 0)
        found: Ints = np.where((at >= 0) & (codes[held] // width == rows), newest[held], _NONE)
        return found

    def _offset(self, rows: Ints, place: int, periods: Ints, quarters: int, times: Ints | None) -> Ints:
        """Index of the fact whose period ends nearest to `quarters` before each period, -1 where there is none."""
        known = self._known
        best = np.full(len(rows), _NONE, np.int64)
        usable = np.flatnonzero(periods != NO_PERIOD)
        if not len(usable) or not len(known["key"]):
            return best
        base = self._keys(rows[usable], place)
        target = months_before(periods[usable], 3 * quarters)
        low = np.searchsorted(known["key"], base + target - NEAREST_DAYS)
        high = np.searchsorted(known["key"], base + target + NEAREST_DAYS, side="right")
        chosen = np.full(len(usable), _NONE, np.int64)
        distance = np.full(len(usable), NEAREST_DAYS + 1, np.int64)
        for step in range(int((high - low).max())):
            at = np.minimum(low + step, len(known["key"]) - 1)
            off = np.abs(known["key"][at] - base - target)
            # The same period again is a newer version; an equally near later period does not win.
            again = (chosen >= 0) & (known["key"][at] == known["key"][np.maximum(chosen, 0)])
            better = (low + step < high) & ((off < distance) | again)
            if times is not None:
                better &= known["published"][at] <= times[usable]
            chosen, distance = np.where(better, at, chosen), np.where(better, off, distance)
        best[usable] = chosen
        return best


def _kept(keys: Ints) -> NDArray[np.bool_]:
    """Of sorted keys: the newest PERIODS periods of each group and the last VERSIONS entries of each period.

    Both drop only what lies below enough others for ever, so it does not matter how often this is done.
    """
    count = len(keys)
    place = np.arange(count)
    last_of_key = np.searchsorted(keys, keys, side="right") - 1
    is_new = np.concatenate([[True], keys[1:] != keys[:-1]])
    number = np.cumsum(is_new)
    last_of_group = np.searchsorted(keys, ((keys >> _PERIOD_BITS) + 1) << _PERIOD_BITS) - 1
    kept: NDArray[np.bool_] = (last_of_key - place < VERSIONS) & (number[last_of_group] - number < PERIODS)
    return kept
