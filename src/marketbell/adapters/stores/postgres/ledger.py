"""The ledger in PostgreSQL: firings, the progress that they came with, and the outbox."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, LiteralString

from psycopg.types.json import Json, Jsonb

from marketbell.adapters.stores.postgres.connections import Connection, Database
from marketbell.core.primitives.errors import NotFoundError, OvertakenError
from marketbell.ports.stores import EVERY_FIRING, Delivery, Firing, Sought, Tally

CHANNEL = "marketbell_ledger"

_SELECT_FIRINGS: LiteralString = """
    SELECT firing_id, rule_uid, rule, owner_id, instrument_id, instrument, event_time, "values", notify, recorded_at,
        version, event, suppressed, severity
    FROM ledger.firings
"""
_SELECT_DELIVERIES: LiteralString = """
    SELECT delivery_id, firing_id, channel, address, state, attempts, error, next_attempt_at, sent_at, payload
    FROM ledger.outbox
"""


class PostgresLedger:
    """Firings and deliveries in the schema ledger; what is new is announced by NOTIFY."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listener = database.listen(CHANNEL)

    def raise_fence(self, shards: Sequence[int], above: int = 0) -> int:
        """Become the one writer of these shards. Waits for what an earlier owner is just committing."""
        with self._database.transaction() as connection:
            row = connection.execute(
                """
                WITH next AS (
                    SELECT greatest(coalesce(max(fence), 0), %(above)s) + 1 AS fence
                    FROM ledger.shard_progress WHERE shard = ANY (%(shards)s)
                )
                INSERT INTO ledger.shard_progress (shard, fence)
                SELECT shard, next.fence FROM next, unnest(%(shards)s::integer[]) AS shard ORDER BY shard
                ON CONFLICT (shard) DO UPDATE SET fence = excluded.fence, updated_at = now()
                RETURNING fence
                """,
                {"shards": list(shards), "above": above},
            ).fetchone()
            return int(row[0]) if row else above + 1

    def fences(self, shards: Sequence[int]) -> list[int]:
        """The fence of each shard."""
        with self._database.transaction() as connection:
            found = dict(
                connection.execute(
                    "SELECT shard, fence FROM ledger.shard_progress WHERE shard = ANY (%s)", (list(shards),)
                ).fetchall()
            )
        return [int(found.get(shard, 0)) for shard in shards]

    def append(self, firings: Sequence[Firing], shards: Sequence[int], epoch: str, offset: int, fence: int = 0) -> int:
        """Write firings and progress in one transaction; how many firings were new.

        Inside an epoch progress never goes back: a restarted stream repeats what it did before.
        """
        now = time.time_ns()
        with self._database.transaction() as connection:
            # the rows stay locked to the end, so nobody can raise the fence between the check and the firings
            kept = connection.execute(
                """
                INSERT INTO ledger.shard_progress (shard, fence, epoch, position)
                SELECT shard, %s, %s, %s FROM unnest(%s::integer[]) AS shard ORDER BY shard
                ON CONFLICT (shard) DO UPDATE SET
                    position = CASE WHEN shard_progress.epoch = excluded.epoch
                        THEN greatest(shard_progress.position, excluded.position) ELSE excluded.position END,
                    epoch = excluded.epoch, fence = excluded.fence, updated_at = now()
                WHERE shard_progress.fence <= excluded.fence
                """,
                (fence, epoch, int(offset), list(shards)),
            ).rowcount
            if kept < len(shards):
                raise OvertakenError
            new = 0
            if firings:
                rows = [
                    {
                        "firing_id": f.firing_id,
                        "rule_uid": f.rule_uid,
                        "rule": f.rule,
                        "owner_id": f.owner_id,
                        "instrument_id": int(f.instrument_id),
                        "instrument": f.instrument,
                        "event_time": int(f.event_time),
                        "values": f.values,
                        "notify": f.notify,
                        "recorded_at": f.recorded_at or now,
                        "version": f.version,
                        "event": f.event,
                        "suppressed": f.suppressed,
                        "severity": f.severity,
                    }
                    for f in firings
                ]
                # One JSON text for the batch: arrays of each column take the client several times longer.
                new = connection.execute(
                    """
                    INSERT INTO ledger.firings (firing_id, rule_uid, rule, owner_id, instrument_id, instrument,
                        event_time, "values", notify, recorded_at, version, event, suppressed, severity)
                    SELECT * FROM json_to_recordset(%s) AS new (firing_id text, rule_uid text, rule text,
                        owner_id text, instrument_id bigint, instrument text, event_time bigint, "values" jsonb,
                        notify jsonb, recorded_at bigint, version integer, event text, suppressed text, severity text)
                    ON CONFLICT (firing_id) DO NOTHING
                    """,
                    (Json(rows),),
                ).rowcount
            if new:
                connection.execute("SELECT pg_notify(%s, 'firing')", (CHANNEL,))
            return new

    def progress(self, shard: int) -> tuple[str, int] | None:
        """Epoch and offset up to which the shard's firings are here."""
        with self._database.transaction() as connection:
            row = connection.execute(
                "SELECT epoch, position FROM ledger.shard_progress WHERE shard = %s AND epoch <> ''", (shard,)
            ).fetchone()
            return (row[0], row[1]) if row else None

    def firings(
        self,
        owner_id: str,
        limit: int = 50,
        before: tuple[int, str] | None = None,
        sought: Sought = EVERY_FIRING,
    ) -> list[tuple[Firing, list[Delivery]]]:
        """Newest first by (event_time, firing_id), each with its deliveries."""
        event_time, firing_id = before or (2**63 - 1, "")
        with self._database.transaction() as connection:
            rows = connection.execute(
                _SELECT_FIRINGS
                + """
                WHERE owner_id = %(owner)s AND (event_time, firing_id) < (%(time)s, %(id)s)
                    AND (%(rule)s = '' OR rule_uid = %(rule)s) AND (%(key)s = '' OR instrument = %(key)s)
                    AND recorded_at > %(after)s
                ORDER BY event_time DESC, firing_id DESC LIMIT %(limit)s
                """,
                {
                    "owner": owner_id,
                    "time": event_time,
                    "id": firing_id,
                    "rule": sought.rule_uid,
                    "key": sought.instrument,
                    "after": -1 if sought.recorded_after is None else sought.recorded_after,
                    "limit": limit,
                },
            ).fetchall()
            return _with_deliveries(connection, rows)

    def firing(self, owner_id: str, firing_id: str) -> tuple[Firing, list[Delivery]] | None:
        """One of the owner's firings."""
        with self._database.transaction() as connection:
            rows = connection.execute(
                _SELECT_FIRINGS + "WHERE firing_id = %s AND owner_id = %s", (firing_id, owner_id)
            ).fetchall()
            return next(iter(_with_deliveries(connection, rows)), None)

    def tallies(self, owner_id: str) -> dict[str, Tally]:
        """By rule_uid, of the owner's rules that ever fired."""
        with self._database.transaction() as connection:
            found = connection.execute(
                """
                SELECT rule_uid, count(*), max(event_time) FROM ledger.firings
                WHERE owner_id = %s AND suppressed = '' GROUP BY rule_uid
                """,
                (owner_id,),
            )
            return {uid: Tally(count, last) for uid, count, last in found}

    def unplanned(self, limit: int = 500) -> list[Firing]:
        """Firings without a plan, oldest first, except those being planned at this moment."""
        with self._database.transaction() as connection:
            found = connection.execute(
                _SELECT_FIRINGS
                + "WHERE planned_at IS NULL ORDER BY recorded_at, firing_id LIMIT %s FOR UPDATE SKIP LOCKED",
                (limit,),
            )
            return [_firing(row) for row in found]

    def plan(self, firing_id: str, deliveries: Sequence[Delivery], now: int) -> None:
        """Write the outbox rows and planned_at together. A firing that has its plan keeps it."""
        with self._database.transaction() as connection:
            row = connection.execute(
                "SELECT owner_id, planned_at FROM ledger.firings WHERE firing_id = %s FOR UPDATE", (firing_id,)
            ).fetchone()
            if row is None:
                message = f"there is no firing {firing_id}"
                raise NotFoundError(message)
            owner_id, planned_at = row
            if planned_at is not None:
                return
            with connection.cursor() as cursor:
                cursor.executemany(
                    """
                    INSERT INTO ledger.outbox (delivery_id, firing_id, channel, address, state, attempts, error,
                        next_attempt_at, sent_at, payload, owner_id, queued_at)
                    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
                    ON CONFLICT DO NOTHING
                    """,
                    [
                        (
                            d.delivery_id,
                            firing_id,
                            d.channel,
                            d.address,
                            d.state,
                            d.attempts,
                            d.error,
                            d.next_attempt_at,
                            d.sent_at,
                            Jsonb(d.payload),
                            owner_id,
                            now,
                        )
                        for d in deliveries
                    ],
                )
            connection.execute("UPDATE ledger.firings SET planned_at = %s WHERE firing_id = %s", (now, firing_id))
            connection.execute("SELECT pg_notify(%s, 'outbox')", (CHANNEL,))

    def claim(self, now: int, lease_s: float, limit: int = 100) -> list[Delivery]:
        """Take deliveries that are due, each for one taker until its lease is over."""
        with self._database.transaction() as connection:
            found = connection.execute(
                """
                WITH due AS (
                    SELECT delivery_id AS due_id, state = 'sending' AND begun_at > 0 AS has_begun FROM ledger.outbox
                    WHERE (state IN ('queued', 'retry') AND next_attempt_at <= %(now)s)
                        OR (state = 'sending' AND lease_until <= %(now)s)
                    ORDER BY next_attempt_at, delivery_id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
                ), taken AS (
                    UPDATE ledger.outbox SET state = 'sending', lease_until = %(until)s, claims = claims + 1
                    FROM due WHERE delivery_id = due_id
                    RETURNING delivery_id, firing_id, channel, address, state, attempts, error, next_attempt_at,
                        sent_at, payload, has_begun AS was_sending, claims AS claim
                )
                SELECT * FROM taken ORDER BY next_attempt_at, delivery_id
                """,
                {"now": now, "until": now + int(lease_s * 1e9), "limit": limit},
            )
            return [Delivery(*row) for row in found]

    def begin(self, delivery: Delivery, now: int, lease_s: float) -> bool:
        """Say that the attempt begins now. False where it was settled or claimed again meanwhile."""
        with self._database.transaction() as connection:
            found = connection.execute(
                """
                UPDATE ledger.outbox SET begun_at = %s, lease_until = %s, attempts = %s
                WHERE delivery_id = %s AND state = 'sending' AND claims = %s
                """,
                (now, now + int(lease_s * 1e9), delivery.attempts, delivery.delivery_id, delivery.claim),
            )
            return found.rowcount == 1

    def settle(self, delivery: Delivery, now: int) -> None:
        """Write the outcome of an attempt. What was sent stays sent, whoever else tried."""
        with self._database.transaction() as connection:
            connection.execute(
                """
                UPDATE ledger.outbox SET state = %(state)s, attempts = greatest(attempts, %(attempts)s),
                    error = %(error)s,
                    next_attempt_at = %(next)s, sent_at = %(sent)s, lease_until = 0, begun_at = 0
                WHERE delivery_id = %(id)s AND (%(state)s = 'sent' OR (state <> 'sent' AND claims = %(claim)s))
                """,
                {
                    "id": delivery.delivery_id,
                    "claim": delivery.claim,
                    "state": delivery.state,
                    "attempts": delivery.attempts,
                    "error": delivery.error,
                    "next": delivery.next_attempt_at,
                    "sent": delivery.sent_at or (now if delivery.state == "sent" else 0),
                },
            )

    def oldest_unsent(self) -> int | None:
        """When the oldest firing without a plan was recorded or the oldest open delivery queued, ns."""
        with self._database.transaction() as connection:
            row = connection.execute(
                """
                SELECT least(
                    (SELECT min(recorded_at) FROM ledger.firings WHERE planned_at IS NULL),
                    (SELECT min(queued_at) FROM ledger.outbox WHERE state IN ('queued', 'retry')),
                    (SELECT min(queued_at) FROM ledger.outbox WHERE state = 'sending'))
                """
            ).fetchone()
            return row[0] if row else None

    def mark_read(self, owner_id: str, up_to: int) -> None:
        """The owner has seen everything recorded up to that moment; never goes back."""
        with self._database.transaction() as connection:
            connection.execute(
                """
                INSERT INTO ledger.alert_reads (owner_id, read_up_to) VALUES (%s, %s)
                ON CONFLICT (owner_id) DO UPDATE SET read_up_to = greatest(alert_reads.read_up_to, excluded.read_up_to)
                """,
                (owner_id, up_to),
            )

    def read_up_to(self, owner_id: str) -> int:
        """What `mark_read` was told last, 0 before that."""
        with self._database.transaction() as connection:
            row = connection.execute(
                "SELECT read_up_to FROM ledger.alert_reads WHERE owner_id = %s", (owner_id,)
            ).fetchone()
            return int(row[0]) if row else 0

    def unread(self, owner_id: str) -> int:
        """How many of the owner's firings were recorded after what was marked as read."""
        with self._database.transaction() as connection:
            row = connection.execute(
                """
                SELECT count(*) FROM ledger.firings WHERE owner_id = %(owner)s AND suppressed = '' AND recorded_at >
                    coalesce((SELECT read_up_to FROM ledger.alert_reads WHERE owner_id = %(owner)s), -1)
                """,
                {"owner": owner_id},
            ).fetchone()
            return int(row[0]) if row else 0

    def wait(self, timeout_s: float) -> bool:
        """Block until a firing or a plan was announced since the last call, or the time is over."""
        return self._listener.wait(timeout_s)

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()


def _with_deliveries(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> list[tuple[Firing, list[Delivery]]]:
    found = [(_firing(row), list[Delivery]()) for row in rows]
    by_id = {firing.firing_id: deliveries for firing, deliveries in found}
    for row in connection.execute(
        _SELECT_DELIVERIES + "WHERE firing_id = ANY (%s) ORDER BY queued_at, delivery_id",
        (list(by_id),),
    ):
        by_id[row[1]].append(Delivery(*row))
    return found


def _firing(row: tuple[Any, ...]) -> Firing:
    firing = Firing(*row)
    return replace(firing, notify=tuple(firing.notify))
