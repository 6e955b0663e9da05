"""Rates: how often an address may try."""

from collections import OrderedDict
from dataclasses import dataclass, field


@dataclass(slots=True)
class RateLimit:
    """A token bucket for each key: `burst` at once, refilled at `per_s`. Remembers at most `keys` of them."""

    burst: float
    per_s: float
    keys: int = 10_000
    _levels: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)

    def allow(self, key: str, now_s: float) -> bool:
        """Take one; False where the bucket is empty."""
        level, at = self._levels.pop(key, (self.burst, now_s))
        level = min(self.burst, level + (now_s - at) * self.per_s)
        allowed = level >= 1
        self._levels[key] = (level - 1 if allowed else level, now_s)
        while len(self._levels) > self.keys:
            self._levels.popitem(last=False)
        return allowed

    def wait_s(self, key: str) -> float:
        """Seconds until the key may try again."""
        level, _ = self._levels.get(key, (self.burst, 0.0))
        return max(0.0, (1 - level) / self.per_s)
