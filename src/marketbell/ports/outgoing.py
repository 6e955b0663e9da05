"""The one way out to other people's HTTP servers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Reply:
    """What the other side said. `body` is cut at the guard's limit; header names are lower case."""

    status: int
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class Outgoing(Protocol):
    """POSTs to addresses that people typed. Raises DeliveryError: permanent where the address is refused."""

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply: ...
    def close(self) -> None: ...
