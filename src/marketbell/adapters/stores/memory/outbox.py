"""Commands for the ordered log in a dictionary."""

import itertools
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from marketbell.adapters.stores.memory.announcements import Announcement
from marketbell.ports.stores import RuleCommand


class Outbox:
    """Commands in the order written; rules and screens share one."""

    def __init__(self) -> None:
        self._commands: dict[int, RuleCommand] = {}
        self._numbers = itertools.count(1)
        self._announcement = Announcement()
        self._lock = threading.Lock()

    def write(self, instrument_id: int, payload: Mapping[str, Any]) -> None:
        """Add a command and wake who waits."""
        with self._lock:
            command = RuleCommand(next(self._numbers), int(instrument_id), dict(payload))
            self._commands[command.command_id] = command
        self._announcement.announce()

    def unpublished(self, limit: int) -> list[RuleCommand]:
        """What the log has not had, in the order written."""
        with self._lock:
            return list(itertools.islice(self._commands.values(), limit))

    def mark_published(self, command_ids: Sequence[int]) -> None:
        """The log has these."""
        with self._lock:
            for command_id in command_ids:
                self._commands.pop(command_id, None)

    def wait(self, timeout_s: float) -> bool:
        """Block until a command was written since the last call, or the time is over."""
        return self._announcement.wait(timeout_s)
