"""Instruments, session snapshots and quality counts in PostgreSQL."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from psycopg.types.json import Json

from marketbell.adapters.stores.postgres.connections import Database
from marketbell.core.market.instrument import Instrument

_FIELDS = tuple(field.name for field in fields(Instrument))
_COLUMNS = ", ".join(_FIELDS)
_PUT_INSTRUMENT = f"""
    INSERT INTO market.instruments (instrument_id, {_COLUMNS})
    VALUES (%s, {", ".join(["%s"] * len(_FIELDS))})
    ON CONFLICT (instrument_id) DO UPDATE SET
    {", ".join(f"{name} = excluded.{name}" for name in _FIELDS)}, updated_at = now()
"""  # noqa: S608 — names of a dataclass's fields, no input
_SELECT_INSTRUMENTS = f"SELECT {_COLUMNS} FROM market.instruments"  # noqa: S608 — as above


class PostgresInstruments:
    """The universe in market.instruments."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, instruments: Sequence[Instrument]) -> None:
        """Add or update; the id comes from the key and never changes."""
        rows = [
            (
                item.instrument_id,
                *(list(item.indices) if name == "indices" else getattr(item, name) for name in _FIELDS),
            )
            for item in instruments
        ]
        with self._database.transaction() as connection, connection.cursor() as cursor:
            cursor.executemany(_PUT_INSTRUMENT, rows)

    def all(self) -> list[Instrument]:
        """Everything, by key."""
        with self._database.transaction() as connection:
            found = connection.execute(f"{_SELECT_INSTRUMENTS} ORDER BY key")
            return [_instrument(row) for row in found]

    def get(self, key: str) -> Instrument | None:
        """One instrument by VENUE:SYMBOL."""
        with self._database.transaction() as connection:
            row = connection.execute(f"{_SELECT_INSTRUMENTS} WHERE key = %s", (key,)).fetchone()
            return _instrument(row) if row else None

    def search(self, text: str, limit: int = 20) -> list[Instrument]:
        """Symbol prefix first, then words of the name; case does not matter."""
        prefix = _like(text.strip().lower()) + "%"
        with self._database.transaction() as connection:
            found = connection.execute(
                f"""
                {_SELECT_INSTRUMENTS},
                    LATERAL (SELECT lower(split_part(key, ':', 2)) AS symbol, lower(name) AS words) AS folded,
                    LATERAL (SELECT CASE
                        WHEN symbol = %(text)s THEN 0
                        WHEN symbol LIKE %(prefix)s THEN 1
                        WHEN lower(key) LIKE %(prefix)s THEN 2
                        WHEN words LIKE %(prefix)s THEN 3
                        WHEN words LIKE %(word)s THEN 4
                    END AS place) AS ranked
                WHERE place IS NOT NULL
                ORDER BY place, key COLLATE "C"
                LIMIT %(limit)s
                """,
                {"text": text.strip().lower(), "prefix": prefix, "word": "% " + prefix, "limit": limit},
            )
            return [_instrument(row) for row in found]


class PostgresSnapshots:
    """Last rows of each session in market.snapshots."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, session_date: str, rows: Mapping[int, Mapping[str, Any]], as_of: int) -> None:
        """Keep the newer row where the session has one already."""
        if not rows:
            return
        with self._database.transaction() as connection:
            connection.execute(
                """
                INSERT INTO market.snapshots (session_date, instrument_id, as_of, "values")
                SELECT %s::date, instrument_id, %s, "values"
                FROM json_to_recordset(%s) AS new (instrument_id bigint, "values" jsonb)
                ON CONFLICT (instrument_id, session_date) DO UPDATE
                SET as_of = excluded.as_of, "values" = excluded."values"
                WHERE snapshots.as_of <= excluded.as_of
                """,
                (
                    session_date,
                    as_of,
                    Json([{"instrument_id": int(k), "values": dict(row)} for k, row in rows.items()]),
                ),
            )

    def latest(self) -> dict[int, dict[str, Any]]:
        """The newest session's row of each instrument."""
        with self._database.transaction() as connection:
            found = connection.execute(
                """
                SELECT DISTINCT ON (instrument_id) instrument_id, "values"
                FROM market.snapshots ORDER BY instrument_id, session_date DESC
                """
            )
            return {row[0]: row[1] for row in found}


class PostgresQuality:
    """Quality events counted by session, instrument and kind in market.quality_counts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, session_date: str, counts: Mapping[int, Mapping[str, int]]) -> None:
        """Set the session's counts so far (totals, so that putting them twice changes nothing)."""
        rows = [(int(key), kind, int(count)) for key, kinds in counts.items() for kind, count in kinds.items()]
        if not rows:
            return
        instruments, kinds, totals = (list(column) for column in zip(*rows, strict=True))
        with self._database.transaction() as connection:
            connection.execute(
                """
                INSERT INTO market.quality_counts (session_date, instrument_id, kind, count)
                SELECT %s::date, * FROM unnest(%s::bigint[], %s::text[], %s::bigint[])
                ON CONFLICT (session_date, instrument_id, kind) DO UPDATE SET count = excluded.count
                """,
                (session_date, instruments, kinds, totals),
            )

    def get(self, session_date: str) -> dict[int, dict[str, int]]:
        """Counts of one session by instrument id and kind."""
        counts: dict[int, dict[str, int]] = {}
        with self._database.transaction() as connection:
            found = connection.execute(
                "SELECT instrument_id, kind, count FROM market.quality_counts WHERE session_date = %s::date",
                (session_date,),
            )
            for instrument_id, kind, count in found:
                counts.setdefault(instrument_id, {})[kind] = count
        return counts


def _instrument(row: tuple[Any, ...]) -> Instrument:
    return Instrument.from_dict(dict(zip(_FIELDS, row, strict=True)))


def _like(text: str) -> str:
    return text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
