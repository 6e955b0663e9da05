"""The stream process's work: shards of the log in, the market and its firings out.

A process owns a range of shards, and reads every partition of the log that carries some of them. After a
start its state may come from checkpoints of several earlier ranges that stand at different places: then each
goes on from its own, the older ones first, until neighbours meet and become one.

A batch goes this way: read, apply, hand firings to the ledger lane and bars to the bar lane, note what
to publish, and now and then offer a checkpoint, which is saved once both lanes have passed it. Nothing
is told of a firing before it is durable. Databases and brokers may come and go: what they miss waits in
bounded queues, and when those are full the stream stops reading, visibly.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from marketbell.core.engine.outputs import Fired, RuleFiring
from marketbell.core.primitives.errors import (
    BusUnavailableError,
    CheckpointError,
    StoreUnavailableError,
    TopicLostError,
    UnavailableError,
)
from marketbell.core.primitives.shards import Shards, shards_of
from marketbell.core.rules.why import Reasons
from marketbell.flows.stream.chain_lane import ChainLane
from marketbell.flows.stream.cover import Covered, cover
from marketbell.flows.stream.documents import dumps
from marketbell.flows.stream.durable import BarLane, LedgerJob, LedgerLane
from marketbell.flows.stream.keeping import Candidate, Keeper
from marketbell.flows.stream.ownership import Ownership
from marketbell.flows.stream.partition import Applied, Partition, Recorded
from marketbell.flows.stream.publisher import Publisher
from marketbell.flows.stream.records import (
    firing_of,
    is_spent,
    late_frame,
    quality_totals,
    rule_firing_of,
    snapshot_rows,
)
from marketbell.flows.stream.screen_lane import ScreenLane, standing_of
from marketbell.flows.stream.standing import Standing, slowest
from marketbell.flows.stream.whole_market import WholeMarket
from marketbell.ports.bus import Bus
from marketbell.ports.cache import Cache
from marketbell.ports.calendars import SessionTable
from marketbell.ports.checkpoints import CheckpointStore
from marketbell.ports.clock import Clock

log = structlog.stdlib.get_logger("stream.runner")

LOG = "log"
GROUP = "stream"
RESUME_KEY = "log:resume:"
REPUBLISH_KEY = "log:republish"
_RESUME_TTL_S = 120.0
_MAX_FRAMES = 256
_LANE_LIMIT = 5_000
_RECORDED_ROWS = 250_000
_HOUSE_S = 0.5
_SNAPSHOT_S = 20.0


@dataclass(slots=True)
class _Slice:
    """Shards of a partition and where their life stands: standby, waiting (for the log), running, or lost (its log)."""

    partition: Partition
    phase: str = "standby"
    reason: str = ""
    recorded: list[Recorded] | None = None
    recorded_rows: int = 0
    taken_at: float = float("-inf")
    lag: int = 0


class StreamRunner:
    """`step` does one turn on the caller's thread.

    The lanes and the keeper have threads of their own in a process, and are stepped by hand in tests.
    """

    def __init__(
        self,
        make: Callable[[int, Shards, Shards], Partition],
        bus: Bus,
        cache: Cache,
        clock: Clock,
        *,
        ownership: Ownership,
        standing: Standing,
        partitions: int,
        checkpoints: CheckpointStore,
        ledger_lane: LedgerLane,
        bar_lane: BarLane,
        keeper: Keeper,
        publisher: Publisher,
        sessions: Callable[[str], SessionTable],
        checkpoint_every_s: float,
        market: WholeMarket | None = None,
        screen_lane: ScreenLane | None = None,
        chain_lane: ChainLane | None = None,
    ) -> None:
        """`make(number, shards, whole)` makes an empty state; `partitions` is how many a new log will have."""
        self._make = make
        self._ownership = ownership
        self._standing = standing
        self.partition_count = partitions
        self._bus = bus
        self._cache = cache
        self._clock = clock
        self._checkpoints = checkpoints
        self._ledger_lane = ledger_lane
        self._bar_lane = bar_lane
        self._screen_lane = screen_lane
        self._chain_lane = chain_lane
        self._keeper = keeper
        self._publisher = publisher
        self._sessions = sessions
        self._market = market
        self._checkpoint_every_s = checkpoint_every_s
        self._mark = 0
        self._due = {"house": float("-inf"), "snapshot": float("-inf")}
        self._error = ""
        self._ticks = 0
        self._rate_ticks, self._rate_at, self._rate = 0, 0.0, 0.0
        self.counts: dict[str, int] = {}
        self._reasons = Reasons()
        self._slices = self._empty()

    def _empty(self) -> list[_Slice]:
        """Our shards without any state, by partition."""
        return [_Slice(self._make(number, mine, whole)) for number, mine, whole in self._homes()]

    def _homes(self) -> list[tuple[int, Shards, Shards]]:
        """The partitions that carry shards of ours: number, ours, all that it carries."""
        found = []
        for number in range(self.partition_count):
            whole = shards_of(number, self.partition_count)
            mine = whole.common(self._ownership.shards)
            if mine is not None:
                found.append((number, mine, whole))
        return found

    # --- what others ask ----------------------------------------------------------------------------

    @property
    def partitions(self) -> list[Partition]:
        """The states of our shards, empty ones while we are on standby."""
        return [one.partition for one in self._slices]

    @property
    def shards(self) -> Shards:
        """The shards that are ours, or will be."""
        return self._ownership.shards

    @property
    def problem(self) -> str:
        """What keeps the stream from doing all of its work; '' when nothing does."""
        if not self._ownership.is_owner:
            return self._ownership.reason or "another stream process has the shards"
        reasons = [one.reason for one in self._slices if one.phase != "running"]
        lanes = [self._ledger_lane.error, self._bar_lane.error, self._keeper.error]
        said = [self._error, *reasons, *lanes, self._publisher.error, self._publisher.cache_error]
        return next(filter(None, said), "")

    @property
    def is_ready(self) -> bool:
        """True once the shards are owned and their log is read."""
        return any(one.phase == "running" for one in self._slices)

    # --- the turn -----------------------------------------------------------------------------------

    def step(self, max_wait_s: float = 0.05) -> bool:
        """One turn; False when there was nothing to do (and `max_wait_s` has passed in waiting for it)."""
        steady = self._clock.monotonic()
        if not self._own(steady):
            self._clock.sleep(max_wait_s)
            self._house(steady)
            return False
        did_work = False
        for one in list(self._slices):
            try:
                did_work |= self._turn(one, 0.0 if did_work else max_wait_s / len(self._slices))
            except TopicLostError:
                self._lose(one)
            except (BusUnavailableError, StoreUnavailableError) as error:
                self._say(error.message)
                self._clock.sleep(max_wait_s)
        self._join()
        if self._market is not None:
            self._market.tick(self._clock.monotonic())
        self._publisher.tick(self._running(), self._clock.monotonic())
        self._house(self._clock.monotonic())
        return did_work

    def _turn(self, one: _Slice, max_wait_s: float) -> bool:
        if one.phase in {"waiting", "lost"} and not self._find_log(one):
            self._clock.sleep(max_wait_s)
            return False
        if self._ledger_lane.depth > _LANE_LIMIT or self._bar_lane.depth > _LANE_LIMIT:
            self._say("the database is away and the queues in front of it are full")
            self._clock.sleep(max_wait_s)
            return False
        if one not in self._slices:
            return True  # the log has another number of partitions: everything was laid out anew
        is_behind, limit = self._neighbours(one)
        return not is_behind and self._read(one, limit, max_wait_s)

    def _read(self, one: _Slice, limit: int | None, max_wait_s: float) -> bool:
        """Read and apply what comes next, not behind `limit`. False where nothing came."""
        partition = one.partition
        entries = self._bus.read(LOG, partition.number, partition.offset, _MAX_FRAMES, max_wait_s)
        self._say("")
        if limit is not None:
            entries = [entry for entry in entries if entry[0] <= limit]
        if entries:
            engine = partition.engine
            applied = partition.apply(entries, self._clock.now())
            if partition.engine is not engine:
                self._publisher.forget(partition.label)
            self._handle(one, applied)
        elif self._bus.epoch(LOG) != partition.epoch:
            self._lose(one)
            return False
        elif limit is not None:
            partition.offset = limit  # what lay between was trimmed, and that is noted
            return True
        self._offer(one, is_forced=False)
        return bool(entries)

    def _neighbours(self, one: _Slice) -> tuple[bool, int | None]:
        """Whether another part of the same partition is behind, and how far this one may go to meet the next."""
        mine = one.partition
        others = [
            other.partition.offset
            for other in self._slices
            if other is not one and other.partition.number == mine.number and other.phase == "running"
        ]
        ahead = [offset for offset in others if offset > mine.offset]
        return any(offset < mine.offset for offset in others), min(ahead, default=None)

    def _join(self) -> None:
        """Make one of neighbours that stand at the same place."""
        at = 0
        while at + 1 < len(self._slices):
            left, right = self._slices[at : at + 2]
            at += 1
            if not (left.phase == right.phase == "running" and left.partition.meets(right.partition)):
                continue
            try:
                partition = left.partition.joined(right.partition)
            except CheckpointError as error:
                log.error("shards.apart", left=left.partition.label, right=right.partition.label, error=error.message)  # noqa: TRY400 — the message is the fact
                continue
            for part in (left, right):
                self._keeper.withdraw(part.partition.shards)
                self._publisher.forget(part.partition.label)
            joined = _Slice(partition, "running", taken_at=float("-inf"))
            joined.recorded = sorted([*(left.recorded or []), *(right.recorded or [])], key=lambda rows: rows.offset)
            joined.recorded_rows = left.recorded_rows + right.recorded_rows
            at -= 1
            self._slices[at : at + 2] = [joined]
            log.info("shards.joined", partition=partition.number, shards=str(partition.shards), offset=partition.offset)

    def _handle(self, owned: _Slice, applied: Applied) -> None:
        partition = owned.partition
        self._mark += 1
        fired: list[Fired] = []
        by_rules: list[RuleFiring] = []
        problems: dict[str, str] = {}
        for outputs in applied.outputs:
            self._bar_lane.put(self._mark, "1m", outputs.bars_1m)
            self._bar_lane.put(self._mark, "1d", outputs.bars_1d)
            if self._chain_lane is not None:
                self._chain_lane.put(self._mark, outputs.chains)
            fired += outputs.fired
            by_rules += outputs.rule_firings
            self._publisher.take(partition, outputs)
            if outputs.late and len(outputs.late["event_time"]):
                self._publisher.late(late_frame(partition.number, outputs.late))
            for uid, reason in outputs.rejected_rules:
                log.warning("rule.rejected", rule_uid=uid, reason=reason)
                problems[uid] = reason
        if fired or by_rules or problems:
            source = str(partition.engine.source.get("label") or "feed")
            now = self._clock.now()
            self._ledger_lane.put(
                LedgerJob(
                    self._mark,
                    partition.shards,
                    self._ownership.fence,
                    partition.epoch,
                    partition.offset,
                    (
                        *(firing_of(one, source, now) for one in fired),
                        *(rule_firing_of(one, self._reasons, source, now) for one in by_rules),
                    ),
                    (
                        *(one.rule_uid for one in fired if one.payload.get("fire") == "once"),
                        *(one.rule_uid for one in by_rules if is_spent(one)),
                    ),
                    problems,
                )
            )
        self._screens(partition)
        for offset, data, reason in applied.corrupt:
            letter = {"source": LOG, "partition": partition.number, "offset": offset, "reason": reason}
            self._publisher.dead(dumps(letter | {"frame": data.hex()}))
        if applied.began is not None:
            self._keeper.begin_recording(applied.began, partition.label, partition.date)
        if applied.needs_preamble:
            self._ask_for_preamble(partition)
        owned.recorded = [*(owned.recorded or []), *applied.trades] if applied.trades else owned.recorded
        owned.recorded_rows += sum(len(one.columns["event_time"]) for one in applied.trades)
        for kind, count in applied.counts.items():
            self.counts[kind] = self.counts.get(kind, 0) + count
        self._ticks += applied.counts.get("trade", 0)

    def _screens(self, partition: Partition) -> None:
        """Who entered and left standing screens: to the store, and to who looks."""
        standing = standing_of(partition.engine)
        deltas = [] if standing is None else standing.take_deltas()
        if deltas:
            self._publisher.screens.take(partition.label, partition.engine, deltas)
            if self._screen_lane is not None:
                self._screen_lane.put(self._mark, partition.engine, deltas)

    def _offer(self, owned: _Slice, *, is_forced: bool) -> None:
        """Offer a checkpoint where one is due and the last one is on disk."""
        steady = self._clock.monotonic()
        is_due = steady - owned.taken_at >= self._checkpoint_every_s or owned.recorded_rows >= _RECORDED_ROWS
        partition = owned.partition
        if not (is_due or is_forced) or not self._keeper.wants(partition.shards):
            return
        saved = self._keeper.saved.get(partition.shards)
        if saved is not None and (saved.epoch, saved.offset) == (partition.epoch, partition.offset):
            return
        owned.taken_at = steady
        checkpoint = partition.checkpoint(self._clock.now(), self._ownership.fence)
        partition.sequence = checkpoint.sequence
        engine = partition.engine
        keys = {int(one.instrument_id): one.key for one in engine.instruments}
        calendar = str(engine.source.get("calendar") or "XNSE")
        rows, owned.recorded, owned.recorded_rows = owned.recorded or [], None, 0
        # an empty job carries the shards' progress into the ledger
        self._ledger_lane.put(
            LedgerJob(self._mark, partition.shards, self._ownership.fence, partition.epoch, partition.offset, ())
        )
        self._keeper.offer(
            Candidate(self._mark, checkpoint, partition.label, rows, keys, self._sessions(calendar).zone)
        )

    # --- owning, finding, losing ----------------------------------------------------------------------

    def _own(self, steady: float) -> bool:
        """Become the owner and load what is known, or see to it that we are it still."""
        if self._ownership.is_owner:
            is_refused = self._ledger_lane.overtaken >= self._ownership.fence
            if not is_refused and self._ownership.watch(steady):
                return True
            self._stand_back()
            return False
        if not self._ownership.take(steady, lambda: max((one.fence for one in self._checkpoints.kept()), default=0)):
            return False
        self._load()
        return True

    def _stand_back(self) -> None:
        """Somebody else owns the shards: what we hold of them and for them is worth nothing any more."""
        self._ownership.release()
        for one in self._slices:
            self._keeper.withdraw(one.partition.shards)
            self._publisher.forget(one.partition.label)
        self._ledger_lane.clear()
        self._bar_lane.clear()
        if self._screen_lane is not None:
            self._screen_lane.clear()
        if self._chain_lane is not None:
            self._chain_lane.clear()
        if self._market is not None:
            self._market.resign()
        self._slices = self._empty()

    def _load(self) -> None:
        """Lay our shards out from the newest checkpoints that hold them."""
        for one in self._slices:
            self._keeper.withdraw(one.partition.shards)
            self._publisher.forget(one.partition.label)
        self._slices = [
            self._restored(number, part, whole)
            for number, mine, whole in self._homes()
            for part in cover(self._checkpoints, mine)
        ]

    def _tell(self, partition: Partition) -> None:
        if self._market is not None:
            self._market.heartbeat(partition, self._ownership.fence)

    def _restored(self, number: int, part: Covered, whole: Shards) -> _Slice:
        """Shards with the state of one checkpoint."""
        partition = self._make(number, part.shards, whole)
        if self._market is not None:
            partition.on_heartbeat = self._tell
        for sentence in part.damaged:
            log.error("checkpoint.damaged", shards=str(part.shards), error=sentence)
        if part.checkpoint is not None:
            try:
                partition.restore(part.checkpoint)
            except CheckpointError as error:
                log.error("checkpoint.refused", shards=str(part.shards), error=error.message)  # noqa: TRY400 — the message is the fact
                partition.sequence = part.checkpoint.sequence
                partition.note_gap("checkpoint refused", self._clock.now(), error=error.message)
        if part.damaged:
            partition.note_gap("checkpoint damaged", self._clock.now(), error=part.damaged[0])
        return _Slice(partition, "waiting")

    def _find_log(self, owned: _Slice) -> bool:
        """Join the log that is there. False while there is none."""
        partition = owned.partition
        epoch = self._bus.epoch(LOG)
        if epoch is None:
            self._lose(owned)
            owned.reason = "the log is gone" if partition.epoch else "there is no log yet"
            return False
        count = self._bus.partitions(LOG)
        if count != self.partition_count:
            log.warning("log.laid_out", partitions=count, expected=self.partition_count)
            self.partition_count = count
            self._load()
            return True
        if partition.epoch and epoch != partition.epoch:
            partition.note_gap("log lost", self._clock.now(), epoch=partition.epoch, offset=partition.offset)
            log.warning("log.changed", partition=partition.number, lost=partition.epoch, epoch=epoch)
            partition.offset = 0
        elif partition.offset:
            first = self._bus.first_offset(LOG, partition.number)
            if first is not None and first > partition.offset + 1:
                partition.note_gap(
                    "log trimmed", self._clock.now(), offset=partition.offset, frames=first - partition.offset - 1
                )
        partition.epoch = epoch
        owned.phase, owned.reason = "running", ""
        try:
            self._cache.delete(_place_key(partition))
        except BusUnavailableError as error:
            log.warning("place.not_taken_back", partition=partition.number, error=error.message)
        log.info("partition.running", partition=partition.number, epoch=epoch, offset=partition.offset)
        return True

    def _lose(self, owned: _Slice) -> None:
        """The log is gone: keep the state, and say where it stands, so that its writer can go back there."""
        if owned.phase == "lost":
            return
        owned.phase, owned.reason = "lost", "the log is gone"
        if owned.partition.epoch:
            log.warning("log.lost", partition=owned.partition.number, offset=owned.partition.offset)
        self._say_place(owned.partition)

    def _say_place(self, partition: Partition) -> None:
        place = {
            "partition": partition.number,
            "shards": str(partition.shards),
            "epoch": partition.epoch,
            "run": partition.run,
            "producers": {str(producer): last for producer, last in partition.producers.items()},
        }
        try:
            self._cache.set(_place_key(partition), dumps(place), ttl_s=_RESUME_TTL_S)
        except BusUnavailableError as error:
            log.warning("place.untold", partition=partition.number, error=error.message)

    def _ask_for_preamble(self, partition: Partition) -> None:
        partition.note_gap("no checkpoint for this log", self._clock.now())
        try:
            self._cache.set(REPUBLISH_KEY, b"1", ttl_s=60.0)
        except BusUnavailableError as error:
            log.warning("preamble.not_asked_for", error=error.message)

    # --- beside the turn ------------------------------------------------------------------------------

    def _running(self) -> list[Partition]:
        return [one.partition for one in self._slices if one.phase in {"running", "lost"}]

    def _say(self, error: str) -> None:
        if error and not self._error:
            log.warning("stream.delayed", error=error)
        self._error = error

    def _house(self, steady: float) -> None:
        """Twice a second: lags and status. Every 20 s: snapshots and quality totals."""
        if steady < self._due["house"]:
            return
        self._due["house"] = steady + _HOUSE_S
        passed = steady - self._rate_at
        if passed > 0:
            self._rate = (self._ticks - self._rate_ticks) / passed
            self._rate_ticks, self._rate_at = self._ticks, steady
        try:
            for one in self._slices:
                if one.phase == "running":
                    one.lag = self._bus.lag(LOG, one.partition.number, one.partition.offset)
            status = self._standing.tell(self.status())
            if self._market is not None:
                self._market.expect(status)
            for number, offset in slowest(status).items():
                self._bus.commit(GROUP, LOG, number, offset)
        except UnavailableError:
            pass  # the next turn meets the same outage and says so
        if steady >= self._due["snapshot"]:
            self._due["snapshot"] = steady + _SNAPSHOT_S
            self.snapshot()

    def snapshot(self) -> None:
        """Hand the newest rows by session date, and the sessions' quality totals, to the bar lane."""
        for partition in self._running():
            as_of = partition.engine.now()
            for date, rows in snapshot_rows(partition, self._sessions).items():
                self._bar_lane.snapshot(date, rows, as_of, partition.label)
            for date, counts in quality_totals(partition).items():
                self._bar_lane.quality(date, counts, partition.label)

    def status(self) -> dict[str, Any]:
        """This process's share in `stream:status`."""
        now = self._clock.now()
        partitions = []
        for one in list(self._slices):
            partition = one.partition
            saved = self._keeper.saved.get(partition.shards)
            partitions.append(
                {
                    "partition": partition.number,
                    "shards": str(partition.shards),
                    "label": partition.label,
                    "state": one.phase,
                    "reason": one.reason or None,
                    "epoch": partition.epoch,
                    "offset": partition.offset,
                    "run": partition.run,
                    "lag": one.lag,
                    "fence": self._ownership.fence if self._ownership.is_owner else None,
                    "checkpoint_age_s": (now - saved.taken_at) / 1e9 if saved else None,
                    "gaps": partition.gap_count,
                    "recent_gaps": list(partition.gaps)[-5:],
                    "counters": partition.engine.counters(),
                    "screens": _screens_of(partition),
                }
            )
        return {
            "shards": str(self.shards),
            "is_owner": self._ownership.is_owner,
            "is_leader": self._ownership.is_owner if self._market is None else self._market.is_leader,
            "fence": self._ownership.fence,
            "partitions": partitions,
            "ticks_per_s": self._rate,
            "ticks": self.counts,
            "firings_written": self._ledger_lane.written,
            "chains": _chains_of([one.partition for one in self._slices], self._chain_lane),
            "waiting": {
                "ledger": self._ledger_lane.depth,
                "bars": self._bar_lane.depth,
                "chains": 0 if self._chain_lane is None else self._chain_lane.depth,
                "market": self._publisher.waiting,
                "dropped": self._publisher.dropped,
            },
            "problem": self.problem or None,
        }

    def close(self) -> None:
        """Offer a last checkpoint of everything, and a last snapshot. The lanes and the keeper finish them."""
        self.save()
        self.snapshot()

    def save(self) -> bool:
        """Offer what is newer than its checkpoint, as soon as the keeper is free for it. True when nothing is."""
        is_saved = True
        for one in self._slices:
            if one.phase in {"running", "lost"}:
                self._offer(one, is_forced=True)
                saved = self._keeper.saved.get(one.partition.shards)
                here = (one.partition.epoch, one.partition.offset)
                is_saved &= saved is not None and (saved.epoch, saved.offset) == here
        return is_saved

    def release(self) -> None:
        """Let the next one have the shards."""
        self._ownership.release()
        if self._market is not None:
            self._market.resign()
        try:
            self._standing.end()
        except BusUnavailableError as error:
            log.warning("share.not_taken_back", error=error.message)


def _screens_of(partition: Partition) -> dict[str, Any]:
    """How many screens stand here, and which of them cannot be evaluated, with the reason."""
    standing = standing_of(partition.engine)
    if standing is None:
        return {"standing": 0, "not_evaluated": {}}
    return {"standing": len(standing.screens), "not_evaluated": dict(standing.problems)}


def _chains_of(partitions: Sequence[Partition], lane: ChainLane | None) -> dict[str, Any]:
    """How many option chains came, were late, are stored and were let go, and what keeps their store from them."""
    counts = [one.engine.chains.counts() for one in partitions]
    return {
        "taken": sum(one["chains"] for one in counts),
        "late": sum(one["late"] for one in counts),
        "written": 0 if lane is None else lane.written,
        "dropped": 0 if lane is None else lane.dropped,
        "error": None if lane is None else lane.error or None,
    }


def _place_key(partition: Partition) -> str:
    return f"{RESUME_KEY}{partition.shards}"
