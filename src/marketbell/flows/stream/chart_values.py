"""Expressions over one instrument's bars: the same compiler, bars and functions as the engine's own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from marketbell.core.columns.frame import Columns
from marketbell.core.engine.program import evaluate
from marketbell.core.engine.timeframes import COLUMNS, Bars, Sessions, roll
from marketbell.core.language.compile import Compiler
from marketbell.core.language.errors import RuleErrors
from marketbell.core.language.expression_reader import parse_expression
from marketbell.core.language.plan import Input, Op, Plan
from marketbell.core.language.types import judge
from marketbell.core.market.instrument import Instrument
from marketbell.core.market.timeframe import DAY_1, MINUTE_1, Timeframe
from marketbell.core.primitives.errors import InvalidRuleError, UserError
from marketbell.flows.stream.charts import Evaluated
from marketbell.ports.calendars import SessionTable

_OTHERS = {
    Op.FOREIGN: "another instrument (`$SYMBOL`)",
    Op.CROSS: "a comparison across instruments",
}
_SESSION_MINUTES = 375
"""Of a usual session where the calendar does not say otherwise: only for how many bars to read."""
_DAYS = {"d": 1, "w": 5, "mo": 23}


@dataclass(frozen=True, slots=True)
class _Compiled:
    plan: Plan
    results: tuple[Input, ...]
    types: tuple[str, ...]


class ChartValues:
    """The charts' Evaluator (see charts.py). `sessions` gives a calendar's sessions by its name."""

    def __init__(self, sessions: Callable[[str], SessionTable]) -> None:
        self._sessions = sessions
        self._aligned: dict[str, Sessions] = {}
        self._compiled: dict[tuple[str, tuple[str, ...]], _Compiled] = {}

    def bars_needed(self, timeframe: Timeframe, expressions: Sequence[str], limit: int) -> tuple[int, int]:
        """Minute and day bars behind the newest `limit` values: also those that the functions warm up on."""
        compiled = self._compile(timeframe, expressions)
        minutes = days = 0
        for one in {timeframe, *compiled.plan.timeframes}:
            warm = max([node.warm_up for node in compiled.plan.nodes if node.timeframe == one], default=0)
            count = warm + 2 + (limit if one == timeframe else 0)
            if one.is_intraday:
                minutes = max(minutes, count * ((one.nanoseconds or 0) // MINUTE_NS))
            else:
                days = max(days, count * one.count * _DAYS[one.unit])
        if minutes and timeframe.is_intraday and days:
            # Slow series are read at the bars of the chart: from before the first of them.
            days += minutes // _SESSION_MINUTES + 1
        return minutes, days

    def evaluate(
        self,
        instrument: Instrument,
        timeframe: Timeframe,
        expressions: Sequence[str],
        minutes: Columns,
        days: Columns,
        forming: tuple[bool, bool],
    ) -> Evaluated:
        """Values at every bar of the timeframe. Other timeframes inside an expression give their closed bars."""
        compiled = self._compile(timeframe, expressions)
        aligned = self._sessions_of(instrument.calendar)
        bars: dict[Timeframe, Bars] = {}
        is_forming = False
        for one in {timeframe, *compiled.plan.timeframes}:
            base, is_open = (minutes, forming[0]) if one.is_intraday else (days, forming[1])
            closed, open_ = _rolled(base, one, aligned, is_open=is_open)
            if one == timeframe:
                is_forming = len(open_) > 0
                bars[one] = Bars.joined([closed, open_]) if is_forming else closed
            else:
                bars[one] = closed
        values = evaluate(compiled.plan, bars, sessions=aligned)
        names = [name for name, _ in compiled.plan.results]
        own = bars[timeframe]
        return Evaluated(own.start, is_forming, [values[name].values for name in names], compiled.types)

    def _sessions_of(self, calendar: str) -> Sessions:
        if calendar not in self._aligned:
            self._aligned[calendar] = Sessions.of([self._sessions(calendar)])
        return self._aligned[calendar]

    def _compile(self, timeframe: Timeframe, expressions: Sequence[str]) -> _Compiled:
        key = (str(timeframe), tuple(expressions))
        found = self._compiled.get(key)
        if found is None:
            if len(self._compiled) > _KEPT:
                self._compiled.clear()
            found = self._compiled[key] = _compiled(timeframe, expressions)
        return found


MINUTE_NS = 60_000_000_000
_KEPT = 500


def _compiled(timeframe: Timeframe, expressions: Sequence[str]) -> _Compiled:
    if timeframe.is_intraday and (timeframe.nanoseconds or 0) % MINUTE_NS:
        raise UserError(f"a chart's bars last a minute or longer, not {timeframe}", field="timeframe")
    if timeframe.unit == "tick":
        raise UserError("a chart needs bars, not ticks", field="timeframe")
    compiler = Compiler(MINUTE_1 if timeframe.is_intraday else DAY_1)
    types = [_add(compiler, str(at), text, timeframe) for at, text in enumerate(expressions)]
    plan = compiler.plan()
    for node in plan.nodes:
        if node.op in _OTHERS:
            raise UserError(f"a chart cannot draw {_OTHERS[node.op]} yet")
        if node.op is Op.FIELD:
            raise UserError(f"a chart knows the past of bars and functions of them, not that of `{node.name}` yet")
    results = {timeframe_of(plan, item) for _, item in plan.results}
    if results - {timeframe}:
        other = next(iter(results - {timeframe}))
        raise UserError(f"a value of {other} bars cannot be drawn at {timeframe} bars")
    return _Compiled(plan, tuple(item for _, item in plan.results), tuple(types))


def _add(compiler: Compiler, name: str, text: str, timeframe: Timeframe) -> str:
    """Read, judge and compile one expression; gives its type."""
    try:
        tree = parse_expression(text)
        compiler.add(name, tree, timeframe)
    except RuleErrors as error:
        first = error.errors[0]
        raise UserError(_placed(text, first.column, first.message)) from error
    except InvalidRuleError as error:
        raise UserError(_placed(text, error.column, error.message)) from error
    type_ = judge(tree, lambda *_: None)  # it has no fault: only its type is asked
    return "number" if type_ in {None, "literal"} else str(type_)


def timeframe_of(plan: Plan, item: Input) -> Timeframe:
    """Of which bars a result is."""
    return plan.nodes[item.node].timeframe


def _placed(text: str, column: int, message: str) -> str:
    return f"{text}: {message}" if column <= 1 else f"{text}, column {column}: {message}"


def _rolled(base: Columns, timeframe: Timeframe, aligned: Sessions, *, is_open: bool) -> tuple[Bars, Bars]:
    """Closed bars of the timeframe and the forming one. `is_open`: the last base bar is not closed."""
    count = len(base["start"])
    rows = np.zeros(count, np.int64)
    values = np.column_stack([np.asarray(base[name], np.float64) for name in COLUMNS])
    start, trades = (np.asarray(base[name], np.int64) for name in ("start", "trades"))
    own = aligned.minute_bars if timeframe.is_intraday else aligned.day_bars
    bars = own(rows, start, values, trades)
    if timeframe in {MINUTE_1, DAY_1}:
        return (bars.take(np.arange(count - 1)), bars.take(np.array([count - 1]))) if is_open else (bars, Bars.empty())
    closed, open_ = roll(bars, timeframe, aligned)
    if is_open and not len(open_) and len(closed):
        # The forming part would complete the bar: it is not complete before the part is.
        return closed.take(np.arange(len(closed) - 1)), closed.take(np.array([len(closed) - 1]))
    return closed, open_
