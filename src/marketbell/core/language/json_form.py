"""The JSON form of a rule or a screen: what the store and the log keep. It loses nothing.

Expressions are those of expression_json.py. Version 1, of rules that knew price levels alone, is read too.
"""

from datetime import date
from typing import Any

from marketbell.core.language import expression as ex
from marketbell.core.language.expression_json import expression_from_json, expression_to_json
from marketbell.core.language.tree import (
    Action,
    ChannelRef,
    Cooldown,
    ExpiresAfter,
    ExpiresOn,
    Fire,
    Rearm,
    Rule,
    Scope,
    ScopeKind,
    Screen,
    SessionWindow,
    Timing,
    TimingKind,
)
from marketbell.core.market.timeframe import Timeframe
from marketbell.core.primitives.errors import UserError

VERSION = 2


def to_json(tree: Rule | Screen) -> dict[str, Any]:
    """Plain values; the inverse of `from_json`."""
    if isinstance(tree, Screen):
        return {
            "language": VERSION,
            "kind": "screen",
            "name": tree.name,
            "screen_uid": tree.screen_uid,
            "on": [_scope(one) for one in tree.on],
            "where": _optional(tree.where),
            "when": expression_to_json(tree.when),
            "order_by": _optional(tree.order_by),
            "descending": tree.is_descending,
            "limit": tree.limit,
            "columns": [expression_to_json(one) for one in tree.columns],
        }
    return {
        "language": VERSION,
        "kind": "alert",
        "name": tree.name,
        "rule_uid": tree.rule_uid,
        **decisive(tree),
        "limit": tree.limit,
        "max_age": tree.max_age,
        "severity": tree.severity,
        "notify": [_channel(one) for one in tree.notify],
        "fallback": None if tree.fallback is None else _channel(tree.fallback),
        "digest": tree.digest,
    }


def decisive(rule: Rule) -> dict[str, Any]:
    """The part that decides whether, when and how a rule fires: what its definition hash covers."""
    return {
        "on": [_scope(one) for one in rule.on],
        "where": _optional(rule.where),
        "when": expression_to_json(rule.when),
        "at": None if rule.at is None else _timing(rule.at),
        "hold": rule.hold,
        "fire": None if rule.fire is None else str(rule.fire),
        "rearm": None
        if rule.rearm is None
        else {"kind": rule.rearm.kind, "when": _optional(rule.rearm.when), "after": rule.rearm.after},
        "cooldown": None if rule.cooldown is None else {"duration": rule.cooldown.duration, "per": rule.cooldown.per},
        "session": None
        if rule.session is None
        else {"venue": rule.session.venue, "start": rule.session.start, "end": rule.session.end},
        "expires": expiry_to_json(rule.expires),
        "stale": rule.stale,
        "action": None
        if rule.action is None
        else {
            "name": rule.action.name,
            "arguments": [expression_to_json(one) for one in rule.action.arguments],
            "named": [[name, expression_to_json(one)] for name, one in rule.action.named],
        },
    }


def from_json(values: dict[str, Any]) -> Rule | Screen:
    """Read a tree. UserError where it is not one that this version or one before it writes."""
    try:
        version = int(values["language"])
        if version > VERSION:
            raise UserError(f"this was written by language version {version}; known is {VERSION}")
        if version == 1:
            return _version_1(values)
        return _screen(values) if values["kind"] == "screen" else _rule(values)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"this is not the JSON form of a rule or a screen: {error!r}") from error


def _optional(node: ex.Expression | None) -> dict[str, Any] | None:
    return None if node is None else expression_to_json(node)


def _read(values: dict[str, Any] | None) -> ex.Expression | None:
    return None if values is None else expression_from_json(values)


def _scope(scope: Scope) -> dict[str, Any]:
    return {"kind": str(scope.kind), "name": scope.name, "venue": scope.venue}


def _timing(timing: Timing) -> dict[str, Any]:
    frame = None if timing.timeframe is None else str(timing.timeframe)
    return {"kind": str(timing.kind), "timeframe": frame, "word": timing.word}


def _channel(channel: ChannelRef) -> dict[str, Any]:
    return {"kind": channel.kind, "target": channel.target}


def _scopes(values: list[dict[str, Any]]) -> tuple[Scope, ...]:
    return tuple(Scope(ScopeKind(one["kind"]), one["name"], one["venue"]) for one in values)


def _rule(values: dict[str, Any]) -> Rule:
    at, rearm, cooldown = values["at"], values["rearm"], values["cooldown"]
    session, action, fallback = values["session"], values["action"], values["fallback"]
    when = expression_from_json(values["when"])
    return Rule(
        name=values["name"],
        rule_uid=values["rule_uid"],
        on=_scopes(values["on"]),
        when=when,
        where=_read(values["where"]),
        at=None
        if at is None
        else Timing(
            TimingKind(at["kind"]), None if at["timeframe"] is None else Timeframe.parse(at["timeframe"]), at["word"]
        ),
        hold=int(values["hold"]),
        fire=None if values["fire"] is None else Fire(values["fire"]),
        rearm=None if rearm is None else Rearm(rearm["kind"], _read(rearm["when"]), int(rearm["after"])),
        cooldown=None if cooldown is None else Cooldown(int(cooldown["duration"]), cooldown["per"]),
        limit=values["limit"],
        session=None if session is None else SessionWindow(session["venue"], session["start"], session["end"]),
        expires=expiry_from_json(values["expires"]),
        stale=values["stale"],
        max_age=values["max_age"],
        severity=values["severity"],
        notify=tuple(ChannelRef(one["kind"], one["target"]) for one in values["notify"]),
        fallback=None if fallback is None else ChannelRef(fallback["kind"], fallback["target"]),
        digest=values["digest"],
        action=None
        if action is None
        else Action(
            action["name"],
            tuple(expression_from_json(one) for one in action["arguments"]),
            tuple((name, expression_from_json(one)) for name, one in action["named"]),
        ),
    )


def _screen(values: dict[str, Any]) -> Screen:
    return Screen(
        name=values["name"],
        screen_uid=values["screen_uid"],
        when=expression_from_json(values["when"]),
        on=_scopes(values["on"]),
        where=_read(values["where"]),
        order_by=_read(values["order_by"]),
        is_descending=bool(values["descending"]),
        limit=values["limit"],
        columns=tuple(expression_from_json(one) for one in values["columns"]),
    )


def _version_1(values: dict[str, Any]) -> Rule:
    """`close crosses above LEVEL at tick fire once` of one symbol."""
    when = values["when"]
    direction = when["op"].removeprefix("crosses ")
    if direction not in {"above", "below"} or values["at"] != "tick" or values["fire"] != "once":
        raise UserError("this rule uses words that are not known")
    level = ex.Number(float(when["right"]["number"]))
    return Rule(
        name=values["name"],
        rule_uid=values["rule_uid"],
        on=(Scope(ScopeKind.SYMBOL, values["on"]["symbol"], values["on"]["venue"]),),
        when=ex.Crosses(ex.Field(when["left"]["field"]), direction, level),
        at=Timing(TimingKind.TICK),
        fire=Fire.ONCE,
        expires=expiry_from_json(values["expires"]),
        notify=tuple(ChannelRef(one["kind"], one["target"]) for one in values["notify"]),
    )


def expiry_to_json(expires: ExpiresAfter | ExpiresOn | None) -> dict[str, Any] | None:
    """`{"after_ns": …}`, `{"date": …}` or null."""
    if isinstance(expires, ExpiresAfter):
        return {"after_ns": expires.duration}
    if isinstance(expires, ExpiresOn):
        return {"date": expires.day.isoformat()}
    return None


def expiry_from_json(values: dict[str, Any] | None) -> ExpiresAfter | ExpiresOn | None:
    """The inverse."""
    if values is None:
        return None
    if "after_ns" in values:
        return ExpiresAfter(int(values["after_ns"]))
    return ExpiresOn(date.fromisoformat(values["date"]))
