"""Who carries a message out."""

from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """What a person reads: `title` has symbol, condition, value and time with zone; `link` leads back."""

    delivery_id: str
    title: str
    body: str
    link: str
    facts: dict[str, Any]


class Notifier(Protocol):
    """One kind of channel. Raises DeliveryError, whose `permanent` says that trying again cannot help.

    `honours_key` is True where a repeat with the same `delivery_id` is told once: only then may a message
    whose outcome is unknown be sent again. A DeliveryError may carry the fact `retry_after_s`.
    """

    kind: str
    honours_key: bool

    def send(self, config: dict[str, Any], message: Message) -> str:
        """Deliver with `delivery_id` as the idempotency key; returns the provider's reference."""
