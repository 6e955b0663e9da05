"""Text to rules. All errors of a file are found and told at once.

parse_file(text) -> [Rule, …]     or RuleErrors
parse_rule(text) -> Rule          exactly one
"""

import unicodedata
from datetime import date
from hashlib import blake2b
from typing import Literal
from uuid import UUID

from lark import Token
from lark import Tree as ParseTree

from marketbell.core.language.errors import LIMIT, NAME, NOT_YET, SYNTAX, TYPE, RuleErrors
from marketbell.core.language.expression_reader import read_expression
from marketbell.core.language.fields import resolve
from marketbell.core.language.literals import read_duration, read_number, read_string, read_symbol
from marketbell.core.language.source import Source, split
from marketbell.core.language.syntax import Node, Tree, dotted, parse
from marketbell.core.language.tree import (
    SECOND,
    ChannelRef,
    Cross,
    Direction,
    ExpiresAfter,
    ExpiresOn,
    FieldRef,
    Number,
    Position,
    Rule,
    Symbol,
)
from marketbell.core.language.types import judge, judge_condition
from marketbell.core.language.vocabulary import CHANNELS, LEVEL_FIELDS, RESERVED_CHANNELS, hint
from marketbell.core.primitives.errors import InvalidRuleError

MAX_NAME = 200
MAX_LIFE = 36_500 * 86_400 * SECOND
LAST_YEAR = 2200

_NAMES = {  # parse-tree name -> how the clause is called
    "at_name": "at",
    "at_bar": "at",
    "at_update": "at",
    "at_schedule": "at",
    "fire_name": "fire",
    "fire_per": "fire",
    "fire_every": "fire",
    "fire_on": "fire",
    "expires_after": "expires",
    "expires_on": "expires",
    "expires_name": "expires",
}
_SUPPORTED = frozenset({"on", "when", "at", "fire", "expires", "notify"})
_TIMINGS = ("tick", "chain", "shareholding", "fundamentals")


def rule_uid(name: str) -> str:
    """The uid of a rule that bears none: always the same UUID for the same name.

    So `rules arm FILE` and `replay --rules FILE` agree without writing into the file.
    """
    raw = bytearray(blake2b(name.encode(), digest_size=16, person=b"mb.rule_uid.1").digest())
    raw[6] = raw[6] & 0x0F | 0x80  # RFC 9562: version 8, a maker's own scheme
    raw[8] = raw[8] & 0x3F | 0x80
    return str(UUID(bytes=bytes(raw)))


def parse_file(text: str) -> list[Rule]:
    """Read all rules of a file, in order. RuleErrors (with every error) if any of them is wrong."""
    sources, stray = split(text.removeprefix("\ufeff"))
    errors: list[InvalidRuleError] = []
    if stray is not None:
        message = f"unexpected `{stray.text}`: a rule starts with `alert`{_stray_hint(stray.text)}"
        errors.append(_error(stray.start, message, SYNTAX))
    rules: list[Rule] = []
    uids: dict[str, Position] = {}
    for source in sources:
        reader = _Reader(source)
        rule = reader.read()
        errors += reader.errors
        if rule is None:
            continue
        if rule.rule_uid in uids:
            first = uids[rule.rule_uid]
            message = (
                f"this is the same rule as the one in line {first.line} (a rule without `# rule_uid:` is known by its "
                "name): give it another name or uid"
            )
            errors.append(_error(rule.position, message, NAME))
            continue
        uids[rule.rule_uid] = rule.position
        rules.append(rule)
    if errors:
        raise RuleErrors(errors)
    return rules


def parse_rule(text: str) -> Rule:
    """Read exactly one rule."""
    rules = parse_file(text)
    if len(rules) != 1:
        raise RuleErrors([_error(Position(1, 1), f"one rule is expected here, this text has {len(rules)}", SYNTAX)])
    return rules[0]


def _error(position: Position, message: str, reason: str) -> InvalidRuleError:
    return InvalidRuleError(message, position.line, position.column, reason=reason)


def _stray_hint(word: str) -> str:
    return hint(word, ("alert", "screen"))


class _Reader:
    """Reads one rule and collects what is wrong with it."""

    def __init__(self, source: Source) -> None:
        self.errors: list[InvalidRuleError] = []
        self._source = source

    def read(self) -> Rule | None:
        uid = self._uid()
        try:
            (tree,) = parse(self._source).children
        except InvalidRuleError as error:
            self.errors.append(error)
            return None
        if not isinstance(tree, ParseTree):
            raise TypeError  # cannot be: the grammar's start has one child, a tree
        clauses = self._clauses(tree)
        self._check_expressions(tree)
        if tree.data == "screen":
            self._not_yet(tree, "`screen`")
            return None
        name = self._name(tree.children[0])
        universe = self._universe(clauses.get("on"))
        condition = self._condition(clauses.get("when"))
        self._timing(clauses.get("at"))
        self._fire(clauses.get("fire"))
        expires = self._expires(clauses.get("expires"))
        notify = self._notify(clauses.get("notify"))
        for clause, node in clauses.items():
            if clause not in _SUPPORTED:
                self._not_yet(node, f"`{clause}`")
        if self.errors or universe is None or condition is None:
            return None
        return Rule(
            name=name,
            rule_uid=uid or rule_uid(name),
            universe=universe,
            when=condition,
            expires=expires,
            notify=notify,
            position=self._source.start,
        )

    # Positions and complaints.

    def _at(self, node: Node) -> Position:
        if isinstance(node, Token):
            return self._source.position(node.line or 1, node.column or 1)
        if node.meta.empty:
            return self._source.start
        return self._source.position(node.meta.line, node.meta.column)

    def _fail(self, node: Node, message: str, reason: str = SYNTAX) -> None:
        self.errors.append(_error(self._at(node), message, reason))

    def _not_yet(self, node: Node, what: str) -> None:
        self._fail(node, f"not yet supported: {what}", NOT_YET)

    # The head.

    def _uid(self) -> str | None:
        written = self._source.uid
        if written is None:
            return None
        try:
            return str(UUID(written))
        except ValueError:
            message = f"`{written}` is not a UUID"
            self.errors.append(_error(self._source.uid_position, message, SYNTAX))
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
        clauses: dict[str, Tree] = {}
        for node in tree.children[1:]:
            if not isinstance(node, ParseTree):
                continue
            clause = _NAMES.get(str(node.data), str(node.data))
            if clause in clauses:
                self._fail(node, f"`{clause}` is written twice")
            else:
                clauses[clause] = node
        for needed in ("on", "when"):
            if needed not in clauses and tree.data == "alert":
                end = self._source.end()
                self.errors.append(_error(end, f"the rule has no `{needed}` clause", SYNTAX))
        return clauses

    def _check_expressions(self, tree: Tree) -> None:
        for number in tree.scan_values(lambda value: isinstance(value, Token) and value.type == "NUMBER"):
            try:
                read_number(str(number))
            except ValueError:
                self._fail(number, f"unknown number `{number}`: a number may end in k, L, M, Cr or B")
        for clause in tree.children[1:]:
            if not isinstance(clause, ParseTree):
                continue
            if clause.data in {"when", "where", "rearm"}:
                self._check(clause, is_condition=True)
            elif clause.data in {"order", "columns"}:
                self._check(clause, is_condition=False)

    def _check(self, clause: Tree, *, is_condition: bool) -> None:
        def report(position: Position, message: str, reason: str) -> None:
            self.errors.append(_error(position, message, reason))

        for node in clause.children:
            if not isinstance(node, ParseTree):
                continue
            try:
                expression = read_expression(node, self._at)
            except InvalidRuleError as error:
                if not any(
                    (e.line, e.column, e.message) == (error.line, error.column, error.message) for e in self.errors
                ):
                    self.errors.append(error)
                continue
            (judge_condition if is_condition else judge)(expression, report)

    # The clauses.

    def _universe(self, on: Tree | None) -> Symbol | None:
        if on is None:
            return None
        first, *others = on.children
        for other in others:
            self._not_yet(other, "more than one instrument")
        if isinstance(first, ParseTree) and first.data == "symbol":
            token = first.children[0]
            symbol = read_symbol(str(token))
            if not symbol.name:
                self._fail(first, f"`{token}` names no symbol")
                return None
            at = self._at(first)
            return Symbol(symbol.name, symbol.venue, at)
        words = " ".join(str(child) for child in getattr(first, "children", [first]))
        self._not_yet(first, f"`on {words}`; name one instrument, as in `on $NSE:RELIANCE`")
        return None

    def _condition(self, when: Tree | None) -> Cross | None:
        if when is None or any(error.facts.get("reason") in {NAME, TYPE} for error in self.errors):
            return None
        node = _ungroup(when.children[0])
        supported = "the condition of an alert is `close crosses above LEVEL` or `close crosses below LEVEL`"
        if not (isinstance(node, ParseTree) and node.data == "crosses"):
            self._not_yet(node, f"this condition; {supported}")
            return None
        left, direction, right = _ungroup(node.children[0]), node.children[1], _ungroup(node.children[2])
        field = self._level_field(left)
        level = self._level(right)
        if field is None:
            self._not_yet(left, f"this expression; {supported}")
            return None
        if level is None:
            return None
        return Cross(field, _direction(direction), level, self._at(node))

    def _level_field(self, node: Node) -> FieldRef | None:
        name = dotted(node)
        field = resolve(name) if name else None
        if field is None or field.name not in LEVEL_FIELDS:
            return None
        return FieldRef(field.name, self._at(node))

    def _level(self, node: Node) -> Number | None:
        if isinstance(node, ParseTree) and node.data == "negative" and _is_number(node.children[0]):
            self._fail(node, "a price level must be above 0", TYPE)
            return None
        if not (isinstance(node, ParseTree) and _is_number(node)):
            self._not_yet(node, "a level that is not a plain number")
            return None
        try:
            value = read_number(str(node.children[0]))
        except ValueError:
            return None  # told already
        if value <= 0 or value == float("inf"):
            self._fail(node, "a price level must be above 0 and finite", TYPE)
            return None
        return Number(value, self._at(node))

    def _timing(self, at: Tree | None) -> None:
        """Without `at`, a rule on bare prices is evaluated at each tick."""
        if at is None:
            return
        words = [str(child) for child in at.children]
        if at.data == "at_name":
            if words[0] == "tick":
                return
            near = hint(words[0], _TIMINGS)
            self._fail(at.children[0], f"unknown timing `{words[0]}`{near}")
        elif at.data == "at_bar" and words[1] not in {"close", "live"}:
            self._fail(at.children[1], f"unexpected `{words[1]}`: expected `close` or `live`")
        elif at.data == "at_update" and words[0] != "update":
            self._fail(at.children[0], f"unexpected `{words[0]}`: expected `tick`, `update` or a bar (5m close)")
        elif at.data == "at_schedule" and words[0] != "schedule":
            self._fail(at.children[0], f"unexpected `{words[0]}`: expected `schedule`")
        else:
            self._not_yet(at, f"`at {' '.join(words)}`; write `at tick`")

    def _fire(self, fire: Tree | None) -> None:
        if fire is None:
            message = "not yet supported: an alert without `fire once` (it would fire once per bar)"
            if not self.errors:
                self.errors.append(_error(self._source.start, message, NOT_YET))
            return
        words = [str(child) for child in fire.children]
        known = {
            "fire_name": ({"once"},),
            "fire_per": ({"once"}, {"bar", "day", "session"}),
            "fire_every": ({"every"}, {"time"}),
            "fire_on": ({"enter", "exit", "change"},),
        }[str(fire.data)]
        for node, word, choices in zip(fire.children, words, known, strict=True):
            if word not in choices:
                self._fail(node, f"unexpected `{word}`: expected {' or '.join(f'`{c}`' for c in sorted(choices))}")
                return
        if fire.data != "fire_name":
            link = {"fire_per": " per ", "fire_every": " "}.get(str(fire.data), "")
            said = f"on {words[0]}" if fire.data == "fire_on" else link.join(words)
            self._not_yet(fire, f"`fire {said}`; write `fire once`")

    def _expires(  # noqa: PLR0911 — one a way to say it wrong
        self, expires: Tree | None
    ) -> ExpiresAfter | ExpiresOn | None:
        if expires is None:
            return None
        token = expires.children[0]
        word = str(token)
        if expires.data == "expires_name":
            if word != "never":
                self._fail(token, f"unexpected `{word}`: expected `never`, `after 30d` or a date (2026-12-31)")
            return None
        if expires.data == "expires_after":
            try:
                duration = read_duration(word)
            except ValueError:
                self._fail(token, f"`{word}` has no fixed length: use s, m, h, d or w")
                return None
            if not 0 < duration <= MAX_LIFE:
                self._fail(token, "a rule lives for more than nothing and at most 36500 days", LIMIT)
                return None
            return ExpiresAfter(duration)
        try:
            day = date.fromisoformat(word)
        except ValueError:
            self._fail(token, f"there is no day `{word}`")
            return None
        if day.year > LAST_YEAR or day.year < 1970:
            self._fail(token, f"a rule can expire from 1970 to {LAST_YEAR}", LIMIT)
            return None
        return ExpiresOn(day)

    def _notify(self, notify: Tree | None) -> tuple[ChannelRef, ...]:
        channels: list[ChannelRef] = []
        for node in notify.children if notify else []:
            if not isinstance(node, ParseTree):
                continue
            if node.data == "fallback":
                self._not_yet(node, "`fallback`")
                continue
            kind, *targets = node.children
            word = str(kind)
            if word in RESERVED_CHANNELS:
                self._not_yet(node, f"the channel `{word}`; known are {', '.join(CHANNELS)}")
                continue
            if word not in CHANNELS:
                self._fail(node, f"unknown channel `{word}`{hint(word, CHANNELS)}", NAME)
                continue
            channel = ChannelRef(word, _target(targets[0]) if targets else "")
            if channel in channels:
                self._fail(node, f"the channel `{channel}` is written twice")
            channels.append(channel)
        return tuple(channels)


def _ungroup(node: Node) -> Node:
    while isinstance(node, ParseTree) and node.data == "group":
        node = node.children[0]
    return node


def _is_number(node: Node) -> bool:
    return isinstance(node, ParseTree) and node.data == "number"


def _direction(token: Node) -> Direction:
    above: Literal["above"] = "above"
    return above if str(token) == above else "below"


def _target(token: Node) -> str:
    word = str(token)
    return read_string(word) if word.startswith('"') else word
