"""Which rules are plain price levels: they live in sorted arrays, not among the conditions."""

from typing import Any, NamedTuple

from marketbell.core.language import expression as ex
from marketbell.core.language.json_form import expiry_to_json
from marketbell.core.language.tree import Fire, Rule, Scope, ScopeKind, TimingKind
from marketbell.core.language.vocabulary import LEVEL_FIELDS


class Level(NamedTuple):
    """`field` crosses `level` in `direction` (above, below) on one instrument."""

    scope: Scope
    field: str
    direction: str
    level: float


def as_level(rule: Rule) -> Level | None:
    """The level that a rule is: a cross of the last price with a number on one symbol, at ticks, once.

    None for everything else, also for a level with clauses that act in the engine (hold, cooldown, session …).
    """
    cross = rule.when
    if not (
        isinstance(cross, ex.Crosses)
        and isinstance(cross.left, ex.Field)
        and cross.left.symbol is None
        and cross.left.name in LEVEL_FIELDS
        and isinstance(cross.right, ex.Number)
        and cross.right.value > 0
        and cross.direction in {"above", "below"}
    ):
        return None
    is_plain = (
        rule.where is None
        and (rule.at is None or rule.at.kind is TimingKind.TICK)
        and rule.fire is Fire.ONCE
        and not rule.hold
        and (rule.rearm is None or rule.rearm.kind in {"false", "never"})
        and rule.cooldown is None
        and rule.session is None
        and rule.stale in {None, "skip"}
        and rule.action is None
    )
    if not is_plain or len(rule.on) != 1 or rule.on[0].kind is not ScopeKind.SYMBOL:
        return None
    return Level(rule.on[0], cross.left.name, cross.direction, cross.right.value)


def level_definition(rule: Rule, level: Level) -> dict[str, Any]:
    """What the definition hash of a level covers: the words that it was born with."""
    return {
        "on": {"symbol": level.scope.name, "venue": level.scope.venue},
        "when": {
            "op": f"crosses {level.direction}",
            "left": {"field": level.field},
            "right": {"number": level.level},
        },
        "at": "tick",
        "fire": "once",
        "expires": expiry_to_json(rule.expires),
    }
