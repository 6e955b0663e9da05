"""Bars of one timeframe as columns, for all instruments together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

COLUMNS = ("open", "high", "low", "close", "volume", "vwap")


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars of one timeframe in the order of their closing; those of a row are ascending in time.

    `rows` are dense numbers of instruments. `start` and `end` (ns UTC): the bar is [start, end). `session`
    is the trading date (days since 1970; of a week or month that of its first session), `session_open` in
    ns. `values` has the columns open, high, low, close, volume, vwap (NaN is unknown), C-contiguous [n, 6].
    `per_year` counts bars of this timeframe in a year of 252 sessions. `fields` are registry fields sampled
    at the bar's end, by name. A tick is a bar of no length. `seen` is the time up to which a reader may see
    what others closed: the end, but for ticks, which do not wait for lateness, their time less the lateness.
    """

    rows: Ints
    start: Ints
    end: Ints
    session: Ints
    session_open: Ints
    trades: Ints
    values: Floats
    per_year: Floats
    fields: Mapping[str, Floats] = field(default_factory=dict)
    seen: Ints | None = None

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def empty(cls) -> Self:
        """No bars."""
        none = np.empty(0, np.int64)
        return cls(none, none, none, none, none, none, np.empty((0, 6)), np.empty(0))

    @property
    def sight(self) -> Ints:
        """Up to when a reader at the bar sees what others closed, ns UTC."""
        return self.end if self.seen is None else self.seen

    def column(self, name: str) -> Floats:
        """A column by the name that plans use, as float64 (whole seconds in ns are exact). KeyError if unknown."""
        if name in COLUMNS:
            return np.ascontiguousarray(self.values[:, COLUMNS.index(name)])
        if name == "typical":
            high, low, close = self.values[:, 1], self.values[:, 2], self.values[:, 3]
            return (high + low + close) / 3.0
        if name == "per_year":
            return self.per_year
        if name in {"start", "end", "session", "session_open", "trades"}:
            found: Ints = getattr(self, name)
            return found.astype(np.float64)
        raise KeyError(name)

    def take(self, at: NDArray[Any]) -> "Bars":
        """The bars at these places (an index or a mask)."""
        return Bars(
            self.rows[at],
            self.start[at],
            self.end[at],
            self.session[at],
            self.session_open[at],
            self.trades[at],
            np.ascontiguousarray(self.values[at]),
            self.per_year[at],
            {name: values[at] for name, values in self.fields.items()},
            None if self.seen is None else self.seen[at],
        )

    def numbered(self, rows: Ints) -> "Bars":
        """The same bars of rows with other numbers."""
        return replace(self, rows=rows)

    @staticmethod
    def joined(parts: Sequence["Bars"]) -> "Bars":
        """One behind the other. Fields that not all of them have are left out."""
        parts = [part for part in parts if len(part)] or list(parts[:1])
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return Bars.empty()
        plain = ("rows", "start", "end", "session", "session_open", "trades", "values", "per_year")
        names = [name for name in parts[0].fields if all(name in part.fields for part in parts)]
        seen = [part.sight for part in parts]
        return Bars(
            **{name: np.concatenate([getattr(part, name) for part in parts]) for name in plain},
            fields={name: np.concatenate([part.fields[name] for part in parts]) for name in names},
            seen=None if all(part.seen is None for part in parts) else np.concatenate(seen),
        )
