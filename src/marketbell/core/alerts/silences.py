"""Muted by hand: everything, or a rule, an instrument, a severity, until a moment."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import tzinfo

from marketbell.core.alerts.local_time import told
from marketbell.core.alerts.verdict import Verdict, suppress

SEVERITIES = ("low", "normal", "high")


@dataclass(frozen=True, slots=True)
class Silence:
    """What is named must match, what is empty matches everything. `until` and `created_at` are ns UTC."""

    until: int
    rule_uid: str = ""
    instrument: str = ""
    severity: str = ""
    reason: str = ""
    silence_id: str = ""
    created_at: int = 0

    def covers(self, rule_uid: str, instrument: str, severity: str, now: int) -> bool:
        """True where this silence mutes that rule on that instrument now."""
        return (
            now < self.until
            and self.rule_uid in {"", rule_uid}
            and self.instrument in {"", instrument}
            and self.severity in {"", severity}
        )


def silenced(
    silences: Iterable[Silence], rule_uid: str, instrument: str, severity: str, now: int, zone: tzinfo
) -> Verdict | None:
    """What the silences say; of several that cover it, the one that lasts longest."""
    covering = [one for one in silences if one.covers(rule_uid, instrument, severity, now)]
    if not covering:
        return None
    longest = max(covering, key=lambda one: (one.until, one.silence_id))
    why = f": {longest.reason}" if longest.reason else ""
    return suppress("silence", f"silenced until {told(longest.until, zone)}{why}", longest.until)
