"""Digests: what a rule's `digest T` gathers, and what quiet hours kept, told together at a fixed time."""

from datetime import tzinfo

from marketbell.core.alerts.local_time import DAY_S, SECOND, day_of, moment, told
from marketbell.core.alerts.preferences import Preferences, minutes
from marketbell.core.alerts.verdict import Verdict, hold

DIGEST = "digest"
"""The key of what is told together: one message to a destination, whatever rules it tells of."""


def digest_due(digest_s: float, preferences: Preferences, zone: tzinfo, now: int) -> int:
    """The next time at which a digest of that length is told.

    Whole days: at `digest_at`, on every nth day. Less than a day: in steps of it from local midnight (`digest 1h` on
    the hour), and at midnight. Fixed times need no memory, and several rules come together in one message.
    """
    today = day_of(now, zone)
    if digest_s >= DAY_S:
        step, at = round(digest_s / DAY_S), minutes(preferences.digest_at, "digest_at")
        day = today - today % step
        while moment(day, at, zone) <= now:
            day += step
        return moment(day, at, zone)
    midnight, length = moment(today, 0, zone), int(digest_s * SECOND)
    return min(midnight + ((now - midnight) // length + 1) * length, moment(today + 1, 0, zone))


def digested(digest_s: float, preferences: Preferences, zone: tzinfo, now: int) -> Verdict | None:
    """What a rule's `digest T` does to a message."""
    if digest_s <= 0:
        return None
    due = digest_due(digest_s, preferences, zone, now)
    return hold("digest", f"in the digest of {told(due, zone)}", due)


def headline(rules: list[str]) -> str:
    """`12 alerts: Golden cross (7), RSI oversold (5)`, the most frequent first."""
    counts = {rule: rules.count(rule) for rule in dict.fromkeys(rules)}
    ordered = sorted(counts, key=lambda rule: -counts[rule])
    listed = ", ".join(f"{rule} ({counts[rule]})" for rule in ordered[:8])
    more = f" and {len(ordered) - 8} more rules" if len(ordered) > 8 else ""
    return f"{len(rules)} alerts: {listed}{more}"
