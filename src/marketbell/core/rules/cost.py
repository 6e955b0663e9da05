"""What a rule costs, before it is armed: instruments, distinct sub-expressions, evaluations a day, warm-up, feeds."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from math import ceil
from typing import Any

from marketbell.core.language.declared import known
from marketbell.core.language.defaults import effective
from marketbell.core.language.fields import Cadence
from marketbell.core.language.plan import Op, Plan
from marketbell.core.language.printer import print_timing
from marketbell.core.language.rule_plan import RulePlan
from marketbell.core.language.schedule import parse as parse_cron
from marketbell.core.language.tree import Rule, ScopeKind, Screen, TimingKind
from marketbell.core.market.session import DAY
from marketbell.core.market.timeframe import TICK, Timeframe

SESSION_MINUTES = 375
"""Of the venue that is reckoned with: 09:15 to 15:30."""
TICKS_A_MINUTE = 60
"""A tick a second is reckoned with."""
CHAINS = "chains"
"""What a feed says that has option chains."""
_DAYS = {"d": 1, "w": 5, "mo": 21}


@dataclass(frozen=True, slots=True)
class Cost:
    """How often a rule is evaluated: `symbols` instruments, each `moments` times a day, so many sub-expressions."""

    symbols: int
    sub_expressions: int
    moments: float

    @property
    def evaluations(self) -> int:
        """Of the rule as a whole, a day."""
        return ceil(self.symbols * self.moments)

    @property
    def total(self) -> int:
        """Of all its sub-expressions, a day: what an owner's budget counts."""
        return self.evaluations * self.sub_expressions


def cost_of(compiled: RulePlan, symbols: int) -> Cost:
    """The cost of a compiled rule about so many instruments."""
    return Cost(symbols, len(marks(compiled.plan)), _moments(compiled.timing))


def _moments(timing: Timeframe) -> float:
    """Evaluations a day of one instrument."""
    if timing == TICK:
        return SESSION_MINUTES * TICKS_A_MINUTE
    if timing.is_instant:
        return _instants(timing.unit)
    if timing.unit == "s":
        return SESSION_MINUTES * 60 / timing.count
    if timing.nanoseconds is not None:
        return ceil(SESSION_MINUTES * 60_000_000_000 / timing.nanoseconds)
    return 1 / (_DAYS[timing.unit] * timing.count)


def _instants(unit: str) -> float:
    if unit.startswith("schedule "):
        cron = parse_cron(unit.partition(" ")[2])
        return len(cron.minutes) * len(cron.hours)
    return SESSION_MINUTES if unit.startswith("update chain") else 1.0


def marks(plan: Plan) -> frozenset[bytes]:
    """What each distinct sub-expression is, the same in every plan: equal marks are computed once for all rules."""
    found: list[bytes] = []
    for node in plan.nodes:
        inputs = [(found[one.node].hex(), one.output) for one in node.inputs]
        text = repr((str(node.op), str(node.timeframe), node.name, node.parameters, inputs, node.universe))
        found.append(blake2b(text.encode(), digest_size=16).digest())
    return frozenset(mark for mark, node in zip(found, plan.nodes, strict=True) if node.op is not Op.CONSTANT)


def plan_document(
    tree: Rule | Screen,
    compiled: RulePlan,
    symbols: int,
    *,
    shared: int | None = None,
    gives: Collection[str] | None = None,
) -> dict[str, Any]:
    """The plan of a rule or a screen, for people and the API. `gives`: see notes.

    `{timing, symbols, sub_expressions, evaluations_per_day, warm_up: [{timeframe, bars}], feeds, fields, may_repaint,
    reads_others, notes}`, and `shared` (sub-expressions that other rules use too) where it is given.
    """
    cost = cost_of(compiled, symbols)
    told = {
        "timing": _timing(tree),
        "symbols": symbols,
        "sub_expressions": cost.sub_expressions,
        "evaluations_per_day": cost.evaluations,
        "warm_up": warm_up(compiled),
        "feeds": feeds(compiled),
        "fields": list(compiled.fields),
        "may_repaint": compiled.may_repaint,
        "reads_others": compiled.is_joint,
        "notes": list(notes(tree, compiled, gives)),
    }
    return told if shared is None else told | {"shared": shared}


def _timing(tree: Rule | Screen) -> str:
    at = effective(tree).at if isinstance(tree, Rule) else None
    return "now" if at is None else print_timing(at)


def warm_up(compiled: RulePlan) -> list[dict[str, Any]]:
    """How many bars of each timeframe must be known before everything is, finest first."""
    bars: dict[Timeframe, int] = {}
    for node in compiled.plan.nodes:
        bars[node.timeframe] = max(bars.get(node.timeframe, 0), node.warm_up)
    return [
        {"timeframe": str(one), "bars": bars[one]} for one in sorted(bars, key=lambda one: one.rank) if bars[one] > 0
    ]


def feeds(compiled: RulePlan) -> list[str]:
    """Where its values come from."""
    sources = {field.source for name in compiled.fields if (field := known(name)) is not None}
    if not compiled.fields or any(known(name) is None for name in compiled.fields):
        sources.add("feed")  # columns of bars
    if any(node.warm_up and not node.timeframe.is_intraday for node in compiled.plan.nodes):
        sources.add("history")
    return sorted(sources)


def notes(tree: Rule | Screen, compiled: RulePlan, gives: Collection[str] | None = None) -> Iterator[str]:
    """What a person should know before arming it.

    `gives` is what the feeds say that they support (FeedCard.supports); None where nobody knows.
    """
    if compiled.may_repaint:
        yield "It reads bars that still form: what it says may be different at their close (may repaint)."
    if compiled.is_joint:
        yield "It reads other instruments: it needs the whole market in one stream process."
    read = [field for name in compiled.fields if (field := known(name)) is not None]
    absent = {field.source for field in read if not field.is_live}
    if gives is not None and CHAINS not in gives:
        absent |= {field.source for field in read if field.cadence is Cadence.CHAIN}
    for source in sorted(absent):
        yield f"Nothing comes from `{source}` yet: what it reads of it is unknown, and unknown never fires."
    if compiled.timing == TICK:
        yield "It is looked at with every tick; one a second is reckoned with."
    if isinstance(tree, Rule):
        yield from _rule_notes(tree)


def _rule_notes(rule: Rule) -> Iterator[str]:
    if any(one.kind is ScopeKind.PORTFOLIO for one in rule.on):
        yield "There is no paper account yet: nobody is in the portfolio."
    if rule.action is not None:
        yield "Paper orders are not placed yet: it only tells."
    if rule.at is not None and rule.at.kind is TimingKind.UPDATE and rule.at.word == "news":
        yield f"No news of the kind `{rule.at.word}` comes in yet: it is never looked at."
    if rule.hold >= DAY:
        yield "A hold ends with the session at timings of minutes and ticks."
