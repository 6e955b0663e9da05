"""The clockwork's side: which instants became due, written down once each; and what a worker has to be told of."""

from collections.abc import Callable, Sequence

import structlog

from marketbell.core.primitives.errors import UnavailableError
from marketbell.flows.jobs.catalogue import Job, Timing
from marketbell.ports.clock import Clock
from marketbell.ports.jobs import JobStore, Run, new_run

log = structlog.stdlib.get_logger("jobs")

Tell = Callable[[Run], None]
"""Sends a worker the message of a run. Raises UnavailableError where the broker takes none."""


def due_instants(timing: Timing, after: int, now: int, most: int) -> list[int]:
    """The newest `most` instants in (after, now], oldest first.

    `after` is the newest that was written down: a clock that was set back gives none twice, one that was set
    forward (or a clockwork that was away) gives those in between, late.
    """
    found: list[int] = []
    moment = timing.next(max(after, timing.since(now, most)))
    while moment is not None and moment <= now:
        found.append(moment)
        if len(found) > most:
            found.pop(0)
        moment = timing.next(moment)
    return found


class Planner:
    """Any number of them may run: the store keeps each (job, instant) once, and hands each message to one."""

    def __init__(self, store: JobStore, jobs: Sequence[Job], clock: Clock, tell: Tell) -> None:
        self._store = store
        self._jobs = jobs
        self._clock = clock
        self._tell = tell
        self._begun_at = clock.now()

    def step(self) -> int:
        """Write down what became due and tell the workers; how many messages went out.

        Raises StoreUnavailableError: nothing is lost by that, the next step finds it due still.
        """
        now = self._clock.now()
        newest = self._store.newest()
        # a job that has never run yet goes on from when any clockwork was last at work: it may just have been away
        last_seen = max(newest.values(), default=min(self._begun_at, now))
        runs = [
            new_run(job.name, instant, now=now, is_scheduled=True)
            for job in self._jobs
            if job.timing is not None
            for instant in due_instants(job.timing, newest.get(job.name, last_seen), now, job.catch_up)
        ]
        self._store.enqueue(runs)
        return self._say(self._store.take_due(now))

    def _say(self, due: Sequence[Run]) -> int:
        for told, run in enumerate(due):
            try:
                self._tell(run)
            except UnavailableError as error:
                log.warning("broker.lost", error=error.message, waiting=len(due) - told)
                self._store.not_told([one.run_id for one in due[told:]])
                return told
        return len(due)
