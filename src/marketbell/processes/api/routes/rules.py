"""Rules: arm one from text or from a form, list them, disarm."""

from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from marketbell.flows.rules.service import RuleService

bp = APIBlueprint("rules", __name__, url_prefix="/api/rules", tag="Rules")


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


def _service() -> "RuleService":
    # Imported with the first rule: the grammar's tables are not needed to show a price.
    from marketbell.wiring.rules import rule_desk

    found = parts()
    return rule_desk(found.rules, found.instruments, found.channels, found.clock)


def _level(body: RuleBody) -> float:
    try:
        return float(body.level or "")
    except ValueError:
        raise UserError("level must be a price above 0", field="level") from None


def _arm_form(body: RuleBody, notify: tuple[str, ...] | None) -> StoredRule:
    if not body.name or not body.instrument or not body.direction or body.level is None:
        missing = next(name for name in ("name", "instrument", "direction", "level") if not getattr(body, name))
        raise UserError(f"{missing} is missing: send text, or name, instrument, direction and level", field=missing)
    now = market()
    return _service().arm_form(
        owner_id(),
        name=body.name.strip(),
        instrument=now.universe.resolve(body.instrument, now.rows).key,
        direction=body.direction,
        level=_level(body),
        notify=notify,
    )


@bp.get("")
@asks(Action.READ, "rules")
@bp.output(RuleList)
def list_rules() -> dict[str, Any]:
    """Your rules, newest first."""
    now = market()
    return {"items": [shown(rule, now) for rule in _service().all(owner_id())]}


@bp.post("")
@asks(Action.WRITE, "rules")
@idempotent
@bp.input(RuleBody, location="json")
@bp.output(Rule, status_code=201)
@bp.doc(responses={400: "The text cannot be read; `fields.text` says line and column"})
def arm_rule(json_data: RuleBody) -> dict[str, Any]:
    """Arm a rule from its text, or from name, instrument, direction and level."""
    notify = None if json_data.notify is None else tuple(json_data.notify)
    if json_data.text is not None and json_data.text.strip():
        if json_data.name or json_data.instrument or json_data.direction or json_data.level is not None:
            raise UserError("send either text, or name, instrument, direction and level", field="text")
        rule = _service().arm(owner_id(), json_data.text, notify)
    else:
        rule = _arm_form(json_data, notify)
    return shown(rule, market())


@bp.delete("/<string:rule_uid>")
@asks(Action.WRITE, "rules")
@bp.output(Done)
def disarm_rule(rule_uid: str) -> dict[str, Any]:
    """Disarm a rule. What it fired stays in the inbox."""
    _service().disarm(owner_id(), rule_uid)
    return {"ok": True}
