"""What belongs to people in PostgreSQL: sessions, channels, watchlists, remembered answers."""

from typing import Any

from psycopg.types.json import Jsonb

from marketbell.adapters.stores.postgres.connections import Database
from marketbell.core.primitives.errors import NotFoundError
from marketbell.ports.stores import Channel, Watchlist


class PostgresSessions:
    """Browser sessions in people.sessions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, owner_id: str, token_hash: bytes, expires_at: int) -> None:
        """Let the bearer of that token in until `expires_at`."""
        with self._database.transaction() as connection:
            connection.execute(
                """
                INSERT INTO people.sessions (token_hash, owner_id, expires_at) VALUES (%s, %s, %s)
                ON CONFLICT (token_hash) DO UPDATE SET owner_id = excluded.owner_id, expires_at = excluded.expires_at
                """,
                (token_hash, owner_id, expires_at),
            )

    def owner(self, token_hash: bytes, now: int) -> str | None:
        """Whose session it is, None where there is none or its time is over."""
        with self._database.transaction() as connection:
            row = connection.execute(
                "SELECT owner_id FROM people.sessions WHERE token_hash = %s AND expires_at > %s", (token_hash, now)
            ).fetchone()
            return row[0] if row else None

    def delete(self, token_hash: bytes) -> None:
        """End a session; no word where there is none."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM people.sessions WHERE token_hash = %s", (token_hash,))


class PostgresIdempotency:
    """Answers by Idempotency-Key in people.idempotency; the first one stays."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def remember(self, owner_id: str, key: str, body_hash: bytes, status: int, body: bytes, now: int) -> None:
        """Keep an answer, unless the key has one."""
        with self._database.transaction() as connection:
            connection.execute(
                """
                INSERT INTO people.idempotency (owner_id, key, body_hash, status, body, remembered_at)
                VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
                """,
                (owner_id, key, body_hash, status, body, now),
            )

    def recall(self, owner_id: str, key: str) -> tuple[bytes, int, bytes] | None:
        """Hash of the request's body, status and body of the answer."""
        with self._database.transaction() as connection:
            row = connection.execute(
                "SELECT body_hash, status, body FROM people.idempotency WHERE owner_id = %s AND key = %s",
                (owner_id, key),
            ).fetchone()
            return (bytes(row[0]), row[1], bytes(row[2])) if row else None


class PostgresWatchlists:
    """Watchlists in engagement.watchlists."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self, owner_id: str) -> list[Watchlist]:
        """The owner's watchlists, oldest first."""
        with self._database.transaction() as connection:
            found = connection.execute(
                """
                SELECT watchlist_id, owner_id, name, instruments FROM engagement.watchlists
                WHERE owner_id = %s ORDER BY made_at, watchlist_id
                """,
                (owner_id,),
            )
            return [_watchlist(row) for row in found]

    def get(self, owner_id: str, watchlist_id: str) -> Watchlist | None:
        """The owner's watchlist of that id."""
        with self._database.transaction() as connection:
            row = connection.execute(
                """
                SELECT watchlist_id, owner_id, name, instruments FROM engagement.watchlists
                WHERE owner_id = %s AND watchlist_id = %s
                """,
                (owner_id, watchlist_id),
            ).fetchone()
            return _watchlist(row) if row else None

    def put(self, watchlist: Watchlist) -> Watchlist:
        """Add or replace. NotFoundError where the id is another owner's."""
        with self._database.transaction() as connection:
            written = connection.execute(
                """
                INSERT INTO engagement.watchlists (watchlist_id, owner_id, name, instruments) VALUES (%s, %s, %s, %s)
                ON CONFLICT (watchlist_id) DO UPDATE SET name = excluded.name, instruments = excluded.instruments
                WHERE watchlists.owner_id = excluded.owner_id
                """,
                (watchlist.watchlist_id, watchlist.owner_id, watchlist.name, list(watchlist.instruments)),
            ).rowcount
        if not written:
            raise _missing("watchlist", watchlist.watchlist_id)
        return watchlist

    def delete(self, owner_id: str, watchlist_id: str) -> None:
        """NotFoundError where the owner has no such watchlist."""
        with self._database.transaction() as connection:
            gone = connection.execute(
                "DELETE FROM engagement.watchlists WHERE owner_id = %s AND watchlist_id = %s", (owner_id, watchlist_id)
            ).rowcount
        if not gone:
            raise _missing("watchlist", watchlist_id)


class PostgresChannels:
    """Channels in people.channels."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self, owner_id: str) -> list[Channel]:
        """The owner's channels, oldest first."""
        with self._database.transaction() as connection:
            found = connection.execute(
                """
                SELECT channel_id, owner_id, kind, name, config, is_enabled FROM people.channels
                WHERE owner_id = %s ORDER BY made_at, channel_id
                """,
                (owner_id,),
            )
            return [Channel(*row) for row in found]

    def put(self, channel: Channel) -> Channel:
        """Add or replace. NotFoundError where the id is another owner's."""
        with self._database.transaction() as connection:
            written = connection.execute(
                """
                INSERT INTO people.channels (channel_id, owner_id, kind, name, config, is_enabled)
                VALUES (%s, %s, %s, %s, %s, %s)
                ON CONFLICT (channel_id) DO UPDATE SET kind = excluded.kind, name = excluded.name,
                    config = excluded.config, is_enabled = excluded.is_enabled
                WHERE channels.owner_id = excluded.owner_id
                """,
                (
                    channel.channel_id,
                    channel.owner_id,
                    channel.kind,
                    channel.name,
                    Jsonb(channel.config),
                    channel.is_enabled,
                ),
            ).rowcount
        if not written:
            raise _missing("channel", channel.channel_id)
        return channel

    def delete(self, owner_id: str, channel_id: str) -> None:
        """NotFoundError where the owner has no such channel."""
        with self._database.transaction() as connection:
            gone = connection.execute(
                "DELETE FROM people.channels WHERE owner_id = %s AND channel_id = %s", (owner_id, channel_id)
            ).rowcount
        if not gone:
            raise _missing("channel", channel_id)


def _missing(kind: str, key: str) -> NotFoundError:
    message = f"there is no {kind} {key}"
    return NotFoundError(message)


def _watchlist(row: tuple[Any, ...]) -> Watchlist:
    watchlist_id, owner_id, name, instruments = row
    return Watchlist(watchlist_id, owner_id, name, tuple(instruments))
