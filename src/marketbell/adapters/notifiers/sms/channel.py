"""SMS by Twilio's API. It knows no idempotency key: a message whose outcome is unknown is not sent again."""

from base64 import b64encode
from typing import Any
from urllib.parse import quote, urlencode

from marketbell.adapters.notifiers.sms.text import text
from marketbell.core.alerts.answers import asked_s, refusal
from marketbell.core.primitives.errors import DeliveryError
from marketbell.ports.clock import Clock
from marketbell.ports.notifiers import Message
from marketbell.ports.outgoing import Outgoing, Reply

API = "https://api.twilio.com"
SEGMENTS = 3
_PASSING = frozenset({14107, 20429, 30001, 30022, 63018})
"""Twilio's codes for too much at once, whatever the HTTP status says."""


class Sms:
    """`config` holds `account`, `token` (and the API `key` it belongs to), `to`, and `sender` or `service`.

    `api` is where Twilio answers: its regions have addresses of their own.
    """

    kind = "sms"
    honours_key = False

    def __init__(self, http: Outgoing, clock: Clock, api: str = API, segments: int = SEGMENTS) -> None:
        self._http = http
        self._clock = clock
        self._api = api.rstrip("/")
        self._segments = segments

    def send(self, config: dict[str, Any], message: Message) -> str:
        """Ask Twilio to send; the reference is the message's SID. Accepted is not yet delivered to a handset."""
        account, token, to = (str(config.get(name, "")) for name in ("account", "token", "to"))
        if not (account and token and to):
            raise DeliveryError("the SMS channel has no account, token or number", permanent=True)
        form = {"To": to, "Body": text(message, self._segments)}
        if config.get("service"):
            form["MessagingServiceSid"] = str(config["service"])
        else:
            form["From"] = str(config.get("sender", ""))
        login = b64encode(f"{config.get('key') or account}:{token}".encode()).decode()
        reply = self._http.post(
            f"{self._api}/2010-04-01/Accounts/{quote(account, safe='')}/Messages.json",
            urlencode(form).encode(),
            {"Content-Type": "application/x-www-form-urlencoded", "Authorization": f"Basic {login}"},
        )
        return self._judge(reply)

    def _judge(self, reply: Reply) -> str:
        said = reply.document
        if 200 <= reply.status < 300:
            sid, state = said.get("sid"), said.get("status")
            if not isinstance(sid, str) or not sid:
                raise DeliveryError("the receiver does not answer as Twilio does", permanent=True)
            if state in {"failed", "undelivered"}:
                raise DeliveryError(f"Twilio could not send: {_told(said)}", permanent=True)
            return sid[:100]
        asked = asked_s(reply.headers.get("retry-after", ""), self._clock.now())
        if said.get("code") in _PASSING:
            raise DeliveryError(f"Twilio is asked too often: {_told(said)}", retry_after_s=asked)
        raise refusal("Twilio", reply.status, _told(said), asked)


def _told(said: dict[str, Any]) -> str:
    """`21211 Invalid phone number`, from either of the two shapes of Twilio's errors."""
    code = said.get("code") or said.get("error_code") or ""
    words = said.get("message") or said.get("error_message") or said.get("detail") or said.get("title") or ""
    return f"{code} {words}".strip()
