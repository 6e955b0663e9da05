"""From a firing to its deliveries: who is told, and for each the reason where somebody is not."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

IN_APP = "in_app"
INBOX = "inbox"

State = Literal["queued", "suppressed", "dead"]


@dataclass(frozen=True, slots=True)
class Destination:
    """A channel that exists: its kind, its id (which is its address in the ledger) and its name."""

    kind: str
    channel_id: str
    name: str
    is_enabled: bool = True


@dataclass(frozen=True, slots=True)
class Silence:
    """Muted by hand: everything, or one rule, or one instrument, until a moment (ns UTC)."""

    until: int
    rule_uid: str = ""
    instrument: str = ""
    reason: str = "silenced"

    def covers(self, rule_uid: str, instrument: str, now: int) -> bool:
        """True where this silence mutes that rule on that instrument now."""
        return (
            now < self.until
            and (not self.rule_uid or self.rule_uid == rule_uid)
            and (not self.instrument or self.instrument == instrument)
        )


@dataclass(frozen=True, slots=True)
class Planned:
    """One delivery to be written. `reason` says why it is not queued."""

    kind: str
    address: str
    name: str
    state: State = "queued"
    reason: str = ""


def plan(notify: Sequence[str], destinations: Sequence[Destination], silence: Silence | None = None) -> list[Planned]:
    """The deliveries of one firing. The inbox is always among them; each address is told once.

    A word of `notify` is a kind (`slack`: every such channel), `kind:name`, or a channel's id. A word
    that finds nothing becomes a dead delivery that says so: a firing never vanishes without a trace.
    """
    found: dict[tuple[str, str], Planned] = {(IN_APP, INBOX): Planned(IN_APP, INBOX, "inbox")}
    for word in notify:
        for planned in _named(word, destinations):
            found.setdefault((planned.kind, planned.address), planned)
    if silence is None:
        return list(found.values())
    return [
        Planned(item.kind, item.address, item.name, "suppressed", silence.reason)
        if item.state == "queued" and item.kind != IN_APP
        else item
        for item in found.values()
    ]


def delivery_id(firing_id: str, kind: str, address: str) -> str:
    """32 hex digits, the same however often a firing is planned: it is the idempotency key of the message."""
    text = f"{firing_id}\0{kind}\0{address}"
    return blake2b(text.encode(), digest_size=16, person=b"mb.delivery.1").hexdigest()


def is_late(recorded_at: int, now: int, max_age_s: float) -> bool:
    """True where a message leaves so long after its firing was recorded that it must say so (both ns UTC)."""
    return now - recorded_at > max_age_s * 1e9


def _named(word: str, destinations: Sequence[Destination]) -> list[Planned]:
    kind, _, target = word.partition(":")
    if kind == IN_APP:
        return []
    found = [
        item
        for item in destinations
        if word == item.channel_id or (item.kind == kind and (not target or target in {item.name, item.channel_id}))
    ]
    if not found:
        return [Planned(kind, target or word, word, "dead", f"there is no channel {word}")]
    return [
        Planned(item.kind, item.channel_id, item.name)
        if item.is_enabled
        else Planned(item.kind, item.channel_id, item.name, "suppressed", "the channel is switched off")
        for item in found
    ]
