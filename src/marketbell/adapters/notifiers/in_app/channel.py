"""The inbox of the app: the firing is in the ledger already, and the live room has told it."""

from typing import Any

from marketbell.ports.notifiers import Message


class InApp:
    """Nothing has to travel. The delivery's `sent` says that the inbox shows it."""

    kind = "in_app"
    honours_key = True

    def send(self, config: dict[str, Any], message: Message) -> str:
        """Always there."""
        del config
        return f"inbox:{message.delivery_id}"
