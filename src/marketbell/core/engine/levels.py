"""Standing price levels: sorted per instrument, armed and disarmed by commands of the log.

The kernel reads them as two sorted tables (levels to cross upwards, levels to cross downwards) with
the rows' ranges beside them. Commands only mark the tables as stale; they are built anew before the
next tick, however many commands came, in one vectorised sort.
"""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketbell.core.engine import kernel as k

POLICIES = {
    "once": k.POLICY_ONCE,
    "every time": k.POLICY_EVERY,
    "once per day": k.POLICY_DAY,
    "once per session": k.POLICY_DAY,
    "once per bar": k.POLICY_BAR,
}
NO_EXPIRY = k.FAR


def dated(command: dict[str, Any], log_time: int) -> dict[str, Any]:
    """The command with its lifetime (`expires_after`, ns) counted from the log's time at which it stands."""
    after = command.get("expires_after")
    if after is None or command.get("expires_at") is not None:
        return command
    return command | {"expires_at": log_time + int(after)}


class LevelBook:
    """All levels that were armed, by slot. A slot is never reused, so order of firing is order of arming."""

    def __init__(self) -> None:
        self.count = 0
        self.rules: NDArray[np.int64] = np.zeros((16, k.NR), np.int64)
        self.levels: NDArray[np.float64] = np.zeros(16, np.float64)
        self.commands: list[dict[str, Any]] = []
        self.slots: dict[str, int] = {}
        self.versions: dict[str, int] = {}
        self.waiting: dict[int, list[int]] = {}
        self.is_stale = True
        self._blob: bytes | None = None
        empty_i, empty_f = np.zeros(0, np.int64), np.zeros(0, np.float64)
        self.tables: tuple[NDArray[Any], ...] = (empty_f, empty_i, empty_i, empty_f, empty_i, empty_i)

    def arm(self, command: dict[str, Any], row: int, evaluations: int) -> str:
        """Arm a level; returns why not, or an empty string. The same uid and version again changes nothing."""
        uid, version = str(command["rule_uid"]), int(command["version"])
        if version <= self.versions.get(uid, -1):
            return ""
        policy = POLICIES.get(str(command.get("fire", "once")))
        level = float(command["level"])
        if command.get("field", "close") != "close":
            return f"field {command.get('field')!r} has no levels"
        if command.get("direction") not in {"above", "below"}:
            return f"unknown direction {command.get('direction')!r}"
        if policy is None:
            return f"unknown firing policy {command.get('fire')!r}"
        if not np.isfinite(level):
            return "the level is not a number"
        self._drop(uid)
        slot = self.count
        if slot == len(self.levels):
            self.rules = np.concatenate([self.rules, np.zeros_like(self.rules)])
            self.levels = np.concatenate([self.levels, np.zeros_like(self.levels)])
        expires = command.get("expires_at")
        rule = self.rules[slot]
        rule[k.R_ACTIVE] = 1
        rule[k.R_ARMED] = evaluations
        rule[k.R_EXPIRES] = NO_EXPIRY if expires is None else int(expires)
        rule[k.R_POLICY] = policy
        rule[k.R_LAST] = k.NEVER
        rule[k.R_NTH] = 0
        rule[k.R_KEY] = k.NEVER
        rule[k.R_ROW] = row
        rule[k.R_DIRECTION] = int(command["direction"] == "above")
        self.levels[slot] = level
        self.commands.append(command)
        self.slots[uid] = slot
        self.versions[uid] = version
        if row < 0:
            self.waiting.setdefault(int(command["instrument_id"]), []).append(slot)
        self.count += 1
        self.is_stale = True
        self._blob = None
        return ""

    def disarm(self, uid: str, version: int) -> None:
        """Disarm this version and the ones before it."""
        if version >= self.versions.get(uid, -1):
            self.versions[uid] = version
            self._drop(uid)
            self._blob = None

    def _drop(self, uid: str) -> None:
        slot = self.slots.pop(uid, None)
        if slot is not None:
            self.rules[slot, k.R_ACTIVE] = 0
            self.is_stale = True

    def place(self, instrument_id: int, row: int) -> None:
        """The instrument of waiting levels was defined."""
        for slot in self.waiting.pop(instrument_id, ()):
            self.rules[slot, k.R_ROW] = row
            self.is_stale = True

    def build(self, rows: int) -> None:
        """Sort the active levels of `rows` rows into the kernel's two tables."""
        rule, level = self.rules[: self.count], self.levels[: self.count]
        tables: list[NDArray[Any]] = []
        for direction in (1, 0):
            slots = np.flatnonzero(
                (rule[:, k.R_ACTIVE] == 1) & (rule[:, k.R_DIRECTION] == direction) & (rule[:, k.R_ROW] >= 0)
            )
            order = np.lexsort((slots, level[slots], rule[slots, k.R_ROW]))
            slots = slots[order].astype(np.int64)
            pointers = np.searchsorted(rule[slots, k.R_ROW], np.arange(rows + 1)).astype(np.int64)
            tables += [np.ascontiguousarray(level[slots]), pointers, slots]
        self.tables = tuple(tables)
        self.is_stale = False

    def active(self) -> int:
        """How many levels are armed."""
        return int(np.count_nonzero(self.rules[: self.count, k.R_ACTIVE]))

    def as_json(self) -> bytes:
        """The commands, for a checkpoint; kept until a command changes it."""
        if self._blob is None:
            self._blob = json.dumps({"commands": self.commands, "versions": self.versions}).encode()
        return self._blob

    @classmethod
    def from_checkpoint(cls, rules: NDArray[np.int64], levels: NDArray[np.float64], blob: bytes) -> "LevelBook":
        """The inverse of the arrays and `as_json`."""
        book = cls()
        saved = json.loads(blob)
        book.commands = saved["commands"]
        book.versions = saved["versions"]
        book.count = len(book.commands)
        room = max(16, book.count)
        book.rules = np.zeros((room, k.NR), np.int64)
        book.levels = np.zeros(room, np.float64)
        book.rules[: book.count] = rules
        book.levels[: book.count] = levels
        for slot, command in enumerate(book.commands):
            uid = str(command["rule_uid"])
            if book.versions.get(uid) == int(command["version"]) and rules[slot, k.R_ACTIVE]:
                book.slots[uid] = slot
            if rules[slot, k.R_ROW] < 0 and rules[slot, k.R_ACTIVE]:
                book.waiting.setdefault(int(command["instrument_id"]), []).append(slot)
        return book
