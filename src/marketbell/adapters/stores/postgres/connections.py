"""A small pool of PostgreSQL connections, and the one place that says database errors in our words.

Of our own because every process pays for what it imports: psycopg alone costs a third of what it
costs with an engine on top. Locks and waits are the standard library's, so gevent's patches reach them.
"""

import select
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import psycopg
from psycopg.types.json import set_json_dumps, set_json_loads

from marketbell.core.primitives.errors import InvalidSettingError, MarketbellError, StoreUnavailableError, UserError

Connection = psycopg.Connection[tuple[Any, ...]]

_CONNECT_TIMEOUT_S = 3
_BUSY_TIMEOUT_S = 10.0
_UNHEARD_MS = 15_000
"""What the other side's machine has not acknowledged after this ends the connection: without it a line that died
under a query is waited for a quarter of an hour."""


class Database:
    """At most `size` connections to one database; nothing connects before the first transaction.

    A connection that the server closed while it lay idle is noticed and replaced, so a server that
    went away and came back costs the operations under way and no others.
    """

    def __init__(self, url: str, size: int = 4) -> None:
        self._conninfo = conninfo(url)
        self._free = threading.BoundedSemaphore(size)
        self._lock = threading.Lock()
        self._idle: list[Connection] = []
        self._is_closed = False

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One connection in one transaction: committed at the end, rolled back on any error."""
        if not self._free.acquire(timeout=_BUSY_TIMEOUT_S):
            message = f"all connections to the database were busy for {_BUSY_TIMEOUT_S:.0f} s"
            raise StoreUnavailableError(message)
        try:
            with errors():
                connection = self._take()
                try:
                    with connection.transaction():
                        yield connection
                finally:
                    self._put_back(connection)
        finally:
            self._free.release()

    def listen(self, channel: str) -> "Listener":
        """A listener on a connection of its own."""
        return Listener(self._conninfo, channel)

    def ping(self) -> None:
        """Ask the server for a sign of life."""
        with self.transaction() as connection:
            connection.execute("SELECT 1")

    def close(self) -> None:
        """Let go of the idle connections; those in use are closed when they come back."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> Connection:
        while True:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            if connection is None:
                return connect(self._conninfo)
            if _is_quiet(connection):
                return connection
            connection.close()

    def _put_back(self, connection: Connection) -> None:
        is_usable = not connection.closed and connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        with self._lock:
            if is_usable and not self._is_closed:
                self._idle.append(connection)
                return
        connection.close()


class Listener:
    """Waits for one channel's notifications. One waiter at a time; others queue behind it."""

    def __init__(self, info: str, channel: str) -> None:
        self._conninfo = info
        self._channel = channel
        self._connection: Connection | None = None
        self._lock = threading.Lock()

    def wait(self, timeout_s: float) -> bool:
        """Block until something was announced since the last call, or the time is over.

        The first call begins to listen: what was announced before it is not heard.
        """
        deadline = time.monotonic() + timeout_s
        if not self._lock.acquire(timeout=max(0.0, timeout_s)):
            return False
        try:
            with errors():
                connection = self._connection
                if connection is None or connection.closed:
                    connection = self._connection = connect(self._conninfo, autocommit=True)
                    connection.execute(f'LISTEN "{self._channel}"')
                left = max(0.0, deadline - time.monotonic())
                return any(True for _ in connection.notifies(timeout=left, stop_after=1))
        except MarketbellError:
            self._close()
            raise
        finally:
            self._lock.release()

    def close(self) -> None:
        """Stop listening. A waiter under way ends with StoreUnavailableError."""
        self._close()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def conninfo(url: str) -> str:
    """A libpq connection string from a URL of ours or of SQLAlchemy's form. InvalidSettingError if it is none."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.partition("+")[0] not in {"postgresql", "postgres"}:
        message = "the database's URL must begin with postgresql://"
        raise InvalidSettingError(message)
    plain = f"postgresql://{rest}"
    try:
        psycopg.conninfo.conninfo_to_dict(plain)
    except psycopg.ProgrammingError as error:
        message = f"the database's URL cannot be read: {error}"
        raise InvalidSettingError(message) from error
    return plain


def connect(info: str, *, autocommit: bool = False) -> Connection:
    """A new connection with our habits: UTC, JSON by orjson, dead peers noticed."""
    connection = psycopg.connect(
        psycopg.conninfo.make_conninfo(
            info,
            connect_timeout=_CONNECT_TIMEOUT_S,
            application_name="marketbell",
            options="-c timezone=UTC",
            keepalives_idle=30,
            keepalives_interval=10,
            keepalives_count=3,
            tcp_user_timeout=_UNHEARD_MS,
        ),
        autocommit=autocommit,
    )
    set_json_dumps(_dumps, connection)
    set_json_loads(orjson.loads, connection)
    return connection


@contextmanager
def errors() -> Iterator[None]:
    """Outages become StoreUnavailableError, values that cannot be stored UserError; bugs stay what they are."""
    try:
        yield
    except (
        psycopg.OperationalError,
        psycopg.InterfaceError,
        psycopg.errors.ReadOnlySqlTransaction,
        psycopg.errors.IdleInTransactionSessionTimeout,
    ) as error:
        message = f"the database did not answer: {_one_line(error)}"
        raise StoreUnavailableError(message) from error
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName) as error:
        message = f"the database is not migrated: {_one_line(error)}"
        raise StoreUnavailableError(message) from error
    except psycopg.DataError as error:
        message = f"a value cannot be stored: {_one_line(error)}"
        raise UserError(message) from error


def _dumps(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _is_quiet(connection: Connection) -> bool:
    """True where the server said nothing while the connection lay idle: only a farewell could have come."""
    if connection.closed:
        return False
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN | select.POLLERR | select.POLLHUP)
    return not poll.poll(0)
