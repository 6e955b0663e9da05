"""How the source's time follows the wall's: speed, pause, and jumps over the hours without a market."""

from dataclasses import dataclass

NS = 1_000_000_000

Speed = float | None
"""Source seconds in a second of ours; None is as fast as the readers can follow."""


@dataclass(slots=True)
class Pace:
    """Maps a steady clock (seconds) to the source's clock (ns UTC)."""

    speed: Speed
    is_paused: bool = False
    _source: int = 0
    _steady: float = 0.0

    def start(self, source: int, steady: float) -> None:
        """The source stands at `source` now."""
        self._source, self._steady = source, steady

    def now(self, steady: float) -> int:
        """The source's time. With speed None it stands where it was last put."""
        if self.is_paused or self.speed is None:
            return self._source
        return self._source + round((steady - self._steady) * self.speed * NS)

    def change(self, steady: float, *, speed: Speed, is_paused: bool) -> None:
        """Go on from here with another speed, or stand still."""
        self.start(self.now(steady), steady)
        self.speed, self.is_paused = speed, is_paused

    def hold(self, source: int, steady: float) -> None:
        """The readers could not follow: market time waits for them at `source`."""
        if source < self.now(steady):
            self.start(source, steady)

    def wait_s(self, until: int, steady: float) -> float:
        """Seconds of ours until the source's time is `until`."""
        if self.speed is None:
            return 0.0
        return (until - self.now(steady)) / NS / self.speed
