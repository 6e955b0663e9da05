"""Several places of secrets, asked in their order."""

from collections.abc import Mapping

from marketbell.core.alerts.cards import is_secret_name
from marketbell.core.primitives.errors import DeliveryError
from marketbell.ports.secrets import SecretSource


class InOrder:
    """The first place that has a secret gives it.

    One that does not answer ends the search: a later place could have an old value of the same name.
    """

    def __init__(self, sources: Mapping[str, SecretSource]) -> None:
        self._sources = dict(sources)

    def get(self, name: str) -> str:
        """The secret's value."""
        if not is_secret_name(name):
            raise DeliveryError(f"{name!r} is not the name of a secret", permanent=True)
        for source in self._sources.values():
            value = source.find(name)
            if value is not None:
                return value
        places = ", ".join(self._sources) or "no place"
        raise DeliveryError(f"there is no secret {name} (looked in {places})", permanent=True)

    def close(self) -> None:
        """Let go of connections."""
        for source in self._sources.values():
            source.close()
