"""Runs of scheduled and asked-for work, as rows: what a broker loses is sent again from here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Protocol

HOUSE = "house"
"""The owner of the runs that the schedule makes: everybody's and nobody's."""

STATES = ("queued", "running", "done", "failed", "dead")
"""`failed` waits for another try at `next_attempt_at`; `dead` is given up, and has a dead letter."""


def run_id(job: str, scheduled_at: int) -> str:
    """32 hex digits of the key (job, scheduled_at): two clockworks name the same run alike."""
    return blake2b(f"{job}\0{scheduled_at}".encode(), digest_size=16, person=b"mb.run.1").hexdigest()


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a job. Times are ns UTC, 0 where it has not come to that; `progress` is a share from 0 to 1.

    `attempts` counts those that began, this one included; `stage` says in a word what it is doing. `result` is what
    it gave. `is_scheduled` tells a tick of the clockwork from a run that somebody asked for.
    """

    run_id: str
    job: str
    scheduled_at: int
    owner_id: str = HOUSE
    args: Mapping[str, Any] = field(default_factory=dict)
    state: str = "queued"
    attempts: int = 0
    next_attempt_at: int = 0
    progress: float = 0.0
    stage: str = ""
    created_at: int = 0
    started_at: int = 0
    finished_at: int = 0
    error: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)
    is_scheduled: bool = False
    claim: int = field(default=0, compare=False)
    """Which claim of it this is; a later one ends the earlier one's right to write."""


def new_run(
    job: str,
    scheduled_at: int,
    *,
    owner_id: str = HOUSE,
    args: Mapping[str, Any] | None = None,
    now: int,
    is_scheduled: bool = False,
) -> Run:
    """A run that waits for its first attempt, due at once."""
    return Run(
        run_id(job, scheduled_at),
        job,
        scheduled_at,
        owner_id,
        args or {},
        created_at=now,
        is_scheduled=is_scheduled,
    )


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A run that was given up. `replayed_at` is 0 until somebody had it tried again."""

    run_id: str
    job: str
    scheduled_at: int
    owner_id: str
    args: Mapping[str, Any]
    attempts: int
    error: str
    died_at: int
    replayed_at: int = 0


class JobStore(Protocol):
    """Runs by (job, scheduled_at), each of which exists once. Every method is one transaction.

    Who claims a run is its one worker until the lease ends; what an overtaken worker writes is refused.
    Raises StoreUnavailableError when the database does not answer.
    """

    def enqueue(self, runs: Sequence[Run]) -> int:
        """Keep runs whose key is new; the others are there already. How many were new."""

    def newest(self) -> dict[str, int]:
        """By job, the newest `scheduled_at` of the clockwork's own runs."""

    def take_due(self, now: int, limit: int = 100) -> list[Run]:
        """Runs that a worker should be told of now, oldest first; each is told of again later if nothing came of it.

        Waiting ones whose time has come, and running ones whose lease is over. The wait between two tellings
        doubles from RESEND_FIRST_S to RESEND_LONGEST_S, so that a lost message is replaced and a long queue
        does not grow. Two callers never take the same run.
        """

    def not_told(self, run_ids: Sequence[str]) -> None:
        """The broker took no message: these are due at once again."""

    def claim(self, run_id: str, now: int, lease_s: float) -> Run | None:
        """Become its worker: state running, attempts + 1. None where it is done, dead, not due or somebody's."""

    def report(self, run: Run, now: int, lease_s: float, progress: float | None = None, stage: str = "") -> bool:
        """Renew the lease, and say how far it is. False where the run is no longer this claim's."""

    def finish(self, run: Run, result: Mapping[str, Any], now: int) -> bool:
        """Done. False where the run is no longer this claim's."""

    def fail(self, run: Run, error: str, now: int, next_attempt_at: int) -> bool:
        """It did not work; it is tried again then. False where the run is no longer this claim's."""

    def put_off(self, run: Run, next_attempt_at: int) -> bool:
        """It could not begin (others are before it): it waits until then, and the attempt does not count."""

    def bury(self, run: Run, error: str, now: int) -> bool:
        """Give it up, with a dead letter. False where the run is no longer this claim's."""

    def run(self, owner_id: str, run_id: str) -> Run | None:
        """One of the owner's runs or of the house's."""

    def runs(
        self,
        owner_id: str,
        limit: int = 50,
        before: tuple[int, str] | None = None,
        job: str = "",
        state: str = "",
        without: str = "",
    ) -> list[Run]:
        """The owner's and the house's, newest first by (created_at, run_id); `before` is the cursor.

        Of a job, in a state, and `without` those of another job, where these are given.
        """

    def dead(self, owner_id: str, limit: int = 100) -> list[DeadLetter]:
        """Dead letters that nobody has replayed, newest first."""

    def replay(self, owner_id: str, run_id: str, now: int) -> Run:
        """Let a dead run begin anew. NotFoundError where there is no such dead letter."""

    def count_dead(self) -> int:
        """Dead letters that nobody has replayed, of everybody."""

    def forget(self, job: str, finished_before: int) -> int:
        """Delete runs of a job that are done, or dead and replayed, since before that moment.

        The newest run of the clockwork stays: the schedule goes on from it. How many went.
        """


RESEND_FIRST_S = 5.0
RESEND_LONGEST_S = 600.0
