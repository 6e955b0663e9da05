"""A level rule as a step: old state and a tick in, new state and outcome out.

This is the meaning of `close crosses above LEVEL at tick fire once`, one rule and one tick at a time.
The engine keeps a hundred thousand levels in sorted arrays and must say the same; this is its oracle.
"""

import math
from dataclasses import dataclass, replace

from marketbell.core.language.tree import Direction


@dataclass(frozen=True, slots=True)
class LevelRule:
    """What is watched. `expires_at` is ns UTC; a tick at or after it does not fire."""

    direction: Direction
    level: float
    expires_at: int | None = None


@dataclass(frozen=True, slots=True)
class LevelState:
    """Where the rule stands. `previous` is the price at its evaluation before; NaN is unknown."""

    previous: float = math.nan
    has_fired: bool = False
    has_expired: bool = False


def step(rule: LevelRule, state: LevelState, price: float, event_time: int) -> tuple[LevelState, bool]:
    """Evaluate at one accepted tick that is in order. True where the rule fires.

    The first evaluation cannot cross. A gap through the level counts once. Going from 1490 to exactly
    1500 does not cross above 1500; going from 1500 to 1500.05 does.
    """
    if state.has_fired or state.has_expired:
        return state, False
    if rule.expires_at is not None and event_time >= rule.expires_at:
        return replace(state, has_expired=True), False
    if rule.direction == "above":
        crossed = state.previous <= rule.level < price
    else:
        crossed = state.previous >= rule.level > price
    return LevelState(previous=price, has_fired=crossed), crossed
