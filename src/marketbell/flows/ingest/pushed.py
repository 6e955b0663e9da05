"""Lets a feed that speaks when it likes (a live provider) be driven like one that waits for its reader.

The connector talks on a thread of its own into a bounded queue; the paced runner takes from it at the
pace of the wall clock, and gives preamble, heartbeats, positions and spilling as to any other feed.
"""

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

import structlog

from marketbell.core.market.instrument import Instrument
from marketbell.core.primitives.errors import BusFullError, FeedUnavailableError, InvalidSettingError, MarketbellError
from marketbell.ports.clock import Clock
from marketbell.ports.feeds import Batch, PushedFeed

log = structlog.stdlib.get_logger("ingest.pushed")

MAX_ROWS = 200_000
"""Rows that may wait while the bus is away or the feed paused; more is lost, and the hole is shown."""
_STOP_WITHIN_S = 2.0


class PushedSource:
    """A PacedFeed over a PushedFeed. Its clock is the wall's; it cannot go back, so seeking changes nothing."""

    def __init__(self, feed: PushedFeed, clock: Clock) -> None:
        self._feed = feed
        self._clock = clock
        self.card = feed.card
        self.producer = feed.producer
        self._waiting: deque[Batch] = deque()
        self._rows = 0
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._failure = ""

    def instruments(self) -> Sequence[Instrument]:
        """As the connector names them."""
        return self._feed.instruments()

    def reference(self) -> Sequence[Batch]:
        """As the provider knows it now. FeedUnavailableError where it does not answer or refuses us."""
        try:
            return self._feed.reference()
        except InvalidSettingError as error:
            # the process must not end for it: the reason stands on Data health until somebody mends it
            raise FeedUnavailableError(error.message) from error

    @property
    def start_time(self) -> int:
        """Now."""
        return self._clock.now()

    @property
    def end_time(self) -> int | None:
        """A venue does not end."""
        return None

    def seek(self, position: int) -> int:  # noqa: ARG002 — what was said before cannot be had again
        """Now: only what comes from here on can be had."""
        return self._clock.now()

    def next_time(self) -> int | None:
        """Now. FeedUnavailableError with the connector's words while nothing can come."""
        self._start()
        if self._failure:
            raise FeedUnavailableError(self._failure)
        if not self._waiting and (reason := self._feed.health()):
            raise FeedUnavailableError(reason)
        return self._clock.now()

    def advance(self, until: int, max_rows: int) -> list[Batch]:  # noqa: ARG002 — all that came lies before now
        """What has come, oldest first; one batch at least, however many rows it has."""
        taken: list[Batch] = []
        count = 0
        with self._lock:
            while self._waiting and (not taken or count + _rows_of(self._waiting[0]) <= max_rows):
                batch = self._waiting.popleft()
                count += _rows_of(batch)
                taken.append(batch)
            self._rows -= count
        return taken

    def close(self) -> None:
        """Tell the connector to stop, and wait for it a little."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(_STOP_WITHIN_S)

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._listen, name=f"feed-{self.card.name}", daemon=True)
            self._thread.start()

    def _listen(self) -> None:
        try:
            self._feed.run(self._take, self._stopping.is_set)
        except MarketbellError as error:
            self._failure = error.message
            log.error("feed.refused", feed=self.card.name, error=error.message)  # noqa: TRY400 — the message is the fact
        except Exception:
            self._failure = f"the connector {self.card.name} has failed; its log says why"
            log.exception("feed.failed", feed=self.card.name)

    def _take(self, batch: Batch) -> None:
        rows = _rows_of(batch)
        with self._lock:
            if self._rows + rows > MAX_ROWS:
                message = f"{self._rows} rows wait already"
                raise BusFullError(message)
            self._waiting.append(replace(batch, first=batch.position - rows))
            self._rows += rows


def _rows_of(batch: Batch) -> int:
    return len(batch.columns["instrument_id"]) if batch.columns else 0
