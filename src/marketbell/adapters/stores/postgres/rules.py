"""Rules, their versions and the commands for the log in PostgreSQL."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, LiteralString

from psycopg.types.json import Jsonb

from marketbell.adapters.stores.postgres.connections import Connection, Database
from marketbell.core.primitives.errors import ConflictError, NotFoundError
from marketbell.ports.stores import RuleCommand, RuleVersion, StoredRule, is_same_arming

CHANNEL = "marketbell_commands"

_SELECT: LiteralString = """
    SELECT rule_uid, owner_id, name, text, definition, version, state, created_at, notify, group_name, problem,
        instrument_id, payload
    FROM rules.rules JOIN rules.versions USING (rule_uid, version)
"""


class PostgresRules:
    """Rules in the schema rules; a rule and its command are one transaction, announced by NOTIFY."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listener = database.listen(CHANNEL)

    def arm(self, rule: StoredRule, instrument_id: int, payload: Mapping[str, Any]) -> StoredRule:
        """Store a rule and its command. What changed, or was disabled, becomes the next version."""
        with self._database.transaction() as connection:
            # Taken before the look, so that two who arm the same uid at once come one after the other.
            connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (rule.rule_uid,))
            row = connection.execute(_SELECT + "WHERE rule_uid = %s FOR UPDATE OF rules", (rule.rule_uid,)).fetchone()
            found = _rule(row) if row else None
            if found is not None and row is not None:
                if found.owner_id != rule.owner_id:
                    message = f"the rule id {rule.rule_uid} is taken"
                    raise ConflictError(message)
                *_, place, known = row
                if is_same_arming(found, known, rule, payload):
                    connection.execute(
                        "UPDATE rules.rules SET group_name = %s WHERE rule_uid = %s", (rule.group, rule.rule_uid)
                    )
                    return replace(found, group=rule.group)
                if place != int(instrument_id) and found.state != "disabled":
                    gone = {"type": "disarm", "rule_uid": rule.rule_uid, "version": found.version}
                    write_command(connection, place, gone, rule.rule_uid)
            stored = replace(
                rule,
                version=found.version + 1 if found else rule.version,
                state="armed",
                created_at=found.created_at if found else rule.created_at or time.time_ns(),
                problem="",
            )
            command = {**payload, "rule_uid": stored.rule_uid, "version": stored.version}
            connection.execute(
                """
                INSERT INTO rules.rules (rule_uid, owner_id, name, version, state, created_at, group_name)
                VALUES (%s, %s, %s, %s, %s, %s, %s)
                ON CONFLICT (rule_uid) DO UPDATE SET name = excluded.name, version = excluded.version,
                    state = excluded.state, group_name = excluded.group_name, problem = '', updated_at = now()
                """,
                (
                    stored.rule_uid,
                    stored.owner_id,
                    stored.name,
                    stored.version,
                    stored.state,
                    stored.created_at,
                    stored.group,
                ),
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
            write_command(connection, instrument_id, command, stored.rule_uid)
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
            *_, place, _ = row
            if row[6] != "disabled":
                connection.execute(
                    "UPDATE rules.rules SET state = 'disabled', updated_at = now() WHERE rule_uid = %s", (rule_uid,)
                )
                command = {"type": "disarm", "rule_uid": rule_uid, "version": rule.version}
                write_command(connection, place, command, rule_uid)
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

    def versions(self, owner_id: str, rule_uid: str) -> list[RuleVersion]:
        """Every wording that the owner's rule has had, newest first."""
        with self._database.transaction() as connection:
            found = connection.execute(
                """
                SELECT versions.version, text, (extract(epoch FROM made_at) * 1000000)::bigint * 1000,
                    CASE WHEN versions.version = rules.version THEN state ELSE 'replaced' END
                FROM rules.versions JOIN rules.rules USING (rule_uid)
                WHERE rule_uid = %s AND owner_id = %s ORDER BY versions.version DESC
                """,
                (rule_uid, owner_id),
            )
            return [RuleVersion(*row) for row in found]

    def commands(self, versions: Sequence[tuple[str, int]]) -> dict[tuple[str, int], dict[str, Any]]:
        """The arm commands of versions, by (rule_uid, version)."""
        with self._database.transaction() as connection:
            found = connection.execute(
                """
                SELECT rule_uid, version, payload FROM rules.versions
                WHERE (rule_uid, version) IN (SELECT * FROM unnest(%s::text[], %s::integer[]))
                """,
                ([uid for uid, _ in versions], [version for _, version in versions]),
            )
            return {(uid, version): payload for uid, version, payload in found}

    def armed(self) -> list[tuple[StoredRule, int, dict[str, Any]]]:
        """Every armed rule with its instrument and the command that armed it."""
        with self._database.transaction() as connection:
            found = connection.execute(_SELECT + "WHERE state = 'armed' ORDER BY created_at, rule_uid")
            return [(_rule(row), row[-2], row[-1]) for row in found]

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

    def mark_problem(self, problems: Mapping[str, str]) -> None:
        """Say by uid why rules cannot be evaluated."""
        with self._database.transaction() as connection:
            connection.execute(
                """
                UPDATE rules.rules SET problem = said.problem, updated_at = now()
                FROM unnest(%s::text[], %s::text[]) AS said (uid, problem) WHERE rule_uid = said.uid
                """,
                (list(problems), list(problems.values())),
            )

    def wait(self, timeout_s: float) -> bool:
        """Block until a command was written since the last call, or the time is over."""
        return self._listener.wait(timeout_s)

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()


def write_command(
    connection: Connection, instrument_id: int, payload: Mapping[str, Any], rule_uid: str | None = None
) -> None:
    """Put a command into the outbox of the log within a transaction, and wake who waits when it is committed."""
    connection.execute(
        "INSERT INTO rules.commands (rule_uid, instrument_id, payload) VALUES (%s, %s, %s)",
        (rule_uid, int(instrument_id), Jsonb(payload)),
    )
    connection.execute("SELECT pg_notify(%s, '')", (CHANNEL,))


def _rule(row: tuple[Any, ...]) -> StoredRule:
    rule_uid, owner_id, name, text, definition, version, state, created_at, notify, group, problem, _, _ = row
    return StoredRule(
        rule_uid, owner_id, name, text, definition, version, state, created_at, tuple(notify), group, problem
    )
