"""One armed rule: its command, what it compiles to, and its clauses as the kernel takes them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketbell.core.engine.chains import PREFIXES
from marketbell.core.engine.frontier import Frontier
from marketbell.core.engine.universes import Universes
from marketbell.core.language import expression as ex
from marketbell.core.language.defaults import effective
from marketbell.core.language.json_form import from_json
from marketbell.core.language.plan import Op
from marketbell.core.language.rule_plan import RulePlan, compile_rule
from marketbell.core.language.tree import Fire, Rule, Scope, ScopeKind, Screen, Symbol, Timing, TimingKind
from marketbell.core.market.session import MINUTE, SECOND
from marketbell.core.market.timeframe import TICK, Timeframe
from marketbell.core.primitives.errors import UserError
from marketbell.core.rules import policy_kernel as k
from marketbell.core.rules.policy import FOREVER, FirePolicy, Policy, RearmKind, Stale
from marketbell.core.rules.shapes import Shapes

_FIRE = {
    Fire.ONCE: FirePolicy.ONCE,
    Fire.BAR: FirePolicy.BAR,
    Fire.DAY: FirePolicy.DAY,
    Fire.SESSION: FirePolicy.SESSION,
    Fire.EVERY: FirePolicy.EVERY,
    Fire.ENTER: FirePolicy.ENTER,
    Fire.EXIT: FirePolicy.EXIT,
    Fire.CHANGE: FirePolicy.CHANGE,
}
_REARM = {
    "false": RearmKind.FALSE,
    "when": RearmKind.WHEN,
    "after": RearmKind.AFTER,
    "never": RearmKind.NEVER,
}
_STALE = {"skip": Stale.SKIP, "hold": Stale.HOLD, "fire": Stale.FIRE}


@dataclass(frozen=True)
class Armed:
    """A rule as the engine has it.

    `text` is its command as JSON, `timing`, `roots` and `watch` (the name of its series, which rules of equal series
    share) are as in Shape. What is seldom asked for is read from the text again when it is.
    """

    uid: str
    version: int
    text: bytes
    key: Callable[[Symbol], str] = field(repr=False)
    is_fixed: bool
    """It means the same whoever there is."""
    timing: Timeframe
    roots: Mapping[str, str]
    watch: str
    cut: Frontier = field(repr=False)
    policy: Policy
    bar: int
    """Width of what `once per bar` counts, ns; 0: each evaluation is its own bar."""
    on: tuple[Scope, ...]
    at: Timing | None

    @property
    def command(self) -> Mapping[str, Any]:
        """The command that armed it."""
        found: dict[str, Any] = json.loads(self.text)
        return found

    @property
    def rule(self) -> Rule:
        """The rule with its defaults, and the screens that it watches as part of `where`."""
        return rule_of(self.command)

    @cached_property
    def compiled(self) -> RulePlan:
        """All of its parts, for reasons."""
        return compile_rule(self.rule, self.key)

    @cached_property
    def chain_fields(self) -> tuple[str, ...]:
        """Canonical names of what it reads of option chains and futures."""
        fields = {node.name for node in self.cut.whole.nodes if node.op is Op.FIELD}
        return tuple(sorted(name for name in fields if name.startswith(PREFIXES)))

    @property
    def schedule(self) -> str:
        """The cron text of a rule that is evaluated by the clock, else nothing."""
        return self.at.word if self.at is not None and self.at.kind is TimingKind.SCHEDULE else ""

    @property
    def update(self) -> str:
        """What kind of news it is evaluated at, else nothing."""
        return self.at.word if self.at is not None and self.at.kind is TimingKind.UPDATE else ""


def armed(command: Mapping[str, Any], key: Callable[[Symbol], str], shapes: Shapes | None = None) -> Armed:
    """Read a command (contract of the log: type arm_rule). UserError where it cannot be evaluated.

    `shapes` remembers what was compiled, for rules to come.
    """
    rule = rule_of(command)
    shape, cut = (shapes or Shapes()).of(rule, key)
    expires = command.get("expires_at")
    return Armed(
        uid=str(command["rule_uid"]),
        version=int(command["version"]),
        text=as_json(command).encode(),
        key=key,
        is_fixed=shape.is_fixed,
        timing=shape.timing,
        roots=shape.roots,
        watch=shape.watch,
        cut=cut,
        policy=_policy(rule, shape.timing, FOREVER if expires is None else int(expires)),
        bar=_bar(rule),
        on=rule.on,
        at=rule.at,
    )


def rule_of(command: Mapping[str, Any]) -> Rule:
    """The rule of a command. UserError where there is none."""
    tree = from_json(dict(command["definition"]))
    if not isinstance(tree, Rule):
        raise UserError("a screen is no rule")
    return _with_screens(effective(tree), command.get("screens") or {})


def _with_screens(rule: Rule, screens: Mapping[str, Any]) -> Rule:
    """A rule on a screen is gated by the screen's own condition, so that membership follows from the log."""
    conditions = [] if rule.where is None else [rule.where]
    for scope in rule.on:
        if scope.kind is not ScopeKind.SCREEN:
            continue
        if scope.name not in screens:
            raise UserError(f'there is no screen "{scope.name}"')
        screen = from_json(dict(screens[scope.name]))
        if not isinstance(screen, Screen):
            raise UserError(f'"{scope.name}" is no screen')
        conditions += [one for one in (screen.where, screen.when) if one is not None]
    if not conditions:
        return rule
    return replace(rule, where=conditions[0] if len(conditions) == 1 else ex.Logic("and", tuple(conditions)))


def _policy(rule: Rule, timing: Timeframe, expires: int) -> Policy:
    return Policy(
        fire=_FIRE[rule.fire or Fire.BAR],
        hold=rule.hold,
        rearm=_REARM[rule.rearm.kind] if rule.rearm else RearmKind.FALSE,
        after=rule.rearm.after if rule.rearm else 0,
        # a cooldown for the whole rule acts on what is told, not on what fires
        cooldown=rule.cooldown.duration if rule.cooldown and rule.cooldown.per == "symbol" else 0,
        begin=rule.session.start if rule.session else -1,
        end=rule.session.end if rule.session else -1,
        expires=expires,
        stale=_STALE[rule.stale or "skip"],
        is_intraday=timing.is_intraday and not timing.is_instant,
    )


def _bar(rule: Rule) -> int:
    at = rule.at
    if at is not None and at.kind is TimingKind.LIVE and at.timeframe is not None:
        return at.timeframe.nanoseconds or 0
    is_tick = at is None or at.kind is TimingKind.TICK or at.timeframe == TICK
    return MINUTE if is_tick else 0


def scope_rows(
    rule: Armed, universes: Universes, rows: Mapping[str, int], now: int, *, is_strict: bool = True
) -> NDArray[np.int64]:
    """Rows of the instruments that a rule is about, ascending.

    UserError for a universe that nobody knows, where `is_strict`: a part of the market may have none of its members.
    """
    if len(rule.on) == 1 and rule.on[0].kind is ScopeKind.SYMBOL:
        found = _row(rule.on[0], rows)
        return np.array([] if found is None else [found], np.int64)
    members = np.zeros(len(rows), np.bool_)
    for scope in rule.on:
        if scope.kind is ScopeKind.SYMBOL:
            row = _row(scope, rows)
            if row is not None:
                members[row] = True
        elif scope.kind is ScopeKind.ALL:
            members[:] = True
        elif scope.kind is ScopeKind.SCREEN:
            members |= _screen_members(rule, scope, universes, rows, now)
        elif scope.kind is ScopeKind.WATCHLIST:
            listed = (rule.command.get("members") or {}).get(f"watchlist:{scope.name}")
            if listed is None:
                raise UserError(f'there is no watchlist "{scope.name}"')
            members[[rows[key] for key in listed if key in rows]] = True
        elif scope.kind is ScopeKind.NAMED and (is_strict or universes.has(scope.name)):
            members |= universes.mask(scope.name, now)
        # a portfolio has no positions before there is a paper account
    return np.flatnonzero(members)


def _row(scope: Scope, rows: Mapping[str, int]) -> int | None:
    """Another shard may have the instrument; a bare symbol is of one venue, which arming has seen to."""
    if scope.venue:
        return rows.get(f"{scope.venue}:{scope.name}")
    return next((row for key, row in rows.items() if key.partition(":")[2] == scope.name), None)


def _screen_members(
    rule: Armed, scope: Scope, universes: Universes, rows: Mapping[str, int], now: int
) -> NDArray[np.bool_]:
    """The instruments among which a screen looks."""
    members = np.zeros(len(rows), np.bool_)
    screen = from_json(dict(rule.command["screens"][scope.name]))
    for one in screen.on:
        if one.kind is ScopeKind.ALL:
            members[:] = True
        elif one.kind is ScopeKind.NAMED:
            members |= universes.mask(one.name, now)
        elif one.kind is ScopeKind.SYMBOL and (row := _row(one, rows)) is not None:
            members[row] = True
    return members


def policy_line(policy: Policy, bar: int) -> NDArray[np.int64]:
    """The clauses as a row of the kernel; slots, cones and pairs are filled in by its group."""
    line = np.zeros(k.NP, np.int64)
    line[: k.P_PAIR] = (
        policy.fire,
        policy.hold,
        policy.rearm,
        policy.after,
        policy.cooldown,
        policy.begin,
        policy.end,
        policy.expires,
        policy.stale,
        policy.is_intraday,
    )
    line[[k.P_ROOT, k.P_GATE, k.P_REARM_SLOT, k.P_WIDE, k.P_WIDE_GATE, k.P_WIDE_REARM]] = -1
    line[k.P_BAR] = bar
    return line


def as_json(command: Any) -> str:
    """A command, or several, as a checkpoint holds them."""
    return json.dumps(command, sort_keys=True, separators=(",", ":"))


def seconds(value: int) -> float:
    """Nanoseconds in seconds, for people."""
    return value / SECOND
