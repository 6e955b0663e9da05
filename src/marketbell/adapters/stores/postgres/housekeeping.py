"""Partitions of the bar tables, and forgetting what has had its time. Run by the worker."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg import sql

from marketbell.adapters.stores.postgres.connections import Connection, Database

TABLES = {"1m": "bars_1m", "1d": "bars_1d"}
"""Table of each timeframe in the schema market; minutes are partitioned by month, days by year."""

_UNITS = {"1m": "M", "1d": "Y"}
_LOCK = 0x4D42_5041  # partitions are made by one at a time
_DAY_NS = 86_400 * 10**9

Transaction = Callable[[], AbstractContextManager[Connection]]


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What `retain` let go of: names of dropped partitions, and counts of deleted rows."""

    partitions: tuple[str, ...]
    idempotency: int
    sessions: int
    screen_events: int


def ensure_partitions(database: Database, start: datetime, end: datetime) -> list[str]:
    """Make the partitions of every timeframe from `start` to `end`; the names of those that were new.

    On TimescaleDB the tables make their own chunks and there is nothing to do.
    """
    made: list[str] = []
    for timeframe in TABLES:
        with database.transaction() as connection:
            if not is_partitioned(connection, timeframe):
                continue
        first, last = _period(timeframe, start), _period(timeframe, end)
        starts = np.arange(first, last + 1).astype("datetime64[ns]").astype(np.int64)
        made += ensure_partitions_for(database.transaction, timeframe, starts, set())
    return made


def ensure_partitions_for(
    transaction: Transaction, timeframe: str, starts: NDArray[np.generic], known: set[str]
) -> list[str]:
    """Make the partitions that these bars need, except the `known` ones, and add them to `known`."""
    unit = _UNITS[timeframe]
    wanted = np.unique(np.asarray(starts).astype(np.int64).astype("datetime64[ns]").astype(f"datetime64[{unit}]"))
    missing = [period for period in wanted if _partition(timeframe, period) not in known]
    if not missing:
        return []
    made: list[str] = []
    with transaction() as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        there = set(_partitions(connection, timeframe))
        for period in missing:
            name = _partition(timeframe, period)
            if name not in there:
                _make(connection, timeframe, name, period)
                made.append(name)
    known.update(_partition(timeframe, period) for period in missing)
    return made


def is_partitioned(connection: Connection, timeframe: str) -> bool:
    """True for native partitions, False for a hypertable."""
    row = connection.execute(
        "SELECT relkind = 'p' FROM pg_class WHERE oid = %s::regclass", (f"market.{TABLES[timeframe]}",)
    ).fetchone()
    return bool(row and row[0])


def retain(
    database: Database,
    *,
    bars_1m_days: int | None,
    now: datetime,
    idempotency_hours: int = 24,
    screen_events_days: int = 365,
) -> Forgotten:
    """Drop minute bars older than `bars_1m_days` (whole months only), old answers, sessions and screen events.

    Who came and went is old by when it was recorded: a replayed day is not.
    None keeps every minute bar: a replay of an old day is old the moment it is stored.

    Firings, deliveries, daily bars and facts are never forgotten here.
    """
    now_ns = int(now.timestamp()) * 10**9
    dropped: list[str] = []
    with database.transaction() as connection:
        if bars_1m_days is None:
            pass
        elif is_partitioned(connection, "1m"):
            limit = _partition("1m", _period("1m", now - timedelta(days=bars_1m_days)))
            for name in _partitions(connection, "1m"):
                if name < limit:
                    connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier("market", name)))
                    dropped.append(name)
        else:
            found = connection.execute(
                "SELECT drop_chunks('market.bars_1m', older_than => %s::bigint)", (now_ns - bars_1m_days * _DAY_NS,)
            )
            dropped += [str(row[0]) for row in found]
    with database.transaction() as connection:
        answers = connection.execute(
            "DELETE FROM people.idempotency WHERE remembered_at < %s", (now_ns - idempotency_hours * 3_600 * 10**9,)
        ).rowcount
        sessions = connection.execute("DELETE FROM people.sessions WHERE expires_at < %s", (now_ns,)).rowcount
        events = connection.execute(
            "DELETE FROM rules.screen_events WHERE recorded_at < %s", (now - timedelta(days=screen_events_days),)
        ).rowcount
    return Forgotten(tuple(dropped), answers, sessions, events)


def _period(timeframe: str, moment: datetime) -> Any:
    """The month or year that the moment lies in, as numpy counts them."""
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None)).astype(f"datetime64[{_UNITS[timeframe]}]")


def _partition(timeframe: str, period: Any) -> str:
    return f"{TABLES[timeframe]}_p{str(period).replace('-', '')}"


def _partitions(connection: Connection, timeframe: str) -> list[str]:
    found = connection.execute(
        """
        SELECT child.relname FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
        WHERE inhparent = %s::regclass ORDER BY 1
        """,
        (f"market.{TABLES[timeframe]}",),
    )
    return [row[0] for row in found]


def _make(connection: Connection, timeframe: str, name: str, period: Any) -> None:
    """Made apart and then attached: readers and writers of other partitions go on meanwhile."""
    table, parent = sql.Identifier("market", name), sql.Identifier("market", TABLES[timeframe])
    low, high = (int(edge.astype("datetime64[ns]").astype(np.int64)) for edge in (period, period + 1))
    connection.execute(sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(table, parent))
    connection.execute(
        sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
            parent, table, sql.Literal(low), sql.Literal(high)
        )
    )
