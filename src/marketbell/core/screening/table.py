"""A screen on demand: who meets it now, in its order, with its columns, and what could not be said.

Conditions are three-valued: a row meets a screen where it is true, and is counted as unknown where it cannot be said.
A row whose newest session is not the market's newest one is unknown to a screen that reads prices.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketbell.core.engine import predicate_kernel as pk
from marketbell.core.engine.engine import Engine
from marketbell.core.engine.predicates import Batch, PredicateTable
from marketbell.core.language.plan import Input, Op
from marketbell.core.language.tree import Screen, Symbol
from marketbell.core.market.instrument import Instrument
from marketbell.core.primitives.errors import InvalidRuleError
from marketbell.core.screening import table_kernel as k
from marketbell.core.screening.compiled import Column, Compiled, compiled
from marketbell.core.screening.conditions import Comparison, Operations
from marketbell.core.screening.fields import EngineFields
from marketbell.core.screening.newest import ClosedSeries, Newest, Who, word
from marketbell.core.screening.past import Past
from marketbell.core.screening.scope import key_in, rows_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

OLD = "event_time"
"""What an old row lacks: a newer time."""
_KEPT = 256
_LAST_ROOT = -2
_TRUE = pk.UNEQUAL
"""A truth holds where it is not 0."""
_NARROW: Callable[..., int] = k.narrow
_FIRST: Callable[..., tuple[int, int, int]] = k.first
_LACKS: Callable[[Floats, Ints], int] = k.lacks
_NO_ROOTS: Floats = np.empty((0, 0))
_NO_ORDER: Floats = np.empty(0)
_NOBODY: Mapping[str, Sequence[str]] = {}


@dataclass(frozen=True, slots=True)
class Found:
    """What a screen says.

    `rows` are a page of those that meet it; `values` one for each column (None unknown). `count`: how many meet it,
    whatever its limit is. `chips`: the conditions that must all hold, with how many meet each. `unknown`: for how many
    it cannot be said; `unknown_fields`: how many of these lack each value. `as_of` ns UTC.
    """

    rows: Ints
    keys: tuple[str, ...]
    values: tuple[tuple[float | str | None, ...], ...]
    columns: tuple[Column, ...]
    count: int
    chips: tuple[tuple[str, int], ...]
    unknown: int
    unknown_fields: Mapping[str, int]
    as_of: int


@dataclass(frozen=True, slots=True)
class Chip:
    """A condition that must hold: a comparison of a column, or (`comparison` None) the root of that number."""

    text: str
    comparison: Comparison | None
    root: int = -1


@dataclass(frozen=True, slots=True)
class Ready:
    """A compiled screen with its operations laid out.

    `items` are the columns that it reads, in the order in which `read` takes their values. `roots` are evaluated for
    every row: chips that are more than a comparison, and the order. `shown` are the columns' values, evaluated for the
    rows of a page; `shown_items` are those that they need. `decisive`: items that the truth rests on.
    """

    compiled: Compiled
    items: tuple[Input, ...]
    chips: tuple[Chip, ...]
    roots: Batch | None
    order: int
    """Item of the order; -1 where there is none, -2 where it is the last root."""
    shown: Batch | None
    shown_items: tuple[int, ...]
    decisive: tuple[int, ...]
    labels: tuple[str | None, ...]
    """What a person calls each item."""
    fields: tuple[str, ...]
    """Registry fields that the plan reads."""


def ready(screen: Compiled) -> Ready:
    """Lay a screen's operations out."""
    table = PredicateTable()
    slots = {place: table.add(screen.whole, item, lambda one: one) for place, item in screen.places.items()}
    truth = table.operation("and", [slots[place] for place in screen.truths])
    operations = Operations(table)
    chips: list[Chip] = []
    roots: list[int] = []
    for text, place in screen.chips:
        plain, others = operations.needs(slots[place])
        if len(plain) == 1 and not others:
            chips.append(Chip(text, plain[0]))
        else:
            chips.append(Chip(text, None, len(roots)))
            roots.append(slots[place])
    order = -1
    if screen.order:
        order = operations.column(slots[screen.order])
        if order < 0:
            order = _LAST_ROOT
            roots.append(slots[screen.order])
    shown = [slots[one.place] for one in screen.columns if one.place]
    items = tuple(one for one in table.columns if isinstance(one, Input))
    return Ready(
        screen,
        items,
        tuple(chips),
        table.batch(roots) if roots else None,
        order,
        table.batch(shown) if shown else None,
        tuple(table.columns_of(*shown)),
        tuple(table.columns_of(truth)),
        tuple(screen.labels.get(item) for item in items),
        tuple(dict.fromkeys(node.name for node in screen.whole.nodes if node.op in {Op.FIELD, Op.BAR})),
    )


class Screener:
    """Answers screens from an engine as it stands."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._closed = ClosedSeries(engine)
        self._who = Who(engine.instruments)
        self._ready: dict[Screen, Ready] = {}

    def find(
        self,
        screen: Screen,
        *,
        limit: int = 100,
        offset: int = 0,
        members: Mapping[str, Sequence[str]] = _NOBODY,
        kinds: Collection[str] = (),
        is_every_screen_aged: bool = False,
        as_of: int | None = None,
    ) -> Found:
        """Who meets a judged screen now, or at the close of the last session before `as_of` (ns UTC).

        See rows_of for `members` and `kinds`. Of the past the days that the engine keeps are known, and what was
        published by then.

        `is_every_screen_aged`: old rows are unknown to every screen, also to one that reads no prices. UserError where
        the screen cannot be evaluated here: a name that nobody knows, a function that does not exist.
        """
        if not self._who.is_of(self.engine):
            self._who = Who(self.engine.instruments)
        prepared = self.prepared(screen)
        now = self.engine.now()
        newest = self._now(prepared, now) if as_of is None or as_of >= now else Past(self.engine, self._who, as_of)
        scope = rows_of(screen, self._who, newest.now, members=members, kinds=kinds)
        old = newest.stale if is_every_screen_aged or prepared.compiled.reads_prices else None
        values = [newest.value(prepared.compiled, item) for item in prepared.items]
        return read(prepared, values, scope, self._who, old, limit=limit, offset=offset, as_of=newest.now)

    def _now(self, prepared: Ready, now: int) -> Newest:
        """The engine as it stands; only the fields that the screen reads are made."""
        engine, state = self.engine, self.engine.tick_state()
        fields = EngineFields(state, engine.operators, now, engine.columns)
        fields.take(prepared.fields)
        return Newest(self._who, state, now, fields.get, self._closed, words=fields.words)

    def prepared(self, screen: Screen) -> Ready:
        """A screen compiled for the instruments that there are. InvalidRuleError where it cannot be."""
        found = self._ready.get(screen)
        if found is None:
            if len(self._ready) >= _KEPT:
                self._ready.clear()
            found = self._ready[screen] = ready(compiled(screen, self._key))
        return found

    def _key(self, symbol: Symbol) -> str:
        found = key_in(symbol, self._who.row_of)
        if found is None:
            message = f"there is no instrument `{symbol.key}` in this data"
            raise InvalidRuleError(message, symbol.position.line, symbol.position.column)
        return found


def read(
    prepared: Ready,
    values: Sequence[Floats],
    scope: Mask,
    who: Who,
    old: Mask | None,
    *,
    limit: int,
    offset: int,
    as_of: int,
) -> Found:
    """A page of the rows of `scope` that meet the screen; `old` rows are unknown.

    `values` are those of `prepared.items` at every row.
    """
    screen = prepared.compiled
    may = scope if old is None else scope & ~old
    meets, denied = may.copy(), np.zeros(len(scope), np.bool_)
    roots = _NO_ROOTS if prepared.roots is None else prepared.roots.run(np.stack(values))
    chips = []
    for chip in prepared.chips:
        test = chip.comparison
        found = (
            _NARROW(_TRUE, roots[chip.root], 0.0, may, meets, denied)
            if test is None
            else _NARROW(test.operator, values[test.column], test.level, may, meets, denied)
        )
        chips.append((chip.text, found))
    most = screen.screen.limit
    last = offset + limit if most is None else min(offset + limit, most)
    order = _NO_ORDER
    if prepared.order != -1:
        order = roots[-1] if prepared.order == _LAST_ROOT else values[prepared.order]
    down = screen.screen.is_descending
    places = who.places(screen.order_word, is_descending=down) if screen.order_word else who.universe.key_places
    picked, unsaid = np.empty(len(scope) + 1, np.int64), np.empty(len(scope) + 1, np.int64)
    met, count, unknown = _FIRST(
        meets, denied, may, order, down, places, last, np.empty(min(last, len(scope))), picked, unsaid
    )
    rows = picked[offset:count]
    aged = 0 if old is None else int(np.count_nonzero(scope & old))
    return Found(
        rows,
        tuple(map(who.universe.keys.__getitem__, rows.tolist())),
        tuple(_values(prepared, values, rows, who.instruments)),
        screen.columns,
        met,
        tuple(chips),
        unknown + aged,
        _lacking(prepared, values, unsaid[:unknown], aged),
        as_of,
    )


def _lacking(prepared: Ready, values: Sequence[Floats], unsaid: Ints, aged: int) -> dict[str, int]:
    """How many of the rows that nothing can be said of lack each value, the most lacked one first."""
    found = {OLD: aged} if aged else {}
    for at in prepared.decisive if len(unsaid) else ():
        label, count = prepared.labels[at], _LACKS(values[at], unsaid)
        if count and label is not None:
            found[label] = max(count, found.get(label, 0))
    return dict(sorted(found.items(), key=lambda one: (-one[1], one[0])))


def _values(
    prepared: Ready, values: Sequence[Floats], rows: Ints, instruments: Sequence[Instrument]
) -> list[tuple[float | str | None, ...]]:
    """The columns of a page, row by row."""
    shown: Iterator[Floats] = iter(())
    if prepared.shown is not None:
        x = np.empty((len(values), len(rows)))
        for at in prepared.shown_items:
            x[at] = values[at][rows]
        shown = iter(prepared.shown.run(x))
    found: list[list[float | str | None]] = []
    for column in prepared.compiled.columns:
        if not column.place:
            found.append([word(instruments[row], column.expression) for row in rows.tolist()])
        else:
            found.append([value if value == value else None for value in next(shown).tolist()])  # noqa: PLR0124 — NaN
    return list(zip(*found, strict=True)) if found else [()] * len(rows)
