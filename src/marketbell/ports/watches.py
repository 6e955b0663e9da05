"""What is being watched and is not well: raised once, by whoever sees it first."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Raised:
    """A watch that stands. `watch` is `kind` or `kind:subject`, `began_at` ns UTC, `said` one sentence."""

    watch: str
    began_at: int
    said: str


class WatchStore(Protocol):
    """Raises StoreUnavailableError when the database does not answer."""

    def put_up(self, raised: Raised) -> Raised:
        """Raise a watch. Where it stands already, the answer is that one: several watchers agree on when it began."""

    def take_down(self, watch: str, began_at: int, now: int) -> bool:
        """It is over. False where another one stands by now, or none."""

    def standing(self) -> list[Raised]:
        """All that are raised, by name."""
