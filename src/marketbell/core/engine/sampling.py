"""Registry fields at the ends of bars: as they stood after the last accepted tick in order before the end.

The tick kernel tells a row's words before the first tick of each new minute; that is what they were at the
end of the minute before. The newest of them are kept until the bars that end there close, some seconds of
lateness later. Bars that end with their session read the row as it stands when nothing came behind it.
Facts are those that were published by the bar's end; where the row's words are not known (bars as the
source), ratios take the bar's own close. What no operator can tell of the past is unknown.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketbell.core.engine import kernel as k
from marketbell.core.engine import series_kernel as sk
from marketbell.core.engine.chain_book import FAR
from marketbell.core.engine.operators import Begun, Operator, TickState
from marketbell.core.engine.timeframes import Bars
from marketbell.core.engine.view import numeric_columns

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_KEPT = 3
_TIMED = ("fund.", "opt.", "fut.")
"""Fields whose operators tell them at any time, whether the row's words of then are known or not."""
_NO_PAST = (
    *(k.I_RING_AT, k.I_RING_CAP, k.I_RING_HEAD, k.I_RING_LEN),
    *(k.I_EXTRA, k.I_CAL_LO, k.I_CAL_HI, k.I_HIST_VERSION),
)
"""Words that say where something of the row lies now: of no use for how it stood, and other ones elsewhere."""


class FieldSampler:
    """Rows as they stood at the ends of their newest minutes. `operators` tell their own fields of the past."""

    def __init__(self, operators: Sequence[Operator]) -> None:
        self.operators = operators
        self._kept = _KEPT
        self.start = np.zeros((0, _KEPT), np.int64)
        self.words = np.zeros((0, _KEPT, k.NI), np.int64)
        self._new: list[tuple[Ints, Ints, Ints]] = []

    def grow(self, rows: int, late: int) -> None:
        """Make room for `rows` rows; `late` (ns) says how long bars stay open behind their end."""
        self._kept = late // k.MINUTE + _KEPT
        start = np.zeros((max(rows, len(self.start)), self._kept), np.int64)
        words = np.zeros((*start.shape, k.NI), np.int64)
        held = min(self._kept, self.start.shape[1])
        start[: len(self.start), :held] = self.start[:, :held]
        words[: len(self.start), :held] = self.words[:, :held]
        self.start, self.words = start, words

    def forget(self) -> None:
        """Nobody asks for fields any more."""
        self.start[:] = 0
        self._new = []

    def begun(self, begun: Begun) -> None:
        """Take rows as they stood before a new minute."""
        self._new.append((begun.rows.copy(), begun.start.copy(), begun.I.copy()))

    def sampled(self, bars: Bars, names: Collection[str], state: TickState) -> Bars:
        """The bars with these fields."""
        rows, start, words = self._all()
        at = np.empty(len(bars), np.int64)
        head, link = np.empty(max(len(self.start), 1), np.int64), np.empty(len(rows), np.int64)
        sk.first_from(rows, start, bars.rows, bars.end, head, link, at)
        is_over = (state.I[bars.rows, k.I_SEALED] == 1) & (state.I[bars.rows, k.I_NEWEST] < bars.end)
        known = (at >= 0) | is_over
        now = state.I[bars.rows]
        words = np.where((at >= 0)[:, None], words[np.maximum(at, 0)], now) if len(words) else now
        price = np.where(known, words.view(np.float64)[:, k.F_LAST], bars.values[:, 3])
        found = self.fields(bars.rows, bars.end, words, names, state, price)
        told = {
            name: values if name.startswith(_TIMED) else np.where(known, values, np.nan)
            for name, values in found.items()
        }
        return replace(bars, fields=told)

    def fields(
        self,
        rows: Ints,
        times: Ints,
        words: Ints,
        names: Collection[str],
        state: TickState,
        price: Floats | None = None,
    ) -> Mapping[str, Floats]:
        """These fields of rows that stood like that (kernel words) at these times (ns); `price` replaces their last."""
        words = np.ascontiguousarray(words)
        nothing = np.full((len(rows), 5), np.nan)
        columns: dict[str, NDArray[Any]] = numeric_columns(
            words.view(np.float64), words, np.zeros(len(rows), np.int64), nothing, 0
        )
        if price is not None:
            columns["close"] = price
        for operator in self.operators:
            columns.update(operator.sampled(rows, columns, state, times, names))
        unknown = np.full(len(rows), np.nan)
        return {name: np.asarray(columns.get(name, unknown), np.float64) for name in names}

    def now(
        self,
        rows: Ints,
        times: Ints,
        words: Ints,
        names: Collection[str],
        state: TickState,
        *,
        is_traced: bool,
    ) -> dict[str, Floats]:
        """These fields of rows that stand like that at these times: at ticks (`is_traced`), or as they are now."""
        words = np.ascontiguousarray(words)
        nothing = np.full((len(rows), 5), np.nan)
        columns: dict[str, NDArray[Any]] = numeric_columns(
            words.view(np.float64), words, np.zeros(len(rows), np.int64), nothing, 0
        )
        newest = columns["event_time"]
        columns["src.age"] = np.where(newest > 0, (times - newest) / 1e9, np.nan)
        moment = int(times.max()) if len(times) else 0
        for operator in self.operators:
            if is_traced:
                columns.update(operator.traced(rows, columns, state, times))
            else:
                columns.update(operator.columns(rows, columns, state, moment))
        timed = [name for name in names if name.startswith(_TIMED)]
        for operator in self.operators if timed else ():
            columns.update(operator.sampled(rows, columns, state, times, timed))
        unknown = np.full(len(rows), np.nan)
        return {name: np.asarray(columns.get(name, unknown), np.float64) for name in names}

    def newest(self, rows: Ints, names: Collection[str], state: TickState, moment: int) -> dict[str, NDArray[Any]]:
        """These fields of rows as they stand at the market's time `moment` (ns UTC); what nobody has is left out."""
        words = np.ascontiguousarray(state.I[rows])
        nothing = np.full((len(rows), 5), np.nan)
        columns: dict[str, NDArray[Any]] = numeric_columns(
            words.view(np.float64), words, np.zeros(len(rows), np.int64), nothing, moment
        )
        told = set(names) - columns.keys()
        if told:
            for operator in self.operators:
                columns.update(operator.columns(rows, columns, state, moment))
        past = [name for name in told if name.endswith("q]")]
        if past:
            for operator in self.operators:
                columns.update(operator.sampled(rows, columns, state, np.full(len(rows), moment), past))
        settled = [name for name in told if name.startswith(_TIMED) and name not in past and name not in columns]
        if settled:
            for operator in self.operators:
                columns.update(operator.sampled(rows, columns, state, np.full(len(rows), FAR), settled))
        return {name: columns[name] for name in names if name in columns}

    def settle(self) -> None:
        """Keep the newest of each row alone: the bars of this run are closed."""
        if not self._new:
            return
        rows, start, words = self._all()
        order = np.argsort(rows, kind="stable")
        rows = rows[order]
        behind = np.searchsorted(rows, rows, side="right") - np.arange(len(rows)) - 1
        mine = behind < self._kept
        who, place = rows[mine], self._kept - 1 - behind[mine]
        self.start[np.unique(who)] = 0
        self.start[who, place], self.words[who, place] = start[order][mine], words[order][mine]
        self._new = []

    def _all(self) -> tuple[Ints, Ints, Ints]:
        """Rows, starts and words of what is kept and what came, ascending for each row."""
        rows, place = np.nonzero(self.start)
        kept = (rows, self.start[rows, place], self.words[rows, place])
        parts = [kept, *self._new]
        joined = [np.concatenate([part[at] for part in parts]) for at in range(3)]
        return np.ascontiguousarray(joined[0]), np.ascontiguousarray(joined[1]), joined[2]

    def checkpoint(self, count: int) -> dict[str, NDArray[Any]]:
        """Copies of the first `count` rows."""
        words = self.words[:count].copy()
        words[..., _NO_PAST] = 0
        return {"start": self.start[:count].copy(), "words": words}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """The inverse, after `grow`. ValueError where the arrays do not fit."""
        self.start[: len(arrays["start"])] = arrays["start"]
        self.words[: len(arrays["words"])] = arrays["words"]
