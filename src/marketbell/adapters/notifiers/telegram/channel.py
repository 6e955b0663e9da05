"""A Telegram bot. It knows no idempotency key; the token is part of the address and stands in no error."""

from html import escape
from typing import Any

import orjson

from marketbell.core.alerts.answers import asked_s, refusal
from marketbell.core.alerts.wording import assembled, cut, utf16
from marketbell.core.primitives.errors import DeliveryError
from marketbell.ports.notifiers import Message
from marketbell.ports.outgoing import Outgoing, Reply

API = "https://api.telegram.org"
LIMIT = 4_096
"""UTF-16 units after the markup is taken away; we keep it with the markup."""
_FIRST_LINE = 1_000
_ACCEPTED = 200


class Telegram:
    """`config` holds `token` and `chat`. `api` is where bots are served: one may run that server oneself."""

    kind = "telegram"
    honours_key = False

    def __init__(self, http: Outgoing, api: str = API) -> None:
        self._http = http
        self._api = api.rstrip("/")

    def send(self, config: dict[str, Any], message: Message) -> str:
        """Call sendMessage; the reference is the message's number in its chat."""
        token, chat = config.get("token"), config.get("chat")
        if not isinstance(token, str) or not token or not chat:
            raise DeliveryError("the Telegram channel has no token or chat", permanent=True)
        body = {
            "chat_id": chat,
            "text": text(message),
            "parse_mode": "HTML",
            "link_preview_options": {"is_disabled": True},
        }
        reply = self._http.post(
            f"{self._api}/bot{token}/sendMessage", orjson.dumps(body), {"Content-Type": "application/json"}
        )
        return _judge(reply)


def text(message: Message) -> str:
    """First line in bold, what fits, the links on one line: Telegram's HTML, which knows few tags."""
    head = f"<b>{cut(message.title, _FIRST_LINE, utf16, _plain)}</b>"
    links = [f'<a href="{escape(url)}">{_plain(words)}</a>' for words, url in message.links]
    return assembled(head, message.rest, [" · ".join(links)], LIMIT, size=utf16, escape=_plain)


def _plain(words: str) -> str:
    return escape(words, quote=False)


def _judge(reply: Reply) -> str:
    said = reply.document
    result = said.get("result")
    if reply.status == _ACCEPTED and said.get("ok") is True and isinstance(result, dict):
        return str(result.get("message_id", "ok"))
    if reply.status == _ACCEPTED and said.get("ok") is not False:
        raise DeliveryError("the receiver does not answer as Telegram does", permanent=True)
    given = said.get("parameters")
    parameters = given if isinstance(given, dict) else {}
    if "migrate_to_chat_id" in parameters:
        raise DeliveryError(
            f"the group became a supergroup: its chat is {parameters['migrate_to_chat_id']} now", permanent=True
        )
    asked = asked_s(str(parameters.get("retry_after", reply.headers.get("retry-after", ""))))
    code = said.get("error_code")
    status = code if isinstance(code, int) else reply.status
    raise refusal("Telegram", status, str(said.get("description", "")), asked)
