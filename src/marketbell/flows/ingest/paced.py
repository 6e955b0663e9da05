"""Drives a feed that waits for its reader (replay, demo market) and publishes what it hands out.

Market time follows the wall at a chosen speed, or runs as fast as the stream can follow. Frames carry
the source's positions, so a runner that died goes on exactly where the log ends.

At the end of the source the command `end_of_source` closes what is open. With `loop` a new *run*
begins then: the log gets a new preamble, every reader starts with an empty state, and event times repeat.
Bars of the same times are written again with the same values, and a rule's firing in the new pass is the
same fact (its id has no pass in it): it is not told twice.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import orjson
import structlog

from marketbell.core.columns.frame import SCHEMAS, FrameKind, decode
from marketbell.core.primitives.errors import BusUnavailableError, FeedUnavailableError, UnavailableError
from marketbell.flows.ingest.frames import Entry, heartbeat, producer_id, rows_entries, rows_slices, trade_columns
from marketbell.flows.ingest.library import Library
from marketbell.flows.ingest.log import LogWriter, SpillFullError
from marketbell.flows.ingest.pace import NS, Pace, Speed
from marketbell.flows.ingest.past_chains import PastChains
from marketbell.flows.ingest.positions import Place, applied, published
from marketbell.flows.ingest.preamble import END_OF_SOURCE, Preamble
from marketbell.flows.ingest.pushed import PushedSource
from marketbell.flows.ingest.refresh import Refresh
from marketbell.flows.ingest.relay import CommandRelay
from marketbell.flows.ingest.universe import Directory
from marketbell.ports.cache import Cache
from marketbell.ports.clock import Clock
from marketbell.ports.feeds import Batch, PacedFeed, Prerolled

log = structlog.stdlib.get_logger("ingest.runner")

CONTROL_KEY = "feed:control"
FEEDS_KEY = "feeds"
SESSION_KEY = "feed:session"
REPUBLISH_KEY = "log:republish"
PUSHED = "push"
"""`Instrument.source` of instruments that came through the push endpoints."""

FRAME_ROWS = 1_024
BURST_ROWS = 16 * FRAME_ROWS
LINGER_S = 0.004
_HEARTBEAT_S = 0.25
_FEEDS_S = 0.5
_LAG_S = 0.05
_RETRY_S = 0.2
_RESUME_WAIT_S = 5.0
_DEAD_TIME = 600 * NS
_BEFORE_OPEN = 2 * NS
_HOLD_MAX_SPEED = 1_000
_HOLD = 20_000
_SPILL_HOLD = 0.5


class PacedRunner:
    """One feed. `step` does one turn and says how long nothing is due; `run` steps until told to stop."""

    def __init__(
        self,
        feed: PacedFeed,
        writer: LogWriter,
        directory: Directory,
        cache: Cache,
        clock: Clock,
        *,
        relay: CommandRelay,
        library: Library,
        speed: Speed,
        refresh: Refresh | None = None,
        loop: bool = False,
        others: Callable[[], list[dict[str, Any]]] = list,
        hold_frames: int | None = None,
        past_chains: PastChains | None = None,
    ) -> None:
        self._past_chains = past_chains
        self._feed = feed
        self._preroll_until = feed.preroll_until if isinstance(feed, Prerolled) else 0
        self._writer = writer
        self._directory = directory
        self._cache = cache
        self._clock = clock
        self._relay = relay
        self._library = library
        self._refresh = refresh
        self._loop = loop
        self._others = others
        self._hold_frames = hold_frames
        self._is_live = isinstance(feed, PushedSource)
        self._pace = Pace(speed)
        self._pass = 0
        self._has_started = False
        self._position = 0
        self._barriers: tuple[int, ...] = ()
        self._unsent: list[Entry] = []
        self._source_clock = 0
        self._last_event = 0
        self._state = "starting"
        self._error = ""
        self._outage = ""
        self._lag = 0
        self._lost_epoch = ""
        self._lost_at = 0.0
        self._due = {"house": float("-inf"), "feeds": float("-inf"), "lag": float("-inf")}
        self._control: bytes | None = None
        self._rows = 0
        self._rate_rows, self._rate_at, self._rate = 0, 0.0, 0.0
        self._has_ended = False
        directory.add(feed.instruments())

    @property
    def run_name(self) -> str:
        """This pass of this feed."""
        return f"{self._feed.producer}#{self._pass}"

    @property
    def producer(self) -> int:
        """The pass's number in frames."""
        return producer_id(self.run_name)

    @property
    def source_clock(self) -> int:
        """The source's time, ns UTC; never goes back inside a run."""
        return self._source_clock

    @property
    def state(self) -> str:
        """starting, running, paused, waiting (for the stream), ended or error."""
        return self._state

    @property
    def error(self) -> str:
        """Why the state is error, or what keeps frames on disk."""
        return self._error or self._outage or self._writer.state().error

    @property
    def rows(self) -> int:
        """Rows taken from the feed since this process began."""
        return self._rows

    @property
    def lag(self) -> int:
        """Frames that the stream has not taken, when last asked."""
        return self._lag

    def run(self, is_stopping: Callable[[], bool]) -> None:
        """Step until told to stop. Outages are waited for, never a reason to end."""
        while not is_stopping():
            self._clock.sleep(min(max(self.step(), 0.0), 0.05))

    def step(self) -> float:
        """One turn: what is due is published. Returns seconds during which nothing will be due."""
        steady = self._clock.monotonic()
        try:
            self._house(steady)
            wait_s = self._advance(steady) if self._has_started and self._writer.is_open else _RETRY_S / 4
        except FeedUnavailableError as error:
            self._say("error", error.message)
            wait_s = _RETRY_S
        except UnavailableError as error:
            self._say("error", error.message)
            wait_s = _RETRY_S
        self._show(steady)
        return wait_s

    # --- housekeeping -----------------------------------------------------------------------------

    def _house(self, steady: float) -> None:
        """Four times a second: control, the log's epoch, a heartbeat."""
        if steady < self._due["house"]:
            return
        self._due["house"] = steady + _HEARTBEAT_S
        self._obey(steady)
        if not self._has_started:
            self._begin(steady)
        elif self._is_lost():
            self._recover(steady)
        if self._writer.is_open:
            self._writer.drain()
            self._tell_news()
            self._beat()

    def _begin(self, steady: float) -> None:
        """First contact with the log: find the pass, the place, and what the log lacks."""
        self._writer.connect()
        self._directory.set_partitions(self._writer.partitions)
        self._pass = self._writer.recall(f"pass:{producer_id(self._feed.producer)}", 0) or 0
        is_known = self._writer.recall("run", 0) == self.producer
        place = published(self._writer, self.producer) if is_known else None
        if place is None:
            place = applied(self._cache, self.run_name, self.producer)
        self._seek(place or Place(0), steady)
        # A cache that nobody has written to yet is a machine that was switched on again: whoever asks
        # for a replay that had ended wants to see it again.
        is_new_session = self._cache.add(SESSION_KEY, b"1", ttl_s=365 * 86_400.0)
        if is_new_session and self._position and self._feed.next_time() is None:
            self._next_pass(steady)
        elif is_known:
            self._relay.trust(self._writer.epoch)
            self._library.put_instruments(self._feed.instruments())
            self._writer.open()
        else:
            self._publish_preamble()
        self._has_started = True
        log.info("feed.started", run=self.run_name, position=self._position, resumed=is_known)

    def _recover(self, steady: float) -> None:
        """The log is another one than before. Ask the stream where it stands, go back there, begin anew."""
        if not self._lost_epoch:
            self._lost_epoch, self._lost_at = self._writer.epoch, steady
            log.warning("log.lost", epoch=self._lost_epoch)
        self._writer.say_lost()
        place = applied(self._cache, self.run_name, self.producer)
        if place is None and steady - self._lost_at < _RESUME_WAIT_S:
            # the stream sees its log gone as soon as we do; it must not see a new one before it has said so
            self._due["house"] = steady + _HEARTBEAT_S / 5
            return
        self._writer.connect()
        if place is not None and place.position < self._position:
            self._writer.discard(self._is_ours)
            self._unsent = []
            self._seek(place, steady)
        self._has_ended = False  # the word of it was lost with the log; said twice it does no harm
        self._publish_preamble()
        log.warning("log.began_anew", epoch=self._writer.epoch, position=self._position)
        self._lost_epoch = ""

    def _is_lost(self) -> bool:
        """True where the log is not the one we wrote to. A bus that is away is not a lost log."""
        try:
            is_lost = not self._writer.is_open or self._writer.check()
        except BusUnavailableError as error:
            self._outage = error.message
            return False
        self._outage = ""
        return is_lost

    def _is_ours(self, frame: bytes) -> bool:
        return decode(frame).producer == self.producer

    def _seek(self, place: Place, steady: float) -> None:
        clock = self._feed.seek(place.position)
        self._position, self._barriers = place.position, place.barriers
        self._source_clock = max(self._source_clock, clock)
        self._pace.start(clock, steady)

    def _publish_preamble(self) -> None:
        preamble = Preamble(self._writer.partitions, self._directory.partition, self._source_clock)
        reference = list(self._feed.reference())
        entries = preamble.run(self.run_name, self._feed.card, self._pace.speed)
        pushed = [one for one in self._directory.all() if one.source == PUSHED]
        entries += preamble.instruments([*self._feed.instruments(), *pushed])
        entries += preamble.batches(reference)
        told = None if self._past_chains is None else self._past_chains.payload(self._source_clock)
        entries += [] if told is None else preamble.facts(told)
        entries += self._relay.prepare(self._writer.epoch, self._source_clock)
        self._writer.preamble(entries)
        self._writer.remember("run", 0, self.producer)
        # Before the log opens: what the source tells of the past is in the store when armed rules ask for it.
        self._library.put_instruments(self._feed.instruments())
        self._library.put_reference(reference, self._feed.card.label)
        self._writer.open()
        log.info("preamble.published", run=self.run_name, frames=len(entries), epoch=self._writer.epoch)

    def _tell_news(self) -> None:
        """Facts that were asked for anew, on the log and then in the store."""
        if self._refresh is None or self._unsent:
            return
        for batch in self._refresh.news():
            preamble = Preamble(self._writer.partitions, self._directory.partition, self._source_clock)
            self._send(preamble.facts(batch.payload))
            self._library.put_reference([batch], self._feed.card.label)

    def _beat(self) -> None:
        """Tell every partition the source's time, and the bus how far we are."""
        if self._writer.is_spilling:
            return
        entries = [
            heartbeat(partition, self.producer, self._position, self._source_clock)
            for partition in range(self._writer.partitions)
        ]
        if not self._unsent and self._writer.publish(entries):
            for partition in range(self._writer.partitions):
                self._writer.remember(f"{self.producer}", partition, self._position)

    def _obey(self, steady: float) -> None:
        """Pause, speed and requests from the cache. A cache that is away changes nothing."""
        try:
            raw = self._cache.get(CONTROL_KEY)
            wants_preamble = self._has_started and self._cache.take(REPUBLISH_KEY) is not None
            if self._refresh is not None and self._has_started:
                self._refresh.look()
        except BusUnavailableError:
            return
        if wants_preamble and self._writer.is_open:
            self._publish_preamble()
        if raw is None or raw == self._control:
            return
        self._control = raw
        wanted = orjson.loads(raw)
        speed = wanted.get("speed", self._pace.speed if self._pace.speed is not None else "max")
        is_paused = bool(wanted.get("paused", self._pace.is_paused))
        if self._pace.speed is None and self._has_started:
            self._pace.start(self._source_clock, steady)
        self._pace.change(steady, speed=None if speed == "max" else float(speed), is_paused=is_paused)
        log.info("feed.controlled", paused=is_paused, speed=speed)
        if wanted.get("restart") and self._has_started and self._writer.is_open:
            self._next_pass(steady)

    # --- events -----------------------------------------------------------------------------------

    def _advance(self, steady: float) -> float:
        """Publish what is due; seconds until more is."""
        if self._unsent and not self._send([]):
            self._say("waiting", "the bus is away and the queue on disk is full")
            return _RETRY_S
        if self._pace.is_paused:
            self._say("paused")
            return _HEARTBEAT_S / 4
        if not self._may_run(steady):
            self._say("waiting")
            self._pace.hold(self._source_clock, steady)
            return LINGER_S * 2
        due = self._feed.next_time()
        if due is None or (self._pace.speed is not None and due <= self._preroll_until):
            return self._end(steady) if due is None else self._preroll(steady)
        self._say("running")
        if self._is_live:
            # the venue's time is the wall's: a steady clock stands while a machine sleeps, and knows of no setting
            self._pace.start(due, steady)
        now = self._pace.now(steady)
        if self._pace.speed is not None and due - now > _DEAD_TIME:
            # nothing happens for long: the market is closed, and nobody wants to wait for it
            now = due - _BEFORE_OPEN
            self._pace.start(now, steady)
        until = now if self._pace.speed is not None else (1 << 62)
        rows = self._take(until)
        due = self._feed.next_time()
        reached = self._last_event if due is None else due
        if self._pace.speed is not None:
            reached = min(self._pace.now(steady), reached)
        self._source_clock = max(self._source_clock, reached)
        if rows >= BURST_ROWS or (self._pace.speed is None and rows):
            return 0.0
        return LINGER_S if due is None else max(LINGER_S, self._pace.wait_s(due, steady))

    def _preroll(self, steady: float) -> float:
        """A burst of the part that is there to fill charts; market time begins to keep its pace behind it."""
        self._say("running")
        self._take(self._preroll_until)
        due = self._feed.next_time()
        reached = self._preroll_until if due is None else min(due, self._preroll_until)
        self._source_clock = max(self._source_clock, reached)
        self._pace.start(self._source_clock, steady)
        return 0.0

    def _take(self, until: int) -> int:
        """Hand on at most a burst of rows; how many."""
        total = 0
        while total < BURST_ROWS:
            limit = BURST_ROWS - total
            if self._barriers:
                limit = max(1, min(limit, self._barriers[0] - self._position))
            batches = self._feed.advance(until, limit)
            if not batches:
                break
            entries: list[Entry] = []
            for batch in batches:
                entries += self._entries(batch)
                total += max(1, len(batch.columns.get("instrument_id", ())))
            self._barriers = tuple(one for one in self._barriers if one > self._position)
            if not self._send(entries):
                break
        return total

    def _entries(self, batch: Batch) -> list[Entry]:
        """Frames of a batch. Only a batch whose rows are its positions can be cut; others stay whole."""
        first = self._position if batch.first is None else batch.first
        self._position = batch.position
        if batch.kind is FrameKind.REFERENCE:
            return self._reference_entries(batch, first)
        count = len(batch.columns["instrument_id"])
        self._rows += count
        times = batch.columns.get("event_time", batch.columns.get("start"))
        if times is not None and count:
            self._last_event = max(self._last_event, int(times.max()))
        parts: Sequence[dict[str, Any]] = [batch.columns]
        if batch.position - first == count:
            parts = rows_slices(batch.kind, batch.columns, FRAME_ROWS)
        entries: list[Entry] = []
        for part in parts:
            last = batch.position if part is parts[-1] else first + len(part["instrument_id"])
            entries += rows_entries(
                batch.kind,
                part,
                partitions=self._writer.partitions,
                partition_of=self._directory.partition,
                producer=self.producer,
                first=first,
                last=last,
                payload=batch.payload,
            )
            first = last
        return entries

    def _reference_entries(self, batch: Batch, first: int) -> list[Entry]:
        """Facts that become known on the way, and a frame without rows that carries the position on."""
        entries = Preamble(self._writer.partitions, self._directory.partition, self._source_clock).facts(batch.payload)
        self._library.put_reference([batch], self._feed.card.label)
        if batch.position != first:
            entries += rows_entries(
                FrameKind.TRADE,
                trade_columns({name: () for name, _ in SCHEMAS[FrameKind.TRADE]}),
                partitions=self._writer.partitions,
                partition_of=self._directory.partition,
                producer=self.producer,
                first=first,
                last=batch.position,
            )
        return entries

    def _send(self, entries: list[Entry]) -> bool:
        """Publish or spill; False where neither was possible and the frames wait here."""
        entries = self._unsent + entries
        try:
            self._writer.publish(entries)
        except SpillFullError:
            self._unsent = entries
            return False
        self._unsent = []
        return True

    def _may_run(self, steady: float) -> bool:
        """False while the stream is too far behind, or the bus away and the queue on disk filling."""
        if self._writer.is_spilling:
            return self._pace.speed is not None and self._writer.spill_fill < _SPILL_HOLD
        if steady >= self._due["lag"]:
            self._due["lag"] = steady + _LAG_S
            try:
                self._lag = self._writer.lag()
            except BusUnavailableError:
                return self._pace.speed is not None
        limit = self._hold_frames or (_HOLD_MAX_SPEED if self._pace.speed is None else _HOLD)
        return self._lag < limit

    def _end(self, steady: float) -> float:
        """The source has no more: say so once, then stand still or begin the next pass."""
        if not self._has_ended:
            self._source_clock = max(self._source_clock, self._last_event)
            preamble = Preamble(self._writer.partitions, self._directory.partition, self._source_clock)
            if not self._send(preamble.command({"type": END_OF_SOURCE, "run": self.run_name})):
                return _RETRY_S
            self._has_ended = True
            log.info("feed.ended", run=self.run_name, position=self._position)
            if self._loop:
                self._next_pass(steady)
                return 0.0
        self._say("ended")
        return _HEARTBEAT_S / 4

    def _next_pass(self, steady: float) -> None:
        """Begin the source again, as a new run with an empty state."""
        self._pass += 1
        self._writer.remember(f"pass:{producer_id(self._feed.producer)}", 0, self._pass)
        self._source_clock = 0
        self._last_event = 0
        self._has_ended = False
        self._seek(Place(0), steady)
        self._publish_preamble()

    # --- what is shown ----------------------------------------------------------------------------

    def _say(self, state: str, error: str = "") -> None:
        if error and error != self._error:
            log.warning("feed.delayed", error=error)
        self._state, self._error = state, error

    def _show(self, steady: float) -> None:
        """Twice a second: the feeds document."""
        if steady < self._due["feeds"]:
            return
        self._due["feeds"] = steady + _FEEDS_S
        passed = steady - self._rate_at
        if passed > 0:
            self._rate = (self._rows - self._rate_rows) / passed
            self._rate_rows, self._rate_at = self._rows, steady
        try:
            self._cache.set(FEEDS_KEY, orjson.dumps([self.document(), *self._others()]))
        except BusUnavailableError:
            return

    def document(self) -> dict[str, Any]:
        """The feed as Data health shows it."""
        writer = self._writer.state()
        return asdict(self._feed.card) | {
            "run": self.run_name,
            "state": self._state,
            "position": self._position,
            "clock": self._source_clock,
            "last_event_time": self._last_event or None,
            "rate": self._rate,
            "speed": "max" if self._pace.speed is None else self._pace.speed,
            "is_paused": self._pace.is_paused,
            "lag_frames": self._lag,
            "spilled_frames": writer.spilled_frames,
            "error": self.error or self._relay.error or self._library.error or None,
        }
