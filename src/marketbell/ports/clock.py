"""The only door to wall-clock time outside the processes' edges."""

from typing import Protocol


class Clock(Protocol):
    """Nanoseconds since 1970 UTC, and a steady clock for durations."""

    def now(self) -> int: ...
    def monotonic(self) -> float: ...
    def sleep(self, seconds: float) -> None: ...
