"""Abnormal patterns of all instruments: an operator over closed minutes, changes of books and trades.

What each pattern is stands in core/patterns. Bars of one call are judged one by one for each row, so nothing
depends on how many of them came together. The numbers of a pattern's newest sign are its evidence.
"""

from collections.abc import Mapping, Sequence
from typing import Any

# ruff: noqa: ARG002 — an operator is given more than each one needs
import numpy as np
from numpy.typing import NDArray

from marketbell.core.columns.frame import Columns
from marketbell.core.engine import kernel as k
from marketbell.core.engine.books import Books
from marketbell.core.engine.operators import ClosedBars, Operator, Ticks, TickState
from marketbell.core.market.session import MINUTE, SECOND
from marketbell.core.patterns import layering, price_volume_divergence, pump_and_dump, quote_stuffing, volatility_burst
from marketbell.core.patterns.catalogue import (
    BARS_KEPT,
    NUMBERS,
    PATTERNS,
    SPIKE_BEFORE,
    SPIKE_LEAST,
    SPIKE_TIMES,
    STALE_S,
    VOLUME_SPIKE,
    Basis,
    Pattern,
)
from marketbell.core.primitives.errors import CheckpointError

_BAR_PATTERNS = tuple(one for one in PATTERNS if one.basis is Basis.BARS and one is not VOLUME_SPIKE)
_BOOK_PATTERNS = tuple(one for one in PATTERNS if one.basis is Basis.BOOK)
_WIDE = NUMBERS + 2
_BY_ROW = ("bars", "count", "session", "bar_values", "bar_evidence")
_BY_BOOK = ("stuffing", "layering", "book_values", "book_evidence")
_BY_PATTERN = frozenset({"bar_values", "bar_evidence", "book_values", "book_evidence"})
"""Arrays whose first axis is the pattern; in a checkpoint it is the second."""


class Patterns(Operator):
    """See the module's docstring. It reads what `books` tells of changes."""

    name = "patterns"

    def __init__(self, books: Books) -> None:
        self._books = books
        self._steps = np.empty(0)
        self._slot = np.empty(0, np.int64)
        self._row = np.empty(0, np.int64)
        self._state: dict[str, NDArray[Any]] = _places(0, 0)
        self._signs: set[int] = set()

    def grow(self, state: TickState) -> None:
        """A row takes 2.5 KB: its last 90 minutes."""
        used = len(self._slot)
        if state.count > used:
            self._slot = np.concatenate([self._slot, np.full(state.count - used, -1, np.int64)])
            if state.count > len(self._state["count"]):
                self._room(max(state.count, 2 * len(self._state["count"])), len(self._state["stuffing"]))
        self._steps = np.array([one.tick_size for one in state.instruments])

    def _room(self, rows: int, books: int) -> None:
        old = self._state
        self._state = _places(rows, books)
        for name, array in self._state.items():
            if name in _BY_PATTERN:
                array[:, : old[name].shape[1]] = old[name]
            else:
                array[: len(old[name])] = old[name]

    # --- bars ------------------------------------------------------------------------------------

    def closed(self, minutes: ClosedBars, days: ClosedBars, state: TickState) -> None:
        """Judge each closed minute of each row, in the order of their closing."""
        count = len(minutes.rows)
        if not count:
            return
        spikes = state.F[minutes.rows, k.F_SPIKE] >= VOLUME_SPIKE.threshold
        self._signs.update(minutes.rows[spikes].tolist())
        opened = _opens(minutes, state)
        order = np.argsort(minutes.rows, kind="stable")
        ranked = minutes.rows[order]
        first = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
        turn = np.empty(count, np.int64)
        turn[order] = np.arange(count) - np.repeat(first, np.diff(np.append(first, count)))
        for number in range(int(turn.max()) + 1):
            self._bars(np.flatnonzero(turn == number), minutes, opened)

    def _bars(self, at: NDArray[np.int64], minutes: ClosedBars, opened: NDArray[np.int64]) -> None:
        """One bar a row."""
        rows, s = np.ascontiguousarray(minutes.rows[at]), self._state
        bars, count = s["bars"], s["count"]
        same = s["session"][rows] == opened[at]
        s["session"][rows] = opened[at]
        bars[rows, :-1] = bars[rows, 1:]
        bars[rows, -1, 0] = (minutes.start[at] + MINUTE) // SECOND
        bars[rows, -1, 1] = minutes.values[at, 3]
        bars[rows, -1, 2] = minutes.values[at, 4]
        count[rows] = np.minimum(np.where(same, count[rows], 0) + 1, BARS_KEPT)
        values, evidence = s["bar_values"], s["bar_evidence"]
        volatility_burst.run(bars, count, rows, self._steps[rows], values[0], evidence[0])
        seconds = (opened[at] // SECOND).astype(np.float64)
        price_volume_divergence.run(bars, count, rows, seconds, values[1], evidence[1])
        pump_and_dump.run(bars, count, rows, values[2], evidence[2])
        self._signs.update(rows[(values[:, rows, 1] == 1.0).any(axis=0)].tolist())

    # --- books -----------------------------------------------------------------------------------

    @property
    def wants_ticks(self) -> bool:
        """From the first change of a book on."""
        return len(self._row) > 0

    def book(self, rows: NDArray[np.int64], columns: Columns, state: TickState) -> None:
        """Changes of levels, and books that were lost."""
        changes = self._books.changes
        count = len(changes.rows)
        if not count:
            return
        is_lost = np.isinf(changes.delta)
        kind = np.where(is_lost, layering.LOST, layering.CHANGE)
        self._take(self._slots(changes.rows), kind, changes.event_time, changes.side, changes.delta, changes.away)

    def ticks(self, ticks: Ticks, state: TickState) -> None:
        """Trades of instruments that have a book."""
        slots = self._slot[ticks.rows]
        at = np.flatnonzero(slots >= 0)
        if len(at):
            count = len(at)
            kind = np.full(count, layering.TRADE)
            side, away = np.zeros(count, np.int64), np.zeros(count)
            self._take(slots[at], kind, ticks.event_time[at], side, np.nan_to_num(ticks.amount[at]), away)

    def _slots(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        missing = rows[self._slot[rows] < 0]
        if len(missing):
            _, first = np.unique(missing, return_index=True)
            new = missing[np.sort(first)]
            used = len(self._row)
            room = max(8, len(self._state["stuffing"]))
            while room < used + len(new):
                room *= 2
            if room > len(self._state["stuffing"]):
                self._room(len(self._state["count"]), room)
            self._slot[new] = np.arange(used, used + len(new))
            self._row = np.concatenate([self._row, new])
        return self._slot[rows]

    def _take(
        self,
        slots: NDArray[np.int64],
        kind: NDArray[np.float64],
        time: NDArray[np.int64],
        side: NDArray[np.int64],
        delta: NDArray[np.float64],
        away: NDArray[np.float64],
    ) -> None:
        s = self._state
        slots, second = np.ascontiguousarray(slots), (time // SECOND).astype(np.float64)
        values, evidence = s["book_values"], s["book_evidence"]
        delta, away, side = np.ascontiguousarray(delta), np.ascontiguousarray(away), np.ascontiguousarray(side)
        touched = np.unique(slots)
        before = np.nan_to_num(evidence[:, touched, 1])
        quote_stuffing.run(s["stuffing"], slots, kind, second, delta, away, values[0], evidence[0])
        layering.run(s["layering"], slots, kind, second, side, delta, away, values[1], evidence[1])
        came = (np.nan_to_num(evidence[:, touched, 1]) != before).any(axis=0)
        self._signs.update(self._row[touched[came]].tolist())

    # --- what readers see ------------------------------------------------------------------------

    def columns(
        self, rows: NDArray[np.int64], columns: Mapping[str, NDArray[Any]], state: TickState, now: int
    ) -> dict[str, NDArray[Any]]:
        """1, 0 or NaN and the score of every pattern."""
        found: dict[str, NDArray[Any]] = {}
        s, second = self._state, now / SECOND
        opened = state.I[rows, k.I_OPEN] / SECOND
        for at, pattern in enumerate(_BAR_PATTERNS):
            value = s["bar_values"][at][rows]
            fresh = np.where((value[:, 2] > opened) & (second - value[:, 2] <= STALE_S), 1.0, np.nan)
            found[pattern.field], found[pattern.score_field] = value[:, 1] * fresh, value[:, 0] * fresh
        spike, times = np.asarray(columns["volume_spike"], np.float64) * fresh, self._times(rows)
        is_spike = (spike >= VOLUME_SPIKE.threshold) & (times >= SPIKE_TIMES)
        found[VOLUME_SPIKE.field] = np.where(np.isnan(spike) | np.isnan(times), np.nan, is_spike)
        found[VOLUME_SPIKE.score_field] = spike
        slots = self._slot[rows]
        place = np.maximum(slots, 0)
        for at, pattern in enumerate(_BOOK_PATTERNS):
            if not len(self._row):
                found[pattern.field] = found[pattern.score_field] = np.full(len(rows), np.nan)
                continue
            value, evidence = s["book_values"][at][place], s["book_evidence"][at][place]
            fresh = np.where((slots >= 0) & (second - value[:, 2] <= pattern.holds_s), 1.0, np.nan)
            holds = (slots >= 0) & (second - evidence[:, 1] <= pattern.holds_s)
            found[pattern.field] = np.where(holds, 1.0, value[:, 1] * fresh)
            found[pattern.score_field] = value[:, 0] * fresh
        return found

    def evidence(self, row: int, columns: Mapping[str, NDArray[Any]], at: int = 0) -> list[dict[str, Any]]:
        """The newest sign of each pattern that a row ever had: name, start and end (ns UTC), and its numbers.

        `columns` holds the row's fields at place `at`: a volume spike is the newest minute's or none.
        """
        found = []
        s, slot = self._state, int(self._slot[row])
        for place, pattern in enumerate(_BAR_PATTERNS):
            found += _told(pattern, s["bar_evidence"][place, row])
        if columns[VOLUME_SPIKE.field][at] == 1.0:
            found += _told(VOLUME_SPIKE, self._spike(row, float(columns["volume_spike"][at])))
        for place, pattern in enumerate(_BOOK_PATTERNS if slot >= 0 else ()):
            found += _told(pattern, s["book_evidence"][place, slot])
        return found

    def _before(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Mean volume of the minutes before the last closed one of each row; NaN with too few of them."""
        bars = self._state["bars"]
        known = np.minimum(self._state["count"][rows] - 1, SPIKE_BEFORE)
        total = np.zeros(len(rows))
        for back in range(SPIKE_BEFORE):
            total += np.where(back < known, bars[rows, BARS_KEPT - 2 - back, 2], 0.0)
        return np.where(known >= SPIKE_LEAST, total / np.maximum(known, 1), np.nan)

    def _times(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Volume of the last closed minute over the mean before it."""
        before = self._before(rows)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(before > 0, self._state["bars"][rows, -1, 2] / before, np.nan)

    def _spike(self, row: int, deviations: float) -> NDArray[np.float64]:
        """The evidence of a volume spike, from the field and the minutes kept."""
        end, _, volume = self._state["bars"][row, -1].tolist()
        rows = np.array([row])
        numbers = [end - MINUTE // SECOND, end, volume, self._before(rows)[0], self._times(rows)[0], deviations]
        return np.array([*numbers, *[np.nan] * (_WIDE - len(numbers))])

    def take_signs(self) -> list[int]:
        """Rows with a sign of a pattern that came or stayed since the last call."""
        rows = sorted(self._signs)
        self._signs.clear()
        return rows

    # --- checkpoints -----------------------------------------------------------------------------

    def checkpoint(self, count: int) -> dict[str, NDArray[Any]]:
        """Arrays by row; what belongs to books by `book_row`, in the order of rows."""
        order = np.argsort(self._row, kind="stable")
        arrays = {name: _cut(name, self._state[name], np.arange(count)) for name in _BY_ROW}
        arrays |= {name: _cut(name, self._state[name], order) for name in _BY_BOOK}
        return arrays | {"book_row": self._row[order]}

    def restore(self, arrays: Mapping[str, NDArray[Any]], state: TickState) -> None:
        """The inverse."""
        try:
            row = np.array(arrays["book_row"], np.int64)
            room = 8
            while room < len(row):
                room *= 2
            self._room(len(self._state["count"]), max(room, len(self._state["stuffing"])) if len(row) else 0)
            for name in (*_BY_ROW, *_BY_BOOK):
                given = np.asarray(arrays[name])
                if name in _BY_PATTERN:
                    self._state[name][:, : given.shape[0]] = np.swapaxes(given, 0, 1)
                else:
                    self._state[name][: len(given)] = given
            self._row = row
            self._slot[row] = np.arange(len(row))
        except (KeyError, ValueError, IndexError) as error:
            message = f"the checkpoint's patterns are not of this program: {error}"
            raise CheckpointError(message) from error
        self._signs = set(range(state.count))

    def split(self, arrays: Mapping[str, NDArray[Any]], rows: NDArray[np.int64], count: int) -> dict[str, NDArray[Any]]:
        """The part of these rows."""
        place = {row: at for at, row in enumerate(rows.tolist())}
        return _picked([arrays], [0], place, rows)

    def merge(
        self, parts: Sequence[Mapping[str, NDArray[Any]]], order: NDArray[np.int64], counts: Sequence[int]
    ) -> dict[str, NDArray[Any]]:
        """All parts in one."""
        place = {row: at for at, row in enumerate(order.tolist())}
        firsts = np.concatenate([[0], np.cumsum(counts)])[:-1].tolist()
        return _picked(parts, firsts, place, order)


def _places(rows: int, books: int) -> dict[str, NDArray[Any]]:
    """Empty state of so many rows and books."""

    def unknown(patterns: int, places: int, width: int) -> NDArray[np.float64]:
        return np.full((patterns, places, width), np.nan)

    return {
        "bars": np.zeros((rows, BARS_KEPT, 3)),
        "count": np.zeros(rows, np.int64),
        "session": np.full(rows, k.NEVER, np.int64),
        "bar_values": unknown(len(_BAR_PATTERNS), rows, 3),
        "bar_evidence": unknown(len(_BAR_PATTERNS), rows, _WIDE),
        "stuffing": np.zeros((books, quote_stuffing.PLACES)),
        "layering": np.zeros((books, layering.PLACES)),
        "book_values": unknown(len(_BOOK_PATTERNS), books, 3),
        "book_evidence": unknown(len(_BOOK_PATTERNS), books, _WIDE),
    }


def _cut(name: str, array: NDArray[Any], at: NDArray[np.int64]) -> NDArray[Any]:
    """A copy for the checkpoint, its first axis the row or book."""
    if name in _BY_PATTERN:
        return np.ascontiguousarray(np.swapaxes(array, 0, 1)[at])
    return array[at]


def _picked(
    parts: Sequence[Mapping[str, NDArray[Any]]],
    firsts: Sequence[int],
    place: Mapping[int, int],
    rows: NDArray[np.int64],
) -> dict[str, NDArray[Any]]:
    """Rows of the parts' checkpoints laid one behind the other, and the books of these rows, in their order."""
    whole = {name: np.concatenate([part[name] for part in parts])[rows] for name in _BY_ROW}
    old = np.concatenate(
        [np.asarray(part["book_row"], np.int64) + first for part, first in zip(parts, firsts, strict=True)]
    )
    kept = np.array([at for at, row in enumerate(old.tolist()) if row in place], np.int64)
    new = np.array([place[row] for row in old[kept].tolist()], np.int64)
    order = np.argsort(new, kind="stable")
    for name in _BY_BOOK:
        whole[name] = np.concatenate([part[name] for part in parts])[kept][order]
    return whole | {"book_row": new[order]}


def _opens(minutes: ClosedBars, state: TickState) -> NDArray[np.int64]:
    """The open of the session that each bar belongs to, ns UTC; its own start where it lies in none."""
    low, high = state.I[minutes.rows, k.I_CAL_LO], state.I[minutes.rows, k.I_CAL_HI]
    opened = minutes.start.copy()
    for calendar in np.unique(low).tolist():
        mine = np.flatnonzero(low == calendar)
        opens = state.opens[calendar : int(high[mine[0]])]
        at = np.searchsorted(opens, minutes.start[mine], side="right") - 1
        opened[mine] = np.where(at >= 0, opens[np.maximum(at, 0)], minutes.start[mine])
    return opened


def _told(pattern: Pattern, numbers: NDArray[np.float64]) -> list[dict[str, Any]]:
    """One pattern's evidence as plain values; nothing where there was no sign yet."""
    if np.isnan(numbers[0]):
        return []
    values = numbers[2 : 2 + len(pattern.numbers)].tolist()
    return [
        {
            "pattern": pattern.name,
            "start": int(numbers[0]) * SECOND,
            "end": int(numbers[1]) * SECOND,
            "numbers": {one.name: value for one, value in zip(pattern.numbers, values, strict=True)},
        }
    ]
