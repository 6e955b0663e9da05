"""Asks the stream why a rule fires or not on an instrument, and waits for the answer."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import orjson

from marketbell.core.primitives.errors import UnavailableError, UserError
from marketbell.flows.rules.service import about
from marketbell.ports.cache import Cache
from marketbell.ports.clock import Clock
from marketbell.ports.reasons import HAVE, WANTS, ReasonRequest
from marketbell.ports.stores import StoredRule

PATIENCE_S = 3.0
_POLL_S = 0.01
_RESTING = {"disabled": "It is disabled: it does not look.", "expired": "It has expired: it looks no more."}


class StreamSilentError(UnavailableError):
    """The stream did not answer; it may be starting or catching up. Try again in a moment."""


def ask(cache: Cache, clock: Clock, rule: StoredRule, instrument_id: int, instrument: str) -> dict[str, Any]:
    """The why document of a rule on an instrument as it stands, with its state (see core/rules/why).

    UserError where the rule is not about the instrument, StreamSilentError when nobody answers.
    """
    if rule.state in _RESTING:
        return _empty(rule, rule.state, _RESTING[rule.state])
    if rule.problem:
        return _empty(rule, "unknown", f"The engine does not evaluate it: {rule.problem}.")
    asked = ReasonRequest(rule.rule_uid, instrument_id, instrument, clock.now(), uuid4().hex)
    cache.put_fields(WANTS, {asked.nonce: orjson.dumps(asked.as_dict())})
    until = clock.monotonic() + PATIENCE_S
    while True:
        value = cache.take(HAVE + asked.nonce)
        if value is not None:
            return _read(rule, orjson.loads(value))
        if clock.monotonic() >= until:
            cache.drop_fields(WANTS, [asked.nonce])
            raise StreamSilentError
        clock.sleep(_POLL_S)


def _read(rule: StoredRule, answer: Mapping[str, Any]) -> dict[str, Any]:
    if "error" in answer:
        raise UserError(str(answer["error"]), field="instrument")
    if "clauses" not in answer:
        return _empty(rule, str(answer["state"]), "The engine does not have it yet: it is on its way.")
    return dict(answer)


def _empty(rule: StoredRule, state: str, sentence: str) -> dict[str, Any]:
    """A document that says why there is nothing to see."""
    said = about(rule)
    return {
        "condition": said["condition"],
        "event": "",
        "timing": said["timing"],
        "event_time": None,
        "truth": None,
        "sentence": sentence,
        "value": None,
        "previous": None,
        "level": None,
        "clauses": [],
        "first_false": None,
        "missing": [],
        "terms": [],
        "state": state,
        "since": None,
        "until": None,
        "suppressed": None,
        "evaluated_at": None,
    }
