"""Standing levels: armed, moved and disarmed by commands of the log while ticks flow.

Each row and field has two sorted lists, upwards and downwards (level_lists.py); the tick kernel searches
them and takes out what fires. A rule keeps one slot for ever: a row of `rules` that the kernel reads, a row
of `about` that it does not, and its texts once in a buffer that only grows. What commands have in common
(owner, channels, policy …) is a template that they share, so a million levels are arrays, not objects.
"""

import json
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketbell.core.engine import kernel as k
from marketbell.core.engine import level_lists as lists
from marketbell.core.engine.firings import (
    A_HASH,
    A_HASH_HIGH,
    A_HASH_LOW,
    A_INSTRUMENT,
    A_KNOWN,
    A_LEVEL,
    A_NAME,
    A_TEMPLATE,
    A_UID,
    A_VERSION,
    HAS_EXPIRY,
    HAS_HASH,
    HAS_NAME,
    NA,
    SPAN,
    FiredColumns,
    Texts,
)
from marketbell.core.engine.pieces import Pieces, joined, named
from marketbell.core.engine.state import aligned

POLICIES = {
    "once": k.POLICY_ONCE,
    "every time": k.POLICY_EVERY,
    "once per day": k.POLICY_DAY,
    "once per session": k.POLICY_DAY,
    "once per bar": k.POLICY_BAR,
}
FIELDS = {
    "close": k.CLOSE,
    "bid": k.BID,
    "ask": k.ASK,
    "change_pct": k.CHANGE_PCT,
    "vwap": k.VWAP,
    "day.high": k.DAY_HIGH,
    "day.low": k.DAY_LOW,
    "day.volume": k.DAY_VOLUME,
}
"""Fields that can have levels. `bid` and `ask` are evaluated at quotes, the others at ticks in order."""
NO_EXPIRY = k.FAR

_OTHERS = k.FIELDS - 1
_SLOTS_A_PIECE = 2_048
_HEX_DIGITS = 32
_LONGEST = (1 << SPAN) - 1


def dated(command: dict[str, Any], log_time: int) -> dict[str, Any]:
    """The command with its lifetime (`expires_after`, ns) counted from the log's time at which it stands."""
    after = command.get("expires_after")
    if after is None or command.get("expires_at") is not None:
        return command
    return command | {"expires_at": log_time + int(after)}


class LevelBook:
    """All levels that were armed, by slot. Within one tick they fire in the order of their arming."""

    def __init__(self) -> None:
        self.count = 0
        self.sequence = 0
        """How many armings there were."""
        self.rules: NDArray[np.int64] = np.zeros((16, k.NR), np.int64)
        self.about: NDArray[np.int64] = np.zeros((16, NA), np.int64)
        self._text: NDArray[np.uint8] = np.zeros(1 << 12, np.uint8)
        self._text_used = 0
        self._templates: list[tuple[int, int]] = []
        self._template_of: dict[bytes, int] = {}
        self._waiting: dict[int, list[int]] = {}
        self._values: NDArray[np.float64] = np.zeros(64)
        self._slots: NDArray[np.int32] = np.zeros(64, np.int32)
        self._free = np.full(1 + lists.SIZES, -1, np.int64)
        self._free[lists.POOL_USED] = 0
        self._heads: NDArray[np.int64] = aligned((2 * 64, lists.NH))  # both lists of a row in one line
        self._block_heads: NDArray[np.int64] = np.zeros((2 * _OTHERS, lists.NH), np.int64)
        self._fields: NDArray[np.float64] = np.zeros((_OTHERS, k.NE))
        self._blocks: dict[int, int] = {}
        self._pieces = {"level_rules": Pieces(_SLOTS_A_PIECE), "level_about": Pieces(_SLOTS_A_PIECE)}
        self._reindex()

    @property
    def tables(self) -> tuple[NDArray[Any], ...]:
        """What the kernels take: pool of levels and of slots, heads, blocks of fields (heads, values), rules."""
        return self._values, self._slots, self._heads, self._block_heads, self._fields, self.rules

    def make_room(self, rows: int) -> None:
        """Lists for so many rows."""
        if 2 * rows > len(self._heads):
            heads = aligned((max(2 * rows, 2 * len(self._heads)), lists.NH))
            heads[: len(self._heads)] = self._heads
            self._heads = heads

    def block(self, row: int) -> int:
        """1 + the row's block of levels on other fields than close; 0 where it has none."""
        return self._blocks.get(row, -1) + 1

    # --- commands --------------------------------------------------------------------------------

    def arm(self, command: Mapping[str, Any], row: int, evaluations: int, quotes: int = 0) -> str:
        """Arm a level; returns why not, or an empty string. The same uid and version again changes nothing.

        `evaluations` and `quotes` count the evaluations of the row so far: the first one after arming cannot
        cross. Row -1: the instrument is not known yet.
        """
        uid, version = str(command["rule_uid"]), int(command["version"])
        slot, code = self._find(uid)
        if slot >= 0 and version <= self.about[slot, A_KNOWN]:
            return ""
        level = float(command["level"])
        reason = _refusal(command, level, uid)
        if reason:
            return reason
        if slot < 0:
            slot = self._enter(uid, code)
        else:
            self._drop(slot)
        field = FIELDS[str(command.get("field", "close"))]
        expires = command.get("expires_at")
        rule, about = self.rules[slot], self.about[slot]
        is_up = command["direction"] == "above"
        rule[k.R_STATE] = 1 + 2 * POLICIES[str(command.get("fire", "once"))] + 8 * is_up + 16 * field
        rule[k.R_ARMED] = quotes if field in {k.BID, k.ASK} else evaluations
        rule[k.R_EXPIRES] = NO_EXPIRY if expires is None else int(expires)
        rule[k.R_LAST] = rule[k.R_KEY] = k.NEVER
        rule[k.R_NTH] = 0
        rule[k.R_ROW] = row
        rule[k.R_SEQ] = self.sequence
        self.sequence += 1
        about[A_VERSION] = about[A_KNOWN] = version
        about[A_INSTRUMENT] = int(command["instrument_id"])
        about[A_LEVEL : A_LEVEL + 1].view(np.float64)[0] = level + 0.0  # no negative zero
        self._describe(about, command)
        self._mark(slot)
        self._list(slot)
        return ""

    def move(self, command: Mapping[str, Any], evaluations: int, quotes: int = 0) -> str:
        """Arm the next version of a known rule, with only another `level` (and `definition_hash`, where given).

        Returns why not, or an empty string. An older or the same version changes nothing.
        """
        uid = str(command["rule_uid"])
        slot, _ = self._find(uid)
        if slot < 0 or not self.about[slot, A_INSTRUMENT]:
            return "there is no such rule to move"
        if int(command["version"]) <= self.about[slot, A_KNOWN]:
            return ""
        whole = self.command(slot) | {name: command[name] for name in ("version", "level")}
        if "definition_hash" in command:
            whole["definition_hash"] = command["definition_hash"]
        return self.arm(whole, int(self.rules[slot, k.R_ROW]), evaluations, quotes)

    def disarm(self, uid: str, version: int) -> int:
        """Disarm this version and the ones before it; returns the row whose lists have changed, or -1."""
        slot, code = self._find(uid)
        if slot < 0:
            if len(uid.encode()) <= _LONGEST:
                slot = self._enter(uid, code)
                self.about[slot, A_KNOWN] = version
            return -1
        if version < self.about[slot, A_KNOWN]:
            return -1
        self.about[slot, A_KNOWN] = version
        self._mark(slot)
        return self._drop(slot)

    def place(self, instrument_id: int, row: int) -> None:
        """The instrument of waiting levels was defined."""
        for slot in self._waiting.pop(instrument_id, ()):
            if self.rules[slot, k.R_STATE] and self.rules[slot, k.R_ROW] < 0:
                self.rules[slot, k.R_ROW] = row
                self._mark(slot)
                self._list(slot)

    def row_of(self, uid: str) -> int:
        """Row of a rule's level, -1 where nobody knows one."""
        slot, _ = self._find(uid)
        return int(self.rules[slot, k.R_ROW]) if slot >= 0 and self.about[slot, A_INSTRUMENT] else -1

    def version(self, uid: str) -> int:
        """Newest version of a rule that was heard of, -1 where none was."""
        slot, _ = self._find(uid)
        return int(self.about[slot, A_KNOWN]) if slot >= 0 else -1

    def command(self, slot: int) -> dict[str, Any]:
        """The command that armed a slot."""
        return self.texts().command(self.about[slot], int(self.rules[slot, k.R_EXPIRES]))

    def standing(self, uid: str) -> tuple[dict[str, Any], bool, int] | None:
        """The command that armed a rule's level, whether it still stands, and when it fired last (ns UTC, 0 never).

        None where no level of that rule was ever armed.
        """
        slot, _ = self._find(uid)
        if slot < 0 or not self.about[slot, A_INSTRUMENT]:
            return None
        return self.command(slot), bool(self.rules[slot, k.R_STATE]), max(0, int(self.rules[slot, k.R_LAST]))

    def active(self) -> int:
        """How many levels are armed."""
        return int(np.count_nonzero(self.rules[: self.count, k.R_STATE]))

    # --- what fired ------------------------------------------------------------------------------

    def texts(self) -> Texts:
        """The texts as they stand; what stands in them never changes."""
        return Texts(self._text, self._templates)

    def fired(
        self, fi: NDArray[np.int64], ff: NDArray[np.float64], ids: NDArray[np.int64], keys: Sequence[str]
    ) -> FiredColumns:
        """Columns of a kernel's firings; `ids` are the instruments of their rows."""
        slot = fi[:, 0].copy()
        self._mark(slot)
        return FiredColumns(
            slot,
            fi[:, 1].copy(),
            fi[:, 2].copy(),
            fi[:, 3].copy(),
            ff[:, 0].copy(),
            ff[:, 1].copy(),
            ids,
            self.about[slot],
            self.rules[slot, k.R_EXPIRES],
            self.texts(),
            keys,
        )

    # --- slots and texts -------------------------------------------------------------------------

    def _find(self, uid: str) -> tuple[int, int]:
        """Slot of a uid (-1: none), and its hash. Where two uids share a hash the later one takes another."""
        raw = uid.encode()
        salt = 0
        while True:
            code = _code(raw, salt)
            slot = int(lists.find(self._index, self._shift, self.about, code))
            if slot < 0 or self.texts().at(int(self.about[slot, A_UID])) == uid:
                return slot, code
            salt += 1

    def _enter(self, uid: str, code: int) -> int:
        slot = self.count
        self._make_slots(1)
        self.about[slot, A_HASH] = code
        self.about[slot, A_UID] = self._write(uid.encode())
        self.rules[slot, k.R_ROW] = -1
        self.count += 1
        if 2 * self.count > len(self._index):
            self._reindex()
        else:
            lists.enter(self._index, self._shift, self.about, slot, slot + 1)
        self._mark(slot)
        return slot

    def _make_slots(self, more: int) -> None:
        while self.count + more > len(self.rules):
            self.rules = np.concatenate([self.rules, np.zeros_like(self.rules)])
            self.about = np.concatenate([self.about, np.zeros_like(self.about)])

    def _reindex(self) -> None:
        size = 1 << max(6, (4 * self.count).bit_length())
        self._index: NDArray[np.int32] = np.zeros(size, np.int32)
        self._shift = 64 - (size.bit_length() - 1)
        lists.enter(self._index, self._shift, self.about, 0, self.count)

    def _write(self, raw: bytes) -> int:
        """Append a text; returns its span."""
        place = self._text_used
        if place + len(raw) > len(self._text):
            grown = np.zeros(max(2 * len(self._text), place + len(raw)), np.uint8)
            grown[:place] = self._text[:place]
            self._text = grown
        self._text[place : place + len(raw)] = np.frombuffer(raw, np.uint8)
        self._text_used = place + len(raw)
        return place << SPAN | len(raw)

    def _describe(self, about: NDArray[np.int64], command: Mapping[str, Any]) -> None:
        """Keep the command: what is its own in the about row, the rest as a template."""
        rest = dict(command) | dict.fromkeys(("rule_uid", "version", "instrument_id", "level"))
        flags = 0
        code = command.get("definition_hash")
        if isinstance(code, str) and len(code) == _HEX_DIGITS and _is_hex(code):
            flags |= HAS_HASH
            rest["definition_hash"] = None
            about[A_HASH_HIGH : A_HASH_LOW + 1] = np.frombuffer(bytes.fromhex(code), ">i8")
        name = command.get("rule")
        if isinstance(name, str) and len(name.encode()) <= _LONGEST:
            flags |= HAS_NAME
            rest["rule"] = None
            if not about[A_NAME] or self.texts().at(int(about[A_NAME])) != name:
                about[A_NAME] = self._write(name.encode())
        if command.get("expires_at") is not None:
            flags |= HAS_EXPIRY
            rest["expires_at"] = None
        about[A_TEMPLATE] = self._template(json.dumps(rest).encode()) << 3 | flags

    def _template(self, raw: bytes) -> int:
        number = self._template_of.get(raw)
        if number is None:
            number = len(self._templates)
            place = self._text_used
            self._write(raw)
            self._templates.append((place, len(raw)))
            self._template_of[raw] = number
        return number

    def _mark(self, slot: int | NDArray[np.int64]) -> None:
        for pieces in self._pieces.values():
            pieces.mark(slot)

    def mark_all(self) -> None:
        """Levels may have fired without anybody being told."""
        self._pieces["level_rules"].mark_all()

    # --- lists -----------------------------------------------------------------------------------

    def _head(self, slot: int) -> tuple[NDArray[np.int64], int]:
        """The list that a slot belongs to: heads and place in them."""
        state, row = int(self.rules[slot, k.R_STATE]), int(self.rules[slot, k.R_ROW])
        field, is_down = state >> 4, 1 - (state >> 3 & 1)
        if field == k.CLOSE:
            return self._heads, 2 * row + is_down
        return self._block_heads, 2 * (self._blocks[row] * _OTHERS + field - 1) + is_down

    def _list(self, slot: int) -> None:
        """Put an armed slot into its list; without a row it waits for its instrument."""
        row = int(self.rules[slot, k.R_ROW])
        if row < 0:
            self._waiting.setdefault(int(self.about[slot, A_INSTRUMENT]), []).append(slot)
            return
        self.make_room(row + 1)
        if self.rules[slot, k.R_STATE] >> 4 != k.CLOSE:
            self._make_block(row)
        heads, h = self._head(slot)
        level = self._level(slot)
        while not lists.insert(self._values, self._slots, heads, h, self._free, level, slot):
            self._values = np.concatenate([self._values, np.zeros_like(self._values)])
            self._slots = np.concatenate([self._slots, np.zeros_like(self._slots)])
        self._forget_neighbours(slot)

    def _drop(self, slot: int) -> int:
        """Disarm; returns the row, -1 where nothing was armed."""
        row = int(self.rules[slot, k.R_ROW])
        if not self.rules[slot, k.R_STATE] or row < 0:
            self.rules[slot, k.R_STATE] = 0
            return -1
        heads, h = self._head(slot)
        lists.remove(self._values, self._slots, heads, h, self._level(slot), slot)
        self._forget_neighbours(slot)
        self.rules[slot, k.R_STATE] = 0
        return row

    def _level(self, slot: int) -> float:
        return float(self.about[slot, A_LEVEL : A_LEVEL + 1].view(np.float64)[0])

    def _make_block(self, row: int) -> None:
        if row in self._blocks:
            return
        block = len(self._blocks)
        first = block * _OTHERS
        if first + _OTHERS > len(self._fields):
            self._fields = np.concatenate([self._fields, np.zeros_like(self._fields)])
            self._block_heads = np.concatenate([self._block_heads, np.zeros_like(self._block_heads)])
        self._fields[first : first + _OTHERS] = np.nan
        self._blocks[row] = block

    def _forget_neighbours(self, slot: int) -> None:
        """The neighbours of a field's value; those of close stand in the row, which is the engine's."""
        field = int(self.rules[slot, k.R_STATE]) >> 4
        if field != k.CLOSE:
            e = self._blocks[int(self.rules[slot, k.R_ROW])] * _OTHERS + field - 1
            self._fields[e, [k.E_UP_LOW, k.E_DOWN_LOW]] = np.inf

    # --- many at once ----------------------------------------------------------------------------

    def arm_many(
        self,
        uids: Sequence[str],
        ids: NDArray[np.int64],
        rows: NDArray[np.int64],
        levels: NDArray[np.float64],
        is_up: NDArray[np.bool_],
        template: Mapping[str, Any],
        *,
        field: str = "close",
        fire: str = "once",
    ) -> None:
        """Arm new rules, version 1, on defined rows without ticks so far: for benchmarks and moves of a house.

        `template` is what their commands have in common (rule, owner_id, notify …). ValueError where a uid is
        known already. The lists are built anew in one sort.
        """
        count = len(uids)
        first = self.count
        self._make_slots(count)
        common = dict(template) | {"type": "arm_level", "field": field, "fire": fire, "expires_at": None}
        common |= dict.fromkeys(("rule_uid", "version", "instrument_id", "level"))
        numbers = [
            self._template(json.dumps(common | {"direction": direction}).encode()) << 3
            for direction in ("below", "above")
        ]
        raws = [uid.encode() for uid in uids]
        lengths = np.fromiter(map(len, raws), np.int64, count)
        place = self._text_used
        self._write(b"".join(raws))
        about, rules = self.about[first : first + count], self.rules[first : first + count]
        about[:, A_HASH] = [_code(raw, 0) for raw in raws]
        about[:, A_UID] = (place + np.cumsum(lengths) - lengths) << SPAN | lengths
        about[:, [A_VERSION, A_KNOWN]] = 1
        about[:, A_INSTRUMENT] = ids
        about[:, A_LEVEL] = (np.asarray(levels, np.float64) + 0.0).view(np.int64)
        about[:, A_TEMPLATE] = np.where(is_up, numbers[1], numbers[0])
        rules[:, k.R_STATE] = 1 + 2 * POLICIES[fire] + 8 * is_up.astype(np.int64) + 16 * FIELDS[field]
        rules[:, k.R_ARMED] = 0
        rules[:, k.R_EXPIRES] = NO_EXPIRY
        rules[:, [k.R_LAST, k.R_KEY]] = k.NEVER
        rules[:, k.R_ROW] = rows
        rules[:, k.R_SEQ] = self.sequence + np.arange(count)
        if len(np.unique(self.about[: first + count, A_HASH])) != first + count:
            message = "a uid is known already"
            raise ValueError(message)
        self.sequence += count
        self.count += count
        self._mark(np.arange(first, first + count))
        self._reindex()
        self.build()

    def build(self) -> None:
        """Make all lists anew from the armed slots."""
        rules = self.rules[: self.count]
        slots = np.flatnonzero((rules[:, k.R_STATE] != 0) & (rules[:, k.R_ROW] >= 0))
        state, row = rules[slots, k.R_STATE], rules[slots, k.R_ROW]
        is_other = state >> 4 != k.CLOSE
        for one in np.unique(row[is_other]).tolist():
            self._make_block(one)
        self.make_room(int(row.max(initial=-1)) + 1)
        block = np.zeros(len(self._heads) // 2, np.int64)
        block[list(self._blocks)] = list(self._blocks.values())
        down = 1 - (state >> 3 & 1)
        # lists of other fields stand behind those of close, for the sort
        lines = len(self._heads)
        line = np.where(is_other, lines + 2 * (block[row] * _OTHERS + (state >> 4) - 1), 2 * row) + down
        level = self.about[slots, A_LEVEL].view(np.float64)
        order = np.lexsort((slots, level, line))
        line, slots, level = line[order], slots[order], level[order]
        found, first, sizes = np.unique(line, return_index=True, return_counts=True)
        ranks = np.maximum(np.ceil(np.log2(np.maximum(sizes, 1))).astype(np.int64), 2)
        rooms = np.left_shift(1, ranks)
        rooms = np.where(rooms < sizes, 2 * rooms, rooms)
        starts = np.cumsum(rooms) - rooms
        used = int(rooms.sum())
        self._values = np.zeros(max(64, used + used // 4))
        self._slots = np.zeros(len(self._values), np.int32)
        at = np.repeat(starts - first, sizes) + np.arange(len(slots))
        self._values[at] = level
        self._slots[at] = slots
        self._free[:] = -1
        self._free[lists.POOL_USED] = used
        self._heads[:] = 0
        self._block_heads[:] = 0
        heads = np.stack([starts, sizes, rooms], axis=1)
        is_close = found < lines
        self._heads[found[is_close], : lists.H_HINT] = heads[is_close]
        self._block_heads[found[~is_close] - lines, : lists.H_HINT] = heads[~is_close]
        self._fields[:, [k.E_UP_LOW, k.E_DOWN_LOW]] = np.inf

    def nbytes(self) -> dict[str, int]:
        """Memory of what is held, bytes."""
        return {
            "rules": self.rules.nbytes,
            "about": self.about.nbytes,
            "text": self._text.nbytes,
            "index": self._index.nbytes,
            "pool": self._values.nbytes + self._slots.nbytes,
            "heads": self._heads.nbytes + self._block_heads.nbytes + self._fields.nbytes,
        }

    # --- checkpoints -----------------------------------------------------------------------------

    def checkpoint(self) -> dict[str, NDArray[Any]]:
        """Arrays that will not change any more; those of slots in pieces."""
        text = self._text[: self._text_used]
        text.flags.writeable = False  # this view; the buffer behind it only grows
        rows = sorted(self._blocks, key=self._blocks.__getitem__)
        previous = self._fields[: len(rows) * _OTHERS, k.E_PREVIOUS].reshape(len(rows), _OTHERS)
        return {
            **named("level_rules", self._pieces["level_rules"].take(self.rules, self.count)),
            **named("level_about", self._pieces["level_about"].take(self.about, self.count)),
            "level_text": text,
            "level_templates": np.array(self._templates, np.int64).reshape(len(self._templates), 2),
            "level_rows": np.array(rows, np.int64),
            "level_previous": previous.copy(),
            "level_sequence": np.array([self.sequence], np.int64),
        }

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]]) -> "LevelBook":
        """The inverse; from pieces or from arrays that are whole. CheckpointError where pieces are missing."""
        book = cls()
        found = whole(arrays)
        book.count = len(found["level_rules"])
        book._make_slots(0)
        book.rules[: book.count], book.about[: book.count] = found["level_rules"], found["level_about"]
        book._text = np.concatenate([found["level_text"], np.zeros(1 << 12, np.uint8)])
        book._text_used = len(found["level_text"])
        book._templates = [(int(place), int(size)) for place, size in found["level_templates"]]
        book._template_of = {
            book._text[place : place + size].tobytes(): number for number, (place, size) in enumerate(book._templates)
        }
        for row, previous in zip(found["level_rows"].tolist(), found["level_previous"], strict=True):
            book._make_block(row)
            first = book._blocks[row] * _OTHERS
            book._fields[first : first + _OTHERS, k.E_PREVIOUS] = previous
        book.sequence = int(found["level_sequence"][0])
        rules = book.rules[: book.count]
        for slot in np.flatnonzero((rules[:, k.R_STATE] != 0) & (rules[:, k.R_ROW] < 0)).tolist():
            book._waiting.setdefault(int(book.about[slot, A_INSTRUMENT]), []).append(slot)
        book._reindex()
        book.build()
        return book


def whole(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """A checkpoint's arrays of levels, those of slots in one piece. What is whole stays."""
    found = {name: array for name, array in arrays.items() if name.startswith("level_") and "/" not in name}
    for name, width in (("level_rules", k.NR), ("level_about", NA)):
        if name not in found:
            found[name] = joined(arrays, name, np.empty((0, width), np.int64))
    return found


def _code(raw: bytes, salt: int) -> int:
    """A uid's hash, 64 bits with a sign."""
    digest = blake2b(raw, digest_size=8, salt=salt.to_bytes(2, "little")).digest()
    return int.from_bytes(digest, "little", signed=True)


def _is_hex(text: str) -> bool:
    return all(letter in "0123456789abcdef" for letter in text)


def _refusal(command: Mapping[str, Any], level: float, uid: str) -> str:
    """Why a command cannot be armed; '' when it can."""
    if command.get("field", "close") not in FIELDS:
        return f"field {command.get('field')!r} has no levels"
    if command.get("direction") not in {"above", "below"}:
        return f"unknown direction {command.get('direction')!r}"
    if str(command.get("fire", "once")) not in POLICIES:
        return f"unknown firing policy {command.get('fire')!r}"
    if not np.isfinite(level):
        return "the level is not a number"
    if len(uid.encode()) > _LONGEST:
        return "the rule's uid is too long"
    return ""
