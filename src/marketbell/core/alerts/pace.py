"""A token bucket per destination: bursts are let through, a flood is spread out."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """`burst` messages at once, then `per_s` a second."""

    burst: float = 10.0
    per_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is left at `at` (seconds of a steady clock)."""

    tokens: float
    at: float


def take(pace: Pace, bucket: Bucket | None, now: float) -> tuple[Bucket, float]:
    """Take one token; returns the bucket and the seconds to wait before sending (0 = at once).

    Where the wait is not 0 nothing was taken: ask again then.
    """
    tokens = pace.burst if bucket is None else min(pace.burst, bucket.tokens + (now - bucket.at) * pace.per_s)
    if tokens >= 1.0 - 1e-9:
        return Bucket(max(0.0, tokens - 1.0), now), 0.0
    return Bucket(tokens, now), (1.0 - tokens) / pace.per_s
