"""Saved screens and their events in dictionaries."""

import threading
import time
from collections.abc import Sequence
from dataclasses import replace

from marketbell.adapters.stores.memory.outbox import Outbox
from marketbell.core.primitives.errors import ConflictError, NotFoundError
from marketbell.ports.stores import (
    EVERYWHERE,
    MOST_EVENTS,
    SavedScreen,
    ScreenEvent,
    Stay,
    is_same_screen,
    screen_command,
    stays,
    unscreen_command,
)


class MemoryScreens:
    """Screens by id, and the events of each."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._screens: dict[str, SavedScreen] = {}
        self._events: dict[str, list[ScreenEvent]] = {}
        self._lock = threading.Lock()

    def all(self, owner_id: str) -> list[SavedScreen]:
        """The owner's, oldest first."""
        return [one for one in self.standing() if one.owner_id == owner_id]

    def get(self, owner_id: str, screen_id: str) -> SavedScreen | None:
        """The owner's screen of that id."""
        with self._lock:
            found = self._screens.get(screen_id)
            return found if found is not None and found.owner_id == owner_id else None

    def put(self, screen: SavedScreen) -> SavedScreen:
        """Keep a screen and write its command."""
        with self._lock:
            found = self._screens.get(screen.screen_id)
            if found is not None and found.owner_id != screen.owner_id:
                message = f"the screen id {screen.screen_id} is taken"
                raise ConflictError(message)
            if any(
                one.name == screen.name and one.owner_id == screen.owner_id and one.screen_id != screen.screen_id
                for one in self._screens.values()
            ):
                message = f'you have a screen "{screen.name}" already'
                raise ConflictError(message)
            if found is not None and is_same_screen(found, screen):
                return found
            now = time.time_ns()
            created_at = found.created_at if found else screen.created_at or now
            kept = replace(screen, created_at=created_at, updated_at=screen.updated_at or now)
            self._screens[screen.screen_id] = kept
            self._outbox.write(EVERYWHERE, screen_command(kept))
            return kept

    def delete(self, owner_id: str, screen_id: str) -> None:
        """Forget a screen and its events, and tell the log."""
        with self._lock:
            found = self._screens.get(screen_id)
            if found is None or found.owner_id != owner_id:
                message = f"there is no screen {screen_id}"
                raise NotFoundError(message)
            del self._screens[screen_id]
            self._events.pop(screen_id, None)
            self._outbox.write(EVERYWHERE, unscreen_command(screen_id))

    def standing(self) -> list[SavedScreen]:
        """Everyone's, oldest first."""
        with self._lock:
            return sorted(self._screens.values(), key=lambda one: (one.created_at, one.screen_id))

    def put_events(self, screen_id: str, events: Sequence[ScreenEvent]) -> None:
        """Keep what happened, each once; of a screen the newest stay."""
        with self._lock:
            known = {*self._events.get(screen_id, ()), *(ScreenEvent(*one) for one in events)}
            self._events[screen_id] = sorted(known, key=_order)[-MOST_EVENTS:]

    def history(self, screen_id: str, since: int, limit: int = 500) -> list[ScreenEvent]:
        """Events from `since` on, newest first."""
        with self._lock:
            return [one for one in reversed(self._events.get(screen_id, ())) if one.at >= since][:limit]

    def held(self, instrument_id: int, since: int) -> list[Stay]:
        """In which screens an instrument was at `since` or later."""
        with self._lock:
            found = sorted(
                (one.at, screen_id, one.event)
                for screen_id, events in self._events.items()
                for one in events
                if one.instrument_id == instrument_id
            )
        return stays(((screen_id, event, at) for at, screen_id, event in found), since)


def _order(event: ScreenEvent) -> tuple[int, int, str]:
    return event.at, event.instrument_id, event.event
