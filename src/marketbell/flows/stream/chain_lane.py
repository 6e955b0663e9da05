"""Option chains on their way into their store: a lane of its own, so that nothing else ever waits for it.

A checkpoint waits for this lane like for the others, so a kill loses no chain, but only for a while: where the store
stays away, checkpoints go on, chains wait here, and the oldest of them are let go when there are too many. Both are
shown. Alerts, bars and the ledger never notice.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from marketbell.core.engine.chain_book import ChainUpdate
from marketbell.core.primitives.errors import MarketbellError, StoreUnavailableError
from marketbell.flows.stream.durable import Lane
from marketbell.ports.chains import ChainRecord, ChainStore
from marketbell.ports.clock import Clock

log = structlog.stdlib.get_logger("stream.chains")

MOST_WAITING = 5_000
"""Chains that wait at most: some hours of a few underlyings, half an hour of all of NSE."""
HOLDS_S = 30.0
"""How long a checkpoint waits for a store that does not answer."""
_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class _Job:
    mark: int
    update: ChainUpdate


class ChainLane(Lane):
    """Writes every chain with its metrics; of one moment, underlying and expiry the store keeps the last."""

    name = "chains"

    def __init__(self, chains: ChainStore, clock: Clock, may_write: Callable[[], bool] = lambda: True) -> None:
        """`may_write` tells whether we own the shards still; raises StoreUnavailableError while nobody knows."""
        super().__init__()
        self._chains = chains
        self._clock = clock
        self._may_write = may_write
        self._jobs: deque[_Job] = deque()
        self._failing_since: float | None = None
        self.written = 0
        self.dropped = 0
        """Chains that were let go because the store was away for too long."""

    def put(self, mark: int, updates: Sequence[ChainUpdate]) -> None:
        """Take the chains of a batch."""
        if not updates:
            return
        with self._lock:
            for update in updates:
                self._jobs.append(_Job(mark, update))
                self._oldest.append(mark)
            while len(self._jobs) > MOST_WAITING:
                self._jobs.popleft()
                self._oldest.popleft()
                self.dropped += 1
        self._has_work.set()

    def passed(self, mark: int) -> bool:
        """As of every lane; and where the store has been away for long: nothing is to wait for it."""
        since = self._failing_since
        is_away = since is not None and self._clock.monotonic() - since >= HOLDS_S
        return is_away or super().passed(mark)

    def clear(self) -> None:
        """Forget what waits: somebody else owns the shards, and writes the same."""
        with self._lock:
            self._jobs.clear()
            self._oldest.clear()

    def step(self) -> bool:
        """Write some of what waits, analysed here and not on the stream's own thread."""
        with self._lock:
            jobs = [job for job, _ in zip(self._jobs, range(_AT_ONCE), strict=False)]
        if not jobs:
            return False
        try:
            if not self._may_write():
                return False
            self._put([_record(job.update) for job in jobs])
        except StoreUnavailableError as error:
            if self._failing_since is None:
                self._failing_since = self._clock.monotonic()
            return self._failed(error)
        self._failing_since = None
        with self._lock:
            for job in jobs:
                if self._jobs and self._jobs[0] is job:  # unless it was let go meanwhile
                    self._jobs.popleft()
                    self._oldest.popleft()
        self.written += len(jobs)
        self._done()
        return True

    def _put(self, records: Sequence[ChainRecord]) -> None:
        """All at once, or one by one where the store refuses one of them for what it is."""
        try:
            self._chains.put(records)
        except StoreUnavailableError:
            raise
        except MarketbellError as error:
            if len(records) == 1:
                chain = records[0].chain
                log.error(  # noqa: TRY400 — the message is the fact
                    "chain.refused", underlying=chain.underlying, expiry=str(chain.expiry), error=error.message
                )
                return
            for record in records:
                self._put([record])


def _record(update: ChainUpdate) -> ChainRecord:
    return ChainRecord(update.chain, update.metrics, is_simulated=update.is_simulated)
