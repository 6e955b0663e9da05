"""What must be in the database before a checkpoint may pass it: firings and closed bars.

Two lanes, so that a firing never waits behind a bulk write. Each takes work in log order under a mark
(a number that grows with every batch); `passed(mark)` says that nothing up to it is still waiting. A
checkpoint is saved only behind both. So a kill between two checkpoints loses nothing: the bars and firings
since the last one are derived again from the log, and the stores keep one of each.
"""

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import structlog

from marketbell.core.columns.frame import Columns
from marketbell.core.primitives.errors import MarketbellError, OvertakenError, StoreUnavailableError
from marketbell.core.primitives.shards import Shards
from marketbell.ports.ledger import Firing, Ledger
from marketbell.ports.stores import BarStore, QualityStore, RuleStore, SnapshotStore

log = structlog.stdlib.get_logger("stream.durable")

_ROWS_A_PUT = 100_000


class Lane:
    """A queue with marks and a patient worker. `step` is called by one thread, the rest by another."""

    name = "lane"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._has_work = threading.Event()
        self._oldest: deque[int] = deque()
        self.error = ""

    def passed(self, mark: int) -> bool:
        """True where no work with this mark or an earlier one waits."""
        with self._lock:
            return not self._oldest or self._oldest[0] > mark

    @property
    def depth(self) -> int:
        """Batches that wait."""
        return len(self._oldest)

    def step(self) -> bool:
        """Write what waits. False where nothing did, or the store did not answer."""
        raise NotImplementedError

    def run(self, is_stopping: Callable[[], bool]) -> None:
        """Work as it comes, and try again after failures, until told to stop."""
        wait_s = 0.1
        while not is_stopping():
            if self.step():
                wait_s = 0.1
                continue
            if self.error:
                self._has_work.wait(wait_s)
                wait_s = min(2 * wait_s, 2.0)
            else:
                self._has_work.wait(0.1)
            self._has_work.clear()

    def _failed(self, error: MarketbellError) -> bool:
        if not self.error:
            log.warning("store.delayed", lane=self.name, error=error.message, waiting=self.depth)
        self.error = error.message
        return False

    def _done(self) -> None:
        if self.error:
            log.info("store.resumed", lane=self.name)
        self.error = ""


@dataclass(frozen=True, slots=True)
class LedgerJob:
    """Firings of one batch of some shards, their owner's fence, and their place in the log."""

    mark: int
    shards: Shards
    fence: int
    epoch: str
    offset: int
    firings: tuple[Firing, ...]
    spent: tuple[str, ...] = ()
    """Rules that fire once, and did."""
    problems: Mapping[str, str] = field(default_factory=dict)
    """Rules (uid) that cannot be evaluated, and why."""


class LedgerLane(Lane):
    """Firings: durable first, then told. Progress of batches without firings goes along when it is asked for."""

    name = "ledger"

    def __init__(self, ledger: Ledger, rules: RuleStore, tell: Callable[[Sequence[Firing]], None]) -> None:
        super().__init__()
        self._ledger = ledger
        self._rules = rules
        self._tell = tell
        self._jobs: deque[LedgerJob] = deque()
        self.written = 0
        self.overtaken = 0
        """The newest fence that the ledger refused: its owner must stand back."""

    def put(self, job: LedgerJob) -> None:
        """Take a job."""
        with self._lock:
            self._jobs.append(job)
            self._oldest.append(job.mark)
        self._has_work.set()

    def step(self) -> bool:
        """Write all that waits for the shards at the head in one transaction."""
        with self._lock:
            if not self._jobs:
                return False
            head = self._jobs[0]
            jobs = []
            for job in self._jobs:
                if (job.shards, job.fence, job.epoch) != (head.shards, head.fence, head.epoch):
                    break
                jobs.append(job)
        firings = [firing for job in jobs for firing in job.firings]
        place = jobs[-1]
        try:
            self._ledger.append(firings, list(place.shards), place.epoch, place.offset, place.fence)
            self._mark(jobs)
        except OvertakenError:
            self._refused(place.fence)
            return True
        except StoreUnavailableError as error:
            return self._failed(error)
        with self._lock:
            for job in jobs:
                if self._jobs and self._jobs[0] is job:  # unless all was cleared meanwhile
                    self._jobs.popleft()
                    self._oldest.popleft()
        self.written += len(firings)
        self._done()
        told = [firing for firing in firings if not firing.suppressed]
        if told:
            self._tell(told)
        return True

    def _mark(self, jobs: Sequence[LedgerJob]) -> None:
        """What the batch did to its rules, for display."""
        spent = [uid for job in jobs for uid in job.spent]
        problems = {uid: reason for job in jobs for uid, reason in job.problems.items()}
        if spent:
            self._rules.mark_fired(spent)
        if problems:
            self._rules.mark_problem(problems)

    def _refused(self, fence: int) -> None:
        """Somebody newer owns the shards, and derives from the log what we wanted to write."""
        log.warning("ledger.refused", fence=fence, waiting=self.depth)
        self.overtaken = max(fence, self.overtaken)
        self.clear()

    def clear(self) -> None:
        """Forget what waits."""
        with self._lock:
            self._jobs.clear()
            self._oldest.clear()


@dataclass(slots=True)
class BarJob:
    """Closed bars of one batch."""

    mark: int
    timeframe: str
    rows: Columns
    tries: int = field(default=0)


class BarLane(Lane):
    """Closed bars by COPY, gathered; and the newest snapshot and quality totals, of which only the last counts."""

    name = "bars"

    def __init__(
        self,
        bars: BarStore,
        snapshots: SnapshotStore,
        quality: QualityStore,
        may_write: Callable[[], bool] = lambda: True,
    ) -> None:
        """`may_write` tells whether we own the shards still; raises StoreUnavailableError while nobody knows."""
        super().__init__()
        self._may_write = may_write
        self._bars = bars
        self._snapshots = snapshots
        self._quality = quality
        self._jobs: deque[BarJob] = deque()
        self._newest: dict[str, Callable[[], None]] = {}

    @property
    def depth(self) -> int:
        """Batches of bars, snapshots and totals that wait: a stop must see all of them written."""
        return len(self._oldest) + len(self._newest)

    def put(self, mark: int, timeframe: str, rows: Columns) -> None:
        """Take bars; no rows, no job."""
        if not len(rows["start"]):
            return
        with self._lock:
            self._jobs.append(BarJob(mark, timeframe, rows))
            self._oldest.append(mark)

    def snapshot(self, session_date: str, rows: dict[int, dict[str, Any]], as_of: int, label: str = "") -> None:
        """Keep these rows, unless newer ones of the same shards (`label`) come before they are written."""
        with self._lock:
            self._newest[f"snapshot {session_date} {label}"] = lambda: self._snapshots.put(session_date, rows, as_of)

    def quality(self, session_date: str, counts: dict[int, dict[str, int]], label: str = "") -> None:
        """Keep these totals, unless newer ones of the same shards (`label`) come before they are written."""
        with self._lock:
            self._newest[f"quality {session_date} {label}"] = lambda: self._quality.put(session_date, counts)

    def clear(self) -> None:
        """Forget what waits: somebody else owns the shards, and writes the same."""
        with self._lock:
            self._jobs.clear()
            self._newest.clear()
            self._oldest.clear()

    def step(self) -> bool:
        """Write what waits: all bars of the head's timeframe in one COPY."""
        taken, newest = self._next()
        if not taken and newest is None:
            return False
        try:
            if not self._may_write():
                return False
            if taken:
                names = [name for name in taken[0].rows if all(name in job.rows for job in taken)]
                columns = {name: np.concatenate([job.rows[name] for job in taken]) for name in names}
                self._bars.put(taken[0].timeframe, columns)
            elif newest is not None:
                newest[1]()
        except StoreUnavailableError as error:
            return self._failed(error)
        with self._lock:
            for job in taken:
                if self._jobs and self._jobs[0] is job:  # unless all was cleared meanwhile
                    self._jobs.popleft()
                    self._oldest.popleft()
            if newest is not None and self._newest.get(newest[0]) is newest[1]:
                del self._newest[newest[0]]
        self._done()
        return True

    def _next(self) -> tuple[list[BarJob], tuple[str, Callable[[], None]] | None]:
        """Bars of one timeframe from the head of the queue, else the newest of something."""
        with self._lock:
            taken: list[BarJob] = []
            rows = 0
            for job in self._jobs:
                if job.timeframe != self._jobs[0].timeframe or rows > _ROWS_A_PUT:
                    break
                taken.append(job)
                rows += len(job.rows["start"])
            return taken, None if taken else next(iter(self._newest.items()), None)
