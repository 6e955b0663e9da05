"""From a firing to its deliveries: who is told, and for each the reason where somebody is not."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

from marketbell.core.language.vocabulary import SAME_CHANNEL

IN_APP = "in_app"
INBOX = "inbox"

State = Literal["queued", "held", "suppressed", "dead"]


@dataclass(frozen=True, slots=True)
class Destination:
    """A channel that exists: its kind, its id (which is its address in the ledger) and its name."""

    kind: str
    channel_id: str
    name: str
    is_enabled: bool = True


@dataclass(frozen=True, slots=True)
class Planned:
    """One delivery to be written. `reason` says why it is not queued, `until` how long (ns UTC, 0: not known).

    `gather` is the key of what is told together with it, where it is held. `announces`: it says that the day's
    limit is reached instead of what happened.
    """

    kind: str
    address: str
    name: str
    state: State = "queued"
    reason: str = ""
    until: int = 0
    gather: str = ""
    announces: bool = False

    @property
    def is_open(self) -> bool:
        """True where somebody outside this app is to be told."""
        return self.state == "queued" and self.kind != IN_APP


def plan(notify: Sequence[str], destinations: Sequence[Destination], fallback: str = "") -> list[Planned]:
    """The deliveries of one firing. The inbox is always among them; each address is told once.

    A word of `notify` is a kind (`slack`: every such channel), `kind:name`, or a channel's id. A word
    that finds nothing becomes a dead delivery that says so: a firing never vanishes without a trace. The rule's
    `fallback` is told beside it then, as where a delivery dies.
    """
    found: dict[tuple[str, str], Planned] = {(IN_APP, INBOX): Planned(IN_APP, INBOX, "inbox")}
    for word in notify:
        for planned in named(word, destinations):
            found.setdefault((planned.kind, planned.address), planned)
    if fallback and any(item.state == "dead" for item in found.values()):
        for planned in named(fallback, destinations):
            found.setdefault((planned.kind, planned.address), planned)
    return list(found.values())


def named(word: str, destinations: Sequence[Destination]) -> list[Planned]:
    """The deliveries that one word of a `notify` clause means; in_app means none, because it is always told."""
    said, _, target = word.partition(":")
    kind = SAME_CHANNEL.get(said, said)
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


def delivery_id(firing_id: str, kind: str, address: str) -> str:
    """32 hex digits, the same however often a firing is planned: it is the idempotency key of the message."""
    text = f"{firing_id}\0{kind}\0{address}"
    return blake2b(text.encode(), digest_size=16, person=b"mb.delivery.1").hexdigest()
