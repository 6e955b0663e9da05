"""Runs of jobs in dictionaries."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from marketbell.core.primitives.errors import NotFoundError
from marketbell.ports.jobs import HOUSE, RESEND_FIRST_S, RESEND_LONGEST_S, DeadLetter, Run

NS = 1_000_000_000


@dataclass(slots=True)
class _Kept:
    """A run with what only the store knows of it."""

    run: Run
    lease_until: int = 0
    told: int = 0
    told_again_at: int = 0

    def is_due(self, now: int) -> bool:
        if self.run.state == "running":
            return self.lease_until <= now
        return self.run.state in {"queued", "failed"} and self.run.next_attempt_at <= now

    def untold(self, run: Run) -> None:
        self.run, self.told, self.told_again_at = run, 0, 0


class MemoryJobs:
    """Runs by id, and the letters of the dead."""

    def __init__(self) -> None:
        self._runs: dict[str, _Kept] = {}
        self._letters: dict[str, DeadLetter] = {}
        self._lock = threading.Lock()

    def enqueue(self, runs: Sequence[Run]) -> int:
        """Keep runs whose key is new."""
        with self._lock:
            new = {run.run_id: _Kept(replace(run, args=_plain(run.args), claim=0)) for run in runs}
            fresh = new.keys() - self._runs.keys()
            self._runs |= {key: new[key] for key in fresh}
            return len(fresh)

    def newest(self) -> dict[str, int]:
        """By job, the newest of the clockwork's own."""
        with self._lock:
            return self._newest()

    def _newest(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for kept in self._runs.values():
            if kept.run.is_scheduled:
                found[kept.run.job] = max(found.get(kept.run.job, 0), kept.run.scheduled_at)
        return found

    def take_due(self, now: int, limit: int = 100) -> list[Run]:
        """Runs to tell a worker of."""
        with self._lock:
            due = [kept for kept in self._runs.values() if kept.is_due(now) and kept.told_again_at <= now]
            due.sort(key=lambda kept: (kept.run.scheduled_at, kept.run.run_id))
            for kept in due[:limit]:
                wait = min(RESEND_FIRST_S * 2.0 ** min(kept.told, 30), RESEND_LONGEST_S)
                kept.told, kept.told_again_at = kept.told + 1, now + int(wait * NS)
            return [kept.run for kept in due[:limit]]

    def not_told(self, run_ids: Sequence[str]) -> None:
        """Due at once again."""
        with self._lock:
            for key in run_ids:
                kept = self._runs[key]
                kept.told, kept.told_again_at = max(kept.told - 1, 0), 0

    def claim(self, run_id: str, now: int, lease_s: float) -> Run | None:
        """Become its worker."""
        with self._lock:
            kept = self._runs.get(run_id)
            if kept is None or not kept.is_due(now):
                return None
            run = kept.run
            kept.untold(
                replace(
                    run,
                    state="running",
                    attempts=run.attempts + 1,
                    claim=run.claim + 1,
                    started_at=now,
                    progress=0.0,
                    stage="",
                )
            )
            kept.lease_until = now + int(lease_s * NS)
            return kept.run

    def report(self, run: Run, now: int, lease_s: float, progress: float | None = None, stage: str = "") -> bool:
        """Renew the lease, and say how far it is."""
        with self._lock:
            kept = self._ours(run)
            if kept is None:
                return False
            kept.lease_until = now + int(lease_s * NS)
            share = kept.run.progress if progress is None else progress
            kept.run = replace(kept.run, progress=share, stage=stage or kept.run.stage)
            return True

    def finish(self, run: Run, result: Mapping[str, Any], now: int) -> bool:
        """Done."""
        with self._lock:
            kept = self._ours(run)
            if kept is None:
                return False
            kept.run = replace(
                kept.run, state="done", progress=1.0, stage="", finished_at=now, error="", result=_plain(result)
            )
            return True

    def fail(self, run: Run, error: str, now: int, next_attempt_at: int) -> bool:
        """Tried again then."""
        with self._lock:
            kept = self._ours(run)
            if kept is None:
                return False
            kept.untold(
                replace(kept.run, state="failed", finished_at=now, error=error, next_attempt_at=next_attempt_at)
            )
            return True

    def put_off(self, run: Run, next_attempt_at: int) -> bool:
        """The attempt does not count."""
        with self._lock:
            kept = self._ours(run)
            if kept is None:
                return False
            attempts = kept.run.attempts - 1
            kept.untold(
                replace(kept.run, state="queued", attempts=attempts, started_at=0, next_attempt_at=next_attempt_at)
            )
            return True

    def bury(self, run: Run, error: str, now: int) -> bool:
        """Dead, with its letter."""
        with self._lock:
            kept = self._ours(run)
            if kept is None:
                return False
            dead = kept.run = replace(kept.run, state="dead", finished_at=now, error=error)
            self._letters[run.run_id] = DeadLetter(
                dead.run_id, dead.job, dead.scheduled_at, dead.owner_id, dead.args, dead.attempts, error, now
            )
            return True

    def run(self, owner_id: str, run_id: str) -> Run | None:
        """One of the owner's or of the house's."""
        with self._lock:
            kept = self._runs.get(run_id)
            return kept.run if kept is not None and kept.run.owner_id in {owner_id, HOUSE} else None

    def runs(
        self,
        owner_id: str,
        limit: int = 50,
        before: tuple[int, str] | None = None,
        job: str = "",
        state: str = "",
        without: str = "",
    ) -> list[Run]:
        """Newest first."""
        with self._lock:
            found = [
                kept.run
                for kept in self._runs.values()
                if kept.run.owner_id in {owner_id, HOUSE}
                and job in {"", kept.run.job}
                and state in {"", kept.run.state}
                and kept.run.job != without
                and (before is None or (kept.run.created_at, kept.run.run_id) < before)
            ]
        return sorted(found, key=lambda run: (run.created_at, run.run_id), reverse=True)[:limit]

    def dead(self, owner_id: str, limit: int = 100) -> list[DeadLetter]:
        """Not replayed, newest first."""
        with self._lock:
            found = [one for one in self._letters.values() if not one.replayed_at and one.owner_id in {owner_id, HOUSE}]
        return sorted(found, key=lambda one: (-one.died_at, one.run_id))[:limit]

    def replay(self, owner_id: str, run_id: str, now: int) -> Run:
        """Begin anew."""
        with self._lock:
            letter = self._letters.get(run_id)
            if letter is None or letter.replayed_at or letter.owner_id not in {owner_id, HOUSE}:
                raise NotFoundError("no such dead letter, or it was replayed already")
            self._letters[run_id] = replace(letter, replayed_at=now)
            kept = self._runs[run_id]
            kept.untold(
                replace(
                    kept.run,
                    state="queued",
                    attempts=0,
                    next_attempt_at=0,
                    progress=0.0,
                    stage="",
                    started_at=0,
                    finished_at=0,
                )
            )
            return kept.run

    def count_dead(self) -> int:
        """Not replayed, of everybody."""
        with self._lock:
            return sum(not one.replayed_at for one in self._letters.values())

    def forget(self, job: str, finished_before: int) -> int:
        """Old runs of a job, except the newest of the clockwork."""
        with self._lock:
            newest = self._newest().get(job)
            gone = [
                kept.run.run_id
                for kept in self._runs.values()
                if kept.run.job == job
                and kept.run.finished_at < finished_before
                and (
                    kept.run.state == "done"
                    or (kept.run.state == "dead" and self._letters[kept.run.run_id].replayed_at)
                )
                and not (kept.run.is_scheduled and kept.run.scheduled_at == newest)
            ]
            for key in gone:
                del self._runs[key]
                self._letters.pop(key, None)
            return len(gone)

    def _ours(self, run: Run) -> _Kept | None:
        kept = self._runs.get(run.run_id)
        return kept if kept is not None and kept.run.claim == run.claim and kept.run.state == "running" else None


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """As a database would give it back."""
    found: dict[str, Any] = orjson.loads(orjson.dumps(dict(values), option=orjson.OPT_SERIALIZE_NUMPY))
    return found
