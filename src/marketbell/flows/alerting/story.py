"""What happened to an alert: from the tick that decided it to the person who read it, in the order of time."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from marketbell.core.alerts.acks import Mute
from marketbell.core.alerts.plan import IN_APP
from marketbell.ports.ledger import Delivery, Event, History

WORDS: Mapping[str, str] = {
    "began": "attempt",
    "queued": "released",
    "sent": "accepted",
    "retry": "failed",
}
"""Events of a delivery under the names that a story uses; the others keep theirs."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened. `at` is ns UTC; channel and label are "" where it is about no message.

    `what`: decided, recorded, suppressed, planned, inbox, queued, held, released, attempt, accepted, failed,
    maybe_sent, dead, replayed, carried, acknowledged, snoozed, read.
    """

    at: int
    what: str
    detail: str = ""
    channel: str = ""
    label: str = ""
    delivery_id: str = ""


def story(history: History, mutes: Sequence[Mute] = ()) -> list[Line]:
    """The lines of an alert, oldest first."""
    firing = history.firing
    lines = [
        Line(firing.event_time, "decided", str(firing.values.get("sentence") or firing.values.get("condition") or "")),
        Line(firing.recorded_at, "recorded", f"rule {firing.rule}, version {firing.version}"),
    ]
    if history.planned_at:
        if firing.suppressed:
            lines.append(Line(history.planned_at, "suppressed", f"by the rule itself: {firing.suppressed}"))
        else:
            lines.append(Line(history.planned_at, "planned", history.reason))
        lines += [line for one in history.deliveries for line in _planned(one, history)]
    by_id = {one.delivery_id: one for one in (*history.deliveries, *history.carriers)}
    lines += [_happened(event, by_id) for event in history.events if _is_ours(event, by_id, history)]
    for mute in mutes:
        word = "acknowledged" if mute.kind == "ack" else "snoozed"
        lines.append(Line(mute.at, word, f"by {mute.by}"))
    if history.read_at:
        lines.append(Line(history.read_at, "read"))
    # what happened at one time stands in the order in which it is told above: a decision before its record
    return sorted(lines, key=lambda line: line.at)


def label_of(delivery: Delivery) -> str:
    """The channel's name as it was when the message was planned."""
    return str(delivery.payload.get("label") or "")


def _planned(one: Delivery, history: History) -> Iterable[Line]:
    if one.channel == IN_APP:
        yield Line(one.sent_at, "inbox", "shown in the inbox", one.channel, "inbox", one.delivery_id)
    elif not any(
        event.delivery_id == one.delivery_id
        and event.what in {"held", "suppressed", "dead"}
        and event.number == 0
        and event.at == history.planned_at
        for event in history.events
    ):
        yield Line(history.planned_at, "queued", "", one.channel, label_of(one), one.delivery_id)


def _is_ours(event: Event, by_id: Mapping[str, Delivery], history: History) -> bool:
    """Of a carrier, what happened before it carried us is the other alert's story."""
    mine = {one.delivery_id for one in history.deliveries}
    if event.delivery_id in mine:
        return True
    carried = [other.at for other in history.events if other.what == "carried" and other.detail == event.delivery_id]
    return (
        event.delivery_id in by_id
        and bool(carried)
        and event.at >= min(carried)
        and event.what not in {"held", "queued"}
    )


def _happened(event: Event, by_id: Mapping[str, Delivery]) -> Line:
    delivery = by_id[event.delivery_id]
    detail = event.detail
    if event.what == "began":
        detail = f"attempt {event.number}"
    elif event.what == "carried":
        detail = "told together with others, in one message"
    elif event.what == "replayed":
        detail = "by hand"
    what = WORDS.get(event.what, event.what)
    return Line(event.at, what, detail, delivery.channel, label_of(delivery), event.delivery_id)
