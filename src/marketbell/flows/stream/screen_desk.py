"""Screens on demand, live: answers who asks, from the engine as it stands.

A thread of its own watches for questions and hands out answers; the table is read by the stream's own thread, between
two turns, so nothing changes under it. Nothing here takes part in decisions or in checkpoints.
"""

import threading
from collections import deque
from collections.abc import Sequence
from typing import Any

import orjson
import structlog

from marketbell.core.engine.engine import Engine
from marketbell.core.language.expression_reader import read_text
from marketbell.core.language.json_form import from_json
from marketbell.core.language.tree import Screen
from marketbell.core.primitives.errors import BusUnavailableError, UserError
from marketbell.core.screening.compiled import widened
from marketbell.core.screening.table import Found, Screener
from marketbell.flows.stream.documents import dumps
from marketbell.ports.cache import Cache
from marketbell.ports.clock import Clock
from marketbell.ports.screens import HAVE, HAVE_S, MOST_ROWS, WANTS, ScreenAnswer, ScreenRequest, ScreenRow

log = structlog.stdlib.get_logger("stream.screens")

_FORGET_S = 30.0


class ScreenDesk:
    """`step` runs on a thread of its own; `answer` is called by the stream's thread."""

    def __init__(self, cache: Cache, clock: Clock) -> None:
        self._cache = cache
        self._clock = clock
        self._lock = threading.Lock()
        self._asked: deque[ScreenRequest] = deque()
        self._answered: deque[tuple[str, dict[str, Any]]] = deque()
        self._screener_of: Screener | None = None
        self.error = ""

    def step(self) -> bool:
        """Take questions, give answers away. False where there was nothing to do."""
        try:
            did_work = self._look()
            while self._answered:
                name, answer = self._answered[0]
                self._cache.set(HAVE + name, dumps(answer), ttl_s=HAVE_S)
                self._answered.popleft()
                did_work = True
            self.error = ""
        except BusUnavailableError as error:
            if not self.error:
                log.warning("screens.delayed", error=error.message)
            self.error = error.message
            return False
        return did_work

    def _look(self) -> bool:
        now = self._clock.now()
        wanted = self._cache.fields(WANTS)
        if not wanted:
            return False
        self._cache.drop_fields(WANTS, sorted(wanted))
        asked = [ScreenRequest.from_dict(orjson.loads(value)) for value in wanted.values()]
        with self._lock:
            self._asked.extend(one for one in asked if now - one.asked_at <= _FORGET_S * 1e9)
        return True

    def answer(self, engines: Sequence[Engine]) -> bool:
        """Answer one of the questions from the engines as they stand; more are left to the next turn."""
        if not self._asked:
            return False
        with self._lock:
            request = self._asked.popleft()
        said: dict[str, Any] = {"nonce": request.nonce}
        try:
            said |= self._found(request, engines).as_dict()
        except UserError as error:
            said |= {"error": error.message, "field": error.facts.get("field", "text")}
        self._answered.append((request.request_id, said))
        return True

    def _found(self, request: ScreenRequest, engines: Sequence[Engine]) -> ScreenAnswer:
        began = self._clock.monotonic()
        if len(engines) != 1 or not engines[0].is_whole:
            raise UserError("a screen needs the whole market in one stream process, and its log in one partition")
        screen = from_json(dict(request.definition))
        if not isinstance(screen, Screen):
            raise UserError("an alert is no screen")
        order = None if request.order_by is None else read_text(request.order_by)
        columns = tuple(read_text(text) for text in request.columns)
        screen = widened(screen, columns, order, is_descending=request.is_descending)
        found = self._screener(engines[0]).find(
            screen,
            limit=min(request.limit, MOST_ROWS),
            offset=request.offset,
            kinds=request.kinds,
            as_of=request.as_of,
        )
        took = (self._clock.monotonic() - began) * 1e3
        return answer_of(found, took)

    def _screener(self, engine: Engine) -> Screener:
        if self._screener_of is None or self._screener_of.engine is not engine:
            self._screener_of = Screener(engine)
        return self._screener_of


def answer_of(found: Found, took_ms: float) -> ScreenAnswer:
    """What the port says of what was found."""
    return ScreenAnswer(
        tuple(ScreenRow(key, values) for key, values in zip(found.keys, found.values, strict=True)),
        tuple(one.as_dict() for one in found.columns),
        found.count,
        tuple({"text": text, "count": count} for text, count in found.chips),
        found.unknown,
        found.unknown_fields,
        found.as_of,
        round(took_ms, 3),
    )
