"""The machine's clocks."""

import time


class SystemClock:
    """Wall time in nanoseconds UTC, and a steady clock for durations."""

    def now(self) -> int:
        """Nanoseconds since 1970, UTC."""
        return time.time_ns()

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait; zero and less return at once."""
        if seconds > 0:
            time.sleep(seconds)
