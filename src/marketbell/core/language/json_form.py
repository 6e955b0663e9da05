"""The JSON form of a rule: what the store keeps and a form editor reads. It loses nothing."""

from datetime import date
from typing import Any

from marketbell.core.language.tree import ChannelRef, Cross, ExpiresAfter, ExpiresOn, FieldRef, Number, Rule, Symbol
from marketbell.core.primitives.errors import UserError

VERSION = 1


def to_json(rule: Rule) -> dict[str, Any]:
    """Plain values; the inverse of `from_json`."""
    return {
        "language": VERSION,
        "kind": "alert",
        "name": rule.name,
        "rule_uid": rule.rule_uid,
        **decisive(rule),
        "notify": [{"kind": channel.kind, "target": channel.target} for channel in rule.notify],
    }


def decisive(rule: Rule) -> dict[str, Any]:
    """The part that decides whether and when the rule fires: what its definition hash covers."""
    return {
        "on": {"symbol": rule.universe.name, "venue": rule.universe.venue},
        "when": {
            "op": f"crosses {rule.when.direction}",
            "left": {"field": rule.when.left.name},
            "right": {"number": rule.when.right.value},
        },
        "at": rule.timing,
        "fire": rule.fire,
        "expires": _expiry_to_json(rule.expires),
    }


def from_json(values: dict[str, Any]) -> Rule:
    """Read a tree. UserError where it is not one that this version writes."""
    try:
        if values["language"] != VERSION or values["kind"] != "alert":
            raise UserError(f"this rule was written by language version {values['language']}; known is {VERSION}")
        when = values["when"]
        direction = when["op"].removeprefix("crosses ")
        if direction not in {"above", "below"} or values["at"] != "tick" or values["fire"] != "once":
            raise UserError("this rule uses words that are not yet supported")
        return Rule(
            name=values["name"],
            rule_uid=values["rule_uid"],
            universe=Symbol(values["on"]["symbol"], values["on"]["venue"]),
            when=Cross(FieldRef(when["left"]["field"]), direction, Number(float(when["right"]["number"]))),
            expires=_expiry_from_json(values["expires"]),
            notify=tuple(ChannelRef(channel["kind"], channel["target"]) for channel in values["notify"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"this is not the JSON form of a rule: {error}") from error


def _expiry_to_json(expires: ExpiresAfter | ExpiresOn | None) -> dict[str, Any] | None:
    if isinstance(expires, ExpiresAfter):
        return {"after_ns": expires.duration}
    if isinstance(expires, ExpiresOn):
        return {"date": expires.day.isoformat()}
    return None


def _expiry_from_json(values: dict[str, Any] | None) -> ExpiresAfter | ExpiresOn | None:
    if values is None:
        return None
    if "after_ns" in values:
        return ExpiresAfter(int(values["after_ns"]))
    return ExpiresOn(date.fromisoformat(values["date"]))
