"""SendGrid's Mail Send API. Accepted (202) is queued there; it keeps no idempotency key."""

from typing import Any

import orjson

from marketbell.adapters.notifiers.email.letter import headers, html, plain, subject
from marketbell.core.alerts.answers import asked_s, refusal
from marketbell.core.primitives.errors import DeliveryError
from marketbell.ports.notifiers import Message
from marketbell.ports.outgoing import Outgoing, Reply

API = "https://api.sendgrid.com"
_ACCEPTED = 202


def deliver(http: Outgoing, api: str, key: str, sender: str, to: str, message: Message, now: int) -> str:
    """Ask SendGrid to send; the reference is its message id. Links are left as they are: no tracking."""
    body = {
        "personalizations": [{"to": [{"email": to}], "custom_args": {"delivery_id": message.delivery_id}}],
        "from": {"email": sender, "name": "Marketbell"},
        "subject": subject(message),
        "content": [
            {"type": "text/plain", "value": plain(message)},
            {"type": "text/html", "value": html(message)},
        ],
        "headers": headers(message, sender),
        "tracking_settings": {"click_tracking": {"enable": False}, "open_tracking": {"enable": False}},
    }
    reply = http.post(
        f"{api.rstrip('/')}/v3/mail/send",
        orjson.dumps(body),
        {"Content-Type": "application/json", "Accept": "application/json", "Authorization": f"Bearer {key}"},
    )
    if reply.status == _ACCEPTED:
        return reply.headers.get("x-message-id", "accepted")[:200]
    if 200 <= reply.status < 300:
        raise DeliveryError(f"the receiver does not answer as SendGrid does: HTTP {reply.status}", permanent=True)
    raise refusal("SendGrid", reply.status, _told(reply.document), _asked(reply, now))


def _told(said: dict[str, Any]) -> str:
    errors = said.get("errors")
    found = [one for one in errors if isinstance(one, dict)] if isinstance(errors, list) else []
    return "; ".join(str(one.get("message", "")) for one in found[:3])


def _asked(reply: Reply, now: int) -> float:
    """Retry-After, else the second at which SendGrid counts anew."""
    asked = asked_s(reply.headers.get("retry-after", ""), now)
    reset = reply.headers.get("x-ratelimit-reset", "")
    if asked or not (reset.isascii() and reset.isdigit()):
        return asked
    return asked_s(str(max(0.0, float(reset[:15]) - now / 1e9)))
