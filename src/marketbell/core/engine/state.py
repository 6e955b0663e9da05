"""The rows of an engine: every array of the tick kernel, what finds a row, and their checkpoint.

Rows are never given back; room grows by doubling. What is large and slow to change (daily histories, the
volume profile of each minute) goes into a checkpoint in pieces that are copied again only after a change.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketbell.core.engine import kernel as k
from marketbell.core.engine.row_table import fill_table, find_rows
from marketbell.core.primitives.errors import CheckpointError
from marketbell.core.quality.kinds import QualityKind

_LINE = 64
"""Bytes of a cache line."""
_HISTORY_ROWS = 64
"""Rows whose daily histories share a piece."""
BY_ROW = ("I", "Q", "returns", "minutes", "touched")
"""Arrays of a checkpoint whose first axis is the row. `I` holds the floats of the row too."""


def aligned(shape: tuple[int, int]) -> NDArray[np.int64]:
    """Zeros that begin at a cache line."""
    raw = np.zeros(shape[0] * shape[1] + _LINE // 8, np.int64)
    first = -(raw.ctypes.data // 8) % (_LINE // 8)
    return raw[first : first + shape[0] * shape[1]].reshape(shape)


class RowState:
    """Structure of arrays, one dense row per instrument. Names as in kernel.py."""

    def __init__(self, late: int) -> None:
        """`late` is the allowed lateness, ns: it says how many minutes of a row may be open at once."""
        self.slots = 1 << (late // k.MINUTE + 1).bit_length()
        """A power of 2, at least late // MINUTE + 2."""
        self.ring: NDArray[np.int64] = np.zeros((64, k.NG), np.int64)
        self.ring_f = self.ring.view(np.float64)
        self.ring_used = np.zeros(1, np.int64)
        self._history_pieces: dict[int, NDArray[np.int64]] = {}
        self._history_seen: NDArray[np.int64] = np.zeros(0, np.int64)
        self._profile_pieces: dict[int, NDArray[np.float64]] = {}
        self.allocate(0, 64, 1)

    @property
    def room(self) -> int:
        """Rows that there is room for."""
        return len(self.I)

    @property
    def profiled(self) -> int:
        """Minutes of a session that the volume profile knows."""
        return len(self.profile)

    def allocate(self, used: int, room: int, minutes: int) -> None:
        """Make room for `room` rows and sessions of `minutes`, keeping the first `used` rows."""
        old = self._kept() if used else {}
        marks = self.minutes[self.room :, 0] if used else np.zeros(0)
        self.I = aligned((room, k.NI))
        self.F = self.I.view(np.float64)
        self.F[:, k.FLOATS] = np.nan
        self.F[:, [k.F_UP_LOW, k.F_DOWN_LOW]] = np.inf
        self.I[:, [k.I_OPEN, k.I_CLOSE, k.I_NEWEST, k.I_QUOTE_TIME, k.I_LAST_MINUTE]] = k.NEVER
        self.I[:, k.I_MAX_ID] = -1
        self.I[:, k.I_DUE] = k.FAR
        self.BI = aligned((room * self.slots, k.NJ))
        self.BF = self.BI.view(np.float64)
        self.BI[:, k.J_START] = -1
        self.Q = np.zeros((room, len(QualityKind)), np.int64)
        self.returns = np.zeros((room, k.RETURNS))
        # A row more for each minute of the profile: its first word says that the minute has changed since the
        # last checkpoint. (Not in the profile itself: memory of minutes that never came is not to be touched.)
        self.minutes: NDArray[np.float64] = np.zeros((room + minutes, k.RETURNS))
        self.profile = np.zeros((minutes, room, 3))
        self.hist_t = np.zeros((room, k.HISTORY), np.int64)
        self.hist_f = np.zeros((room, k.HISTORY, 3))
        self.touched = np.zeros(room + 1, np.uint8)
        for name, kept in old.items():
            if name == "profile":
                known = sorted(self._profile_pieces.keys() | set(np.flatnonzero(marks).tolist()))
                self.profile[known, :used] = kept[known, :used]
                self.mark_minutes(np.array(known, np.int64))
            else:
                size = used * self.slots if name == "BI" else used
                getattr(self, name)[:size] = kept[:size]
        table = 1 << max(7, (2 * room - 1).bit_length())
        self.table = np.zeros((table, 2), np.int64)
        self.shift = 64 - (table.bit_length() - 1)
        self.enter(0, used)

    def _kept(self) -> dict[str, NDArray[Any]]:
        return {name: getattr(self, name) for name in (*BY_ROW, "BI", "profile", "hist_t", "hist_f")}

    def enter(self, first: int, count: int) -> None:
        """Let the rows first … count - 1 be found by their ids."""
        fill_table(self.table, np.ascontiguousarray(self.I[:count, k.I_ID]), first, self.shift)

    def find(self, ids: NDArray[Any]) -> NDArray[np.int64]:
        """Row of each instrument id, -1 where it is not known."""
        rows = np.empty(len(ids), np.int64)
        find_rows(self.table, self.shift, np.require(ids, np.int64, ["C", "W"]), rows)
        return rows

    def grow_ring(self) -> None:
        """Twice the room for accepted ticks."""
        self.ring = np.concatenate([self.ring, np.zeros_like(self.ring)])
        self.ring_f = self.ring.view(np.float64)

    def mark_minutes(self, minutes: NDArray[np.int64]) -> None:
        """The profile of these minutes has changed."""
        self.minutes[self.room + minutes, 0] = 1

    def bytes_per_row(self) -> dict[str, float]:
        """Memory of each array for one row, open minutes and the row's place in the table included."""
        held = {name: getattr(self, name).nbytes / self.room for name in (*BY_ROW, "BI", "hist_t", "hist_f", "table")}
        return held | {"profile": self.profile.nbytes / self.room, "ring": self.ring.nbytes / self.room}

    # --- checkpoints -----------------------------------------------------------------------------

    def checkpoint(self, count: int) -> dict[str, NDArray[Any]]:
        """The first `count` rows as arrays that will not change any more."""
        arrays: dict[str, NDArray[Any]] = {name: np.array(getattr(self, name)[:count]) for name in BY_ROW}
        floats = arrays["I"].view(np.float64)
        floats[:, [k.F_UP_LOW, k.F_UP_HIGH, k.F_DOWN_LOW, k.F_DOWN_HIGH]] = np.inf
        arrays["I"][:, [k.I_CAL_LO, k.I_CAL_HI, k.I_HIST_VERSION, k.I_EXTRA]] = 0
        arrays["BI"] = self.BI[: count * self.slots].copy()
        arrays["ring"] = self.ring[: self.ring_used[0]].copy()
        arrays.update(self._history(count))
        arrays.update(self._profile(count))
        return arrays

    def _history(self, count: int) -> dict[str, NDArray[Any]]:
        """Days in use as words (start, high, low, close), one row's behind the other's."""
        versions = self.I[:count, k.I_HIST_VERSION].copy()
        seen = np.zeros(count, np.int64)
        seen[: len(self._history_seen)] = self._history_seen[:count]
        for piece in np.unique(np.flatnonzero(versions != seen) // _HISTORY_ROWS).tolist():
            rows = slice(piece * _HISTORY_ROWS, min(count, (piece + 1) * _HISTORY_ROWS))
            lengths = self.I[rows, k.I_HIST_LEN]
            most = int(lengths.max(initial=0))  # memory that was never written is not touched
            used = np.arange(most) < lengths[:, None]
            words = np.empty((int(used.sum()), 4), np.int64)
            words[:, 0] = self.hist_t[rows, :most][used]
            words[:, 1:] = self.hist_f[rows, :most][used].view(np.int64)
            self._history_pieces[piece] = words
        self._history_seen = versions
        return {f"history/{piece}": words for piece, words in self._history_pieces.items()}

    def _profile(self, count: int) -> dict[str, NDArray[Any]]:
        """A piece for each minute that was ever seen: count, mean and squared deviations by row."""
        marks = self.minutes[self.room :, 0]
        has_changed = marks != 0
        for minute, piece in self._profile_pieces.items():
            if len(piece) != count:
                has_changed[minute] = True
        for minute in np.flatnonzero(has_changed).tolist():
            self._profile_pieces[minute] = self.profile[minute, :count].copy()
        marks[:] = 0
        return {f"profile/{minute}": self._profile_pieces[minute] for minute in sorted(self._profile_pieces)}

    def restore(self, arrays: Mapping[str, NDArray[Any]], count: int) -> None:
        """The inverse, for rows that are defined; from `whole` arrays. The calendars' places stay."""
        ranges = self.I[:count, [k.I_CAL_LO, k.I_CAL_HI]].copy()
        for name in BY_ROW:
            getattr(self, name)[:count] = arrays[name]
        most = int(self.I[:count, k.I_HIST_LEN].max(initial=0))
        self.hist_t[:count, :most], self.hist_f[:count, :most] = arrays["hist_t"][:, :most], arrays["hist_f"][:, :most]
        self.BI[: count * self.slots] = arrays["BI"]
        minutes = arrays["profile"].shape[1]
        self.profile[:minutes, :count] = arrays["profile"].transpose(1, 0, 2)
        self.mark_minutes(np.flatnonzero(arrays["profile"][:, :, 0].any(axis=0)))
        self.I[:count, [k.I_CAL_LO, k.I_CAL_HI]] = ranges
        self.I[:count, k.I_HIST_VERSION] = self.I[:count, k.I_HIST_LEN] > 0
        self.ring_used[0] = len(arrays["ring"])
        self.ring = np.zeros((max(64, len(arrays["ring"])), k.NG), np.int64)
        self.ring[: len(arrays["ring"])] = arrays["ring"]
        self.ring_f = self.ring.view(np.float64)


def whole(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """A checkpoint's arrays with its pieces put together, every array of rows with the row as its first axis.

    `hist_t` and `hist_f` are (rows, days) and `profile` (rows, minutes, 3) again. What is whole stays.
    CheckpointError where pieces are missing or do not fit.
    """
    found = {name: array for name, array in arrays.items() if not name.startswith(("history/", "profile/"))}
    if "profile" in found:
        return found
    try:
        rows = arrays["I"]
        count = len(rows)
        lengths = rows[:, k.I_HIST_LEN]
        pieces = [arrays.get(f"history/{piece}") for piece in range(-(-count // _HISTORY_ROWS))]
        days = np.concatenate([np.empty((0, 4), np.int64), *(piece for piece in pieces if piece is not None)])
        used = np.arange(k.HISTORY) < lengths[:, None]
        found["hist_t"] = np.zeros((count, k.HISTORY), np.int64)
        found["hist_f"] = np.zeros((count, k.HISTORY, 3))
        found["hist_t"][used] = days[:, 0]
        found["hist_f"][used] = days[:, 1:].view(np.float64)
        minutes = {int(name[8:]): array for name, array in arrays.items() if name.startswith("profile/")}
        found["profile"] = np.zeros((count, max(minutes, default=0) + 1, 3))
        for minute, array in minutes.items():
            found["profile"][:, minute] = array
    except (KeyError, ValueError) as error:
        message = f"the checkpoint's rows cannot be put together: {error}"
        raise CheckpointError(message) from error
    return found
