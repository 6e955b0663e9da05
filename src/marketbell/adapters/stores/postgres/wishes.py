"""Preferences, silences, acks and snoozes in PostgreSQL."""

from typing import LiteralString

from marketbell.adapters.stores.postgres.connections import Connection, Database
from marketbell.core.alerts.acks import Mute
from marketbell.core.alerts.decide import Wishes
from marketbell.core.alerts.preferences import DEFAULTS, Preferences
from marketbell.core.alerts.silences import Silence
from marketbell.core.primitives.errors import ConflictError, NotFoundError

_SELECT_MUTES: LiteralString = "SELECT kind, firing_id, rule_uid, instrument, until, at, by FROM ledger.mutes "


class PostgresWishes:
    """What each owner asked for, in the schema ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def wishes(self, owner_id: str, now: int) -> Wishes:
        """Everything that holds now."""
        with self._database.transaction() as connection:
            mutes = connection.execute(
                _SELECT_MUTES + "WHERE owner_id = %s AND until > %s ORDER BY firing_id, kind", (owner_id, now)
            )
            held = tuple(Mute(*row) for row in mutes)
            return Wishes(_preferences(connection, owner_id) or DEFAULTS, _silences(connection, owner_id, now), held)

    def preferences(self, owner_id: str) -> Preferences | None:
        """None where the owner has said nothing yet."""
        with self._database.transaction() as connection:
            return _preferences(connection, owner_id)

    def put_preferences(self, owner_id: str, preferences: Preferences) -> None:
        """What counts from now on."""
        with self._database.transaction() as connection:
            connection.execute(
                """
                INSERT INTO ledger.preferences (owner_id, zone, quiet_from, quiet_to, quiet_except_high, digest_at,
                    group_window_s, repeat_s) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
                ON CONFLICT (owner_id) DO UPDATE SET zone = excluded.zone, quiet_from = excluded.quiet_from,
                    quiet_to = excluded.quiet_to, quiet_except_high = excluded.quiet_except_high,
                    digest_at = excluded.digest_at, group_window_s = excluded.group_window_s,
                    repeat_s = excluded.repeat_s
                """,
                (
                    owner_id,
                    preferences.zone,
                    preferences.quiet_from,
                    preferences.quiet_to,
                    preferences.quiet_except_high,
                    preferences.digest_at,
                    preferences.group_window_s,
                    preferences.repeat_s,
                ),
            )

    def silences(self, owner_id: str, now: int) -> list[Silence]:
        """Those that are not over, the one that ends first first."""
        with self._database.transaction() as connection:
            return list(_silences(connection, owner_id, now))

    def put_silence(self, owner_id: str, silence: Silence) -> Silence:
        """Add or replace by id."""
        with self._database.transaction() as connection:
            written = connection.execute(
                """
                INSERT INTO ledger.silences (silence_id, owner_id, rule_uid, instrument, severity, until, reason,
                    created_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
                ON CONFLICT (silence_id) DO UPDATE SET rule_uid = excluded.rule_uid,
                    instrument = excluded.instrument, severity = excluded.severity, until = excluded.until,
                    reason = excluded.reason, created_at = excluded.created_at
                WHERE silences.owner_id = excluded.owner_id
                """,
                (
                    silence.silence_id,
                    owner_id,
                    silence.rule_uid,
                    silence.instrument,
                    silence.severity,
                    silence.until,
                    silence.reason,
                    silence.created_at,
                ),
            ).rowcount
        if not written:
            raise ConflictError(f"the id {silence.silence_id} is taken")
        return silence

    def end_silence(self, owner_id: str, silence_id: str) -> None:
        """NotFoundError where the owner has no such silence."""
        with self._database.transaction() as connection:
            gone = connection.execute(
                "DELETE FROM ledger.silences WHERE owner_id = %s AND silence_id = %s", (owner_id, silence_id)
            ).rowcount
        if not gone:
            raise NotFoundError(f"there is no silence {silence_id}")

    def mute(self, owner_id: str, mute: Mute) -> Mute:
        """Keep an ack or a snooze; the first one's moment and maker stay."""
        with self._database.transaction() as connection:
            row = connection.execute(
                """
                INSERT INTO ledger.mutes (kind, firing_id, rule_uid, instrument, until, at, by, owner_id)
                VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
                ON CONFLICT (firing_id, kind) DO UPDATE SET until = excluded.until
                RETURNING kind, firing_id, rule_uid, instrument, until, at, by
                """,
                (mute.kind, mute.firing_id, mute.rule_uid, mute.instrument, mute.until, mute.at, mute.by, owner_id),
            ).fetchone()
            return Mute(*row) if row else mute

    def unmute(self, owner_id: str, rule_uid: str, instrument: str, now: int) -> int:
        """End every ack and snooze of that rule about that instrument."""
        with self._database.transaction() as connection:
            return connection.execute(
                """
                UPDATE ledger.mutes SET until = %(now)s
                WHERE owner_id = %(owner)s AND rule_uid = %(rule)s AND instrument = %(key)s AND until > %(now)s
                """,
                {"owner": owner_id, "rule": rule_uid, "key": instrument, "now": now},
            ).rowcount

    def mutes_of(self, owner_id: str, firing_ids: list[str]) -> dict[str, list[Mute]]:
        """Acks and snoozes that were made on these alerts."""
        found: dict[str, list[Mute]] = {}
        with self._database.transaction() as connection:
            rows = connection.execute(
                _SELECT_MUTES + "WHERE owner_id = %s AND firing_id = ANY (%s) ORDER BY at, kind",
                (owner_id, list(firing_ids)),
            )
            for row in rows:
                mute = Mute(*row)
                found.setdefault(mute.firing_id, []).append(mute)
        return found


def _preferences(connection: Connection, owner_id: str) -> Preferences | None:
    row = connection.execute(
        """
        SELECT zone, quiet_from, quiet_to, quiet_except_high, digest_at, group_window_s, repeat_s
        FROM ledger.preferences WHERE owner_id = %s
        """,
        (owner_id,),
    ).fetchone()
    return Preferences(*row) if row else None


def _silences(connection: Connection, owner_id: str, now: int) -> tuple[Silence, ...]:
    found = connection.execute(
        """
        SELECT until, rule_uid, instrument, severity, reason, silence_id, created_at FROM ledger.silences
        WHERE owner_id = %s AND until > %s ORDER BY until, silence_id
        """,
        (owner_id, now),
    )
    return tuple(Silence(*row) for row in found)
