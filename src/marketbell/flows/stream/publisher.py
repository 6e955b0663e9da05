"""Tells the rest of the house what changed: the `market` topic at once or ten times a second, the cache twice.

Rows are conflated (the newest values of what changed), so an outage of the bus costs nothing but its time.
Bars, firings and books that could not be told wait in a bounded queue; who missed them reads the store.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import structlog

from marketbell.core.engine.engine import Engine
from marketbell.core.engine.outputs import Outputs
from marketbell.core.primitives.errors import BusFullError, BusUnavailableError, TopicLostError, UnavailableError
from marketbell.flows.stream import documents
from marketbell.flows.stream.chain_teller import ChainTeller
from marketbell.flows.stream.charts import Charts
from marketbell.flows.stream.partition import Partition
from marketbell.flows.stream.screen_teller import ScreenTeller
from marketbell.flows.stream.whole_market import WholeMarket
from marketbell.ports.bus import Bus
from marketbell.ports.cache import Cache
from marketbell.ports.calendars import SessionTable
from marketbell.ports.ledger import Firing

log = structlog.stdlib.get_logger("stream.publisher")

MARKET = "market"
LATE = "late"
DEAD = "dead"
_MARKET_RETENTION = 5_000
_LATE_RETENTION = 50_000
_WAITING = 2_000
_RECENT = 100
_CACHE_S = 0.5
_EVIDENCE_S = 7 * 86_400.0
"""How long the newest sign of a pattern is kept for people, if no other comes."""


class Publisher:
    """Used by one thread, except for `firings`, which any thread may call."""

    def __init__(
        self,
        bus: Bus,
        cache: Cache,
        sessions: Callable[[str], SessionTable],
        *,
        publish_every_s: float,
    ) -> None:
        self._bus = bus
        self._cache = cache
        self._sessions = sessions
        self._publish_every_s = publish_every_s
        self._seq = 0
        self._has_topics = False
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._changed: dict[str, set[int]] = {}
        self._cache_changed: dict[str, set[int]] = {}
        self._books: dict[str, dict[str, Any]] = {}
        self._cache_books: dict[str, dict[str, Any]] = {}
        self._evidence: dict[str, dict[str, Any]] = {}
        self._recent: deque[dict[str, Any]] = deque(maxlen=_RECENT)
        self._sources: dict[int, bytes] = {}
        self._runs: dict[str, str] = {}
        self._due_rows = float("-inf")
        self._due_cache = float("-inf")
        self.dropped = 0
        self.error = ""
        self.cache_error = ""
        self.charts: Charts | None = None
        """Who looks at single instruments; told of closed and forming bars."""
        self.market: WholeMarket | None = None
        """Where the shards are split over processes: who knows all of them."""
        self._charted: frozenset[int] = frozenset()
        self.screens = ScreenTeller(cache, self.say)
        """Who is in which standing screen."""
        self.chains = ChainTeller(cache, self.say)
        """Who looks at option chains."""

    def take(self, partition: Partition, outputs: Outputs) -> None:
        """Note what came of a batch."""
        key_of = _keys(partition)
        for timeframe, bars in (("1m", outputs.bars_1m), ("1d", outputs.bars_1d)):
            if len(bars["start"]):
                self._queue(MARKET, documents.bars_document(timeframe, bars, key_of))
                if self.charts is not None:
                    self.charts.take(timeframe, bars)
        self.chains.take(outputs.chains)
        self._books.update(documents.newest_books(outputs.depth, outputs.book_states, key_of))
        if len(outputs.quality["kind"]):
            self._recent.extend(documents.quality_events(outputs.quality, key_of, _RECENT))

    def late(self, frame: bytes) -> None:
        """A frame of late ticks."""
        self._queue(LATE, frame)

    def dead(self, letter: bytes) -> None:
        """Something that could not be handled, with its reason."""
        self._queue(DEAD, letter)

    def say(self, document: bytes) -> None:
        """A document for the market topic, from any thread."""
        self._queue(MARKET, document)

    def firings(self, firings: Sequence[Firing]) -> None:
        """Told at once, after they are durable."""
        for firing in firings:
            self._queue(MARKET, documents.firing_document(firing))

    def forget(self, label: str) -> None:
        """The partition has another engine now: its rows are all new."""
        self._changed.pop(label, None)
        self._cache_changed.pop(label, None)

    def tick(self, partitions: Sequence[Partition], steady: float) -> None:
        """Publish what is due. Outages are remembered in `error`, and tried again."""
        self._flush()
        if steady >= self._due_rows:
            self._due_rows = steady + self._publish_every_s
            self._rows(partitions)
            self.chains.tell()
        if steady >= self._due_cache and partitions:
            self._due_cache = steady + _CACHE_S
            self._lists(partitions)
            self._flush()

    def _queue(self, topic: str, document: bytes) -> None:
        if len(self._waiting) >= _WAITING:
            self._waiting.popleft()
            self.dropped += 1
        self._waiting.append((topic, document))

    def _ensure(self) -> None:
        if not self._has_topics:
            self._bus.ensure_topic(MARKET, 1, _MARKET_RETENTION)
            self._bus.ensure_topic(LATE, 1, _LATE_RETENTION)
            self._bus.ensure_topic(DEAD, 1, _LATE_RETENTION)
            self._has_topics = True

    def _flush(self) -> bool:
        """Publish what waits, in order; False while the bus takes nothing."""
        try:
            self._ensure()
            while self._waiting:
                topic, document = self._waiting[0]
                self._bus.publish(topic, 0, document)
                self._waiting.popleft()
        except (BusUnavailableError, BusFullError) as error:
            if isinstance(error, TopicLostError):
                self._has_topics = False
            self._failed(error)
            return False
        self.error = ""
        return True

    def _failed(self, error: UnavailableError) -> None:
        if not self.error:
            log.warning("market.delayed", error=error.message)
        self.error = error.message

    def _rows(self, partitions: Sequence[Partition]) -> None:
        """Changed rows and books since the last time that the bus took them."""
        self._take_changed(partitions)
        if self.error and not self._flush():
            return
        for partition in partitions:
            changed = self._changed.get(partition.label)
            if not changed:
                continue
            at = np.array(sorted(changed), np.int64)
            keys = partition.engine.keys()
            rows = documents.row_values(partition.engine.columns(at))
            self._seq += 1
            document = documents.rows_document(
                self._seq, partition.engine.now(), [keys[row] for row in at.tolist()], rows
            )
            if not self._say(document):
                return
            changed.clear()
        for key, book in list(self._books.items()):
            if not self._say(documents.dumps({"type": "depth"} | book)):
                return
            self._cache_books[key] = self._books.pop(key)

    def _take_changed(self, partitions: Sequence[Partition]) -> None:
        for partition in partitions:
            rows = partition.engine.take_changed().tolist()
            if self.market is not None:
                rows = sorted(self.market.changed(partition, rows).union(rows))
            self._tell_charts(partition, rows)
            if self._runs.get(partition.label) != partition.run:
                self._runs[partition.label] = partition.run
                if self.charts is not None:
                    self.charts.forget()
                self.chains.forget()
                self._new_run(partitions)
            self._changed.setdefault(partition.label, set()).update(rows)
            self._cache_changed.setdefault(partition.label, set()).update(rows)

    def _tell_charts(self, partition: Partition, changed: Sequence[int]) -> None:
        """The newest rows of instruments that somebody looks at."""
        if self.charts is None or not self.charts.wanted:
            return
        found = {partition.engine.row(ident): ident for ident in self.charts.wanted}
        news = self.charts.wanted - self._charted
        self._charted = self.charts.wanted
        moved = set(changed)
        rows = sorted(row for row, ident in found.items() if row is not None and (row in moved or ident in news))
        if not rows:
            return
        columns = {name: values.tolist() for name, values in partition.engine.columns(np.array(rows)).items()}
        for at, row in enumerate(rows):
            ident = int(partition.engine.instruments[row].instrument_id)
            self.charts.forming(ident, {name: values[at] for name, values in columns.items()})

    def _say(self, document: bytes) -> bool:
        try:
            self._ensure()
            self._bus.publish(MARKET, 0, document)
        except (BusUnavailableError, BusFullError) as error:
            if isinstance(error, TopicLostError):
                self._has_topics = False
            self._failed(error)
            return False
        return True

    def _new_run(self, partitions: Sequence[Partition]) -> None:
        """Instruments of another run are no rows of this one. Among several processes the leader sees to it."""
        if self.market is not None:
            return
        known = {one.key for partition in partitions for one in partition.engine.instruments}
        try:
            if not known.issuperset(self._cache.fields("market:rows")):
                self._cache.delete("market:rows")
                self._fill_cache(partitions)
        except BusUnavailableError as error:
            self.cache_error = error.message

    def _lists(self, partitions: Sequence[Partition]) -> None:
        """Rows, books and quality to the cache; lists and summary, where they are made here, to topic and cache."""
        engines = [partition.engine for partition in partitions]
        now = max(engine.now() for engine in engines)
        counts: dict[str, dict[str, int]] = {}
        for engine in engines:
            counts |= engine.quality_counts()
            self._evidence |= documents.evidence(engine)
        try:
            if self.market is None:
                lists: dict[str, Any] | None = documents.merged_lists(engines) | {"as_of": now or None}
                quality: dict[str, Any] = {"instruments": counts, "recent": list(self._recent)}
            else:
                lists = self.market.lists()
                quality = self.market.quality(counts, list(self._recent))
            if lists is not None:
                self._whole(engines, lists, quality, max(now, lists["as_of"] or 0))
            self._cached_rows(partitions)
            self.chains.keep()
            self.screens.tell({one.label: one.engine for one in partitions}, self._labels(partitions))
            for key, document in list(self._evidence.items()):
                self._cache.set(f"market:evidence:{key}", documents.dumps(document), ttl_s=_EVIDENCE_S)
                del self._evidence[key]
            for key, book in list(self._cache_books.items()):
                self._cache.set(f"market:depth:{key}", documents.dumps(book))
                del self._cache_books[key]
        except BusUnavailableError as error:
            if not self.cache_error:
                log.warning("cache.delayed", error=error.message)
            self.cache_error = error.message
        else:
            if self.cache_error:
                self._fill_cache(partitions)
                self.chains.forget()
                self.screens.forget()
            self.cache_error = ""

    def _labels(self, partitions: Sequence[Partition]) -> Sequence[str] | None:
        """The parts that make the market, where this process tells of all of it."""
        if self.market is None:
            return [one.label for one in partitions]
        return self.market.groups if self.market.is_leader else None

    def _whole(self, engines: Sequence[Engine], lists: Mapping[str, Any], quality: Mapping[str, Any], now: int) -> None:
        """Documents about the whole market. What waits for the topic waits in order; a lost cache raises."""
        source = next((engine.source for engine in engines if engine.source), {})
        calendar = str(source.get("calendar") or "XNSE")
        self._queue(MARKET, documents.dumps({"type": "lists"} | dict(lists)))
        session = documents.session_document(engines[0], calendar, now, self._sessions)
        summary = {
            "as_of": now or None,
            "clock": now or None,
            "session": session,
            "breadth": lists["breadth"],
            "indices": lists["indices"],
            "sectors": lists["sectors"],
            "source": source or None,
        }
        said = documents.dumps({"type": "source"} | source | {"session": session, "clock": now or None})
        if said != self._sources.get(0):
            self._sources[0] = said
            self._queue(MARKET, said)
        counted = {"totals": documents.totals(quality["instruments"])} | dict(quality)
        self._queue(MARKET, documents.dumps({"type": "quality", "as_of": now or None} | counted))
        self._cache.set("market:lists", documents.dumps(lists))
        self._cache.set("market:summary", documents.dumps(summary))
        self._cache.set("market:quality", documents.dumps(counted))

    def _fill_cache(self, partitions: Sequence[Partition]) -> None:
        """Write every row again: the cache was emptied, or was away and may have come back empty."""
        for partition in partitions:
            every = range(len(partition.engine.keys()))
            self._cache_changed.setdefault(partition.label, set()).update(every)

    def _cached_rows(self, partitions: Sequence[Partition]) -> None:
        for partition in partitions:
            changed = self._cache_changed.get(partition.label)
            if not changed:
                continue
            at = np.array(sorted(changed), np.int64)
            keys = partition.engine.keys()
            columns = partition.engine.columns(at)
            rows = documents.cached_rows(
                [keys[row] for row in at.tolist()], documents.row_values(columns), columns["change_basis"]
            )
            self._cache.put_fields("market:rows", {key: documents.dumps(row) for key, row in rows.items()})
            changed.clear()

    @property
    def waiting(self) -> int:
        """Documents that the bus has not taken."""
        return len(self._waiting)


def _keys(partition: Partition) -> Callable[[int], str]:
    engine = partition.engine

    def key_of(instrument_id: int) -> str:
        row = engine.row(instrument_id)
        return f"id:{instrument_id}" if row is None else engine.instruments[row].key

    return key_of
