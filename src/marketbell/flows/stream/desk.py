"""The stream's parts joined, and its threads: one that reads and applies, two lanes, one keeper."""

import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from marketbell.core.engine.engine import Engine, EngineConfig
from marketbell.core.engine.line_up import Extra
from marketbell.core.market.instrument import Instrument
from marketbell.core.primitives.shards import ALL_SHARDS, Shards
from marketbell.flows.stream.chain_lane import ChainLane
from marketbell.flows.stream.chart_values import ChartValues
from marketbell.flows.stream.charts import Charts
from marketbell.flows.stream.durable import BarLane, Lane, LedgerLane
from marketbell.flows.stream.keeping import Keeper
from marketbell.flows.stream.line_up import LIVE
from marketbell.flows.stream.ownership import Ownership
from marketbell.flows.stream.partition import Partition
from marketbell.flows.stream.publisher import Publisher
from marketbell.flows.stream.reasons import ReasonDesk
from marketbell.flows.stream.runner import LOG, StreamRunner
from marketbell.flows.stream.screen_desk import ScreenDesk
from marketbell.flows.stream.screen_lane import ScreenLane
from marketbell.flows.stream.standing import Standing
from marketbell.flows.stream.whole_market import WholeMarket
from marketbell.ports.bus import Bus
from marketbell.ports.cache import Cache
from marketbell.ports.calendars import SessionTable
from marketbell.ports.chains import ChainStore
from marketbell.ports.checkpoints import CheckpointStore
from marketbell.ports.clock import Clock
from marketbell.ports.leases import Leases
from marketbell.ports.ledger import Ledger
from marketbell.ports.recordings import RecordingStore
from marketbell.ports.stores import BarStore, QualityStore, RuleStore, ScreenStore, SnapshotStore

log = structlog.stdlib.get_logger("stream.desk")

LAST_WORK_S = 2.0
"""How long a stopping stream may take for what waits in its lanes: SIGTERM ends it within 3 s."""

_DAY_NS = 86_400_000_000_000

Sessions = Callable[[str], SessionTable]


@dataclass(frozen=True, slots=True)
class StreamPorts:
    """What the stream needs from outside."""

    bus: Bus
    cache: Cache
    clock: Clock
    leases: Leases
    checkpoints: CheckpointStore
    recordings: RecordingStore
    ledger: Ledger
    rules: RuleStore
    bars: BarStore
    snapshots: SnapshotStore
    quality: QualityStore
    screens: ScreenStore
    sessions: Sessions
    chains: ChainStore | None = None
    """Where option chains are kept; None: nowhere."""


@dataclass(frozen=True, slots=True)
class Engines:
    """Makes engines of one configuration."""

    config: EngineConfig
    sessions: Sessions
    extra: tuple[Extra, ...] = ()

    def new(self) -> Engine:
        """An empty one."""
        return Engine(self.config, self.sessions, self.extra)

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> Engine:
        """One from a checkpoint."""
        return Engine.restore(arrays, self.config, self.sessions, self.extra)


class StreamDesk:
    """Everything of one stream process. `run` works until told to stop; tests call `turn` instead."""

    def __init__(
        self,
        ports: StreamPorts,
        *,
        config: EngineConfig,
        shards: Shards = ALL_SHARDS,
        partitions: int = 1,
        checkpoint_every_s: float = 5.0,
        publish_every_s: float = 0.1,
    ) -> None:
        """`shards` are those of this process; `partitions` is how many a new log will have."""
        self._clock = ports.clock
        ownership = Ownership(shards, ports.leases, ports.ledger)
        self.publisher = Publisher(ports.bus, ports.cache, ports.sessions, publish_every_s=publish_every_s)
        if shards != ALL_SHARDS:
            self.publisher.market = WholeMarket(ports.bus, ports.cache, ports.leases, shards, config.undervalued)
        self.ledger_lane = LedgerLane(ports.ledger, ports.rules, self.publisher.firings)
        self.bar_lane = BarLane(ports.bars, ports.snapshots, ports.quality, ownership.may_write)
        self.screen_lane = ScreenLane(ports.screens)
        self.chain_lane = None
        if ports.chains is not None:
            self.chain_lane = ChainLane(ports.chains, ports.clock, ownership.may_write)
        self.keeper = Keeper(
            ports.checkpoints,
            ports.recordings,
            ports.bus,
            topic=LOG,
            is_durable=lambda mark: all(lane.passed(mark) for lane in self._lanes),
            may_write=ownership.may_write,
            partitions=lambda: self.runner.partition_count,
        )
        engines = Engines(config, ports.sessions, LIVE)
        dates = session_dates(ports.sessions)
        self.runner = StreamRunner(
            lambda number, mine, whole: Partition(number, engines, dates, mine, whole),
            ports.bus,
            ports.cache,
            ports.clock,
            ownership=ownership,
            standing=Standing(ports.cache, shards, secrets.token_hex(4)),
            partitions=partitions,
            checkpoints=ports.checkpoints,
            ledger_lane=self.ledger_lane,
            bar_lane=self.bar_lane,
            keeper=self.keeper,
            publisher=self.publisher,
            sessions=ports.sessions,
            checkpoint_every_s=checkpoint_every_s,
            market=self.publisher.market,
            screen_lane=self.screen_lane,
            chain_lane=self.chain_lane,
        )

        self.charts = Charts(
            ports.cache,
            ports.bars,
            ports.clock,
            ChartValues(ports.sessions),
            self._instrument,
            self.publisher.say,
            lambda: self.bar_lane.depth == 0,
        )
        self.publisher.charts = self.charts
        self.reasons = ReasonDesk(ports.cache, ports.clock, lambda ident: self._instrument(ident) is not None)
        self.screens = ScreenDesk(ports.cache, ports.clock)

    @property
    def _lanes(self) -> tuple[Lane, ...]:
        """What a checkpoint waits for."""
        lanes: tuple[Lane, ...] = (self.ledger_lane, self.bar_lane, self.screen_lane)
        return lanes if self.chain_lane is None else (*lanes, self.chain_lane)

    def _instrument(self, instrument_id: int) -> Instrument | None:
        """An instrument of one of our shards."""
        for partition in self.partitions:
            row = partition.engine.row(instrument_id)
            if row is not None:
                return partition.engine.instruments[row]
        return None

    @property
    def partitions(self) -> list[Partition]:
        """The states of our shards."""
        return self.runner.partitions

    def turn(self) -> bool:
        """One turn of everything on this thread; False when nothing was left to do."""
        did_work = self.runner.step(0.0)
        for lane in self._lanes:
            while lane.step():
                did_work = True
        did_work |= self.charts.step()
        did_work |= self._reason()
        did_work |= self._screen()
        return self.keeper.step() or did_work

    def _reason(self) -> bool:
        """Questions about rules on one thread: taken, answered, given back."""
        self.reasons.step()
        return self.reasons.answer(one.engine for one in self.partitions) and self.reasons.step()

    def _screen(self) -> bool:
        """Screens on demand on one thread: taken, answered, given back."""
        self.screens.step()
        return self.screens.answer([one.engine for one in self.partitions]) and self.screens.step()

    def run(self, is_stopping: Callable[[], bool], progressed: Callable[[], None] = lambda: None) -> None:
        """Read and apply on this thread, write on others, until told to stop; then leave a last checkpoint."""
        done = threading.Event()
        lanes = [
            threading.Thread(target=lane.run, args=(done.is_set,), name=lane.name, daemon=True) for lane in self._lanes
        ]
        beside = [
            threading.Thread(target=self._step, args=(self.keeper.step, 0.1, done), name="keeper", daemon=True),
            threading.Thread(target=self._step, args=(self.charts.step, 0.05, done), name="charts", daemon=True),
            threading.Thread(target=self._step, args=(self.reasons.step, 0.01, done), name="reasons", daemon=True),
            threading.Thread(target=self._step, args=(self.screens.step, 0.01, done), name="screener", daemon=True),
        ]
        threads = [*lanes, *beside]
        for thread in threads:
            thread.start()
        try:
            while not is_stopping():
                self.runner.step()
                self.reasons.answer(one.engine for one in self.partitions)
                self.screens.answer([one.engine for one in self.partitions])
                progressed()
                self._check(threads)
        finally:
            self._finish(done, threads)

    def _check(self, threads: Sequence[threading.Thread]) -> None:
        """A thread that died of a fault of ours ends the process: the supervisor starts it from its checkpoint."""
        for thread in threads:
            if not thread.is_alive():
                message = f"the {thread.name} thread has ended"
                raise RuntimeError(message)

    def _step(self, step: Callable[[], bool], rest_s: float, done: threading.Event) -> None:
        while not done.is_set():
            if not step():
                done.wait(rest_s)

    def _finish(self, done: threading.Event, threads: Sequence[threading.Thread]) -> None:
        started = self._clock.monotonic()
        self.runner.close()
        while self._clock.monotonic() - started < LAST_WORK_S:
            # a checkpoint that was under way is not the last one yet
            if self.runner.save() and not any(lane.depth for lane in self._lanes):
                break
            self._clock.sleep(0.02)
        done.set()
        for thread in threads:
            thread.join(0.3)
        self.runner.release()
        log.info("stream.stopped", seconds=round(self._clock.monotonic() - started, 3))


def session_dates(sessions: Sessions) -> Callable[[Engine, int], int]:
    """For partitions: the session date of a time, by the calendar of the engine's source."""

    def date_of(engine: Engine, time: int) -> int:
        """Date of the session that began last; before the first one, the UTC date."""
        table = sessions(str(engine.source.get("calendar") or "XNSE"))
        at = int(np.searchsorted(table.open, time, side="right")) - 1
        return int(table.date[at]) if at >= 0 else time // _DAY_NS

    return date_of
