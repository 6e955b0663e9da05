"""Saved screens and who entered and left them in PostgreSQL."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, LiteralString

from psycopg.types.json import Jsonb

from marketbell.adapters.stores.postgres.connections import Database
from marketbell.adapters.stores.postgres.rules import write_command
from marketbell.core.primitives.errors import ConflictError, NotFoundError
from marketbell.ports.stores import (
    EVERYWHERE,
    MOST_EVENTS,
    SavedScreen,
    ScreenEvent,
    Stay,
    is_same_screen,
    screen_command,
    stays,
    unscreen_command,
)

_SELECT: LiteralString = """
    SELECT screen_id, owner_id, name, text, definition, created_at, updated_at FROM rules.screens
"""


class PostgresScreens:
    """rules.screens and rules.screen_events; a screen and its command are one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self, owner_id: str) -> list[SavedScreen]:
        """The owner's, oldest first."""
        with self._database.transaction() as connection:
            found = connection.execute(_SELECT + "WHERE owner_id = %s ORDER BY created_at, screen_id", (owner_id,))
            return [SavedScreen(*row) for row in found]

    def get(self, owner_id: str, screen_id: str) -> SavedScreen | None:
        """The owner's screen of that id."""
        with self._database.transaction() as connection:
            row = connection.execute(
                _SELECT + "WHERE screen_id = %s AND owner_id = %s", (screen_id, owner_id)
            ).fetchone()
            return SavedScreen(*row) if row else None

    def put(self, screen: SavedScreen) -> SavedScreen:
        """Keep a screen and write its command."""
        with self._database.transaction() as connection:
            # One at a time for an owner: two who take the same name come one after the other.
            connection.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(%s, 1))", (f"screens of {screen.owner_id}",)
            )
            row = connection.execute(_SELECT + "WHERE screen_id = %s FOR UPDATE", (screen.screen_id,)).fetchone()
            found = SavedScreen(*row) if row else None
            if found is not None and found.owner_id != screen.owner_id:
                message = f"the screen id {screen.screen_id} is taken"
                raise ConflictError(message)
            if connection.execute(
                "SELECT 1 FROM rules.screens WHERE owner_id = %s AND name = %s AND screen_id <> %s",
                (screen.owner_id, screen.name, screen.screen_id),
            ).fetchone():
                message = f'you have a screen "{screen.name}" already'
                raise ConflictError(message)
            if found is not None and is_same_screen(found, screen):
                return found
            now = time.time_ns()
            created_at = found.created_at if found else screen.created_at or now
            kept = replace(screen, created_at=created_at, updated_at=screen.updated_at or now)
            connection.execute(
                """
                INSERT INTO rules.screens (screen_id, owner_id, name, text, definition, created_at, updated_at)
                VALUES (%s, %s, %s, %s, %s, %s, %s)
                ON CONFLICT (screen_id) DO UPDATE SET name = excluded.name, text = excluded.text,
                    definition = excluded.definition, updated_at = excluded.updated_at
                """,
                _values(kept),
            )
            write_command(connection, EVERYWHERE, screen_command(kept))
            return kept

    def delete(self, owner_id: str, screen_id: str) -> None:
        """Forget a screen and its events, and tell the log."""
        with self._database.transaction() as connection:
            gone = connection.execute(
                "DELETE FROM rules.screens WHERE screen_id = %s AND owner_id = %s", (screen_id, owner_id)
            ).rowcount
            if not gone:
                message = f"there is no screen {screen_id}"
                raise NotFoundError(message)
            connection.execute("DELETE FROM rules.screen_events WHERE screen_id = %s", (screen_id,))
            write_command(connection, EVERYWHERE, unscreen_command(screen_id))

    def standing(self) -> list[SavedScreen]:
        """Everyone's, oldest first."""
        with self._database.transaction() as connection:
            found = connection.execute(_SELECT + "ORDER BY created_at, screen_id")
            return [SavedScreen(*row) for row in found]

    def put_events(self, screen_id: str, events: Sequence[ScreenEvent]) -> None:
        """Keep what happened, each once; of a screen the newest stay."""
        if not events:
            return
        with self._database.transaction() as connection:
            connection.execute(
                """
                INSERT INTO rules.screen_events (screen_id, event, instrument_id, at)
                SELECT %s, * FROM unnest(%s::text[], %s::bigint[], %s::bigint[]) ON CONFLICT DO NOTHING
                """,
                (
                    screen_id,
                    [str(event) for event, _, _ in events],
                    [int(instrument_id) for _, instrument_id, _ in events],
                    [int(at) for _, _, at in events],
                ),
            )
            connection.execute(
                """
                DELETE FROM rules.screen_events WHERE screen_id = %s AND (at, instrument_id, event) <= (
                    SELECT at, instrument_id, event FROM rules.screen_events WHERE screen_id = %s
                    ORDER BY at DESC, instrument_id DESC, event DESC OFFSET %s LIMIT 1
                )
                """,
                (screen_id, screen_id, MOST_EVENTS),
            )

    def history(self, screen_id: str, since: int, limit: int = 500) -> list[ScreenEvent]:
        """Events from `since` on, newest first."""
        with self._database.transaction() as connection:
            found = connection.execute(
                """
                SELECT event, instrument_id, at FROM rules.screen_events WHERE screen_id = %s AND at >= %s
                ORDER BY at DESC, instrument_id DESC, event DESC LIMIT %s
                """,
                (screen_id, since, limit),
            )
            return [ScreenEvent(*row) for row in found]

    def held(self, instrument_id: int, since: int) -> list[Stay]:
        """In which screens an instrument was at `since` or later."""
        with self._database.transaction() as connection:
            found = connection.execute(
                """
                SELECT screen_id, event, at FROM rules.screen_events WHERE instrument_id = %s
                ORDER BY at, screen_id, event
                """,
                (int(instrument_id),),
            )
            return stays(found, since)


def _values(screen: SavedScreen) -> tuple[Any, ...]:
    return (
        screen.screen_id,
        screen.owner_id,
        screen.name,
        screen.text,
        Jsonb(screen.definition),
        screen.created_at,
        screen.updated_at,
    )
