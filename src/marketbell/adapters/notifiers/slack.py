"""Slack's incoming webhooks. They know no idempotency key: an unknown outcome is not sent again."""

from typing import Any

import orjson

from marketbell.core.primitives.errors import DeliveryError
from marketbell.ports.notifiers import Message
from marketbell.ports.outgoing import Outgoing

_ACCEPTED = 200
_LATER = frozenset({408, 425, 429})
_FAULT = 500


class Slack:
    """`config` holds the `url` of an incoming webhook."""

    kind = "slack"
    honours_key = False

    def __init__(self, http: Outgoing) -> None:
        self._http = http

    def send(self, config: dict[str, Any], message: Message) -> str:
        """POST the text; Slack says 200 and "ok"."""
        url = config.get("url")
        if not isinstance(url, str) or not url:
            raise DeliveryError("the Slack channel has no address", permanent=True)
        reply = self._http.post(
            url, orjson.dumps({"text": _text(message)}), {"Content-Type": "application/json; charset=utf-8"}
        )
        said = reply.body.strip()[:100]
        if reply.status == _ACCEPTED and said == "ok":
            return "ok"
        if reply.status == _ACCEPTED:
            raise DeliveryError("the receiver does not answer as Slack does", permanent=True)
        if reply.status in _LATER or reply.status >= _FAULT:
            asked = reply.headers.get("retry-after", "")
            after = min(float(asked), 3_600.0) if asked.isascii() and asked.isdigit() else 0.0
            raise DeliveryError(f"Slack answered HTTP {reply.status}", retry_after_s=after)
        raise DeliveryError(f"Slack refused: HTTP {reply.status} {said}".rstrip(), permanent=True)


def _text(message: Message) -> str:
    lines = [f"*{_escape(message.title)}*", _escape(message.body)]
    if message.link:
        lines.append(f"<{message.link}|Open in Marketbell>")
    return "\n".join(line for line in lines if line.strip("*"))


def _escape(text: str) -> str:
    """Slack's three control characters; what a rule is called must not become a link or a mention."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
