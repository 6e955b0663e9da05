"""Rules: arm one from text or from a form, list them, disarm."""

from collections.abc import Sequence
from typing import Any, Protocol

from apiflask import APIBlueprint

from marketbell.core.primitives.errors import UserError
from marketbell.flows.accounts.decisions import Action
from marketbell.flows.market_views.numbers import decimals_of, fixed, utc
from marketbell.flows.market_views.reader import Market
from marketbell.ports.stores import StoredRule
from marketbell.processes.api.context import asks, market, owner_id, parts
from marketbell.processes.api.idempotency import idempotent
from marketbell.processes.api.schemas.base import Done
from marketbell.processes.api.schemas.people import Rule, RuleBody, RuleList

bp = APIBlueprint("rules", __name__, url_prefix="/api/rules", tag="Rules")


class RuleDesk(Protocol):
    """What the routes need of flows/rules."""

    def arm(self, owner_id: str, text: str, notify: Sequence[str] | None = None) -> StoredRule: ...
    def disarm(self, owner_id: str, rule_uid: str) -> StoredRule: ...
    def all(self, owner_id: str) -> list[StoredRule]: ...


def _price(definition: dict[str, Any], now: Market) -> dict[str, Any]:
    """Instrument, direction and level of a rule's command, for tables and chart lines."""
    key = definition.get("instrument")
    number = definition.get("instrument_id")
    if not key and number is not None:
        key = next((k for k in now.keys if int(now.universe.get(k).instrument_id) == number), None)
    level = definition.get("level")
    direction = definition.get("direction")
    instrument = now.universe.get(key) if key else None
    places = decimals_of(instrument.tick_size) if instrument else 2
    return {
        "instrument": key,
        "symbol": instrument.symbol if instrument else None,
        "direction": direction if direction in {"above", "below"} else None,
        "level": fixed(level, places) if isinstance(level, (int, float)) else None,
    }


def shown(rule: StoredRule, now: Market) -> dict[str, Any]:
    """A stored rule as REST shows it."""
    return {
        "rule_uid": rule.rule_uid,
        "name": rule.name,
        "text": rule.text,
        **_price(rule.definition, now),
        "state": rule.state,
        "version": rule.version,
        "created_at": utc(rule.created_at),
        "notify": list(rule.notify),
    }


def rule_text(body: RuleBody, now: Market) -> str:
    """The rule that a form means, in the language. The text is what is parsed, stored and shown."""
    missing = [name for name in ("name", "instrument", "direction", "level") if getattr(body, name) in {None, ""}]
    if missing:
        raise UserError(
            f"{missing[0]} is missing: send text, or name, instrument, direction and level", field=missing[0]
        )
    name = str(body.name).strip()
    if not name or any(ord(character) < 32 or character in '"\\' for character in name):
        raise UserError("a rule's name is one line without quotes and backslashes", field="name")
    try:
        level = float(body.level or 0)
    except ValueError:
        level = 0.0
    if not 0 < level < 1e12:
        raise UserError("level must be a price above 0", field="level")
    instrument = now.universe.resolve(str(body.instrument), now.rows)
    number = f"{level:.8f}".rstrip("0").rstrip(".")
    return f'alert "{name}" on ${instrument.key} when close crosses {body.direction} {number} at tick fire once'


def _desk() -> RuleDesk:
    from marketbell.wiring.rules import rule_desk

    desk: RuleDesk = rule_desk(parts().rules, parts().instruments, parts().channels, parts().clock)
    return desk


@bp.get("")
@asks(Action.READ, "rules")
@bp.output(RuleList)
def list_rules() -> dict[str, Any]:
    """Your rules, newest first."""
    now = market()
    found = sorted(parts().rules.all(owner_id()), key=lambda rule: (-rule.created_at, rule.rule_uid))
    return {"items": [shown(rule, now) for rule in found]}


@bp.post("")
@asks(Action.WRITE, "rules")
@idempotent
@bp.input(RuleBody, location="json")
@bp.output(Rule, status_code=201)
@bp.doc(responses={400: "The text cannot be read; `fields.text` says line and column"})
def arm_rule(json_data: RuleBody) -> dict[str, Any]:
    """Arm a rule from its text, or from name, instrument, direction and level."""
    now = market()
    text = json_data.text if (json_data.text or "").strip() else rule_text(json_data, now)
    notify = None if json_data.notify is None else tuple(json_data.notify)
    return shown(_desk().arm(owner_id(), text or "", notify), now)


@bp.delete("/<string:rule_uid>")
@asks(Action.WRITE, "rules")
@bp.output(Done)
def disarm_rule(rule_uid: str) -> dict[str, Any]:
    """Disarm a rule. What it fired stays in the inbox."""
    _desk().disarm(owner_id(), rule_uid)
    return {"ok": True}
