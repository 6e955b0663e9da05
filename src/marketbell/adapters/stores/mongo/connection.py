"""One client of MongoDB, and the one place that says its errors in our words."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pymongo
from bson.errors import BSONError
from pymongo.collection import Collection
from pymongo.errors import (
    ConfigurationError,
    ConnectionFailure,
    DocumentTooLarge,
    ExecutionTimeout,
    InvalidURI,
    OperationFailure,
    PyMongoError,
    WaitQueueTimeoutError,
)

from marketbell.core.primitives.errors import InvalidSettingError, StoreUnavailableError, UserError

Document = dict[str, Any]

DATABASE = "marketbell"
"""Where the URL names none."""
_FIND_SERVER_MS = 2_000
_ANSWER_MS = 10_000
_CALM_S = 1.0
"""After an outage nobody waits for the server again for so long: many who ask must not all stand in line for it."""
_OLDEST = 6


class Line:
    """A database of one server or replica set; nothing connects before the first use.

    `connections` at most. InvalidSettingError where the URL cannot be read; the password is never repeated.
    """

    def __init__(self, url: str, connections: int = 4) -> None:
        try:
            self._client: pymongo.MongoClient[Document] = pymongo.MongoClient(
                url,
                connect=False,
                appname="marketbell",
                maxPoolSize=connections,
                serverSelectionTimeoutMS=_FIND_SERVER_MS,
                connectTimeoutMS=_FIND_SERVER_MS,
                socketTimeoutMS=_ANSWER_MS,
                waitQueueTimeoutMS=_ANSWER_MS,
                # Told means kept: what a checkpoint rests on must survive the server's death an instant later.
                w="majority",
                journal=True,
                retryWrites=True,
                retryReads=True,
                tz_aware=True,
            )
            self._database = self._client.get_default_database(DATABASE)
        except (InvalidURI, ConfigurationError, ValueError, TypeError) as error:
            message = (
                "mongodb_url cannot be read: write mongodb://user:password@host:27017/database, with @ : / and % of "
                "user and password as %40 %3A %2F %25"
            )
            raise InvalidSettingError(message, setting="mongodb_url") from error
        self._lock = threading.Lock()
        self._away_until = 0.0
        self._away_because = ""

    def collection(self, name: str) -> Collection[Document]:
        """One collection; nothing is asked yet."""
        return self._database[name]

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Outages become StoreUnavailableError, values that cannot be stored UserError; bugs stay what they are."""
        with self._lock:
            if time.monotonic() < self._away_until:
                raise StoreUnavailableError(self._away_because)
        try:
            yield
        except (ConnectionFailure, ExecutionTimeout, WaitQueueTimeoutError) as error:
            message = f"MongoDB did not answer: {_said(error)}"
            with self._lock:
                self._away_until, self._away_because = time.monotonic() + _CALM_S, message
            raise StoreUnavailableError(message) from error
        except (DocumentTooLarge, BSONError, OverflowError) as error:
            message = f"a value cannot be stored: {_said(error)}"
            raise UserError(message) from error
        except OperationFailure as error:
            message = f"MongoDB refused: {_said(error)}"
            raise StoreUnavailableError(message) from error
        except PyMongoError as error:
            message = f"MongoDB failed: {_said(error)}"
            raise StoreUnavailableError(message) from error

    def check(self) -> str:
        """The server's version. StoreUnavailableError where it does not answer or is older than MongoDB 6."""
        with self.asking():
            found = self._client.server_info()
        version = str(found.get("version", "0"))
        if int(version.partition(".")[0]) < _OLDEST:
            message = f"MongoDB {version} is too old: {_OLDEST} or newer is needed"
            raise StoreUnavailableError(message)
        return version

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()


def _said(error: Exception) -> str:
    """The driver's own words without its time-outs and its picture of the topology."""
    words = str(error)
    for end in (" (configured timeouts", ", Timeout:", ", full error:"):
        words = words.partition(end)[0]
    return " ".join(words.split())[:300]
