"""From a rule to the command that carries it to the ordered log.

A plain price level of one instrument is armed as a level: a million of them are arrays. Everything else is armed as a
rule, with the watchlists and screens that it names as they are at that moment.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

from marketbell.core.language.json_form import decisive, to_json
from marketbell.core.language.tree import ExpiresAfter, ExpiresOn, Rule
from marketbell.core.market.instrument import Instrument
from marketbell.core.market.session import SECOND
from marketbell.core.rules.level_form import as_level, level_definition

ARM_LEVEL = "arm_level"
ARM_RULE = "arm_rule"
DISARM = "disarm"

_NO_MEMBERS: Mapping[str, Sequence[str]] = {}
_NO_SCREENS: Mapping[str, Mapping[str, Any]] = {}


def definition_hash(rule: Rule) -> str:
    """32 hex digits over what decides whether and when the rule fires.

    The name and what acts on delivery are left out: renaming a rule or telling somebody else about it does not
    make another firing of it.
    """
    level = as_level(rule)
    values = decisive(rule) if level is None else level_definition(rule, level)
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return blake2b(text.encode(), digest_size=16, person=b"mb.definition.1").hexdigest()


def arm_command(
    rule: Rule,
    instrument: Instrument | None,
    owner_id: str,
    version: int = 1,
    notify: Sequence[str] | None = None,
    members: Mapping[str, Sequence[str]] = _NO_MEMBERS,
    screens: Mapping[str, Mapping[str, Any]] = _NO_SCREENS,
) -> dict[str, Any]:
    """The payload of the COMMAND frame. `notify` replaces the rule's own channels.

    `instrument` is the only one that the rule is about, None where it is about several; `members` are keys of
    instruments by `watchlist:NAME`, `screens` JSON forms by name. `expires_at` is ns UTC for a rule with a date. A
    rule with a lifetime carries `expires_after` (ns) instead, because only the log knows the market's time at which it
    is armed (see `expiry`).
    """
    expires_at: int | None = None
    expires_after: int | None = None
    if isinstance(rule.expires, ExpiresOn):
        end = datetime.combine(rule.expires.day, datetime.min.time(), UTC) + timedelta(days=1)
        expires_at = int(end.timestamp()) * SECOND
    elif isinstance(rule.expires, ExpiresAfter):
        expires_after = rule.expires.duration
    command: dict[str, Any] = {
        "type": ARM_RULE,
        "rule_uid": rule.rule_uid,
        "version": version,
        "rule": rule.name,
        "owner_id": owner_id,
        "definition_hash": definition_hash(rule),
        "expires_at": expires_at,
        "expires_after": expires_after,
        "notify": list(notify) if notify is not None else [str(channel) for channel in rule.notify],
    } | _delivery(rule)
    level = as_level(rule)
    if level is not None and instrument is not None:
        return command | {
            "type": ARM_LEVEL,
            "instrument_id": int(instrument.instrument_id),
            "field": level.field,
            "direction": level.direction,
            "level": level.level,
            "fire": "once",
        }
    return command | {
        "definition": to_json(rule),
        "members": {name: list(keys) for name, keys in sorted(members.items())},
        "screens": {name: dict(screen) for name, screen in sorted(screens.items())},
    }


def _delivery(rule: Rule) -> dict[str, Any]:
    """What acts where messages are made; what is not written is not there."""
    cooldown = rule.cooldown
    per_rule = cooldown.duration if cooldown is not None and cooldown.per == "rule" else None
    said = {
        "severity": rule.severity,
        "fallback": None if rule.fallback is None else str(rule.fallback),
        "limit": rule.limit,
        "cooldown_per_rule_s": None if per_rule is None else per_rule / SECOND,
        "digest_s": None if rule.digest is None else rule.digest / SECOND,
        "max_age_s": None if rule.max_age is None else rule.max_age / SECOND,
    }
    return {name: value for name, value in said.items() if value is not None}


def disarm_command(rule_uid: str, version: int) -> dict[str, Any]:
    """The payload that takes a rule (this version and those before it) out of the engine."""
    return {"type": DISARM, "rule_uid": rule_uid, "version": version}


def expiry(command: Mapping[str, Any], log_time: int) -> int | None:
    """When an arm command ends, ns UTC, for a command that the log holds at `log_time`; None = never.

    A tick at or after that moment does not fire.
    """
    if command.get("expires_after") is not None:
        return log_time + int(command["expires_after"])
    at = command.get("expires_at")
    return None if at is None else int(at)
