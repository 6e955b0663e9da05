"""The worker's side: one run from its claim to its outcome, and the lease of what takes long."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import structlog

from marketbell.core.alerts.retry import RetryPolicy, wait_s
from marketbell.core.primitives.errors import MarketbellError, StoreUnavailableError, UserError
from marketbell.flows.jobs.catalogue import NS, Job
from marketbell.ports.clock import Clock
from marketbell.ports.jobs import JobStore, Run

log = structlog.stdlib.get_logger("jobs")

LEASE_S = 20.0
"""A run whose worker says nothing for so long is another's; the keeper renews it well before."""
REPORT_EVERY_S = 0.5
BUSY_WAIT_S = 2.0
FIRST_RETRY_S, LONGEST_RETRY_S = 5.0, 900.0
MAX_ERROR = 2_000
_SETTLE_TRIES = 20
_SETTLE_WAIT_S = 1.0

Report = Callable[[float, str], None]
"""Say a share from 0 to 1 and, in a word, what is being done. Raises StoppedError where the run is no longer ours."""

Work = Callable[[Run, Report], Mapping[str, Any]]
"""What a job does; its facts are the run's result. Doing it twice must come to the same."""


class BusyError(MarketbellError):
    """Another one has to end first: the run waits, and this was no attempt."""


class StoppedError(MarketbellError):
    """The work was stopped from outside: the process ends, or the run is another worker's now."""


@dataclass(slots=True)
class _Held:
    """A run in this process: since when, and how long it may take."""

    run: Run
    job: Job
    since_s: float
    said_s: float = 0.0


class Runner:
    """Does runs by id. Threads may share it; each run has one thread."""

    def __init__(
        self,
        store: JobStore,
        jobs: Mapping[str, Job],
        work: Mapping[str, Work],
        clock: Clock,
        told: Callable[[Run], None] = lambda _: None,
    ) -> None:
        """`told` hears of each change that a person may be looking at."""
        self._store = store
        self._jobs = jobs
        self._work = work
        self._clock = clock
        self._told = told
        self._held: dict[str, _Held] = {}
        self._lock = threading.Lock()

    def run(self, run_id: str) -> str:
        """Claim a run and do it; its state then, "" where there was nothing to do.

        A message may come twice or late: what is done, or somebody's, is not done again. Raises StoreUnavailableError
        where the run could not be claimed: it is still due.
        """
        claimed = self._store.claim(run_id, self._clock.now(), LEASE_S)
        if claimed is None:
            return ""
        job, work = self._jobs.get(claimed.job), self._work.get(claimed.job)
        if job is None or work is None:
            return self._buried(claimed, f"this version knows no job {claimed.job}")
        if claimed.attempts > job.attempts:
            return self._buried(claimed, f"its worker ended {job.attempts} times while doing it")
        held = _Held(claimed, job, self._clock.monotonic())
        with self._lock:
            self._held[run_id] = held
        self._told(claimed)
        try:
            return self._do(held, work)
        finally:
            with self._lock:
                self._held.pop(run_id, None)

    def keep(self) -> Run | None:
        """Renew every lease; called well within LEASE_S. A run that takes longer than its limit, else None.

        What is over its limit in a thread cannot be ended from here: the process has to end itself.
        """
        overdue = None
        with self._lock:
            held = list(self._held.values())
        for one in held:
            if self._clock.monotonic() - one.since_s > one.job.limit_s:
                overdue = one.run
                continue
            try:
                self._store.report(one.run, self._clock.now(), LEASE_S)
            except StoreUnavailableError as error:
                log.warning("lease.not_renewed", job=one.run.job, error=error.message)
        return overdue

    def _do(self, held: _Held, work: Work) -> str:
        run = held.run

        def report(share: float, stage: str) -> None:
            now_s = self._clock.monotonic()
            if now_s - held.said_s < REPORT_EVERY_S:
                return
            held.said_s = now_s
            try:
                is_ours = self._store.report(run, self._clock.now(), LEASE_S, share, stage)
            except StoreUnavailableError:
                return  # the work goes on; its outcome is written when the store is back
            if not is_ours:
                raise StoppedError("the run is another worker's now")
            self._told(replace(run, progress=share, stage=stage))

        try:
            result = work(run, report)
        except BusyError:
            return self._settle(run, "queued", lambda now: self._store.put_off(run, now + int(BUSY_WAIT_S * NS)))
        except StoppedError:
            return self._settle(run, "queued", lambda now: self._store.put_off(run, now))
        except UserError as error:
            return self._buried(run, error.message)
        except Exception as error:  # noqa: BLE001 — whatever a job does, the run has an outcome
            return self._failed(held, error)
        state = self._settle(run, "done", lambda now: self._store.finish(run, result, now))
        if state:
            self._told(replace(run, state="done", progress=1.0, result=result, finished_at=self._clock.now()))
        return state

    def _failed(self, held: _Held, error: Exception) -> str:
        run = held.run
        said = error.message if isinstance(error, MarketbellError) else f"{type(error).__name__}: {error}"
        if isinstance(error, MarketbellError) and error.retryable:
            log.warning("job.failed", job=run.job, run_id=run.run_id, attempts=run.attempts, error=said)
        else:
            log.error("job.failed", job=run.job, run_id=run.run_id, attempts=run.attempts, exc_info=error)
        if run.attempts >= held.job.attempts:
            return self._buried(run, said)
        policy = RetryPolicy(FIRST_RETRY_S, LONGEST_RETRY_S, held.job.attempts)
        wait = wait_s(policy, run.run_id, run.attempts)
        state = self._settle(
            run, "failed", lambda now: self._store.fail(run, said[:MAX_ERROR], now, now + int(wait * NS))
        )
        if state:
            self._told(replace(run, state="failed", error=said[:MAX_ERROR]))
        return state

    def _buried(self, run: Run, said: str) -> str:
        log.error("job.dead", job=run.job, run_id=run.run_id, attempts=run.attempts, error=said)
        state = self._settle(run, "dead", lambda now: self._store.bury(run, said[:MAX_ERROR], now))
        if state:
            self._told(replace(run, state="dead", error=said[:MAX_ERROR], finished_at=self._clock.now()))
        return state

    def _settle(self, run: Run, state: str, write: Callable[[int], bool]) -> str:
        """Write an outcome, also where the store is away for a while. "": the run was no longer ours."""
        for tries in range(_SETTLE_TRIES):
            try:
                is_ours = write(self._clock.now())
            except StoreUnavailableError as error:
                log.warning("job.not_settled", job=run.job, run_id=run.run_id, error=error.message)
                if tries < _SETTLE_TRIES - 1:
                    self._clock.sleep(_SETTLE_WAIT_S)
                continue
            return state if is_ours else ""
        return ""  # its lease runs out, and it is done again
