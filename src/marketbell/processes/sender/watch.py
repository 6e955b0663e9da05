"""The watch beside the sender's loop: a thread of its own, so that neither holds up the other."""

import threading

import structlog

from marketbell.flows.watching.rounds import Rounds

log = structlog.stdlib.get_logger("watch")

LONGEST_WAIT_S = 5.0


class Watch:
    """Makes its rounds from `start` until `stop`."""

    def __init__(self, rounds: Rounds) -> None:
        self._rounds = rounds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, within a moment; a look under way is not waited for long."""
        self._stopping.set()
        self._thread.join(1.0)

    def _run(self) -> None:
        wait_s = 0.0
        while not self._stopping.wait(min(wait_s, LONGEST_WAIT_S)):
            try:
                wait_s = self._rounds.step()
            except Exception:
                # a fault in one look must not end the watch: it is said, and the next look comes
                log.exception("watch.failed")
                wait_s = LONGEST_WAIT_S
