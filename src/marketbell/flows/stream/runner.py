"""The stream process's work: partitions of the log in, the market and its firings out.

A batch goes this way: read, apply, hand firings to the ledger lane and bars to the bar lane, note what
to publish, and now and then offer a checkpoint, which is saved once both lanes have passed it. Nothing
is told of a firing before it is durable. Databases and brokers may come and go: what they miss waits in
bounded queues, and when those are full the stream stops reading, visibly.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from marketbell.core.engine.outputs import Fired
from marketbell.core.primitives.errors import (
    BusUnavailableError,
    CheckpointError,
    StoreUnavailableError,
    TopicLostError,
    UnavailableError,
)
from marketbell.flows.stream.documents import dumps
from marketbell.flows.stream.durable import BarLane, LedgerJob, LedgerLane
from marketbell.flows.stream.keeping import Candidate, Keeper
from marketbell.flows.stream.partition import Applied, Partition, Recorded
from marketbell.flows.stream.publisher import Publisher
from marketbell.flows.stream.records import firing_of, late_frame, quality_totals, snapshot_rows
from marketbell.ports.bus import Bus
from marketbell.ports.cache import Cache
from marketbell.ports.calendars import SessionTable
from marketbell.ports.checkpoints import Checkpoint, CheckpointStore
from marketbell.ports.clock import Clock
from marketbell.ports.leases import Lease, Leases
from marketbell.ports.stores import Ledger

log = structlog.stdlib.get_logger("stream.runner")

LOG = "log"
GROUP = "stream"
RESUME_KEY = "log:resume:"
REPUBLISH_KEY = "log:republish"
STATUS_KEY = "stream:status"
_RESUME_TTL_S = 120.0
_MAX_FRAMES = 256
_LANE_LIMIT = 5_000
_RECORDED_ROWS = 250_000
_HOUSE_S = 0.5
_LEASE_S = 1.0
_SNAPSHOT_S = 20.0


@dataclass(slots=True)
class _Owned:
    """A partition and where its life stands: standby, waiting (for the log), running, or lost (its log)."""

    partition: Partition
    lease: Lease | None = None
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
        partitions: Sequence[Partition],
        bus: Bus,
        cache: Cache,
        clock: Clock,
        *,
        leases: Leases,
        checkpoints: CheckpointStore,
        ledger: Ledger,
        ledger_lane: LedgerLane,
        bar_lane: BarLane,
        keeper: Keeper,
        publisher: Publisher,
        sessions: Callable[[str], SessionTable],
        checkpoint_every_s: float,
        instance: str = "",
    ) -> None:
        self._owned = [_Owned(partition) for partition in partitions]
        self._bus = bus
        self._cache = cache
        self._clock = clock
        self._leases = leases
        self._checkpoints = checkpoints
        self._ledger = ledger
        self._ledger_lane = ledger_lane
        self._bar_lane = bar_lane
        self._keeper = keeper
        self._publisher = publisher
        self._sessions = sessions
        self._checkpoint_every_s = checkpoint_every_s
        self._instance = instance
        self._mark = 0
        self._due = {"house": float("-inf"), "lease": float("-inf"), "snapshot": float("-inf")}
        self._error = ""
        self._ticks = 0
        self._rate_ticks, self._rate_at, self._rate = 0, 0.0, 0.0
        self.counts: dict[str, int] = {}

    # --- what others ask ----------------------------------------------------------------------------

    def may_write(self, number: int) -> bool:
        """True where this process owns the partition now. Raises StoreUnavailableError while nobody can tell."""
        for owned in self._owned:
            if owned.partition.number == number:
                return owned.lease is not None and owned.lease.is_held()
        return False

    @property
    def problem(self) -> str:
        """What keeps the stream from doing all of its work; '' when nothing does."""
        if all(owned.phase == "standby" for owned in self._owned):
            return self._owned[0].reason or "another stream process has the partitions"
        reasons = [owned.reason for owned in self._owned if owned.phase not in {"running", "standby"}]
        lanes = [self._ledger_lane.error, self._bar_lane.error, self._keeper.error]
        said = [self._error, *reasons, *lanes, self._publisher.error, self._publisher.cache_error]
        return next(filter(None, said), "")

    @property
    def is_ready(self) -> bool:
        """True once a partition is owned and its log is read."""
        return any(owned.phase == "running" for owned in self._owned)

    # --- the turn -----------------------------------------------------------------------------------

    def step(self, max_wait_s: float = 0.05) -> bool:
        """One turn; False when there was nothing to do (and `max_wait_s` has passed in waiting for it)."""
        steady = self._clock.monotonic()
        self._watch_leases(steady)
        did_work = False
        for owned in self._owned:
            try:
                did_work |= self._turn(owned, 0.0 if did_work else max_wait_s / len(self._owned))
            except TopicLostError:
                self._lose(owned)
            except (BusUnavailableError, StoreUnavailableError) as error:
                self._say(error.message)
                self._clock.sleep(max_wait_s)
        self._publisher.tick(self._running(), self._clock.monotonic())
        self._house(self._clock.monotonic())
        return did_work

    def _turn(self, owned: _Owned, max_wait_s: float) -> bool:
        if owned.phase == "standby" and not self._take_over(owned):
            self._clock.sleep(max_wait_s)
            return False
        if owned.phase in {"waiting", "lost"} and not self._find_log(owned):
            self._clock.sleep(max_wait_s)
            return False
        if self._ledger_lane.depth > _LANE_LIMIT or self._bar_lane.depth > _LANE_LIMIT:
            self._say("the database is away and the queues in front of it are full")
            self._clock.sleep(max_wait_s)
            return False
        partition = owned.partition
        entries = self._bus.read(LOG, partition.number, partition.offset, _MAX_FRAMES, max_wait_s)
        self._say("")
        if not entries:
            if self._bus.epoch(LOG) != partition.epoch:
                self._lose(owned)
            else:
                self._offer(owned, is_forced=False)
            return False
        engine = partition.engine
        applied = partition.apply(entries, self._clock.now())
        if partition.engine is not engine:
            self._publisher.forget(partition.number)
        self._handle(owned, applied)
        self._offer(owned, is_forced=False)
        return True

    def _handle(self, owned: _Owned, applied: Applied) -> None:
        partition = owned.partition
        self._mark += 1
        fired: list[Fired] = []
        for outputs in applied.outputs:
            self._bar_lane.put(self._mark, "1m", outputs.bars_1m)
            self._bar_lane.put(self._mark, "1d", outputs.bars_1d)
            fired += outputs.fired
            self._publisher.take(partition, outputs)
            if outputs.late and len(outputs.late["event_time"]):
                self._publisher.late(late_frame(partition.number, outputs.late))
            for uid, reason in outputs.rejected_rules:
                log.warning("rule.rejected", rule_uid=uid, reason=reason)
        if fired:
            source = str(partition.engine.source.get("label") or "feed")
            now = self._clock.now()
            self._ledger_lane.put(
                LedgerJob(
                    self._mark,
                    partition.number,
                    partition.epoch,
                    partition.offset,
                    tuple(firing_of(one, source, now) for one in fired),
                    tuple(one.rule_uid for one in fired if one.payload.get("fire") == "once"),
                )
            )
        for offset, data, reason in applied.corrupt:
            letter = {"source": LOG, "partition": partition.number, "offset": offset, "reason": reason}
            self._publisher.dead(dumps(letter | {"frame": data.hex()}))
        if applied.began is not None:
            self._keeper.begin_recording(applied.began, partition.date)
        if applied.needs_preamble:
            self._ask_for_preamble(partition)
        owned.recorded = [*(owned.recorded or []), *applied.trades] if applied.trades else owned.recorded
        owned.recorded_rows += sum(len(one.columns["event_time"]) for one in applied.trades)
        for kind, count in applied.counts.items():
            self.counts[kind] = self.counts.get(kind, 0) + count
        self._ticks += applied.counts.get("trade", 0)

    def _offer(self, owned: _Owned, *, is_forced: bool) -> None:
        """Offer a checkpoint where one is due and the last one is on disk."""
        steady = self._clock.monotonic()
        is_due = steady - owned.taken_at >= self._checkpoint_every_s or owned.recorded_rows >= _RECORDED_ROWS
        partition = owned.partition
        if not (is_due or is_forced) or not self._keeper.wants(partition.number):
            return
        saved = self._keeper.saved.get(partition.number)
        if saved is not None and (saved.epoch, saved.offset) == (partition.epoch, partition.offset):
            return
        owned.taken_at = steady
        checkpoint = partition.checkpoint(self._clock.now())
        partition.sequence = checkpoint.sequence
        engine = partition.engine
        keys = {int(one.instrument_id): one.key for one in engine.instruments}
        calendar = str(engine.source.get("calendar") or "XNSE")
        rows, owned.recorded, owned.recorded_rows = owned.recorded or [], None, 0
        # an empty job carries the partition's progress into the ledger
        self._ledger_lane.put(LedgerJob(self._mark, partition.number, partition.epoch, partition.offset, ()))
        self._keeper.offer(Candidate(self._mark, checkpoint, rows, keys, self._sessions(calendar).zone))

    # --- owning, finding, losing ----------------------------------------------------------------------

    def _take_over(self, owned: _Owned) -> bool:
        """Become the owner, and load the newest checkpoint."""
        number = owned.partition.number
        steady = self._clock.monotonic()
        if steady < owned.taken_at:
            return False
        try:
            lease = self._leases.acquire(f"stream:{number}")
        except StoreUnavailableError as error:
            owned.reason = error.message
            owned.taken_at = steady + _LEASE_S
            return False
        if lease is None:
            if not owned.reason.startswith("another"):
                log.warning("partition.taken", partition=number)
            owned.reason = f"another stream process has partition {number}; this one waits"
            owned.taken_at = steady + _LEASE_S
            return False
        owned.lease, owned.reason, owned.taken_at = lease, "", float("-inf")
        self._load(owned)
        owned.phase = "waiting"
        log.info("partition.owned", partition=number, fence=lease.fence)
        return True

    def _load(self, owned: _Owned) -> None:
        partition = owned.partition
        self._keeper.withdraw(partition.number)
        self._keeper.saved.pop(partition.number, None)
        owned.recorded, owned.recorded_rows = None, 0
        checkpoint, damaged = self._checkpoints.load(partition.number)
        for sentence in damaged:
            log.error("checkpoint.damaged", partition=partition.number, error=sentence)
        partition.reset()
        if checkpoint is not None:
            try:
                partition.restore(checkpoint)
            except CheckpointError as error:
                log.error("checkpoint.refused", partition=partition.number, error=error.message)  # noqa: TRY400 — the message is the fact
                partition.sequence = checkpoint.sequence
                partition.note_gap("checkpoint refused", self._clock.now(), error=error.message)
        if damaged:
            partition.note_gap("checkpoint damaged", self._clock.now(), error=damaged[0])
        self._publisher.forget(partition.number)

    def _find_log(self, owned: _Owned) -> bool:
        """Join the log that is there. False while there is none."""
        partition = owned.partition
        epoch = self._bus.epoch(LOG)
        if epoch is None:
            self._lose(owned)
            owned.reason = "the log is gone" if partition.epoch else "there is no log yet"
            return False
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
            self._cache.delete(f"{RESUME_KEY}{partition.number}")
        except BusUnavailableError as error:
            log.warning("place.not_taken_back", partition=partition.number, error=error.message)
        log.info("partition.running", partition=partition.number, epoch=epoch, offset=partition.offset)
        return True

    def _lose(self, owned: _Owned) -> None:
        """The log is gone: keep the state, and say where it stands, so that its writer can go back there."""
        if owned.phase == "lost":
            return
        owned.phase, owned.reason = "lost", "the log is gone"
        if owned.partition.epoch:
            log.warning("log.lost", partition=owned.partition.number, offset=owned.partition.offset)
        self._say_place(owned.partition)

    def _say_place(self, partition: Partition) -> None:
        place = {
            "epoch": partition.epoch,
            "run": partition.run,
            "producers": {str(producer): last for producer, last in partition.producers.items()},
        }
        try:
            self._cache.set(f"{RESUME_KEY}{partition.number}", dumps(place), ttl_s=_RESUME_TTL_S)
        except BusUnavailableError as error:
            log.warning("place.untold", partition=partition.number, error=error.message)

    def _ask_for_preamble(self, partition: Partition) -> None:
        partition.note_gap("no checkpoint for this log", self._clock.now())
        try:
            self._cache.set(REPUBLISH_KEY, b"1", ttl_s=60.0)
        except BusUnavailableError as error:
            log.warning("preamble.not_asked_for", error=error.message)

    def _watch_leases(self, steady: float) -> None:
        """Who lost a lease takes it again, or stands back where somebody else was in between."""
        if steady < self._due["lease"]:
            return
        self._due["lease"] = steady + _LEASE_S
        for owned in self._owned:
            if owned.lease is None:
                continue
            number = owned.partition.number
            try:
                if owned.lease.is_held():
                    continue
                lease = self._leases.acquire(f"stream:{number}")
                if lease is not None and not self._was_overtaken(number):
                    owned.lease = lease
                    log.info("partition.kept", partition=number, fence=lease.fence)
                    continue
            except StoreUnavailableError:
                continue  # nobody can take it either; the lanes say that the database is away
            if lease is not None:
                lease.release()
            log.warning("partition.lost", partition=number)
            self._keeper.withdraw(number)
            owned.lease, owned.phase = None, "standby"

    def _was_overtaken(self, number: int) -> bool:
        """True where the ledger knows more of the partition than we wrote."""
        mine = self._ledger_lane.positions.get(number)
        known = self._ledger.progress(number)
        if known is None or mine is None:
            return False
        return known[0] != mine[0] or known[1] > mine[1]

    # --- beside the turn ------------------------------------------------------------------------------

    def _running(self) -> list[Partition]:
        return [owned.partition for owned in self._owned if owned.phase in {"running", "lost"}]

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
            for owned in self._owned:
                if owned.phase == "running":
                    partition = owned.partition
                    owned.lag = self._bus.lag(LOG, partition.number, partition.offset)
                    self._bus.commit(GROUP, LOG, partition.number, partition.offset)
            self._cache.set(STATUS_KEY, dumps(self.status()))
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
                self._bar_lane.snapshot(date, rows, as_of)
            for date, counts in quality_totals(partition).items():
                self._bar_lane.quality(date, counts)

    def status(self) -> dict[str, Any]:
        """For `stream:status`."""
        now = self._clock.now()
        partitions = []
        for owned in self._owned:
            partition = owned.partition
            saved: Checkpoint | None = self._keeper.saved.get(partition.number)
            partitions.append(
                {
                    "partition": partition.number,
                    "state": owned.phase,
                    "reason": owned.reason or None,
                    "epoch": partition.epoch,
                    "offset": partition.offset,
                    "run": partition.run,
                    "lag": owned.lag,
                    "fence": owned.lease.fence if owned.lease else None,
                    "checkpoint_age_s": (now - saved.taken_at) / 1e9 if saved else None,
                    "gaps": partition.gap_count,
                    "recent_gaps": list(partition.gaps)[-5:],
                    "counters": partition.engine.counters(),
                }
            )
        return {
            "partitions": partitions,
            "ticks_per_s": self._rate,
            "ticks": self.counts,
            "firings_written": self._ledger_lane.written,
            "waiting": {
                "ledger": self._ledger_lane.depth,
                "bars": self._bar_lane.depth,
                "market": self._publisher.waiting,
                "dropped": self._publisher.dropped,
            },
            "problem": self.problem or None,
        }

    def close(self) -> None:
        """Offer a last checkpoint of everything, and a last snapshot. The lanes and the keeper finish them."""
        for owned in self._owned:
            if owned.phase in {"running", "lost"}:
                self._offer(owned, is_forced=True)
        self.snapshot()

    def release(self) -> None:
        """Let the next one have the partitions."""
        for owned in self._owned:
            if owned.lease is not None:
                owned.lease.release()
                owned.lease = None
