"""Where secrets lie that nobody wants in a database."""

from typing import Protocol


class SecretSource(Protocol):
    """One place. `find` is None where it has no such secret.

    Names are like `smtp`, `desk/slack`, with `#field` where an entry holds several (core/alerts/cards).
    Raises DeliveryError: permanent where the secret is there and may not be read, passing where the place does
    not answer. Neither values nor the place's own credentials ever stand in an error.
    """

    def find(self, name: str) -> str | None: ...
    def close(self) -> None: ...


class Secrets(Protocol):
    """All places in their order. `get` raises what they raise, and a permanent DeliveryError where none has it."""

    def get(self, name: str) -> str: ...
    def close(self) -> None: ...
