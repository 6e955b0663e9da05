"""Shards of one partition of the log and the engine that lives on them: decode, apply, remember the place.

A process reads each partition of its shards once for each of these, and takes what concerns them. Two
neighbours at the same place become one (`joined`); a checkpoint of more shards is cut (`restore`).
Everything here follows from the frames alone. Two commands are the partition's own: `run` begins a pass
of a source (an engine that belongs to another run is replaced by an empty one), `end_of_source` makes
final what is open.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import orjson
from numpy.typing import NDArray

from marketbell.core.columns.frame import Columns, Frame, FrameKind, decode
from marketbell.core.engine.engine import Engine
from marketbell.core.engine.handover import merge, moved, split
from marketbell.core.engine.line_up import Extra
from marketbell.core.engine.outputs import Outputs
from marketbell.core.market.homes import Homes
from marketbell.core.primitives.errors import CheckpointError, CorruptFrameError
from marketbell.core.primitives.shards import ALL_SHARDS, Shards
from marketbell.flows.stream.own import learn, own_part
from marketbell.ports.checkpoints import Checkpoint

_QUALITY = "flow.quality"
_PRODUCERS = "flow.producers"
_HOMES = "flow.homes"
_FACTS = "flow.facts"
_RUN, _END = b'"run"', b'"end_of_source"'
_GAPS_KEPT = 100


class EngineMaker(Protocol):
    """New engines, and engines from checkpoints (CheckpointError where the arrays do not fit)."""

    @property
    def extra(self) -> Sequence[Extra]:
        """The operators behind the engine's own."""

    def new(self) -> Engine: ...
    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> Engine: ...


@dataclass(frozen=True, slots=True)
class Recorded:
    """Trade rows as they stood in the log, one entry of it. `offset` is its place."""

    offset: int
    columns: Columns


@dataclass(slots=True)
class Applied:
    """What came of a batch of log entries."""

    outputs: list[Outputs] = field(default_factory=list)
    trades: list[Recorded] = field(default_factory=list)
    corrupt: list[tuple[int, bytes, str]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    began: Checkpoint | None = None
    """State before the first entry of a new session date: a recording starts from it."""
    needs_preamble: bool = False
    """The log begins in the middle of something: its writer must say again what came before."""


class Partition:
    """State of some shards of one partition. The owner is one thread."""

    def __init__(
        self,
        number: int,
        make: EngineMaker,
        date_of: Callable[[Engine, int], int],
        shards: Shards = ALL_SHARDS,
        whole: Shards = ALL_SHARDS,
    ) -> None:
        """`whole` are all shards that the partition carries, `shards` those that live here.

        `date_of(engine, time)` gives the session date, days since 1970, of a time of the source's clock.
        """
        self.number = number
        self.shards = shards
        self.whole = whole
        self.homes = Homes(whole)
        self._make = make
        self._date_of = date_of
        self.engine = self._whole_or_not(make.new())
        self.epoch = ""
        self.offset = 0
        self.run = ""
        self.sequence = 0
        self.producers: dict[int, int] = {}
        self.quality: dict[tuple[int, int, int], int] = {}
        self.gaps: deque[dict[str, Any]] = deque(maxlen=_GAPS_KEPT)
        self.gap_count = 0
        self.date = 0
        self.told = 0
        """Market time (ns UTC) up to which the other processes were told of these shards."""
        self.on_heartbeat: Callable[[Partition], None] | None = None
        """Called behind each heartbeat of the log, with everything up to it applied."""
        self._has_begun = False

    def reset(self) -> None:
        """An empty state at the beginning of whatever log there is."""
        on_heartbeat = self.on_heartbeat
        self.__init__(self.number, self._make, self._date_of, self.shards, self.whole)  # type: ignore[misc]
        self.on_heartbeat = on_heartbeat

    @property
    def label(self) -> str:
        """Its name for people and files: the partition's number, with the shards where they are not all of it."""
        return str(self.number) if self.shards == self.whole else f"{self.number}.{self.shards}"

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint of these shards, or of more. CheckpointError leaves an empty state."""
        self.reset()
        arrays = dict(checkpoint.arrays)
        try:
            quality, producers, homes, facts = (arrays.pop(name) for name in (_QUALITY, _PRODUCERS, _HOMES, _FACTS))
        except KeyError as error:
            message = f"the checkpoint lacks {error}"
            raise CheckpointError(message) from error
        known = Homes.restore(homes, self.whole)
        if checkpoint.shards != self.shards:
            arrays = split(arrays, self.shards, known, first=checkpoint.shards.first, extra=self._make.extra)
            quality = quality[known.inside(np.ascontiguousarray(quality[:, 1]), self.shards)]
        if checkpoint.partition != self.number:
            arrays = moved(arrays, self.number)
        self.engine = self._whole_or_not(self._make.restore(arrays))
        self.homes = known
        self.quality = {(int(a), int(b), int(c)): int(n) for a, b, c, n in quality}
        self.producers = {int(producer): int(last) for producer, last in producers}
        self.epoch, self.offset, self.run = checkpoint.epoch, checkpoint.offset, checkpoint.run
        self.sequence = checkpoint.sequence
        self.date, self.told = (int(value) for value in facts)
        self._has_begun = True

    def checkpoint(self, taken_at: int, fence: int = 0) -> Checkpoint:
        """The state behind the newest applied entry; shares nothing with it."""
        arrays = dict(self.engine.checkpoint())
        quality = [(*place, count) for place, count in self.quality.items()]
        arrays[_QUALITY] = np.array(quality, np.int64).reshape(len(quality), 4)
        arrays[_PRODUCERS] = np.array(list(self.producers.items()), np.int64).reshape(len(self.producers), 2)
        arrays[_HOMES] = self.homes.checkpoint()
        arrays[_FACTS] = np.array([self.date, self.told], np.int64)
        return Checkpoint(
            self.number, self.epoch, self.offset, self.sequence + 1, self.run, taken_at, arrays, self.shards, fence
        )

    def meets(self, other: "Partition") -> bool:
        """True where `other` holds the next shards and stands at the same place, so that the two can be one."""
        return (
            self.shards.last + 1 == other.shards.first
            and (self.number, self.epoch, self.offset, self.run) == (other.number, other.epoch, other.offset, other.run)
            and self._has_begun == other._has_begun  # noqa: SLF001 — our own kind
            and self.date == other.date
            and self.producers == other.producers
            and np.array_equal(self.homes.checkpoint(), other.homes.checkpoint())
        )

    def joined(self, other: "Partition") -> "Partition":
        """Both in one. CheckpointError where their engines do not fit: then they go on side by side."""
        one = Partition(
            self.number, self._make, self._date_of, Shards(self.shards.first, other.shards.last), self.whole
        )
        arrays = merge([self.engine.checkpoint(), other.engine.checkpoint()], self.homes, self._make.extra)
        arrays["touched"] = np.ones_like(arrays["touched"])  # who publishes rows knows them by new numbers now
        one.engine = one._whole_or_not(self._make.restore(arrays))
        one.homes, one.date = self.homes, self.date
        one.told, one.on_heartbeat = max(self.told, other.told), self.on_heartbeat
        one.quality = dict(self.quality)
        for place, count in other.quality.items():
            one.quality[place] = one.quality.get(place, 0) + count
        one.producers = dict(self.producers)
        one.epoch, one.offset, one.run = self.epoch, self.offset, self.run
        one.sequence = max(self.sequence, other.sequence)
        one.gap_count = max(self.gap_count, other.gap_count)
        one.gaps.extend(sorted([*self.gaps, *other.gaps], key=lambda gap: gap["at"]))
        one._has_begun = self._has_begun
        return one

    def _whole_or_not(self, engine: Engine) -> Engine:
        engine.is_whole = self.shards == ALL_SHARDS
        return engine

    def note_gap(self, reason: str, at: int, **facts: Any) -> None:
        """Remember that something is missing; it is shown, never skipped."""
        self.gap_count += 1
        self.gaps.append({"reason": reason, "at": at, "partition": self.number, "shards": str(self.shards), **facts})

    def apply(self, entries: list[tuple[int, bytes]], now: int) -> Applied:  # noqa: C901 — what may stand in a log
        """Apply log entries in order. `now` (ns) only stamps what is shown or kept beside the state."""
        applied = Applied()
        run: list[Frame] = []
        for offset, data in entries:
            try:
                frame = decode(data)
            except CorruptFrameError as error:
                applied.corrupt.append((offset, data, error.message))
                self.note_gap("corrupt frame", now, offset=offset)
                self.offset = offset
                continue
            if frame.kind is FrameKind.COMMAND and (_RUN in frame.payload or _END in frame.payload):
                self._flush(run, applied)
                run = []
                if self._own_command(frame, applied):
                    self.offset = offset
                    continue
            if not self._has_begun:
                self._has_begun = True
                applied.needs_preamble = not self.run
            if frame.kind is FrameKind.TRADE and frame.count and self._is_new_date(frame):
                self._flush(run, applied)
                run = []
                applied.began = applied.began or self.checkpoint(now)
                self.date = self._date_of(self.engine, _clock(frame))
            if frame.kind is FrameKind.COMMAND and self.shards != self.whole:
                self._flush(run, applied)  # which rules are known here decides what a command means
                run = []
            own = self._own(frame)
            if own is not None:
                run.append(own)
                self._count(own, offset, applied)
            if frame.first_seq != frame.last_seq:
                last = self.producers.get(frame.producer, frame.last_seq)
                self.producers[frame.producer] = max(last, frame.last_seq)
            self.offset = offset
            if frame.kind is FrameKind.HEARTBEAT and self.on_heartbeat is not None:
                self._flush(run, applied)
                run = []
                self.on_heartbeat(self)
        self._flush(run, applied)
        return applied

    def _count(self, own: Frame, offset: int, applied: Applied) -> None:
        """Note a frame's rows, and those that are to be recorded: trades that were not applied before."""
        kind = own.kind.name.lower()
        applied.counts[kind] = applied.counts.get(kind, 0) + (own.count if own.columns else 1)
        if own.kind is FrameKind.TRADE and own.count and own.last_seq > self.producers.get(own.producer, -1):
            applied.trades.append(Recorded(offset, own.columns))

    def _own(self, frame: Frame) -> Frame | None:
        """What of a frame concerns our shards."""
        learn(frame, self.homes)
        if self.shards == self.whole:
            return frame
        applied = self.producers.get(frame.producer) if frame.first_seq != frame.last_seq else None
        return own_part(frame, self.homes, self.shards, applied, lambda uid: self.engine.levels.version(uid) >= 0)

    def _flush(self, run: list[Frame], applied: Applied) -> None:
        if run:
            self._collect(self.engine.apply(run), applied)

    def _collect(self, outputs: Outputs, applied: Applied) -> None:
        applied.outputs.append(outputs)
        rows = outputs.quality
        for ident, kind, count in zip(
            rows["instrument_id"].tolist(), rows["kind"].tolist(), rows["count"].tolist(), strict=True
        ):
            place = (self.date, ident, kind)
            self.quality[place] = self.quality.get(place, 0) + count
        for gap in outputs.gaps:
            self.note_gap("positions jumped", self.engine.now(), expected=gap.expected, got=gap.got)

    def _own_command(self, frame: Frame, applied: Applied) -> bool:
        payload = orjson.loads(frame.payload)
        if payload.get("type") == "run":
            name = str(payload["run"])
            if self.run not in ("", name):
                self.engine = self._whole_or_not(self._make.new())
                self.producers, self.quality, self.date = {}, {}, 0
                self.homes = Homes(self.whole)
            self.run = name
            self._has_begun = True
            return True
        if payload.get("type") == "end_of_source":
            if payload.get("run") == self.run:
                self._collect(self.engine.finish(), applied)
            return True
        return False

    def _is_new_date(self, frame: Frame) -> bool:
        return self._date_of(self.engine, _clock(frame)) != self.date


def _clock(frame: Frame) -> int:
    """The source's time of a trade frame: stamps of 1970 and of tomorrow do not move it."""
    times = frame.columns.get("ingest_time", frame.columns.get("event_time"))
    return int(times[-1]) if times is not None and len(times) else frame.event_max
