"""Seen, and put off: one rule about one instrument is not told again for a while."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import tzinfo
from typing import Literal

from marketbell.core.alerts.local_time import DAY_S, SECOND, day_of, moment, told
from marketbell.core.alerts.verdict import Verdict, suppress

SHORTEST_ACK_S = 3_600
SNOOZE_S = DAY_S
"""What a snooze without a length means, by the link of a message too."""
LONGEST_SNOOZE_S = 366 * DAY_S


@dataclass(frozen=True, slots=True)
class Mute:
    """`ack`: somebody has seen it; `snooze`: not now. Of one rule about one instrument, until a moment (ns UTC).

    `by` says how it was done (owner, link); `firing_id` is the alert that it was done to.
    """

    kind: Literal["ack", "snooze"]
    firing_id: str
    rule_uid: str
    instrument: str
    until: int
    at: int = 0
    by: str = ""


def ack_until(at: int, zone: tzinfo) -> int:
    """An ack holds through the person's day, and never for less than an hour: nobody forgets a rule for good by it."""
    return max(moment(day_of(at, zone) + 1, 0, zone), at + SHORTEST_ACK_S * SECOND)


def muted(mutes: Iterable[Mute], rule_uid: str, instrument: str, event: str, now: int, zone: tzinfo) -> Verdict | None:
    """What acks and snoozes say. That a condition is over (`exit`) is news to somebody who has seen it begin."""
    holding = [
        one
        for one in mutes
        if one.rule_uid == rule_uid
        and one.instrument == instrument
        and now < one.until
        and not (one.kind == "ack" and event == "exit")
    ]
    if not holding:
        return None
    longest = max(holding, key=lambda one: (one.until, one.kind))
    word = "acknowledged" if longest.kind == "ack" else "snoozed"
    return suppress(longest.kind, f"{word}, nothing more until {told(longest.until, zone)}", longest.until)
