"""The canonical text of rules and screens: one spelling for one tree."""

import re
from collections.abc import Iterable, Iterator

from marketbell.core.language.expression_printer import print_expression
from marketbell.core.language.literals import write_duration, write_string, write_symbol
from marketbell.core.language.tree import (
    EVERYBODY,
    Action,
    ChannelRef,
    ExpiresAfter,
    ExpiresOn,
    Rearm,
    Rule,
    Scope,
    ScopeKind,
    Screen,
    SessionWindow,
    Timing,
    TimingKind,
)

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def print_rule(rule: Rule) -> str:
    """One line, clauses in the order of the reference; what is not written stays unwritten."""
    return " ".join(rule_clauses(rule))


def print_screen(screen: Screen) -> str:
    """One line; a screen that is a condition and nothing else is its text."""
    if screen == Screen("", "", screen.when):
        return print_expression(screen.when)
    words = [f"screen {write_string(screen.name)}"]
    if screen.on != EVERYBODY:
        words.append(f"on {print_scopes(screen.on)}")
    if screen.where is not None:
        words.append(f"where {print_expression(screen.where)}")
    words.append(f"when {print_expression(screen.when)}")
    if screen.order_by is not None:
        words.append(f"order by {print_expression(screen.order_by)}{' desc' if screen.is_descending else ''}")
    if screen.limit is not None:
        words.append(f"limit {screen.limit}")
    if screen.columns:
        words.append("columns " + ", ".join(print_expression(one) for one in screen.columns))
    return " ".join(words)


def print_file(trees: Iterable[Rule | Screen]) -> str:
    """A `.bell` file: each behind its uid, so that a rule armed elsewhere is still the same rule."""
    return "\n".join(f"# rule_uid: {_uid(one)}\n{print_tree(one)}\n" for one in trees)


def print_tree(tree: Rule | Screen) -> str:
    """A rule or a screen."""
    return print_rule(tree) if isinstance(tree, Rule) else print_screen(tree)


def _uid(tree: Rule | Screen) -> str:
    return tree.rule_uid if isinstance(tree, Rule) else tree.screen_uid


def rule_clauses(rule: Rule) -> Iterator[str]:
    """`alert "NAME"` and the clauses, each as it is written."""
    yield f"alert {write_string(rule.name)}"
    yield f"on {print_scopes(rule.on)}"
    if rule.where is not None:
        yield f"where {print_expression(rule.where)}"
    yield f"when {print_expression(rule.when)}"
    if rule.at is not None:
        yield f"at {print_timing(rule.at)}"
    if rule.hold:
        yield f"hold {write_duration(rule.hold)}"
    if rule.fire is not None:
        yield f"fire {rule.fire}"
    if rule.rearm is not None:
        yield f"rearm {_rearm(rule.rearm)}"
    if rule.cooldown is not None:
        yield f"cooldown {write_duration(rule.cooldown.duration)} per {rule.cooldown.per}"
    if rule.limit is not None:
        yield f"limit {rule.limit} per day"
    if rule.session is not None:
        yield f"session {print_session(rule.session)}"
    yield from _life(rule)


def _life(rule: Rule) -> Iterator[str]:
    if isinstance(rule.expires, ExpiresAfter):
        yield f"expires after {write_duration(rule.expires.duration)}"
    elif isinstance(rule.expires, ExpiresOn):
        yield f"expires {rule.expires.day.isoformat()}"
    if rule.stale is not None:
        yield f"stale {rule.stale}"
    if rule.max_age is not None:
        yield f"max_age {write_duration(rule.max_age)}"
    if rule.severity is not None:
        yield f"severity {rule.severity}"
    if rule.notify or rule.fallback is not None:
        fallback = f" fallback {print_channel(rule.fallback)}" if rule.fallback is not None else ""
        yield "notify " + ", ".join(print_channel(one) for one in rule.notify) + fallback
    if rule.digest is not None:
        yield f"digest {write_duration(rule.digest)}"
    if rule.action is not None:
        yield f"action {print_action(rule.action)}"


def print_scopes(scopes: Iterable[Scope]) -> str:
    """What a rule is about, with commas between."""
    return ", ".join(_scope(one) for one in scopes)


def _scope(scope: Scope) -> str:
    if scope.kind is ScopeKind.SYMBOL:
        return write_symbol(scope.symbol)
    if scope.kind in {ScopeKind.WATCHLIST, ScopeKind.SCREEN}:
        return f"{scope.kind} {write_string(scope.name)}"
    return {ScopeKind.ALL: "ALL", ScopeKind.PORTFOLIO: "portfolio"}.get(scope.kind, scope.name)


def print_timing(timing: Timing) -> str:
    """`tick`, `5m close`, `update chain`, `schedule "…"`."""
    if timing.kind in {TimingKind.CLOSE, TimingKind.LIVE}:
        return f"{timing.timeframe} {timing.kind}"
    if timing.kind is TimingKind.UPDATE:
        return f"update {timing.word}"
    return f"schedule {write_string(timing.word)}" if timing.kind is TimingKind.SCHEDULE else "tick"


def _rearm(rearm: Rearm) -> str:
    if rearm.when is not None:
        return f"when {print_expression(rearm.when)}"
    if rearm.kind == "after":
        return f"after {write_duration(rearm.after)}"
    return "on false" if rearm.kind == "false" else "never"


def print_session(session: SessionWindow) -> str:
    """`NSE 09:30-11:00`."""
    return f"{session.venue} {print_minute(session.start)}-{print_minute(session.end)}"


def print_minute(minute: int) -> str:
    """`09:30`."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


def print_channel(channel: ChannelRef) -> str:
    """`slack`, `slack:desk`, `slack:"night desk"`."""
    if not channel.target:
        return channel.kind
    target = channel.target if _WORD.fullmatch(channel.target) else write_string(channel.target)
    return f"{channel.kind}:{target}"


def print_action(action: Action) -> str:
    """`paper_close(qty: 50%)`."""
    words = [print_expression(one) for one in action.arguments]
    words += [f"{name}: {print_expression(one)}" for name, one in action.named]
    return f"{action.name}({', '.join(words)})"
