"""Asks the stream who meets a screen and waits for the answer."""

from dataclasses import replace
from uuid import uuid4

import orjson

from marketbell.core.primitives.errors import UserError
from marketbell.flows.market_views.series import EvaluatorSilentError
from marketbell.ports.cache import Cache
from marketbell.ports.clock import Clock
from marketbell.ports.screens import HAVE, WANTS, ScreenAnswer, ScreenRequest

PATIENCE_S = 6.0
"""The first use of a function on a machine compiles it."""
_POLL_S = 0.01


def ask(cache: Cache, clock: Clock, request: ScreenRequest) -> ScreenAnswer:
    """The answer to a request.

    UserError for a screen that cannot be evaluated, EvaluatorSilentError when nobody answers.
    """
    asked = replace(request, asked_at=clock.now(), nonce=uuid4().hex)
    cache.put_fields(WANTS, {asked.request_id: orjson.dumps(asked.as_dict())})
    until = clock.monotonic() + PATIENCE_S
    while True:
        value = cache.get(HAVE + asked.request_id)
        answer = orjson.loads(value) if value else {}
        if answer.get("nonce") == asked.nonce:
            if "error" in answer:
                raise UserError(str(answer["error"]), field=str(answer.get("field", "text")))
            return ScreenAnswer.from_dict(answer)
        if clock.monotonic() >= until:
            cache.drop_fields(WANTS, [asked.request_id])
            raise EvaluatorSilentError
        clock.sleep(_POLL_S)
