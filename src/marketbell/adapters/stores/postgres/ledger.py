"""The ledger in PostgreSQL: what fired, how far the shards are, what was read. Its outbox is in deliveries.py."""

import time
from collections.abc import Sequence
from typing import Any, LiteralString

from psycopg.types.json import Json

from marketbell.adapters.stores.postgres.connections import Connection
from marketbell.adapters.stores.postgres.deliveries import (
    CHANNEL,
    SELECT_DELIVERIES,
    SELECT_FIRINGS,
    Deliveries,
    firing_of,
)
from marketbell.core.primitives.errors import OvertakenError
from marketbell.ports.ledger import (
    ENDED_STATES,
    EVERY_FIRING,
    Delivery,
    Event,
    Firing,
    Grouped,
    History,
    Sought,
    Tally,
)

NAMED_INSTRUMENTS = 20
"""Instruments that a group of firings names."""
_ARCHIVING = 0x4D42_4152  # writers share it, the archive has it alone: no firing is written while it is moved

_SOUGHT: LiteralString = """
    owner_id = %(owner)s AND (%(rule)s = '' OR rule_uid = %(rule)s) AND (%(key)s = '' OR instrument = %(key)s)
    AND (%(severity)s = '' OR severity = %(severity)s) AND recorded_at > %(after)s
    AND (%(state)s = '' OR EXISTS (SELECT 1 FROM ledger.outbox
        WHERE outbox.firing_id = firings.firing_id AND outbox.state = %(state)s))
"""

_GROUPS: LiteralString = (
    """
    WITH matched AS (
        SELECT firing_id, rule_uid, event_time, instrument, suppressed, recorded_at FROM ledger.firings WHERE
    """  # noqa: S608 — our own words
    + _SOUGHT
    + """
    ), grouped AS (
        SELECT (array_agg(firing_id ORDER BY event_time DESC, firing_id DESC))[1] AS firing_id,
            max(event_time) AS event_time, count(*) AS count,
            count(*) FILTER (WHERE suppressed = '' AND recorded_at > coalesce((
                SELECT read_up_to FROM ledger.alert_reads WHERE owner_id = %(owner)s), -1)) AS unread,
            (array_agg(DISTINCT instrument COLLATE "C"))[1:%(named)s] AS instruments
        FROM matched GROUP BY rule_uid
    )
    SELECT firing_id, count, unread, instruments FROM grouped WHERE (event_time, firing_id) < (%(time)s, %(id)s)
    ORDER BY event_time DESC, firing_id DESC LIMIT %(limit)s
    """
)

# one that waited again may be carried itself
_CARRIERS: LiteralString = (
    """
    WITH RECURSIVE carrying (id) AS (
        SELECT unnest(%(ids)s::text[])
        UNION SELECT carried_by FROM ledger.outbox JOIN carrying ON delivery_id = id WHERE carried_by <> ''
    )
    """  # noqa: S608 — our own words
    + SELECT_DELIVERIES
    + "WHERE delivery_id IN (SELECT id FROM carrying) AND owner_id = %(owner)s ORDER BY seq"
)


class PostgresLedger(Deliveries):
    """Firings and deliveries in the schema ledger; what is new is announced by NOTIFY."""

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
            if firings:
                connection.execute("SELECT pg_advisory_xact_lock_shared(%s)", (_ARCHIVING,))
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
                    WHERE NOT EXISTS (SELECT 1 FROM ledger.archive WHERE archive.firing_id = new.firing_id)
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
        with self._database.transaction() as connection:
            rows = connection.execute(
                SELECT_FIRINGS
                + "WHERE "
                + _SOUGHT
                + """
                AND (event_time, firing_id) < (%(time)s, %(id)s)
                ORDER BY event_time DESC, firing_id DESC LIMIT %(limit)s
                """,
                _values(owner_id, limit, before, sought),
            ).fetchall()
            return _with_deliveries(connection, rows)

    def groups(
        self,
        owner_id: str,
        limit: int = 50,
        before: tuple[int, str] | None = None,
        sought: Sought = EVERY_FIRING,
    ) -> list[Grouped]:
        """Each rule's newest, with how many there are."""
        with self._database.transaction() as connection:
            found = connection.execute(
                _GROUPS, _values(owner_id, limit, before, sought) | {"named": NAMED_INSTRUMENTS}
            ).fetchall()
            rows = connection.execute(
                SELECT_FIRINGS + "WHERE firing_id = ANY (%s)", ([row[0] for row in found],)
            ).fetchall()
            by_id = {firing.firing_id: (firing, several) for firing, several in _with_deliveries(connection, rows)}
            return [
                Grouped(by_id[key][0], tuple(by_id[key][1]), count, unread, tuple(instruments))
                for key, count, unread, instruments in found
            ]

    def firing(self, owner_id: str, firing_id: str) -> tuple[Firing, list[Delivery]] | None:
        """One of the owner's firings."""
        with self._database.transaction() as connection:
            rows = connection.execute(
                SELECT_FIRINGS + "WHERE firing_id = %s AND owner_id = %s", (firing_id, owner_id)
            ).fetchall()
            return next(iter(_with_deliveries(connection, rows)), None)

    def history(self, owner_id: str, firing_id: str) -> History | None:
        """What happened to one of the owner's firings, from the archive where it lies there."""
        with self._database.transaction() as connection:
            row = connection.execute(
                """
                SELECT planned_at, decision, decision_reason,
                    (SELECT min(at) FROM ledger.reads WHERE owner_id = %(owner)s AND up_to >= recorded_at)
                FROM ledger.firings WHERE firing_id = %(id)s AND owner_id = %(owner)s
                """,
                {"id": firing_id, "owner": owner_id},
            ).fetchone()
            if row is None:
                return _archived(connection, owner_id, firing_id)
            rows = connection.execute(SELECT_FIRINGS + "WHERE firing_id = %s", (firing_id,)).fetchall()
            ((firing, deliveries),) = _with_deliveries(connection, rows)
            carriers = _carriers(connection, owner_id, deliveries)
            events = _events(connection, [*deliveries, *carriers])
            return History(
                firing,
                row[0] or 0,
                row[1],
                row[2],
                tuple(deliveries),
                carriers,
                tuple(event for _, event in events),
                row[3] or 0,
            )

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

    def mark_read(self, owner_id: str, up_to: int, now: int = 0) -> None:
        """The owner has seen everything recorded up to that moment; never goes back."""
        with self._database.transaction() as connection:
            connection.execute(
                """
                WITH further AS (
                    INSERT INTO ledger.alert_reads (owner_id, read_up_to) VALUES (%(owner)s, %(up_to)s)
                    ON CONFLICT (owner_id) DO UPDATE SET read_up_to = excluded.read_up_to
                    WHERE alert_reads.read_up_to < excluded.read_up_to RETURNING 1
                )
                INSERT INTO ledger.reads (owner_id, up_to, at) SELECT %(owner)s, %(up_to)s, %(now)s FROM further
                ON CONFLICT DO NOTHING
                """,
                {"owner": owner_id, "up_to": up_to, "now": now or time.time_ns()},
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

    def archive(self, before: int, limit: int = 1_000) -> int:
        """Move what is old and over to ledger.archive, with its deliveries and their events."""
        with self._database.transaction() as connection:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_ARCHIVING,))
            ids = [
                row[0]
                for row in connection.execute(
                    """
                    SELECT firing_id FROM ledger.firings
                    WHERE recorded_at < %s AND planned_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM ledger.outbox
                        WHERE outbox.firing_id = firings.firing_id AND state <> ALL (%s))
                    ORDER BY recorded_at, firing_id LIMIT %s FOR UPDATE
                    """,
                    (before, sorted(ENDED_STATES), limit),
                )
            ]
            connection.execute(
                """
                INSERT INTO ledger.archive (firing_id, owner_id, rule_uid, event_time, recorded_at, firing, deliveries,
                    attempts)
                SELECT firing_id, owner_id, rule_uid, event_time, recorded_at, to_jsonb(firings),
                    coalesce((SELECT jsonb_agg(to_jsonb(outbox) ORDER BY outbox.seq) FROM ledger.outbox
                        WHERE outbox.firing_id = firings.firing_id), '[]'),
                    coalesce((SELECT jsonb_agg(to_jsonb(did) ORDER BY did.seq) FROM ledger.attempts AS did
                        JOIN ledger.outbox USING (delivery_id) WHERE outbox.firing_id = firings.firing_id), '[]')
                FROM ledger.firings WHERE firing_id = ANY (%s)
                """,
                (ids,),
            )
            connection.execute(
                """
                DELETE FROM ledger.attempts USING ledger.outbox
                WHERE attempts.delivery_id = outbox.delivery_id AND firing_id = ANY (%s)
                """,
                (ids,),
            )
            connection.execute("DELETE FROM ledger.firings WHERE firing_id = ANY (%s)", (ids,))
            return len(ids)


def _values(owner_id: str, limit: int, before: tuple[int, str] | None, sought: Sought) -> dict[str, object]:
    event_time, firing_id = before or (2**63 - 1, "")
    return {
        "owner": owner_id,
        "time": event_time,
        "id": firing_id,
        "rule": sought.rule_uid,
        "key": sought.instrument,
        "severity": sought.severity,
        "state": sought.state,
        "after": -1 if sought.recorded_after is None else sought.recorded_after,
        "limit": limit,
    }


def _archived(connection: Connection, owner_id: str, firing_id: str) -> History | None:
    row = connection.execute(
        """
        SELECT firing, deliveries, attempts,
            (SELECT min(at) FROM ledger.reads WHERE owner_id = %(owner)s AND up_to >= recorded_at)
        FROM ledger.archive WHERE firing_id = %(id)s AND owner_id = %(owner)s
        """,
        {"id": firing_id, "owner": owner_id},
    ).fetchone()
    if row is None:
        return None
    kept, deliveries, attempts, read_at = row
    firing = {name: kept[name] for name in Firing.__dataclass_fields__} | {"notify": tuple(kept["notify"])}
    names = [name for name in Delivery.__dataclass_fields__ if name not in {"was_sending", "claim"}]
    mine = [Delivery(**{name: found[name] for name in names}) for found in deliveries]
    carriers = _carriers(connection, owner_id, mine)
    fields = ("delivery_id", "at", "what", "number", "detail")
    events = [(found["seq"], Event(**{name: found[name] for name in fields})) for found in attempts]
    events = sorted([*events, *_events(connection, carriers)], key=lambda numbered: (numbered[1].at, numbered[0]))
    return History(
        Firing(**firing),
        kept["planned_at"] or 0,
        kept["decision"],
        kept["decision_reason"],
        tuple(mine),
        carriers,
        tuple(event for _, event in events),
        read_at or 0,
    )


def _carriers(connection: Connection, owner_id: str, deliveries: Sequence[Delivery]) -> tuple[Delivery, ...]:
    """The deliveries whose messages tell these; those that went to the archive themselves are not among them."""
    ids = sorted({one.carried_by for one in deliveries if one.carried_by})
    return tuple(Delivery(*row) for row in connection.execute(_CARRIERS, {"ids": ids, "owner": owner_id}))


def _events(connection: Connection, deliveries: Sequence[Delivery]) -> list[tuple[int, Event]]:
    """What happened to deliveries, oldest first, each with its place in the order of writing."""
    found = connection.execute(
        """
        SELECT seq, delivery_id, at, what, number, detail FROM ledger.attempts
        WHERE delivery_id = ANY (%s) ORDER BY at, seq
        """,
        ([one.delivery_id for one in deliveries],),
    )
    return [(row[0], Event(*row[1:])) for row in found]


def _with_deliveries(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> list[tuple[Firing, list[Delivery]]]:
    found = [(firing_of(row), list[Delivery]()) for row in rows]
    by_id = {firing.firing_id: deliveries for firing, deliveries in found}
    for row in connection.execute(
        SELECT_DELIVERIES + "WHERE firing_id = ANY (%s) ORDER BY seq",
        (list(by_id),),
    ):
        by_id[row[1]].append(Delivery(*row))
    return found
