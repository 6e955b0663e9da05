"""Fundamentals and shareholding in PostgreSQL, point in time."""

from collections.abc import Sequence

from psycopg.types.json import Json

from marketbell.adapters.stores.postgres.connections import Database
from marketbell.ports.stores import Fact


class PostgresFundamentals:
    """Published values in reference.facts. A restatement is a further version of its period."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, facts: Sequence[Fact]) -> None:
        """Add facts; one with the same instrument, name, period and version takes the later values."""
        unique = {(fact.instrument_id, fact.name, fact.period_end, fact.version): fact for fact in facts}
        if not unique:
            return
        rows = [
            {
                "instrument_id": int(fact.instrument_id),
                "name": fact.name,
                "period_end": fact.period_end,
                "version": fact.version,
                "value": float(fact.value),
                "published_at": int(fact.published_at),
                "source": fact.source,
            }
            for fact in unique.values()
        ]
        with self._database.transaction() as connection:
            connection.execute(
                """
                INSERT INTO reference.facts (instrument_id, name, period_end, version, value, published_at, source)
                SELECT instrument_id, name, period_end, version, coalesce(value, 'NaN'), published_at, source
                FROM json_to_recordset(%s) AS new (instrument_id bigint, name text, period_end text, version integer,
                    value double precision, published_at bigint, source text)
                ON CONFLICT (instrument_id, name, period_end, version) DO UPDATE
                SET value = excluded.value, published_at = excluded.published_at, source = excluded.source
                """,
                (Json(rows),),
            )

    def as_of(self, when: int, instrument_ids: Sequence[int] | None = None) -> dict[int, dict[str, float]]:
        """Newest period's newest version of each name, among what had been published at `when`."""
        known: dict[int, dict[str, float]] = {}
        ids = None if instrument_ids is None else [int(key) for key in instrument_ids]
        with self._database.transaction() as connection:
            found = connection.execute(
                """
                SELECT DISTINCT ON (instrument_id, name) instrument_id, name, value
                FROM reference.facts
                WHERE published_at <= %s AND (%s::bigint[] IS NULL OR instrument_id = ANY (%s::bigint[]))
                ORDER BY instrument_id, name, period_end DESC, version DESC
                """,
                (when, ids, ids),
            )
            for instrument_id, name, value in found:
                known.setdefault(instrument_id, {})[name] = value
        return known

    def history(self, instrument_id: int, name: str) -> list[Fact]:
        """Every version of every period, oldest first."""
        with self._database.transaction() as connection:
            found = connection.execute(
                """
                SELECT instrument_id, name, period_end, value, published_at, source, version
                FROM reference.facts WHERE instrument_id = %s AND name = %s
                ORDER BY period_end, version
                """,
                (int(instrument_id), name),
            )
            return [Fact(*row) for row in found]

    def published(self, instrument_ids: Sequence[int], until: int) -> list[Fact]:
        """Every version of every period that had been published at `until`, in the order of publication."""
        with self._database.transaction() as connection:
            found = connection.execute(
                """
                SELECT instrument_id, name, period_end, value, published_at, source, version
                FROM reference.facts WHERE instrument_id = ANY (%s::bigint[]) AND published_at <= %s
                ORDER BY published_at, instrument_id, name COLLATE "C", period_end, version
                """,
                ([int(one) for one in instrument_ids], until),
            )
            return [Fact(*row) for row in found]
