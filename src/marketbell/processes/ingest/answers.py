"""Answers of ingest in the house's one shape, and answers remembered by Idempotency-Key."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson
import structlog
from starlette.responses import Response

from marketbell.core.primitives.errors import (
    ConflictError,
    ForbiddenError,
    LoginNeededError,
    MarketbellError,
    NotFoundError,
    StoreUnavailableError,
    UnavailableError,
    UserError,
)
from marketbell.flows.ingest.push import BehindError
from marketbell.ports.clock import Clock
from marketbell.ports.stores import LOCAL_OWNER, IdempotencyStore
from marketbell.processes.ingest.bodies import TooLargeError, UnsupportedTypeError

log = structlog.stdlib.get_logger("ingest.http")

RETRY_AFTER_S = 1
_REMEMBERED = 10_000
_MAX_KEY = 200
_STATUS: tuple[tuple[type[MarketbellError], int], ...] = (
    (UnsupportedTypeError, 415),
    (TooLargeError, 413),
    (LoginNeededError, 401),
    (ForbiddenError, 403),
    (NotFoundError, 404),
    (ConflictError, 409),
    (UserError, 400),
    (BehindError, 429),
    (UnavailableError, 503),
)


def answer(status: int, body: Any, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer."""
    safe = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
    return Response(orjson.dumps(body), status, safe | (headers or {}), "application/json")


def refusal(error: MarketbellError, request_id: str) -> Response:
    """The one error shape; which status a kind of error means is said here and nowhere else."""
    status = next((number for kind, number in _STATUS if isinstance(error, kind)), 500)
    headers = {"X-Request-Id": request_id}
    if status in {429, 503}:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="marketbell"'
    field = error.facts.get("field")
    fields = {field: [error.message]} if isinstance(field, str) else {}
    message = error.message if status != 500 else "something went wrong on our side"
    body = {"code": error.code, "message": message, "fields": fields, "request_id": request_id}
    return answer(status, body, headers)


@dataclass(frozen=True, slots=True)
class _Kept:
    body_hash: bytes
    status: int
    body: bytes


class Remembered:
    """A POST with an Idempotency-Key has one effect. What the store knows outlives this process."""

    def __init__(self, store: IdempotencyStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._recent: OrderedDict[str, _Kept] = OrderedDict()
        self._running: set[str] = set()

    def once(self, key: str, path: str, body: bytes, work: Callable[[], Response]) -> Response:
        """Do the work, or give what it gave before. ConflictError for the same key with another body."""
        if not key:
            return work()
        if len(key) > _MAX_KEY:
            raise UserError(f"an Idempotency-Key has at most {_MAX_KEY} characters", field="Idempotency-Key")
        body_hash = sha256(b"\0".join((b"POST", path.encode(), body))).digest()
        with self._lock:
            if key in self._running:
                raise ConflictError("a request with this Idempotency-Key is being answered right now")
            self._running.add(key)
        try:
            known = self._recall(key)
            if known is not None:
                if known.body_hash != body_hash:
                    raise ConflictError("this Idempotency-Key was used for another request")
                headers = {"Idempotency-Replayed": "true"}
                return Response(known.body, known.status, headers, "application/json")
            response = work()
            self._keep(key, _Kept(body_hash, response.status_code, bytes(response.body)))
            return response
        finally:
            with self._lock:
                self._running.discard(key)

    def _recall(self, key: str) -> _Kept | None:
        known = self._recent.get(key)
        if known is None:
            try:
                stored = self._store.recall(LOCAL_OWNER, key)
            except StoreUnavailableError:
                stored = None
            known = _Kept(*stored) if stored else None
        return known

    def _keep(self, key: str, kept: _Kept) -> None:
        with self._lock:
            self._recent[key] = kept
            while len(self._recent) > _REMEMBERED:
                self._recent.popitem(last=False)
        try:
            self._store.remember(LOCAL_OWNER, key, kept.body_hash, kept.status, kept.body, self._clock.now())
        except StoreUnavailableError as error:
            log.warning("idempotency.kept_in_memory", error=error.message)
