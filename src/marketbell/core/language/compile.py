"""Trees to a plan: what a set of expressions needs to be computed, each distinct series once.

Readings that the reference leaves open:

* The timeframe of an expression that names none for itself is the caller's; without one see timing.py.
  Everything inside `x@T` is of T. A value of another timeframe is held: its last closed one at or before the
  end of the bar that reads it.
* An offset counts bars of what it stands behind: `close@1d[1]` is `close[1]@1d`.
* `x[1d]` where a bar is shorter than a session is x at the last bar of the session before the one that the
  bar lies in, whatever the time of day, also at the session's last bar. `[2w]`, `[1mo]`, `[1q]`, `[1y]` are
  the same for weeks, months, calendar quarters and calendar years; where a bar is exactly as long they count
  bars. Published values (cadence quarterly) go back by fiscal periods instead: `fund.eps[1q]`, `fund.eps[1y]`.
* `orb` is always of one-minute bars, or of the data's own where these are longer.
* At `tick` and at instants (`update chain`, `schedule …`, a screen's `now`) a bare field has its newest value,
  `volume` is the day's so far, and nothing has an open, high or low. Series functions and `x[1]` that name no bar are
  of days there, and so is `x[1d]`: x at the close of the session before the one in which the moment lies.
* At `5m live` a rule is evaluated at ticks, and what names no bar is of the 5m bar that is still open.
* "The evaluation before" of crosses, enters, leaves and `is rising` is the bar, tick or instant before.
* `for`, `seen in last`, `then … within` and `moves by … within` look at evaluations; a span of bars counts these.
* `between`, `enters` and `leaves` count both ends of the range as inside.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import ceil

from marketbell.core.indicators.catalogue import BY_NAME as SERIES
from marketbell.core.language import expression as ex
from marketbell.core.language.declared import declared, derived_from, known
from marketbell.core.language.errors import NAME, NOT_YET, TYPE
from marketbell.core.language.fields import Cadence, Field, resolve
from marketbell.core.language.functions import BUILT_INS, UNIVERSE_AT, Bound, bind, settled
from marketbell.core.language.plan import Input, Op, Plan
from marketbell.core.language.plan_builder import PlanBuilder
from marketbell.core.language.symbols import Position, Symbol
from marketbell.core.language.timing import default_timeframe, is_of_bars
from marketbell.core.language.types import judge, said
from marketbell.core.language.vocabulary import BAR_FIELDS, hint
from marketbell.core.market.session import DAY, MINUTE, SECOND
from marketbell.core.market.timeframe import DAY_1, MINUTE_1, TICK, Timeframe
from marketbell.core.primitives.errors import InvalidRuleError

_BAR_COLUMNS = frozenset({"close", "volume", "typical", *BAR_FIELDS})
_PERIODS = {"d": ("d", 1), "w": ("w", 1), "mo": ("mo", 1), "q": ("mo", 3), "y": ("mo", 12)}
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}
_NANOSECONDS = {"s": SECOND, "m": MINUTE, "h": 60 * MINUTE, "d": DAY, "w": 7 * DAY}
_VERBS = {"rises": 0.0, "falls": 1.0, "moves": 2.0}


def compile_plan(expressions: Sequence[tuple[str, ex.Expression]], finest: Timeframe = TICK) -> Plan:
    """A plan of named expressions over data whose own bars are `finest`. Errors as in Compiler.add."""
    compiler = Compiler(finest)
    for name, expression in expressions:
        compiler.add(name, expression)
    return compiler.plan()


class Compiler(PlanBuilder):
    """Collects expressions. `key` gives the key of a symbol (where nobody can say: as it was written)."""

    def __init__(self, finest: Timeframe = TICK, key: Callable[[Symbol], str] | None = None) -> None:
        super().__init__()
        self._finest = finest
        self._key = key
        self._bars: Timeframe | None = None
        self._forming: Timeframe | None = None
        self._is_named = False

    def add(
        self,
        name: str,
        expression: ex.Expression,
        default: Timeframe | None = None,
        *,
        bars: Timeframe | None = None,
        live: Timeframe | None = None,
        is_named: bool = False,
    ) -> Input:
        """Add a judged expression; `default` is the timeframe of what names none. Gives the place of its values.

        Where `default` is ticks or an instant: series functions and offsets that name no bar are of `bars`, and with
        `live` everything that names none is of the forming bar of that timeframe. `is_named`: as if `@default` stood
        behind it. InvalidRuleError where it cannot be evaluated yet, or needs finer bars than the data has.
        """
        if default is None:
            own = self._finest
            default = default_timeframe(expression, own if own != TICK else DAY_1, own)
        self._bars, self._forming, self._is_named = bars, live, is_named
        found = self._compile(expression, default)
        self.name(name, found)
        return found

    def add_word(self, name: str, of: ex.Expression, text: ex.Text, default: Timeframe) -> Input:
        """Add a text that stands beside an enum, as the number of its word. InvalidRuleError where it is none."""
        found = self._word(of, text, default)
        self.name(name, found)
        return found

    # Expressions.

    def _compile(self, node: ex.Expression, at: Timeframe) -> Input:  # noqa: C901, PLR0911 — one line a kind of node
        match node:
            case ex.Number(value=value) | ex.Percent(value=value):
                return self.constant(value, at)
            case ex.Truth(value=is_true):
                return self.constant(1.0 if is_true else 0.0, at)
            case ex.Duration():
                return self._duration(node, at)
            case ex.Field():
                return self._field(node, at)
            case ex.Call():
                return self._call(node, "", at)
            case ex.Member(of=ex.Call() as call, name=member):
                return self._call(call, member, at)
            case ex.Offset():
                return self._offset(node, at)
            case ex.At(of=of, timeframe=timeframe):
                self._has(timeframe, node.position)
                return self.hold(self._named(of, timeframe), at)
            case ex.Negative(of=of):
                return self.map("neg", (self._compile(of, at),), at)
            case ex.Chain():
                return self._chain(node, at)
        return self._predicate(node, at)

    def _named(self, node: ex.Expression, at: Timeframe) -> Input:
        """Of bars that the text names, or that something around it decides."""
        before, self._is_named = self._is_named, True
        try:
            return self._compile(node, at)
        finally:
            self._is_named = before

    def _is_loose(self, at: Timeframe) -> bool:
        """Where ticks or instants are read, what needs bars and names none is of others."""
        return not self._is_named and self._bars is not None and (at == TICK or at.is_instant)

    def _elsewhere(self, node: ex.Expression, at: Timeframe) -> Input | None:
        """A value that needs bars, where ticks or instants are read and no bar is named; None: it is read here."""
        if not self._is_loose(at) or self._bars is None:
            return None
        if self._forming is None:
            return self.hold(self._named(node, self._bars), at)
        found = self._named(node, self._forming)
        if self.value(found) is not None:
            return self.hold(found, at)
        if self._reads_others(found):
            raise _not_yet(node, f"other instruments inside a bar that is still open; name theirs (`@{self._forming}`)")
        return self.node(Op.LIVE, at, inputs=(found,))

    def _predicate(  # noqa: C901, PLR0911, PLR0912 — one line a kind of node
        self, node: ex.Expression, at: Timeframe
    ) -> Input:
        match node:
            case ex.Comparison(operator=operator):
                return self._compare(operator, node.left, node.right, at)
            case ex.Between(of=of, low=low, high=high):
                return self._inside(of, low, high, at)
            case ex.In(of=of, choices=choices):
                return self._any([self._compare("=", of, choice, at) for choice in choices], at)
            case ex.Crosses():
                return self._crosses(node, at)
            case ex.Passes(of=of, verb=verb, low=low, high=high):
                now = self._inside(of, low, high, at)
                before = self.shift(now, 1, at)
                return self.map(verb, (now, before), at)
            case ex.Trend(of=of, direction=direction):
                now = self._compile(of, at)
                sign = ">" if direction == "rising" else "<"
                return self.map(sign, (now, self.shift(now, 1, at)), at)
            case ex.Known(of=of):
                return self.map("known", (self._compile(of, at),), at)
            case ex.Not(of=of):
                return self.map("not", (self._compile(of, at),), at)
            case ex.Logic(operator=operator, parts=parts):
                return self.map(operator, [self._compile(part, at) for part in parts], at)
            case ex.HeldFor(of=of, span=span):
                return self._over("held for", (self._compile(of, at),), span, node, at)
            case ex.Seen(of=of, span=span):
                return self._over("seen in last", (self._compile(of, at),), span, node, at)
            case ex.Then(first=first, second=second, within=span):
                both = (self._compile(first, at), self._compile(second, at))
                return self._over("then", both, span, node, at)
            case ex.Moves():
                return self._moves(node, at)
        raise _error(node, f"{said(node)} cannot be evaluated", TYPE)

    def _compare(self, operator: str, left: ex.Expression, right: ex.Expression, at: Timeframe) -> Input:
        if isinstance(right, ex.Text):
            inputs = (self._compile(left, at), self._word(left, right, at))
        elif isinstance(left, ex.Text):
            inputs = (self._word(right, left, at), self._compile(right, at))
        else:
            inputs = (self._compile(left, at), self._compile(right, at))
        return self.map(operator, inputs, at)

    def _word(self, of: ex.Expression, text: ex.Text, at: Timeframe) -> Input:
        """The number of an enum's word."""
        while isinstance(of, (ex.Offset, ex.At)):
            of = of.of
        field = known(of.name) if isinstance(of, (ex.Field, ex.Call)) else None
        if field is None or not field.members:
            raise _error(text, f"{said(text)} can only stand beside a field that is a choice", TYPE)
        if text.value not in field.members or not text.value:
            members = [word for word in field.members if word]
            choices = hint(text.value, members) or f": it is one of {', '.join(members)}"
            message = f"`{field.name}` is never `{text.value}`{choices}"
            raise _error(text, message, NAME)
        return self.constant(float(field.members.index(text.value)), at)

    def _inside(self, of: ex.Expression, low: ex.Expression, high: ex.Expression, at: Timeframe) -> Input:
        value = self._compile(of, at)
        above = self.map(">=", (value, self._compile(low, at)), at)
        return self.map("and", (above, self.map("<=", (value, self._compile(high, at)), at)), at)

    def _any(self, conditions: list[Input], at: Timeframe) -> Input:
        return conditions[0] if len(conditions) == 1 else self.map("or", conditions, at)

    def _crosses(self, node: ex.Crosses, at: Timeframe) -> Input:
        """`a[1] <= b[1] and a > b` for above, the reverse for below; unknown where one of the four is."""
        left, right = self._compile(node.left, at), self._compile(node.right, at)
        four = (left, right, self.shift(left, 1, at), self.shift(right, 1, at))
        directions = ("above", "below") if node.direction == "either" else (node.direction,)
        return self._any([self.map(f"crosses {direction}", four, at) for direction in directions], at)

    def _over(self, name: str, inputs: Sequence[Input], span: ex.Span, node: ex.Expression, at: Timeframe) -> Input:
        """A predicate over a span of bars or of time."""
        ends = self.node(Op.BAR, at, "end")
        back = _bars_in(span, at) - (0 if name == "then" else 1)
        # What began long ago is unknown without its past; what was seen is seen.
        more = (back, back if name == "held for" and span.unit == ex.BARS else 0)
        return self.node(Op.FUNCTION, at, name, _reach(span, node), (*inputs, ends), more=more)

    def _moves(self, node: ex.Moves, at: Timeframe) -> Input:
        is_percent = judge(node.by, lambda *_: None) == "percent"  # it has no fault: only its type is asked
        inputs = (
            self._compile(node.of, at),
            self._compile(node.by, at),
            self.node(Op.BAR, at, "end"),
            self.node(Op.BAR, at, "session_open"),
        )
        # days and longer bars have no session to begin with
        parameters = (_VERBS[node.verb], float(is_percent), *_reach(node.within, node), float(at.is_intraday))
        return self.node(Op.FUNCTION, at, "moves by", parameters, inputs, more=(_bars_in(node.within, at), 0))

    def _chain(self, node: ex.Chain, at: Timeframe) -> Input:
        found = self._compile(node.operands[0], at)
        for operator, operand in zip(node.operators, node.operands[1:], strict=True):
            found = self.map(operator, (found, self._compile(operand, at)), at)
        return found

    def _duration(self, node: ex.Duration, at: Timeframe) -> Input:
        """Seconds, the unit of durations as values."""
        if node.unit not in _SECONDS:
            raise _error(node, f"{said(node)} has no fixed length: use s, m, h, d or w", TYPE)
        return self.constant(node.amount * _SECONDS[node.unit], at)

    # Values.

    def _field(self, node: ex.Field, at: Timeframe) -> Input:
        self._has(at, node.position)
        own = replace(node, symbol=None)
        found = self._elsewhere(own, at) if self._forming is not None and node.name in _BAR_COLUMNS else None
        found = self._own_field(own, at) if found is None else found
        return found if node.symbol is None else self._foreign(node.symbol, found, at)

    def _own_field(self, node: ex.Field, at: Timeframe) -> Input:
        origin = derived_from(node.name)
        if origin is not None:
            return self._offset(ex.Offset(replace(node, name=origin), 1, "d", position=node.position), at)
        if (at == TICK or at.is_instant) and node.name in BAR_FIELDS:
            message = (
                f"there is no `{node.name}` of a tick or a moment: take `day.{node.name}`, or a bar (`{node.name}@1m`)"
            )
            raise _error(node, message, TYPE)
        if node.name in _BAR_COLUMNS and not ((at == TICK or at.is_instant) and node.name == "volume"):
            return self.node(Op.BAR, at, node.name)
        field = known(node.name)
        if field is None:
            raise _error(node, f"unknown field `{node.name}`", NAME)
        return self.node(Op.FIELD, at, _canonical(node, field))

    def _foreign(self, symbol: Symbol, found: Input, at: Timeframe) -> Input:
        if self.value(found) is not None:
            return found
        key = symbol.key if self._key is None else self._key(symbol)
        return self.node(Op.FOREIGN, at, key, inputs=(found,))

    def _offset(self, node: ex.Offset, at: Timeframe) -> Input:
        if isinstance(node.of, ex.At):
            inner = ex.Offset(node.of.of, node.amount, node.unit, position=node.position)
            return self._compile(replace(node.of, of=inner), at)
        published = self._published(node)
        if published is not None:
            found = self.node(Op.FIELD, at, published)
            symbol = node.of.symbol if isinstance(node.of, ex.Field) else None
            return found if symbol is None else self._foreign(symbol, found, at)
        if node.unit == ex.BARS:
            elsewhere = self._elsewhere(node, at)
            return self.shift(self._compile(node.of, at), node.amount, at) if elsewhere is None else elsewhere
        unit, count = _PERIODS[node.unit]
        if self._is_loose(at):
            return self._before_now(node, Timeframe(unit, count), at)
        return self._earlier(node, Timeframe(unit, count), at)

    def _published(self, node: ex.Offset) -> str | None:
        """The name of a published value some fiscal periods back: `fund.eps[4q]`."""
        if node.unit == ex.BARS:
            return None
        field: Field | None = resolve(node.of.name) if isinstance(node.of, ex.Field) else None
        if field is None or field.cadence is not Cadence.QUARTERLY or node.unit not in {"q", "y"}:
            return None
        return f"{field.name}[{node.amount * (4 if node.unit == 'y' else 1)}q]"

    def _earlier(self, node: ex.Offset, period: Timeframe, at: Timeframe) -> Input:
        """The value at the close of the n-th period before the bar's own; see the module's docstring."""
        if period == at:
            return self.shift(self._compile(node.of, at), node.amount, at)
        if period.rank < at.rank:
            raise _error(node, f"`[{node.amount}{node.unit}]` is shorter than a bar of {at}: write `[1]`", TYPE)
        now = self._compile(node.of, at)
        if self.value(now) is not None:
            return now
        closed = self.hold(now, period)
        before = self.hold(self.shift(closed, node.amount, period), at)
        # Before its own period has closed, the last closed one is already the first before it.
        fewer = closed if node.amount == 1 else self.shift(closed, node.amount - 1, period)
        ends = self.hold(self.node(Op.BAR, period, "end"), at)
        is_over = self.map("=", (ends, self.node(Op.BAR, at, "end")), at)
        return self.map("if", (is_over, before, self.hold(fewer, at)), at)

    def _before_now(self, node: ex.Offset, period: Timeframe, at: Timeframe) -> Input:
        """The same for a tick or an instant: of days, the close of the n-th period before the one that it lies in."""
        days = self._named(node.of, DAY_1)
        if self.value(days) is not None:
            return self.hold(days, at)
        closed = self.hold(days, period)
        # While its own period is open, the last closed one is already the first before it.
        fewer = closed if node.amount == 1 else self.shift(closed, node.amount - 1, period)
        if at == TICK:
            return self.hold(fewer, at)
        # An instant may stand behind the close: then its session is the last one of the closed period.
        last = self.hold(self.hold(self.node(Op.BAR, DAY_1, "session"), period), at)
        is_over = self.map("=", (last, self.node(Op.BAR, at, "session")), at)
        before = self.hold(self.shift(closed, node.amount, period), at)
        return self.map("if", (is_over, before, self.hold(fewer, at)), at)

    # Calls.

    def _call(self, call: ex.Call, member: str, at: Timeframe) -> Input:
        if call.name in SERIES and call.name != "orb":
            # Of another instrument the open bar is its own; closed ones are read at this one's closes.
            own = replace(call, symbol=None) if self._forming is not None else call
            elsewhere = self._elsewhere(ex.Member(own, member, position=call.position) if member else own, at)
            if elsewhere is not None:
                return elsewhere if own is call or call.symbol is None else self._foreign(call.symbol, elsewhere, at)
        if call.name in SERIES:
            found = self._series(call, member, at)
        elif call.name in UNIVERSE_AT:
            found = self._cross(call, at)
        elif call.name == "live":
            found = self._live(call, at)
        elif call.name in BUILT_INS:
            found = self.map(call.name, [self._compile(one, at) for one in call.arguments], at)
        else:
            field = declared(call.name)
            if field is None:
                raise _error(call, f"unknown function `{call.name}`", NAME)
            found = self.node(Op.FIELD, at, _canonical(call, field))
        return found if call.symbol is None else self._foreign(call.symbol, found, at)

    def _series(self, call: ex.Call, member: str, at: Timeframe) -> Input:
        self._has(at, call.position)
        bound = bind(call, _refuse)
        if bound is None:
            raise TypeError(call)  # cannot be: `_refuse` raises
        if call.name == "orb":
            return self.hold(self._function(bound, member, self._minutes(call, bound)), at)
        return self._function(bound, member, at)

    def _minutes(self, call: ex.Call, bound: Bound) -> Timeframe:
        bars = self._finest if self._finest.rank > MINUTE_1.rank else MINUTE_1
        length = bars.nanoseconds
        if length is None or length > bound.parameters[0]:
            message = f"{said(call)} needs bars that fit into its time, and this data has bars of {bars}"
            raise _error(call, message, TYPE)
        return bars

    def _function(self, bound: Bound, member: str, at: Timeframe) -> Input:
        signature = bound.signature
        inputs = [self._compile(series, at) for series in bound.series]
        inputs += [self.node(Op.BAR, at, column) for column in signature.bars]
        more = (signature.lookback(bound.parameters), signature.warm_up(bound.parameters))
        found = self.node(Op.FUNCTION, at, signature.name, bound.parameters, inputs, more=more)
        return Input(found.node, signature.outputs.index(member or signature.main))

    def _cross(self, call: ex.Call, at: Timeframe) -> Input:
        place = UNIVERSE_AT[call.name]
        universe, of = call.arguments[place], call.arguments[1 - place]
        name = universe.name if isinstance(universe, ex.Universe) else ""
        if at == TICK and self._is_loose(at) and self._forming is None and is_of_bars(of):
            # Nothing in it changes from tick to tick: everybody is looked at once a bar.
            bars = default_timeframe(of)
            return self.hold(self._named(call, bars), at)
        return self.node(Op.CROSS, at, call.name, inputs=(self._compile(of, at),), universe=name)

    def _live(self, call: ex.Call, at: Timeframe) -> Input:
        of = call.arguments[0]
        inner = of
        while isinstance(inner, ex.Offset):
            inner = inner.of
        if not isinstance(inner, ex.At):
            raise _error(call, "`live` is of a longer bar that is still open: `live(close@1d)`", TYPE)
        self._has(inner.timeframe, inner.position)
        if inner.timeframe.rank < at.rank:
            message = f"`live` of {inner.timeframe} inside bars of {at}: no bar of {inner.timeframe} is open there"
            raise _error(call, message, TYPE)
        found = self._named(of, inner.timeframe)
        if inner.timeframe == at or self.value(found) is not None:
            return self.hold(found, at)
        if self._reads_others(found):
            raise _not_yet(call, "`live` around other instruments; write `$NIFTY.live(close@1d)`")
        return self.node(Op.LIVE, at, inputs=(found,))

    def _reads_others(self, found: Input) -> bool:
        """Other instruments' own forming bars would have to be known at the same instant."""
        waiting, timeframe = [found], self.timeframe(found)
        while waiting:
            place = waiting.pop()
            if self.timeframe(place) == timeframe:
                if self.op(place) in {Op.FOREIGN, Op.CROSS}:
                    return True
                waiting += self.inputs(place)
        return False

    def _has(self, timeframe: Timeframe, position: Position) -> None:
        """The data's own bars must be at least as fine."""
        if timeframe.rank < self._finest.rank:
            message = f"bars of {timeframe} are finer than the data: its own are of {self._finest}"
            raise InvalidRuleError(message, position.line, position.column, reason=TYPE)


def _reach(span: ex.Span, node: ex.Expression) -> tuple[float, float]:
    """What a kernel is told of a span: 0 and bars, or 1 and ns."""
    if span.unit == ex.BARS:
        return 0.0, span.amount
    if span.unit not in _NANOSECONDS:
        raise _error(node, f"{said(node)}: a span has a fixed length: use bars, s, m, h, d or w", TYPE)
    return 1.0, span.amount * _NANOSECONDS[span.unit]


def _bars_in(span: ex.Span, at: Timeframe) -> int:
    """About how many evaluations lie in a span; nobody knows how many ticks or instants there will be."""
    if span.unit == ex.BARS:
        return int(span.amount)
    length = at.nanoseconds or {"d": DAY, "w": 7 * DAY, "mo": 28 * DAY}.get(at.unit, 0) * at.count
    return ceil(span.amount * _NANOSECONDS.get(span.unit, 0) / length) if length else 1


def _canonical(node: ex.Field | ex.Call, field: Field) -> str:
    """The name of a field with all its settings."""
    found = settled(node, field, _refuse)
    if found is None:
        raise TypeError(node)  # cannot be: `_refuse` raises
    return found


def _error(node: ex.Expression, message: str, reason: str) -> InvalidRuleError:
    return InvalidRuleError(message, node.position.line, node.position.column, reason=reason)


def _not_yet(node: ex.Expression, what: str) -> InvalidRuleError:
    return _error(node, f"not yet supported in an evaluation: {what}", NOT_YET)


def _refuse(position: Position, message: str, reason: str) -> None:
    raise InvalidRuleError(message, position.line, position.column, reason=reason)
