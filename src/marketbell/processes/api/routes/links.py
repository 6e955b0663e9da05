"""Signed links of messages: a page that says what would be done, with one button; and the doing.

Mail scanners and previews fetch every link: looking at one changes nothing. Who holds a link needs no login, so a
cookie counts for nothing here either, and the page tells no more than the message did.
"""

from typing import NamedTuple

from apiflask import APIBlueprint
from flask import Response

from marketbell.core.alerts.acks import SNOOZE_S
from marketbell.core.alerts.links import Link
from marketbell.core.alerts.silences import Silence
from marketbell.flows.accounts.decisions import Action
from marketbell.flows.alerting.signing import Links
from marketbell.ports.ledger import Firing
from marketbell.processes.api.context import asks, parts
from marketbell.processes.api.pages import button_page, message_page
from marketbell.processes.api.routes.alerts import made_ack, made_snooze

bp = APIBlueprint("links", __name__, url_prefix="/m", enable_openapi=False)

NS = 1_000_000_000
MUTE_S = 86_400


class _Words(NamedTuple):
    button: str
    offer: str
    done: str


def _words(link: Link, firing: Firing) -> _Words:
    rule = f"\u201c{firing.rule}\u201d"
    about = f"{rule} about {firing.instrument}" if firing.instrument else rule
    if link.purpose == "ack":
        return _Words(
            "Acknowledge", f"No more messages of {about} today.", f"Acknowledged: nothing more of {about} today."
        )
    if link.purpose == "snooze":
        return _Words(
            "Snooze for a day", f"No messages of {about} for a day.", f"Snoozed: nothing of {about} for a day."
        )
    return _Words(
        "Mute this rule for a day", f"No messages of {rule} for a day.", f"Muted: nothing of {rule} for a day."
    )


def _read(token: str) -> tuple[Link, Firing] | None:
    link = Links(parts().signing_key).read(token, parts().clock.now())
    if link is None:
        return None
    history = parts().ledger.history(link.owner_id, link.firing_id)
    return None if history is None else (link, history.firing)


def _no_more() -> Response:
    return message_page(
        404, "This link does nothing", "It is not one of ours, or its time is over. Open Marketbell instead."
    )


@bp.get("/<string:token>")
@asks(Action.READ, "signed_link")
def show_link(token: str) -> Response:
    """What the link would do, with one button."""
    found = _read(token)
    if found is None:
        return _no_more()
    words = _words(*found)
    return button_page(words.button, words.offer, f"/m/{token}")


@bp.post("/<string:token>")
@asks(Action.WRITE, "signed_link")
def follow_link(token: str) -> Response:
    """Do it. Doing it again changes nothing more."""
    found = _read(token)
    if found is None:
        return _no_more()
    link, firing = found
    now = parts().clock.now()
    if link.purpose == "ack":
        made_ack(firing, "link")
    elif link.purpose == "snooze":
        made_snooze(firing, now + SNOOZE_S * NS, "link")
    else:
        silence = Silence(
            now + MUTE_S * NS,
            firing.rule_uid,
            reason="muted from a message",
            silence_id=f"link-{firing.firing_id}",
            created_at=now,
        )
        parts().wishes.put_silence(link.owner_id, silence)
    return message_page(
        200, "Done", f"{_words(link, firing).done} Marketbell goes on watching, and its inbox shows everything."
    )
