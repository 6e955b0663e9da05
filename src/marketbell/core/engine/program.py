"""The running form of a plan: the state of every node for every row, fed with closed bars.

Node by node, one kernel call for all bars of its timeframe. Values depend on each row's own sequence of
bars alone, never on how they were gathered into calls. A reader of another timeframe sees every bar of it
that ended at or before its own bar's end: at equal ends all bars are there before anyone reads them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from marketbell.core.engine import elementwise
from marketbell.core.engine import series_kernel as sk
from marketbell.core.engine.aligned import Sessions
from marketbell.core.engine.bars import Bars, Floats, Ints
from marketbell.core.engine.cells import Cell
from marketbell.core.engine.nodes import CrossSection, Nodes
from marketbell.core.engine.waves import READERS, Piece, renumbered, waves
from marketbell.core.language.plan import Input, Node, Op, Plan
from marketbell.core.market.timeframe import Timeframe
from marketbell.core.primitives.errors import UserError

__all__ = ["CrossSection", "Program", "Tentative", "Values", "evaluate"]

PAST = 1_024
"""Bars of another instrument that a program remembers for readers whose own bars close later."""


class Values(NamedTuple):
    """One result over histories: instrument `rows`, `start` of the bar (ns UTC), `values`; in the bars' order."""

    rows: Ints
    start: Ints
    values: Floats


@dataclass(slots=True)
class Tentative:
    """Values of forming bars. `values(input, rows)` reads them, or the last closed one where no bar is forming."""

    program: "Program"
    found: dict[int, Floats]
    places: dict[Timeframe, Ints]

    def values(self, item: Input, rows: Ints) -> Floats:
        """Tentative value at each row, NaN where unknown."""
        closed = self.program.values(item, rows)
        if item.node not in self.found:
            return closed
        at = self.places[self.program.timeframe(item)][rows]
        forming = self.found[item.node][item.output]
        return np.where(at >= 0, forming[np.maximum(at, 0)], closed) if len(forming) else closed


class Program(Nodes):
    """All nodes that somebody watches. See the module's docstring."""

    # --- bars --------------------------------------------------------------------------------------

    def commit(self, bars: Mapping[Timeframe, Bars]) -> dict[int, Floats]:
        """Take closed bars. Gives the results' values [outputs, bars of its timeframe] by number of the node.

        Each timeframe's bars are ascending in time for each row, and all bars of a row that ended before
        one of them are there or were committed before.
        """
        bars = {timeframe: some for timeframe, some in bars.items() if len(some)}
        if not bars:
            return {}
        if not any(cell.roller is not None and cell.node.timeframe in bars for cell in self._cells.values()):
            return self._pass(bars, self._roots)
        # A node reads a forming bar: its state must be that of the reader's own bar's end.
        found: dict[int, Floats] = {}
        for places in waves(bars, is_joint=self.is_joint):
            part = {timeframe: bars[timeframe].take(at) for timeframe, at in places.items()}
            for number, values in self._pass(part, self._roots).items():
                timeframe = self._cells[number].node.timeframe
                if number not in found:
                    found[number] = np.full((len(values), len(bars[timeframe])), np.nan)
                found[number][:, places[timeframe]] = values
        return found

    def _pass(self, bars: Mapping[Timeframe, Bars], wanted: Iterable[int]) -> dict[int, Floats]:
        """All nodes once, in order: every one keeps its new state and last values."""
        shape = self._shape()
        wanted = set(wanted)
        piece = Piece(bars)
        values = piece.values
        for number, cell in self._cells.items():
            own = bars.get(cell.node.timeframe)
            if own is not None:
                if cell.node.op in READERS:
                    found = self._read(cell, own, piece)[None, :]
                else:
                    found = self._plain(cell, own, values, is_kept=True)
                    if self.is_strict and cell.node.op is Op.FUNCTION and cell.node.warm_up:
                        found = _warm(cell, own, piece, found)
                values[number] = found
                if number in shape.held:
                    piece.before[number] = cell.last
                    cell.last = cell.last.copy()
                sk.keep_last(own.rows, np.ascontiguousarray(found), cell.last, cell.seen)
            if cell.node.op is Op.FOREIGN:
                ends, past = self._past(cell, piece)
                cell.past_end, cell.past = ends[-PAST:], past[-PAST:]
            for node in shape.done[number]:
                if node not in wanted:
                    values.pop(node, None)
        return {number: found for number, found in values.items() if number in wanted}

    def _plain(self, cell: Cell, own: Bars, values: Mapping[int, Floats], *, is_kept: bool) -> Floats:
        """Values of a node that reads only its own timeframe."""
        node = cell.node
        count = len(own)
        if node.op is Op.CONSTANT:
            return np.full((1, count), node.parameters[0])
        if node.op is Op.BAR:
            return own.column(node.name)[None, :]
        if node.op is Op.FIELD:
            known = own.fields.get(node.name)
            return np.full((1, count), np.nan) if known is None else np.asarray(known, np.float64)[None, :]
        inputs = [values[item.node][item.output] for item in node.inputs]
        if node.op is Op.MAP:
            return elementwise.apply(node.name, inputs)[None, :]
        if len(inputs) == 1:
            x = np.ascontiguousarray(inputs[0])[None, :]
        else:
            x = np.stack(inputs) if inputs else np.empty((0, count))
        out = np.empty((cell.outputs, count))
        cell.feed(own.rows, x, out, keep=is_kept)
        return out

    def _read(self, cell: Cell, own: Bars, piece: Piece) -> Floats:
        """Values of a node that reads another timeframe, or other rows."""
        node = cell.node
        if node.op is Op.CROSS:
            inputs = [piece.values[item.node][item.output] for item in node.inputs]
            earlier = [piece.before.get(i.node, self._cells[i.node].last)[i.output] for i in node.inputs]
            return self._across(node, own, inputs, earlier)
        if node.op is Op.FOREIGN:
            ends, past = self._past(cell, piece)
            if not len(ends):
                return np.full(len(own), np.nan)
            at = np.searchsorted(ends, own.sight, side="right") - 1
            return np.where(at >= 0, past[np.maximum(at, 0)], np.nan)
        if cell.roller is not None:
            return self._forming(cell, own)
        item = node.inputs[0]
        source = self._cells[item.node]
        theirs = piece.bars.get(source.node.timeframe)
        if theirs is None:
            return np.ascontiguousarray(source.last[item.output, own.rows])
        out = np.empty(len(own))
        head, link = np.empty(self.rows, np.int64), np.empty(len(theirs), np.int64)
        before = np.ascontiguousarray(piece.before[item.node][item.output])
        new = np.ascontiguousarray(piece.values[item.node][item.output])
        sk.hold(theirs.rows, theirs.end, new, before, own.rows, own.sight, head, link, out)
        return out

    def _across(self, node: Node, own: Bars, inputs: Sequence[Floats], before: Sequence[Floats]) -> Floats:
        if self.cross is None:
            raise UserError(f"`{node.name}` needs a universe, and none is known here")
        return self.cross(node, own, inputs, before)

    def _past(self, cell: Cell, piece: Piece) -> tuple[Ints, Floats]:
        """Ends and values of the other instrument's bars, with those of this piece."""
        item = cell.node.inputs[0]
        theirs = piece.bars.get(self._cells[item.node].node.timeframe)
        row = None if self.foreign is None else self.foreign(cell.node.name)
        if theirs is None or row is None or item.node not in piece.values:
            return cell.past_end, cell.past
        at = np.flatnonzero(theirs.rows == row)
        new = piece.values[item.node][item.output][at]
        return np.concatenate([cell.past_end, theirs.end[at]]), np.concatenate([cell.past, new])

    # --- forming bars ------------------------------------------------------------------------------

    def _forming(self, cell: Cell, own: Bars) -> Floats:
        """The input at the forming bar of its timeframe, made of the reader's own bars: one instant a row."""
        if self.sessions is None or cell.roller is None:
            message = "a program that reads forming bars needs the sessions"
            raise ValueError(message)
        item = cell.node.inputs[0]
        bar = replace(cell.roller.follow(own, self.sessions), fields=own.fields)
        closed = np.ascontiguousarray(self._cells[item.node].last[item.output, own.rows])
        open_ = bar.end > own.sight
        if not open_.any():
            return closed
        found = self._tentative({self.timeframe(item): bar}, self._same_timeframe(item.node))
        return np.where(open_, found[item.node][item.output], closed)

    def _same_timeframe(self, node: int) -> list[int]:
        """The node and what it reads in its own timeframe, in order."""
        shape = self._shape()
        if node not in shape.below:
            timeframe = self._cells[node].node.timeframe
            below = self._ancestors([node])
            shape.below[node] = [n for n in self._cells if n in below and self._cells[n].node.timeframe == timeframe]
        return shape.below[node]

    def _tentative(self, bars: Mapping[Timeframe, Bars], numbers: Iterable[int]) -> dict[int, Floats]:
        """Values at forming bars (one a row and timeframe); nothing is kept."""
        values: dict[int, Floats] = {}
        for number in numbers:
            cell = self._cells[number]
            node = cell.node
            own = bars.get(node.timeframe)
            if own is None:
                continue
            if node.op not in READERS:
                values[number] = self._plain(cell, own, values, is_kept=False)
                if self.is_strict and node.op is Op.FUNCTION and node.warm_up:
                    cold = cell.seen[own.rows] < node.warm_up
                    values[number] = np.where(cold, np.nan, values[number])
            elif node.op is Op.CROSS:
                inputs = [values[item.node][item.output] for item in node.inputs]
                before = [self._cells[item.node].last[item.output] for item in node.inputs]
                values[number] = self._across(node, own, inputs, before)[None, :]
            elif node.op is Op.FOREIGN:
                values[number] = np.full((1, len(own)), cell.past[-1] if len(cell.past) else np.nan)
            else:
                item = node.inputs[0]
                source = self._cells[item.node]
                found = source.last[item.output, own.rows]
                if node.op is Op.LIVE and item.node in values:
                    theirs = bars[source.node.timeframe].rows
                    places = np.full(self.rows, -1, np.int64)
                    places[theirs] = np.arange(len(theirs))
                    place = places[own.rows]
                    found = np.where(place >= 0, values[item.node][item.output][np.maximum(place, 0)], found)
                values[number] = np.ascontiguousarray(found)[None, :]
        return values

    def peek(self, forming: Mapping[Timeframe, Bars], pending: Mapping[Timeframe, Bars] | None = None) -> Tentative:
        """Values as if the forming bars (one a row and timeframe) closed as they stand; the state stays.

        `pending` are older bars that are still open (by lateness): they are applied first, on a copy.
        """
        forming = {timeframe: bars for timeframe, bars in forming.items() if len(bars)}
        places = {timeframe: np.full(self.rows, -1, np.int64) for timeframe in forming}
        for timeframe, bars in forming.items():
            places[timeframe][bars.rows] = np.arange(len(bars))
        found = self._tentative(forming, self._cells)
        waiting = {timeframe: bars for timeframe, bars in (pending or {}).items() if len(bars)}
        if waiting:
            rows = np.unique(np.concatenate([bars.rows for bars in waiting.values()]))
            for number, values in self._after(rows, waiting, forming).items():
                at = np.flatnonzero(np.isin(forming[self._cells[number].node.timeframe].rows, rows))
                found[number] = found[number].copy()
                found[number][:, at] = values
        return Tentative(self, found, places)

    def _after(
        self, rows: Ints, pending: Mapping[Timeframe, Bars], forming: Mapping[Timeframe, Bars]
    ) -> dict[int, Floats]:
        """Forming values of these rows on a copy of their state that took the pending bars."""
        copy = self.taken(rows)
        copy.commit({timeframe: renumbered(bars, rows) for timeframe, bars in pending.items()})
        mine = {t: renumbered(bars.take(np.isin(bars.rows, rows)), rows) for t, bars in forming.items()}
        return copy.peek(mine).found


def _warm(cell: Cell, own: Bars, piece: Piece, found: Floats) -> Floats:
    """Values of a function, unknown at bars that are too near to where the row's history began."""
    before = cell.seen[own.rows]
    if before.min(initial=cell.node.warm_up) >= cell.node.warm_up:
        return found
    cold = before + piece.nth(cell.node.timeframe) < cell.node.warm_up
    return np.where(cold, np.nan, found)


def evaluate(
    plan: Plan,
    bars: Mapping[Timeframe, Bars],
    *,
    sessions: Sessions | None = None,
    foreign: Callable[[str], int | None] | None = None,
    cross: CrossSection | None = None,
    is_strict: bool = False,
) -> dict[str, Values]:
    """Every result of a plan over whole histories, at each bar of its timeframe, in the order of `bars`.

    `bars` holds all timeframes of the plan (`roll` makes longer ones), ascending in time for each row; many
    instruments may stand in any order. `sessions` are needed for `live(...)`, `foreign` (row of a key) for
    `$KEY`, `cross` for ranks and the like; without it they are a UserError. Values are NaN where unknown, and with
    `is_strict` where they still depend on where the history begins.
    """
    rows = 1 + max((int(some.rows.max()) for some in bars.values() if len(some)), default=-1)
    program = Program(plan, rows, sessions=sessions, foreign=foreign, cross=cross, is_strict=is_strict)
    found = program.commit(bars)
    out: dict[str, Values] = {}
    for name, item in program.results.items():
        own = bars.get(program.timeframe(item), Bars.empty())
        values = found[item.node][item.output] if item.node in found else np.empty(0)
        out[name] = Values(own.rows, own.start, values)
    return out
