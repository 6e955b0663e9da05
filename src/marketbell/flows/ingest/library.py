"""Reference data on its way into the stores, off the hot path: a queue and one patient thread."""

import queue
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import structlog

from marketbell.core.columns.frame import Columns, FrameKind
from marketbell.core.fundamentals.published import day_text, facts_in, period_day
from marketbell.core.market.instrument import Instrument
from marketbell.core.primitives.errors import MarketbellError, StoreUnavailableError
from marketbell.flows.ingest.preamble import history_of
from marketbell.ports.clock import Clock
from marketbell.ports.feeds import Batch
from marketbell.ports.stores import BarStore, Fact, FundamentalStore, InstrumentStore

log = structlog.stdlib.get_logger("ingest.library")

_LONGEST_WAIT_S = 10.0


class Library:
    """Keeps instruments, facts and history. What was put is tried until the stores have it.

    Everything it writes can be derived from the feed again, so the queue lives in memory only.
    """

    def __init__(self, instruments: InstrumentStore, fundamentals: FundamentalStore, bars: BarStore) -> None:
        self._instruments = instruments
        self._fundamentals = fundamentals
        self._bars = bars
        self._jobs: queue.SimpleQueue[tuple[str, Callable[[], None]]] = queue.SimpleQueue()
        self._pending: tuple[str, Callable[[], None]] | None = None
        self.error = ""

    def put_instruments(self, instruments: Sequence[Instrument]) -> None:
        """Keep them."""
        if instruments:
            kept = list(instruments)
            self._jobs.put(("instruments", lambda: self._instruments.put(kept)))

    def put_reference(self, batches: Iterable[Batch], source: str) -> None:
        """Keep a feed's facts and history."""
        kept = list(batches)
        facts = [
            fact for batch in kept if batch.kind is FrameKind.REFERENCE for fact in facts_of(batch.payload, source)
        ]
        if facts:
            self._jobs.put(("facts", lambda: self._fundamentals.put(facts)))
        for timeframe, parts in history_of(kept).items():
            for part in parts:
                self._jobs.put(("history", self._put_bars(timeframe, part)))

    def later(self, name: str, job: Callable[[], None]) -> None:
        """Do something else that may take its time, in its turn."""
        self._jobs.put((name, job))

    def _put_bars(self, timeframe: str, rows: Columns) -> Callable[[], None]:
        return lambda: self._bars.put(timeframe, rows)

    @property
    def depth(self) -> int:
        """Jobs that wait."""
        return self._jobs.qsize() + (self._pending is not None)

    def step(self, timeout_s: float = 0.0) -> bool:
        """Do one job; False when there was none or the store did not answer."""
        if self._pending is None:
            try:
                self._pending = self._jobs.get(timeout=timeout_s) if timeout_s else self._jobs.get_nowait()
            except queue.Empty:
                return False
        name, job = self._pending
        try:
            job()
        except StoreUnavailableError as error:
            if not self.error:
                log.warning("library.delayed", job=name, error=error.message)
            self.error = error.message
            return False
        except MarketbellError as error:
            # a value that the store refuses would be refused for ever: say it, go on with the next
            log.error("library.refused", job=name, error=error.message)  # noqa: TRY400 — the message is the fact
        self.error = ""
        self._pending = None
        return True

    def run(self, is_stopping: Callable[[], bool], clock: Clock) -> None:
        """Work until told to stop, waiting longer after each failure."""
        wait_s = 0.25
        while not is_stopping():
            if self.step(0.25):
                wait_s = 0.25
            elif self.error:
                clock.sleep(wait_s)
                wait_s = min(2 * wait_s, _LONGEST_WAIT_S)


def facts_of(payload: Mapping[str, Any], source: str) -> list[Fact]:
    """The published values in a REFERENCE payload of fundamentals."""
    if payload.get("type") != "fundamentals":
        return []
    return [
        Fact(
            instrument_id=int(item["instrument_id"]),
            name=fact.name,
            # Without a period it is of the day of its publication: two such values do not overwrite each other.
            period_end=day_text(period_day(fact)),
            value=fact.value,
            published_at=fact.published_at,
            source=fact.source,
            version=fact.version,
        )
        for item in payload.get("items", ())
        for fact in facts_in(item, source)
    ]
