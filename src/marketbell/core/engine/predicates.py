"""The element-wise part of many plans as one table of operations, each distinct one once.

A rule's or a screen's truth is made of comparisons and logic (Op.MAP) over values that need memory: indicators,
offsets, held values, fields. Those are *columns* here, by any key that the owner chooses; what stands above them
is a flat list of operations in Numba. Two ways to run it: a block of elements through all operations at once (many
instruments, sharing what rules have in common), or one element through the operations of one rule.

Numba's operations and core/engine/elementwise.py say the same, bit for bit.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketbell.core.engine import predicate_kernel as pk
from marketbell.core.language.plan import Input, Op, Plan
from marketbell.core.primitives.errors import UserError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Codes = NDArray[np.int32]

_BINARY: Mapping[str, int] = {
    "+": pk.ADD,
    "-": pk.SUBTRACT,
    "*": pk.MULTIPLY,
    "/": pk.DIVIDE,
    "min": pk.SMALLEST,
    "max": pk.LARGEST,
    "coalesce": pk.COALESCE,
    "and": pk.AND,
    "or": pk.OR,
}
"""Folded from left to right where there are more than two inputs."""
_PLAIN: Mapping[str, int] = {
    "neg": pk.NEGATIVE,
    "abs": pk.ABSOLUTE,
    "if": pk.IF,
    ">": pk.ABOVE,
    ">=": pk.AT_LEAST,
    "<": pk.BELOW,
    "<=": pk.AT_MOST,
    "=": pk.EQUAL,
    "!=": pk.UNEQUAL,
    "not": pk.NOT,
    "known": pk.KNOWN,
    "crosses above": pk.CROSSES_ABOVE,
    "crosses below": pk.CROSSES_BELOW,
    "enters": pk.ENTERS,
    "leaves": pk.LEAVES,
}
_OWN: Mapping[int, int] = {
    pk.CROSSES_ABOVE: pk.OWN_ABOVE,
    pk.CROSSES_BELOW: pk.OWN_BELOW,
    pk.ENTERS: pk.OWN_ENTERS,
    pk.LEAVES: pk.OWN_LEAVES,
}
_OWN_PLACES = {pk.CROSSES_ABOVE: 2, pk.CROSSES_BELOW: 2, pk.ENTERS: 1, pk.LEAVES: 1}

ColumnOf = Callable[[Input], Hashable]
"""The key of a column for an output of a plan's node."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some slots ready for blocks: `run` gives their values. Made by `PredicateTable.batch`."""

    code: Codes
    constants: Floats
    wanted: Ints
    values: Floats

    def run(self, x: Floats, places: Ints | None = None) -> Floats:
        """Values [wanted slots, elements] for columns `x` [columns of the table, elements], or those at `places`."""
        at = np.arange(x.shape[1]) if places is None else places
        out = np.empty((len(self.wanted), len(at)))
        pk.evaluate(self.code, self.constants, pk.TENS, x, at, self.wanted, self.values, out)
        return out


class Block:
    """Slots of a table ready for blocks, to which more may come: each is computed once, whoever wants it.

    `code`, `constants` and `values` are as in Batch; a place is where a slot stands among the values.
    """

    def __init__(self, table: "PredicateTable") -> None:
        self._table = table
        self._places: dict[int, int] = {}
        self._code: Codes = np.zeros((16, 5), np.int32)
        self._constants: Floats = np.zeros(16)
        self.values: Floats = np.empty((16, pk.WIDTH))

    def __len__(self) -> int:
        return len(self._places)

    @property
    def code(self) -> Codes:
        """The operations [places, 5]; they read places."""
        return self._code[: len(self._places)]

    @property
    def constants(self) -> Floats:
        """Values of the constants among them."""
        return self._constants[: len(self._places)]

    def add(self, *slots: int) -> list[int]:
        """Compute these slots too; gives their places."""
        known = self._places
        for slot in self._table.cone(*slots).tolist():
            if slot in known:
                continue
            at = len(known)
            if at == len(self._code):
                self._code = np.concatenate([self._code, np.zeros_like(self._code)])
                self._constants = np.concatenate([self._constants, np.zeros_like(self._constants)])
                self.values = np.empty((2 * at, pk.WIDTH))
            op, inputs, constant = self._table.operation_at(slot)
            self._code[at, 0] = op
            self._code[at, 1:] = [known[one] if used else one for one, used in _used(op, inputs)]
            self._constants[at] = constant
            known[slot] = at
        return [known[slot] for slot in slots]


class PredicateTable:
    """Columns, constants and operations by slot; slots never change their meaning. See the module's docstring."""

    def __init__(self) -> None:
        self._code: list[tuple[int, int, int, int, int]] = []
        self._constants: list[float] = []
        self._slots: dict[tuple[object, ...], int] = {}
        self._columns: dict[Hashable, int] = {}
        self._column_slots: list[int] = []
        self._filled = 0
        self._code_array: Codes = np.zeros((64, 5), np.int32)
        self._constant_array: Floats = np.zeros(64)
        self._own = 0

    # --- building ----------------------------------------------------------------------------------

    @property
    def columns(self) -> Sequence[Hashable]:
        """Keys of the columns, in the order in which `x` must hold them."""
        return tuple(self._columns)

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self._columns)

    def __len__(self) -> int:
        return len(self._code)

    def operation_at(self, slot: int) -> tuple[int, list[int], float]:
        """What a slot does, the numbers that it takes (see predicate_kernel), and its value where it is a constant."""
        op, *inputs = self._code[slot]
        return op, inputs, self._constants[slot]

    def column(self, key: Hashable) -> int:
        """Slot of a column, new or known."""
        at = self._columns.get(key)
        if at is None:
            at = self._columns[key] = len(self._columns)
            self._column_slots.append(self._slot((pk.COLUMN, at, 0, 0, 0), 0.0))
        return self._column_slots[at]

    def place(self, key: Hashable) -> int:
        """Number of a column, new or known: its place in `columns`."""
        self.column(key)
        return self._columns[key]

    def constant(self, value: float) -> int:
        """Slot of a constant."""
        bits = np.float64(value).tobytes()
        slot = self._slots.get(("constant", bits))
        if slot is None:
            slot = self._slots["constant", bits] = self._new((pk.CONSTANT, 0, 0, 0, 0), float(value))
        return slot

    def operation(self, name: str, inputs: Sequence[int]) -> int:
        """Slot of an operation of core/engine/elementwise over slots. UserError for a name that is none."""
        if name == "round":
            code = pk.ROUND if len(inputs) == 1 else pk.ROUND_TO
            return self._slot(_line(code, inputs), 0.0)
        if name in _BINARY:
            found = inputs[0]
            for other in inputs[1:]:
                found = self._slot(_line(_BINARY[name], (found, other)), 0.0)
            return found
        if name not in _PLAIN:
            raise UserError(f"`{name}` is no operator")
        return self._slot(_line(_PLAIN[name], inputs), 0.0)

    def add(self, plan: Plan, result: Input, column_of: ColumnOf) -> int:
        """Slot of a plan's output: its MAP and CONSTANT nodes become operations, what they read becomes columns."""
        return self.add_all(plan, (result,), column_of)[result]

    def add_all(self, plan: Plan, results: Iterable[Input], column_of: ColumnOf) -> dict[Input, int]:
        """Slots of several outputs, and of all that they rest on."""
        slots: dict[Input, int] = {}
        for item in _cone(plan, results):
            node = plan.nodes[item.node]
            if node.op is Op.CONSTANT:
                slots[item] = self.constant(node.parameters[0])
            elif node.op is Op.MAP:
                slots[item] = self.operation(node.name, [slots[one] for one in node.inputs])
            else:
                slots[item] = self.column(column_of(item))
        return slots

    def with_own_past(self, slot: int) -> tuple[int, int]:
        """The same truth for a reader whose evaluation before is its own: slot, and how many places it needs.

        Crosses, enters and leaves take what stood before from the reader (`own` of predicate_kernel.one), not from
        the columns. The slot is nobody else's. What stands at which place follows from the expression alone, whatever
        else is in the table: readers keep their places over a restart.
        """
        self._own += 1
        places = 0
        moved: dict[int, int] = {}
        for old in self._walk(slot):
            line = self._code[old]
            op, a, b, c, d = line
            if op in _OWN:
                inputs = (moved.get(a, a), moved.get(b, b)) if _OWN_PLACES[op] == 2 else (moved.get(a, a), 0)
                moved[old] = self._slot((_OWN[op], *inputs, places, self._own), 0.0)
                places += _OWN_PLACES[op]
            elif op > pk.CONSTANT:
                new = (op, *(moved.get(one, one) if used else one for one, used in _used(op, (a, b, c, d))))
                moved[old] = self._slot((new[0], new[1], new[2], new[3], new[4]), 0.0) if new != line else old
        return moved.get(slot, slot), places

    def own_slots(self, slot: int) -> list[int]:
        """Of a slot of `with_own_past`: the slots whose values its places keep, in their order."""
        kept: dict[int, int] = {}
        for one in self.cone(slot).tolist():
            op, a, b, place, _ = self._code[one]
            if op in {pk.OWN_ABOVE, pk.OWN_BELOW}:
                kept[place], kept[place + 1] = a, b
            elif op in {pk.OWN_ENTERS, pk.OWN_LEAVES}:
                kept[place] = a
        return [kept[place] for place in sorted(kept)]

    def _new(self, line: tuple[int, int, int, int, int], constant: float) -> int:
        self._code.append(line)
        self._constants.append(constant)
        return len(self._code) - 1

    def _slot(self, line: tuple[int, int, int, int, int], constant: float) -> int:
        slot = self._slots.get(line)
        if slot is None:
            slot = self._slots[line] = self._new(line, constant)
        return slot

    # --- running -----------------------------------------------------------------------------------

    @property
    def arrays(self) -> tuple[Codes, Floats]:
        """Operations [slots, 5] and constants [slots], as the kernels take them."""
        count = len(self._code)
        if count > self._filled:  # only what is new is copied: rules are armed while ticks flow
            if count > len(self._code_array):
                room = max(count, 2 * len(self._code_array))
                self._code_array = np.concatenate(
                    [self._code_array, np.zeros((room - len(self._code_array), 5), np.int32)]
                )
                self._constant_array = np.concatenate(
                    [self._constant_array, np.zeros(room - len(self._constant_array))]
                )
            self._code_array[self._filled : count] = self._code[self._filled :]
            self._constant_array[self._filled : count] = self._constants[self._filled :]
            self._filled = count
        return self._code_array[:count], self._constant_array[:count]

    def cone(self, *slots: int) -> Ints:
        """The slots that these rest on, themselves included, in an order in which each reads only earlier ones."""
        found: set[int] = set()
        waiting = list(slots)
        while waiting:
            slot = waiting.pop()
            if slot in found:
                continue
            found.add(slot)
            op, *inputs = self._code[slot]
            waiting += [one for one, used in _used(op, inputs) if used]
        return np.array(sorted(found), np.int64)

    def _walk(self, slot: int) -> list[int]:
        """The cone of a slot in the order of its own expression: inputs first, from left to right."""
        found: dict[int, None] = {}
        waiting = [(slot, False)]
        while waiting:
            one, has_inputs = waiting.pop()
            if has_inputs:
                found[one] = None
            elif one not in found:
                op, *inputs = self._code[one]
                waiting.append((one, True))
                waiting += [(item, False) for item, used in reversed(list(_used(op, inputs))) if used]
        return list(found)

    def columns_of(self, *slots: int) -> list[int]:
        """Places of the columns that these slots rest on, ascending."""
        return sorted(self._code[one][1] for one in self.cone(*slots).tolist() if self._code[one][0] == pk.COLUMN)

    def batch(self, slots: Sequence[int]) -> Batch:
        """These slots ready for blocks of elements: only what they need is computed, each once."""
        cone = self.cone(*slots)
        place = {int(slot): at for at, slot in enumerate(cone.tolist())}
        code = np.zeros((len(cone), 5), np.int32)
        for at, slot in enumerate(cone.tolist()):
            op, *inputs = self._code[slot]
            code[at, 0] = op
            for n, (one, used) in enumerate(_used(op, inputs)):
                code[at, n + 1] = place[one] if used else one
        constants = np.array([self._constants[slot] for slot in cone.tolist()])
        wanted = np.array([place[slot] for slot in slots], np.int64)
        return Batch(code, constants, wanted, np.empty((len(cone), pk.WIDTH)))


def _line(op: int, inputs: Sequence[int]) -> tuple[int, int, int, int, int]:
    a, b, c, d = (*inputs, 0, 0, 0, 0)[:4]
    return op, a, b, c, d


_COUNTS = {
    pk.COLUMN: 0, pk.CONSTANT: 0, pk.NEGATIVE: 1, pk.ABSOLUTE: 1, pk.ROUND: 1, pk.IF: 3, pk.NOT: 1, pk.KNOWN: 1,
    pk.CROSSES_ABOVE: 4, pk.CROSSES_BELOW: 4, pk.OWN_ENTERS: 1, pk.OWN_LEAVES: 1,
}  # fmt: skip


def _used(op: int, inputs: Sequence[int]) -> list[tuple[int, bool]]:
    """The numbers of an operation, and whether each is a slot that it reads."""
    count = _COUNTS.get(op, 2)
    return [(one, n < count) for n, one in enumerate(inputs)]


def _cone(plan: Plan, results: Iterable[Input]) -> list[Input]:
    """Outputs from the columns up to the results: MAP and CONSTANT nodes, and the others that they read."""
    order: list[Input] = []
    seen: set[Input] = set()
    waiting: list[tuple[Input, bool]] = [(result, False) for result in reversed(list(results))]
    while waiting:
        item, is_done = waiting.pop()
        if is_done:
            order.append(item)
            continue
        if item in seen:
            continue
        seen.add(item)
        waiting.append((item, True))
        node = plan.nodes[item.node]
        if node.op is Op.MAP:
            waiting += [(one, False) for one in node.inputs]
    return order
