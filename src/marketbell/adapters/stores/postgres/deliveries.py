"""The outbox in PostgreSQL: plans, what is held and gathered, claims, outcomes, dead letters."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, LiteralString

from psycopg.types.json import Json, Jsonb

from marketbell.adapters.stores.postgres.connections import Connection, Database
from marketbell.core.alerts.grouping import Window
from marketbell.core.alerts.limits import Told
from marketbell.core.primitives.errors import NotFoundError
from marketbell.ports.ledger import (
    ENDED_STATES,
    EVERY_DEAD,
    OPEN_STATES,
    ChannelFigures,
    Counts,
    DeadDelivery,
    DeadSought,
    Delivery,
    Figures,
    Firing,
    Gathering,
    Plan,
    Planning,
)

CHANNEL = "marketbell_ledger"
MOST_GATHERED = 2_000
"""Held deliveries that one message tells at most."""

SELECT_FIRINGS: LiteralString = """
    SELECT firing_id, rule_uid, rule, owner_id, instrument_id, instrument, event_time, "values", notify, recorded_at,
        version, event, suppressed, severity
    FROM ledger.firings
"""
DELIVERY: LiteralString = """
    delivery_id, firing_id, channel, address, state, attempts, error, next_attempt_at, sent_at, payload,
    false AS was_sending, 0 AS claim, gather, carried_by, reference
"""
SELECT_DELIVERIES: LiteralString = "SELECT " + DELIVERY + " FROM ledger.outbox "  # noqa: S608 — our own words

_PLANNERS = 0x4D42_504C  # planners and gatherers take turns
_IDLE: LiteralString = "SET LOCAL idle_in_transaction_session_timeout = '15s'"
"""A planner that stands still in the middle must not keep the others from their turn."""


class Deliveries:
    """Deliveries in ledger.outbox; what is new is announced by NOTIFY."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listener = database.listen(CHANNEL)

    # --- planning --------------------------------------------------------------------------------

    def unplanned(self, limit: int = 500) -> list[Firing]:
        """Firings without a plan, oldest first. Without a lock: who skips what another looks at plans out of order."""
        with self._database.transaction() as connection:
            found = connection.execute(
                SELECT_FIRINGS + "WHERE planned_at IS NULL ORDER BY recorded_at, firing_id LIMIT %s", (limit,)
            )
            return [firing_of(row) for row in found]

    def plan(self, firing_id: str, deliveries: Sequence[Delivery], now: int) -> None:
        """Write the outbox rows and planned_at together. A firing that has its plan keeps it."""
        with self._database.transaction() as connection:
            row = connection.execute(
                "SELECT owner_id, planned_at FROM ledger.firings WHERE firing_id = %s FOR UPDATE", (firing_id,)
            ).fetchone()
            if row is None:
                message = f"there is no firing {firing_id}"
                raise NotFoundError(message)
            if row[1] is None:
                _write(connection, [(Plan(firing_id, tuple(deliveries)), row[0])], now)

    def plan_batch(self, firing_ids: Sequence[str], now: int, decide: Planning) -> int:
        """Plan several firings in one transaction, and keep what was counted. 0 where another is planning."""
        with self._database.transaction() as connection:
            if not _has_turn(connection):
                return 0
            rows = connection.execute(
                SELECT_FIRINGS
                + """
                WHERE firing_id = ANY (%s) AND planned_at IS NULL
                ORDER BY recorded_at, event_time, firing_id FOR UPDATE
                """,
                (list(firing_ids),),
            ).fetchall()
            if not rows:
                return 0
            firings = [firing_of(row) for row in rows]
            counts = _counts(connection, firings)
            before = Counts(dict(counts.told), dict(counts.windows))
            plans = decide(firings, counts)
            owners = {firing.firing_id: firing.owner_id for firing in firings}
            _write(connection, [(plan, owners[plan.firing_id]) for plan in plans], now)
            _keep(connection, before, counts)
            return len(plans)

    def gather(self, now: int, decide: Gathering, limit: int = 100) -> int:
        """Let groups of held deliveries go whose time has come, one transaction each."""
        with self._database.transaction() as connection:
            groups = connection.execute(
                """
                SELECT owner_id, channel, address, gather FROM ledger.outbox
                WHERE state = 'held' AND next_attempt_at <= %s
                GROUP BY owner_id, channel, address, gather ORDER BY min(next_attempt_at), min(seq) LIMIT %s
                """,
                (now, limit),
            ).fetchall()
        done = 0
        for owner_id, channel, address, gather in groups:
            with self._database.transaction() as connection:
                if not _has_turn(connection):
                    break
                rows = connection.execute(
                    SELECT_DELIVERIES
                    + """
                    WHERE state = 'held' AND next_attempt_at <= %s AND owner_id = %s AND channel = %s AND address = %s
                        AND gather = %s ORDER BY seq LIMIT %s FOR UPDATE
                    """,
                    (now, owner_id, channel, address, gather, MOST_GATHERED),
                ).fetchall()
                if rows:
                    _release(connection, decide([Delivery(*row) for row in rows]), now)
                    done += 1
        return done

    # --- sending ---------------------------------------------------------------------------------

    def claim(self, now: int, lease_s: float, limit: int = 100) -> list[Delivery]:
        """Take deliveries that are due, each for one taker until its lease is over."""
        with self._database.transaction() as connection:
            found = connection.execute(
                """
                WITH due AS (
                    SELECT delivery_id AS due_id, state = 'sending' AND begun_at > 0 AS has_begun FROM ledger.outbox
                    WHERE (state IN ('queued', 'retry') AND next_attempt_at <= %(now)s)
                        OR (state = 'sending' AND lease_until <= %(now)s)
                    ORDER BY next_attempt_at, seq LIMIT %(limit)s FOR UPDATE SKIP LOCKED
                ), taken AS (
                    UPDATE ledger.outbox SET state = 'sending', lease_until = %(until)s, claims = claims + 1
                    FROM due WHERE delivery_id = due_id
                    RETURNING delivery_id, firing_id, channel, address, state, attempts, error, next_attempt_at,
                        sent_at, payload, has_begun AS was_sending, claims AS claim, gather, carried_by, reference, seq
                )
                SELECT delivery_id, firing_id, channel, address, state, attempts, error, next_attempt_at, sent_at,
                    payload, was_sending, claim, gather, carried_by, reference
                FROM taken ORDER BY next_attempt_at, seq
                """,
                {"now": now, "until": now + int(lease_s * 1e9), "limit": limit},
            )
            return [Delivery(*row) for row in found]

    def begin(self, delivery: Delivery, now: int, lease_s: float) -> bool:
        """Say that the attempt begins now. False where it was settled or claimed again meanwhile."""
        with self._database.transaction() as connection:
            found = connection.execute(
                """
                WITH begun AS (
                    UPDATE ledger.outbox SET begun_at = %(now)s, lease_until = %(until)s, attempts = %(attempts)s
                    WHERE delivery_id = %(id)s AND state = 'sending' AND claims = %(claim)s
                    RETURNING delivery_id
                )
                INSERT INTO ledger.attempts (delivery_id, at, what, number, detail)
                SELECT delivery_id, %(now)s, 'began', %(attempts)s, '' FROM begun
                """,
                {
                    "now": now,
                    "until": now + int(lease_s * 1e9),
                    "attempts": delivery.attempts,
                    "id": delivery.delivery_id,
                    "claim": delivery.claim,
                },
            )
            return found.rowcount == 1

    def settle(self, delivery: Delivery, now: int, follow: Sequence[Delivery] = ()) -> None:
        """Write the outcome of an attempt, and what comes of it. What was sent stays sent, whoever else tried."""
        with self._database.transaction() as connection:
            row = connection.execute(
                """
                UPDATE ledger.outbox SET state = %(state)s, error = %(error)s,
                    attempts = greatest(attempts, %(attempts)s),
                    next_attempt_at = %(next)s, sent_at = %(sent)s, gather = %(gather)s, reference = %(reference)s,
                    ended_at = %(ended)s, lease_until = 0, begun_at = 0
                FROM (SELECT delivery_id AS id, begun_at > 0 AS has_begun FROM ledger.outbox
                    WHERE delivery_id = %(id)s FOR UPDATE) AS old
                WHERE delivery_id = old.id AND (%(state)s = 'sent' OR (state <> 'sent' AND claims = %(claim)s))
                RETURNING has_begun, owner_id
                """,
                {
                    "id": delivery.delivery_id,
                    "claim": delivery.claim,
                    "state": delivery.state,
                    "attempts": delivery.attempts,
                    "error": delivery.error,
                    "next": delivery.next_attempt_at,
                    "sent": delivery.sent_at or (now if delivery.state == "sent" else 0),
                    "gather": delivery.gather,
                    "reference": delivery.reference,
                    "ended": now if delivery.state in ENDED_STATES else 0,
                },
            ).fetchone()
            if row is None:
                return
            has_begun, owner_id = row
            if has_begun or delivery.state not in OPEN_STATES:
                _happened(
                    connection,
                    [
                        (
                            delivery.delivery_id,
                            now,
                            delivery.state,
                            delivery.attempts,
                            delivery.error or delivery.reference,
                        )
                    ],
                )
            if follow:
                _insert(connection, [(one, delivery.firing_id, owner_id) for one in follow], now)
                connection.execute("SELECT pg_notify(%s, 'outbox')", (CHANNEL,))

    def oldest_unsent(self, now: int | None = None) -> int | None:
        """When the oldest firing without a plan was recorded or the oldest open delivery queued, ns."""
        with self._database.transaction() as connection:
            row = connection.execute(
                """
                SELECT least(
                    (SELECT min(recorded_at) FROM ledger.firings WHERE planned_at IS NULL),
                    (SELECT min(queued_at) FROM ledger.outbox WHERE state IN ('queued', 'retry')),
                    (SELECT min(queued_at) FROM ledger.outbox WHERE state = 'sending'),
                    (SELECT min(next_attempt_at) FROM ledger.outbox WHERE state = 'held' AND next_attempt_at <= %s))
                """,
                (-1 if now is None else now,),
            ).fetchone()
            return row[0] if row else None

    # --- dead letters and figures ----------------------------------------------------------------

    def dead(
        self, owner_id: str, sought: DeadSought = EVERY_DEAD, limit: int = 50, before: tuple[int, str] | None = None
    ) -> list[DeadDelivery]:
        """The owner's dead deliveries, those that died last first."""
        at, last = before or (2**63 - 1, "")
        with self._database.transaction() as connection:
            rows = connection.execute(
                _SELECT_DEAD, _dead_values(owner_id, sought) | {"at": at, "last": last, "limit": limit}
            ).fetchall()
            found = connection.execute(
                SELECT_FIRINGS + "WHERE firing_id = ANY (%s)", ([row[1] for row in rows],)
            ).fetchall()
            firings = {row[0]: firing_of(row) for row in found}
            return [DeadDelivery(Delivery(*row[:-1]), firings[row[1]], row[-1]) for row in rows]

    def replay(self, owner_id: str, sought: DeadSought, now: int) -> int:
        """Queue dead deliveries anew; their events stay."""
        with self._database.transaction() as connection:
            states = ["dead", "maybe_sent"] if sought.delivery_ids else ["dead"]
            values = _dead_values(owner_id, sought) | {"states": states, "now": now}
            found = connection.execute(_REPLAY, values).rowcount
            if found:
                connection.execute("SELECT pg_notify(%s, 'outbox')", (CHANNEL,))
            return found

    def figures(self, owner_id: str, since: int) -> Figures:
        """Deliveries by state and channel; latencies of those that were sent since."""
        with self._database.transaction() as connection:
            counted = connection.execute(
                """
                SELECT channel, state, count(*) FROM ledger.outbox WHERE owner_id = %s
                GROUP BY channel, state ORDER BY channel, state
                """,
                (owner_id,),
            ).fetchall()
            latencies = connection.execute(
                """
                SELECT channel, percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (
                    ORDER BY (sent_at - coalesce((payload->>'due_at')::bigint, recorded_at)) / 1e6)
                FROM ledger.outbox JOIN ledger.firings USING (firing_id)
                WHERE outbox.owner_id = %s AND state = 'sent' AND channel <> 'in_app' AND sent_at >= %s
                GROUP BY GROUPING SETS ((channel), ())
                """,
                (owner_id, since),
            ).fetchall()
        took = {channel: (float(both[0]), float(both[1])) for channel, both in latencies if both is not None}
        p50_ms, p99_ms = took.get(None, (None, None))
        states: dict[str, int] = {}
        by_channel: dict[str, dict[str, int]] = {}
        for channel, state, count in counted:
            states[state] = states.get(state, 0) + count
            by_channel.setdefault(channel, {})[state] = count
        return Figures(
            dict(sorted(states.items())),
            p50_ms,
            p99_ms,
            tuple(
                ChannelFigures(channel, found, *took.get(channel, (None, None)))
                for channel, found in by_channel.items()
            ),
        )

    def wait(self, timeout_s: float) -> bool:
        """Block until a firing or a plan was announced since the last call, or the time is over."""
        return self._listener.wait(timeout_s)

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()


_DEAD: LiteralString = """
    AND owner_id = %(owner)s AND ended_at >= %(since)s AND ended_at < %(until)s
    AND (%(ids)s::text[] = '{}' OR delivery_id = ANY (%(ids)s))
    AND (%(channel)s = '' OR channel = %(channel)s OR address = %(channel)s)
"""

_SELECT_DEAD: LiteralString = (
    "SELECT "  # noqa: S608 — our own words
    + DELIVERY
    + ", ended_at FROM ledger.outbox WHERE state = 'dead' AND (ended_at, delivery_id) < (%(at)s, %(last)s)"
    + _DEAD
    + "ORDER BY ended_at DESC, delivery_id DESC LIMIT %(limit)s"
)
_REPLAY: LiteralString = (
    """
    WITH chosen AS (
        SELECT delivery_id AS id FROM ledger.outbox WHERE state = ANY (%(states)s)
    """  # noqa: S608 — our own words
    + _DEAD
    + """
        ORDER BY seq FOR UPDATE
    ), revived AS (
        UPDATE ledger.outbox SET state = 'queued', attempts = 0, error = '', next_attempt_at = %(now)s,
            queued_at = %(now)s, lease_until = 0, begun_at = 0, ended_at = 0, claims = claims + 1
        FROM chosen WHERE delivery_id = id RETURNING delivery_id
    )
    INSERT INTO ledger.attempts (delivery_id, at, what, number, detail)
    SELECT delivery_id, %(now)s, 'replayed', 0, '' FROM revived
    """
)


def _dead_values(owner_id: str, sought: DeadSought) -> dict[str, object]:
    return {
        "owner": owner_id,
        "since": sought.since,
        "until": sought.until,
        "ids": list(sought.delivery_ids),
        "channel": sought.channel,
    }


def firing_of(row: tuple[Any, ...]) -> Firing:
    """A firing of a row of SELECT_FIRINGS."""
    firing = Firing(*row)
    return replace(firing, notify=tuple(firing.notify))


def _has_turn(connection: Connection) -> bool:
    """True where nobody else is planning or gathering: then we are, to the end of the transaction."""
    connection.execute(_IDLE)
    row = connection.execute("SELECT pg_try_advisory_xact_lock(%s)", (_PLANNERS,)).fetchone()
    return bool(row and row[0])


def _counts(connection: Connection, firings: Sequence[Firing]) -> Counts:
    """What has been told of the rules of these firings, and to whom lately."""
    rules = sorted({(one.owner_id, one.rule_uid) for one in firings})
    owners, uids = [owner for owner, _ in rules], [uid for _, uid in rules]
    instruments = sorted({one.instrument for one in firings} | {""})
    told = connection.execute(
        """
        SELECT owner_id, rule_uid, instrument, day, count, is_announced, last FROM ledger.told
        WHERE (owner_id, rule_uid) IN (SELECT * FROM unnest(%s::text[], %s::text[])) AND instrument = ANY (%s)
        """,
        (owners, uids, instruments),
    ).fetchall()
    windows = connection.execute(
        """
        SELECT owner_id, rule_uid, channel, address, began_at, at_once, held FROM ledger.windows
        WHERE (owner_id, rule_uid) IN (SELECT * FROM unnest(%s::text[], %s::text[]))
        """,
        (owners, uids),
    ).fetchall()
    return Counts(
        {(row[0], row[1], row[2]): Told(*row[3:]) for row in told},
        {(row[0], row[1], row[2], row[3]): Window(*row[4:]) for row in windows},
    )


def _keep(connection: Connection, before: Counts, counts: Counts) -> None:
    """Write the counts that changed."""
    told = [(*key, *_told(one)) for key, one in counts.told.items() if before.told.get(key) != one]
    windows = [
        (*key, one.began_at, one.at_once, one.held)
        for key, one in counts.windows.items()
        if before.windows.get(key) != one
    ]
    if told:
        connection.execute(
            """
            INSERT INTO ledger.told (owner_id, rule_uid, instrument, day, count, is_announced, last)
            SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::boolean[],
                %s::bigint[]) ORDER BY 1, 2, 3
            ON CONFLICT (owner_id, rule_uid, instrument) DO UPDATE SET day = excluded.day, count = excluded.count,
                is_announced = excluded.is_announced, last = excluded.last
            """,
            [list(column) for column in zip(*told, strict=True)],
        )
    if windows:
        connection.execute(
            """
            INSERT INTO ledger.windows (owner_id, rule_uid, channel, address, began_at, at_once, held)
            SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[],
                %s::bigint[]) ORDER BY 1, 2, 3, 4
            ON CONFLICT (owner_id, rule_uid, channel, address) DO UPDATE SET began_at = excluded.began_at,
                at_once = excluded.at_once, held = excluded.held
            """,
            [list(column) for column in zip(*windows, strict=True)],
        )


def _told(one: Told) -> tuple[int, int, bool, int]:
    return one.day, one.count, one.is_announced, one.last


def _write(connection: Connection, plans: Sequence[tuple[Plan, str]], now: int) -> None:
    """Deliveries, planned_at and the decision of each firing, with its owner; and wake who sends."""
    _insert(connection, [(one, plan.firing_id, owner) for plan, owner in plans for one in plan.deliveries], now)
    connection.execute(
        """
        UPDATE ledger.firings SET planned_at = %s, decision = new.decision, decision_reason = new.reason
        FROM unnest(%s::text[], %s::text[], %s::text[]) AS new (id, decision, reason) WHERE firing_id = new.id
        """,
        (
            now,
            [plan.firing_id for plan, _ in plans],
            [plan.decision for plan, _ in plans],
            [plan.reason for plan, _ in plans],
        ),
    )
    connection.execute("SELECT pg_notify(%s, 'outbox')", (CHANNEL,))


def _insert(connection: Connection, rows: Iterable[tuple[Delivery, str, str]], now: int) -> None:
    """Deliveries with their firing and owner, in their order; those that are there already stay as they are."""
    new = [
        {
            "delivery_id": one.delivery_id,
            "firing_id": firing_id,
            "owner_id": owner_id,
            "channel": one.channel,
            "address": one.address,
            "state": one.state,
            "attempts": one.attempts,
            "error": one.error,
            "next_attempt_at": one.next_attempt_at,
            "sent_at": one.sent_at,
            "payload": one.payload,
            "gather": one.gather,
            "carried_by": one.carried_by,
            "reference": one.reference,
            "ended_at": now if one.state in ENDED_STATES else 0,
        }
        for one, firing_id, owner_id in rows
    ]
    if not new:
        return
    # One JSON text for the batch: arrays of each column take the client several times longer.
    connection.execute(
        """
        WITH new AS (
            SELECT * FROM ROWS FROM (json_to_recordset(%(rows)s) AS (delivery_id text, firing_id text, owner_id text,
                channel text, address text, state text, attempts integer, error text, next_attempt_at bigint,
                sent_at bigint, payload jsonb, gather text, carried_by text, reference text, ended_at bigint))
                WITH ORDINALITY AS new (delivery_id, firing_id, owner_id, channel, address, state, attempts, error,
                next_attempt_at, sent_at, payload, gather, carried_by, reference, ended_at, nth)
        ), kept AS (
            INSERT INTO ledger.outbox (delivery_id, firing_id, owner_id, channel, address, state, attempts, error,
                next_attempt_at, sent_at, payload, gather, carried_by, reference, ended_at, queued_at)
            SELECT delivery_id, firing_id, owner_id, channel, address, state, attempts, error, next_attempt_at,
                sent_at, payload, gather, carried_by, reference, ended_at, %(now)s FROM new ORDER BY nth
            ON CONFLICT DO NOTHING RETURNING delivery_id, state, error
        )
        INSERT INTO ledger.attempts (delivery_id, at, what, number, detail)
        SELECT delivery_id, %(now)s, state, 0, error FROM kept WHERE state IN ('held', 'suppressed', 'dead')
        """,
        {"rows": Json(new), "now": now},
    )


def _release(connection: Connection, decided: Sequence[Delivery], now: int) -> None:
    """Write what became of held deliveries; only the carrying one's text changes."""
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            UPDATE ledger.outbox SET state = %s, payload = coalesce(%s, payload), error = %s, next_attempt_at = %s,
                gather = %s, carried_by = %s, ended_at = %s
            WHERE delivery_id = %s
            """,
            [
                (
                    one.state,
                    Jsonb(one.payload) if one.state == "queued" else None,
                    one.error,
                    one.next_attempt_at,
                    one.gather,
                    one.carried_by,
                    now if one.state in ENDED_STATES else 0,
                    one.delivery_id,
                )
                for one in decided
            ],
        )
    _happened(connection, [(one.delivery_id, now, one.state, 0, one.carried_by or one.error) for one in decided])
    connection.execute("SELECT pg_notify(%s, 'outbox')", (CHANNEL,))


def _happened(connection: Connection, events: Sequence[tuple[str, int, str, int, str]]) -> None:
    columns = [list(column) for column in zip(*events, strict=True)] or [[], [], [], [], []]
    connection.execute(
        """
        INSERT INTO ledger.attempts (delivery_id, at, what, number, detail)
        SELECT * FROM unnest(%s::text[], %s::bigint[], %s::text[], %s::integer[], %s::text[])
        """,
        columns,
    )
