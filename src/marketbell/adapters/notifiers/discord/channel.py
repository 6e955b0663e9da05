"""A Discord webhook. It knows no idempotency key: a message whose outcome is unknown is not sent again."""

import re
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import orjson

from marketbell.core.alerts.answers import asked_s, refusal
from marketbell.core.alerts.wording import assembled, cut, utf16
from marketbell.core.primitives.errors import DeliveryError
from marketbell.ports.notifiers import Message
from marketbell.ports.outgoing import Outgoing, Reply

LIMIT = 2_000
"""Characters of a message's content."""
_FIRST_LINE = 500
_NO_EMBEDS = 4
_MARKS = re.compile(r"([\\*_~`|<>\[\]#@])")


class Discord:
    """`config` holds the webhook's `url`."""

    kind = "discord"
    honours_key = False

    def __init__(self, http: Outgoing) -> None:
        self._http = http

    def send(self, config: dict[str, Any], message: Message) -> str:
        """POST and wait until Discord has stored it; the reference is the message's id."""
        url = config.get("url")
        if not isinstance(url, str) or not url:
            raise DeliveryError("the Discord channel has no address", permanent=True)
        body = {
            "username": "Marketbell",
            "content": text(message),
            "flags": _NO_EMBEDS,
            "allowed_mentions": {"parse": []},
        }
        reply = self._http.post(_waiting(url), orjson.dumps(body), {"Content-Type": "application/json"})
        return _judge(reply)


def text(message: Message) -> str:
    """First line in bold, what fits, the links: Discord's Markdown."""
    head = f"**{cut(message.title, _FIRST_LINE, utf16, escaped)}**"
    links = [f"[{escaped(words)}](<{url.replace('>', '%3E')}>)" for words, url in message.links]
    return assembled(head, message.rest, [" · ".join(links)], LIMIT, size=utf16, escape=escaped)


def escaped(words: str) -> str:
    """As text: no markup, no mention, no emoji."""
    return _MARKS.sub(r"\\\1", words)


def _waiting(url: str) -> str:
    pieces = urlsplit(url)
    query = [(name, value) for name, value in parse_qsl(pieces.query) if name != "wait"]
    return pieces._replace(query=urlencode([*query, ("wait", "true")])).geturl()


def _judge(reply: Reply) -> str:
    said = reply.document
    if 200 <= reply.status < 300:
        return str(said.get("id", f"HTTP {reply.status}"))[:100]
    asked = asked_s(str(said.get("retry_after", reply.headers.get("retry-after", ""))))
    raise refusal("Discord", reply.status, str(said.get("message", "")), asked)
