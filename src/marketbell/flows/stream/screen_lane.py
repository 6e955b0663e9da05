"""Who entered and who left a screen, on its way into the store."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from marketbell.core.engine.engine import Engine
from marketbell.core.primitives.errors import StoreUnavailableError
from marketbell.core.screening.standing import Delta, StandingScreens
from marketbell.flows.stream.durable import Lane
from marketbell.ports.stores import ScreenEvent, ScreenStore


@dataclass(frozen=True, slots=True)
class _Job:
    mark: int
    screen_id: str
    events: tuple[ScreenEvent, ...]


class ScreenLane(Lane):
    """Entries and leaves of screens, each kept once: a kill between two checkpoints derives the same again."""

    name = "screens"

    def __init__(self, screens: ScreenStore) -> None:
        super().__init__()
        self._screens = screens
        self._jobs: deque[_Job] = deque()

    def put(self, mark: int, engine: Engine, deltas: Sequence[Delta]) -> None:
        """Take what happened; updates are not kept."""
        for delta in deltas:
            events = tuple(
                ScreenEvent(event, int(engine.instruments[row].instrument_id), delta.at) for event, row in delta.events
            )
            if events:
                with self._lock:
                    self._jobs.append(_Job(mark, delta.screen_id, events))
                    self._oldest.append(mark)
                self._has_work.set()

    def clear(self) -> None:
        """Forget what waits: somebody else owns the shards, and writes the same."""
        with self._lock:
            self._jobs.clear()
            self._oldest.clear()

    def step(self) -> bool:
        """Write all that waits for the screen at the head."""
        with self._lock:
            if not self._jobs:
                return False
            head = self._jobs[0].screen_id
            jobs = [job for job in self._jobs if job.screen_id == head]
        try:
            self._screens.put_events(head, [event for job in jobs for event in job.events])
        except StoreUnavailableError as error:
            return self._failed(error)
        with self._lock:
            written = set(map(id, jobs))
            kept = [job for job in self._jobs if id(job) not in written]
            self._jobs = deque(kept)
            self._oldest = deque(job.mark for job in kept)
        self._done()
        return True


def standing_of(engine: Engine) -> StandingScreens | None:
    """The engine's standing screens, where it has them."""
    return next((one for one in engine.operators if isinstance(one, StandingScreens)), None)
