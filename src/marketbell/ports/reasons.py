"""Why a rule fires or not, asked of the stream: who asks, and where the answer lies.

Somebody asks by a field of the hash WANTS; the stream process that has the instrument takes it out, answers under
HAVE, and forgets it. What is answered is what the engine has: nothing is computed for it.
"""

from dataclasses import asdict, dataclass
from typing import Any, Self

WANTS = "why:wants"
"""Hash: nonce -> ReasonRequest as JSON."""
HAVE = "why:have:"
"""Key prefix: nonce -> the answer as JSON, for HAVE_S."""
HAVE_S = 30.0
FORGET_S = 10.0
"""A request that nobody could answer for so long is over."""


@dataclass(frozen=True, slots=True)
class ReasonRequest:
    """About a rule on an instrument. `asked_at` is ns of our clock; `nonce` tells requests apart."""

    rule_uid: str
    instrument_id: int
    instrument: str
    asked_at: int = 0
    nonce: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The inverse."""
        return cls(**values)
