"""A text or a form as the product understands it: its errors, its words, its form, and what it would cost."""

from collections.abc import Iterable, Mapping
from typing import Any

from marketbell.core.language import expression as ex
from marketbell.core.language.errors import SYNTAX, RuleErrors
from marketbell.core.language.form import FormErrors, form_of, tree_of_form
from marketbell.core.language.printer import print_tree
from marketbell.core.language.reader import parse_file, parse_rule
from marketbell.core.language.rule_plan import RulePlan, compile_rule, compile_screen
from marketbell.core.language.tree import Rule, Screen, expressions
from marketbell.core.primitives.errors import InvalidRuleError, UserError
from marketbell.core.rules.arming import arm_command
from marketbell.core.rules.cost import plan_document
from marketbell.core.rules.resolve import Market, Resolved, resolve
from marketbell.core.rules.words import sentence

NOBODY = Resolved(())


def check(text: str, market: Market) -> dict[str, Any]:
    """`{ok, errors: [{line, column, message, reason}], rules: [{kind, name, rule_uid, text, sentence, form, plan}]}`.

    A rule whose names nobody knows is among the rules all the same: it can be read, and not be armed.
    """
    try:
        trees = parse_file(text)
    except RuleErrors as error:
        return {"ok": False, "errors": errors_of(error.errors), "rules": []}
    errors: list[InvalidRuleError] = []
    rules = []
    in_file = {one.name: one for one in trees if isinstance(one, Screen)}
    whole = market.with_screens(in_file)
    for tree in trees:
        found = NOBODY
        try:
            found = resolve(tree, whole)
        except RuleErrors as error:
            errors += error.errors
        try:
            compiled = compiled_tree(tree)
        except InvalidRuleError as error:
            errors.append(error)
            continue
        rules.append(shown(tree, plan_document(tree, compiled, len(found.keys), gives=market.gives)))
    errors.sort(key=lambda one: (one.line, one.column))
    return {"ok": not errors, "errors": errors_of(errors), "rules": rules}


def shown(tree: Rule | Screen, plan: Mapping[str, Any]) -> dict[str, Any]:
    """A rule or a screen in all its views."""
    is_rule = isinstance(tree, Rule)
    return {
        "kind": "alert" if is_rule else "screen",
        "name": tree.name,
        "rule_uid": tree.rule_uid if isinstance(tree, Rule) else tree.screen_uid,
        "text": print_tree(tree),
        "sentence": sentence(tree),
        "form": form_of(tree),
        "plan": dict(plan),
    }


def write(form: Mapping[str, Any]) -> dict[str, Any]:
    """A form as text: `{text, sentence, errors: [{path, message}]}`; the text is empty where something is wrong."""
    try:
        tree = tree_of_form(form)
    except FormErrors as error:
        return {"text": "", "sentence": "", "errors": error.errors}
    return {"text": print_tree(tree), "sentence": sentence(tree), "errors": []}


def question(text: str, market: Market, owner_id: str, instrument: str = "", now: int = 0) -> dict[str, Any]:
    """What a preview has to know of the one rule of a text: `{command, keys, shown}`.

    `keys` are the instruments that it needs, `shown` the one whose firings count, where one is named. RuleErrors, or
    UserError where the rule is not about that instrument.
    """
    rule = parse_rule(text)
    found = resolve(rule, market, now)
    if instrument and instrument not in found.keys:
        raise UserError(f"the rule is not about {instrument}", field="instrument")
    command = arm_command(rule, found.instrument, owner_id, members=found.members, screens=found.screens)
    keys = {*found.keys}
    if compiled_tree(rule).is_joint:
        keys |= others(rule, market, now)
    elif instrument:
        keys = {instrument}
    return {"command": command, "keys": sorted(keys), "shown": [instrument] if instrument else []}


def others(rule: Rule, market: Market, now: int) -> set[str]:
    """Keys of the instruments that a rule reads beside those that it is about."""
    found: set[str] = set()
    for _, expression in expressions(rule):
        for node in ex.walk(expression):
            if isinstance(node, (ex.Field, ex.Call)) and node.symbol is not None:
                found.add(market.key(node.symbol))
            elif isinstance(node, ex.Universe):
                found.update(market.members(node.name, now))
    return found


def compiled_tree(tree: Rule | Screen) -> RulePlan:
    """The plan of a tree, its symbols as they are written. InvalidRuleError where it cannot be evaluated."""
    return compile_rule(tree) if isinstance(tree, Rule) else compile_screen(tree)


def errors_of(errors: Iterable[InvalidRuleError]) -> list[dict[str, Any]]:
    """As JSON."""
    return [
        {"line": one.line, "column": one.column, "message": one.message, "reason": one.facts.get("reason", SYNTAX)}
        for one in errors
    ]
