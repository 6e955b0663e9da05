"""What becomes of one firing: every reason in its order, for the firing as a whole and for each destination.

The order is: silences, snoozes and acks; the rule's own rest; the same instrument a moment ago; quiet hours of
what is not worth waking for; the day's limit. What is told then waits for its digest, for the end of quiet hours,
or with the rest of a storm. What is not told takes nothing from the limit, and starts no rest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import tzinfo

from marketbell.core.alerts.acks import Mute, muted
from marketbell.core.alerts.clauses import Clauses
from marketbell.core.alerts.digest import DIGEST, digested
from marketbell.core.alerts.grouping import Window, gathered_by, place
from marketbell.core.alerts.limits import NEVER, Told, cooling, counted, repeated, told_at
from marketbell.core.alerts.plan import Planned
from marketbell.core.alerts.preferences import DEFAULTS, Preferences, zone_of
from marketbell.core.alerts.quiet_hours import quiet_until, quieted
from marketbell.core.alerts.silences import Silence, silenced
from marketbell.core.alerts.verdict import TELL, Verdict, hold

Address = tuple[str, str]
"""Kind and address of a destination."""


@dataclass(frozen=True, slots=True)
class Happening:
    """What decisions want to know of a firing."""

    rule_uid: str
    instrument: str
    severity: str = "normal"
    event: str = "fire"
    recorded_at: int = 0


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person asked for."""

    preferences: Preferences = DEFAULTS
    silences: tuple[Silence, ...] = ()
    mutes: tuple[Mute, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """What has been told already: of the rule, of the rule about this instrument, and to each destination lately."""

    told: Told = NEVER
    here: Told = NEVER
    windows: Mapping[Address, Window] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict on the firing, its deliveries, and what is known after it."""

    verdict: Verdict
    planned: tuple[Planned, ...]
    known: Known


def decide(
    happening: Happening, clauses: Clauses, wishes: Wishes, planned: Sequence[Planned], known: Known, now: int
) -> Decision:
    """Decide about one firing. Pure: the same arguments, the same answer."""
    if not any(item.is_open for item in planned):
        return Decision(TELL, tuple(planned), known)
    zone = zone_of(wishes.preferences)
    verdict = _against(happening, clauses, wishes, known, zone, now)
    if verdict is None:
        verdict, told = counted(known.told, clauses.limit, happening.recorded_at, zone)
        known = replace(known, told=told)
    if verdict.kind == "suppress":
        return Decision(verdict, tuple(_suppressed(item, verdict) for item in planned), known)
    if verdict.cause == "announce":
        severity = "high" if happening.severity == "high" else "normal"  # that silence begins is worth the morning
        waits = quieted(wishes.preferences, zone, severity, now)
        announced = [
            _placed(replace(item, announces=True), waits or TELL, DIGEST) if item.is_open else item for item in planned
        ]
        return Decision(verdict, tuple(announced), known)
    if wishes.preferences.repeat_s:
        known = replace(known, here=told_at(known.here, happening.recorded_at))
    placed, windows = [], dict(known.windows)
    for item in planned:
        if not item.is_open:
            placed.append(item)
            continue
        waits = _waits(happening, clauses, wishes.preferences, zone, now)
        gather = DIGEST
        if waits is None:
            address = (item.kind, item.address)
            waits, window = place(windows.get(address), wishes.preferences.group_window_s, zone, now)
            gather = gathered_by(happening.rule_uid)
            if window is not None:
                windows[address] = window
        placed.append(_placed(item, waits, gather))
    return Decision(verdict, tuple(placed), replace(known, windows=windows))


def still_wanted(happening: Happening, wishes: Wishes, now: int) -> Verdict:
    """What is to become of a message that waited, now that it could go: minds and hours change meanwhile.

    What is silenced by now is let go; what would fall into quiet hours waits for their end, of whatever severity.
    """
    zone = zone_of(wishes.preferences)
    against = silenced(
        wishes.silences, happening.rule_uid, happening.instrument, happening.severity, now, zone
    ) or muted(wishes.mutes, happening.rule_uid, happening.instrument, happening.event, now, zone)
    if against is not None:
        return against
    quiet = quieted(wishes.preferences, zone, happening.severity, now)
    return TELL if quiet is None else hold("quiet", quiet.reason, quiet.until)


def _against(
    happening: Happening, clauses: Clauses, wishes: Wishes, known: Known, zone: tzinfo, now: int
) -> Verdict | None:
    preferences, at = wishes.preferences, happening.recorded_at
    quiet = None if clauses.digest_s else quieted(preferences, zone, happening.severity, now)
    return (
        silenced(wishes.silences, happening.rule_uid, happening.instrument, happening.severity, now, zone)
        or muted(wishes.mutes, happening.rule_uid, happening.instrument, happening.event, now, zone)
        or cooling(known.told, clauses.cooldown_s, at, zone)
        or repeated(known.here, preferences.repeat_s, at, zone)
        or (quiet if quiet is not None and quiet.kind == "suppress" else None)
    )


def _waits(happening: Happening, clauses: Clauses, preferences: Preferences, zone: tzinfo, now: int) -> Verdict | None:
    """Until its digest, or the end of quiet hours; a digest that falls into quiet hours comes at their end."""
    digest = digested(clauses.digest_s, preferences, zone, now)
    if digest is None:
        return quieted(preferences, zone, happening.severity, now)
    end = quiet_until(preferences, zone, digest.until)
    if end is None or (happening.severity == "high" and preferences.quiet_except_high):
        return digest
    return replace(digest, until=end)


def _placed(item: Planned, verdict: Verdict, gather: str) -> Planned:
    if verdict.kind != "hold":
        return item
    return replace(item, state="held", reason=verdict.reason, until=verdict.until, gather=gather)


def _suppressed(item: Planned, verdict: Verdict) -> Planned:
    if not item.is_open:
        return item
    return replace(item, state="suppressed", reason=verdict.reason, until=verdict.until)
