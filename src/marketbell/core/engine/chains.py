"""Option chains in the engine: the newest of each expiry, and the fields `opt.*` and `fut.*`.

Chains stand on the log as CHAIN frames in the shard of their underlying. A chain that is older than the newest one of
its expiry is late: it is counted and changes nothing. Listed futures come as REFERENCE entries of type `futures`,
volatilities of days before the first chain as entries of type `iv_history`. Nothing is analysed before somebody asks
(chain_book.py), and a field with settings is reckoned for the rows that have chains alone.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from math import nan
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from marketbell.core.columns.frame import Columns
from marketbell.core.engine import kernel as k
from marketbell.core.engine.chain_book import FAR, ChainBook, ChainUpdate, Kept, Known
from marketbell.core.engine.operators import Operator, TickState
from marketbell.core.options.chain import Chain, Side
from marketbell.core.options.expiry import expires_at
from marketbell.core.options.frames import chain_of
from marketbell.core.options.future import ListedFuture
from marketbell.core.primitives.errors import CheckpointError

PREFIXES = ("opt.", "fut.")
"""How the names of its fields begin."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Arrival(NamedTuple):
    """A newer chain of a row: what its expiry is called now, and the time (ns UTC) at which rules look at it."""

    row: int
    words: tuple[str, ...]
    time: int


class Chains(Operator):
    """Keeps a ChainBook for every row that has chains or futures."""

    name = "chains"

    def __init__(self, *, keeps_all: bool = False) -> None:
        """`keeps_all`: nothing is forgotten, for who asks about the past of a whole recording."""
        self._keeps_all = keeps_all
        self._rows: dict[int, int] = {}
        self._books: dict[int, ChainBook] = {}
        self._has = np.zeros(0, np.bool_)
        self.taken = np.zeros(0, np.int64)
        """By row, chains that became the newest of their expiry."""
        self.late = np.zeros(0, np.int64)
        """By row, chains that came too late."""
        self._updates: list[ChainUpdate] = []
        self._changed: set[int] = set()

    # --- the log -------------------------------------------------------------------------------

    def grow(self, state: TickState) -> None:
        """Room for all rows."""
        had = len(self._has)
        for row in range(had, state.count):
            self._rows[int(state.instruments[row].instrument_id)] = row
        more = state.count - had
        if more > 0:
            self._has = np.concatenate([self._has, np.zeros(more, np.bool_)])
            self.taken = np.concatenate([self.taken, np.zeros(more, np.int64)])
            self.late = np.concatenate([self.late, np.zeros(more, np.int64)])

    def take(self, columns: Columns, payload: Mapping[str, Any], state: TickState) -> Arrival | None:
        """Take the chain of a frame. None where it is late, or of an instrument that is not kept here."""
        ids = columns.get("instrument_id")
        row = None if ids is None or not len(ids) else self._rows.get(int(ids[0]))
        if row is None:
            return None
        known = Known(chain_of(columns, payload))
        arrival = self._taken(row, known, state)
        one, book = state.instruments[row], self._books[row]
        others = tuple(kept[-1] for expiry, kept in book.chains.items() if expiry != known.chain.expiry)
        self._updates.append(
            ChainUpdate(
                int(one.instrument_id),
                one.key,
                one.is_simulated,
                known,
                is_late=arrival is None,
                others=others if arrival else (),
                past=book.past(known.chain.as_of) if known.chain.as_of > 0 else (),
            )
        )
        return arrival

    def take_metrics(self, item: Mapping[str, Any], state: TickState) -> Arrival | None:
        """Take a chain of which a store kept the metrics alone: `{instrument_id, expiry, as_of, spot, metrics}`."""
        row = self._rows.get(int(item["instrument_id"]))
        if row is None:
            return None
        key, expiry, none = state.instruments[row].key, date.fromisoformat(str(item["expiry"])), Side.of(0)
        spot, ends = _number(item.get("spot")), expires_at(key, expiry)
        chain = Chain(key, expiry, int(item["as_of"]), spot, np.empty(0), none, none, ends, source="store")
        return self._taken(row, Kept(chain, item["metrics"]), state)

    def _taken(self, row: int, known: Known, state: TickState) -> Arrival | None:
        book, chain = self._book(row, state), known.chain
        if chain.as_of <= 0 or not book.take(known, _complete(row, state)):
            self.late[row] += 1
            return None
        self.taken[row] += 1
        self._changed.add(row)
        return Arrival(row, tuple(book.words(chain.expiry)), book.newest)

    def reference(self, payload: Mapping[str, Any], state: TickState) -> None:
        """Quotes of futures, and daily ATM volatilities from before."""
        kind = payload.get("type")
        if kind not in {"futures", "iv_history"}:
            return
        for item in payload.get("items", ()):
            row = self._rows.get(int(item["instrument_id"]))
            if row is None:
                continue
            book = self._book(row, state)
            if kind == "iv_history":
                book.take_days(item["days"], item["values"])
                continue
            expiry = date.fromisoformat(str(item["expiry"]))
            price, oi = _number(item.get("price")), _number(item.get("oi"))
            quote = ListedFuture(book.underlying, expiry, int(item["as_of"]), price, oi=oi)
            if book.take_future(quote, _complete(row, state)):
                self._changed.add(row)

    def _book(self, row: int, state: TickState) -> ChainBook:
        book = self._books.get(row)
        if book is None:
            one = state.instruments[row]
            book = self._books[row] = ChainBook(one.key, one.calendar, keeps_all=self._keeps_all)
            self._has[row] = True
        return book

    # --- what readers see ----------------------------------------------------------------------

    def sampled(
        self,
        rows: Ints,
        columns: Mapping[str, NDArray[Any]],
        state: TickState,
        times: Ints,
        names: Collection[str],
    ) -> dict[str, NDArray[Any]]:
        """The asked fields of options and futures of rows at times (ns UTC; FAR: as things stand)."""
        wanted = [name for name in names if name.startswith(PREFIXES)]
        if not wanted:
            return {}
        found = {name: np.full(len(rows), np.nan) for name in wanted}
        mine = np.flatnonzero(self._has[rows]) if len(rows) else rows
        close = columns["close"]
        for at in mine.tolist():
            row = int(rows[at])
            book, moment = self._books[row], self._moment(row, int(times[at]), state)
            for name in wanted:
                found[name][at] = book.value(name, moment, float(close[at]))
        return found

    def _moment(self, row: int, time: int, state: TickState) -> int:
        """A time, or for FAR that of the newest thing that is known of a row."""
        return time if time != FAR else max(self._books[row].newest, state.clock, int(state.I[row, k.I_NEWEST]))

    def origin(self, row: int, name: str, time: int, state: TickState) -> tuple[int, str] | None:
        """When what a field of a row says at a time was captured (ns UTC), and by whom. None: nothing is known."""
        return self._books[row].origin(name, self._moment(row, time, state)) if row in self._books else None

    def rows(self) -> list[int]:
        """Rows that have chains or futures, ascending."""
        return sorted(self._books)

    def newest(self, row: int) -> list[Known]:
        """The newest chain of each expiry of a row, by expiry."""
        book = self._books.get(row)
        return [] if book is None else [kept[-1] for _, kept in sorted(book.chains.items())]

    def counts(self) -> dict[str, int]:
        """How many chains were taken, and how many came too late."""
        return {"chains": int(self.taken.sum()), "late": int(self.late.sum())}

    def take_updates(self) -> list[ChainUpdate]:
        """Chains that came since the last call, in the order of the log."""
        found, self._updates = self._updates, []
        return found

    def take_changed(self) -> Ints:
        """Rows with chains or futures that came since the last call."""
        rows, self._changed = np.array(sorted(self._changed), np.int64), set()
        return rows

    # --- checkpoints ---------------------------------------------------------------------------

    def checkpoint(self, count: int) -> dict[str, NDArray[Any]]:
        """Counts by row; of each row that has chains its facts, its daily volatilities, and every chain as a frame."""
        found: dict[str, NDArray[Any]] = {"taken": self.taken[:count].copy(), "late": self.late[:count].copy()}
        for row, book in sorted(self._books.items()):
            found[f"book/{row}"] = _written(book.facts())
            found[f"days/{row}"] = book.days_packed()
            kept = [known for _, chains in sorted(book.chains.items()) for known in chains]
            for number, known in enumerate(kept):
                found[f"chain/{row}/{number}"] = known.packed
        return found

    def restore(self, arrays: Mapping[str, NDArray[Any]], state: TickState) -> None:
        """The inverse. A checkpoint of a program that knew no chains has none."""
        if not arrays:
            return
        try:
            self.taken[: len(arrays["taken"])] = arrays["taken"]
            self.late[: len(arrays["late"])] = arrays["late"]
            for row in _rows_in(arrays):
                pieces = _pieces(arrays, row)
                self._book(row, state).restore(_read(arrays[f"book/{row}"]), pieces, arrays[f"days/{row}"])
        except (KeyError, ValueError, IndexError) as error:
            message = f"the checkpoint's option chains do not fit: {error}"
            raise CheckpointError(message) from error

    def split(self, arrays: Mapping[str, NDArray[Any]], rows: Ints, count: int) -> dict[str, NDArray[Any]]:
        """Every book goes with its row."""
        if not arrays:
            return {}
        found = super().split({name: arrays[name] for name in ("taken", "late")}, rows, count)
        new_row = {int(row): at for at, row in enumerate(rows.tolist())}
        return found | _renumbered(arrays, new_row)

    def merge(
        self, parts: Sequence[Mapping[str, NDArray[Any]]], order: Ints, counts: Sequence[int]
    ) -> dict[str, NDArray[Any]]:
        """The books of all parts."""
        found = super().merge([{name: part[name] for name in ("taken", "late")} for part in parts], order, counts)
        new_row = np.empty(len(order), np.int64)
        new_row[order] = np.arange(len(order))
        before = 0
        for part, count in zip(parts, counts, strict=True):
            found |= _renumbered(part, {at: int(new_row[before + at]) for at in range(count)})
            before += count
        return found


def _complete(row: int, state: TickState) -> int:
    """Up to when the bars of a row have closed, ns UTC."""
    return int(max(state.I[row, k.I_NEWEST], state.clock)) - state.late


def _rows_in(arrays: Mapping[str, NDArray[Any]]) -> list[int]:
    return sorted(int(name.removeprefix("book/")) for name in arrays if name.startswith("book/"))


def _pieces(arrays: Mapping[str, NDArray[Any]], row: int) -> list[NDArray[Any]]:
    """The packed chains of a row in their order."""
    found: list[NDArray[Any]] = []
    while (piece := arrays.get(f"chain/{row}/{len(found)}")) is not None:
        found.append(piece)
    return found


def _renumbered(arrays: Mapping[str, NDArray[Any]], new_row: Mapping[int, int]) -> dict[str, NDArray[Any]]:
    """The books of some rows under their new numbers."""
    found: dict[str, NDArray[Any]] = {}
    for row in _rows_in(arrays):
        if row not in new_row:
            continue
        new = new_row[row]
        found[f"book/{new}"], found[f"days/{new}"] = arrays[f"book/{row}"], arrays[f"days/{row}"]
        found |= {f"chain/{new}/{number}": piece for number, piece in enumerate(_pieces(arrays, row))}
    return found


def _written(value: Any) -> NDArray[np.uint8]:
    return np.frombuffer(json.dumps(value, separators=(",", ":")).encode(), np.uint8)


def _read(array: NDArray[Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(np.asarray(array, np.uint8).tobytes())
    return found


def _number(value: Any) -> float:
    return nan if value is None else float(value)
