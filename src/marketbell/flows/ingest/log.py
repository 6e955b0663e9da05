"""The one writer of the ordered log: publishes, and spills to disk while the bus takes nothing.

A log is *open* when everything that a reader must know first (source, instruments, history, armed
rules) has been published in its present epoch. Until then, and while the bus is away, frames wait in
the spill queue in the order they came; the queue is drained before anything newer goes out.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from marketbell.core.primitives.errors import BusFullError, BusUnavailableError, StoreUnavailableError, TopicLostError
from marketbell.flows.ingest.frames import Entry
from marketbell.ports.bus import Bus
from marketbell.ports.spill import FrameQueue

LOG = "log"
STREAM_GROUP = "stream"
_CHUNK = 256


class SpillFullError(BusFullError):
    """The bus is away and the queue on disk is full."""


@dataclass(frozen=True, slots=True)
class LogState:
    """What Data health says about the log."""

    epoch: str
    is_open: bool
    spilled_frames: int
    spill_fill: float
    error: str


class LogWriter:
    """Threads may share it. Nothing here waits; who cannot be served is told by SpillFullError."""

    def __init__(self, bus: Bus, spill: FrameQueue, *, partitions: int, retention_frames: int) -> None:
        self.partitions = partitions
        self._bus = bus
        self._spill = spill
        self._retention = retention_frames
        self._lock = threading.RLock()
        self._is_open = False
        self._error = ""
        self.epoch = ""

    def connect(self) -> bool:
        """Make or find the topic; True where its epoch is another than before. Raises BusUnavailableError."""
        with self._lock:
            epoch = self._bus.ensure_topic(LOG, self.partitions, self._retention)
            self.partitions = self._bus.partitions(LOG)
            is_new = epoch != self.epoch
            if is_new:
                self.epoch = epoch
                self._is_open = False
            return is_new

    def check(self) -> bool:
        """True where the topic is not the one we write to: ask `connect` and publish the preamble anew."""
        with self._lock:
            return self._bus.epoch(LOG) != self.epoch

    @property
    def is_open(self) -> bool:
        """True while frames go to the bus, or would, were it not for an outage."""
        return self._is_open

    @property
    def is_spilling(self) -> bool:
        """True while frames wait on disk."""
        return len(self._spill) > 0

    @property
    def spill_fill(self) -> float:
        """How full the queue on disk is, 0 to 1."""
        return self._spill.fill

    def preamble(self, entries: Sequence[Entry]) -> None:
        """Publish entries in front of all that waits. Raises what the bus raises."""
        with self._lock:
            for at in range(0, len(entries), _CHUNK):
                self._bus.publish_many(LOG, entries[at : at + _CHUNK])

    def open(self) -> None:
        """The preamble is complete: from here on frames flow."""
        with self._lock:
            self._is_open = True

    def publish(self, entries: Sequence[Entry]) -> bool:
        """To the bus (True), or to the queue on disk (False). Raises SpillFullError when neither takes them."""
        if not entries:
            return True
        with self._lock:
            if self._is_open and self._drain():
                try:
                    self._bus.publish_many(LOG, entries)
                except (BusUnavailableError, BusFullError) as error:
                    self._failed(error)
                else:
                    self._error = ""
                    return True
            try:
                was_taken = self._spill.append(entries)
            except StoreUnavailableError as error:
                self._error = error.message
                raise SpillFullError(error.message) from error
            if not was_taken:
                raise SpillFullError
            return False

    def drain(self) -> bool:
        """Publish what waits on disk; True when nothing waits any more."""
        with self._lock:
            return self._is_open and self._drain()

    def _drain(self) -> bool:
        while len(self._spill):
            waiting = self._spill.head(_CHUNK)
            try:
                self._bus.publish_many(LOG, waiting)
            except (BusUnavailableError, BusFullError) as error:
                self._failed(error)
                return False
            self._spill.drop(len(waiting))
        return True

    def _failed(self, error: BusUnavailableError | BusFullError) -> None:
        self._error = error.message
        if isinstance(error, TopicLostError):
            self._is_open = False

    def say_lost(self) -> None:
        """A reader or check found that the topic is gone: nothing goes out before a new preamble."""
        with self._lock:
            self._is_open = False

    def discard(self, is_unwanted: Callable[[bytes], bool]) -> int:
        """Take frames out of the queue on disk."""
        with self._lock:
            return self._spill.discard(is_unwanted)

    def lag(self) -> int:
        """Frames of the fullest partition that the stream has not taken. Raises BusUnavailableError."""
        worst = 0
        for partition in range(self.partitions):
            taken = self._bus.committed(STREAM_GROUP, LOG, partition) or 0
            worst = max(worst, self._bus.lag(LOG, partition, taken))
        return worst

    def state(self) -> LogState:
        """For the feeds document."""
        return LogState(self.epoch, self._is_open, len(self._spill), self._spill.fill, self._error)

    # --- positions of producers -----------------------------------------------------------------

    def remember(self, name: str, partition: int, value: int) -> None:
        """Keep a number beside the log; it is lost with the log. Raises BusUnavailableError."""
        self._bus.commit(f"ingest:{name}", LOG, partition, value)

    def recall(self, name: str, partition: int) -> int | None:
        """What `remember` kept. Raises BusUnavailableError."""
        return self._bus.committed(f"ingest:{name}", LOG, partition)

    def newest(self, partition: int) -> bytes | None:
        """The newest frame of a partition. Raises BusUnavailableError."""
        found = self._bus.last(LOG, partition)
        return found[1] if found else None
