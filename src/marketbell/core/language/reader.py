"""Text to rules and screens. All errors of a file are found and told at once.

parse_file(text) -> [Rule | Screen, …]   or RuleErrors
parse_rule(text) -> Rule                 exactly one
parse_screen(text) -> Screen             a `screen "…"`, or a condition alone
"""

import unicodedata
from hashlib import blake2b
from uuid import UUID

from lark import Token
from lark import Tree as ParseTree

from marketbell.core.language import clauses
from marketbell.core.language import expression as ex
from marketbell.core.language.errors import LIMIT, NAME, SYNTAX, RuleErrors
from marketbell.core.language.expression_reader import read_expression
from marketbell.core.language.literals import read_number, read_string
from marketbell.core.language.rule_plan import faults
from marketbell.core.language.source import Source, split
from marketbell.core.language.syntax import Node, Tree, parse
from marketbell.core.language.tree import EVERYBODY, Position, Rule, Screen
from marketbell.core.language.types import judge_condition
from marketbell.core.language.vocabulary import hint
from marketbell.core.primitives.errors import InvalidRuleError

Judge = clauses.Judge

MAX_NAME = 200
MAX_NODES = 1_000
MAX_SCREEN_ROWS = 5_000

_CALLED = {
    "at_name": "at",
    "at_bar": "at",
    "at_update": "at",
    "at_schedule": "at",
    "fire_name": "fire",
    "fire_per": "fire",
    "fire_every": "fire",
    "fire_on": "fire",
    "rearm_when": "rearm",
    "rearm_after": "rearm",
    "rearm_on": "rearm",
    "rearm_name": "rearm",
    "stale_name": "stale",
    "stale_hold": "stale",
    "stale_fire": "stale",
    "expires_after": "expires",
    "expires_on": "expires",
    "expires_name": "expires",
}
"""What the clauses of these parse trees are called."""
_FIRST = Position(1, 1)


def rule_uid(name: str) -> str:
    """The uid of a rule that bears none: always the same UUID for the same name.

    So `rules arm FILE` and `replay --rules FILE` agree without writing into the file.
    """
    raw = bytearray(blake2b(name.encode(), digest_size=16, person=b"mb.rule_uid.1").digest())
    raw[6] = raw[6] & 0x0F | 0x80  # RFC 9562: version 8, a maker's own scheme
    raw[8] = raw[8] & 0x3F | 0x80
    return str(UUID(bytes=bytes(raw)))


def parse_file(text: str) -> list[Rule | Screen]:
    """Read all rules and screens of a file, in order. RuleErrors (with every error) if any of them is wrong."""
    sources, stray = split(text.removeprefix("\ufeff"))
    errors: list[InvalidRuleError] = []
    if stray is not None:
        near = hint(stray.text, ("alert", "screen"))
        errors.append(_error(stray.start, f"unexpected `{stray.text}`: a rule starts with `alert`{near}", SYNTAX))
    found: list[Rule | Screen] = []
    uids: dict[tuple[type, str], Position] = {}
    for source in sources:
        reader = _Reader(source)
        one = reader.read()
        errors += reader.errors
        if one is None:
            continue
        kind = "rule" if isinstance(one, Rule) else "screen"
        uid = (type(one), one.rule_uid if isinstance(one, Rule) else one.screen_uid)
        if uid in uids:
            message = (
                f"this is the same {kind} as the one in line {uids[uid].line} (a {kind} without `# rule_uid:` is known "
                "by its name): give it another name or uid"
            )
            errors.append(_error(one.position, message, NAME))
            continue
        uids[uid] = one.position
        found.append(one)
    if errors:
        raise RuleErrors(errors)
    return found


def parse_rules(text: str) -> list[Rule]:
    """Read a file of alerts alone; a screen in it is an error."""
    found = parse_file(text)
    errors = [
        _error(one.position, "a screen cannot be armed: write an `alert` about its condition", SYNTAX)
        for one in found
        if isinstance(one, Screen)
    ]
    if errors:
        raise RuleErrors(errors)
    return [one for one in found if isinstance(one, Rule)]


def parse_rule(text: str) -> Rule:
    """Read exactly one alert."""
    rules = parse_rules(text)
    if len(rules) != 1:
        raise RuleErrors([_error(_FIRST, f"one rule is expected here, this text has {len(rules)}", SYNTAX)])
    return rules[0]


def parse_screen(text: str) -> Screen:
    """Read exactly one screen, or a condition alone, which is a screen without a name. RuleErrors."""
    sources, _ = split(text)
    if not sources:
        return _bare(text)
    found = parse_file(text)
    if len(found) != 1 or not isinstance(found[0], Screen):
        raise RuleErrors([_error(_FIRST, "one screen is expected here", SYNTAX)])
    return found[0]


def _bare(text: str) -> Screen:
    source = Source(text, _FIRST)
    errors: list[InvalidRuleError] = []

    def report(position: Position, message: str, reason: str) -> None:
        errors.append(_error(position, message, reason))

    def at(node: Node) -> Position:
        return _place(source, node)

    try:
        condition = read_expression(parse(source, "expression"), at)
    except InvalidRuleError as error:
        raise RuleErrors([error]) from error
    judge_condition(condition, report)
    _check_size(condition, report)
    screen = Screen("", "", condition, position=_FIRST)
    if not errors:
        errors += faults(screen)
    if errors:
        raise RuleErrors(errors)
    return screen


def _error(position: Position, message: str, reason: str) -> InvalidRuleError:
    return InvalidRuleError(message, position.line, position.column, reason=reason)


def _place(source: Source, node: Node) -> Position:
    if isinstance(node, Token):
        return source.position(node.line or 1, node.column or 1)
    if node.meta.empty:
        return source.start
    return source.position(node.meta.line, node.meta.column)


def _check_size(condition: ex.Expression, report: clauses.Report) -> None:
    count = sum(1 for _ in ex.walk(condition))
    if count > MAX_NODES:
        report(condition.position, f"an expression may have {MAX_NODES:,} parts; this one has {count:,}", LIMIT)


class _Reader:
    """Reads one rule or screen and collects what is wrong with it."""

    def __init__(self, source: Source) -> None:
        self.errors: list[InvalidRuleError] = []
        self._source = source

    def read(self) -> Rule | Screen | None:
        uid = self._uid()
        try:
            (tree,) = parse(self._source).children
        except InvalidRuleError as error:
            self.errors.append(error)
            return None
        if not isinstance(tree, ParseTree):
            raise TypeError  # cannot be: the grammar's start has one child, a tree
        found = self._clauses(tree)
        self._check_numbers(tree)
        name = self._name(tree.children[0])
        one = self._screen(name, uid, found) if tree.data == "screen" else self._rule(name, uid, found)
        if one is not None and not self.errors:
            self.errors += faults(one)
        return None if self.errors else one

    def _rule(self, name: str, uid: str | None, found: dict[str, Tree]) -> Rule | None:
        tell = clauses.Clauses(self._at, self._report, self._expression)
        when = self._condition(found.get("when"))
        where = self._condition(found.get("where"))
        on = tell.scopes(found.get("on"))
        values = {
            "at": tell.timing(found.get("at")),
            "hold": tell.duration(found.get("hold"), "hold") or 0,
            "fire": tell.fire(found.get("fire")),
            "rearm": tell.rearm(found.get("rearm"), self._condition),
            "cooldown": tell.cooldown(found.get("cooldown")),
            "limit": tell.limit(found.get("limit")),
            "session": tell.session(found.get("session")),
            "expires": tell.expires(found.get("expires")),
            "stale": tell.stale(found.get("stale")),
            "max_age": tell.duration(found.get("max_age"), "max_age"),
            "severity": tell.severity(found.get("severity")),
            "digest": tell.duration(found.get("digest"), "digest"),
            "action": tell.action(found.get("action")),
        }
        notify, fallback = tell.notify(found.get("notify"))
        if when is None or not on:
            return None
        start = self._source.start
        return Rule(
            name, uid or rule_uid(name), on, when, where, notify=notify, fallback=fallback, position=start, **values
        )

    def _screen(self, name: str, uid: str | None, found: dict[str, Tree]) -> Screen | None:
        tell = clauses.Clauses(self._at, self._report, self._expression)
        when = self._condition(found.get("when"))
        where = self._condition(found.get("where"))
        on = tell.scopes(found.get("on")) if "on" in found else EVERYBODY
        order, is_descending = tell.order(found.get("order"))
        limit = tell.rows(found.get("limit"), MAX_SCREEN_ROWS)
        columns = tell.columns(found.get("columns"))
        if when is None or not on:
            return None
        return Screen(
            name, uid or rule_uid(name), when, on, where, order, is_descending, limit, columns, self._source.start
        )

    # Positions and complaints.

    def _at(self, node: Node) -> Position:
        return _place(self._source, node)

    def _report(self, position: Position, message: str, reason: str) -> None:
        error = _error(position, message, reason)
        known = {(e.line, e.column, e.message) for e in self.errors}
        if (error.line, error.column, error.message) not in known:
            self.errors.append(error)

    def _fail(self, node: Node, message: str, reason: str = SYNTAX) -> None:
        self._report(self._at(node), message, reason)

    # The head.

    def _uid(self) -> str | None:
        written = self._source.uid
        if written is None:
            return None
        try:
            return str(UUID(written))
        except ValueError:
            self._report(self._source.uid_position, f"`{written}` is not a UUID", SYNTAX)
            return None

    def _name(self, token: Node) -> str:
        name = read_string(str(token))
        if not name.strip():
            self._fail(token, "a rule needs a name")
        elif len(name) > MAX_NAME:
            self._fail(token, f"a name may have {MAX_NAME} characters; this one has {len(name)}", LIMIT)
        elif any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in name):
            self._fail(token, "a name cannot hold control characters")
        return name

    def _clauses(self, tree: Tree) -> dict[str, Tree]:
        found: dict[str, Tree] = {}
        for node in tree.children[1:]:
            if not isinstance(node, ParseTree):
                continue
            clause = _CALLED.get(str(node.data), str(node.data))
            if clause in found:
                self._fail(node, f"`{clause}` is written twice")
            else:
                found[clause] = node
        for needed in ("when",) if tree.data == "screen" else ("on", "when"):
            if needed not in found:
                kind = "screen" if tree.data == "screen" else "rule"
                self._report(self._source.end(), f"the {kind} has no `{needed}` clause", SYNTAX)
        return found

    def _check_numbers(self, tree: Tree) -> None:
        for number in tree.scan_values(lambda value: isinstance(value, Token) and value.type == "NUMBER"):
            try:
                read_number(str(number))
            except ValueError:
                self._fail(number, f"unknown number `{number}`: a number may end in k, L, M, Cr or B")

    # Expressions.

    def _condition(self, clause: Tree | None) -> ex.Expression | None:
        return None if clause is None else self._expression(clause.children[0], judge_condition)

    def _expression(self, node: Node, judged: Judge) -> ex.Expression | None:
        if not isinstance(node, ParseTree):
            raise TypeError(node)  # cannot be: an expression is a tree
        try:
            expression = read_expression(node, self._at)
        except InvalidRuleError as error:
            self._report(Position(error.line, error.column), error.message, str(error.facts.get("reason", SYNTAX)))
            return None
        judged(expression, self._report)
        _check_size(expression, self._report)
        return expression
