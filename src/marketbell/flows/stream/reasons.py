"""Why and why not, live: answers who asks about a rule on an instrument of ours.

A thread of its own watches for questions and hands out answers; what the engine knows is read by the stream's own
thread, between two turns, so nothing changes under it. Nothing here takes part in decisions or in checkpoints.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import orjson
import structlog

from marketbell.core.engine.engine import Engine
from marketbell.core.engine.frontier import leaves
from marketbell.core.language.expression import Crosses, Field, Number
from marketbell.core.language.rule_plan import compile_rule
from marketbell.core.language.tree import Fire, Rule, Scope, ScopeKind, Timing, TimingKind
from marketbell.core.market.session import SECOND
from marketbell.core.market.timeframe import TICK
from marketbell.core.primitives.errors import BusUnavailableError
from marketbell.core.rules.book import RuleBook
from marketbell.core.rules.why import Evaluation, document
from marketbell.flows.stream.documents import dumps
from marketbell.ports.cache import Cache
from marketbell.ports.clock import Clock
from marketbell.ports.reasons import FORGET_S, HAVE, HAVE_S, WANTS, ReasonRequest

log = structlog.stdlib.get_logger("stream.reasons")


class ReasonDesk:
    """`step` runs on a thread of its own; `answer` is called by the stream's thread. `owns(id)`: it is one of ours."""

    def __init__(self, cache: Cache, clock: Clock, owns: Callable[[int], bool]) -> None:
        self._cache = cache
        self._clock = clock
        self._owns = owns
        self._lock = threading.Lock()
        self._asked: deque[ReasonRequest] = deque()
        self._answered: deque[tuple[str, dict[str, Any]]] = deque()
        self.error = ""

    def step(self) -> bool:
        """Take questions, give answers away. False where there was nothing to do."""
        try:
            did_work = self._look()
            while self._answered:
                nonce, answer = self._answered[0]
                self._cache.set(HAVE + nonce, dumps(answer), ttl_s=HAVE_S)
                self._answered.popleft()
                did_work = True
            self.error = ""
        except BusUnavailableError as error:
            if not self.error:
                log.warning("reasons.delayed", error=error.message)
            self.error = error.message
            return False
        return did_work

    def _look(self) -> bool:
        now = self._clock.now()
        mine: list[ReasonRequest] = []
        gone: list[str] = []
        for name, value in self._cache.fields(WANTS).items():
            request = ReasonRequest.from_dict(orjson.loads(value))
            if self._owns(request.instrument_id):
                mine.append(request)
                gone.append(name)
            elif now - request.asked_at > FORGET_S * 1e9:
                gone.append(name)
        if gone:
            self._cache.drop_fields(WANTS, gone)
        with self._lock:
            self._asked.extend(mine)
        return bool(mine)

    def answer(self, engines: Iterable[Engine]) -> bool:
        """Answer what was asked, from the engines as they stand."""
        if not self._asked:
            return False
        engines = list(engines)
        while self._asked:
            with self._lock:
                request = self._asked.popleft()
            self._answered.append((request.nonce, _answer(engines, request)))
        return True


def _answer(engines: list[Engine], request: ReasonRequest) -> dict[str, Any]:
    for engine in engines:
        row = engine.row(request.instrument_id)
        if row is None:
            continue
        source = str(engine.source.get("label") or "feed")
        book = next((one for one in engine.operators if isinstance(one, RuleBook)), None)
        if book is not None and request.rule_uid in book.rules:
            return _of_rule(engine, book, request.rule_uid, row, source)
        return _of_level(engine, request.rule_uid, row, source)
    return {"error": "this instrument is not known any more"}


def _of_rule(engine: Engine, book: RuleBook, uid: str, row: int, source: str) -> dict[str, Any]:
    rule = book.rules[uid]
    try:
        status = book.status(uid, row)
    except KeyError:
        return {"error": "the rule is not about this instrument"}
    now = engine.now()
    timing = str(rule.compiled.timing)
    time = status.as_of.get(timing)
    if time is None and rule.compiled.timing == TICK:
        time = _newest(engine, row)
    seen = Evaluation(time, status.values, status.previous, status.as_of, now, status.origins)
    told = document(rule.rule, rule.compiled, seen, event="", source=source)
    return told | {
        "missing": [one | _expected(engine, book, uid, row, str(one["expression"])) for one in told["missing"]],
        "state": status.state,
        "since": status.since,
        "until": status.until,
        "suppressed": status.reason or None,
        "evaluated_at": time,
    }


def _expected(engine: Engine, book: RuleBook, uid: str, row: int, expression: str) -> dict[str, str]:
    """What an unknown expression of a rule still lacks of bars, and from when on it may be known; {} where of none."""
    rule = book.rules[uid]
    places = [one.place for one in rule.compiled.parts if one.text == expression]
    columns = rule.cut.columns
    named = {columns[item] for place in places for item in leaves(rule.cut.whole, rule.cut.places[place])}
    lack = book.lack(uid, named, row, engine.now())
    if lack is None:
        return {}
    zone = engine.tick_state().zones.get(engine.instruments[row].calendar, "UTC")
    when = "" if lack.known_from is None else f"; at the earliest it is known on {_moment(lack.known_from, zone)}"
    return {
        "reason": f"it has seen {lack.seen:,} of the {lack.needed:,} bars of {lack.timeframe} that it needs{when}",
    }


def _moment(time: int, zone: str) -> str:
    """A time for people, in the venue's zone."""
    return datetime.fromtimestamp(time // SECOND, ZoneInfo(zone)).strftime("%-d %b %Y at %H:%M")


def _of_level(engine: Engine, uid: str, row: int, source: str) -> dict[str, Any]:
    """A level has no state beside standing or not: it is told by the instrument's newest price."""
    found = engine.levels.standing(uid)
    if found is None:
        return {"state": "waiting"}
    command, is_standing, fired = found
    if int(command["instrument_id"]) != int(engine.instruments[row].instrument_id):
        return {"error": "the rule is not about this instrument"}
    venue, _, symbol = engine.instruments[row].key.partition(":")
    rule = Rule(
        str(command.get("rule", "")),
        uid,
        (Scope(ScopeKind.SYMBOL, symbol, venue),),
        Crosses(Field(str(command["field"])), str(command["direction"]), Number(float(command["level"]))),
        at=Timing(TimingKind.TICK),
        fire=Fire.ONCE,
    )
    plan = compile_rule(rule)
    time = _newest(engine, row)
    field = engine.columns(np.array([row]))[str(command["field"])]
    _, left, right = (part.place for part in plan.parts)
    # the crossing itself lies behind the newest price: it is no news any more
    truth = 0.0 if time is not None else float("nan")
    values = {plan.roots["when"]: truth, left: float(field[0]), right: float(command["level"])}
    now = engine.now()
    expires = command.get("expires_at")
    has_expired = expires is not None and now >= int(expires)
    state = "expired" if is_standing and has_expired else "idle" if is_standing else "done" if fired else "disabled"
    seen = Evaluation(time, values, {}, {}, now)
    return document(rule, plan, seen, event="", source=source) | {
        "state": state,
        "since": fired or None,
        "until": None,
        "suppressed": None,
        "evaluated_at": time,
    }


def _newest(engine: Engine, row: int) -> int | None:
    """Time of the instrument's newest tick."""
    return int(engine.columns(np.array([row]))["event_time"][0]) or None
