"""The canonical text of a rule: one spelling for one tree."""

import re
from collections.abc import Iterable

from marketbell.core.language.literals import write_duration, write_number, write_string, write_symbol
from marketbell.core.language.tree import ChannelRef, Cross, ExpiresAfter, ExpiresOn, Rule

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def print_condition(condition: Cross) -> str:
    """`close crosses above 1500`."""
    return f"{condition.left.name} crosses {condition.direction} {write_number(condition.right.value)}"


def print_rule(rule: Rule) -> str:
    """One line, clauses in the order of the reference."""
    words = [
        f"alert {write_string(rule.name)}",
        f"on {write_symbol(rule.universe)}",
        f"when {print_condition(rule.when)}",
        f"at {rule.timing}",
        f"fire {rule.fire}",
    ]
    if isinstance(rule.expires, ExpiresAfter):
        words.append(f"expires after {write_duration(rule.expires.duration)}")
    elif isinstance(rule.expires, ExpiresOn):
        words.append(f"expires {rule.expires.day.isoformat()}")
    if rule.notify:
        words.append("notify " + ", ".join(_channel(channel) for channel in rule.notify))
    return " ".join(words)


def print_file(rules: Iterable[Rule]) -> str:
    """A `.bell` file: each rule behind its uid, so that a rule armed elsewhere is still the same rule."""
    return "\n".join(f"# rule_uid: {rule.rule_uid}\n{print_rule(rule)}\n" for rule in rules)


def _channel(channel: ChannelRef) -> str:
    if not channel.target:
        return channel.kind
    target = channel.target if _WORD.fullmatch(channel.target) else write_string(channel.target)
    return f"{channel.kind}:{target}"
