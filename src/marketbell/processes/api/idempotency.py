"""A POST with an Idempotency-Key has one effect, however often it is sent."""

import functools
from collections.abc import Callable
from hashlib import blake2b, sha256
from typing import Any, TypeVar, cast
from uuid import uuid4

from flask import Response, current_app, request

from marketbell.core.primitives.errors import ConflictError, UserError
from marketbell.processes.api.context import owner_id, parts

F = TypeVar("F", bound=Callable[..., Any])
_RUNNING_S = 30.0
_MAX_KEY = 200


def idempotent(view: F) -> F:
    """Answer a repeated key with what the first request got. Stand directly under the route.

    The same key with another body, or while the first still runs, is a conflict. Only successes are
    remembered: a request that failed may be sent again as it is.
    """

    @functools.wraps(view)
    def once(*args: Any, **kwargs: Any) -> Any:
        key = request.headers.get("Idempotency-Key", "")
        if not key or not owner_id():
            return view(*args, **kwargs)
        if len(key) > _MAX_KEY:
            raise UserError(f"an Idempotency-Key has at most {_MAX_KEY} characters", field="Idempotency-Key")
        body_hash = sha256(b"\0".join((request.method.encode(), request.path.encode(), request.get_data()))).digest()
        known = parts().idempotency.recall(owner_id(), key)
        if known is not None:
            return _replay(known, body_hash)
        running = f"idem:{owner_id()}:{sha256(key.encode()).hexdigest()}"
        if not parts().cache.add(running, b"1", _RUNNING_S):
            raise ConflictError("a request with this Idempotency-Key is being answered right now")
        try:
            known = parts().idempotency.recall(owner_id(), key)
            if known is not None:  # another one was answered between the look and the lock
                return _replay(known, body_hash)
            response = current_app.make_response(view(*args, **kwargs))
            if response.status_code < 300:
                parts().idempotency.remember(
                    owner_id(), key, body_hash, response.status_code, response.get_data(), parts().clock.now()
                )
        finally:
            parts().cache.delete(running)
        return response

    return cast("F", once)


def fresh_id() -> str:
    """The id of what a request makes. Under a key it follows from the key.

    So a request that is sent again because its answer was lost with the process makes the same thing, not a second.
    """
    key = request.headers.get("Idempotency-Key", "")
    if not key or not owner_id():
        return uuid4().hex
    text = f"{owner_id()}\0{request.method}\0{request.path}\0{key}"
    return blake2b(text.encode(), digest_size=16, person=b"mb.idempotent.1").hexdigest()


def _replay(known: tuple[bytes, int, bytes], body_hash: bytes) -> Response:
    known_hash, status, body = known
    if known_hash != body_hash:
        raise ConflictError("this Idempotency-Key was used for another request")
    response = Response(body, status, mimetype="application/json")
    response.headers["Idempotency-Replayed"] = "true"
    return response
