"""Leases as advisory locks of PostgreSQL: held as long as the session that took them lives.

The fence is the transaction number at which the lock was taken: the server hands out larger ones
only, so a later holder has a larger fence.
"""

import contextlib
from hashlib import blake2b

import psycopg

from marketbell.core.primitives.errors import StoreUnavailableError

_CONNECT_TIMEOUT_S = 3


class PostgresLease:
    """One lock on one connection of its own."""

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
        """Close the session, and with it the lock."""
        with contextlib.suppress(psycopg.Error):
            self._connection.close()


class PostgresLeases:
    """Takes locks in one database."""

    def __init__(self, url: str) -> None:
        scheme, _, rest = url.partition("://")
        self._url = f"{scheme.partition('+')[0]}://{rest}"

    def acquire(self, name: str) -> PostgresLease | None:
        """The lease, or None while another session has it."""
        key = int.from_bytes(blake2b(name.encode(), digest_size=8, person=b"mb.lease").digest(), "big", signed=True)
        try:
            connection = psycopg.connect(
                self._url,
                autocommit=True,
                connect_timeout=_CONNECT_TIMEOUT_S,
                application_name=f"marketbell {name}",
                keepalives_idle=10,
                keepalives_interval=5,
                keepalives_count=2,
            )
            try:
                row = connection.execute(
                    "SELECT CASE WHEN pg_try_advisory_lock(%s) THEN pg_current_xact_id()::text::bigint END", (key,)
                ).fetchone()
            except BaseException:
                connection.close()
                raise
        except psycopg.Error as error:
            message = f"the database did not answer: {' '.join(str(error).split())}"
            raise StoreUnavailableError(message) from error
        if row is None or row[0] is None:
            connection.close()
            return None
        return PostgresLease(connection, int(row[0]))
