"""All instruments of all shard groups as one table: rows in the order of their keys, a column a field.

The order of keys is the instrument order of everything that is computed from it, so that nothing depends on
which group told of an instrument first.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketbell.core.market.instrument import Instrument

NOBODY = -1


class MergedTable:
    """Values of float64 by row, unknown is NaN; `event_time` is int64 ns, 0 unknown; `owner` a group's number."""

    def __init__(self) -> None:
        self.instruments: tuple[Instrument, ...] = ()
        self.keys: tuple[str, ...] = ()
        self.event_time = np.empty(0, np.int64)
        self.owner = np.empty(0, np.int64)
        self.shard = np.empty(0, np.int64)
        self._rows: dict[str, int] = {}
        self._ids = np.empty(0, np.int64)
        self._id_rows = np.empty(0, np.int64)
        self._places: dict[str, int] = {}
        self._values = np.empty((0, 0))

    def __len__(self) -> int:
        return len(self.instruments)

    @property
    def columns(self) -> Mapping[str, NDArray[np.float64]]:
        """The columns by name, as views: to read."""
        return {name: self._values[at] for name, at in self._places.items()}

    def column(self, name: str) -> NDArray[np.float64]:
        """One column to read; all unknown where nobody has told of it."""
        at = self._places.get(name)
        return np.full(len(self), np.nan) if at is None else self._values[at]

    def row(self, key: str) -> int | None:
        """The row of a key."""
        return self._rows.get(key)

    def rows_of(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of instrument ids, -1 for those that are not known."""
        if not len(self._ids):
            return np.full(len(ids), -1, np.int64)
        at = np.minimum(np.searchsorted(self._ids, ids), len(self._ids) - 1)
        return np.where(self._ids[at] == ids, self._id_rows[at], -1)

    def define(self, instruments: Iterable[Instrument], owner: int, *, gone: Iterable[str] = ()) -> bool:
        """Add or renew instruments, and drop those whose keys are `gone`. True where the rows moved."""
        known = dict(zip(self.keys, self.instruments, strict=True))
        new = {one.key: one for one in instruments}
        dropped = set(gone) - new.keys()
        moves = bool(new.keys() - known.keys()) or bool(dropped & known.keys())
        if moves:
            kept = {key: one for key, one in (known | new).items() if key not in dropped}
            self._move([kept[key] for key in sorted(kept)])
        else:
            self.instruments = tuple(new.get(key, one) for key, one in known.items())
        self.owner[[self._rows[key] for key in new]] = owner
        return moves

    def _move(self, instruments: Sequence[Instrument]) -> None:
        before = self._rows
        keys = tuple(one.key for one in instruments)
        self._rows = {key: row for row, key in enumerate(keys)}
        source = np.array([before.get(key, -1) for key in keys], np.int64)
        old = source >= 0
        event_time, owner = np.zeros(len(keys), np.int64), np.full(len(keys), NOBODY, np.int64)
        event_time[old], owner[old] = self.event_time[source[old]], self.owner[source[old]]
        values = np.full((len(self._places), len(keys)), np.nan)
        values[:, old] = self._values[:, source[old]]
        self.instruments, self.keys = tuple(instruments), keys
        self.event_time, self.owner, self._values = event_time, owner, values
        self.shard = np.array([one.shard for one in instruments], np.int64)
        ids = np.array([int(one.instrument_id) for one in instruments], np.int64)
        self._id_rows = np.argsort(ids, kind="stable")
        self._ids = ids[self._id_rows]

    def put(
        self,
        rows: NDArray[np.int64],
        event_time: NDArray[np.int64],
        names: Sequence[str],
        values: NDArray[np.float64],
    ) -> None:
        """Write values[c, n] of column names[c] into rows[n]; of a repeated row the last one stays."""
        new = [name for name in names if name not in self._places]
        if new:
            self._places |= {name: at for at, name in enumerate(new, start=len(self._places))}
            self._values = np.concatenate([self._values, np.full((len(new), len(self)), np.nan)])
        self.event_time[rows] = event_time
        places = np.array([self._places[name] for name in names], np.int64)
        self._values[places[:, None], rows] = values

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Values and times for a checkpoint; shares nothing with the table."""
        return {"values": self._values.copy(), "event_time": self.event_time.copy(), "owner": self.owner.copy()}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns in the order of `arrays()['values']`."""
        return tuple(self._places)

    def load(self, instruments: Sequence[Instrument], names: Sequence[str], arrays: Mapping[str, NDArray[Any]]) -> None:
        """The inverse of `instruments`, `names` and `arrays`. ValueError where shapes do not fit."""
        count = len(instruments)
        values, event_time, owner = arrays["values"], arrays["event_time"], arrays["owner"]
        if values.shape != (len(names), count) or len(event_time) != count or len(owner) != count:
            message = f"values {values.shape} of {len(names)} columns and {count} rows do not fit"
            raise ValueError(message)
        self._places = {}
        self._values = np.empty((0, 0))
        self._move(instruments)
        self._places = {name: at for at, name in enumerate(names)}
        self._values = np.array(values, np.float64)
        self.event_time, self.owner = np.array(event_time, np.int64), np.array(owner, np.int64)
