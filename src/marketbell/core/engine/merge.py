"""The messages of all shard groups merged into one order, moment by moment, up to the slowest heartbeat.

Nothing here knows what a row means. A moment is complete when every group has told it; its parts then come
out together. Who holds the others back is told by `waiting`, what went wrong by `counts`.
"""

import heapq
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from marketbell.core.columns.rows import ChangedRows
from marketbell.core.market.instrument import Instrument

NEVER = int(np.iinfo(np.int64).min)
COUNTED: tuple[str, ...] = ("messages", "repeats", "gaps", "late_rows", "unknown_rows", "overtaken")
"""All messages; repeated ones; jumps of the position; rows behind their group's heartbeat; rows of instruments
that nobody defined; messages of an owner whose fence is no longer the newest."""


@dataclass(slots=True)
class _Group:
    """What is known of a group. `position` and `heartbeat` are of the newest message that counted.

    `is_known`: its full rows were told; `is_settled`: a moment with them came out.
    """

    name: str
    number: int
    epoch: str = ""
    fence: int = 0
    position: int = 0
    heartbeat: int = NEVER
    is_known: bool = False
    is_settled: bool = False
    asks_for_full: bool = True
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTED, 0))


@dataclass(frozen=True, slots=True)
class Waiting:
    """A group that holds the merged market back: it is told up to `since` only, `behind` ns behind the foremost.

    `reason`: "never heard", "full rows asked for" or "silent". `since` is NEVER where it was never heard.
    """

    group: str
    since: int
    behind: int
    reason: str


@dataclass(frozen=True, slots=True)
class Part:
    """The changes of one message that belong to one moment, ordered by `at`; or what it defines then.

    `group` is the group's number. With `is_full`, `instruments` are all that the group has.
    """

    group: int
    at: NDArray[np.int64]
    ids: NDArray[np.int64]
    event_time: NDArray[np.int64]
    names: tuple[str, ...]
    values: NDArray[np.float64]
    instruments: tuple[Instrument, ...] = ()
    is_full: bool = False

    @property
    def defines(self) -> bool:
        """True where this part is of instruments, not of rows."""
        return bool(self.instruments) or self.is_full


def _defining(group: int, at: int, instruments: tuple[Instrument, ...], *, is_full: bool) -> Part:
    nothing = np.empty(0, np.int64)
    return Part(group, np.array([at], np.int64), nothing, nothing, (), np.empty((0, 0)), instruments, is_full)


class Merge:
    """Groups, and what they told that is not complete yet. One owner, one thread."""

    def __init__(self, groups: Iterable[str], every: int = 1) -> None:
        self.every = every
        self.time = NEVER
        self.rows_waiting = 0
        self._groups: dict[str, _Group] = {}
        self._numbers = 0
        self._pending: dict[int, list[Part]] = {}
        self._cells: list[int] = []
        self.expect(groups)

    def expect(self, groups: Iterable[str]) -> None:
        """These groups make the market from now on. What others told stays until all of these have told in full."""
        expected = tuple(dict.fromkeys(groups))
        for name in expected:
            if name not in self._groups:
                self._groups[name] = _Group(name, self._numbers)
                self._numbers += 1
        self._groups = {name: self._groups[name] for name in expected}

    @property
    def frontier(self) -> int:
        """The newest time (ns UTC) up to which every group has told; NEVER while one was not heard."""
        return min((group.heartbeat for group in self._groups.values()), default=NEVER)

    @property
    def foremost(self) -> int:
        """The newest heartbeat of any group."""
        return max((group.heartbeat for group in self._groups.values()), default=NEVER)

    def waiting(self) -> tuple[Waiting, ...]:
        """Who is behind the foremost group, the furthest first."""
        foremost = self.foremost
        found = []
        for group in self._groups.values():
            if group.heartbeat == foremost and group.is_known:
                continue
            behind = foremost - group.heartbeat if group.heartbeat != NEVER else 0
            reason = "silent"
            if not group.is_known:
                reason = "full rows asked for" if group.counts["messages"] else "never heard"
            found.append(Waiting(group.name, group.heartbeat, behind, reason))
        return tuple(sorted(found, key=lambda one: (one.since, one.group)))

    def asks_for_full(self) -> tuple[str, ...]:
        """Groups that must send all of their rows: those not heard in full yet, and those with a gap."""
        return tuple(name for name, group in self._groups.items() if group.asks_for_full)

    def counts(self) -> dict[str, dict[str, int]]:
        """Counters by group: see COUNTED."""
        return {name: dict(group.counts) for name, group in self._groups.items()}

    def position(self, group: str) -> tuple[str, int]:
        """The group's log epoch and the position behind its newest message."""
        known = self._groups[group]
        return known.epoch, known.position

    @property
    def is_settled(self) -> bool:
        """True once every expected group's full rows came out of `pop`: who else has rows is gone."""
        return all(group.is_settled for group in self._groups.values())

    @property
    def numbers(self) -> tuple[int, ...]:
        """Numbers of the expected groups."""
        return tuple(group.number for group in self._groups.values())

    def name_of(self, number: int) -> str:
        """The name of a group by its number; '' where it is no longer expected."""
        return next((group.name for group in self._groups.values() if group.number == number), "")

    def count(self, number: int, kind: str, size: int) -> None:
        """Add to a counter of a group by its number."""
        for group in self._groups.values():
            if group.number == number:
                group.counts[kind] += size

    def take(self, message: ChangedRows) -> bool:
        """Take a message; False where it changes nothing.

        That is: a repeat, an overtaken owner, a group that is not expected, or changes of a group whose full
        rows were not told since its log began.
        """
        group = self._groups.get(message.group)
        if group is None:
            return False
        group.counts["messages"] += 1
        if message.fence < group.fence:
            group.counts["overtaken"] += 1
            return False
        is_same_log = group.is_known and message.epoch == group.epoch
        if not is_same_log and not message.is_full:
            group.asks_for_full, group.is_known = True, False
            return False
        if is_same_log and message.last <= group.position and message.heartbeat <= group.heartbeat:
            group.counts["repeats"] += 1
            return False
        if is_same_log and message.first > group.position:
            group.counts["gaps"] += 1
            group.asks_for_full = True
        if message.is_full:
            group.asks_for_full = False
        self._queue(group, message, overlaps=is_same_log and message.first < group.position)
        group.is_known = True
        group.epoch, group.fence, group.position = message.epoch, message.fence, message.last
        group.heartbeat = max(group.heartbeat, message.heartbeat)
        return True

    def _queue(self, group: _Group, message: ChangedRows, *, overlaps: bool) -> None:
        at = np.asarray(message.at, np.int64)
        ids, event_time, values = message.instrument_id, message.event_time, message.values
        if overlaps and not message.is_full:  # what stands at or before the heartbeat was told before
            new = at > group.heartbeat
            at, ids, event_time, values = at[new], ids[new], event_time[new], values[:, new]
        floor = max(group.heartbeat, self.time) + 1
        if not message.is_full:
            group.counts["late_rows"] += int(np.count_nonzero(at < floor))
        at = np.maximum(at, floor)
        order = np.argsort(at, kind="stable")
        at, ids, event_time, values = at[order], ids[order], event_time[order], values[:, order]
        if message.instruments or message.is_full:
            newest = int(at[0]) if message.is_full and len(at) else message.heartbeat
            defined = max(message.defined_at or newest, floor)
            instruments = tuple(Instrument.from_dict(dict(one)) for one in message.instruments)
            self._push(self._cell(defined), _defining(group.number, defined, instruments, is_full=message.is_full))
        cells = -(-at // self.every) * self.every
        for cell in np.unique(cells).tolist():
            low, high = np.searchsorted(cells, [cell, cell + 1]).tolist()
            part = Part(
                group.number, at[low:high], ids[low:high], event_time[low:high], message.names, values[:, low:high]
            )
            self._push(cell, part)

    def _cell(self, time: int) -> int:
        return -(-time // self.every) * self.every

    def _push(self, cell: int, part: Part) -> None:
        if cell not in self._pending:
            self._pending[cell] = []
            heapq.heappush(self._cells, cell)
        self._pending[cell].append(part)
        self.rows_waiting += len(part.ids)

    def pop(self) -> tuple[int, list[Part]] | None:
        """The next moment and its parts, each group's in its own order; None where none is complete."""
        if not self._cells or self._cells[0] > self.frontier:
            return None
        self.time = heapq.heappop(self._cells)
        # which group comes first makes no difference to any row: a row has one owner
        parts = sorted(self._pending.pop(self.time), key=lambda part: part.group)
        full = {part.group for part in parts if part.is_full}
        for group in self._groups.values():
            group.is_settled |= group.number in full
        self.rows_waiting -= sum(len(part.ids) for part in parts)
        return self.time, parts

    # --- checkpoint ----------------------------------------------------------------------------------

    def checkpoint(self) -> dict[str, NDArray[Any]]:
        """Groups and what waits, as arrays; `meta` is JSON bytes."""
        arrays: dict[str, NDArray[Any]] = {}
        waiting = []
        parts = [(cell, part) for cell in sorted(self._pending) for part in self._pending[cell]]
        for number, (cell, part) in enumerate(parts):
            for name in ("at", "ids", "event_time", "values"):
                arrays[f"part.{number}.{name}"] = np.array(getattr(part, name))
            waiting.append(
                {
                    "cell": cell,
                    "group": part.group,
                    "names": part.names,
                    "instruments": [one.as_dict() for one in part.instruments],
                    "is_full": part.is_full,
                }
            )
        meta = {
            "every": self.every,
            "time": self.time,
            "numbers": self._numbers,
            "groups": [asdict(group) for group in self._groups.values()],
            "waiting": waiting,
        }
        arrays["meta"] = np.frombuffer(json.dumps(meta).encode(), np.uint8)
        return arrays

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The inverse. KeyError, TypeError or ValueError where the arrays do not fit."""
        meta = json.loads(np.asarray(arrays["meta"], np.uint8).tobytes())
        merge = cls((), meta["every"])
        merge.time, merge._numbers = meta["time"], meta["numbers"]
        merge._groups = {one["name"]: _Group(**one) for one in meta["groups"]}
        for number, one in enumerate(meta["waiting"]):
            at, ids, event_time, values = (
                arrays[f"part.{number}.{name}"] for name in ("at", "ids", "event_time", "values")
            )
            instruments = tuple(Instrument.from_dict(item) for item in one["instruments"])
            part = Part(
                one["group"], at, ids, event_time, tuple(one["names"]), values, instruments, is_full=one["is_full"]
            )
            merge._push(one["cell"], part)
        return merge
