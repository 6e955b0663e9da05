"""Any notifier, with its secrets looked up at the last moment and kept out of what it says."""

from collections.abc import Iterator, Mapping
from typing import Any

from marketbell.core.alerts.cards import SECRET, Card
from marketbell.core.primitives.errors import DeliveryError
from marketbell.ports.notifiers import Message, Notifier
from marketbell.ports.secrets import Secrets

COVER = "***"
_SHORTEST = 4
"""A shorter value is no secret, and covering it would make errors unreadable."""


class Sealed:
    """Replaces `{"secret": NAME}` in the configuration, and covers addresses and secrets in errors and references."""

    def __init__(self, notifier: Notifier, card: Card, secrets: Secrets) -> None:
        self.kind = card.kind
        self.honours_key = notifier.honours_key
        self._notifier = notifier
        self._card = card
        self._secrets = secrets

    def send(self, config: dict[str, Any], message: Message) -> str:
        """As the notifier does. A place of secrets that does not answer is worth another try."""
        found = {name: self._found(value) for name, value in config.items()}
        hidden = sorted(self._hidden(found), key=len, reverse=True)
        try:
            return _covered(self._notifier.send(found, message), hidden)
        except DeliveryError as error:
            # `from None`: what caused it may have the whole address in its text
            raise DeliveryError(_covered(error.message, hidden), permanent=error.permanent, **error.facts) from None

    def _found(self, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return self._secrets.get(str(value.get(SECRET, "")))

    def _hidden(self, config: Mapping[str, Any]) -> Iterator[str]:
        public = {one.name for one in self._card.fields if one.is_public}
        for name, value in config.items():
            if isinstance(value, str) and len(value) >= _SHORTEST and name not in public and name != "way":
                yield value


def _covered(text: str, hidden: list[str]) -> str:
    for value in hidden:
        text = text.replace(value, COVER)
    return text
