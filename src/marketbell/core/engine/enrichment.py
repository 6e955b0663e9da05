"""Published facts in the engine: known from their publication on, as fields beside the live price.

Facts stand on the log as REFERENCE entries of type `fundamentals` (core/fundamentals/published.py). One with
a `published_at` in the future waits until the clock of its instrument passes it: the newest heartbeat, or
the instrument's own newest accepted tick. Both stand on the log, so what is visible at an evaluation
depends neither on where the log was cut nor on which other instruments are kept beside it.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketbell.core.engine import kernel as k
from marketbell.core.engine.operators import ClosedBars, Operator, TickState
from marketbell.core.fundamentals.point_in_time import FactBook
from marketbell.core.fundamentals.published import facts_in
from marketbell.core.fundamentals.ratios import MEDIAN_MONTHS, Ratios, eps_of, live, live_value, median_pe, settled
from marketbell.core.language.fields import FIELDS
from marketbell.core.primitives.errors import CheckpointError

NAMES: tuple[str, ...] = tuple(field.name for field in FIELDS if field.name.startswith("fund."))
"""Names of published values that are kept: all of the registry."""

_DAY_S = 86_400
_NANOS_PER_DAY = 86_400_000_000_000
_SLOTS = MEDIAN_MONTHS + 1

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class _View:
    """A book as it stood for each row at its time; as it stands now where nothing came since."""

    def __init__(self, book: FactBook, rows: Ints, times: Ints | None = None) -> None:
        self._book = book
        self._rows = rows
        self._times = None if times is None or book.is_settled(times) else times

    def value(self, name: str, quarters: int = 0) -> Floats:
        """See core/fundamentals/ratios.Published."""
        if self._times is None:
            return self._book.values(name, self._rows, quarters)
        return self._book.values_at(name, self._rows, self._times, quarters)

    def period(self, name: str) -> Ints:
        """See core/fundamentals/ratios.Published."""
        if self._times is None:
            return self._book.periods(name, self._rows)
        return self._book.periods_at(name, self._rows, self._times)


class Enrichment(Operator):
    """Keeps facts and month-end closes of every row, and makes the fields `fund.*` of them."""

    name = "enrichment"

    def __init__(self) -> None:
        self.facts = FactBook(NAMES)
        self._rows: dict[int, int] = {}
        self._settled = {name: np.empty(0) for name in NAMES}
        self._changed: list[Ints] = []
        self._is_stale = np.empty(0, np.bool_)
        # A ring of the last close of each month: month number (from 1970), start of that day's bar, close.
        self._month = np.full((0, _SLOTS), -1, np.int64)
        self._month_start = np.zeros((0, _SLOTS), np.int64)
        self._month_close = np.full((0, _SLOTS), np.nan)

    # --- the log -------------------------------------------------------------------------------

    def grow(self, state: TickState) -> None:
        """Room for all rows; a new row begins with everything unknown."""
        had = len(self._is_stale)
        for row in range(had, state.count):
            self._rows[int(state.instruments[row].instrument_id)] = row
        more = state.count - had
        if more <= 0:
            return
        self.facts.grow(state.count)
        self._is_stale = np.concatenate([self._is_stale, np.zeros(more, np.bool_)])
        self._month = np.concatenate([self._month, np.full((more, _SLOTS), -1, np.int64)])
        self._month_start = np.concatenate([self._month_start, np.zeros((more, _SLOTS), np.int64)])
        self._month_close = np.concatenate([self._month_close, np.full((more, _SLOTS), np.nan)])
        self._settled = {name: np.concatenate([kept, np.full(more, np.nan)]) for name, kept in self._settled.items()}

    def reference(self, payload: Mapping[str, Any], state: TickState) -> None:
        """Take the facts of a `fundamentals` entry; those of instruments that are not kept here are left out."""
        if payload.get("type") != "fundamentals":
            return
        for item in payload.get("items", ()):
            row = self._rows.get(int(item["instrument_id"]))
            if row is not None:
                self.facts.add(row, list(facts_in(item)))
        self._advance(state)

    def closed(self, minutes: ClosedBars, days: ClosedBars, state: TickState) -> None:  # noqa: ARG002 — the operator's call
        """Time went on; closed days give the months' last closes."""
        if len(days.rows):
            self._take_closes(days.rows, days.start, days.values[:, 3])
        self._advance(state)

    def history(self, rows: Ints, columns: Mapping[str, NDArray[Any]], state: TickState) -> None:  # noqa: ARG002
        """Daily bars from before the first tick."""
        mine = np.flatnonzero((rows >= 0) & (columns["timeframe"] == _DAY_S))
        if len(mine):
            self._take_closes(rows[mine], columns["start"][mine], columns["close"][mine])

    def _clocks(self, state: TickState) -> Ints:
        clocks: Ints = np.maximum(state.I[: state.count, k.I_NEWEST], state.clock)
        return clocks

    def _advance(self, state: TickState) -> None:
        waits_for = self.facts.next_publication
        if waits_for is None:
            return
        clocks = self._clocks(state)
        if waits_for > clocks.max(initial=waits_for - 1):
            return
        rows = self.facts.advance(clocks)
        if len(rows):
            self._settle(rows)
            self._changed.append(rows)

    def _settle(self, rows: Ints) -> None:
        """Renew what follows from the facts alone."""
        found = settled(_View(self.facts, rows), NAMES)
        for name in NAMES:
            self._settled[name][rows] = found.values[name]
        self._is_stale[rows] = True

    def _take_closes(self, rows: Ints, starts: Ints, closes: Floats) -> None:
        """The last close of each month stays; an older bar than the one that is kept changes nothing."""
        day = (starts // _NANOS_PER_DAY).astype("datetime64[D]")
        months = day.astype("datetime64[M]").astype(np.int64)
        # Bars of one row and month may stand in any order in one call: the newest is written last.
        for at in _last_of(rows, months, starts).tolist():
            row, month, slot = int(rows[at]), int(months[at]), int(months[at]) % _SLOTS
            newer = (month, int(starts[at])) >= (int(self._month[row, slot]), int(self._month_start[row, slot]))
            if newer and np.isfinite(closes[at]):
                self._month[row, slot] = month
                self._month_start[row, slot] = starts[at]
                self._month_close[row, slot] = closes[at]
                self._is_stale[row] = True

    # --- what readers see ----------------------------------------------------------------------

    def columns(
        self,
        rows: Ints,
        columns: Mapping[str, NDArray[Any]],
        state: TickState,
        now: int,  # noqa: ARG002
    ) -> dict[str, NDArray[Any]]:
        """Every `fund.*` of the registry, with the last price of each row."""
        self._advance(state)
        self._renew_medians(rows)
        values = {name: self._settled[name][rows] for name in NAMES}
        return live(Ratios(values, {}), columns["close"], state.F[rows, k.F_SHARES]).values

    def now(self, name: str, price: Floats, state: TickState) -> Floats:
        """One of `columns` at every row, with these last prices. It may be our own: it is not to be written to."""
        self._advance(state)
        if name == "fund.pe_median_5y":
            self._renew_medians(np.arange(state.count))
        return live_value(name, self._settled, price, state.F[: state.count, k.F_SHARES])

    def traced(
        self, rows: Ints, columns: Mapping[str, NDArray[Any]], state: TickState, clocks: Ints
    ) -> dict[str, NDArray[Any]]:
        """The same for one row after another, each as it stood when its clock said `clocks`."""
        self._advance(state)
        return self.at(rows, np.maximum(clocks, state.clock), columns["close"], state)

    def sampled(
        self,
        rows: Ints,
        columns: Mapping[str, NDArray[Any]],
        state: TickState,
        times: Ints,
        names: Collection[str],
    ) -> dict[str, NDArray[Any]]:
        """Facts at bars' ends, and those of quarters before (`fund.eps[4q]`)."""
        if not any(name.startswith("fund.") for name in names):
            return {}
        found = self.at(rows, times, columns["close"], state)
        for name in names:
            base, _, back = name.removesuffix("q]").partition("[")
            if back:
                found[name] = self.offset(base, rows, times, int(back))
        return found

    def at(self, rows: Ints, times: Ints, price: Floats, state: TickState) -> dict[str, NDArray[Any]]:
        """Every `fund.*` for (row, time ns, price) triples of the past or now: bars sampled at their end."""
        view = _View(self.facts, rows, times)
        found = settled(view, NAMES)
        median = self._medians(rows, times)
        known = np.isfinite(median)
        found.put("fund.pe_median_5y", median, known)
        return live(found, price, state.F[rows, k.F_SHARES]).values

    def offset(self, name: str, rows: Ints, times: Ints, quarters: int) -> Floats:
        """The published value of `quarters` before the one that was visible at each time (`x[1q]` is 1, `x[1y]` 4)."""
        view = _View(self.facts, rows, times)
        return eps_of(view, quarters) if name == "fund.eps" else view.value(name, quarters)

    def _renew_medians(self, rows: Ints) -> None:
        stale = rows[self._is_stale[rows]]
        if not len(stale):
            return
        found = self._medians(stale, np.full(len(stale), np.iinfo(np.int64).max))
        published = self.facts.values("fund.pe_median_5y", stale)
        self._settled["fund.pe_median_5y"][stale] = np.where(np.isfinite(found), found, published)
        self._is_stale[stale] = False

    def _medians(self, rows: Ints, times: Ints) -> Floats:
        """Median month-end P/E of the 60 months up to the newest close that began before each time."""
        counts = (self._month[rows] >= 0) & (self._month_start[rows] < times[:, None])
        if not counts.any():
            return np.full(len(rows), np.nan)
        newest = np.where(counts, self._month[rows], -1).max(axis=1)
        counts &= self._month[rows] > newest[:, None] - MEDIAN_MONTHS
        at, slot = np.nonzero(counts)
        eps = np.full(counts.shape, np.nan)
        eps[at, slot] = eps_of(_View(self.facts, rows[at], self._month_start[rows[at], slot]))
        return median_pe(np.where(counts, self._month_close[rows], np.nan), eps)

    def take_changed(self) -> Ints:
        """Rows with facts that became visible since the last call."""
        if not self._changed:
            return np.empty(0, np.int64)
        rows = np.unique(np.concatenate(self._changed))
        self._changed = []
        return rows

    # --- checkpoints ---------------------------------------------------------------------------

    def checkpoint(self, count: int) -> dict[str, NDArray[Any]]:
        """Facts, those that wait included, and the months' closes."""
        found = {f"book.{name}": array for name, array in self.facts.arrays().items()}
        for name, array in (("month", self._month), ("start", self._month_start), ("close", self._month_close)):
            found[f"months.{name}"] = array[:count].copy()
        return found

    def restore(self, arrays: Mapping[str, NDArray[Any]], state: TickState) -> None:
        """The inverse. CheckpointError where the registry's names of values are others."""
        self.facts = _book(arrays)
        self.facts.grow(state.count)
        try:
            self._month, self._month_start, self._month_close = (
                np.array(arrays[f"months.{name}"]) for name in ("month", "start", "close")
            )
        except KeyError as error:
            raise CheckpointError(f"the checkpoint has no month-end closes ({error})") from error
        if len(self._month) != state.count:
            raise CheckpointError(f"month-end closes of {len(self._month)} rows for {state.count} instruments")
        self._settle(np.arange(state.count))

    def split(self, arrays: Mapping[str, NDArray[Any]], rows: Ints, count: int) -> dict[str, NDArray[Any]]:
        """The part of some rows: their facts and closes."""
        if len(arrays["months.month"]) != count:
            raise CheckpointError(f"month-end closes of {len(arrays['months.month'])} rows, not {count}")
        book = _book(arrays).select(rows)
        found = {f"book.{name}": array for name, array in book.arrays().items()}
        return found | {name: array[rows] for name, array in arrays.items() if name.startswith("months.")}

    def merge(
        self,
        parts: Sequence[Mapping[str, NDArray[Any]]],
        order: Ints,
        counts: Sequence[int],  # noqa: ARG002
    ) -> dict[str, NDArray[Any]]:
        """Facts and closes of all parts."""
        book = FactBook.joined([_book(part) for part in parts], order)
        found = {f"book.{name}": array for name, array in book.arrays().items()}
        months = [name for name in parts[0] if name.startswith("months.")]
        return found | {name: np.concatenate([part[name] for part in parts])[order] for name in months}


def _book(arrays: Mapping[str, NDArray[Any]]) -> FactBook:
    own = {name.removeprefix("book."): array for name, array in arrays.items() if name.startswith("book.")}
    return FactBook.from_arrays(NAMES, own)


def _last_of(rows: Ints, months: Ints, starts: Ints) -> Ints:
    """Places of the newest bar of each row and month; of equal starts the one that stands later."""
    order = np.lexsort((np.arange(len(rows)), starts, months, rows))
    row, month = rows[order], months[order]
    is_last = np.ones(len(order), np.bool_)
    is_last[:-1] = (row[1:] != row[:-1]) | (month[1:] != month[:-1])
    found: Ints = order[is_last]
    return found
