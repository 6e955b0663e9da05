"""Checkpoints and recordings: when they are taken, and that nothing is forgotten before both have it."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import structlog

from marketbell.core.columns.frame import SCHEMAS, Columns, FrameKind
from marketbell.core.primitives.errors import UnavailableError
from marketbell.core.primitives.shards import Shards, shards_of
from marketbell.flows.stream.partition import Recorded
from marketbell.ports.bus import Bus
from marketbell.ports.checkpoints import Checkpoint, CheckpointStore
from marketbell.ports.recordings import RecordingStore

log = structlog.stdlib.get_logger("stream.keeping")

_DAY_NS = 86_400_000_000_000
_FILL: dict[str, float] = {"volume": np.nan, "size": np.nan, "trade_id": -1, "flags": 0}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A state that becomes a checkpoint when everything up to `mark` is durable. `label` names it in recordings."""

    mark: int
    checkpoint: Checkpoint
    label: str
    rows: list[Recorded]
    keys: dict[int, str]
    zone: str


@dataclass(frozen=True, slots=True)
class Saved:
    """Where the newest checkpoint of some shards stands, and when it was taken (ns UTC)."""

    epoch: str
    offset: int
    taken_at: int


class Keeper:
    """Saves one candidate at a time, of whichever shards; `step` is called by one thread."""

    def __init__(
        self,
        checkpoints: CheckpointStore,
        recordings: RecordingStore,
        bus: Bus,
        *,
        topic: str,
        is_durable: Callable[[int], bool],
        may_write: Callable[[], bool],
        partitions: Callable[[], int],
    ) -> None:
        self._checkpoints = checkpoints
        self._recordings = recordings
        self._bus = bus
        self._topic = topic
        self._is_durable = is_durable
        self._may_write = may_write
        self._partitions = partitions
        self._lock = threading.Lock()
        self._candidates: dict[Shards, Candidate] = {}
        self.saved: dict[Shards, Saved] = {}
        self.error = ""

    def wants(self, shards: Shards) -> bool:
        """True where the last candidate of these shards is on disk."""
        return shards not in self._candidates

    def offer(self, candidate: Candidate) -> None:
        """Take a candidate; its shards must be free (`wants`)."""
        with self._lock:
            self._candidates[candidate.checkpoint.shards] = candidate

    def withdraw(self, shards: Shards) -> None:
        """Another process, or another part of this one, has the shards now: what we took is worth nothing."""
        with self._lock:
            self._candidates.pop(shards, None)
            self.saved.pop(shards, None)

    def begin_recording(self, checkpoint: Checkpoint, label: str, date: int) -> None:
        """Keep the state that a session date starts from."""
        try:
            self._recordings.begin(_date_text(date), label, checkpoint)
        except UnavailableError as error:
            self._failed(error)

    def step(self) -> bool:
        """Save the candidates that may be saved; True if any was."""
        did_save = False
        for shards, candidate in list(self._candidates.items()):
            try:
                if not self._is_durable(candidate.mark) or not self._may_write():
                    continue
                if self._candidates.get(shards) is not candidate:
                    continue  # withdrawn while we asked
                self._record(candidate)
                self._checkpoints.save(candidate.checkpoint)
            except UnavailableError as error:
                self._failed(error)
                continue
            checkpoint = candidate.checkpoint
            with self._lock:
                if self._candidates.get(shards) is candidate:
                    del self._candidates[shards]
                    self.saved[shards] = Saved(checkpoint.epoch, checkpoint.offset, checkpoint.taken_at)
            self.error = ""
            did_save = True
            self._trim(checkpoint)
        return did_save

    def _record(self, candidate: Candidate) -> None:
        for date, rows in recorded_rows(candidate.rows, candidate.keys, candidate.zone).items():
            self._recordings.write(date, candidate.label, rows)

    def _trim(self, checkpoint: Checkpoint) -> None:
        """Let the bus forget what the oldest checkpoints of all the partition's shards have behind them."""
        whole = shards_of(checkpoint.partition, self._partitions())
        try:
            kept = [place for place in self._checkpoints.kept() if place.shards.common(whole) is not None]
            held = {shard for place in kept for shard in place.shards}
            here = (checkpoint.partition, checkpoint.epoch)
            if held.issuperset(whole) and all((one.partition, one.epoch) == here and one.offset for one in kept):
                self._bus.trim(self._topic, checkpoint.partition, min(one.offset for one in kept))
        except UnavailableError as error:
            self._failed(error)

    def _failed(self, error: UnavailableError) -> None:
        if not self.error:
            log.warning("checkpoint.delayed", error=error.message)
        self.error = error.message


def recorded_rows(entries: list[Recorded], keys: dict[int, str], zone: str) -> dict[str, Columns]:
    """Trade rows by the local date of the source's clock, with `instrument` and `position` beside them."""
    if not entries:
        return {}
    whole: dict[str, Any] = {}
    for name, dtype in SCHEMAS[FrameKind.TRADE]:
        pieces = []
        for entry in entries:
            piece = entry.columns.get(name)
            if piece is None:
                piece = (
                    entry.columns["event_time"]
                    if name == "ingest_time"
                    else np.full(len(entry.columns["event_time"]), _FILL[name], dtype)
                )
            pieces.append(piece)
        whole[name] = np.concatenate(pieces)
    counts = [len(entry.columns["event_time"]) for entry in entries]
    whole["position"] = np.repeat(np.array([entry.offset for entry in entries], np.int64), counts)
    ids, at = np.unique(whole["instrument_id"], return_inverse=True)
    whole["instrument"] = np.array([keys.get(int(one), f"id:{one}") for one in ids], object)[at]
    days = _local_days(whole["ingest_time"], zone)
    parts: dict[str, Columns] = {}
    for day in np.unique(days):
        mine = np.flatnonzero(days == day)
        parts[_date_text(int(day))] = {name: column[mine] for name, column in whole.items()}
    return parts


def _local_days(times: Any, zone: str) -> Any:
    """Days since 1970 of times in a zone; the offset is taken once an hour."""
    hours, at = np.unique(np.asarray(times, np.int64) // 3_600_000_000_000, return_inverse=True)
    offsets = [
        (ZoneInfo(zone).utcoffset(datetime(1970, 1, 1) + timedelta(hours=int(hour))) or timedelta()).total_seconds()  # noqa: DTZ001 — the zone is asked about the naive hour
        for hour in hours
    ]
    return (np.asarray(times, np.int64) + np.array(offsets, np.float64)[at].astype(np.int64) * 1_000_000_000) // _DAY_NS


def _date_text(days: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=days)).date().isoformat()
