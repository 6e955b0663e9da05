"""A clock moved by hand: tests and replays wait for nobody."""

import threading


class ManualClock:
    """Stands still until `move` (or a sleep in it) sets it on."""

    def __init__(self, now_ns: int = 0) -> None:
        self._now = now_ns
        self._start = now_ns
        self._lock = threading.Lock()

    def now(self) -> int:
        """Nanoseconds since 1970, UTC."""
        with self._lock:
            return self._now

    def monotonic(self) -> float:
        """Seconds since this clock was made."""
        return (self.now() - self._start) / 1e9

    def sleep(self, seconds: float) -> None:
        """Nobody waits: the clock jumps instead."""
        self.move(max(seconds, 0.0))

    def move(self, seconds: float) -> None:
        """Set the clock on by so many seconds."""
        with self._lock:
            self._now += round(seconds * 1e9)
