"""Commands of rules and screens on their way from the database to the ordered log, and behind them their past."""

from collections import deque
from collections.abc import Callable, Sequence

import structlog

from marketbell.core.columns.frame import FrameKind
from marketbell.core.primitives.errors import StoreUnavailableError, UnavailableError
from marketbell.flows.ingest.frames import Entry, document, producer_id
from marketbell.flows.ingest.log import LogWriter
from marketbell.flows.ingest.past import PastBarDesk
from marketbell.flows.ingest.universe import Directory
from marketbell.ports.clock import Clock
from marketbell.ports.stores import EVERYWHERE, InstrumentStore, RuleStore, ScreenStore, screen_command

log = structlog.stdlib.get_logger("ingest.relay")

_PRODUCER = producer_id("rules")
_OWED = "past"


class CommandRelay:
    """Publishes what the stores' outbox holds, and after a lost log every armed rule and every screen that stands.

    A command is marked published after the log (or the queue on disk) has it: a crash in between
    sends it twice, which the engine knows by its uid and version. Stored bars for what begins go out behind its
    command, piece by piece; while some are owed, a number beside the log says so.
    """

    def __init__(
        self,
        rules: RuleStore,
        screens: ScreenStore,
        instruments: InstrumentStore,
        writer: LogWriter,
        directory: Directory,
        past: PastBarDesk | None = None,
        is_stored: Callable[[], bool] = lambda: True,
    ) -> None:
        """`is_stored`: what the source told of the past has reached the bar store."""
        self._rules = rules
        self._screens = screens
        self._instruments = instruments
        self._writer = writer
        self._directory = directory
        self._past = past
        self._is_stored = is_stored
        self._wanted: list[dict[str, object]] = []
        """Commands whose past is not cut into pieces yet."""
        self._begun: deque[list[dict[str, object]]] = deque()
        """What stood where a log began anew. `prepare` is called by whoever writes then, `step` by the relay alone:
        only the latter touches what is owed, so a piece is never forgotten between its publishing and its `done`."""
        self._owes: bool | None = None
        """What the number beside the log says, as far as we know."""
        self._did_tell = False
        self._armed_epoch = ""
        self.error = ""

    def step(self, clock: int) -> int:
        """Publish what waits; how many commands went out. `clock` is the source's time, ns UTC."""
        self._did_tell = False
        if not self._writer.is_open:
            return 0
        try:
            sent = self._rearm(clock)
            waiting = self._rules.unpublished()
            if waiting:
                self._writer.publish(
                    [entry for one in waiting for entry in self._entries(one.instrument_id, one.payload, clock)]
                )
                self._want([one.payload for one in waiting])
                self._rules.mark_published([one.command_id for one in waiting])
                log.info("commands.published", count=len(waiting))
            self._tell_past(clock)
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
            if self._did_tell:
                continue
            try:
                self._rules.wait(every_s)
            except UnavailableError:
                clock.sleep(every_s)

    def armed_entries(self, clock: int) -> list[Entry]:
        """A command for every screen and every armed rule of everyone. Raises StoreUnavailableError."""
        return self._commands(self._standing(), clock)

    def _standing(self) -> list[tuple[int, dict[str, object]]]:
        """Commands of all screens and armed rules, and where each belongs."""
        wanted: list[tuple[int, dict[str, object]]]
        wanted = [(EVERYWHERE, screen_command(one)) for one in self._screens.standing()]
        return wanted + [(instrument_id, payload) for _, instrument_id, payload in self._rules.armed()]

    def _commands(self, wanted: Sequence[tuple[int, dict[str, object]]], clock: int) -> list[Entry]:
        return [entry for place, payload in wanted for entry in self._entries(place, payload, clock)]

    def prepare(self, epoch: str, clock: int) -> list[Entry]:
        """Armed rules for the preamble of an epoch; [] when the database is away: `step` makes up for it."""
        try:
            wanted = self._standing()
            entries = self._commands(wanted, clock)
        except StoreUnavailableError as error:
            self.error = error.message
            self._armed_epoch = ""
            return []
        self._armed_epoch = epoch
        self._owe_all(wanted)
        return entries

    def trust(self, epoch: str) -> None:
        """The log of this epoch has its armed rules already."""
        self._armed_epoch = epoch

    def _rearm(self, clock: int) -> int:
        epoch = self._writer.epoch
        if self._armed_epoch == epoch:
            return 0
        wanted = self._standing()
        entries = self._commands(wanted, clock)
        self._writer.publish(entries)
        self._armed_epoch = epoch
        self._owe_all(wanted)
        return len(entries)

    # --- the past of what begins --------------------------------------------------------------------

    def _owe_all(self, wanted: Sequence[tuple[int, dict[str, object]]]) -> None:
        """The log begins: everything that stands wants its past. Any thread may say so."""
        self._begun.append([payload for _, payload in wanted])

    def _begin(self, past: PastBarDesk) -> None:
        """Forget what the log before was owed. Commands of this very moment stay wanted: they may not stand yet."""
        while self._begun:
            wanted = self._begun.popleft()
            past.clear()
            self._owes = None
            self._wanted = [*wanted, *self._wanted]

    def _want(self, commands: Sequence[dict[str, object]]) -> None:
        if self._past is not None:
            self._wanted = [*self._wanted, *commands]

    def _tell_past(self, clock: int) -> None:
        """Publish the next piece of what is owed. Raises what the store and the bus raise."""
        if self._past is None:
            return
        self._begin(self._past)
        if self._owes is None:
            self._owes = bool(self._writer.recall(_OWED, 0))
            if self._owes and not self._wanted:  # an ingest before us died in the middle of it
                self._wanted = [payload for _, payload in self._standing()]
        if self._wanted:
            self._remember(is_owed=True)
            if not self._is_stored():
                return
            wanted, self._wanted = self._wanted, []
            self._past.want(wanted, clock)
        if self._past.waiting and not self._writer.is_spilling:
            self._writer.publish(self._past.step(clock, self._writer.partitions))
            self._past.done()
            self._did_tell = True
        if not self._past.waiting:
            self._remember(is_owed=False)

    def _remember(self, *, is_owed: bool) -> None:
        if self._owes is not is_owed:
            self._writer.remember(_OWED, 0, int(is_owed))
            self._owes = is_owed

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
