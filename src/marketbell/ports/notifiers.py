"""Who carries a message out."""

from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """What a person reads: `title` is the first line: symbol, condition, value and time with zone.

    `lines` are the single events of a message that tells several, `body` is what else there is to know; `link` leads
    back, `link_mute` is a signed link that silences the rule, `actions` are further signed links with their words
    (acknowledge, snooze). Links that there are not are "".
    """

    delivery_id: str
    title: str
    body: str
    link: str
    facts: dict[str, Any]
    link_mute: str = ""
    lines: tuple[str, ...] = ()
    actions: tuple[tuple[str, str], ...] = ()

    @property
    def rest(self) -> list[str]:
        """Everything under the first line, a line each."""
        return [*self.lines, *(line for line in self.body.split("\n") if line.strip())]

    @property
    def links(self) -> list[tuple[str, str]]:
        """Words and address of every link, the one that leads back first."""
        ours = [("Open in Marketbell", self.link), *self.actions, ("Mute this rule", self.link_mute)]
        return [(words, url) for words, url in ours if url]


class Notifier(Protocol):
    """One kind of channel. Raises DeliveryError, whose `permanent` says that trying again cannot help.

    `honours_key` is True where a repeat with the same `delivery_id` is told once: only then may a message
    whose outcome is unknown be sent again. A DeliveryError may carry the facts `retry_after_s` (seconds that
    the provider asked for) and `outcome` ("unknown" where the message was on its way when the answer failed).
    """

    kind: str
    honours_key: bool

    def send(self, config: dict[str, Any], message: Message) -> str:
        """Deliver with `delivery_id` as the idempotency key; returns the provider's reference."""
