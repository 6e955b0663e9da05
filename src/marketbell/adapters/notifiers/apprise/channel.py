"""Services that Apprise knows. Its requests are its own: they do not pass through our guarded client.

So only services that the administrator named are used (`notify.apprise_services`). Apprise says whether a service
took a message, not why it did not: every refusal counts as one that may pass.
"""

from collections.abc import Sequence
from typing import Any

import apprise
from apprise.plugins import N_MGR

from marketbell.core.alerts.wording import assembled
from marketbell.core.primitives.errors import DeliveryError
from marketbell.ports.notifiers import Message

LIMIT = 8_000
TIMEOUT_S = 4.0


class Apprise:
    """`config` holds `url` in Apprise's own syntax: `ntfys://topic`, `pover://user@token` and so on."""

    kind = "apprise"
    honours_key = False

    def __init__(self, services: Sequence[str]) -> None:
        self._services = frozenset(name.lower() for name in services)
        self._asset = apprise.AppriseAsset(
            app_id="Marketbell", app_desc="Marketbell", app_url="", async_mode=False, plugin_paths=[]
        )

        plugins: Any = N_MGR  # untyped
        plugins.load_modules()

    def send(self, config: dict[str, Any], message: Message) -> str:
        """Hand it to the library, within the administrator's list."""
        url = str(config.get("url", ""))
        service = url.partition("://")[0].strip().lower()
        if service not in self._services:
            raise DeliveryError(f"{service or 'this'}:// is not in notify.apprise_services", permanent=True)
        server = apprise.Apprise.instantiate(url, asset=self._asset, suppress_exceptions=True)
        if not isinstance(server, apprise.NotifyBase):
            raise DeliveryError(f"Apprise cannot read this {service}:// address", permanent=True)
        server.socket_connect_timeout = min(server.socket_connect_timeout, TIMEOUT_S)
        server.socket_read_timeout = min(server.socket_read_timeout, TIMEOUT_S)
        server.overflow_mode = apprise.OverflowMode.TRUNCATE
        links = [f"{words}: {address}" for words, address in message.links]
        is_taken = server.notify(
            title=message.title,
            body=assembled("", message.rest, links, LIMIT).strip() or message.title,
            body_format=apprise.NotifyFormat.TEXT,
        )
        if not is_taken:
            raise DeliveryError(f"{service} did not take the message")
        return service
