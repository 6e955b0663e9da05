"""The market of all stream processes: each tells its changed rows, one of them puts the whole together.

Every process speaks at the heartbeats of its log, which all of them read, so what it tells follows from the
log alone. The leader, whichever process holds the lock, merges what all have told (core/engine/stage_two) and
makes lists, breadth and sectors of it. Nothing here is kept: a new leader asks everybody for all rows, and a
process that starts again tells all of its rows first.
"""

import secrets
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import structlog

from marketbell.core.columns.frame import decode, encode
from marketbell.core.columns.rows import changed_rows, rows_frame
from marketbell.core.engine.engine import Engine
from marketbell.core.engine.lists import READ
from marketbell.core.engine.merge import NEVER
from marketbell.core.engine.stage_two import StageTwo
from marketbell.core.engine.telling import Teller
from marketbell.core.primitives.errors import (
    BusFullError,
    BusUnavailableError,
    CorruptFrameError,
    StoreUnavailableError,
    TopicLostError,
)
from marketbell.core.primitives.shards import ALL_SHARDS, Shards
from marketbell.flows.stream import documents
from marketbell.flows.stream.partition import Partition
from marketbell.ports.bus import Bus
from marketbell.ports.cache import Cache
from marketbell.ports.leases import Lease, Leases

log = structlog.stdlib.get_logger("stream.market")

CHANGES = "changes"
LEADER = "stream:stage-two"
FULL_KEY = "stream:full"
"""Cache key: a word that changes when everybody has to tell all rows."""
QUALITY_KEY = "stream:quality:"
_RETENTION = 20_000
_WAITING = 2_000
_QUALITY_TTL_S = 30.0
_FULL_TTL_S = 60.0
_EVERY_S = 0.5
_LEASE_S = 1.0
_ASK_S = 2.0
_READ = 500
_LIMIT = 100
_RECENT = 100


@dataclass(slots=True)
class _Voice:
    """What one part of our shards has still to tell (`pending`), and what was taken from its engine for that.

    Both are rows by number, which mean something for `engine` only.
    """

    teller: Teller
    engine: Engine
    pending: set[int]
    taken: set[int]
    wants_full: bool = True


class WholeMarket:
    """One process's voice, and the whole market where this process leads. Used by the stream's own thread."""

    def __init__(
        self, bus: Bus, cache: Cache, leases: Leases, shards: Shards, undervalued: Mapping[str, float]
    ) -> None:
        self._bus = bus
        self._cache = cache
        self._leases = leases
        self._shards = shards
        self._undervalued = undervalued
        self._voices: dict[str, _Voice] = {}
        self._waiting: deque[bytes] = deque()
        self._has_topic = False
        self._word = b""
        self._groups: tuple[str, ...] = ()
        self._ranges: tuple[str, ...] = ()
        self._is_whole = False
        self._lease: Lease | None = None
        self._stage: StageTwo | None = None
        self._after = 0
        self._has_moved = False
        self._due = {"word": float("-inf"), "lease": float("-inf"), "ask": float("-inf")}

    # --- telling -------------------------------------------------------------------------------------

    def heartbeat(self, partition: Partition, fence: int) -> None:
        """A heartbeat of the log was applied: tell what changed up to it."""
        voice = self._voice(partition, fence)
        engine = voice.engine
        rows = engine.take_changed().tolist()
        voice.taken.update(rows)
        voice.pending.update(rows)
        at = np.arange(len(engine.instruments)) if voice.wants_full else np.array(sorted(voice.pending), np.int64)
        message = voice.teller.tell(
            at,
            engine.columns(at),
            engine.instruments,
            position=partition.offset,
            now=engine.clock,
            is_full=voice.wants_full,
        )
        partition.told = voice.teller.heartbeat
        voice.pending.clear()
        voice.wants_full = False
        if len(self._waiting) >= _WAITING:
            self._waiting.clear()
            self._tell_all()
        self._waiting.append(encode(rows_frame(message)))

    def _voice(self, partition: Partition, fence: int) -> _Voice:
        """The part's voice; another engine, owner or log has to say everything anew."""
        voice = self._voices.get(partition.label)
        if (
            voice is None
            or voice.engine is not partition.engine
            or (voice.teller.epoch, voice.teller.fence) != (partition.epoch, fence)
        ):
            teller = Teller(
                partition.label,
                READ,
                epoch=partition.epoch,
                fence=fence,
                position=partition.offset,
                heartbeat=partition.told,
            )
            voice = self._voices[partition.label] = _Voice(teller, partition.engine, set(), set())
        return voice

    def changed(self, partition: Partition, rows: Sequence[int]) -> set[int]:
        """Rows that somebody else took from the engine; the answer are those that were taken here since."""
        voice = self._voices.get(partition.label)
        if voice is None or voice.engine is not partition.engine:
            return set()
        voice.pending.update(rows)
        taken, voice.taken = voice.taken, set()
        return taken

    def _tell_all(self) -> None:
        for voice in self._voices.values():
            voice.wants_full = True

    # --- the turn ------------------------------------------------------------------------------------

    @property
    def is_leader(self) -> bool:
        """True while this process makes the whole market."""
        return self._stage is not None

    @property
    def groups(self) -> tuple[str, ...]:
        """Labels of the parts that make the market; none while some of its shards have nobody."""
        return self._groups if self._is_whole else ()

    def expect(self, status: Mapping[str, Any]) -> None:
        """The parts that make the market, by the status of all processes."""
        parts = [one for one in status["partitions"] if one["state"] in {"running", "lost"}]
        self._groups = tuple(sorted({str(one["label"]) for one in parts}))
        held = {shard for one in parts for shard in Shards.parse(one["shards"])}
        self._is_whole = held.issuperset(ALL_SHARDS)
        self._ranges = tuple(sorted(str(one["shards"]) for one in status["processes"] if one["is_owner"]))

    def tick(self, steady: float) -> None:
        """Publish what waits, and lead where nobody else does. Outages are left to the next turn."""
        try:
            self._listen(steady)
            self._publish()
            if self._leads(steady):
                self._merge(steady)
        except TopicLostError:
            self._has_topic, self._after = False, 0
            self._tell_all()
        except (BusUnavailableError, BusFullError) as error:
            log.debug("changes.delayed", error=error.message)

    def _listen(self, steady: float) -> None:
        if steady < self._due["word"]:
            return
        self._due["word"] = steady + _EVERY_S
        word = self._cache.get(FULL_KEY) or b""
        if word and word != self._word:
            self._tell_all()
        self._word = word

    def _publish(self) -> None:
        if not self._has_topic:
            self._bus.ensure_topic(CHANGES, 1, _RETENTION)
            self._has_topic = True
        while self._waiting:
            self._bus.publish(CHANGES, 0, self._waiting[0])
            self._waiting.popleft()

    def _leads(self, steady: float) -> bool:
        """Hold the lock, or try for it once a second."""
        if steady < self._due["lease"]:
            return self.is_leader
        self._due["lease"] = steady + _LEASE_S
        try:
            if self._lease is not None and self._lease.is_held():
                return True
            self.resign()
            self._lease = self._leases.acquire(LEADER)
        except StoreUnavailableError:
            return self.is_leader  # nobody else can lead now either
        if self._lease is None:
            return False
        self._stage = StageTwo(self._groups)
        newest = self._bus.last(CHANGES, 0)
        self._after = newest[0] if newest else 0
        self._ask(steady)
        log.info("market.led", shards=str(self._shards), fence=self._lease.fence)
        return True

    def resign(self) -> None:
        """Let another process lead."""
        lease, self._lease, self._stage = self._lease, None, None
        if lease is not None:
            lease.release()

    def _ask(self, steady: float) -> None:
        """Ask everybody for all rows, not more than every two seconds."""
        if steady >= self._due["ask"]:
            self._due["ask"] = steady + _ASK_S
            self._cache.set(FULL_KEY, secrets.token_hex(8).encode(), ttl_s=_FULL_TTL_S)

    def _merge(self, steady: float) -> None:
        stage = self._stage
        if stage is None:
            return
        if set(self._groups) != set(stage.merge.counts()):
            stage.merge.expect(self._groups)
            self._due["ask"] = steady  # what a new part told before we expected it was not taken
        while entries := self._bus.read(CHANGES, 0, self._after, _READ, 0.0):
            self._after = entries[-1][0]
            for offset, data in entries:
                try:
                    stage.take(changed_rows(decode(data)))
                except CorruptFrameError as error:
                    log.error("changes.corrupt", offset=offset, error=error.message)  # noqa: TRY400 — the message is the fact
        while (moment := stage.step()) is not None:
            self._has_moved |= moment.has_moved
        if stage.merge.asks_for_full():
            self._ask(steady)
        elif self._has_moved and self._is_whole:
            self._drop_strangers(stage)
            self._has_moved = False

    def _drop_strangers(self, stage: StageTwo) -> None:
        """Rows of instruments that are in no engine any more leave the cache."""
        strangers = self._cache.fields("market:rows").keys() - set(stage.table.keys)
        if strangers:
            self._cache.drop_fields("market:rows", sorted(strangers))

    # --- the whole -----------------------------------------------------------------------------------

    def lists(self) -> dict[str, Any] | None:
        """Lists, breadth, sectors and indices of everybody; None where this process does not lead, or not yet."""
        stage = self._stage
        if stage is None or stage.time == NEVER or stage.merge.asks_for_full():
            return None
        return stage.lists(_LIMIT, self._undervalued) | {"as_of": stage.time}

    def quality(self, counts: Mapping[str, Mapping[str, int]], recent: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Our quality events beside those of the others. Raises BusUnavailableError."""
        share = {"instruments": counts, "recent": list(recent)}
        self._cache.set(f"{QUALITY_KEY}{self._shards}", documents.dumps(share), ttl_s=_QUALITY_TTL_S)
        if not self.is_leader:
            return share
        instruments: dict[str, Any] = {}
        events: list[dict[str, Any]] = []
        for shards in self._ranges:
            raw = self._cache.get(f"{QUALITY_KEY}{shards}")
            if raw is not None:
                told = orjson.loads(raw)
                instruments |= told["instruments"]
                events += told["recent"]
        events.sort(key=lambda event: (event["event_time"], event["instrument"], event["kind"]))
        return {"instruments": instruments, "recent": events[-_RECENT:]}
