"""The form of a rule or a screen: what an editor with blanks shows and sends back. It loses nothing.

    {"kind": "alert" | "screen", "name", "rule_uid", "on": [{"kind", "name", "venue"}],
     "where": COND | null, "when": COND, "at": {"kind", "timeframe", "word"} | null, "hold": "60s" | null,
     "fire": "once per bar" | null, "rearm": {"kind", "when": COND | null, "after"} | null,
     "cooldown": {"duration", "per"} | null, "limit": 20 | null,
     "session": {"venue", "from": "09:30", "to": "11:00"} | null,
     "expires": {"after": "30d"} | {"on": "2026-12-31"} | null, "stale", "max_age", "severity",
     "notify": ["slack:desk"], "fallback", "digest", "action": TEXT | null,
     "order_by": TEXT | null, "descending", "columns": [TEXT]}

COND is one of

    {"op": "and" | "or", "parts": [COND]}            {"op": "not", "of": COND}
    {"op": "compare", "operator", "left", "right"}   {"op": "between", "of", "low", "high"}
    {"op": "crosses", "direction": "above" | "below" | "either", "left", "right"}
    {"op": "moves", "verb": "rises" | "falls" | "moves", "of", "by", "within"}
    {"op": "text", "text"}                           for everything else

TEXT is an expression in the language's own spelling; lengths of time are texts too.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, TypeVar

from marketbell.core.language import expression as ex
from marketbell.core.language.clauses import Judge
from marketbell.core.language.errors import RuleErrors
from marketbell.core.language.expression_printer import print_expression, print_span
from marketbell.core.language.expression_reader import read_text
from marketbell.core.language.literals import read_duration, read_string, write_duration
from marketbell.core.language.printer import print_action, print_channel, print_minute, print_rule, print_screen
from marketbell.core.language.reader import parse_rule, parse_screen, rule_uid
from marketbell.core.language.tree import (
    EVERYBODY,
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
from marketbell.core.language.types import judge, judge_column, judge_condition
from marketbell.core.market.timeframe import Timeframe
from marketbell.core.primitives.errors import UserError

T = TypeVar("T")
U = TypeVar("U")

Form = Mapping[str, Any]

_TIME = re.compile(r"(\d{1,2}):(\d{2})")
_CHANNEL = re.compile(r'([A-Za-z_][A-Za-z0-9_]*)(?::([A-Za-z_][A-Za-z0-9_]*|"(?:\\["\\]|[^"\\])*"))?')
_DEEPEST = 64
_NAMELESS = "screen"
_SIGNS = (">", ">=", "<", "<=", "=", "!=")


class FormErrors(UserError):  # noqa: N818 — it is several
    """All that is wrong with a form: `errors` are {path, message}, a path like `when.parts.0.left`."""

    code = "invalid_rule"

    def __init__(self, errors: Sequence[tuple[str, str]]) -> None:
        self.errors = [{"path": path, "message": message} for path, message in errors]
        path, message = errors[0]
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        super().__init__(f"{path}: {message}{more}" if path else f"{message}{more}", field="form", errors=self.errors)


# From a tree.


def form_of(tree: Rule | Screen) -> dict[str, Any]:
    """The form of a tree; the inverse of `tree_of_form`."""
    form: dict[str, Any] = {
        "kind": "alert",
        "name": tree.name,
        "rule_uid": tree.rule_uid if isinstance(tree, Rule) else tree.screen_uid,
        "on": [{"kind": str(one.kind), "name": one.name, "venue": one.venue} for one in tree.on],
        "where": _maybe(tree.where, condition_form),
        "when": condition_form(tree.when),
        "at": None,
        "hold": None,
        "fire": None,
        "rearm": None,
        "cooldown": None,
        "limit": tree.limit,
        "session": None,
        "expires": None,
        "stale": None,
        "max_age": None,
        "severity": None,
        "notify": [],
        "fallback": None,
        "digest": None,
        "action": None,
        "order_by": None,
        "descending": False,
        "columns": [],
    }
    return form | (_rule_form(tree) if isinstance(tree, Rule) else _screen_form(tree))


def _rule_form(rule: Rule) -> dict[str, Any]:
    at, rearm, cooldown, session = rule.at, rule.rearm, rule.cooldown, rule.session
    return {
        "at": at and {"kind": str(at.kind), "timeframe": _maybe(at.timeframe, str), "word": at.word},
        "hold": write_duration(rule.hold) if rule.hold else None,
        "fire": _maybe(rule.fire, str),
        "rearm": rearm
        and {
            "kind": rearm.kind,
            "when": _maybe(rearm.when, condition_form),
            "after": write_duration(rearm.after) if rearm.kind == "after" else None,
        },
        "cooldown": cooldown and {"duration": write_duration(cooldown.duration), "per": cooldown.per},
        "session": session
        and {"venue": session.venue, "from": print_minute(session.start), "to": print_minute(session.end)},
        "expires": _expiry_form(rule.expires),
        "stale": rule.stale,
        "max_age": _maybe(rule.max_age, write_duration),
        "severity": rule.severity,
        "notify": [print_channel(one) for one in rule.notify],
        "fallback": _maybe(rule.fallback, print_channel),
        "digest": _maybe(rule.digest, write_duration),
        "action": _maybe(rule.action, print_action),
    }


def _screen_form(screen: Screen) -> dict[str, Any]:
    return {
        "kind": "screen",
        "order_by": _maybe(screen.order_by, print_expression),
        "descending": screen.is_descending,
        "columns": [print_expression(one) for one in screen.columns],
    }


def _maybe(value: T | None, function: Callable[[T], U]) -> U | None:
    return None if value is None else function(value)


def _expiry_form(expires: ExpiresAfter | ExpiresOn | None) -> dict[str, str] | None:
    if isinstance(expires, ExpiresAfter):
        return {"after": write_duration(expires.duration)}
    return None if expires is None else {"on": expires.day.isoformat()}


def condition_form(node: ex.Expression) -> dict[str, Any]:  # noqa: PLR0911 — one a kind of node
    """COND of a condition."""
    match node:
        case ex.Logic(operator=operator, parts=parts):
            return {"op": operator, "parts": [condition_form(part) for part in parts]}
        case ex.Not(of=of):
            return {"op": "not", "of": condition_form(of)}
        case ex.Comparison(operator=operator, left=left, right=right):
            sides = {"left": print_expression(left), "right": print_expression(right)}
            return {"op": "compare", "operator": operator, **sides}
        case ex.Crosses(left=left, direction=direction, right=right):
            sides = {"left": print_expression(left), "right": print_expression(right)}
            return {"op": "crosses", "direction": direction, **sides}
        case ex.Between(of=of, low=low, high=high):
            return {
                "op": "between",
                "of": print_expression(of),
                "low": print_expression(low),
                "high": print_expression(high),
            }
        case ex.Moves(of=of, verb=verb, by=by, within=within):
            amounts = {"by": print_expression(by), "within": print_span(within)}
            return {"op": "moves", "verb": verb, "of": print_expression(of), **amounts}
    return {"op": "text", "text": print_expression(node)}


# To a tree.


def tree_of_form(form: Form) -> Rule | Screen:
    """The tree that a form says. FormErrors with everything that is wrong, each at its path."""
    reader = _Reader()
    tree = reader.screen(form) if _get(form, "kind") == "screen" else reader.rule(form)
    if reader.errors or tree is None:
        raise FormErrors(reader.errors or [("", "this is no form of a rule or a screen")])
    try:
        # What only a whole text can be asked: its length, its limits, whether its parts can be evaluated.
        if isinstance(tree, Rule):
            return parse_rule(f"# rule_uid: {tree.rule_uid}\n{print_rule(tree)}")
        named = replace(tree, name=tree.name or _NAMELESS)
        return replace(parse_screen(print_screen(named)), name=tree.name, screen_uid=tree.screen_uid)
    except RuleErrors as error:
        raise FormErrors([("", one.message) for one in error.errors]) from error


def _get(form: Any, name: str) -> Any:
    return form.get(name) if isinstance(form, Mapping) else None


class _Reader:
    """Reads a form and collects what is wrong with it; None for a part that is wrong or not there."""

    def __init__(self) -> None:
        self.errors: list[tuple[str, str]] = []

    def rule(self, form: Form) -> Rule | None:
        """An alert."""
        name = self._text(form, "name") or ""
        if not name.strip() and not self.errors:
            self._fail("name", "a rule needs a name")
        on = self._scopes(_get(form, "on"), is_needed=True)
        when = self._condition(_get(form, "when"), "when", is_needed=True)
        where = self._condition(_get(form, "where"), "where")
        fire = self._choice(form, "fire", tuple(Fire))
        stale: Any = self._choice(form, "stale", ("skip", "hold", "fire"))
        severity: Any = self._choice(form, "severity", ("low", "normal", "high"))
        channels = [self._channel(one, f"notify.{at}") for at, one in enumerate(self._list(form, "notify"))]
        fallback = _get(form, "fallback")
        values: dict[str, Any] = {
            "at": self._timing(_get(form, "at")),
            "hold": self._duration(_get(form, "hold"), "hold") or 0,
            "rearm": self._rearm(_get(form, "rearm")),
            "cooldown": self._cooldown(_get(form, "cooldown")),
            "limit": self._count(form, "limit"),
            "session": self._session(_get(form, "session")),
            "expires": self._expiry(_get(form, "expires")),
            "max_age": self._duration(_get(form, "max_age"), "max_age"),
            "digest": self._duration(_get(form, "digest"), "digest"),
            "fallback": None if fallback is None else self._channel(fallback, "fallback"),
            "action": self._action(_get(form, "action")),
        }
        if self.errors or when is None:
            return None
        return Rule(
            name=name,
            rule_uid=self._text(form, "rule_uid") or rule_uid(name),
            on=on,
            when=when,
            where=where,
            fire=None if fire is None else Fire(fire),
            stale=stale,
            severity=severity,
            notify=tuple(one for one in channels if one is not None),
            **values,
        )

    def screen(self, form: Form) -> Screen | None:
        """A screen; without a name it is one that nobody keeps."""
        name = self._text(form, "name") or ""
        on = self._scopes(_get(form, "on"), is_needed=False) or EVERYBODY
        when = self._condition(_get(form, "when"), "when", is_needed=True)
        where = self._condition(_get(form, "where"), "where")
        order, columns = _get(form, "order_by"), self._list(form, "columns")
        order_by = None if order in (None, "") else self._value(order, "order_by", judge_column)
        found = [self._value(one, f"columns.{at}", judge_column) for at, one in enumerate(columns)]
        limit = self._count(form, "limit")
        if self.errors or when is None:
            return None
        uid = (self._text(form, "rule_uid") or rule_uid(name)) if name else ""
        is_descending = order_by is not None and bool(_get(form, "descending"))
        listed = tuple(one for one in found if one is not None)
        return Screen(name, uid, when, on, where, order_by, is_descending, limit, listed)

    # Parts.

    def _fail(self, path: str, message: str) -> None:
        self.errors.append((path, message))

    def _text(self, form: Any, name: str, path: str = "") -> str | None:
        value = _get(form, name)
        if value is None or isinstance(value, str):
            return value
        self._fail(f"{path}{name}", "a text is needed here")
        return None

    def _list(self, form: Form, name: str) -> Sequence[Any]:
        value = _get(form, name)
        if value is None or isinstance(value, list):
            return value or []
        self._fail(name, "a list is needed here")
        return []

    def _choice(self, form: Any, name: str, choices: Sequence[str], path: str = "") -> str | None:
        value = self._text(form, name, path)
        if value is None or value in choices:
            return value
        self._fail(f"{path}{name}", f"`{value}` is none of {', '.join(choices)}")
        return None

    def _needed(self, form: Any, name: str, choices: Sequence[str], question: str, path: str = "") -> str | None:
        if _get(form, name) is None:
            self._fail(f"{path}{name}", question)
            return None
        return self._choice(form, name, choices, path)

    def _count(self, form: Form, name: str) -> int | None:
        value = _get(form, name)
        if value is None or (isinstance(value, int) and not isinstance(value, bool) and value > 0):
            return value
        self._fail(name, "a whole number above 0 is needed here")
        return None

    def _duration(self, value: Any, path: str) -> int | None:
        if value is None:
            return None
        try:
            found = read_duration(str(value))
        except ValueError:
            found = 0
        if found <= 0:
            self._fail(path, f"`{value}` is no length of time: write 30s, 15m, 2h, 1d or 2w")
            return None
        return found

    def _scopes(self, value: Any, *, is_needed: bool) -> tuple[Scope, ...]:
        found: list[Scope] = []
        for at, one in enumerate(value if isinstance(value, list) else []):
            question = "what is it: symbol, universe, watchlist, screen, portfolio or all?"
            kind = self._needed(one, "kind", tuple(ScopeKind), question, f"on.{at}.")
            name = self._text(one, "name", f"on.{at}.") or ""
            if kind is None:
                continue
            if ScopeKind(kind) in {ScopeKind.ALL, ScopeKind.PORTFOLIO}:
                name = ""
            elif not name.strip():
                self._fail(f"on.{at}.name", f"which {kind}?")
                continue
            venue = (self._text(one, "venue", f"on.{at}.") or "") if kind == ScopeKind.SYMBOL else ""
            found.append(Scope(ScopeKind(kind), name, venue))
        if is_needed and not found and not any(path.startswith("on.") for path, _ in self.errors):
            self._fail("on", "which instruments is it about?")
        return tuple(found)

    def _timing(self, value: Any) -> Timing | None:
        if value is None:
            return None
        question = "when is it evaluated: tick, close, live, update or schedule?"
        kind = self._needed(value, "kind", tuple(TimingKind), question, "at.")
        if kind is None:
            return None
        if kind in {TimingKind.CLOSE, TimingKind.LIVE}:
            try:
                return Timing(TimingKind(kind), Timeframe.parse(str(_get(value, "timeframe") or "")))
            except UserError as error:
                self._fail("at.timeframe", error.message)
                return None
        word = self._text(value, "word", "at.") or ""
        if kind != TimingKind.TICK and not word.strip():
            self._fail("at.word", "which news?" if kind == TimingKind.UPDATE else "which times?")
            return None
        return Timing(TimingKind(kind), word="" if kind == TimingKind.TICK else " ".join(word.split()))

    def _rearm(self, value: Any) -> Rearm | None:
        if value is None:
            return None
        question = "when may it fire again: false, when, after or never?"
        kind: Any = self._needed(value, "kind", ("false", "when", "after", "never"), question, "rearm.")
        if kind == "when":
            when = self._condition(_get(value, "when"), "rearm.when", is_needed=True)
            return None if when is None else Rearm("when", when)
        if kind == "after":
            after = self._duration(_get(value, "after") or "", "rearm.after")
            return None if after is None else Rearm("after", after=after)
        return None if kind is None else Rearm(kind)

    def _cooldown(self, value: Any) -> Cooldown | None:
        if value is None:
            return None
        duration = self._duration(_get(value, "duration") or "", "cooldown.duration")
        per: Any = self._choice(value, "per", ("symbol", "rule"), "cooldown.") or "symbol"
        return None if duration is None else Cooldown(duration, per)

    def _session(self, value: Any) -> SessionWindow | None:
        if value is None:
            return None
        venue = self._text(value, "venue", "session.") or ""
        start, end = (self._minute(_get(value, name), f"session.{name}") for name in ("from", "to"))
        if not venue:
            self._fail("session.venue", "of which venue?")
        return None if start is None or end is None or not venue else SessionWindow(venue, start, end)

    def _minute(self, value: Any, path: str) -> int | None:
        match = _TIME.fullmatch(str(value))
        if match is None or int(match[1]) > 23 or int(match[2]) > 59:
            self._fail(path, f"`{value}` is no time of day: write 09:30")
            return None
        return int(match[1]) * 60 + int(match[2])

    def _expiry(self, value: Any) -> ExpiresAfter | ExpiresOn | None:
        if value is None:
            return None
        if _get(value, "after") is not None:
            after = self._duration(_get(value, "after"), "expires.after")
            return None if after is None else ExpiresAfter(after)
        try:
            return ExpiresOn(date.fromisoformat(str(_get(value, "on"))))
        except ValueError:
            self._fail("expires.on", f"there is no day `{_get(value, 'on')}`: write 2026-12-31")
            return None

    def _channel(self, value: Any, path: str) -> ChannelRef | None:
        match = _CHANNEL.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            self._fail(path, f"`{value}` is no channel: write slack, or slack:desk")
            return None
        target = match[2] or ""
        return ChannelRef(match[1], read_string(target) if target.startswith('"') else target)

    def _action(self, value: Any) -> Action | None:
        if value in (None, ""):
            return None
        call = self._read(value, "action")
        if call is None:
            return None
        if not isinstance(call, ex.Call) or call.symbol is not None:
            self._fail("action", "an action is written paper_buy(…), paper_sell(…) or paper_close(…)")
            return None
        return Action(call.name, call.arguments, call.named)

    # Expressions.

    def _read(self, value: Any, path: str) -> ex.Expression | None:
        """A text as it stands; its names are not judged."""
        if not isinstance(value, str) or not value.strip():
            self._fail(path, "an expression is needed here")
            return None
        try:
            return read_text(value)
        except RuleErrors as error:
            for one in error.errors:
                self._fail(path, one.message)
            return None

    def _value(self, value: Any, path: str, judged: Judge = judge) -> ex.Expression | None:
        node = self._read(value, path)
        if node is not None:
            judged(node, lambda _, message, __: self._fail(path, message))
        return node

    def _condition(self, value: Any, path: str, *, is_needed: bool = False) -> ex.Expression | None:
        if value is None:
            if is_needed:
                self._fail(path, "a condition is needed here")
            return None
        return self._branch(value, path, 1)

    def _branch(self, value: Any, path: str, depth: int) -> ex.Expression | None:
        if depth > _DEEPEST:
            self._fail(path, f"a condition is nested deeper than {_DEEPEST} levels")
            return None
        operator = _get(value, "op")
        if operator in {"and", "or"}:
            return self._logic(value, operator, path, depth)
        if operator == "not":
            of = self._branch(_get(value, "of"), f"{path}.of", depth + 1)
            return None if of is None else ex.Not(of)
        if operator == "text":
            return self._value(_get(value, "text"), f"{path}.text", judge_condition)
        before = len(self.errors)
        node = self._leaf(value, operator, path)
        if node is not None and len(self.errors) == before:
            judge_condition(node, lambda _, message, __: self._fail(path, message))
        return node

    def _leaf(self, value: Any, operator: str, path: str) -> ex.Expression | None:
        match operator:
            case "compare":
                sign = self._needed(value, "operator", _SIGNS, "how do they compare?", f"{path}.")
                sides = self._sides(value, ("left", "right"), path)
                return None if sides is None or sign is None else ex.Comparison(sign, *sides)
            case "crosses":
                direction = self._choice(value, "direction", ("above", "below", "either"), f"{path}.") or "either"
                sides = self._sides(value, ("left", "right"), path)
                return None if sides is None else ex.Crosses(sides[0], direction, sides[1])
            case "between":
                sides = self._sides(value, ("of", "low", "high"), path)
                return None if sides is None else ex.Between(*sides)
            case "moves":
                return self._moves(value, path)
        self._fail(path, "a condition is needed here")
        return None

    def _logic(self, value: Any, operator: str, path: str, depth: int) -> ex.Expression | None:
        given = _get(value, "parts")
        parts: list[ex.Expression] = []
        if not isinstance(given, list) or not given:
            self._fail(path, f"`{operator}` needs conditions")
            return None
        for at, one in enumerate(given):
            part = self._branch(one, f"{path}.parts.{at}", depth + 1)
            if part is None:
                continue
            # One meaning has one tree: chains of one operator are flat.
            parts += part.parts if isinstance(part, ex.Logic) and part.operator == operator else (part,)
        if not parts:
            return None
        return parts[0] if len(parts) == 1 else ex.Logic(operator, tuple(parts))

    def _sides(self, value: Any, names: Sequence[str], path: str) -> tuple[ex.Expression, ...] | None:
        found = [self._value(_get(value, name), f"{path}.{name}") for name in names]
        known = tuple(one for one in found if one is not None)
        return known if len(known) == len(found) else None

    def _moves(self, value: Any, path: str) -> ex.Expression | None:
        verb = self._choice(value, "verb", ("rises", "falls", "moves"), f"{path}.") or "moves"
        sides = self._sides(value, ("of", "by"), path)
        within = _get(value, "within")
        try:
            # The span is read where it stands in the language: `10m` or `5 bars`.
            node = read_text(f"close moves by 1 within {within}")
        except RuleErrors:
            node = None
        if not isinstance(node, ex.Moves):
            self._fail(f"{path}.within", f"`{within}` is no span: write 10m or 5 bars")
            return None
        return None if sides is None else ex.Moves(sides[0], verb, sides[1], node.within)
