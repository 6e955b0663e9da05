"""Option chains as JSONB documents in PostgreSQL."""

from collections.abc import Sequence
from datetime import date
from typing import Any, LiteralString

from psycopg.types.json import Jsonb

from marketbell.adapters.stores.postgres.connections import Database
from marketbell.core.options.chain import Chain
from marketbell.ports.chains import DAY_NS, ChainRecord, MetricsAt, plain_metrics, spaced

_PUT: LiteralString = """
    INSERT INTO market.chains (underlying, expiry, as_of, spot, is_simulated, metrics, chain)
    VALUES (%s, %s, %s, NULLIF(%s::double precision, 'NaN'), %s, %s, %s)
    ON CONFLICT (underlying, expiry, as_of) DO UPDATE SET spot = excluded.spot, is_simulated = excluded.is_simulated,
        metrics = excluded.metrics, chain = excluded.chain
"""
# Distinct keys by walking the index from one to the next: a plain DISTINCT would read every chain ever kept.
_UNDERLYINGS: LiteralString = """
    WITH RECURSIVE found (underlying) AS (
        SELECT min(underlying) FROM market.chains
        UNION ALL
        SELECT (SELECT min(underlying) FROM market.chains WHERE underlying > found.underlying) FROM found
        WHERE found.underlying IS NOT NULL
    )
    SELECT underlying FROM found WHERE underlying IS NOT NULL
"""
_EXPIRIES: LiteralString = """
    WITH RECURSIVE found (expiry) AS (
        SELECT min(expiry) FROM market.chains WHERE underlying = %(underlying)s AND expiry >= %(from)s
        UNION ALL
        SELECT (
            SELECT min(expiry) FROM market.chains WHERE underlying = %(underlying)s AND expiry > found.expiry
        ) FROM found WHERE found.expiry IS NOT NULL
    )
    SELECT expiry, newest.as_of FROM found, LATERAL (
        SELECT as_of FROM market.chains
        WHERE underlying = %(underlying)s AND expiry = found.expiry AND as_of <= %(as_of)s
        ORDER BY as_of DESC LIMIT 1
    ) AS newest ORDER BY expiry
"""
LATEST: LiteralString = """
    SELECT chain, metrics, is_simulated FROM market.chains
    WHERE underlying = %s AND expiry = %s AND as_of <= %s ORDER BY as_of DESC LIMIT 1
"""
_BETWEEN: LiteralString = "underlying = %(underlying)s AND as_of >= %(start)s AND as_of < %(end)s"
_OF_EXPIRY: LiteralString = " AND expiry = %(expiry)s"
_TIMES: LiteralString = "SELECT DISTINCT as_of FROM market.chains WHERE {between}"
_SERIES: LiteralString = """
    SELECT expiry, as_of, coalesce(spot, 'NaN'), metrics FROM market.chains WHERE {between} ORDER BY as_of, expiry
"""
_AT: LiteralString = " AND as_of = ANY (%(moments)s)"
# Day by day and from the nearest expiry's last moment back: a year of minutes must not be read for 250 numbers.
_DAYS: LiteralString = """
    WITH RECURSIVE edges AS (
        SELECT greatest(%(start)s, min(as_of)) AS low, least(%(end)s, max(as_of) + 1) AS high
        FROM market.chains WHERE underlying = %(underlying)s HAVING min(as_of) IS NOT NULL
    ), expiries (expiry) AS (
        SELECT min(expiry) FROM market.chains WHERE underlying = %(underlying)s
        UNION ALL
        SELECT (
            SELECT min(expiry) FROM market.chains WHERE underlying = %(underlying)s AND expiry > expiries.expiry
        ) FROM expiries WHERE expiries.expiry IS NOT NULL
    )
    SELECT date '1970-01-01' + number::integer, found.as_of, found.value
    FROM edges, generate_series(low / %(day_ns)s, (high - 1) / %(day_ns)s) AS number, LATERAL (
        SELECT newest.as_of, newest.value FROM expiries, LATERAL (
            SELECT as_of, (metrics ->> %(name)s)::double precision AS value FROM market.chains
            WHERE underlying = %(underlying)s AND expiry = expiries.expiry
            AND as_of >= greatest(low, number * %(day_ns)s) AND as_of < least(high, (number + 1) * %(day_ns)s)
            AND jsonb_typeof(metrics -> %(name)s) = 'number'
            ORDER BY as_of DESC LIMIT 1
        ) AS newest
        WHERE expiries.expiry >= date '1970-01-01' + number::integer ORDER BY expiries.expiry LIMIT 1
    ) AS found ORDER BY number
"""
_TRIM: LiteralString = """
    DELETE FROM market.chains AS old WHERE as_of < %(before)s AND EXISTS (
        SELECT 1 FROM market.chains AS later
        WHERE later.underlying = old.underlying AND later.expiry = old.expiry
        AND later.as_of > old.as_of AND later.as_of < (old.as_of / %(day_ns)s + 1) * %(day_ns)s
    )
"""
_LAST = 2**63 - 1
_FIRST_DAY = date(1, 1, 1)


class PostgresChains:
    """market.chains; every question is one walk along an index."""

    kind = "postgresql"

    def __init__(self, database: Database) -> None:
        self._database = database

    def ping(self) -> None:
        """StoreUnavailableError where the database does not answer."""
        self._database.ping()

    def close(self) -> None:
        """The pool belongs to the other stores too: theirs to close."""

    def put(self, records: Sequence[ChainRecord]) -> None:
        """Keep all in one transaction; of one moment the later stays."""
        if not records:
            return
        rows = [
            (
                record.chain.underlying,
                record.chain.expiry,
                record.chain.as_of,
                record.chain.spot,
                record.is_simulated,
                Jsonb(plain_metrics(record.metrics)),
                Jsonb(record.chain.as_dict()),
            )
            for record in records
        ]
        # One order for all writers: two that hold the same chains must not wait for each other.
        rows.sort(key=lambda row: (row[0], row[1], row[2]))
        with self._database.transaction() as connection, connection.cursor() as cursor:
            cursor.executemany(_PUT, rows)

    def underlyings(self) -> list[str]:
        """Keys of what has chains, in order."""
        with self._database.transaction() as connection:
            return [row[0] for row in connection.execute(_UNDERLYINGS)]

    def expiries(self, underlying: str, as_of: int | None = None) -> list[tuple[date, int]]:
        """Expiries with their newest moment, in order."""
        asked: dict[str, Any] = {"underlying": underlying, "as_of": _LAST, "from": _FIRST_DAY}
        if as_of is not None:
            asked |= {"as_of": as_of, "from": date.fromordinal(_EPOCH + as_of // DAY_NS)}
        with self._database.transaction() as connection:
            return [(row[0], row[1]) for row in connection.execute(_EXPIRIES, asked)]

    def latest(self, underlying: str, expiry: date, as_of: int | None = None) -> ChainRecord | None:
        """The newest chain at or before `as_of`."""
        with self._database.transaction() as connection:
            row = connection.execute(LATEST, (underlying, expiry, _LAST if as_of is None else as_of)).fetchone()
        return None if row is None else ChainRecord(Chain.from_dict(row[0]), row[1], row[2])

    def times(self, underlying: str, expiry: date | None, start: int, end: int) -> list[int]:
        """Moments in [start, end) that have a chain, rising."""
        with self._database.transaction() as connection:
            found = connection.execute(_narrowed(_TIMES, expiry), _range(underlying, expiry, start, end))
            return sorted(row[0] for row in found)

    def series(
        self, underlying: str, expiry: date | None, start: int, end: int, names: Sequence[str] = (), limit: int = 5_000
    ) -> list[MetricsAt]:
        """Metrics by time and expiry."""
        asked = _range(underlying, expiry, start, end)
        with self._database.transaction() as connection:
            moments = sorted(row[0] for row in connection.execute(_narrowed(_TIMES, expiry), asked))
            asked["moments"] = spaced(moments, limit)
            question = _narrowed(_SERIES, expiry, _AT if len(moments) > limit else "")
            found = [MetricsAt(*row) for row in connection.execute(question, asked)]
        if not names:
            return found
        # Some of 25 numbers are picked here: taking the documents apart costs the server more than sending them.
        return [
            one._replace(metrics={name: one.metrics[name] for name in names if name in one.metrics}) for one in found
        ]

    def days(self, underlying: str, name: str, start: int, end: int) -> list[tuple[date, int, float]]:
        """The day's last known number of one metric of the nearest expiry."""
        asked = _range(underlying, None, start, end) | {"name": name, "day_ns": DAY_NS}
        with self._database.transaction() as connection:
            return [(row[0], row[1], row[2]) for row in connection.execute(_DAYS, asked)]

    def trim(self, before: int) -> int:
        """Forget chains captured before, but each day's last of an expiry."""
        with self._database.transaction() as connection:
            return connection.execute(_TRIM, {"before": before, "day_ns": DAY_NS}).rowcount


_EPOCH = date(1970, 1, 1).toordinal()


def _narrowed(question: LiteralString, expiry: date | None, more: LiteralString = "") -> LiteralString:
    return question.format(between=_BETWEEN + ("" if expiry is None else _OF_EXPIRY) + more)


def _range(underlying: str, expiry: date | None, start: int, end: int) -> dict[str, Any]:
    return {"underlying": underlying, "expiry": expiry, "start": start, "end": end}
