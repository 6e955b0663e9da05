"""The nodes of a running program: shared, counted by who needs them, with the state of every row.

What they compute stands in program.py; here they come, go, are copied, taken over and saved.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from marketbell.core.engine.aligned import Sessions
from marketbell.core.engine.bars import Bars, Floats, Ints
from marketbell.core.engine.cells import Cell, as_list, from_list, key_of, make_cell
from marketbell.core.engine.timeframes import Roller
from marketbell.core.engine.waves import READERS, Shape
from marketbell.core.language.plan import Input, Node, Op, Plan
from marketbell.core.market.timeframe import Timeframe
from marketbell.core.primitives.errors import CheckpointError, UserError

# ruff: noqa: SLF001 — copies look into another of their own kind


class CrossSection(Protocol):
    """What stands across a universe: rank, pct_of, avg_of."""

    def __call__(self, node: Node, bars: Bars, x: Sequence[Floats], before: Sequence[Floats]) -> Floats:
        """The node's value at each bar, from its inputs at these bars and their last values before (a row each)."""


class Nodes:
    """The nodes of all plans, equal ones once, and their state for `rows` rows."""

    def __init__(
        self,
        plan: Plan | None = None,
        rows: int = 0,
        *,
        sessions: Sessions | None = None,
        foreign: Callable[[str], int | None] | None = None,
        cross: CrossSection | None = None,
        is_strict: bool = False,
    ) -> None:
        """`foreign` gives the row of an instrument's key, `sessions` are needed where a plan reads forming bars.

        `is_strict`: a function is unknown until its value no longer depends on where the history began.
        """
        self.is_strict = is_strict
        self.rows = rows
        self.sessions = sessions
        self.foreign = foreign
        self.cross = cross
        self.results: dict[str, Input] = {}
        self._cells: dict[int, Cell] = {}
        self._numbers: dict[tuple[Any, ...], int] = {}
        self._roots: dict[int, int] = {}
        self._next = 0
        self._known_shape: Shape | None = None
        if plan is not None:
            self.results = self.extend(plan)

    # --- nodes -------------------------------------------------------------------------------------

    def extend(self, plan: Plan) -> dict[str, Input]:
        """Add a plan, sharing the nodes that exist. Gives the place of each of its results.

        New nodes are empty: their values are unknown until bars come, or `adopt` warms them. UserError where
        a function is not known.
        """
        self._known_shape = None
        added: list[int] = []
        numbers: list[int] = []
        try:
            for node in plan.nodes:
                own = replace(node, inputs=tuple(Input(numbers[i.node], i.output) for i in node.inputs))
                key = key_of(own)
                number = self._numbers.get(key)
                if number is None:
                    number = self._next
                    self._cells[number] = self._made(own)
                    self._numbers[key] = number
                    self._next += 1
                    added.append(number)
                numbers.append(number)
        except UserError:
            for number in added:
                del self._numbers[key_of(self._cells.pop(number).node)]
            raise
        results = {name: Input(numbers[i.node], i.output) for name, i in plan.results}
        for item in results.values():
            self._roots[item.node] = self._roots.get(item.node, 0) + 1
        return results

    def _made(self, node: Node) -> Cell:
        cell = make_cell(node, self.rows)
        if node.op is Op.LIVE and self._is_finer(node):
            cell.roller = Roller(self._cells[node.inputs[0].node].node.timeframe, self.rows)
        return cell

    def _is_finer(self, node: Node) -> bool:
        return node.timeframe.rank < self._cells[node.inputs[0].node].node.timeframe.rank

    def drop(self, results: Iterable[Input]) -> None:
        """Give back results of `extend`; nodes that nobody needs any more leave with their state."""
        for item in results:
            self._roots[item.node] -= 1
            if not self._roots[item.node]:
                del self._roots[item.node]
        self._known_shape = None
        needed = self._ancestors(self._roots)
        for number in [number for number in self._cells if number not in needed]:
            del self._numbers[key_of(self._cells.pop(number).node)]

    def _ancestors(self, roots: Iterable[int]) -> set[int]:
        found: set[int] = set()
        waiting = list(roots)
        while waiting:
            number = waiting.pop()
            if number not in found:
                found.add(number)
                waiting += [item.node for item in self._cells[number].node.inputs]
        return found

    def grow(self, rows: int) -> None:
        """Make room for `rows` rows; new ones have seen nothing."""
        if rows > self.rows:
            self.rows = rows
            for cell in self._cells.values():
                cell.grow(rows)

    @property
    def timeframes(self) -> tuple[Timeframe, ...]:
        """The distinct timeframes of all nodes, finest first."""
        return tuple(sorted({cell.node.timeframe for cell in self._cells.values()}, key=lambda one: one.rank))

    @property
    def sampled(self) -> Mapping[Timeframe, frozenset[str]]:
        """Registry fields that nodes read at the bars of each timeframe."""
        found: dict[Timeframe, set[str]] = {}
        for cell in self._cells.values():
            if cell.node.op is Op.FIELD:
                found.setdefault(cell.node.timeframe, set()).add(cell.node.name)
        return {timeframe: frozenset(names) for timeframe, names in found.items()}

    @property
    def is_joint(self) -> bool:
        """True where a node reads another instrument."""
        return any(cell.node.op in {Op.FOREIGN, Op.CROSS} for cell in self._cells.values())

    def timeframe(self, item: Input) -> Timeframe:
        """Timeframe of a result."""
        return self._cells[item.node].node.timeframe

    def __len__(self) -> int:
        return len(self._cells)

    def _shape(self) -> Shape:
        """What follows from the nodes alone; made again when they change."""
        if self._known_shape is None:
            last: dict[int, int] = {}
            held: set[int] = set()
            for number, cell in self._cells.items():
                for item in cell.node.inputs:
                    last[item.node] = number
                    if cell.node.op in READERS:
                        held.add(item.node)
            done: dict[int, list[int]] = {number: [] for number in self._cells}
            for node, reader in last.items():
                done[reader].append(node)
            self._known_shape = Shape(done, held, {}, {})
        return self._known_shape

    # --- what readers see --------------------------------------------------------------------------

    def values(self, item: Input, rows: Ints) -> Floats:
        """The last closed value at each row, NaN where unknown."""
        return np.ascontiguousarray(self._cells[item.node].last[item.output, rows])

    def is_warm(self, item: Input, rows: Ints) -> NDArray[np.bool_]:
        """Where the value does not depend on where the history began, in this node and all that it reads."""
        warm = np.ones(len(rows), np.bool_)
        known = self._shape().ancestors
        if item.node not in known:
            known[item.node] = self._ancestors([item.node])
        for number in known[item.node]:
            cell = self._cells[number]
            warm &= cell.seen[rows] > cell.node.warm_up
        return warm

    @property
    def numbers(self) -> frozenset[int]:
        """The nodes, by number."""
        return frozenset(self._cells)

    @property
    def of_days(self) -> frozenset[int]:
        """Nodes that rest on days, weeks and months alone."""
        found: set[int] = set()
        for number, cell in self._cells.items():
            if not cell.node.timeframe.is_intraday and all(item.node in found for item in cell.node.inputs):
                found.add(number)
        return frozenset(found)

    @property
    def nodes(self) -> dict[int, Node]:
        """The nodes by number, each behind those that it reads."""
        return {number: cell.node for number, cell in self._cells.items()}

    def needed_by(self, items: Iterable[Input]) -> set[int]:
        """The nodes that results rest on, by number, their own included."""
        return self._ancestors(item.node for item in items)

    def seen(self, number: int, row: int) -> int:
        """How many bars of a row a node has seen."""
        return int(self._cells[number].seen[row])

    def reset(self, rows: Ints, numbers: Iterable[int] | None = None) -> None:
        """Forget what these rows have seen, in all nodes or the given ones."""
        for number in self._cells if numbers is None else numbers:
            cell = self._cells[number]
            cell.state[rows] = 0.0
            cell.last[:, rows] = np.nan
            cell.seen[rows] = 0
            if cell.roller is not None:
                cell.roller.reset(rows)

    def taken(self, rows: Ints) -> Self:
        """A copy of the state of these rows alone, numbered 0, 1, 2 …. Other instruments are unknown to it."""
        sessions = None if self.sessions is None else self.sessions.take(rows)
        copy = type(self)(rows=len(rows), sessions=sessions, is_strict=self.is_strict)
        copy.cross = None if self.cross is None else _unknown
        copy._numbers, copy._roots, copy._next = dict(self._numbers), dict(self._roots), self._next
        for number, cell in self._cells.items():
            own = replace(cell, state=cell.state[rows], last=cell.last[:, rows], seen=cell.seen[rows])
            own.roller = None if cell.roller is None else cell.roller.take(rows)
            copy._cells[number] = own
        return copy

    def adopt(
        self, other: "Nodes", rows: Ints, numbers: Iterable[int] | None = None, theirs: Ints | None = None
    ) -> None:
        """Take over the state of these rows from a program with the same nodes, in all nodes or the given ones.

        `theirs`: the numbers of the rows over there, where they differ.
        """
        source = rows if theirs is None else theirs
        numbers = self.numbers if numbers is None else set(numbers)
        mapped: dict[int, int] = {}
        for number, cell in other._cells.items():
            inputs = tuple(Input(mapped.get(item.node, -1), item.output) for item in cell.node.inputs)
            mine = self._numbers.get(key_of(replace(cell.node, inputs=inputs)))
            if mine is None:
                continue
            mapped[number] = mine
            if mine not in numbers:
                continue
            own = self._cells[mine]
            own.take(cell, rows, source)
            own.past_end, own.past = cell.past_end, cell.past

    def adopt_better(
        self, other: "Nodes", rows: Ints, theirs: Ints, numbers: Iterable[int], needed: Mapping[int, int]
    ) -> None:
        """Take over, node by node, the state of the rows of which the other program knows more.

        It does where it has seen more bars; or where it has seen all that it looks back at (`needed` bars), and this
        one does not know the value, or does not know what it rests on so well. `theirs` are the numbers of the rows
        over there, `numbers` its nodes that may be taken.
        """
        allowed = set(numbers)
        mapped: dict[int, int] = {}
        whole: dict[int, NDArray[np.bool_]] = {}
        taken: dict[int, NDArray[np.bool_]] = {}
        for number, cell in other._cells.items():
            inputs = tuple(Input(mapped.get(item.node, -1), item.output) for item in cell.node.inputs)
            mine = self._numbers.get(key_of(replace(cell.node, inputs=inputs)))
            if mine is None:
                continue
            mapped[number] = mine
            own = self._cells[mine]
            below = {item.node for item in cell.node.inputs}
            seen = cell.seen[theirs]
            is_whole = np.logical_and.reduce([seen >= needed[number], *(whole[one] for one in below)])
            is_new = np.isnan(own.last[:, rows]).any(axis=0) & ~np.isnan(cell.last[:, theirs]).all(axis=0)
            better = np.logical_or.reduce([is_new, *(taken[one] for one in below)])
            at = (seen > own.seen[rows]) | (is_whole & better)
            whole[number], taken[number] = is_whole, at & (number in allowed)
            at = np.flatnonzero(taken[number])
            if len(at):
                own.take(cell, rows[at], theirs[at])
            if cell.node.op is Op.FOREIGN and len(cell.past) > len(own.past):
                own.past_end, own.past = cell.past_end, cell.past

    # --- checkpoints -------------------------------------------------------------------------------

    def checkpoint(self, count: int | None = None) -> dict[str, NDArray[Any]]:
        """The state of the first `count` rows as arrays that share nothing with it.

        The row is the first axis of all but `nodes` (JSON) and, of other instruments' values, `*.end`, `*.past`.
        """
        at = slice(0, self.rows if count is None else count)
        arrays: dict[str, NDArray[Any]] = {}
        nodes = []
        for number, cell in self._cells.items():
            nodes.append([number, self._roots.get(number, 0), *as_list(cell.node)])
            arrays[f"{number}.state"], arrays[f"{number}.seen"] = cell.saved(at), cell.seen[at].copy()
            arrays[f"{number}.last"] = np.ascontiguousarray(cell.last[:, at].T)
            if cell.roller is not None:
                arrays[f"{number}.sf"], arrays[f"{number}.si"] = cell.roller.sf[at].copy(), cell.roller.si[at].copy()
            if cell.node.op is Op.FOREIGN:
                arrays[f"{number}.end"], arrays[f"{number}.past"] = cell.past_end.copy(), cell.past.copy()
        text = json.dumps({"next": self._next, "nodes": nodes})
        arrays["nodes"] = np.frombuffer(text.encode(), np.uint8)
        return arrays

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a checkpoint. CheckpointError where the arrays do not fit this program's functions."""
        try:
            meta = json.loads(np.asarray(arrays["nodes"], np.uint8).tobytes())
            self._next = int(meta["next"])
            self._cells, self._numbers, self._roots, self._known_shape = {}, {}, {}, None
            for number, roots, *item in meta["nodes"]:
                node = from_list(item)
                self.grow(len(arrays[f"{number}.state"]))
                self._cells[number] = cell = self._made(node)
                self._numbers[key_of(node)] = number
                if roots:
                    self._roots[number] = roots
                _fill(cell, number, arrays)
        except (KeyError, ValueError, UserError) as error:
            message = f"the checkpoint's series do not fit this program: {error}"
            raise CheckpointError(message) from error


def _fill(cell: Cell, number: int, arrays: Mapping[str, NDArray[Any]]) -> None:
    state, last = arrays[f"{number}.state"], arrays[f"{number}.last"]
    if cell.grows:
        cell.widen(state.shape[1])
        state = np.pad(state, ((0, 0), (0, cell.places - state.shape[1])))
    if state.shape[1] != cell.places or last.shape[1] != cell.outputs:
        message = f"the state of `{cell.node.name}` has another size"
        raise ValueError(message)
    rows = slice(0, len(state))
    cell.state[rows], cell.last[:, rows], cell.seen[rows] = state, last.T, arrays[f"{number}.seen"]
    if cell.roller is not None:
        cell.roller.sf[rows], cell.roller.si[rows] = arrays[f"{number}.sf"], arrays[f"{number}.si"]
    if cell.node.op is Op.FOREIGN:
        cell.past_end, cell.past = arrays[f"{number}.end"].copy(), arrays[f"{number}.past"].copy()


def _unknown(node: Node, bars: Bars, x: Sequence[Floats], before: Sequence[Floats]) -> Floats:  # noqa: ARG001 — a CrossSection
    return np.full(len(bars), np.nan)
