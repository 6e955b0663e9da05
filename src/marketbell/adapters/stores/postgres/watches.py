"""Raised watches in PostgreSQL."""

from marketbell.adapters.stores.postgres.connections import Database
from marketbell.ports.watches import Raised


class PostgresWatches:
    """One row a watch, in jobs.watches."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put_up(self, raised: Raised) -> Raised:
        """Raise it, or be told of the one that stands."""
        with self._database.transaction() as connection:
            row = connection.execute(
                """
                INSERT INTO jobs.watches AS old (watch, began_at, said) VALUES (%s, %s, %s)
                ON CONFLICT (watch) DO UPDATE SET
                    began_at = CASE WHEN old.ended_at = 0 THEN old.began_at ELSE excluded.began_at END,
                    said = CASE WHEN old.ended_at = 0 THEN old.said ELSE excluded.said END,
                    ended_at = 0
                RETURNING watch, began_at, said
                """,
                (raised.watch, raised.began_at, raised.said),
            ).fetchone()
        return Raised(*row) if row else raised

    def take_down(self, watch: str, began_at: int, now: int) -> bool:
        """It is over."""
        with self._database.transaction() as connection:
            return (
                connection.execute(
                    "UPDATE jobs.watches SET ended_at = %s WHERE watch = %s AND began_at = %s AND ended_at = 0",
                    (now, watch, began_at),
                ).rowcount
                == 1
            )

    def standing(self) -> list[Raised]:
        """All that are raised."""
        with self._database.transaction() as connection:
            rows = connection.execute(
                "SELECT watch, began_at, said FROM jobs.watches WHERE ended_at = 0 ORDER BY watch"
            ).fetchall()
        return [Raised(*row) for row in rows]
