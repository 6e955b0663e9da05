"""What the watch can see: documents of the cache, counts of the store, the disk. Everything is asked, nothing kept."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Terms:
    """From when on something is not well. Seconds, bytes, counts."""

    feed_silence_s: float = 60.0
    stuck_s: float = 30.0
    unsent_s: float = 60.0
    process_silent_s: float = 30.0
    disk_free: int = 1 << 30
    dead_letters: int = 0
    calm_s: float = 30.0
    """A watch is over when nothing was found for so long: what flickers is one alert."""


@dataclass(frozen=True, slots=True)
class Sight:
    """One look. None where the part that knows did not answer: no news is no finding, and ends none."""

    feeds: list[Mapping[str, Any]] | None = None
    stream: Mapping[str, Any] | None = None
    processes: Mapping[str, Mapping[str, Any]] | None = None
    oldest_unsent: int | None = None
    dead_messages: int = 0
    dead_runs: int = 0
    disk_free: int = 0
    disk_total: int = 0
    unknown: frozenset[str] = field(default_factory=frozenset)
    """Kinds of watches (core/watch/finding.KINDS) of which nothing is known just now."""


class Eyes(Protocol):
    """Takes a look. Never raises for an outage: that is what `unknown` says."""

    def look(self, now: int) -> Sight: ...


Sessions = Callable[[str], Any]
"""The session table of a calendar's name."""
