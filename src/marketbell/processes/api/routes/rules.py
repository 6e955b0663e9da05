"""Rules: read and write them, see what they would do and why, arm, change, disarm; whole files in and out."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from apiflask import APIBlueprint

from marketbell.core.primitives.errors import UnavailableError, UserError
from marketbell.flows.accounts.decisions import Action
from marketbell.flows.market_views.numbers import decimals_of, fixed, plain, utc
from marketbell.flows.market_views.reader import Market
from marketbell.ports.ledger import Tally
from marketbell.ports.stores import StoredRule
from marketbell.processes.api.context import asks, edge, market, owner_id, parts
from marketbell.processes.api.idempotency import idempotent
from marketbell.processes.api.schemas.base import Done
from marketbell.processes.api.schemas.rules import (
    FormBody,
    FormText,
    ImportAnswer,
    ImportBody,
    Preview,
    PreviewBody,
    Rule,
    RuleBody,
    RuleCheck,
    RuleEdit,
    RuleList,
    RuleVersions,
    StoredPlan,
    TextBody,
    Why,
    WhyQuery,
)

if TYPE_CHECKING:
    from marketbell.flows.rules.people import People
    from marketbell.flows.rules.service import RuleService

bp = APIBlueprint("rules", __name__, url_prefix="/api/rules", tag="Rules")

_NEVER = Tally(0, 0)


def _price(definition: Mapping[str, Any], now: Market) -> dict[str, Any]:
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


def shown(rule: StoredRule, now: Market, tally: Tally = _NEVER) -> dict[str, Any]:
    """A stored rule as REST shows it."""
    from marketbell.flows.rules.service import about

    said = about(rule)
    return {
        "rule_uid": rule.rule_uid,
        "name": rule.name,
        "text": rule.text,
        **_price(rule.definition, now),
        "state": rule.state,
        "version": rule.version,
        "created_at": utc(rule.created_at),
        "notify": list(rule.notify),
        **{name: said[name] for name in ("kind", "condition", "universe", "timing", "severity", "sentence")},
        "group": rule.group,
        "is_editable": True,
        "last_fired_at": utc(tally.last),
        "firings": tally.count,
        "problem": rule.problem,
    }


def people() -> "People":
    """What rules may name."""
    # Imported with the first rule: the grammar's tables are not needed to show a price.
    from marketbell.flows.screening.names import screens_of
    from marketbell.wiring.rules import people as found_people

    found = parts()
    return found_people(found.instruments, found.watchlists, found.channels, screens_of(found.screens), _given)


def _given() -> frozenset[str] | None:
    """What the feeds that have begun give; None before one says so, and while nobody can be asked."""
    try:
        begun = [card for card in edge().reader.array("feeds") if card.get("state") != "idle"]
    except UnavailableError:
        return None
    return frozenset(word for card in begun for word in card.get("supports") or ()) if begun else None


def service() -> "RuleService":
    """The use cases of rules."""
    from marketbell.wiring.rules import rule_desk

    return rule_desk(parts().rules, people(), parts().clock)


def _one(rule: StoredRule) -> dict[str, Any]:
    return shown(rule, market(), parts().ledger.tallies(owner_id()).get(rule.rule_uid, _NEVER))


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
    return service().arm_form(
        owner_id(),
        name=body.name.strip(),
        instrument=now.universe.resolve(body.instrument, now.rows).key,
        direction=body.direction,
        level=_level(body),
        notify=notify,
    )


def _notify(given: list[str] | None) -> tuple[str, ...] | None:
    return None if given is None else tuple(given)


@bp.get("")
@asks(Action.READ, "rules")
@bp.output(RuleList)
def list_rules() -> dict[str, Any]:
    """Your rules, newest first."""
    now = market()
    tallies = parts().ledger.tallies(owner_id())
    return {"items": [shown(rule, now, tallies.get(rule.rule_uid, _NEVER)) for rule in service().all(owner_id())]}


@bp.post("")
@asks(Action.WRITE, "rules")
@idempotent
@bp.input(RuleBody, location="json")
@bp.output(Rule, status_code=201)
@bp.doc(responses={400: "The text cannot be read; `fields.text` says line and column"})
def arm_rule(json_data: RuleBody) -> dict[str, Any]:
    """Arm a rule from its text, or a price level from name, instrument, direction and level."""
    notify = _notify(json_data.notify)
    if json_data.text is not None and json_data.text.strip():
        if json_data.name or json_data.instrument or json_data.direction or json_data.level is not None:
            raise UserError("send either text, or name, instrument, direction and level", field="text")
        rule = service().arm(owner_id(), json_data.text, notify, json_data.group.strip())
    else:
        rule = _arm_form(json_data, notify)
    return _one(rule)


@bp.post("/check")
@asks(Action.READ, "rules")
@bp.input(TextBody, location="json")
@bp.output(RuleCheck)
def check_rules(json_data: TextBody) -> dict[str, Any]:
    """Read a text: all that is wrong with it, and each rule in all its views with what it would cost."""
    from marketbell.flows.rules.reading import check

    return check(json_data.text, people().market(owner_id()))


@bp.post("/form")
@asks(Action.READ, "rules")
@bp.input(FormBody, location="json")
@bp.output(FormText)
def write_form(json_data: FormBody) -> dict[str, Any]:
    """A form as text and in plain words. Text, form and JSON are views of one tree: a round trip loses nothing."""
    from marketbell.flows.rules.reading import write

    return write(json_data.form)


@bp.post("/preview")
@asks(Action.READ, "rules")
@bp.input(PreviewBody, location="json")
@bp.output(Preview)
def preview_rule(json_data: PreviewBody) -> dict[str, Any]:
    """What the rule would have done in the last days, by the evaluator that watches live, with what was known then."""
    from marketbell.flows.rules.reading import question

    now = market()
    key = now.universe.resolve(json_data.instrument, now.rows).key if json_data.instrument else ""
    until = now.clock or parts().clock.now()
    asked = question(json_data.text, people().market(owner_id()), owner_id(), key, until)
    return tried(parts().preview(asked | {"days": json_data.days, "until": until}), now)


def tried(answer: Mapping[str, Any], now: Market) -> dict[str, Any]:
    """What trying a rule found (flows/backtest/report), as it is answered."""
    history = answer["history"]
    return dict(answer) | {
        "markers": [_marker(one, now) for one in answer["markers"]],
        "history": history | {"from": utc(history["from"]), "to": utc(history["to"])},
    }


def _marker(one: Mapping[str, Any], now: Market) -> dict[str, Any]:
    instrument = now.universe.get(one["instrument"])
    return {
        "firing_id": one["firing_id"],
        "instrument": one["instrument"],
        "symbol": instrument.symbol,
        "time": utc(one["time"]),
        "value": plain(one["value"]),
        "event": one["event"],
    }


@bp.post("/import")
@asks(Action.WRITE, "rules")
@idempotent
@bp.input(ImportBody, location="json")
@bp.output(ImportAnswer)
def import_rules(json_data: ImportBody) -> dict[str, Any]:
    """Arm every rule of a file, or none where one is wrong. What is the same stays as it is."""
    brought = service().bring(owner_id(), json_data.text, json_data.group.strip(), prune=json_data.prune)
    now = market()
    tallies = parts().ledger.tallies(owner_id())
    return {
        "armed": brought.armed,
        "changed": brought.changed,
        "unchanged": brought.unchanged,
        "disarmed": brought.disarmed,
        "items": [shown(rule, now, tallies.get(rule.rule_uid, _NEVER)) for rule in brought.items],
    }


@bp.get("/<string:rule_uid>")
@asks(Action.READ, "rules")
@bp.output(Rule)
def get_rule(rule_uid: str) -> dict[str, Any]:
    """One rule."""
    return _one(service().one(owner_id(), rule_uid))


@bp.put("/<string:rule_uid>")
@asks(Action.WRITE, "rules")
@bp.input(RuleEdit, location="json")
@bp.output(Rule)
def edit_rule(rule_uid: str, json_data: RuleEdit) -> dict[str, Any]:
    """The next version of a rule. It starts idle; the same text again changes nothing."""
    return _one(service().edit(owner_id(), rule_uid, json_data.text, _notify(json_data.notify)))


@bp.post("/<string:rule_uid>/arm")
@asks(Action.WRITE, "rules")
@idempotent
@bp.output(Rule)
def arm_again(rule_uid: str) -> dict[str, Any]:
    """Arm a rule again that was disabled, has fired or expired."""
    return _one(service().arm_again(owner_id(), rule_uid))


@bp.delete("/<string:rule_uid>")
@asks(Action.WRITE, "rules")
@bp.output(Done)
def disarm_rule(rule_uid: str) -> dict[str, Any]:
    """Disarm a rule. What it fired stays in the inbox."""
    service().disarm(owner_id(), rule_uid)
    return {"ok": True}


@bp.get("/<string:rule_uid>/versions")
@asks(Action.READ, "rules")
@bp.output(RuleVersions)
def list_versions(rule_uid: str) -> dict[str, Any]:
    """Every wording that the rule has had, newest first."""
    found = service().versions(owner_id(), rule_uid)
    return {
        "items": [
            {"version": one.version, "text": one.text, "created_at": utc(one.created_at), "state": one.state}
            for one in found
        ]
    }


@bp.get("/<string:rule_uid>/explain")
@asks(Action.READ, "rules")
@bp.output(StoredPlan)
def explain_rule(rule_uid: str) -> dict[str, Any]:
    """What the rule costs and needs, and what it shares with your other rules."""
    return service().explain(owner_id(), rule_uid)


@bp.get("/<string:rule_uid>/why")
@asks(Action.READ, "rules")
@bp.input(WhyQuery, location="query")
@bp.output(Why)
def why(rule_uid: str, query_data: WhyQuery) -> dict[str, Any]:
    """Why the rule fires on an instrument, or why not: values now, the first clause that is false, what is missing."""
    from marketbell.flows.rules.asking import ask

    now = market()
    instrument = now.universe.resolve(query_data.instrument, now.rows)
    rule = service().one(owner_id(), rule_uid)
    answer = ask(parts().cache, parts().clock, rule, int(instrument.instrument_id), instrument.key)
    return answer | {name: utc(answer[name]) for name in ("since", "until", "evaluated_at")}
