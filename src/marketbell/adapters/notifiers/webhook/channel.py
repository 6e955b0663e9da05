"""A webhook: one signed JSON POST a message.

    POST <url>
    Content-Type: application/json
    Idempotency-Key: <delivery_id>            the same for every attempt at one message
    Marketbell-Timestamp: <seconds since 1970>
    Marketbell-Signature: v1=<hex HMAC-SHA256 of "TIMESTAMP.DELIVERY_ID.BODY" with the channel's secret>

A receiver checks the signature, refuses time stamps that are more than five minutes off, and keeps the
keys that it has seen.
"""

import hashlib
import hmac
from typing import Any

import orjson

from marketbell.core.alerts.answers import asked_s, refusal
from marketbell.core.primitives.errors import DeliveryError
from marketbell.ports.clock import Clock
from marketbell.ports.notifiers import Message
from marketbell.ports.outgoing import Outgoing, Reply

VERSION = 1
_RUNNING = 409
"""A receiver says so while it works on the first attempt at the same key: that passes."""


class Webhook:
    """`config` holds `url` and perhaps `secret`; without one the installation's own secret signs."""

    kind = "webhook"
    honours_key = True

    def __init__(self, http: Outgoing, clock: Clock, secret: bytes) -> None:
        self._http = http
        self._clock = clock
        self._secret = secret

    def send(self, config: dict[str, Any], message: Message) -> str:
        """POST it; 2xx is delivered, other 4xx and redirects are permanent, the rest is tried again."""
        url = config.get("url")
        if not isinstance(url, str) or not url:
            raise DeliveryError("the webhook has no address", permanent=True)
        body = orjson.dumps(
            {
                "version": VERSION,
                "type": "alert",
                "delivery_id": message.delivery_id,
                "title": message.title,
                "body": message.body,
                "lines": message.lines,
                "link": message.link,
                "link_mute": message.link_mute,
                "actions": [{"title": words, "url": url} for words, url in message.actions],
                "facts": message.facts,
            },
            option=orjson.OPT_NON_STR_KEYS,
        )
        stamp = str(self._clock.now() // 1_000_000_000)
        secret = str(config["secret"]).encode() if config.get("secret") else self._secret
        reply = self._http.post(
            url,
            body,
            {
                "Content-Type": "application/json",
                "User-Agent": "Marketbell",
                "Idempotency-Key": message.delivery_id,
                "Marketbell-Timestamp": stamp,
                "Marketbell-Signature": signature(secret, stamp, message.delivery_id, body),
            },
        )
        return self._judge(reply)

    def _judge(self, reply: Reply) -> str:
        if 200 <= reply.status < 300:
            return reply.headers.get("x-request-id", f"HTTP {reply.status}")[:200]
        asked = asked_s(reply.headers.get("retry-after", ""), self._clock.now())
        if reply.status == _RUNNING:
            raise DeliveryError("the receiver answered HTTP 409", retry_after_s=asked)
        raise refusal("the receiver", reply.status, asked=asked)


def signature(secret: bytes, stamp: str, delivery_id: str, body: bytes) -> str:
    """What the header `Marketbell-Signature` must say."""
    signed = b".".join((stamp.encode(), delivery_id.encode(), body))
    return "v1=" + hmac.new(secret, signed, hashlib.sha256).hexdigest()
