"""Where secrets lie that nobody wants in a database."""

from typing import Protocol


class Secrets(Protocol):
    """Secrets by name: `smtp`, `desk/slack`, with `#field` where an entry holds several.

    Raises DeliveryError: permanent where there is no such secret or it may not be read, passing where the place
    does not answer. Neither the value nor the place's own credentials ever stand in an error.
    """

    def get(self, name: str) -> str: ...
    def close(self) -> None: ...
