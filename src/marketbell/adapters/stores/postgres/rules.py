"""Rules, their versions and the commands for the log in PostgreSQL."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, LiteralString

from psycopg.types.json import Jsonb

from marketbell.adapters.stores.postgres.connections import Connection, Database
from marketbell.core.primitives.errors import ConflictError, NotFoundError
from marketbell.ports.stores import RuleCommand, StoredRule

CHANNEL = "marketbell_commands"

_SELECT: LiteralString = """
    SELECT rule_uid, owner_id, name, text, definition, version, state, created_at, notify, instrument_id, payload
    FROM rules.rules JOIN rules.versions USING (rule_uid, version)
"""


class PostgresRules:
    """Rules in the schema rules; a rule and its command are one transaction, announced by NOTIFY."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listener = database.listen(CHANNEL)

    def arm(self, rule: StoredRule, instrument_id: int, payload: Mapping[str, Any]) -> StoredRule:
        """Store a rule and its command. A changed text, or a disabled rule, becomes the next version."""
        with self._database.transaction() as connection:
            # Taken before the look, so that two who arm the same uid at once come one after the other.
            connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (rule.rule_uid,))
            found = _find(connection, rule.rule_uid)
            if found is not None:
                if found.owner_id != rule.owner_id:
                    message = f"the rule id {rule.rule_uid} is taken"
                    raise ConflictError(message)
                if found.text == rule.text and found.state in {"armed", "fired"}:
                    return found
            stored = replace(
                rule,
                version=found.version + 1 if found else rule.version,
                state="armed",
                created_at=found.created_at if found else rule.created_at or time.time_ns(),
            )
            command = {**payload, "rule_uid": stored.rule_uid, "version": stored.version}
            connection.execute(
                """
                INSERT INTO rules.rules (rule_uid, owner_id, name, version, state, created_at)
                VALUES (%s, %s, %s, %s, %s, %s)
                ON CONFLICT (rule_uid) DO UPDATE SET name = excluded.name, version = excluded.version,
                    state = excluded.state, updated_at = now()
                """,
                (stored.rule_uid, stored.owner_id, stored.name, stored.version, stored.state, stored.created_at),
            )
            connection.execute(
                """
                INSERT INTO rules.versions (rule_uid, version, text, definition, notify, instrument_id, payload)
                VALUES (%s, %s, %s, %s, %s, %s, %s)
                """,
                (
                    stored.rule_uid,
                    stored.version,
                    stored.text,
                    Jsonb(stored.definition),
                    Jsonb(list(stored.notify)),
                    int(instrument_id),
                    Jsonb(command),
                ),
            )
            _command(connection, stored.rule_uid, instrument_id, command)
            return stored

    def disarm(self, owner_id: str, rule_uid: str) -> StoredRule:
        """Disable a rule and tell the log. Already disabled: nothing more happens."""
        with self._database.transaction() as connection:
            row = connection.execute(
                _SELECT + "WHERE rule_uid = %s AND owner_id = %s FOR UPDATE OF rules", (rule_uid, owner_id)
            ).fetchone()
            if row is None:
                message = f"there is no rule {rule_uid}"
                raise NotFoundError(message)
            rule = replace(_rule(row), state="disabled")
            if row[6] != "disabled":
                connection.execute(
                    "UPDATE rules.rules SET state = 'disabled', updated_at = now() WHERE rule_uid = %s", (rule_uid,)
                )
                command = {"type": "disarm", "rule_uid": rule_uid, "version": rule.version}
                _command(connection, rule_uid, row[9], command)
            return rule

    def get(self, owner_id: str, rule_uid: str) -> StoredRule | None:
        """The owner's rule of that id."""
        with self._database.transaction() as connection:
            row = connection.execute(_SELECT + "WHERE rule_uid = %s AND owner_id = %s", (rule_uid, owner_id)).fetchone()
            return _rule(row) if row else None

    def all(self, owner_id: str) -> list[StoredRule]:
        """The owner's rules, newest first."""
        with self._database.transaction() as connection:
            found = connection.execute(_SELECT + "WHERE owner_id = %s ORDER BY created_at DESC, rule_uid", (owner_id,))
            return [_rule(row) for row in found]

    def armed(self) -> list[tuple[StoredRule, int, dict[str, Any]]]:
        """Every armed rule with its instrument and the command that armed it."""
        with self._database.transaction() as connection:
            found = connection.execute(_SELECT + "WHERE state = 'armed' ORDER BY created_at, rule_uid")
            return [(_rule(row), row[9], row[10]) for row in found]

    def unpublished(self, limit: int = 500) -> list[RuleCommand]:
        """Commands that the log has not had, in the order written."""
        with self._database.transaction() as connection:
            found = connection.execute(
                """
                SELECT command_id, instrument_id, payload FROM rules.commands
                WHERE published_at IS NULL ORDER BY command_id LIMIT %s
                """,
                (limit,),
            )
            return [RuleCommand(*row) for row in found]

    def mark_published(self, command_ids: Sequence[int]) -> None:
        """The log has these commands."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE rules.commands SET published_at = now() WHERE command_id = ANY (%s::bigint[])",
                (list(command_ids),),
            )

    def mark_fired(self, rule_uids: Sequence[str]) -> None:
        """These fire-once rules have had their firing."""
        with self._database.transaction() as connection:
            connection.execute(
                """
                UPDATE rules.rules SET state = 'fired', updated_at = now()
                WHERE rule_uid = ANY (%s::text[]) AND state = 'armed'
                """,
                (list(rule_uids),),
            )

    def wait(self, timeout_s: float) -> bool:
        """Block until a command was written since the last call, or the time is over."""
        return self._listener.wait(timeout_s)

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()


def _find(connection: Connection, rule_uid: str) -> StoredRule | None:
    row = connection.execute(_SELECT + "WHERE rule_uid = %s FOR UPDATE OF rules", (rule_uid,)).fetchone()
    return _rule(row) if row else None


def _command(connection: Connection, rule_uid: str, instrument_id: int, payload: Mapping[str, Any]) -> None:
    connection.execute(
        "INSERT INTO rules.commands (rule_uid, instrument_id, payload) VALUES (%s, %s, %s)",
        (rule_uid, int(instrument_id), Jsonb(payload)),
    )
    connection.execute("SELECT pg_notify(%s, '')", (CHANNEL,))


def _rule(row: tuple[Any, ...]) -> StoredRule:
    rule_uid, owner_id, name, text, definition, version, state, created_at, notify, _, _ = row
    return StoredRule(rule_uid, owner_id, name, text, definition, version, state, created_at, tuple(notify))
