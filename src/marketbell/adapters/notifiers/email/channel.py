"""E-mail. Servers may keep a repeated Message-ID twice: a mail whose outcome is unknown is not sent again."""

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from marketbell.adapters.notifiers.email import sendgrid
from marketbell.adapters.notifiers.email.card import PORTS
from marketbell.adapters.notifiers.email.letter import letter, message_id
from marketbell.adapters.notifiers.email.smtp import TIMEOUT_S, Conversation, Server
from marketbell.core.primitives.errors import DeliveryError
from marketbell.ports.clock import Clock
from marketbell.ports.notifiers import Message
from marketbell.ports.outgoing import Outgoing

_SECURITY = frozenset({"starttls", "tls"})


@dataclass(frozen=True, slots=True)
class House:
    """The installation's own mail server and what it sends as. The administrator chose it: no address is judged."""

    server: Server
    sender: str


def no_house() -> House | None:
    """There is none."""
    return None


class Email:
    """`config` holds `to`, and beside it a server of one's own or SendGrid's `api_key`; else the house's server.

    `house` is asked at each message: its password may change while we run. `context` decides which
    certificates are trusted.
    """

    kind = "email"
    honours_key = False

    def __init__(
        self,
        http: Outgoing,
        clock: Clock,
        *,
        house: Callable[[], House | None] = no_house,
        sendgrid_api: str = sendgrid.API,
        context: ssl.SSLContext | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._http = http
        self._clock = clock
        self._house = house
        self._sendgrid_api = sendgrid_api
        self._context = context or ssl.create_default_context()
        self._timeout_s = timeout_s

    def send(self, config: dict[str, Any], message: Message) -> str:
        """Hand it to the server; the reference is the Message-ID or SendGrid's."""
        to = str(config.get("to", ""))
        if not to:
            raise DeliveryError("the e-mail channel has no address", permanent=True)
        sender = str(config.get("sender", ""))
        if config.get("api_key"):
            return sendgrid.deliver(
                self._http, self._sendgrid_api, str(config["api_key"]), sender, to, message, self._clock.now()
            )
        server = self._own(config) if config.get("host") else None
        if server is None:
            house = self._house()
            if house is None:
                raise DeliveryError("no mail server is set: notify.smtp_host, or give your own", permanent=True)
            server, sender = house.server, house.sender
        conversation = Conversation(server, self._context, self._timeout_s)
        conversation.send(sender, to, letter(message, sender, to, self._clock.now()))
        return message_id(message, sender)

    def _own(self, config: Mapping[str, Any]) -> Server:
        """A server that a person typed: a public one, encrypted, at a port where mail is handed in."""
        security = str(config.get("security") or "starttls")
        if security not in _SECURITY:
            raise DeliveryError("mail goes out by starttls or tls", permanent=True)
        server = Server(
            str(config["host"]),
            int(config.get("port") or 0),
            security,
            str(config.get("user", "")),
            str(config.get("password", "")),
        )
        return replace(server, address=self._http.pinned(server.host, server.door, PORTS))
