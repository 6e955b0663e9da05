"""Runs of jobs in PostgreSQL, schema jobs."""

from collections.abc import Mapping, Sequence
from typing import Any, LiteralString

from psycopg.types.json import Jsonb

from marketbell.adapters.stores.postgres.connections import Database
from marketbell.core.primitives.errors import NotFoundError
from marketbell.ports.jobs import HOUSE, RESEND_FIRST_S, RESEND_LONGEST_S, DeadLetter, Run

NS = 1_000_000_000

_COLUMNS: LiteralString = """
    run_id, job, scheduled_at, owner_id, args, state, attempts, next_attempt_at, progress, stage, created_at,
    started_at, finished_at, error, result, is_scheduled, claim
"""
_OURS: LiteralString = "run_id = %(run_id)s AND claim = %(claim)s AND state = 'running'"
_DUE: LiteralString = """
    ((state IN ('queued', 'failed') AND next_attempt_at <= %(now)s) OR (state = 'running' AND lease_until <= %(now)s))
"""


class PostgresJobs:
    """Each method is one transaction; a claim is one UPDATE, so two workers never hold the same run."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def enqueue(self, runs: Sequence[Run]) -> int:
        """Keep runs whose key is new."""
        if not runs:
            return 0
        with self._database.transaction() as connection, connection.cursor() as cursor:
            cursor.executemany(
                """
                INSERT INTO jobs.runs (run_id, job, scheduled_at, owner_id, args, next_attempt_at, created_at,
                    is_scheduled)
                VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (job, scheduled_at) DO NOTHING
                """,
                [
                    (
                        run.run_id,
                        run.job,
                        run.scheduled_at,
                        run.owner_id,
                        Jsonb(dict(run.args)),
                        run.next_attempt_at,
                        run.created_at,
                        run.is_scheduled,
                    )
                    for run in runs
                ],
            )
            return cursor.rowcount

    def newest(self) -> dict[str, int]:
        """By job, the newest of the clockwork's own."""
        with self._database.transaction() as connection:
            return dict(
                connection.execute(
                    "SELECT job, max(scheduled_at) FROM jobs.runs WHERE is_scheduled GROUP BY job"
                ).fetchall()
            )

    def take_due(self, now: int, limit: int = 100) -> list[Run]:
        """Runs to tell a worker of."""
        with self._database.transaction() as connection:
            rows = connection.execute(
                f"""
                WITH due AS (
                    SELECT run_id AS due_id FROM jobs.runs WHERE {_DUE} AND told_again_at <= %(now)s
                    ORDER BY scheduled_at, run_id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
                )
                UPDATE jobs.runs SET told = told + 1,
                    told_again_at = %(now)s + (least(%(first)s * power(2, least(told, 30)), %(longest)s) * {NS})::bigint
                FROM due WHERE run_id = due_id RETURNING {_COLUMNS}
                """,  # noqa: S608 — constants of this file
                {"now": now, "limit": limit, "first": RESEND_FIRST_S, "longest": RESEND_LONGEST_S},
            ).fetchall()
        return sorted((Run(*row) for row in rows), key=lambda run: (run.scheduled_at, run.run_id))

    def not_told(self, run_ids: Sequence[str]) -> None:
        """Due at once again."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE jobs.runs SET told = greatest(told - 1, 0), told_again_at = 0 WHERE run_id = ANY (%s)",
                (list(run_ids),),
            )

    def claim(self, run_id: str, now: int, lease_s: float) -> Run | None:
        """Become its worker."""
        return self._one(
            f"""
            UPDATE jobs.runs SET state = 'running', attempts = attempts + 1, claim = claim + 1, started_at = %(now)s,
                lease_until = %(until)s, told = 0, told_again_at = 0, progress = 0, stage = ''
            WHERE run_id = %(run_id)s AND {_DUE} RETURNING {_COLUMNS}
            """,  # noqa: S608 — constants of this file
            {"run_id": run_id, "now": now, "until": now + int(lease_s * NS)},
        )

    def report(self, run: Run, now: int, lease_s: float, progress: float | None = None, stage: str = "") -> bool:
        """Renew the lease, and say how far it is."""
        return self._write(
            f"""
            UPDATE jobs.runs SET lease_until = %(until)s, progress = coalesce(%(progress)s, progress),
                stage = CASE WHEN %(stage)s = '' THEN stage ELSE %(stage)s END
            WHERE {_OURS}
            """,  # noqa: S608 — constants of this file
            run,
            {"until": now + int(lease_s * NS), "progress": progress, "stage": stage},
        )

    def finish(self, run: Run, result: Mapping[str, Any], now: int) -> bool:
        """Done."""
        return self._write(
            f"""
            UPDATE jobs.runs SET state = 'done', progress = 1, stage = '', finished_at = %(now)s, error = '',
                result = %(result)s
            WHERE {_OURS}
            """,  # noqa: S608 — constants of this file
            run,
            {"now": now, "result": Jsonb(dict(result))},
        )

    def fail(self, run: Run, error: str, now: int, next_attempt_at: int) -> bool:
        """Tried again then."""
        return self._write(
            f"""
            UPDATE jobs.runs SET state = 'failed', finished_at = %(now)s, error = %(error)s,
                next_attempt_at = %(then)s, told = 0, told_again_at = 0
            WHERE {_OURS}
            """,  # noqa: S608 — constants of this file
            run,
            {"now": now, "error": error, "then": next_attempt_at},
        )

    def put_off(self, run: Run, next_attempt_at: int) -> bool:
        """The attempt does not count."""
        return self._write(
            f"""
            UPDATE jobs.runs SET state = 'queued', attempts = attempts - 1, started_at = 0,
                next_attempt_at = %(then)s, told = 0, told_again_at = 0
            WHERE {_OURS}
            """,  # noqa: S608 — constants of this file
            run,
            {"then": next_attempt_at},
        )

    def bury(self, run: Run, error: str, now: int) -> bool:
        """Dead, with its letter."""
        return self._write(
            f"""
            WITH gone AS (
                UPDATE jobs.runs SET state = 'dead', finished_at = %(now)s, error = %(error)s WHERE {_OURS}
                RETURNING run_id, attempts
            )
            INSERT INTO jobs.dead_letters (run_id, attempts, error, died_at)
            SELECT run_id, attempts, %(error)s, %(now)s FROM gone
            ON CONFLICT (run_id) DO UPDATE SET
                attempts = excluded.attempts, error = excluded.error, died_at = excluded.died_at, replayed_at = 0
            """,  # noqa: S608 — constants of this file
            run,
            {"now": now, "error": error},
        )

    def run(self, owner_id: str, run_id: str) -> Run | None:
        """One of the owner's or of the house's."""
        return self._one(
            f"SELECT {_COLUMNS} FROM jobs.runs WHERE run_id = %(run_id)s AND owner_id IN (%(owner_id)s, %(house)s)",  # noqa: S608 — constants of this file
            {"run_id": run_id, "owner_id": owner_id, "house": HOUSE},
        )

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
        created_at, run_id = before or (2**63 - 1, "")
        with self._database.transaction() as connection:
            rows = connection.execute(
                f"""
                SELECT {_COLUMNS} FROM jobs.runs
                WHERE owner_id IN (%(owner_id)s, %(house)s) AND (created_at, run_id) < (%(created_at)s, %(run_id)s)
                    AND (%(job)s = '' OR job = %(job)s) AND (%(state)s = '' OR state = %(state)s)
                    AND job <> %(without)s
                ORDER BY created_at DESC, run_id DESC LIMIT %(limit)s
                """,  # noqa: S608 — constants of this file
                {
                    "owner_id": owner_id,
                    "house": HOUSE,
                    "created_at": created_at,
                    "run_id": run_id,
                    "job": job,
                    "state": state,
                    "without": without,
                    "limit": limit,
                },
            ).fetchall()
        return [Run(*row) for row in rows]

    def dead(self, owner_id: str, limit: int = 100) -> list[DeadLetter]:
        """Not replayed, newest first."""
        with self._database.transaction() as connection:
            rows = connection.execute(
                """
                SELECT run_id, job, scheduled_at, owner_id, args, letter.attempts, letter.error, died_at, replayed_at
                FROM jobs.dead_letters AS letter JOIN jobs.runs USING (run_id)
                WHERE owner_id IN (%s, %s) AND replayed_at = 0 ORDER BY died_at DESC, run_id LIMIT %s
                """,
                (owner_id, HOUSE, limit),
            ).fetchall()
        return [DeadLetter(*row) for row in rows]

    def replay(self, owner_id: str, run_id: str, now: int) -> Run:
        """Begin anew."""
        found = self._one(
            f"""
            WITH letter AS (
                UPDATE jobs.dead_letters SET replayed_at = %(now)s WHERE run_id = %(run_id)s AND replayed_at = 0
                    AND EXISTS (SELECT 1 FROM jobs.runs AS whose WHERE whose.run_id = dead_letters.run_id
                        AND whose.owner_id IN (%(owner_id)s, %(house)s) AND whose.state = 'dead')
                RETURNING run_id AS replayed
            )
            UPDATE jobs.runs SET state = 'queued', attempts = 0, next_attempt_at = 0, progress = 0, stage = '',
                started_at = 0, finished_at = 0, told = 0, told_again_at = 0
            FROM letter WHERE run_id = replayed RETURNING {_COLUMNS}
            """,  # noqa: S608 — constants of this file
            {"run_id": run_id, "owner_id": owner_id, "house": HOUSE, "now": now},
        )
        if found is None:
            raise NotFoundError("no such dead letter, or it was replayed already")
        return found

    def count_dead(self) -> int:
        """Not replayed, of everybody."""
        with self._database.transaction() as connection:
            row = connection.execute("SELECT count(*) FROM jobs.dead_letters WHERE replayed_at = 0").fetchone()
        return int(row[0]) if row else 0

    def forget(self, job: str, finished_before: int) -> int:
        """Old runs of a job, except the newest of the clockwork."""
        with self._database.transaction() as connection:
            return connection.execute(
                """
                DELETE FROM jobs.runs WHERE job = %(job)s AND finished_at < %(before)s
                    AND (state = 'done' OR state = 'dead' AND run_id IN (
                        SELECT run_id FROM jobs.dead_letters WHERE replayed_at > 0))
                    AND NOT (is_scheduled AND scheduled_at = (
                        SELECT max(scheduled_at) FROM jobs.runs WHERE job = %(job)s AND is_scheduled))
                """,
                {"job": job, "before": finished_before},
            ).rowcount

    def _one(self, statement: LiteralString, values: Mapping[str, Any]) -> Run | None:
        with self._database.transaction() as connection:
            row = connection.execute(statement, values).fetchone()
        return Run(*row) if row else None

    def _write(self, statement: LiteralString, run: Run, values: Mapping[str, Any]) -> bool:
        with self._database.transaction() as connection:
            return connection.execute(statement, {"run_id": run.run_id, "claim": run.claim, **values}).rowcount == 1
