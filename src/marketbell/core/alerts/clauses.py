"""What a rule's text says about its messages: limit, cooldown of the rule, digest, max_age, fallback."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marketbell.core.language.defaults import LIMIT_PER_DAY


@dataclass(frozen=True, slots=True)
class Clauses:
    """Seconds; 0 or "" where a clause is not written. `limit` None: as often as it fires; `max_age_s` None: as set."""

    limit: int | None = None
    cooldown_s: float = 0.0
    digest_s: float = 0.0
    max_age_s: float | None = None
    fallback: str = ""


UNBOUND = Clauses()
"""Of what is no rule: watchdogs, and firings whose rule the store does not know."""


def clauses_of(command: Mapping[str, Any]) -> Clauses:
    """The clauses of an arm command (core/rules/arming); a rule without a limit has that of the language."""
    max_age = command.get("max_age_s")
    return Clauses(
        limit=int(command.get("limit", LIMIT_PER_DAY)),
        cooldown_s=float(command.get("cooldown_per_rule_s", 0.0)),
        digest_s=float(command.get("digest_s", 0.0)),
        max_age_s=None if max_age is None else float(max_age),
        fallback=str(command.get("fallback") or ""),
    )
