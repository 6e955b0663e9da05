"""What LISTEN and NOTIFY are to the real store."""

import threading


class Announcement:
    """Remembers that something was said until somebody has heard it."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def announce(self) -> None:
        """Wake who waits, or who waits next."""
        self._event.set()

    def wait(self, timeout_s: float) -> bool:
        """True when something was announced since the last call, False when the time is over."""
        was_heard = self._event.wait(timeout_s)
        self._event.clear()
        return was_heard
