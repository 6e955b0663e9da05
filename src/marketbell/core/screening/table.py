"""A screen on demand: who meets it now, in its order, with its columns, and what could not be said.

Conditions are three-valued: a row meets a screen where it is true, and is counted as unknown where it cannot be said.
A row whose newest session is not the market's newest one is unknown to a screen that reads prices.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketbell.core.engine.engine import Engine
from marketbell.core.engine.predicates import Batch, PredicateTable
from marketbell.core.language.plan import Input
from marketbell.core.language.tree import Screen, Symbol
from marketbell.core.market.instrument import Instrument
from marketbell.core.primitives.errors import InvalidRuleError
from marketbell.core.screening.compiled import Column, Compiled, compiled
from marketbell.core.screening.newest import ClosedSeries, Newest, Who, fields_of
from marketbell.core.screening.past import Past
from marketbell.core.screening.scope import key_in, rows_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

OLD = "event_time"
"""What an old row lacks: a newer time."""
_KEPT = 256
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
class Ready:
    """A compiled screen with its operations laid out: `columns` of the table are these outputs, in this order.

    Wanted slots of `batch`: the truth, each chip, the order (where there is one), each column.
    """

    compiled: Compiled
    items: tuple[Input, ...]
    batch: Batch
    decisive: tuple[int, ...]
    """Places of the columns that the truth rests on."""


def ready(screen: Compiled) -> Ready:
    """Lay a screen's operations out."""
    table = PredicateTable()
    slots = {place: table.add(screen.whole, item, lambda one: one) for place, item in screen.places.items()}
    truth = table.operation("and", [slots[place] for place in screen.truths])
    wanted = [truth, *(slots[place] for _, place in screen.chips)]
    if screen.order:
        wanted.append(slots[screen.order])
    wanted += [slots[one.place] for one in screen.columns if one.place]
    items = tuple(one for one in table.columns if isinstance(one, Input))
    return Ready(screen, items, table.batch(wanted), tuple(table.columns_of(truth)))


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
        newest: Newest = (
            Newest(self._who, self.engine.tick_state(), self.engine.now(), fields_of(self.engine), self._closed)
            if as_of is None or as_of >= self.engine.now()
            else Past(self.engine, self._who, as_of)
        )
        scope = rows_of(screen, self._who.instruments, self._who.universes, newest.now, members=members, kinds=kinds)
        old = newest.stale if is_every_screen_aged or prepared.compiled.reads_prices else None
        x = columns(prepared, newest)
        return read(prepared, x, np.flatnonzero(scope), self._who, old, limit=limit, offset=offset, as_of=newest.now)

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


def columns(prepared: Ready, newest: Newest) -> Floats:
    """The columns that a screen's operations read, [columns, rows]."""
    x = np.empty((len(prepared.items), newest.count))
    for at, item in enumerate(prepared.items):
        x[at] = newest.value(prepared.compiled, item)
    return x


def read(
    prepared: Ready, x: Floats, scope: Ints, who: Who, old: Mask | None, *, limit: int, offset: int, as_of: int
) -> Found:
    """A page of the rows of `scope` that meet the screen, over the columns `x`; `old` rows are unknown."""
    screen = prepared.compiled
    values = prepared.batch.run(x, scope)
    truth = values[0]
    aged = np.zeros(len(scope), np.bool_) if old is None else old[scope]
    truth[aged] = np.nan
    met = np.flatnonzero(truth == 1.0)
    chips = tuple(
        (text, int(np.count_nonzero((values[1 + at] == 1.0) & ~aged))) for at, (text, _) in enumerate(screen.chips)
    )
    behind = 1 + len(screen.chips)
    order = values[behind] if screen.order else None
    shown = values[behind + bool(screen.order) :]
    most = screen.screen.limit
    last = offset + limit if most is None else min(offset + limit, most)
    page = picked(screen, scope, met, order, who, last)[offset:]
    unknown = np.flatnonzero(np.isnan(truth))
    lacking: dict[str, int] = {}
    if len(unknown):
        if aged.any():
            lacking[OLD] = int(np.count_nonzero(aged))
        unsaid = scope[unknown[~aged[unknown]]]
        for at in prepared.decisive:
            label, count = screen.labels.get(prepared.items[at]), int(np.isnan(x[at, unsaid]).sum())
            if count and label is not None:
                lacking[label] = max(count, lacking.get(label, 0))
    rows = scope[page]
    return Found(
        rows,
        tuple(who.universe.keys[row] for row in rows.tolist()),
        tuple(_values(screen.columns, shown, page, rows, who.instruments)),
        screen.columns,
        len(met),
        chips,
        len(unknown),
        dict(sorted(lacking.items(), key=lambda one: (-one[1], one[0]))),
        as_of,
    )


def picked(screen: Compiled, scope: Ints, met: Ints, order: Floats | None, who: Who, last: int) -> Ints:
    """The first `last` places of `met`, in the screen's order; ties by key, unknown ones behind all."""
    places = who.universe.key_places[scope[met]]
    down = screen.screen.is_descending
    if screen.order_word:
        texts = [str(word(who.instruments[row], screen.order_word)) for row in scope[met].tolist()]
        by = sorted(range(len(met)), key=lambda at: places[at])
        by.sort(key=lambda at: texts[at], reverse=down)
        return met[np.array(by[:last], np.int64)]
    if order is None:
        return met[np.argsort(places, kind="stable")[:last]]
    keys = order[met]
    keys = np.where(np.isfinite(keys), -keys if down else keys, np.inf)
    if 0 < last < len(keys):
        chosen = keys <= np.partition(keys, last - 1)[last - 1]  # all that tie with the last one
        met, keys, places = met[chosen], keys[chosen], places[chosen]
    return met[np.lexsort((places, keys))[:last]]


def word(instrument: Instrument, name: str) -> str:
    """A fact in words (vocabulary.TEXT_FIELDS)."""
    if name == "instrument":
        return instrument.key
    return str(getattr(instrument, name, "") or "")


def _values(
    wanted: Sequence[Column], shown: Floats, page: Ints, rows: Ints, instruments: Sequence[Instrument]
) -> list[tuple[float | str | None, ...]]:
    found: list[list[float | str | None]] = []
    numbers = iter(shown)
    for column in wanted:
        if not column.place:
            found.append([word(instruments[row], column.expression) for row in rows.tolist()])
        else:
            found.append([None if np.isnan(value) else value for value in next(numbers)[page].tolist()])
    return list(zip(*found, strict=True)) if found else [()] * len(page)
