"""What a condition finds, and memory of when something last moved."""

from collections.abc import Hashable
from dataclasses import dataclass
from hashlib import blake2b

NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Finding:
    """Something is not well. `kind` is of KINDS, `subject` says of what, `since` when it began (ns UTC).

    `said` is one sentence for a person, `what_to_do` another.
    """

    kind: str
    subject: str
    since: int
    said: str
    what_to_do: str = ""

    @property
    def watch(self) -> str:
        """The watch's name: `kind` or `kind:subject`."""
        return f"{self.kind}:{self.subject}" if self.subject else self.kind


KINDS = {
    "feed_silent": "Feed silent",
    "stream_stuck": "Evaluator stuck",
    "unsent": "Messages unsent",
    "disk": "Disk nearly full",
    "dead_letters": "Dead letters",
    "process_silent": "Process silent",
}
"""Every kind of watch, and its name for people."""


def title(watch: str) -> str:
    """The name of a watch for people."""
    return KINDS.get(watch.partition(":")[0], watch)


def watch_firing_id(watch: str, began_at: int, event: str) -> str:
    """32 hex digits: whoever raises (or ends) this watch that began then names the firing alike."""
    text = f"{watch}\0{began_at}\0{event}"
    return blake2b(text.encode(), digest_size=16, person=b"mb.watch.1").hexdigest()


class Movement:
    """Remembers when a value changed last, by name. By a steady clock: one that is set moves nothing."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[Hashable, float]] = {}

    def since(self, name: str, value: Hashable, now: int, steady: float) -> int:
        """When this value was seen first in a row, ns UTC by today's clock; `now` where it is new.

        `steady` is the steady clock's reading (seconds) at `now`.
        """
        seen = self._seen.get(name)
        if seen is None or seen[0] != value:
            seen = self._seen[name] = (value, steady)
        return now - round((steady - seen[1]) * NS)
