"""Ingest's parts joined, and its threads: the feed's runner, the relay of rule commands, the library."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from marketbell.core.market.instrument import Instrument
from marketbell.core.primitives.errors import StoreUnavailableError
from marketbell.flows.ingest.library import Library
from marketbell.flows.ingest.log import LogWriter
from marketbell.flows.ingest.pace import Speed
from marketbell.flows.ingest.paced import PUSHED, PacedRunner
from marketbell.flows.ingest.past import PastBarDesk
from marketbell.flows.ingest.past_chains import PastChains
from marketbell.flows.ingest.push import PushGate
from marketbell.flows.ingest.refresh import Refresh
from marketbell.flows.ingest.relay import CommandRelay
from marketbell.flows.ingest.universe import Directory
from marketbell.ports.bus import Bus
from marketbell.ports.cache import Cache
from marketbell.ports.calendars import SessionTable
from marketbell.ports.chains import ChainStore
from marketbell.ports.clock import Clock
from marketbell.ports.feeds import PacedFeed
from marketbell.ports.spill import FrameQueue
from marketbell.ports.stores import BarStore, FundamentalStore, InstrumentStore, RuleStore, ScreenStore

log = structlog.stdlib.get_logger("ingest.desk")

_PUSH_HOLD_FRAMES = 2_000
_RETENTION_SHARE = 4


@dataclass(frozen=True, slots=True)
class IngestPorts:
    """What ingest needs from outside."""

    bus: Bus
    cache: Cache
    clock: Clock
    spill: FrameQueue
    rules: RuleStore
    screens: ScreenStore
    instruments: InstrumentStore
    fundamentals: FundamentalStore
    bars: BarStore
    sessions: Callable[[str], SessionTable]
    chains: ChainStore | None = None
    """Where option chains are kept; None: nowhere."""


class IngestDesk:
    """Everything of one ingest process. `run` works until told to stop; tests call `turn` instead."""

    def __init__(
        self,
        ports: IngestPorts,
        feed: PacedFeed,
        *,
        partitions: int,
        retention_frames: int,
        speed: Speed,
        loop: bool = False,
        hold_frames: int | None = None,
    ) -> None:
        self._ports = ports
        self.writer = LogWriter(ports.bus, ports.spill, partitions=partitions, retention_frames=retention_frames)
        self.directory = Directory(partitions)
        self.library = Library(ports.instruments, ports.fundamentals, ports.bars)
        self.past = PastBarDesk(ports.bars, self.directory, ports.sessions)
        self.relay = CommandRelay(
            ports.rules,
            ports.screens,
            ports.instruments,
            self.writer,
            self.directory,
            self.past,
            lambda: self.library.depth == 0,
        )
        self.push = PushGate(
            self.writer,
            ports.bus,
            self.directory,
            self.library,
            ports.clock,
            hold_frames=min(_PUSH_HOLD_FRAMES, retention_frames // _RETENTION_SHARE),
            lag=lambda: self.runner.lag,
        )
        limit = retention_frames // _RETENTION_SHARE
        self.runner = PacedRunner(
            feed,
            self.writer,
            self.directory,
            ports.cache,
            ports.clock,
            relay=self.relay,
            library=self.library,
            speed=speed,
            refresh=Refresh(feed.reference, feed.card.label, self.library, ports.fundamentals, ports.cache),
            loop=loop,
            others=lambda: [self.push.document()],
            hold_frames=min(hold_frames, limit) if hold_frames else None,
            past_chains=None if ports.chains is None else PastChains(ports.chains, self.directory),
        )
        self._has_learnt = False

    @property
    def problem(self) -> str:
        """What keeps ingest from doing all of its work; '' when nothing does."""
        return self.runner.error or self.relay.error or self.library.error

    def learn(self) -> bool:
        """Read the pushed instruments of earlier days from the store; False while it is away."""
        if not self._has_learnt:
            try:
                known = self._ports.instruments.all()
            except StoreUnavailableError:
                return False
            self.directory.add(one for one in known if _is_pushed(one))
            self._has_learnt = True
        return True

    def turn(self) -> float:
        """One turn of everything on this thread; seconds during which nothing will be due."""
        self.learn()
        wait_s = self.runner.step()
        self.relay.step(self.runner.source_clock)
        while self.library.step():
            pass
        return wait_s

    def run(self, is_stopping: Callable[[], bool], progressed: Callable[[], None] = lambda: None) -> None:
        """Drive the feed on this thread, the rest on others, until told to stop."""
        clock = self._ports.clock

        def beside() -> None:
            while not is_stopping() and not self.learn():
                clock.sleep(0.5)
            self.library.run(is_stopping, clock)

        def relaying() -> None:
            self.relay.run(is_stopping, lambda: self.runner.source_clock, clock)

        threads = [
            threading.Thread(target=beside, name="library", daemon=True),
            threading.Thread(target=relaying, name="relay", daemon=True),
        ]
        for thread in threads:
            thread.start()

        def is_over() -> bool:
            progressed()
            for thread in threads:
                if not thread.is_alive() and not is_stopping():
                    message = f"the {thread.name} thread has ended"
                    raise RuntimeError(message)
            return is_stopping()

        self.runner.run(is_over)
        for thread in threads:
            thread.join(0.5)
        log.info("ingest.stopped", position=self.runner.rows)


def _is_pushed(instrument: Instrument) -> bool:
    return instrument.source == PUSHED
