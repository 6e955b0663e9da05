"""Members of many screens over one table of values: what changes is told, and costs what can have changed.

A changed value is looked up among the levels of its column: only screens whose level lies between old and new, or that
rest on more than comparisons with numbers, are evaluated for that row (conditions.py, member_kernel.py).
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketbell.core.engine import predicate_kernel as pk
from marketbell.core.engine.predicates import Batch, PredicateTable
from marketbell.core.language.plan import Input
from marketbell.core.screening import member_kernel as k
from marketbell.core.screening.compiled import Compiled
from marketbell.core.screening.conditions import Comparison, Operations, Other, packed

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
Words = NDArray[np.uint64]

FRESH = "fresh"
"""A column beside those of plans: 1 where a row's prices are of the newest session."""
_ADVANCE: Callable[..., tuple[int, int]] = k.advance
_DIFFERS: Callable[[Floats, Ints, Floats, Mask], None] = k.differs
_BY_SCREEN: Callable[[Ints, Ints, Ints], None] = k.by_screen
_PAIRS: Callable[..., int] = k.pairs
_BIT: Callable[[Words, int, int], Mask] = k.bit
_PLACE = (1 << (k.SCREEN_BITS - k.WHAT_BITS)) - 1
_WHAT = (1 << k.WHAT_BITS) - 1
_WORD = 64
_CROWDED = 64
_MANY = 64
_NOBODY: Ints = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Standing:
    """A screen in the table. `truth` and `leave_slot` (-1: none) are slots, `columns` what it shows or rests on.

    `plain` and `others` are what its truth needs; `levels` and `always` when that, or when its members leave, can
    change; `reads` the columns below both (see conditions.py).
    """

    screen_id: str
    compiled: Compiled
    leave: Compiled | None
    truth: int
    leave_slot: int
    order: int
    columns: tuple[int, ...]
    plain: tuple[Comparison, ...]
    others: tuple[Other, ...]
    levels: tuple[tuple[int, float], ...]
    always: tuple[int, ...]
    reads: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Updates:
    """Members that stay, and of which a value changed that their screen shows or rests on; looked up when asked for.

    `told` are bits [rows, words] of the rows that were given, `together` those of all of them.
    """

    rows: Ints
    told: Words
    together: Words

    @property
    def screens(self) -> Ints:
        """Numbers of the screens that have any."""
        return np.flatnonzero(np.unpackbits(self.together.view(np.uint8), bitorder="little"))

    def of(self, number: int) -> Ints:
        """Rows of a screen's, ascending."""
        return np.sort(self.rows[_BIT(self.told, number, len(self.rows))])


@dataclass(frozen=True, slots=True)
class Changes:
    """Who entered and who left, by screen, then by row: screen numbers, rows, and what (member_kernel.ENTER, LEAVE)."""

    screens: Ints
    rows: Ints
    what: Ints
    updates: Updates

    def __len__(self) -> int:
        return len(self.screens)

    def by_screen(self) -> Iterator[tuple[int, Ints, Ints]]:
        """Each screen's number, rows and what happened to them."""
        if not len(self.screens):
            return
        edges = [0, *(np.flatnonzero(np.diff(self.screens)) + 1).tolist(), len(self.screens)]
        for begin, end in itertools.pairwise(edges):
            yield int(self.screens[begin]), self.rows[begin:end], self.what[begin:end]


class Members:
    """See the module. `x` holds the newest values [columns, rows], in the order of `names`; NaN is unknown."""

    def __init__(self, rows: int = 0) -> None:
        self.table = PredicateTable()
        self.rows = rows
        self.x: Floats = np.full((0, rows), np.nan)
        self._screens: list[Standing | None] = []
        self._numbers: dict[str, int] = {}
        self._free: list[int] = []
        self._new: set[int] = set()
        """Screens that no row has been evaluated for."""
        self._removed = 0
        self._members: Words = np.zeros((rows, 1), np.uint64)
        self._scope: Words = np.zeros((rows, 1), np.uint64)
        self._counts: Ints = np.zeros(0, np.int64)
        self._sources: dict[str, dict[int, tuple[Compiled, Input]]] = {}
        self._cones: dict[int, Ints] = {}
        self._orders: dict[int, Batch] = {}
        self._lists: tuple[NDArray[Any], ...] = ()
        self._stamp = np.zeros(1, np.int64)
        self._out = np.empty(1_024, np.int64)
        self._is_laid_out = False

    # --- screens -----------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def screens(self) -> Iterator[tuple[int, Standing]]:
        """Number and screen of all that stand."""
        return ((at, one) for at, one in enumerate(self._screens) if one is not None)

    def screen(self, number: int) -> Standing:
        """The screen of a number that stands."""
        found = self._screens[number]
        if found is None:
            raise KeyError(number)
        return found

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in the order of `x`."""
        return tuple(str(one) for one in self.table.columns)

    def source(self, name: str) -> tuple[Compiled, Input] | None:
        """A standing screen's plan that has this column; None for FRESH, and for what nobody reads any more."""
        return next(iter(self._sources.get(name, {}).values()), None)

    def add(self, screen_id: str, compiled: Compiled, scope: Mask, leave: Compiled | None = None) -> None:
        """Let a screen stand, without members. `scope`: the rows among which it looks. The id must be new."""
        number = self._free.pop() if self._free else len(self._screens)
        truth = self._truth(number, compiled)
        leave_slot = -1 if leave is None else self._truth(number, leave)
        order = self._slot(number, compiled, compiled.order) if compiled.order else -1
        shown = [self._slot(number, compiled, one.place) for one in compiled.columns if one.place]
        rests = [slot for slot in (truth, leave_slot) if slot >= 0]
        columns = self.table.columns_of(*rests, *(slot for slot in (order, *shown) if slot >= 0))
        operations = Operations(self.table)
        plain, others = operations.needs(truth, is_member=True)
        levels, always = operations.turns(rests)
        one = Standing(
            screen_id, compiled, leave, truth, leave_slot, order, tuple(columns), tuple(plain), tuple(others),
            tuple(levels), tuple(always), tuple(self.table.columns_of(*rests)),
        )  # fmt: skip
        if number == len(self._screens):
            self._screens.append(one)
            self._counts = np.append(self._counts, 0)
        else:
            self._screens[number] = one
        self._numbers[screen_id] = number
        self._new.add(number)
        if number // _WORD >= self._members.shape[1]:
            self._members = np.concatenate([self._members, np.zeros_like(self._members)], axis=1)
            self._scope = np.concatenate([self._scope, np.zeros_like(self._scope)], axis=1)
        self._scope[:, number // _WORD] |= scope.astype(np.uint64) << np.uint64(number % _WORD)
        self._is_laid_out = False

    def _slot(self, number: int, screen: Compiled, place: str) -> int:
        def column(item: Input) -> str:
            name = screen.name(item)
            self._sources.setdefault(name, {}).setdefault(number, (screen, item))
            return name

        return self.table.add(screen.whole, screen.places[place], column)

    def _truth(self, number: int, screen: Compiled) -> int:
        slot = self.table.operation("and", [self._slot(number, screen, place) for place in screen.truths])
        if not screen.reads_prices:
            return slot
        return self.table.operation("if", [self.table.column(FRESH), slot, self.table.constant(np.nan)])

    def number(self, screen_id: str) -> int:
        """Place of a screen; -1 where it does not stand."""
        return self._numbers.get(screen_id, -1)

    def remove(self, screen_id: str) -> None:
        """Let a screen go, and its members with it. KeyError where it does not stand."""
        number = self._numbers.pop(screen_id)
        keep = ~(np.uint64(1) << np.uint64(number % _WORD))
        for words in (self._members, self._scope):
            words[:, number // _WORD] &= keep
        self._counts[number] = 0
        self._screens[number] = None
        self._free.append(number)
        self._new.discard(number)
        for readers in self._sources.values():
            readers.pop(number, None)
        self._removed += 1
        self._is_laid_out = False

    def tidied(self) -> "Members":
        """This table, or a new one without what only screens needed that are gone, where that is much."""
        if self._removed < _CROWDED or self._removed < len(self):
            return self
        found = Members(self.rows)
        for screen_id, number in self._numbers.items():
            one = self.screen(number)
            found.add(screen_id, one.compiled, self.scope_of(number), one.leave)
            found.let_in(np.full(self._counts[number], len(found) - 1), self.rows_in(number))
        found.lay_out()
        found._new = {found.number(self.screen(number).screen_id) for number in self._new}
        mine = {name: at for at, name in enumerate(self.names)}
        for at, name in enumerate(found.names):
            if mine.get(name, len(self.x)) < len(self.x):
                found.x[at] = self.x[mine[name]]
        return found

    # --- members -----------------------------------------------------------------------------------

    @property
    def counts(self) -> Ints:
        """How many members each screen has, by number."""
        return self._counts

    def rows_in(self, number: int) -> Ints:
        """Rows of a screen's members, ascending."""
        return np.flatnonzero(_BIT(self._members, number, self.rows))

    def scope_of(self, number: int) -> Mask:
        """The rows among which a screen looks."""
        return _BIT(self._scope, number, self.rows)

    def let_in(self, numbers: Ints, rows: Ints) -> None:
        """Make members of pairs of screen and row that are none. IndexError for a row that does not exist."""
        np.bitwise_or.at(self._members, (rows, numbers // _WORD), np.uint64(1) << (numbers % _WORD).astype(np.uint64))
        self._counts += np.bincount(numbers, minlength=len(self._counts))

    def pairs(self, count: int) -> tuple[Ints, Ints]:
        """Screen numbers and rows of all memberships among the first `count` rows."""
        found = np.empty((int(self._counts.sum()), 2), np.int64)
        used = _PAIRS(self._members, count, len(self._screens), found)
        return found[:used, 0], found[:used, 1]

    # --- evaluation --------------------------------------------------------------------------------

    def lay_out(self) -> None:
        """Get ready for the screens that there are."""
        if self._is_laid_out:
            return
        self._is_laid_out = True
        self._orders = {}
        count = len(self.table.columns)
        if count > len(self.x):
            self.x = np.concatenate([self.x, np.full((count - len(self.x), self.rows), np.nan)])
        screens = self._screens
        levels = np.array(
            [(c, level, s) for s, one in enumerate(screens) if one is not None for c, level in one.levels], np.float64
        ).reshape(-1, 3)
        levels = levels[np.lexsort((levels[:, 1], levels[:, 0]))]
        always: list[list[int]] = [[] for _ in range(count)]
        readers: list[list[int]] = [[] for _ in range(count)]
        shows = np.zeros((count, self._members.shape[1]), np.uint64)
        roots: dict[int, int] = {}
        leave_of = np.full(len(screens), -1, np.int64)
        for s, one in self.screens:
            for c in one.always:
                always[c].append(s)
            for c in one.reads:
                readers[c].append(s)
            shows[list(one.columns), s // _WORD] |= np.uint64(1) << np.uint64(s % _WORD)
            for other in one.others:
                roots.setdefault(other.slot, len(roots))
            if one.leave_slot >= 0:
                leave_of[s] = roots.setdefault(one.leave_slot, len(roots))
        plain = [() if one is None else one.plain for one in screens]
        tests = [test for some in plain for test in some]
        others = [() if one is None else one.others for one in screens]
        begins, numbers = packed([roots[one.slot] for one in some] for some in others)
        for slot in roots.keys() - self._cones.keys():
            self._cones[slot] = self.table.cone(slot)
        cone_begins, cones = packed(self._cones[slot].tolist() for slot in roots)
        code, constants = self.table.arrays
        self._lists = (
            np.searchsorted(levels[:, 0], np.arange(count + 1)).astype(np.int64),
            np.ascontiguousarray(levels[:, 1]), levels[:, 2].astype(np.int64),
            *packed(always), *packed(readers), shows,
            packed([0] * len(some) for some in plain)[0],
            np.array([test.column for test in tests], np.int64), np.array([test.operator for test in tests], np.int64),
            np.array([test.level for test in tests], np.float64),
            begins, numbers, np.array([one.is_denied for some in others for one in some], np.bool_), leave_of,
            np.array(list(roots), np.int64), cone_begins, cones, code, constants, pk.TENS, self._scope, self._members,
            self._counts, np.empty((count, 1)), np.empty(len(code)), np.empty(0), np.empty(len(roots)),
            np.zeros(len(roots), np.int64), np.zeros(len(screens), np.int64), np.empty(len(screens), np.int64),
            np.empty(count, np.int64), self._stamp,
        )  # fmt: skip

    def take(self, rows: Ints, values: Floats, *, is_all: bool = False) -> Changes:
        """New values [columns, rows given] of these rows, each given once: who enters, leaves and is told anew.

        Rows whose values are the same are not evaluated again, but for screens that are new, and with `is_all`: then
        nothing counts as an update, as what stood before is not known.
        """
        self.lay_out()
        rows, values = np.ascontiguousarray(rows, np.int64), np.ascontiguousarray(values)
        if not self._numbers:
            self.x[:, rows] = values
            return Changes(_NOBODY, _NOBODY, _NOBODY, Updates(_NOBODY, self._members[:0], np.zeros(1, np.uint64)))
        is_everybody = len(rows) == self.rows
        if len(rows) > _MANY and not is_all and not self._new:
            changed = np.empty(len(rows), np.bool_)
            _DIFFERS(self.x, rows, values, changed)
            rows, values = rows[changed], np.ascontiguousarray(values[:, changed])
        new = np.array(sorted(self._new), np.int64) if self._new else _NOBODY
        words = self._members.shape[1]
        told, together = np.empty((len(rows), words), np.uint64), np.zeros(words, np.uint64)
        done = count = 0
        while True:
            done, count = _ADVANCE(
                self.x, rows, values, is_all, done, count, new, *self._lists, self._out, told, together
            )
            if done == len(rows):
                break
            self._out = np.concatenate([self._out, np.empty(len(self._out) + len(self._screens), np.int64)])
        if is_everybody:
            self._new.clear()
        lines = self._out[:count].copy()
        if count > len(self._screens):
            _BY_SCREEN(self._out[:count], np.empty(len(self._screens) + 1, np.int64), lines)
        else:
            lines.sort()
        places = (lines >> k.WHAT_BITS) & _PLACE
        return Changes(lines >> k.SCREEN_BITS, rows[places], lines & _WHAT, Updates(rows, told, together))

    def ordered(self, number: int, key_places: Ints) -> Ints:
        """Rows of a screen's members in its order, ties by key, unknown ones last."""
        return self.ordered_by(number, key_places)[0]

    def ordered_by(self, number: int, key_places: Ints) -> tuple[Ints, Floats]:
        """The same, and the values that the order follows from: ascending, infinite where unknown."""
        self.lay_out()
        one = self.screen(number)
        rows = self.rows_in(number)
        if one.order < 0:
            return rows[np.argsort(key_places[rows], kind="stable")], np.zeros(len(rows))
        batch = self._orders.get(number)
        if batch is None:
            batch = self._orders[number] = self.table.batch([one.order])
        found = batch.run(self.x, rows)[0]
        down = one.compiled.screen.is_descending
        found = np.where(np.isfinite(found), -found if down else found, np.inf)
        at = np.lexsort((key_places[rows], found))
        return rows[at], found[at]
