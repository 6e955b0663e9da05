"""Leases as advisory locks of PostgreSQL: held as long as the session that took them lives.

The fence is the number of the transaction that took the lock: the server hands out larger ones
only, so a later holder has a larger fence.
"""

import contextlib
from collections.abc import Sequence
from hashlib import blake2b

import psycopg

from marketbell.core.primitives.errors import StoreUnavailableError

_CONNECT_TIMEOUT_S = 3


class PostgresLease:
    """Locks on one connection of its own."""

    def __init__(self, connection: psycopg.Connection, fence: int) -> None:
        self.fence = fence
        self._connection = connection

    def is_held(self) -> bool:
        """True while the session lives; a session that is gone holds nothing."""
        if self._connection.closed:
            return False
        try:
            self._connection.execute("SELECT 1")
        except psycopg.Error:
            self._connection.close()
            return False
        return True

    def release(self) -> None:
        """Close the session, and with it the locks."""
        with contextlib.suppress(psycopg.Error):
            self._connection.close()


class PostgresLeases:
    """Takes locks in one database."""

    def __init__(self, url: str) -> None:
        scheme, _, rest = url.partition("://")
        self._url = f"{scheme.partition('+')[0]}://{rest}"

    def acquire(self, name: str) -> PostgresLease | None:
        """The lease, or None while another session has it."""
        return self.acquire_all([name])

    def acquire_all(self, names: Sequence[str]) -> PostgresLease | None:
        """All the locks on one connection, or none of them.

        Takers of several locks go one after the other (a lock of their own, held for this transaction), so
        that two of them never hold each a part of what both want.
        """
        try:
            connection = psycopg.connect(
                self._url,
                autocommit=True,
                connect_timeout=_CONNECT_TIMEOUT_S,
                application_name=f"marketbell {names[0]}",
                keepalives_idle=10,
                keepalives_interval=5,
                keepalives_count=2,
            )
            try:
                fence = _take(connection, [_key(name) for name in names])
            except BaseException:
                connection.close()
                raise
        except psycopg.Error as error:
            message = f"the database did not answer: {' '.join(str(error).split())}"
            raise StoreUnavailableError(message) from error
        if fence is None:
            connection.close()
            return None
        return PostgresLease(connection, fence)


def _take(connection: psycopg.Connection, keys: Sequence[int]) -> int | None:
    with connection.transaction():
        if len(keys) > 1:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_key("takers"),))
        row = connection.execute(
            "SELECT bool_and(pg_try_advisory_lock(key)), pg_current_xact_id()::text::bigint "
            "FROM unnest(%s::bigint[]) AS key",
            (list(keys),),
        ).fetchone()
    return int(row[1]) if row is not None and row[0] else None


def _key(name: str) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=8, person=b"mb.lease").digest(), "big", signed=True)
