"""Expressions over a recorded source: their values at every bar, or at every accepted tick, as a long table.

A bar is labelled by its start, a tick by its event_time. A tick out of order moves fields (its day's high), but
is no evaluation: only plain fields have a value at it. Everything runs in the engine's own Program over the
engine's own bars: the values are those that a live run has.
"""

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketbell.core.engine.across_history import AcrossHistory
from marketbell.core.engine.engine import Engine
from marketbell.core.engine.program import Program
from marketbell.core.engine.timeframes import Bars
from marketbell.core.engine.universes import Universes
from marketbell.core.language.compile import Compiler
from marketbell.core.language.errors import RuleErrors
from marketbell.core.language.expression import Expression
from marketbell.core.language.expression_reader import parse_expression
from marketbell.core.language.plan import Node, Op, Plan
from marketbell.core.language.tree import Symbol
from marketbell.core.market.session import SessionTable
from marketbell.core.market.timeframe import TICK, Timeframe
from marketbell.core.primitives.errors import InvalidRuleError, UserError
from marketbell.flows.stream.recorded import FUNDAMENTAL, Recorded, Trace, record, timeframe_of
from marketbell.ports.feeds import PacedFeed

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
_Piece = tuple[Ints, Ints, Floats]
"""Engine rows, times and values of one expression."""


def read(texts: Sequence[tuple[str, str]]) -> list[tuple[str, Expression]]:
    """Named texts as trees. InvalidRuleError where one is no expression, or its names or types are wrong."""
    errors: list[tuple[str, InvalidRuleError]] = []
    read: list[tuple[str, Expression]] = []
    for name, text in texts:
        if any(name == other for other, _ in read):
            raise UserError(f"`{name}` names two expressions: give each another name")
        try:
            read.append((name, parse_expression(text)))
        except RuleErrors as found:
            errors += [(name, one) for one in found.errors]
    if errors:
        raise _told(errors)
    return read


def evaluate(
    feed: PacedFeed,
    engine: Callable[[], Engine],
    calendar: Callable[[str], SessionTable],
    wanted: Sequence[tuple[str, Expression]],
) -> dict[str, Any]:
    """Columns instrument, time (ns UTC), name and value of named expressions, sorted by instrument and time.

    `engine` makes an engine, `calendar` gives the sessions of a calendar. Unknown values are NaN. UserError
    where an expression cannot be evaluated over this source; it says where in the expression.
    """
    finest = timeframe_of(feed)
    plan = _compiled(feed, wanted, finest)
    sampled = {node.name for node in plan.nodes if node.op is Op.FIELD}
    is_fine = any(timeframe.unit in {"tick", "s"} for timeframe in plan.timeframes)
    needs_trace = (finest == TICK and is_fine) or any(not name.startswith(FUNDAMENTAL) for name in sampled)
    source = record(feed, engine, calendar, finest, needs_trace=needs_trace)
    return _long(_values(plan, source), [name for name, _ in wanted], source.keys)


def _compiled(feed: PacedFeed, wanted: Sequence[tuple[str, Expression]], finest: Timeframe) -> Plan:
    keys = [one.key for one in feed.instruments()]

    def key(symbol: Symbol) -> str:
        matches = [one for one in keys if symbol.key in (one, one.partition(":")[2])]
        if len(matches) == 1:
            return matches[0]
        near = get_close_matches(symbol.key, [*keys, *(one.partition(":")[2] for one in keys)], n=1)
        hint = f": did you mean `${near[0]}`?" if near else ""
        message = (
            f"`${symbol.key}` stands for {' and '.join(matches)}: write one of them"
            if matches
            else (f"there is no instrument `{symbol.key}` in this data{hint}")
        )
        raise InvalidRuleError(message, symbol.position.line, symbol.position.column)

    compiler = Compiler(finest, key)
    errors: list[tuple[str, InvalidRuleError]] = []
    for name, expression in wanted:
        try:
            compiler.add(name, expression)
        except InvalidRuleError as error:
            errors.append((name, error))
    if errors:
        raise _told(errors)
    return compiler.plan()


def _told(errors: Sequence[tuple[str, InvalidRuleError]]) -> InvalidRuleError:
    """The first of them, with the name of its expression and its place in it."""
    name, first = errors[0]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    message = f"{name}: {first.line}:{first.column}: {first.message}{more}"
    return InvalidRuleError(message, first.line, first.column, **first.facts)


def _values(plan: Plan, source: Recorded) -> list[_Piece]:
    """Values of every result, in the plan's order."""
    bars = {timeframe: _filled(plan, source, timeframe) for timeframe in plan.timeframes}
    across = AcrossHistory(Universes(source.engine.instruments))
    rows = {key: row for row, key in enumerate(source.keys)}
    program = Program(plan, len(rows), sessions=source.sessions, foreign=rows.get, cross=across)
    found = program.commit(bars)
    pieces: list[_Piece] = []
    for name, place in plan.results:
        node = plan.nodes[place.node]
        own, item = bars[node.timeframe], program.results[name]
        values = found[item.node][item.output] if item.node in found else np.empty(0)
        if node.timeframe == TICK:
            pieces.append(_at_ticks(node, values, source.ticks()))
        else:
            pieces.append((own.rows, own.start, values))
    return pieces


def _filled(plan: Plan, source: Recorded, timeframe: Timeframe) -> Bars:
    names = sorted({node.name for node in plan.nodes if node.op is Op.FIELD and node.timeframe == timeframe})
    bars = source.bars(timeframe)
    return source.sampled(bars, timeframe, names) if names else bars


def _at_ticks(node: Node, values: Floats, trace: Trace) -> _Piece:
    """Values at ticks: of a plain field at every accepted one, else where a rule is evaluated: at those in order."""
    if node.op in {Op.FIELD, Op.BAR} and node.name in trace.fields:
        return trace.rows, trace.times, np.asarray(trace.fields[node.name], np.float64)
    return trace.rows[trace.is_ordered], trace.times[trace.is_ordered], values


def _long(pieces: Sequence[_Piece], names: Sequence[str], keys: Sequence[str]) -> dict[str, Any]:
    if not pieces:
        return {"instrument": [], "time": np.empty(0, np.int64), "name": [], "value": np.empty(0)}
    rank = np.empty(len(keys), np.int64)
    rank[np.argsort(np.array(keys, np.str_), kind="stable")] = np.arange(len(keys))
    rows = np.concatenate([piece[0] for piece in pieces])
    times = np.concatenate([piece[1] for piece in pieces])
    which = np.repeat(np.arange(len(pieces)), [len(piece[0]) for piece in pieces])
    # Ticks of one moment stay in log order, each with all its values.
    within = np.concatenate([_nth(piece[0], piece[1]) for piece in pieces])
    order = np.lexsort((which, within, times, rank[rows]))
    return {
        "instrument": _texts(keys, rows[order]),
        "time": times[order],
        "name": _texts(names, which[order]),
        "value": np.concatenate([piece[2] for piece in pieces])[order],
    }


def _nth(rows: Ints, times: Ints) -> Ints:
    """How many rows of the same instrument and time stand before each."""
    order = np.lexsort((times, rows))
    same = (rows[order][1:] == rows[order][:-1]) & (times[order][1:] == times[order][:-1])
    begins = np.concatenate([[True], ~same])[: len(order)]
    at = np.arange(len(order))
    out = np.empty(len(order), np.int64)
    out[order] = at - np.maximum.accumulate(np.where(begins, at, 0))
    return out


def _texts(words: Sequence[str], at: Ints) -> list[str]:
    return [words[n] for n in at.tolist()]
