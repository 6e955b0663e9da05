"""Commands of rules and screens on their way from the database to the ordered log."""

from collections.abc import Callable

import structlog

from marketbell.core.columns.frame import FrameKind
from marketbell.core.primitives.errors import StoreUnavailableError, UnavailableError
from marketbell.flows.ingest.frames import Entry, document, producer_id
from marketbell.flows.ingest.log import LogWriter
from marketbell.flows.ingest.universe import Directory
from marketbell.ports.clock import Clock
from marketbell.ports.stores import EVERYWHERE, InstrumentStore, RuleStore, ScreenStore, screen_command

log = structlog.stdlib.get_logger("ingest.relay")

_PRODUCER = producer_id("rules")


class CommandRelay:
    """Publishes what the stores' outbox holds, and after a lost log every armed rule and every screen that stands.

    A command is marked published after the log (or the queue on disk) has it: a crash in between
    sends it twice, which the engine knows by its uid and version.
    """

    def __init__(
        self,
        rules: RuleStore,
        screens: ScreenStore,
        instruments: InstrumentStore,
        writer: LogWriter,
        directory: Directory,
    ) -> None:
        self._rules = rules
        self._screens = screens
        self._instruments = instruments
        self._writer = writer
        self._directory = directory
        self._armed_epoch = ""
        self.error = ""

    def step(self, clock: int) -> int:
        """Publish what waits; how many commands went out. `clock` is the source's time, ns UTC."""
        if not self._writer.is_open:
            return 0
        try:
            sent = self._rearm(clock)
            waiting = self._rules.unpublished()
            if waiting:
                self._writer.publish(
                    [entry for one in waiting for entry in self._entries(one.instrument_id, one.payload, clock)]
                )
                self._rules.mark_published([one.command_id for one in waiting])
                log.info("commands.published", count=len(waiting))
            self.error = ""
            return sent + len(waiting)
        except UnavailableError as error:
            if not self.error:
                log.warning("commands.delayed", error=error.message)
            self.error = error.message
            return 0

    def run(
        self, is_stopping: Callable[[], bool], clock_of: Callable[[], int], clock: Clock, every_s: float = 0.2
    ) -> None:
        """Publish as commands are announced, at the latest every `every_s`, until told to stop."""
        while not is_stopping():
            self.step(clock_of())
            try:
                self._rules.wait(every_s)
            except UnavailableError:
                clock.sleep(every_s)

    def armed_entries(self, clock: int) -> list[Entry]:
        """A command for every screen and every armed rule of everyone. Raises StoreUnavailableError."""
        wanted = [(EVERYWHERE, screen_command(one)) for one in self._screens.standing()]
        wanted += [(instrument_id, payload) for _, instrument_id, payload in self._rules.armed()]
        return [entry for place, payload in wanted for entry in self._entries(place, payload, clock)]

    def prepare(self, epoch: str, clock: int) -> list[Entry]:
        """Armed rules for the preamble of an epoch; [] when the database is away: `step` makes up for it."""
        try:
            entries = self.armed_entries(clock)
        except StoreUnavailableError as error:
            self.error = error.message
            self._armed_epoch = ""
            return []
        self._armed_epoch = epoch
        return entries

    def trust(self, epoch: str) -> None:
        """The log of this epoch has its armed rules already."""
        self._armed_epoch = epoch

    def _rearm(self, clock: int) -> int:
        epoch = self._writer.epoch
        if self._armed_epoch == epoch:
            return 0
        entries = self.armed_entries(clock)
        self._writer.publish(entries)
        self._armed_epoch = epoch
        return len(entries)

    def _entries(self, instrument_id: int, payload: dict[str, object], clock: int) -> list[Entry]:
        """The command for the partition of its instrument; one about several instruments for every partition."""
        if instrument_id == EVERYWHERE:
            return [
                document(FrameKind.COMMAND, partition, _PRODUCER, 0, clock, payload)
                for partition in range(self._writer.partitions)
            ]
        if not self._directory.knows(instrument_id):
            self._directory.add(one for one in self._instruments.all() if int(one.instrument_id) == instrument_id)
        partition = self._directory.partition(instrument_id)
        return [document(FrameKind.COMMAND, partition, _PRODUCER, 0, clock, payload)]
