"""A token bucket per destination: bursts are let through, a flood is spread out."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """`burst` messages at once, then `per_s` a second."""

    burst: float = 10.0
    per_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is left at `at` (seconds of a steady clock). Below 0: that many messages have booked their turn."""

    tokens: float
    at: float


def book(pace: Pace, bucket: Bucket | None, now: float, longest_s: float) -> tuple[Bucket, float, bool]:
    """Book the next turn: the bucket, the seconds until the turn, and whether it was booked.

    A turn more than `longest_s` away is not booked; the seconds then say when to ask again.
    """
    tokens = pace.burst if bucket is None else min(pace.burst, bucket.tokens + (now - bucket.at) * pace.per_s)
    wait = max(0.0, (1.0 - tokens) / pace.per_s)
    if wait > longest_s:
        return Bucket(tokens, now), wait, False
    return Bucket(tokens - 1.0, now), wait, True
