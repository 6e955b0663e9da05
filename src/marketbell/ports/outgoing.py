"""The one way out to other people's HTTP servers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Reply:
    """What the other side said. `body` is cut at the guard's limit; header names are lower case."""

    status: int
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def document(self) -> dict[str, Any]:
        """The body as a JSON object; {} where it is none (an HTML page of some proxy)."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


class Outgoing(Protocol):
    """POSTs to addresses that people typed. Raises DeliveryError: permanent where the address is refused.

    `pinned` is for other protocols: the address to connect to, once port and name were judged.
    """

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply: ...
    def pinned(self, host: str, port: int, ports: Sequence[int]) -> str: ...
    def close(self) -> None: ...
