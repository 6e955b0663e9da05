"""Standing series: expressions that somebody watches, kept up to date for all rows at every bar's close.

A watch begins by a command of the log and computes for every instrument. It is warmed from the bars that
the engine keeps (the newest minutes, the days; kept.py), and from stored bars that follow the command on the
log (BAR frames of the role `past`; past_bars.py): what these know longer than the program is taken over. Where
a whole minute of session time, or a session, is missing between history and live, the history is left out:
the series is unknown until it is warm from live bars, and `gaps` says so.

Command: {"type": "watch", "uid", "expressions": {name: text}, "timeframe": "5m"} and {"type": "unwatch", "uid"}.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketbell.core.engine import kernel as k
from marketbell.core.engine.expected import Lack, lack
from marketbell.core.engine.feeding import NEVER, Feed
from marketbell.core.engine.kept import Kept
from marketbell.core.engine.operators import Begun, ClosedBars, Operator, Ticks, TickState
from marketbell.core.engine.past_bars import PastBars
from marketbell.core.engine.priming import Primed, Priming, with_facts, with_results
from marketbell.core.engine.program import CrossSection, Program, Tentative
from marketbell.core.engine.sampling import FieldSampler
from marketbell.core.engine.timeframes import Bars, Sessions
from marketbell.core.engine.watching import compile_texts, inputs_form, inputs_of, plan_form, plan_of
from marketbell.core.language.plan import Input, Op, Plan
from marketbell.core.market.session import SECOND
from marketbell.core.market.timeframe import DAY_1, MINUTE_1, TICK, Timeframe
from marketbell.core.primitives.errors import CheckpointError, UserError

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

RING_MINUTES = 64
SHELF_DAYS = 372
_TOLD_BARS = 200_000
_NOTHING = np.empty(0, np.int64)

Listener = Callable[[Mapping[Timeframe, Bars], Mapping[int, Floats]], None]
"""Takes closed bars, and by the number of a node its values [outputs, bars of its timeframe]."""

PastListener = Callable[[Primed], None]


class Series(Operator):
    """See the module's docstring."""

    name = "series"

    def __init__(
        self,
        operators: Sequence[Operator] = (),
        *,
        ring_minutes: int = RING_MINUTES,
        shelf_days: int = SHELF_DAYS,
    ) -> None:
        """How many closed minutes and days of each row are kept for who begins to watch later.

        `operators` tell their fields at the ends of bars.
        """
        self._sampler = FieldSampler(operators)
        self._sampled: Mapping[Timeframe, frozenset[str]] = {}
        self._scope: NDArray[np.bool_] | None = None
        self.watched: NDArray[np.uint8] | None = None
        """A flag for each row whose words the tick kernel has to tell behind each tick; None: nobody asks."""
        self._sessions = Sessions(*(_NOTHING for _ in range(6)))
        self._rows = 0
        self._idents: list[int] = []
        self._late = 2 * SECOND
        self.program = Program(is_strict=True)
        self._feed = Feed()
        self._plans: dict[str, Plan] = {}
        self._results: dict[str, dict[str, Input]] = {}
        self.rejected: dict[str, str] = {}
        """Watches that could not begin, and why."""
        self._kept = Kept(ring_minutes, shelf_days)
        self._priming = Priming()
        self._told: list[tuple[Timeframe, Bars]] = []
        self._told_count = 0
        self.bars_dropped = 0
        self._tick_scopes: dict[str, NDArray[np.bool_]] = {}
        self._of_ticks: set[str] = set()
        """Watches that read ticks."""
        self._listeners: list[Listener] = []
        self._past_listeners: list[PastListener] = []
        self.version = 0
        """Another number whenever closed bars, or what is watched, may have changed."""

    def listen(self, listener: Listener, past: PastListener | None = None) -> None:
        """Call this with every piece of closed bars and the values of all results at them; `past` behind a priming."""
        self._listeners.append(listener)
        if past is not None:
            self._past_listeners.append(past)

    # --- watches -----------------------------------------------------------------------------------

    def command(self, payload: Mapping[str, Any], state: TickState) -> None:
        kind = payload.get("type")
        uid = str(payload.get("uid", ""))
        if kind == "unwatch":
            self.unwatch(uid)
        elif kind == "watch":
            try:
                timeframe = Timeframe.parse(str(payload.get("timeframe", "1d")))
                self.watch(uid, compile_texts(payload.get("expressions"), timeframe), state)
            except UserError as error:
                self.rejected[uid] = error.message

    def watch(self, uid: str, plan: Plan, state: TickState, scope: NDArray[np.bool_] | None = None) -> None:
        """Begin to compute a plan, or another one under the same name. `scope`: the rows whose ticks it reads, if any.

        UserError where a function is not known, and for what reads other instruments: these may belong to another
        shard, so such series are computed behind all shards.
        """
        if any(node.op in {Op.FOREIGN, Op.CROSS} for node in plan.nodes):
            raise UserError("what reads other instruments is computed behind all shards, not in one of them")
        if any(node.op is Op.FIELD and node.timeframe.unit == "s" for node in plan.nodes):
            raise UserError("a field without `@` is read at ticks and at the ends of minutes and longer bars")
        self._settle_days()
        self.version += 1
        before, timeframes = self.program.numbers, self._feed.timeframes
        results = self.program.extend(plan)
        self.unwatch(uid, is_replaced=True)
        self.rejected.pop(uid, None)
        self._plans[uid], self._results[uid] = plan, results
        if scope is not None:
            self._tick_scopes[uid] = scope
        if TICK in plan.timeframes:
            self._of_ticks.add(uid)
        self._feed.use(self.program.timeframes)
        self._use_fields()
        new = self.program.numbers - before
        if new:
            self._begin(plan, new, self._feed.timeframes - timeframes, state)

    def unwatch(self, uid: str, *, is_replaced: bool = False) -> None:
        """End a watch; what nobody else needs is forgotten. An unknown uid is none."""
        results = self._results.pop(uid, None)
        if results is None:
            return
        del self._plans[uid]
        self._priming.forget(uid)
        self._tick_scopes.pop(uid, None)
        self._of_ticks.discard(uid)
        self.program.drop(results.values())
        if not is_replaced:
            self._feed.use(self.program.timeframes)
            self._use_fields()

    def _use_fields(self) -> None:
        self._sampled = self.program.sampled
        if not self.wants_minutes:
            self._sampler.forget()
        self._scope = self._tick_scope()
        self.watched = None
        if TICK in self._sampled:
            self.watched = np.ones(self._rows, np.uint8) if self._scope is None else self._scope.astype(np.uint8)

    def _tick_scope(self) -> NDArray[np.bool_] | None:
        """Rows whose ticks are evaluations of something; None: all of them."""
        scope = np.zeros(self._rows, np.bool_)
        for uid in self._of_ticks:
            mine = self._tick_scopes.get(uid)
            if mine is None:
                return None
            scope[: len(mine)] |= mine
        return scope

    def set_scope(self, uid: str, scope: NDArray[np.bool_]) -> None:
        """Rows whose ticks a watch reads, now that there are others."""
        self._tick_scopes[uid] = scope
        self._use_fields()

    @property
    def sessions(self) -> Sessions:
        """The sessions of every row."""
        return self._sessions

    @property
    def watches(self) -> Mapping[str, Plan]:
        """The plans, by uid."""
        return self._plans

    def _begin(self, plan: Plan, new: frozenset[int], timeframes: frozenset[Timeframe], state: TickState) -> None:
        """Warm new nodes from the bars that are kept."""
        rows = np.arange(self._rows)
        program, feed = self._empty(plan)
        self._kept.begin(feed)
        minutes, days = self._kept.minutes(rows), self._kept.days(rows)
        program.commit(feed.closed(minutes, days, self._until(state), self._sessions))
        self.program.adopt(program, rows, new)
        self._feed.adopt(feed, rows, only=timeframes)

    def _empty(self, *plans: Plan) -> tuple[Program, Feed]:
        """A program of these plans that has seen nothing, and its feed."""
        program = Program(rows=self._rows, sessions=self._sessions, is_strict=True)
        for plan in plans:
            program.extend(plan)
        feed = Feed(self._late, self._rows)
        feed.use(program.timeframes)
        return program, feed

    # --- the engine's calls ------------------------------------------------------------------------

    def grow(self, state: TickState) -> None:
        self.version += 1
        count = state.count
        own = (np.ascontiguousarray(state.I[:count, at]) for at in (k.I_CAL_LO, k.I_CAL_HI, k.I_MINUTES))
        self._sessions = Sessions(state.opens, state.closes, state.dates, *own)
        self._late = state.late
        for row in range(self._rows, count):
            self._idents.append(int(state.instruments[row].instrument_id))
        self._rows = count
        self.program.grow(count)
        self.program.sessions = self._sessions
        self._feed.late = state.late
        self._feed.grow(count)
        self._sampler.grow(count, state.late)
        self._kept.grow(count, self._sessions)
        self._use_fields()

    @property
    def wants_ticks(self) -> bool:
        return self._feed.wants_ticks

    @property
    def wants_minutes(self) -> bool:
        return any(not (timeframe == TICK or timeframe.is_instant) for timeframe in self._sampled)

    def begun(self, begun: Begun, state: TickState) -> None:  # noqa: ARG002 — the words say it all
        if self.wants_minutes:
            self._sampler.begun(begun)

    def ticks(self, ticks: Ticks, state: TickState) -> None:
        if not self._feed.wants_ticks:
            return
        wanted = ticks.is_ordered if self._scope is None else ticks.is_ordered & self._scope[ticks.rows]
        names = self._sampled.get(TICK)

        def fields(at: Ints) -> Mapping[str, Floats]:
            place = np.full(len(ticks.rows), -1, np.int64)
            place[ticks.told] = np.arange(len(ticks.told))
            words = ticks.words[place[at]]
            return self._sampler.now(ticks.rows[at], ticks.event_time[at], words, names or (), state, is_traced=True)

        self._feed.take_ticks(
            ticks.rows, ticks.event_time, ticks.price, ticks.volume, ticks.amount, ticks.is_ordered, self._sessions,
            wanted, fields if names else None,
        )  # fmt: skip

    def read_instant(self, timeframe: Timeframe, rows: Ints, time: int, state: TickState) -> None:
        """Evaluate what is read at an instant (ns UTC), for these rows as they stand."""
        self._settle_days()
        i = state.I[rows]
        f = np.ascontiguousarray(i).view(np.float64)
        last, times = f[:, k.F_LAST], np.full(len(rows), time)
        with np.errstate(invalid="ignore", divide="ignore"):
            vwap = np.where(f[:, k.F_SIZE] > 0, f[:, k.F_PV] / f[:, k.F_SIZE], np.nan)
        volume = np.where(i[:, k.I_HAS_VOLUME] == 1, f[:, k.F_CUM], np.nan)
        values = np.ascontiguousarray(np.column_stack([last, last, last, last, volume, vwap]))
        names = self._sampled.get(timeframe, ())
        fields = self._sampler.now(rows, times, i, names, state, is_traced=False)
        nothing = np.full(len(rows), np.nan)
        bars = Bars(
            rows, times, times, i[:, k.I_DATE].copy(), i[:, k.I_OPEN].copy(), np.zeros(len(rows), np.int64), values,
            nothing, fields,
        )  # fmt: skip
        found = {timeframe: bars}
        self._announce(found, self.program.commit(found))

    def _announce(self, bars: Mapping[Timeframe, Bars], values: Mapping[int, Floats]) -> None:
        for listener in self._listeners:
            listener(bars, values)

    def closed(self, minutes: ClosedBars, days: ClosedBars, state: TickState) -> None:
        self._settle_days()
        self._kept.cover.heartbeat(state.clock)
        if len(minutes.rows) or len(days.rows):
            self.version += 1
            minutes, days = _contiguous(minutes), _contiguous(days)
            holes, day_holes = self._kept.take(minutes, days)
            if len(holes):
                self.program.reset(holes, self.program.numbers - self.program.of_days)
                self._feed.reset(holes, is_intraday=True)
            self._forget_days(day_holes)
        if not self._feed.timeframes:
            return
        found = self._feed.closed(
            self._sessions.minute_bars(minutes.rows, minutes.start, minutes.values, minutes.trades)
            if len(minutes.rows) else Bars.empty(),
            self._sessions.day_bars(days.rows, days.start, days.values, days.trades)
            if len(days.rows) else Bars.empty(),
            self._until(state),
            self._sessions,
        )  # fmt: skip
        if found:
            for timeframe in (self._sampled.keys() & found.keys()) - {TICK}:
                found[timeframe] = self._sampler.sampled(found[timeframe], self._sampled[timeframe], state)
            self._announce(found, self.program.commit(found))
            self._note(found)
        self._sampler.settle()

    def _until(self, state: TickState) -> Ints:
        """Up to when each row is complete: its watermark, all of a session that is over."""
        own = state.I[: self._rows]
        opened, newest = own[:, k.I_OPEN], own[:, k.I_NEWEST]
        inside = np.where(own[:, k.I_SEALED] == 1, own[:, k.I_CLOSE], np.maximum(newest - state.late, opened))
        return np.where(opened == k.NEVER, NEVER, inside)

    # --- history -----------------------------------------------------------------------------------

    def _forget_days(self, rows: Ints) -> None:
        """Days are missing before the first live session of these rows."""
        if len(rows):
            self.program.reset(rows, self.program.of_days)
            self._feed.reset(rows, is_intraday=False)

    def history(self, rows: Ints, columns: Mapping[str, NDArray[Any]], state: TickState) -> None:  # noqa: ARG002 — it says all
        self.version += 1
        self._forget_days(self._kept.history(rows, columns))

    def past(
        self, rows: Ints, columns: Mapping[str, NDArray[Any]], payload: Mapping[str, Any], state: TickState
    ) -> None:
        """Stored bars of whole instruments (past_bars.py), for the series that `series` names, or for all.

        What they know better than the program is taken over; what is known stays.
        """
        self._settle_days()
        self.version += 1
        past = PastBars.read(rows, columns, payload, self._sessions)
        joined = self._kept.join(past, state.I[: self._rows, k.I_NEWEST])
        until, facts = self._until(state), self._facts(state)
        plans = self._meant(payload)
        primed = self._priming.prime(self.program, self._feed, plans, self._kept, past, joined, until, facts)
        if primed is not None:
            for listener in self._past_listeners:
                listener(primed)

    def kept(self, uid: str, state: TickState) -> dict[Timeframe, Bars]:
        """All bars that are kept, with a watch's results at them as fields, by name. KeyError for no watch."""
        self._settle_days()
        plan, rows = self._plans[uid], np.arange(self._rows)
        program, feed = self._empty(plan)
        self._kept.begin(feed)
        bars = feed.closed(self._kept.minutes(rows), self._kept.days(rows), self._until(state), self._sessions)
        with_facts(program, bars, rows, self._facts(state))
        return with_results(program, program.extend(plan), bars, program.commit(bars), rows)

    def _meant(self, payload: Mapping[str, Any]) -> Mapping[str, Plan]:
        """The watches that stored bars are for."""
        told = payload.get("series")
        if told is None:
            return self._plans
        named = frozenset(map(str, told))
        return {uid: plan for uid, plan in self._plans.items() if not named.isdisjoint(self._priming.words(uid, plan))}

    def _facts(self, state: TickState) -> Callable[[Bars, Collection[str]], Mapping[str, Floats]]:
        """What of the fields at the ends of stored bars can be told: published values."""

        def told(bars: Bars, names: Collection[str]) -> Mapping[str, Floats]:
            close = np.ascontiguousarray(bars.values[:, 3])
            return self._sampler.fields(bars.rows, bars.end, state.I[bars.rows], names, state, close)

        return told

    def _settle_days(self) -> None:
        """Feed the days of rows whose history has grown anew: once for many frames of it."""
        rows = self._kept.take_stale()
        nodes = self.program.of_days
        if not len(rows) or not nodes:
            return
        program, feed = self._empty(*self._plans.values())
        feed.use(timeframe for timeframe in feed.timeframes if not timeframe.is_intraday)
        until = np.full(self._rows, NEVER)
        days = self._kept.days(rows)
        np.maximum.at(until, days.rows, days.end)
        program.commit(feed.closed(Bars.empty(), days, until, self._sessions))
        self.program.adopt(program, rows, nodes)
        self._feed.adopt(feed, rows, only=feed.timeframes)

    # --- what readers see --------------------------------------------------------------------------

    def names(self, uid: str) -> tuple[str, ...]:
        """The expressions of a watch."""
        return tuple(self._results.get(uid, ()))

    def values(self, uid: str, name: str, rows: Ints | None = None, *, is_warm: bool = True) -> Floats:
        """Last closed values of an expression, by row; NaN where unknown, and (with `is_warm`) not yet warm.

        KeyError for a watch or name that does not exist.
        """
        self._settle_days()
        item = self._results[uid][name]
        at = np.arange(self._rows) if rows is None else rows
        values = self.program.values(item, at)
        return np.where(self.program.is_warm(item, at), values, np.nan) if is_warm else values

    def fields(self, names: Collection[str], state: TickState, moment: int) -> dict[str, NDArray[Any]]:
        """Registry fields of all rows as they stand at the market's time `moment`; what nobody has is left out."""
        return self._sampler.newest(np.arange(self._rows), names, state, moment)

    @property
    def operators(self) -> Sequence[Operator]:
        """The operators before this one, which tell their own fields."""
        return self._sampler.operators

    def days(self, until: int) -> Bars:
        """The days that are kept and follow each other without a hole, those that ended at `until` (ns) or before."""
        self._settle_days()
        days = self._kept.days(np.arange(self._rows))
        return days.take(days.end <= until)

    def read(
        self, plan: Plan, state: TickState, cross: CrossSection | None = None, until: int | None = None
    ) -> dict[str, Floats]:
        """Last closed values of a plan's results by row, of series that nobody need watch; NaN where unknown.

        They come from the minutes and days that are kept; what is watched has the state that it has. With `until` (ns
        UTC) only bars that had ended by then count. Nothing here is changed. `cross` is needed where the plan reads
        across a universe. UserError where a function is not known.
        """
        self._settle_days()
        rows = np.arange(self._rows)
        of_key = {one.key: row for row, one in enumerate(state.instruments)}
        program = Program(plan, self._rows, sessions=self._sessions, foreign=of_key.get, cross=cross, is_strict=True)
        feed = Feed(self._late, self._rows)
        feed.use(program.timeframes)
        self._kept.begin(feed)
        minutes, days, complete = self._kept.minutes(rows), self._kept.days(rows), self._until(state)
        if until is not None:
            minutes, days = minutes.take(minutes.end <= until), days.take(days.end <= until)
            complete = np.minimum(complete, until)
        bars = feed.closed(minutes, days, complete, self._sessions)
        for timeframe in program.sampled.keys() & bars.keys():
            bars[timeframe] = self._sampler.sampled(bars[timeframe], program.sampled[timeframe], state)
        program.commit(bars)
        if until is None:
            program.adopt(self.program, rows)
        return {name: program.values(item, rows) for name, item in program.results.items()}

    def result(self, uid: str, name: str) -> Input:
        """The place of an expression in the program, for `tentative`. KeyError as above."""
        return self._results[uid][name]

    def tentative(self, rows: Ints, minutes: ClosedBars, state: TickState) -> Tentative:
        """Values as if the forming bars closed as they stand. `minutes`: the open ones of these rows, ascending."""
        self._settle_days()
        open_ = self._sessions.minute_bars(minutes.rows, minutes.start, minutes.values, minutes.trades)
        own = state.I[rows]
        live = rows[(own[:, k.I_OPEN] != k.NEVER) & (own[:, k.I_SEALED] == 0)]
        f, i = state.F[live], state.I[live]
        with np.errstate(invalid="ignore", divide="ignore"):
            vwap = np.where(f[:, k.F_SIZE] > 0, f[:, k.F_PV] / f[:, k.F_SIZE], np.nan)
        volume = np.where(i[:, k.I_HAS_VOLUME] == 1, f[:, k.F_CUM], np.nan)
        prices = [f[:, at] for at in (k.F_OPEN, k.F_HIGH, k.F_LOW, k.F_LAST)]
        days = self._sessions.day_bars(live, i[:, k.I_OPEN], np.column_stack([*prices, volume, vwap]), i[:, k.I_TRADES])
        forming, pending = self._feed.forming(rows, open_, days, self._sessions)
        for timeframe, names in self._sampled.items():
            for part in (forming, pending):
                if timeframe in part:
                    bars, now = part[timeframe], state.I[part[timeframe].rows]
                    fields = self._sampler.fields(bars.rows, now[:, k.I_NEWEST], now, names, state)
                    part[timeframe] = replace(bars, fields=fields)
        return self.program.peek(forming, pending)

    def lack(self, uid: str, names: Collection[str], row: int, now: int) -> Lack | None:
        """What results of a watch still lack on a row at `now` (ns UTC). KeyError for a watch that does not exist."""
        self._settle_days()
        results = self._results[uid]
        return lack(self.program, [results[name] for name in names], row, self._sessions, now)

    def gaps(self, uid: str) -> list[dict[str, Any]]:
        """Holes before live bars that leave a watch cold: instrument_id, timeframe of the history, from, until (ns)."""
        plan = self._plans.get(uid)
        if plan is None:
            return []
        out: list[dict[str, Any]] = []
        is_intraday = any(timeframe.is_intraday and timeframe != TICK for timeframe in plan.timeframes)
        is_daily = any(not timeframe.is_intraday for timeframe in plan.timeframes)
        for is_asked, prefix, timeframe in ((is_intraday, "", MINUTE_1), (is_daily, "day_", DAY_1)):
            cover = self._kept.cover
            low, high = getattr(cover, f"{prefix}hole_from"), getattr(cover, f"{prefix}hole_until")
            out += [
                {"instrument_id": self._idents[row], "timeframe": str(timeframe), "from": int(low[row]),
                 "until": int(high[row])}
                for row in (np.flatnonzero(low != NEVER).tolist() if is_asked else ())
            ]  # fmt: skip
        return out

    def _note(self, found: Mapping[Timeframe, Bars]) -> None:
        for timeframe, bars in found.items():
            if timeframe not in {TICK, MINUTE_1, DAY_1}:
                self._told.append((timeframe, bars))
                self._told_count += len(bars)
        while self._told_count > _TOLD_BARS:
            gone = len(self._told.pop(0)[1])
            self._told_count -= gone
            self.bars_dropped += gone

    def take_bars(self) -> dict[Timeframe, Bars]:
        """Bars of longer timeframes and of seconds that closed since the last call."""
        parts: dict[Timeframe, list[Bars]] = {}
        for timeframe, bars in self._told:
            parts.setdefault(timeframe, []).append(bars)
        self._told, self._told_count = [], 0
        return {timeframe: Bars.joined(some) for timeframe, some in parts.items()}

    # --- checkpoints -------------------------------------------------------------------------------

    def checkpoint(self, count: int) -> dict[str, NDArray[Any]]:
        self._settle_days()
        arrays = self._kept.checkpoint(count)
        parts: list[tuple[str, Mapping[str, NDArray[Any]]]] = [
            ("program", self.program.checkpoint(count)),
            ("feed", self._feed.checkpoint(count)),
            ("fields", self._sampler.checkpoint(count) if self.wants_minutes else {}),
        ]
        for prefix, own in parts:
            arrays |= {f"{prefix}.{name}": array for name, array in own.items()}
        meta = {
            "plans": {uid: plan_form(plan) for uid, plan in self._plans.items()},
            "results": {uid: inputs_form(found.items()) for uid, found in self._results.items()},
            "rejected": self.rejected,
        }
        arrays["meta"] = np.frombuffer(json.dumps(meta).encode(), np.uint8)
        return arrays

    def restore(self, arrays: Mapping[str, NDArray[Any]], state: TickState) -> None:  # noqa: ARG002 — see grow
        try:
            meta = json.loads(np.asarray(arrays["meta"], np.uint8).tobytes())
            self._kept.restore(arrays)
            self._plans = {uid: plan_of(form) for uid, form in meta["plans"].items()}
            self._of_ticks = {uid for uid, plan in self._plans.items() if TICK in plan.timeframes}
            self._results = {uid: dict(inputs_of(form)) for uid, form in meta["results"].items()}
            self.rejected = meta["rejected"]
            self.program.grow(self._rows)
            self.program.restore(_part(arrays, "program"))
            self._feed.use(self.program.timeframes)
            self._feed.restore(_part(arrays, "feed"))
            self._use_fields()
            if self.wants_minutes:
                self._sampler.restore(_part(arrays, "fields"))
        except (KeyError, ValueError, UserError) as error:
            message = f"the checkpoint's series do not fit this program: {error}"
            raise CheckpointError(message) from error

    def split(self, arrays: Mapping[str, NDArray[Any]], rows: Ints, count: int) -> dict[str, NDArray[Any]]:
        mine = {name: array for name, array in arrays.items() if not _is_common(name)}
        common = {name: array for name, array in arrays.items() if _is_common(name)}
        return super().split(mine, rows, count) | common

    def merge(
        self, parts: Sequence[Mapping[str, NDArray[Any]]], order: Ints, counts: Sequence[int]
    ) -> dict[str, NDArray[Any]]:
        names = {name for name in parts[0] if _is_common(name) and not name.endswith((".end", ".past"))}
        if any(part.keys() != parts[0].keys() for part in parts) or any(
            not np.array_equal(part[name], parts[0][name]) for part in parts for name in names
        ):
            message = "series: the neighbours do not watch the same"
            raise CheckpointError(message)
        room = max(part["shelf.start"].shape[1] for part in parts)
        # a state grows with what its own rows need
        widths = {name: max(part[name].shape[1] for part in parts) for name in parts[0] if name.endswith(".state")}
        widths |= dict.fromkeys(_SHELF, room)
        mine = [
            {
                name: _wide(array, widths[name]) if name in widths else array
                for name, array in part.items()
                if not _is_common(name)
            }
            for part in parts
        ]
        return super().merge(mine, order, counts) | {n: a for n, a in parts[0].items() if _is_common(n)}


def _contiguous(bars: ClosedBars) -> ClosedBars:
    """The kernels take one layout only."""
    rows, start, trades = (np.ascontiguousarray(column) for column in (bars.rows, bars.start, bars.trades))
    return ClosedBars(rows, start, trades, np.ascontiguousarray(bars.values))


_SHELF = {"shelf.start", "shelf.values"}


def _wide(array: NDArray[Any], room: int) -> NDArray[Any]:
    return np.pad(array, ((0, 0), (0, room - array.shape[1]), *((0, 0),) * (array.ndim - 2)))


def _is_common(name: str) -> bool:
    """True for arrays whose first axis is not the row."""
    return name == "meta" or name.endswith((".nodes", ".end", ".past"))


def _part(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {name[len(prefix) + 1 :]: array for name, array in arrays.items() if name.startswith(f"{prefix}.")}
