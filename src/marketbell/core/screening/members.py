"""Members of many screens over one table of values: only rows that changed are evaluated, equal parts once."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketbell.core.engine.predicates import Batch, PredicateTable
from marketbell.core.language.plan import Input
from marketbell.core.screening import member_kernel as k
from marketbell.core.screening.compiled import Compiled

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

FRESH = "fresh"
"""A column beside those of plans: 1 where a row's prices are of the newest session."""
_SETTLE: Callable[..., int] = k.settle
_KINDS = ("enter", "leave", "update")


@dataclass(frozen=True, slots=True)
class Standing:
    """A screen in the table. `truth` and `leave` (-1: none) are slots, `columns` what it shows or rests on."""

    screen_id: str
    compiled: Compiled
    leave: Compiled | None
    truth: int
    leave_slot: int
    order: int
    columns: tuple[int, ...]


class Members:
    """See the module. `x` holds the newest values [columns, rows], in the order of `names`; NaN is unknown."""

    def __init__(self, rows: int = 0) -> None:
        self.table = PredicateTable()
        self.rows = rows
        self.x = np.full((0, rows), np.nan)
        self.screens: list[Standing] = []
        self._store: Mask = np.zeros((2, 16, rows), np.bool_)
        """Members, and the rows among which a screen looks; with room for more screens."""
        self._numbers: dict[str, int] = {}
        self._items: dict[str, tuple[Compiled, Input] | None] = {}
        self._batch: Batch | None = None
        self._orders: dict[int, Batch] = {}
        self._shape: tuple[Ints, Ints, Ints] = (np.empty(0, np.int64),) * 3
        self._out = np.empty((1_024, 3), np.int64)
        self._is_laid_out = True

    # --- screens -----------------------------------------------------------------------------------

    @property
    def members(self) -> Mask:
        """Who is in which screen, [screens, rows]: may be written to."""
        return self._store[0, : len(self.screens)]

    @property
    def scope(self) -> Mask:
        """Among whom each screen looks, [screens, rows]."""
        return self._store[1, : len(self.screens)]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in the order of `x`."""
        return tuple(str(one) for one in self.table.columns)

    def source(self, name: str) -> tuple[Compiled, Input] | None:
        """A plan that has this column, None for FRESH."""
        return self._items[name]

    def add(self, screen_id: str, compiled: Compiled, scope: Mask, leave: Compiled | None = None) -> None:
        """Let a screen stand, without members. `scope`: the rows among which it looks. The id must be new."""
        truth = self._truth(compiled)
        leave_slot = -1 if leave is None else self._truth(leave)
        order = self._slot(compiled, compiled.order) if compiled.order else -1
        shown = [self._slot(compiled, one.place) for one in compiled.columns if one.place]
        reads = self.table.columns_of(*(slot for slot in (truth, leave_slot, order, *shown) if slot >= 0))
        self.screens.append(Standing(screen_id, compiled, leave, truth, leave_slot, order, tuple(reads)))
        at = self._numbers[screen_id] = len(self.screens) - 1
        if at == self._store.shape[1]:
            self._store = np.concatenate([self._store, np.zeros_like(self._store)], axis=1)
        self._store[1, at] = scope
        self._is_laid_out = False

    def _slot(self, screen: Compiled, place: str) -> int:
        def column(item: Input) -> str:
            name = screen.name(item)
            self._items.setdefault(name, (screen, item))
            return name

        return self.table.add(screen.whole, screen.places[place], column)

    def _truth(self, screen: Compiled) -> int:
        slot = self.table.operation("and", [self._slot(screen, place) for place in screen.truths])
        if not screen.reads_prices:
            return slot
        self._items.setdefault(FRESH, None)
        return self.table.operation("if", [self.table.column(FRESH), slot, self.table.constant(np.nan)])

    def number(self, screen_id: str) -> int:
        """Place of a screen; -1 where it does not stand."""
        return self._numbers.get(screen_id, -1)

    def without(self, screen_id: str) -> "Members":
        """A new table without a screen: what nobody else needs is gone. Values are those that are known."""
        found = Members(self.rows)
        for at, one in enumerate(self.screens):
            if one.screen_id != screen_id:
                found.add(one.screen_id, one.compiled, self.scope[at], one.leave)
                found.members[-1] = self.members[at]
        found.lay_out()
        mine = {name: at for at, name in enumerate(self.names)}
        for at, name in enumerate(found.names):
            if mine.get(name, len(self.x)) < len(self.x):
                found.x[at] = self.x[mine[name]]
        return found

    def lay_out(self) -> None:
        """Get ready for the screens that there are."""
        if self._is_laid_out:
            return
        self._is_laid_out = True
        self._orders = {}
        count = len(self.table.columns)
        if count > len(self.x):
            self.x = np.concatenate([self.x, np.full((count - len(self.x), self.rows), np.nan)])
        slots = [one.truth for one in self.screens]
        leave_of = np.full(len(slots), -1, np.int64)
        for at, one in enumerate(self.screens):
            if one.leave_slot >= 0:
                leave_of[at] = len(slots)
                slots.append(one.leave_slot)
        self._batch = self.table.batch(slots) if slots else None
        begins = np.cumsum([0, *(len(one.columns) for one in self.screens)])
        columns = np.array([at for one in self.screens for at in one.columns], np.int64)
        self._shape = leave_of, begins.astype(np.int64), columns

    # --- evaluation --------------------------------------------------------------------------------

    def take(self, rows: Ints, values: Floats, *, is_all: bool = False) -> Ints:
        """New values [columns, rows given] of these rows: lines of screen, row and what happened (see member_kernel).

        Rows whose values are the same are not evaluated again, but with `is_all`: then nothing counts as an update, as
        what stood before is not known. Lines are in the order of screens, then of `rows`.
        """
        self.lay_out()
        if self._batch is None:
            self.x[:, rows] = values
            return np.empty((0, 3), np.int64)
        old = self.x[:, rows]
        changed = (values != old) & ~(np.isnan(values) & np.isnan(old))
        at = np.arange(len(rows)) if is_all else np.flatnonzero(changed.any(axis=0))
        if not len(at):
            return np.empty((0, 3), np.int64)
        self.x[:, rows] = values
        truth = self._batch.run(values, at)
        leave_of, begins, columns = self._shape
        moved = np.zeros_like(changed) if is_all else np.ascontiguousarray(changed[:, at])
        while True:
            count = _SETTLE(truth, leave_of, rows[at], self.scope, self.members, moved, begins, columns, self._out)
            if count >= 0:
                return self._out[:count].copy()
            self._out = np.empty((4 * len(self._out), 3), np.int64)

    def ordered(self, number: int, key_places: Ints) -> Ints:
        """Rows of a screen's members in its order, ties by key, unknown ones last."""
        self.lay_out()
        one = self.screens[number]
        rows = np.flatnonzero(self.members[number])
        if one.order < 0:
            return rows[np.argsort(key_places[rows], kind="stable")]
        batch = self._orders.get(number)
        if batch is None:
            batch = self._orders[number] = self.table.batch([one.order])
        found = batch.run(self.x, rows)[0]
        down = one.compiled.screen.is_descending
        found = np.where(np.isfinite(found), -found if down else found, np.inf)
        return rows[np.lexsort((key_places[rows], found))]

    def said(self, lines: Ints) -> dict[str, list[tuple[str, int]]]:
        """What happened by screen: pairs of enter, leave or update and the row."""
        found: dict[str, list[tuple[str, int]]] = {}
        for screen, row, what in lines.tolist():
            found.setdefault(self.screens[screen].screen_id, []).append((_KINDS[what], row))
        return found


def pairs(members: Mask) -> tuple[Ints, Ints]:
    """Screen numbers and rows of all memberships, by screen, then by row."""
    screens, rows = np.nonzero(members)
    return screens.astype(np.int64), rows.astype(np.int64)
