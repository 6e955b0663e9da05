"""What a rule means where it says nothing: the defaults of the reference, in one place."""

from dataclasses import replace

from marketbell.core.language.timing import default_timing
from marketbell.core.language.tree import Fire, Rearm, Rule, expressions

LIMIT_PER_DAY = 50


def effective(rule: Rule) -> Rule:
    """The rule with every clause filled in. `at` is the close of the smallest timeframe used, tick for bare prices."""
    return replace(
        rule,
        at=rule.at or default_timing([node for role, node in expressions(rule) if role != "where"]),
        fire=rule.fire or Fire.BAR,
        rearm=rule.rearm or Rearm("false"),
        limit=LIMIT_PER_DAY if rule.limit is None else rule.limit,
        stale=rule.stale or "skip",
        severity=rule.severity or "normal",
    )
