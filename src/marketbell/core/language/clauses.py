"""The clauses around a rule's expressions: parse trees to values, with everything that is wrong with them."""

from collections.abc import Callable
from datetime import date
from typing import Any, Literal

from lark import Token
from lark import Tree as ParseTree

from marketbell.core.language import expression as ex
from marketbell.core.language.errors import LIMIT, NAME, SYNTAX
from marketbell.core.language.literals import read_duration, read_number, read_string, read_symbol
from marketbell.core.language.schedule import check_schedule
from marketbell.core.language.syntax import Node, Tree
from marketbell.core.language.tree import (
    SECOND,
    Action,
    ChannelRef,
    Cooldown,
    ExpiresAfter,
    ExpiresOn,
    Fire,
    Position,
    Rearm,
    Scope,
    ScopeKind,
    SessionWindow,
    Timing,
    TimingKind,
)
from marketbell.core.language.types import judge, judge_column
from marketbell.core.language.vocabulary import ACTIONS, CHANNELS, UPDATES, VENUES, hint
from marketbell.core.market.timeframe import Timeframe
from marketbell.core.primitives.errors import UserError

MAX_LIFE = 36_500 * 86_400 * SECOND
MAX_LIMIT = 100_000
LAST_YEAR = 2200
MAX_SCOPES = 500

Report = Callable[[Position, str, str], None]
Place = Callable[[Node], Position]
Judge = Callable[[ex.Expression, Report], object]
"""What finds fault with an expression; it reports."""
_Condition = Callable[[Tree | None], ex.Expression | None]


_Expression = Callable[[Node, Judge], ex.Expression | None]


class Clauses:
    """Reads clauses; None for one that is not written, or is wrong (which `report` was told)."""

    def __init__(self, at: Place, report: Report, expression: _Expression) -> None:
        self._at = at
        self._report = report
        self._expression = expression

    def _fail(self, node: Node, message: str, reason: str = SYNTAX) -> None:
        self._report(self._at(node), message, reason)

    def _choice(self, node: Node, choices: tuple[str, ...], what: str) -> str | None:
        word = str(node)
        if word in choices:
            return word
        listed = ", ".join(f"`{one}`" for one in choices[:-1]) + f" or `{choices[-1]}`"
        self._fail(node, f"unknown {what} `{word}`{hint(word, choices) or f': expected {listed}'}")
        return None

    # Who.

    def scopes(self, on: Tree | None) -> tuple[Scope, ...]:
        """What a rule is about."""
        found: list[Scope] = []
        for node in on.children if on is not None else ():
            scope = self._scope(node)
            if scope is None:
                continue
            if scope in found:
                self._fail(node, "this is named twice")
            found.append(scope)
        if len(found) > MAX_SCOPES and on is not None:
            self._fail(on, f"a rule may name {MAX_SCOPES} instruments and universes; this one has {len(found)}", LIMIT)
        return tuple(found)

    def _scope(self, node: Node) -> Scope | None:  # noqa: PLR0911 — one a way to say it
        if not isinstance(node, ParseTree):
            raise TypeError(node)  # cannot be: a universe is a tree
        position = self._at(node)
        if node.data == "symbol":
            token = node.children[0]
            symbol = read_symbol(str(token))
            if not symbol.name:
                self._fail(node, f"`{token}` names no symbol")
                return None
            return Scope(ScopeKind.SYMBOL, symbol.name, symbol.venue, position)
        if node.data == "screen_universe":
            return Scope(ScopeKind.SCREEN, read_string(str(node.children[0])), position=position)
        word, *text = [str(child) for child in node.children]
        if text:
            if word != "watchlist":
                near = hint(word, ("watchlist", "screen"))
                self._fail(
                    node, f"unexpected `{word}`{near or ': a list is written watchlist '}{'' if near else text[0]}"
                )
                return None
            return Scope(ScopeKind.WATCHLIST, read_string(text[0]), position=position)
        if word in {"watchlist", "screen"}:
            self._fail(node, f'which {word}? write `{word} "NAME"`')
            return None
        if word == "portfolio":
            return Scope(ScopeKind.PORTFOLIO, position=position)
        if word.upper() == "ALL":
            return Scope(ScopeKind.ALL, position=position)
        return Scope(ScopeKind.NAMED, word, position=position)

    # When.

    def timing(self, at: Tree | None) -> Timing | None:  # noqa: PLR0911 — one a way to say it
        """`at tick`, `at 5m close`, `at 5m live`, `at update chain`, `at schedule "…"`."""
        if at is None:
            return None
        first, *rest = at.children
        word = str(first)
        if at.data == "at_name":
            if word != "tick":
                near = hint(word, ("tick", "update", "schedule"))
                self._fail(first, f"unknown timing `{word}`{near or ': expected `tick`, a bar (5m close) or `update`'}")
                return None
            return Timing(TimingKind.TICK)
        if at.data == "at_bar":
            return self._bar_timing(first, rest[0])
        if at.data == "at_update":
            if word != "update":
                self._fail(first, f"unexpected `{word}`: expected `tick`, `update` or a bar (5m close)")
                return None
            kind = self._choice(rest[0], UPDATES, "update")
            return None if kind is None else Timing(TimingKind.UPDATE, word=kind)
        if word != "schedule":
            self._fail(first, f"unexpected `{word}`: expected `schedule`")
            return None
        text = read_string(str(rest[0]))
        try:
            check_schedule(text)
        except UserError as error:
            self._fail(rest[0], error.message)
            return None
        return Timing(TimingKind.SCHEDULE, word=" ".join(text.split()))

    def _bar_timing(self, bar: Node, how: Node) -> Timing | None:
        kind = self._choice(how, ("close", "live"), "timing")
        try:
            timeframe = Timeframe.parse(str(bar))
        except UserError as error:
            self._fail(bar, error.message)
            return None
        if kind is None:
            return None
        return Timing(TimingKind.CLOSE if kind == "close" else TimingKind.LIVE, timeframe)

    def session(self, node: Tree | None) -> SessionWindow | None:
        """`session NSE 09:30-11:00`."""
        if node is None:
            return None
        venue, begin, end = node.children
        first, last = self._minute(begin), self._minute(end)
        if str(venue) not in VENUES:
            self._fail(venue, f"unknown venue `{venue}`{hint(str(venue), VENUES)}", NAME)
            return None
        if first is None or last is None:
            return None
        if first > last:
            self._fail(end, f"a session ends behind its begin: `{end}` is before `{begin}`")
            return None
        return SessionWindow(str(venue), first, last)

    def _minute(self, token: Node) -> int | None:
        hour, _, minute = str(token).partition(":")
        if int(hour) > 23 or int(minute) > 59:
            self._fail(token, f"`{token}` is no time of day: it goes from 00:00 to 23:59")
            return None
        return int(hour) * 60 + int(minute)

    # How often.

    def duration(self, node: Tree | None, clause: str) -> int | None:
        """`hold 60s`, `max_age 5m`, `digest 1d`, in ns."""
        return None if node is None else self._span(node.children[0], clause)

    def _span(self, token: Node, clause: str) -> int | None:
        try:
            found = read_duration(str(token))
        except ValueError:
            self._fail(token, f"`{token}` has no fixed length: use s, m, h, d or w")
            return None
        if not 0 < found <= MAX_LIFE:
            self._fail(token, f"`{clause}` is more than nothing and at most 36500 days", LIMIT)
            return None
        return found

    def fire(self, fire: Tree | None) -> Fire | None:
        """`fire once`, `once per bar`, `every time`, `on enter`."""
        if fire is None:
            return None
        known = {
            "fire_name": (("once",),),
            "fire_per": (("once",), ("bar", "day", "session")),
            "fire_every": (("every",), ("time",)),
            "fire_on": (("enter", "exit", "change"),),
        }[str(fire.data)]
        words = []
        for node, choices in zip(fire.children, known, strict=True):
            word = str(node)
            if word not in choices:
                listed = " or ".join(f"`{one}`" for one in choices)
                self._fail(node, f"unexpected `{word}`{hint(word, choices) or f': expected {listed}'}")
                return None
            words.append(word)
        link = {"fire_per": " per ", "fire_every": " "}.get(str(fire.data), "")
        return Fire(f"on {words[0]}" if fire.data == "fire_on" else link.join(words))

    def rearm(self, node: Tree | None, condition: _Condition) -> Rearm | None:
        """`rearm when EXPR`, `after 30m`, `on false`, `never`."""
        if node is None:
            return None
        if node.data == "rearm_when":
            when = condition(node)
            return None if when is None else Rearm("when", when)
        if node.data == "rearm_after":
            after = self._span(node.children[0], "rearm after")
            return None if after is None else Rearm("after", after=after)
        choices = ("false",) if node.data == "rearm_on" else ("never",)
        word = str(node.children[0])
        if word not in choices:
            self._fail(node.children[0], f"unexpected `{word}`: expected `when`, `after 30m`, `on false` or `never`")
            return None
        return Rearm("false" if word == "false" else "never")

    def cooldown(self, node: Tree | None) -> Cooldown | None:
        """`cooldown 30m per symbol`."""
        if node is None:
            return None
        duration = self._span(node.children[0], "cooldown")
        per: Any = "symbol"
        if len(node.children) > 1:
            per = self._choice(node.children[1], ("symbol", "rule"), "cooldown")
        return None if duration is None or per is None else Cooldown(duration, per)

    def limit(self, node: Tree | None) -> int | None:
        """`limit 20 per day`."""
        if node is None:
            return None
        if len(node.children) < 2:
            self._fail(node, "a limit is per day: `limit 20 per day`")
            return None
        if str(node.children[1]) != "day":
            self._fail(node.children[1], f"unexpected `{node.children[1]}`: a limit is per `day`")
            return None
        return self._count(node.children[0], MAX_LIMIT)

    def rows(self, node: Tree | None, most: int) -> int | None:
        """`limit 50` of a screen."""
        if node is None:
            return None
        if len(node.children) > 1:
            self._fail(node.children[1], "the limit of a screen is a number of rows: `limit 50`")
            return None
        return self._count(node.children[0], most)

    def _count(self, token: Node, most: int) -> int | None:
        try:
            value = read_number(str(token))
        except ValueError:
            return None  # told already
        if value != int(value) or not 1 <= value <= most:
            self._fail(token, f"a limit is a whole number from 1 to {most:,}, not `{token}`", LIMIT)
            return None
        return int(value)

    def expires(self, node: Tree | None) -> ExpiresAfter | ExpiresOn | None:
        """`expires after 30d`, `expires 2026-12-31`, `expires never`."""
        if node is None:
            return None
        token = node.children[0]
        word = str(token)
        if node.data == "expires_name":
            if word != "never":
                self._fail(token, f"unexpected `{word}`: expected `never`, `after 30d` or a date (2026-12-31)")
            return None
        if node.data == "expires_after":
            duration = self._span(token, "expires")
            return None if duration is None else ExpiresAfter(duration)
        try:
            day = date.fromisoformat(word)
        except ValueError:
            self._fail(token, f"there is no day `{word}`")
            return None
        if not 1970 <= day.year <= LAST_YEAR:
            self._fail(token, f"a rule can expire from 1970 to {LAST_YEAR}", LIMIT)
            return None
        return ExpiresOn(day)

    def stale(self, node: Tree | None) -> Literal["skip", "hold", "fire"] | None:
        """`stale skip`, `stale hold`, `stale fire`."""
        if node is None:
            return None
        if node.data == "stale_hold":
            return "hold"
        if node.data == "stale_fire":
            return "fire"
        return "skip" if self._choice(node.children[0], ("skip", "hold", "fire"), "word") else None

    def severity(self, node: Tree | None) -> Any:
        """`severity high`."""
        return None if node is None else self._choice(node.children[0], ("low", "normal", "high"), "severity")

    # What follows.

    def notify(self, node: Tree | None) -> tuple[tuple[ChannelRef, ...], ChannelRef | None]:
        """`notify slack:desk, telegram fallback sms`."""
        channels: list[ChannelRef] = []
        fallback: ChannelRef | None = None
        for child in node.children if node is not None else ():
            if not isinstance(child, ParseTree):
                continue
            if child.data == "fallback":
                fallback = self._channel(child.children[0])
                continue
            channel = self._channel(child)
            if channel is None:
                continue
            if channel in channels:
                self._fail(child, f"the channel `{channel}` is written twice")
            channels.append(channel)
        return tuple(channels), fallback

    def _channel(self, node: Node) -> ChannelRef | None:
        if not isinstance(node, ParseTree):
            raise TypeError(node)  # cannot be: a channel is a tree
        kind, *targets = node.children
        word = str(kind)
        if word not in CHANNELS:
            self._fail(node, f"unknown channel `{word}`{hint(word, CHANNELS)}", NAME)
            return None
        target = str(targets[0]) if targets else ""
        return ChannelRef(word, read_string(target) if target.startswith('"') else target)

    def action(self, node: Tree | None) -> Action | None:
        """`action paper_close(qty: 50%)`."""
        if node is None:
            return None
        name, *arguments = node.children
        if str(name) not in ACTIONS:
            self._fail(name, f"unknown action `{name}`{hint(str(name), ACTIONS)}", NAME)
            return None
        # its arguments are read as those of a function are
        head = ParseTree("name", [Token("NAME", "min")])
        call = self._expression(ParseTree("call", [head, *arguments], node.meta), _judge_arguments)
        if not isinstance(call, ex.Call):
            return None
        return Action(str(name), call.arguments, call.named)

    # Screens.

    def order(self, node: Tree | None) -> tuple[ex.Expression | None, bool]:
        """`order by roe desc`."""
        if node is None:
            return None, False
        first, *rest = node.children
        return self._expression(first, judge_column), bool(rest) and str(rest[0]) == "desc"

    def columns(self, node: Tree | None) -> tuple[ex.Expression, ...]:
        """`columns symbol, close, pe`."""
        found = []
        for child in node.children if node is not None else ():
            one = self._expression(child, judge_column)
            if one is not None:
                found.append(one)
        return tuple(found)


def _judge_arguments(call: ex.Expression, report: Report) -> None:
    for argument in ex.children(call):
        judge(argument, report)
