"""Asks the stream for a chart's series and waits for the answer."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid4

import orjson

from marketbell.core.primitives.errors import UnavailableError, UserError
from marketbell.ports.cache import Cache
from marketbell.ports.clock import Clock
from marketbell.ports.series import HAVE, MOST_EXPRESSIONS, WANTS, SeriesRequest

PATIENCE_S = 6.0
"""The first use of a function on a machine compiles it."""
_POLL_S = 0.02


class EvaluatorSilentError(UnavailableError):
    """The evaluator did not answer; it may be starting. Try again in a moment."""


def ask(cache: Cache, clock: Clock, request: SeriesRequest) -> Mapping[str, Any]:
    """The answer to a request: {starts, is_closed, series: [{expression, type, values}], as_of}.

    UserError for an expression that cannot be evaluated, EvaluatorSilentError when nobody answers.
    """
    if not 0 < len(request.expressions) <= MOST_EXPRESSIONS:
        raise UserError(f"write 1 to {MOST_EXPRESSIONS} expressions, with semicolons between", field="expressions")
    asked = replace(request, asked_at=clock.now(), nonce=uuid4().hex)
    key = HAVE + asked.request_id
    cache.put_fields(WANTS, {asked.request_id: orjson.dumps(asked.as_dict())})
    until = clock.monotonic() + PATIENCE_S
    while True:
        value = cache.get(key)
        answer = orjson.loads(value) if value else {}
        if answer.get("nonce") == asked.nonce:
            if "error" in answer:
                raise UserError(str(answer["error"]), field=str(answer.get("field", "expressions")))
            return dict(answer)
        if clock.monotonic() >= until:
            raise EvaluatorSilentError
        clock.sleep(_POLL_S)
