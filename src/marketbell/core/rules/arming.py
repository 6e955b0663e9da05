"""From a rule to the command that carries it to the ordered log."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

from marketbell.core.language.json_form import decisive
from marketbell.core.language.tree import ExpiresAfter, ExpiresOn, Rule
from marketbell.core.market.instrument import Instrument

ARM_LEVEL = "arm_level"
DISARM = "disarm"


def definition_hash(rule: Rule) -> str:
    """32 hex digits over what decides whether and when the rule fires.

    The name and the channels are left out: renaming a rule or telling somebody else about it does not
    make another firing of it.
    """
    text = json.dumps(decisive(rule), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return blake2b(text.encode(), digest_size=16, person=b"mb.definition.1").hexdigest()


def arm_command(
    rule: Rule, instrument: Instrument, owner_id: str, version: int = 1, notify: Sequence[str] | None = None
) -> dict[str, Any]:
    """The payload of the COMMAND frame. `notify` replaces the rule's own channels.

    `expires_at` is ns UTC for a rule with a date. A rule with a lifetime carries `expires_after` (ns)
    instead, because only the log knows the market's time at which it is armed (see `expiry`).
    """
    expires_at: int | None = None
    expires_after: int | None = None
    if isinstance(rule.expires, ExpiresOn):
        end = datetime.combine(rule.expires.day, datetime.min.time(), UTC) + timedelta(days=1)
        expires_at = int(end.timestamp()) * 1_000_000_000
    elif isinstance(rule.expires, ExpiresAfter):
        expires_after = rule.expires.duration
    return {
        "type": ARM_LEVEL,
        "rule_uid": rule.rule_uid,
        "version": version,
        "rule": rule.name,
        "owner_id": owner_id,
        "instrument_id": int(instrument.instrument_id),
        "field": rule.when.left.name,
        "direction": rule.when.direction,
        "level": rule.when.right.value,
        "definition_hash": definition_hash(rule),
        "fire": rule.fire,
        "expires_at": expires_at,
        "expires_after": expires_after,
        "notify": list(notify) if notify is not None else [str(channel) for channel in rule.notify],
    }


def disarm_command(rule_uid: str, version: int) -> dict[str, Any]:
    """The payload that takes a rule (this version and those before it) out of the engine."""
    return {"type": DISARM, "rule_uid": rule_uid, "version": version}


def expiry(command: dict[str, Any], log_time: int) -> int | None:
    """When an arm command ends, ns UTC, for a command that the log holds at `log_time`; None = never.

    A tick at or after that moment does not fire.
    """
    if command.get("expires_after") is not None:
        return log_time + int(command["expires_after"])
    at = command.get("expires_at")
    return None if at is None else int(at)
