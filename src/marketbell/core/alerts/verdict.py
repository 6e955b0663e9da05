"""What becomes of a message: told, held or not told, with the reason and, where it is known, until when."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["tell", "hold", "suppress"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """`cause` is a stable word to count by, `reason` a sentence for people, `until` ns UTC (0: not known).

    Causes: silence, snooze, ack, cooldown, repeat, limit, announce, quiet, digest, storm; "" where it is simply told.
    """

    kind: Kind = "tell"
    cause: str = ""
    reason: str = ""
    until: int = 0


TELL = Verdict()


def hold(cause: str, reason: str, until: int) -> Verdict:
    """It waits, and is told with others at `until`."""
    return Verdict("hold", cause, reason, until)


def suppress(cause: str, reason: str, until: int = 0) -> Verdict:
    """It is not told."""
    return Verdict("suppress", cause, reason, until)
