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
from marketbell.flows.stream.partition import Recorded
from marketbell.ports.bus import Bus
from marketbell.ports.checkpoints import Checkpoint, CheckpointStore
from marketbell.ports.recordings import RecordingStore

log = structlog.stdlib.get_logger("stream.keeping")

_DAY_NS = 86_400_000_000_000
_FILL: dict[str, float] = {"volume": np.nan, "size": np.nan, "trade_id": -1, "flags": 0}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A state that becomes a checkpoint when everything up to `mark` is durable."""

    mark: int
    checkpoint: Checkpoint
    rows: list[Recorded]
    keys: dict[int, str]
    zone: str


class Keeper:
    """Saves one candidate at a time, of whichever partition; `step` is called by one thread."""

    def __init__(
        self,
        checkpoints: CheckpointStore,
        recordings: RecordingStore,
        bus: Bus,
        *,
        topic: str,
        is_durable: Callable[[int], bool],
        may_write: Callable[[int], bool],
    ) -> None:
        self._checkpoints = checkpoints
        self._recordings = recordings
        self._bus = bus
        self._topic = topic
        self._is_durable = is_durable
        self._may_write = may_write
        self._lock = threading.Lock()
        self._candidates: dict[int, Candidate] = {}
        self.saved: dict[int, Checkpoint] = {}
        self.error = ""

    def wants(self, partition: int) -> bool:
        """True where the last candidate of the partition is on disk."""
        return partition not in self._candidates

    def offer(self, candidate: Candidate) -> None:
        """Take a candidate; the partition must be free (`wants`)."""
        with self._lock:
            self._candidates[candidate.checkpoint.partition] = candidate

    def withdraw(self, partition: int) -> None:
        """Another process owns the partition now: what we took is worth nothing."""
        with self._lock:
            self._candidates.pop(partition, None)

    def begin_recording(self, checkpoint: Checkpoint, date: int) -> None:
        """Keep the state that a session date starts from."""
        try:
            self._recordings.begin(_date_text(date), checkpoint)
        except UnavailableError as error:
            self._failed(error)

    def step(self) -> bool:
        """Save the candidates that may be saved; True if any was."""
        did_save = False
        for candidate in list(self._candidates.values()):
            partition = candidate.checkpoint.partition
            try:
                if not self._is_durable(candidate.mark) or not self._may_write(partition):
                    continue
                self._record(candidate)
                self._checkpoints.save(candidate.checkpoint)
            except UnavailableError as error:
                self._failed(error)
                continue
            with self._lock:
                self._candidates.pop(partition, None)
                self.saved[partition] = candidate.checkpoint
            self.error = ""
            did_save = True
            self._trim(candidate.checkpoint)
        return did_save

    def _record(self, candidate: Candidate) -> None:
        for date, rows in recorded_rows(candidate.rows, candidate.keys, candidate.zone).items():
            self._recordings.write(date, candidate.checkpoint.partition, rows)

    def _trim(self, checkpoint: Checkpoint) -> None:
        """Let the bus forget what the oldest checkpoint and the recording have behind them."""
        try:
            oldest = self._checkpoints.oldest(checkpoint.partition)
            if oldest is not None and oldest[0] == checkpoint.epoch and oldest[1]:
                self._bus.trim(self._topic, checkpoint.partition, oldest[1])
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
