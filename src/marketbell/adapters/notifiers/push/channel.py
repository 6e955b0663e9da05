"""Web push. A repeat bears the same topic and tag, so it takes the place of the message that it repeats."""

from typing import Any

import orjson

from marketbell.adapters.notifiers.push.sealing import LARGEST, Subscription, decoded, sealed
from marketbell.adapters.notifiers.push.vapid import Vapid
from marketbell.core.alerts.answers import asked_s, refusal
from marketbell.core.alerts.wording import assembled, cut, octets
from marketbell.core.primitives.errors import DeliveryError
from marketbell.ports.clock import Clock
from marketbell.ports.notifiers import Message
from marketbell.ports.outgoing import Outgoing

TTL_S = 6 * 3_600
"""How long a push service keeps a message for a browser that sleeps."""
_GONE = frozenset({404, 410})
_TITLE, _TOPIC = 400, 32
_LINK = 1_000
_SPARE = 64


class Push:
    """`config` holds `endpoint`, `p256dh` and `auth` of a browser's PushSubscription."""

    kind = "push"
    honours_key = True

    def __init__(self, http: Outgoing, clock: Clock, vapid: Vapid) -> None:
        self._http = http
        self._clock = clock
        self._vapid = vapid

    def send(self, config: dict[str, Any], message: Message) -> str:
        """Encrypt and hand it to the browser's push service; the reference is its Location."""
        endpoint, key, secret = (str(config.get(name, "")) for name in ("endpoint", "p256dh", "auth"))
        if not (endpoint and key and secret):
            raise DeliveryError("the push channel has no subscription", permanent=True)
        now = self._clock.now()
        reply = self._http.post(
            endpoint,
            sealed(payload(message), Subscription(endpoint, decoded(key), decoded(secret))),
            {
                "Content-Type": "application/octet-stream",
                "Content-Encoding": "aes128gcm",
                "TTL": str(TTL_S),
                "Urgency": "high" if message.facts.get("severity") == "high" else "normal",
                "Topic": message.delivery_id.replace("-", "")[:_TOPIC],
                "Authorization": self._vapid.authorization(endpoint, now),
            },
        )
        if 200 <= reply.status < 300:
            return "accepted"
        if reply.status in _GONE:
            raise DeliveryError("the browser took its subscription back: allow messages there again", permanent=True)
        raise refusal("the push service", reply.status, "", asked_s(reply.headers.get("retry-after", ""), now))


def payload(message: Message) -> bytes:
    """What our service worker shows: at most LARGEST bytes, whatever the rule is called."""
    told = {
        "title": cut(message.title, _TITLE, octets),
        "body": "",
        "url": message.link if len(message.link) <= _LINK else "",
        "mute": message.link_mute if len(message.link_mute) <= _LINK else "",
        "tag": message.delivery_id,
        "severity": str(message.facts.get("severity", "normal")),
    }
    room = LARGEST - len(orjson.dumps(told)) - _SPARE
    told["body"] = assembled("", message.rest, [], room, size=_in_json).strip()
    return orjson.dumps(told)


def _in_json(text: str) -> int:
    return len(orjson.dumps(text)) - 2
