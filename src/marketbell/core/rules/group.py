"""The rules of one timing: their comparisons in one table, their state in arrays, evaluated together.

A rule that is about every instrument (and needs no past of its own) is *wide*: its truth comes from blocks that all
wide rules share. The others are evaluated one by one, on the instruments that they are about.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from marketbell.core.engine import predicate_kernel as pk
from marketbell.core.engine.bars import Bars, Floats, Ints
from marketbell.core.engine.predicates import Block, PredicateTable
from marketbell.core.language.plan import Input
from marketbell.core.market.timeframe import Timeframe
from marketbell.core.rules import policy_kernel as k
from marketbell.core.rules.armed import Armed, policy_line
from marketbell.core.rules.row_lists import RowLists
from marketbell.core.rules.spans import Places, Spans, grown

_FIRST_ROOM = 256
_MOST_LOST = 1_024
_MOST_LAID = 1 << 20
_NOWHERE = Input(-1)
_RUN: Callable[..., int] = k.run


class Moment(NamedTuple):
    """What the evaluations of a batch share beside their bars: minute of the local day, end of the session (ns)."""

    minute: Ints
    close: Ints


class Hit(NamedTuple):
    """A firing as the kernel tells it; `values` are the columns of the rule's own that it rests on, by column."""

    member: "Member"
    row: int
    time: int
    nth: int
    is_exit: bool
    is_suppressed: bool
    values: Mapping[int, float]
    own: Sequence[float]


@dataclass(slots=True)
class Member:
    """A rule in its group: where its values and its state are."""

    armed: Armed
    number: int
    rows: Ints
    is_wide: bool
    first: int
    slots: Mapping[str, int] = field(default_factory=dict)
    before_slots: Mapping[str, int] = field(default_factory=dict)
    end_columns: Mapping[Timeframe, int] = field(default_factory=dict)
    inputs: Sequence[int] = ()
    """Columns of the table that any of its parts rests on."""
    own: int = 0
    own_places: Mapping[str, int] = field(default_factory=dict)
    """Of operands of crosses: where the rule keeps what they were before."""
    cone: Ints | None = None
    """The slots that its parts rest on, when somebody has asked for their values."""

    def pair(self, row: int) -> int:
        """Its pair on a row, -1 where it is not about it."""
        if self.is_wide:
            return self.first + row
        at = int(np.searchsorted(self.rows, row))
        return self.first + at if at < len(self.rows) and self.rows[at] == row else -1


class Group:
    """See the module. `rows` is how many instruments there are.

    One rule more or less touches its own lines alone, however many there are: numbers, pairs and spans that are given
    back are used again, and what is left over is cleared when it is worth while.
    """

    def __init__(self, timing: Timeframe, rows: int) -> None:
        self.timing = timing
        self.table = PredicateTable()
        self.rows = rows
        self.members: dict[str, Member] = {}
        self._places: dict[Hashable, Input] = {}
        self._items: list[Input] = []
        """Where the program has each column of the table, as far as they were looked up."""
        self._moving: dict[str, set[Hashable]] = {}
        self._by_number: list[Member | None] = []
        self._free: list[int] = []
        self._gone: list[int] = []
        """Numbers of rules that left, to which lists of rows still point."""
        self._lines = np.zeros((8, k.NP), np.int64)
        self._cones = Spans()
        self._inputs = Spans()
        self._pairs = Places()
        self.flags: NDArray[np.uint8] = np.zeros(64, np.uint8)
        self.recs: NDArray[np.int32] = np.full(64, -1, np.int32)
        self.records = np.empty((_FIRST_ROOM, k.NQ), np.int64)
        self.record_f = np.full((_FIRST_ROOM, 1), np.nan)
        self.used = 0
        self._lost = 0
        """Records of pairs that are no more."""
        self._fi, self._ff = np.empty((_FIRST_ROOM, k.NF), np.int64), np.empty((_FIRST_ROOM, 1))
        self._block = Block(self.table)
        self._block_lost = 0
        self._wide = np.empty(0, np.int64)
        self._lists = RowLists(rows)
        self._scratch, self._one = np.empty(64), np.empty(64)
        self._holding = self._timed = 0
        self._laid: tuple[Mapping[str, int], tuple[Ints, Ints, Ints, int]] | None = None

    # --- rules -------------------------------------------------------------------------------------

    def add(self, armed: Armed, rows: Ints, place_of: Mapping[str, Input], *, moves: bool = False) -> Member:
        """Take a rule; `place_of` tells where the program has each of its series, for good or (`moves`) for now."""
        self._laid = None
        cut = armed.cut
        has_past = armed.policy.begin >= 0
        is_wide = len(rows) == self.rows and not has_past
        count = len(rows)
        member = Member(armed, self._number(), rows, is_wide, self._pairs.take(count))

        def key_of(name: str) -> Hashable:
            key: Hashable = (armed.uid, name) if moves else place_of[name]
            self._places[key] = place_of[name]
            if moves:
                self._moving.setdefault(armed.uid, set()).add(key)
            return key

        wanted = [*cut.places.values(), *cut.befores.values()]
        slots = self.table.add_all(cut.whole, wanted, lambda item: key_of(cut.columns[item]))
        member.slots = {place: slots[item] for place, item in cut.places.items()}
        member.before_slots = {place: slots[item] for place, item in cut.befores.items()}
        roots = armed.roots
        line = policy_line(armed.policy, armed.bar)
        root = member.slots[roots["when"]]
        if has_past:
            root, member.own = self.table.with_own_past(root)
            kept = self.table.own_slots(root)
            member.own_places = {place: kept.index(slot) for place, slot in member.slots.items() if slot in kept}
        again = member.slots[roots["rearm"]] if "rearm" in roots else -1
        gate = member.slots[roots["where"]] if "where" in roots else -1
        line[[k.P_PAIR, k.P_ROOT, k.P_GATE, k.P_REARM_SLOT, k.P_OWN]] = member.first, root, gate, again, member.own
        line[k.P_CONE], line[k.P_CONE_SIZE] = self._cone(root, *([again] if again >= 0 else []))
        if gate >= 0:
            line[k.P_GATE_CONE], line[k.P_GATE_SIZE] = self._cone(gate)
        member.end_columns = {timeframe: self.table.place(key_of(name)) for timeframe, name in cut.ends.items()}
        # in the order of the rule's own plan: records keep them so, over restarts and in whatever company
        member.inputs = list(dict.fromkeys(self.table.place(key_of(name)) for name in cut.columns.values()))
        if armed.policy.hold:
            line[k.P_INPUTS], line[k.P_INPUTS_SIZE] = self._inputs.put(member.inputs)
        if is_wide:
            self._join_block(member, line)
        self._keep(member, line)
        self._widen(member.own + int(line[k.P_INPUTS_SIZE]))
        return member

    def place(self, uid: str, place_of: Mapping[str, Input]) -> None:
        """The program has the series of a rule that moves at other places now."""
        for name, item in place_of.items():
            if (uid, name) in self._places:
                self._places[uid, name] = item
        self._items = []

    def drop(self, uid: str) -> None:
        """Forget a rule and its state."""
        member = self.members.pop(uid, None)
        if member is None:
            return
        self._laid = None
        number, count = member.number, len(member.rows)
        self._by_number[number] = None
        for key in self._moving.pop(uid, ()):
            self._places[key] = _NOWHERE
            self._items = []
        recs = self.recs[member.first : member.first + count]
        recs = recs[recs >= 0]
        self.records[recs, k.Q_PAIR] = -1
        self._lost += len(recs)
        line = self._lines[number]
        for owner, begin, size in (
            (self._pairs, member.first, count),
            (self._cones, int(line[k.P_CONE]), int(line[k.P_CONE_SIZE])),
            (self._cones, int(line[k.P_GATE_CONE]), int(line[k.P_GATE_SIZE])),
            (self._inputs, int(line[k.P_INPUTS]), int(line[k.P_INPUTS_SIZE])),
        ):
            owner.give_back(begin, size)
        line[k.P_PAIR] = -1
        self._count(member, -1)
        if member.is_wide:
            self._free.append(number)
            self._leave_block(line)
        else:
            self._gone.append(number)
            self._lists.leave(count)

    def _number(self) -> int:
        if self._free:
            return self._free.pop()
        self._by_number.append(None)
        return len(self._by_number) - 1

    def _cone(self, *slots: int) -> tuple[int, int]:
        return self._cones.put(self.table.cone(*slots))

    def _keep(self, member: Member, line: Ints) -> None:
        self._lines = grown(self._lines, member.number + 1)
        self._lines[member.number] = line
        self._by_number[member.number] = member
        self.members[member.armed.uid] = member
        self.flags, self.recs = grown(self.flags, self._pairs.used), grown(self.recs, self._pairs.used, -1)
        mine = slice(member.first, member.first + len(member.rows))
        self.flags[mine], self.recs[mine] = 0, -1
        if not member.is_wide:
            self._lists.link(member.number, member.rows, member.first)
        self._count(member, 1)

    def _count(self, member: Member, more: int) -> None:
        policy = member.armed.policy
        self._holding += more * (policy.hold > 0)
        self._timed += more * (policy.begin >= 0)

    def _widen(self, width: int) -> None:
        if width > self.record_f.shape[1]:
            more = width - self.record_f.shape[1]
            self.record_f = np.concatenate([self.record_f, np.full((len(self.record_f), more), np.nan)], axis=1)
            self._ff = np.empty((len(self._fi), width))

    def _join_block(self, member: Member, line: Ints) -> None:
        """A wide rule's truths come from the block: its line says at which places."""
        pairs = ((k.P_WIDE, k.P_ROOT), (k.P_WIDE_GATE, k.P_GATE), (k.P_WIDE_REARM, k.P_REARM_SLOT))
        wanted = [(place, int(line[slot])) for place, slot in pairs if line[slot] >= 0]
        for (place, _), at in zip(wanted, self._block.add(*(slot for _, slot in wanted)), strict=True):
            line[place] = at
        self._wide = np.append(self._wide, member.number)

    def _leave_block(self, line: Ints) -> None:
        self._wide = self._wide[self._lines[self._wide, k.P_PAIR] >= 0]
        self._block_lost += int(line[k.P_CONE_SIZE] + line[k.P_GATE_SIZE])
        if self._block_lost <= max(_MOST_LOST, len(self._block) // 2):
            return
        wide, self._wide = self._wide, np.empty(0, np.int64)
        self._block, self._block_lost = Block(self.table), 0
        for number in wide.tolist():
            member = self._by_number[number]
            if member is not None:
                self._join_block(member, self._lines[number])

    def _tidy(self) -> None:
        """Clear what rules that left have left over, where it is worth while."""
        if self._lists.is_loose:
            self._lists.lay_out(np.array([one is not None for one in self._by_number], np.bool_))
            self._free += self._gone
            self._gone = []
        if self._lost > max(_MOST_LOST, self.used // 2):
            kept = np.flatnonzero(self.records[: self.used, k.Q_PAIR] >= 0)
            count = len(kept)
            self.records[:count], self.record_f[:count] = self.records[kept], self.record_f[kept]
            self.recs[self.records[:count, k.Q_PAIR]] = np.arange(count)
            self.used, self._lost = count, 0

    # --- evaluation --------------------------------------------------------------------------------

    @property
    def needs_close(self) -> bool:
        """True where a rule holds: its hold ends with the session."""
        return self._holding > 0

    @property
    def needs_minute(self) -> bool:
        """True where a rule has a session of its own."""
        return self._timed > 0

    def evaluate(self, bars: Bars, values: Mapping[int, Floats], moment: Moment) -> list[Hit]:
        """All rules at these bars; `values` are those of the program's results."""
        if not self.members or not len(bars):
            return []
        self._tidy()
        x = self._columns(values, len(bars))
        code, constants = self.table.arrays
        block = self._block
        rows = np.ascontiguousarray(bars.rows)
        columns = [
            np.ascontiguousarray(one)
            for one in (bars.end, moment.minute, bars.session, bars.session_open, moment.close)
        ]
        self._scratch = grown(self._scratch, len(self.table))
        past = np.empty(max(1, self.record_f.shape[1]))
        lists = self._lists
        hits: list[Hit] = []
        counts = np.zeros(2, np.int64)
        at = 0
        while at < len(bars):
            counts[:] = self.used, 0
            at = _RUN(
                self._lines, self._wide, lists.head, lists.counts, lists.entries, k.QUIET, code, constants, pk.TENS,
                x, self._cones.data, block.code, block.constants, block.values, self._scratch, self._inputs.data,
                past, rows, *columns, self.flags, self.recs, self.records, self.record_f, self._fi, self._ff, at,
                counts,
            )  # fmt: skip
            self.used = int(counts[0])
            hits += self._hits(int(counts[1]), x)
            if at < len(bars):
                self._make_room()
        return hits

    def settle(self, until: Ints) -> list[Hit]:
        """Complete the holds that were over at `until` (ns, a row)."""
        if not self.used or not self.needs_close:
            return []
        while len(self._fi) < self.used:
            self._make_room()
        count = k.settle_due(self._lines, self.flags, self.records, self.record_f, self.used, until, self._fi, self._ff)
        return self._hits(count, np.empty((0, 0)))

    def _columns(self, values: Mapping[int, Floats], count: int) -> Floats:
        columns = self.columns
        x = np.empty((len(columns), count))
        for at, item in enumerate(columns):
            found = values.get(item.node)
            x[at] = np.nan if found is None else found[item.output]
        return x

    @property
    def columns(self) -> Sequence[Input]:
        """Where the program has each column of the table."""
        if len(self._items) < self.table.width:
            self._items = [self._places[key] for key in self.table.columns]
        return self._items

    def _make_room(self) -> None:
        """Room for what one instrument's evaluation may want, and then some."""
        wanted = len(self._wide) + int(self._lists.counts.max(initial=0))
        if self.used + wanted > len(self.records):
            room = max(2 * len(self.records), self.used + wanted)
            more = room - len(self.records)
            self.records = np.concatenate([self.records, np.empty((more, k.NQ), np.int64)])
            self.record_f = np.concatenate([self.record_f, np.full((more, self.record_f.shape[1]), np.nan)])
        if 2 * wanted > len(self._fi) or len(self._fi) < self.used:
            room = max(2 * len(self._fi), 2 * wanted)
            self._fi, self._ff = np.empty((room, k.NF), np.int64), np.empty((room, self.record_f.shape[1]))

    def _hits(self, count: int, x: Floats) -> list[Hit]:
        hits = []
        for line, kept in zip(self._fi[:count].tolist(), self._ff[:count], strict=True):
            rule, row, place, time, nth, is_exit, is_suppressed, _ = line
            member = self._by_number[rule]
            if member is None:
                continue
            if place >= 0:
                values = {at: float(x[at, place]) for at in member.inputs}
            else:
                values = dict(zip(member.inputs, kept[member.own :].tolist(), strict=False))
            own = kept[: member.own].tolist()
            hits.append(Hit(member, row, time, nth, bool(is_exit), bool(is_suppressed), values, own))
        return hits

    def parts(self, member: Member, values: Mapping[int, float]) -> tuple[dict[str, float], dict[str, float]]:
        """Values of a rule's parts from those of its columns: now, and of crosses' operands before."""
        if member.cone is None:
            member.cone = self.table.cone(*member.slots.values(), *member.before_slots.values())
        self._one = grown(self._one, self.table.width)
        self._one[list(member.inputs)] = np.nan
        for at, value in values.items():
            self._one[at] = value
        code, constants = self.table.arrays
        self._scratch = found = grown(self._scratch, len(self.table))
        pk.one(code, constants, pk.TENS, self._one[:, None], 0, member.cone, found, np.empty(1), False)
        now = {place: float(found[slot]) for place, slot in member.slots.items()}
        return now, {place: float(found[slot]) for place, slot in member.before_slots.items()}

    def state(self, member: Member, row: int) -> tuple[int, Mapping[str, int]]:
        """A pair's byte and its record, {} where it has none."""
        pair = member.pair(row)
        if pair < 0:
            return 0, {}
        rec = int(self.recs[pair])
        names = ("pair", "rule", "row", "since", "target", "session", "close", "date", "fired", "key", "last", "nth")
        record = {} if rec < 0 else dict(zip(names, self.records[rec].tolist(), strict=True))
        return int(self.flags[pair]), record

    # --- checkpoints -------------------------------------------------------------------------------

    def checkpoint(self, numbers: Mapping[str, int]) -> dict[str, NDArray[Any]]:
        """Every pair that was evaluated: rule (its number in `numbers`), row, byte, record (with its values).

        Pairs of one rule stand together, by row; rules in the order of their numbers.
        """
        rule, row, pair, width = self._all_pairs(numbers)
        flags, recs = self.flags[pair], self.recs[pair]
        kept = (flags != 0) | (recs >= 0)
        rule, row, flags, recs = rule[kept], row[kept], flags[kept], recs[kept]
        has = recs >= 0
        record_of = np.where(has, np.cumsum(has) - 1, -1)
        records = self.records[recs[has]].copy()
        records[:, k.Q_PAIR], records[:, k.Q_RULE] = 0, 0
        return {
            "rule": rule,
            "row": row,
            "flags": flags,
            "rec": record_of,
            "records": records,
            "record_f": self.record_f[recs[has], :width].copy(),
        }

    def _all_pairs(self, numbers: Mapping[str, int]) -> tuple[Ints, Ints, Ints, int]:
        """Every pair: its rule (by `numbers`), row and place, in this order; and how many values a record may hold.

        Remembered until rules come or leave.
        """
        if self._laid is not None and self._laid[0] is numbers:
            return self._laid[1]
        members = sorted(self.members.values(), key=lambda one: numbers[one.armed.uid])
        sizes = np.array([len(one.rows) for one in members], np.int64)
        ends = np.cumsum(sizes)
        within = np.arange(sizes.sum()) - np.repeat(ends - sizes, sizes)
        rule = np.repeat(np.array([numbers[one.armed.uid] for one in members], np.int64), sizes)
        pair = within + np.repeat(np.array([one.first for one in members], np.int64), sizes)
        row = np.concatenate([np.empty(0, np.int64), *(one.rows for one in members)])
        width = max([1, *(one.own + int(self._lines[one.number, k.P_INPUTS_SIZE]) for one in members)])
        if len(pair) <= _MOST_LAID:
            self._laid = numbers, (rule, row, pair, width)
        return rule, row, pair, width

    def restore(self, arrays: Mapping[str, NDArray[Any]], numbers: Mapping[str, int]) -> None:
        """Take the pairs of a checkpoint whose rules and rows are here; rules are added before."""
        rule, row, pair, _ = self._all_pairs(numbers)
        known = rule * (1 << 32) + row
        asked = np.asarray(arrays["rule"], np.int64) * (1 << 32) + np.asarray(arrays["row"], np.int64)
        at = np.searchsorted(known, asked)
        at = np.minimum(at, max(len(known) - 1, 0))
        mine = np.flatnonzero(known[at] == asked) if len(known) else np.empty(0, np.int64)
        mine_pairs = pair[at[mine]]
        self.flags[mine_pairs] = arrays["flags"][mine]
        recs = np.asarray(arrays["rec"])[mine]
        has = recs >= 0
        self._widen(arrays["record_f"].shape[1])
        while len(self.records) < int(has.sum()):
            self.records = np.concatenate([self.records, np.empty_like(self.records)])
            self.record_f = np.concatenate([self.record_f, np.full_like(self.record_f, np.nan)])
        count = int(has.sum())
        by_number = {number: uid for uid, number in numbers.items()}
        self.records[:count] = arrays["records"][recs[has]]
        self.records[:count, k.Q_PAIR] = mine_pairs[has]
        self.records[:count, k.Q_ROW] = np.asarray(arrays["row"])[mine][has]
        own_numbers = {number: self.members[uid].number for number, uid in by_number.items() if uid in self.members}
        self.records[:count, k.Q_RULE] = [own_numbers[n] for n in np.asarray(arrays["rule"])[mine][has].tolist()]
        self.record_f[:count, : arrays["record_f"].shape[1]] = arrays["record_f"][recs[has]]
        self.recs[mine_pairs[has]] = np.arange(count)
        self.used = count
