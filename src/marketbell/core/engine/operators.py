"""What stands behind the tick kernel: operators that see closed bars, quotes, books and facts, in log order.

An operator keeps its own state as arrays over the engine's rows, reads no clock and draws no numbers.
The same calls give the same state, wherever the log was cut. The engine calls every operator in a fixed
order and puts its arrays into the checkpoint.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# ruff: noqa: ARG002 — the operator that does nothing still says what it would be given
import numpy as np
from numpy.typing import NDArray

from marketbell.core.columns.frame import Columns
from marketbell.core.engine.outputs import RuleFiring
from marketbell.core.market.instrument import Instrument
from marketbell.core.primitives.errors import CheckpointError

FAR = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class TickState:
    """The engine's own state, to read: `F` and `I` as laid out in kernel.py, `count` rows in use.

    `late` (ns) is the allowed lateness. `opens`, `closes`, `dates` are the sessions of all calendars; a
    row's own lie in [I_CAL_LO, I_CAL_HI). `clock` is the newest heartbeat, ns UTC.
    """

    F: NDArray[np.float64]
    I: NDArray[np.int64]  # noqa: E741 — the kernel's name of the integer state
    count: int
    late: int
    opens: NDArray[np.int64]
    closes: NDArray[np.int64]
    dates: NDArray[np.int64]
    instruments: Sequence[Instrument]
    clock: int
    zones: Mapping[str, str] = field(default_factory=dict)
    """IANA zone of each calendar."""
    is_whole: bool = True
    """All instruments of the log are here."""


@dataclass(frozen=True, slots=True)
class ClosedBars:
    """Final bars in the order of their closing: `rows`, `start` (ns), `trades`, and `values`.

    `values` has the columns open, high, low, close, volume, vwap (NaN where unknown).
    """

    rows: NDArray[np.int64]
    start: NDArray[np.int64]
    trades: NDArray[np.int64]
    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ticks:
    """Accepted ticks in log order.

    `rows`, `event_time` (ns), `price`; `volume` is cumulative for the session (NaN where the feed has none),
    `amount` the tick's own size as the kernel took it (0 where unknown). `is_ordered` is false for a tick
    behind the newest of its row: it belongs to its own bar and is no evaluation. `told` are places of ticks in order
    of rows that somebody watches, `words` their rows' words (as TickState.I) behind each.
    """

    rows: NDArray[np.int64]
    event_time: NDArray[np.int64]
    price: NDArray[np.float64]
    volume: NDArray[np.float64]
    amount: NDArray[np.float64]
    is_ordered: NDArray[np.bool_]
    told: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    words: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 0), np.int64))


@dataclass(frozen=True, slots=True)
class Begun:
    """Rows as they stood before the first tick in order of a minute newer than their newest tick.

    That is what the row's fields were at the end of every minute before `start` (ns) that it ended since.
    `rows`; `place` of that tick in its run, in rising order; `F` and `I` hold the rows' words, as in TickState.
    """

    rows: NDArray[np.int64]
    start: NDArray[np.int64]
    place: NDArray[np.int64]
    F: NDArray[np.float64]
    I: NDArray[np.int64]  # noqa: E741 — the kernel's name of the integer state


class Operator:
    """Does nothing by default; an operator overrides what it needs. `name` prefixes its checkpoint arrays."""

    name: str = ""

    @property
    def wants_ticks(self) -> bool:
        """True while `ticks` has to be called; the engine asks before each run of trades."""
        return False

    def ticks(self, ticks: Ticks, state: TickState) -> None:
        """The accepted ticks of a run, before `closed` is called for the same run."""

    @property
    def wants_minutes(self) -> bool:
        """True while `begun` has to be called; the engine asks before each run of trades."""
        return False

    def begun(self, begun: Begun, state: TickState) -> None:
        """Rows whose newest minute is over, before `closed` is called for the same run; never with none."""

    def grow(self, state: TickState) -> None:
        """Instruments were added or renewed: make room for `state.count` rows."""

    def closed(self, minutes: ClosedBars, days: ClosedBars, state: TickState) -> None:
        """Minute and day bars became final. Also called with none of them when only time went on."""

    def history(self, rows: NDArray[np.int64], columns: Mapping[str, NDArray[Any]], state: TickState) -> None:
        """Closed bars from elsewhere (BAR schema; `timeframe` in seconds). Rows may be -1: not known."""

    def quotes(self, rows: NDArray[np.int64], columns: Columns, state: TickState) -> None:
        """Best bids and asks (QUOTE schema), in log order."""

    def depth(self, rows: NDArray[np.int64], columns: Columns, state: TickState) -> None:
        """Whole books (DEPTH schema), in log order."""

    def book(self, rows: NDArray[np.int64], columns: Columns, state: TickState) -> None:
        """Snapshots of books and their changes (BOOK schema), in log order; whole messages."""

    def chain_came(self, row: int, words: Sequence[str], time: int, state: TickState) -> None:
        """A newer option chain of a row is known: its expiry is called `words` now; it is looked at at `time` (ns)."""

    def reference(self, payload: Mapping[str, Any], state: TickState) -> None:
        """A REFERENCE entry of the log: facts and what describes the source."""

    def command(self, payload: Mapping[str, Any], state: TickState) -> None:
        """A COMMAND entry of the log, or an item of a batch of them. What is not its own it leaves alone."""

    def next_instant(self, after: int) -> int:
        """The first time behind `after` (ns UTC) at which `instant` wants to be called; FAR: never."""
        return FAR

    def instant(self, time: int, state: TickState) -> None:
        """The log has come to this time: all that was said up to it is applied, and nothing later."""

    def finish(self, state: TickState) -> None:
        """The source has ended: nothing more will come."""

    def take_firings(self) -> list[RuleFiring]:
        """What fired since the last call."""
        return []

    def take_rejected(self) -> list[tuple[str, str]]:
        """Rules (uid) that could not be armed since the last call, and why."""
        return []

    def columns(
        self, rows: NDArray[np.int64], columns: Mapping[str, NDArray[Any]], state: TickState, now: int
    ) -> dict[str, NDArray[Any]]:
        """Values of the operator's registry fields for these rows; `columns` holds those made before."""
        return {}

    def traced(
        self,
        rows: NDArray[np.int64],
        columns: Mapping[str, NDArray[Any]],
        state: TickState,
        clocks: NDArray[np.int64],
    ) -> dict[str, NDArray[Any]]:
        """As `columns`, for rows in log order, each as it stood when its own newest event was at `clocks` (ns)."""
        return {}

    def sampled(
        self,
        rows: NDArray[np.int64],
        columns: Mapping[str, NDArray[Any]],
        state: TickState,
        times: NDArray[np.int64],
        names: Collection[str],
    ) -> dict[str, NDArray[Any]]:
        """As `columns`, for bars of these rows at their ends (`times`, ns), as far as the past can be told.

        `columns` holds the kernel's fields at those times, `names` what is asked for (`fund.eps[4q]`: the value
        of four quarters before).
        """
        return {}

    def take_changed(self) -> NDArray[np.int64]:
        """Rows that changed since the last call, beyond those that the tick kernel touched."""
        return np.empty(0, np.int64)

    def checkpoint(self, count: int) -> dict[str, NDArray[Any]]:
        """The state of the first `count` rows as arrays that share nothing with it."""
        return {}

    def restore(self, arrays: Mapping[str, NDArray[Any]], state: TickState) -> None:
        """The inverse, after `grow`. CheckpointError where the arrays do not fit."""

    def split(self, arrays: Mapping[str, NDArray[Any]], rows: NDArray[np.int64], count: int) -> dict[str, NDArray[Any]]:
        """The part of a checkpoint (of `count` rows) that belongs to `rows`, renumbered 0, 1, 2 ….

        Right as it stands for arrays whose first axis is the row; every other array needs an override of this
        and of `merge`. CheckpointError where an array has another length.
        """
        for name, array in arrays.items():
            if not array.ndim or len(array) != count:
                message = f"{self.name}: array {name!r} does not have the row as its first axis"
                raise CheckpointError(message)
        return {name: array[rows] for name, array in arrays.items()}

    def merge(
        self, parts: Sequence[Mapping[str, NDArray[Any]]], order: NDArray[np.int64], counts: Sequence[int]
    ) -> dict[str, NDArray[Any]]:
        """Checkpoints of neighbours in one; part n has `counts[n]` rows.

        Row r of the result is row `order[r]` of the parts' rows counted one part after the other. All parts
        stand at the same place of the log. CheckpointError where they do not fit.
        """
        whole = {}
        for name in parts[0]:
            pieces = [part[name] for part in parts]
            if any(len(piece) != count for piece, count in zip(pieces, counts, strict=True)):
                message = f"{self.name}: array {name!r} does not have the row as its first axis"
                raise CheckpointError(message)
            whole[name] = np.concatenate(pieces)[order]
        return whole
