"""All armed rules: an operator behind the engine's own.

A rule's series run in the engine's program with everybody else's; at each closed bar, tick or instant of its timing
its truth is evaluated and its clauses decide (policy.py). Commands of the log: `arm_rule` (with the rule's JSON,
resolved watchlists and screens), `disarm`. A rule that cannot be evaluated here is rejected with a reason.

Everything follows from the log: which rules there are, what they saw, when they fired.
"""

import heapq
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from marketbell.core.engine import kernel as ek
from marketbell.core.engine.bars import Bars, Floats, Ints
from marketbell.core.engine.beyond import cut
from marketbell.core.engine.chains import Chains
from marketbell.core.engine.expected import Lack
from marketbell.core.engine.operators import FAR, ClosedBars, Operator, TickState
from marketbell.core.engine.outputs import RuleFiring
from marketbell.core.engine.priming import Primed
from marketbell.core.engine.series import Series
from marketbell.core.engine.universes import Universes
from marketbell.core.fundamentals.published import facts_in
from marketbell.core.language.plan import Input, Plan
from marketbell.core.language.schedule import parse as parse_cron
from marketbell.core.language.tree import Symbol
from marketbell.core.market.session import MINUTE, SECOND
from marketbell.core.market.timeframe import TICK, Timeframe
from marketbell.core.primitives.errors import CheckpointError, UserError
from marketbell.core.rules import policy_kernel as k
from marketbell.core.rules.armed import Armed, armed, as_json, scope_rows
from marketbell.core.rules.far import Far, reads_others
from marketbell.core.rules.group import Group, Hit, Member, Moment
from marketbell.core.rules.policy import Phase
from marketbell.core.rules.shapes import Shapes, watch_name

_DAY_MINUTES = 1_440
_HOLDINGS = ("holding", "pledged")
CHAIN = "chain"
"""The news that an option chain is."""


class _Place(NamedTuple):
    """A group: its timing, and whether its rules read other instruments."""

    timing: Timeframe
    is_far: bool


@dataclass(slots=True)
class _Watch:
    """Series that are computed for rules: how many, and of those at ticks how many read each row's."""

    rules: int
    counts: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class RuleStatus:
    """Where a rule stands on an instrument. Times in ns UTC, None where there is none.

    `state` is idle, pending, firing, recovering, unknown, suppressed (its cooldown runs), done or expired. `values`,
    `previous`, `as_of`, `origins` are those of the newest evaluation, as in RuleFiring.
    """

    state: str
    truth: bool | None
    since: int | None
    until: int | None
    reason: str
    values: Mapping[str, float]
    previous: Mapping[str, float]
    as_of: Mapping[str, int]
    origins: Mapping[str, tuple[int, str]]


class RuleBook(Operator):
    """See the module's docstring."""

    name = "rules"

    def __init__(self, series: Series) -> None:
        self._series = series
        series.listen(self._heard, self._past)
        self._armed: dict[str, Armed] = {}
        self._known: dict[str, int] = {}
        self._shapes = Shapes()
        self._watches: dict[str, _Watch] = {}
        self._order: dict[str, int] | None = None
        """Uids with their numbers in order; None: not since rules came or left."""
        self._texts: dict[str, NDArray[np.uint8]] = {}
        """What a checkpoint holds of the rules, as far as it is what it was."""
        self._groups: dict[_Place, Group] = {}
        self._homes: dict[str, _Place] = {}
        self._far_rows: dict[str, Ints] = {}
        self._timed: dict[str, Armed] = {}
        """Rules that are evaluated at instants, by uid: schedules and news."""
        self._wanted: frozenset[tuple[str, str]] | None = None
        """Schedules and zones that they wait for; None: not known yet."""
        self._chained: dict[str, frozenset[int]] | None = None
        """By timing the rows whose option chains are evaluations of something; None: not known yet."""
        self._keys: list[str] = []
        self._row_of: dict[str, int] = {}
        self._universes = Universes(())
        self._far = Far(self._row)
        self._state: TickState | None = None
        self._firings: list[RuleFiring] = []
        self._rejected: list[tuple[str, str]] = []
        self._combined = 0
        """The clock at which what reads other instruments was evaluated last."""
        self._floor = 0
        """Schedules begin behind this time of the log."""
        self._next: dict[tuple[str, str], int] = {}
        self._news: list[tuple[int, str, int]] = []
        """Publications to come: time, kind, instrument id."""
        self._offsets: dict[tuple[str, int], int] = {}

    # --- rules -------------------------------------------------------------------------------------

    @property
    def rules(self) -> Mapping[str, Armed]:
        """What is armed, by uid."""
        return self._armed

    def version(self, uid: str) -> int:
        """Newest version of a rule that was heard of, -1 where none was."""
        return self._known.get(uid, -1)

    def command(self, payload: Mapping[str, Any], state: TickState) -> None:
        self._state = state
        kind = payload.get("type")
        if kind == "arm_rule":
            self._arm(payload, state)
        elif kind == "disarm":
            self._forget(str(payload["rule_uid"]), int(payload["version"]))
        elif kind in {"arm_level", "move_level"} and str(payload["rule_uid"]) in self._armed:
            self._forget(str(payload["rule_uid"]), int(payload["version"]) - 1)

    def _forget(self, uid: str, version: int) -> None:
        if uid not in self._known or version < self._known[uid]:
            return  # a level's, or an older one's
        self._known[uid] = version
        self._texts.pop("known", None)
        self._drop(uid)

    def _drop(self, uid: str) -> None:
        rule = self._armed.pop(uid, None)
        if rule is None:
            return
        place = self._homes.pop(uid)
        if self._timed.pop(uid, None):
            self._wanted = self._chained = None
        rows = self._groups[place].members[uid].rows
        self._groups[place].drop(uid)
        if not self._groups[place].members:
            del self._groups[place]
        self._order, self._texts = None, {}
        self._unwatch(rule, place, rows)
        if place.is_far:
            self._far_rows.pop(uid, None)
            self._far_anew()

    def _arm(self, payload: Mapping[str, Any], state: TickState) -> None:
        uid, version = str(payload["rule_uid"]), int(payload["version"])
        if version <= self._known.get(uid, -1):
            return
        self._known[uid] = version
        self._texts.pop("known", None)
        self._drop(uid)
        now = _now(state)
        try:
            self._enter(self._read_command(payload, state), state, now)
        except UserError as error:
            self._rejected.append((uid, error.message))
            return
        self._floor = max(self._floor, now)
        if self._homes[uid].is_far:
            pieces = cut(self._armed[uid].cut.plan)
            self._far.prime(pieces.far, self._series.kept(watch_name(pieces.near), state), np.arange(state.count))

    def _read_command(self, payload: Mapping[str, Any], state: TickState) -> Armed:
        """The rule of a command. UserError where it cannot be evaluated here."""
        rule = armed(payload, self._key, self._shapes)
        if reads_others(rule.cut.whole) and not state.is_whole:
            raise UserError("a rule that reads other instruments needs the whole market in one stream process")
        if rule.schedule:
            parse_cron(rule.schedule)
        return rule

    def _enter(self, rule: Armed, state: TickState, now: int, *, is_strict: bool = True) -> None:
        """Begin to compute and to evaluate a rule at `now`, ns UTC.

        `is_strict`: a universe without instruments here is an error.
        """
        is_strict = is_strict and state.is_whole
        rows = scope_rows(rule, self._universes, self._row_of, now, is_strict=is_strict)
        is_far = reads_others(rule.cut.whole)
        timing = rule.timing
        place_of: Mapping[str, Input] = {}
        if is_far:
            near = cut(rule.cut.plan).near
            self._watch(watch_name(near), near, None, state)
        else:
            self._watch(rule.watch, rule.cut.plan, rows if timing == TICK else None, state)
            place_of = {name: self._series.result(rule.watch, name) for name, _ in rule.cut.plan.results}
        self._order, self._texts = None, {}
        place = _Place(timing, is_far)
        group = self._groups.get(place)
        if group is None:
            group = self._groups[place] = Group(timing, len(self._keys))
        self._armed[rule.uid], self._homes[rule.uid] = rule, place
        if rule.schedule or rule.update:
            self._timed[rule.uid], self._wanted, self._chained = rule, None, None
        if is_far:
            self._far_rows[rule.uid] = rows
            self._far_anew()
        else:
            group.add(rule, rows, place_of)

    def _far_anew(self) -> None:
        """Lay the far program out in the order of the rules' uids, with the state that it has.

        What it looks like must follow from the rules that there are, not from the order of their arming.
        """
        old, self._far = self._far, Far(self._row)
        self._far.use(len(self._keys), self._universes)
        for uid in sorted(uid for uid, place in self._homes.items() if place.is_far):
            rule = self._armed[uid]
            pieces = cut(rule.cut.plan)
            watch = watch_name(pieces.near)
            near = {name: self._series.result(watch, name) for name, _ in pieces.near.results}
            place_of = self._far.add(pieces.far, pieces.near, near)
            group = self._groups[self._homes[uid]]
            if uid not in group.members:
                group.add(rule, self._far_rows[uid], place_of, moves=True)
            else:
                group.place(uid, place_of)
        self._far.adopt(old)

    def _watch(self, uid: str, plan: Plan, rows: Ints | None, state: TickState) -> None:
        """Compute a plan for one rule more; `rows`: those whose ticks it reads, if any."""
        watch = self._watches.get(uid)
        if watch is None:
            watch = _Watch(0, np.zeros(len(self._keys), np.int32))
        is_new = rows is not None and not watch.counts[rows].all()
        if rows is not None:
            watch.counts[rows] += 1
        scope = None if rows is None else watch.counts > 0
        if uid not in self._series.watches:  # else by a neighbour of equal series, or from a checkpoint
            self._series.watch(uid, plan, state, scope)
        elif scope is not None and (is_new or not watch.rules):
            self._series.set_scope(uid, scope)
        watch.rules += 1
        self._watches[uid] = watch

    def _unwatch(self, rule: Armed, place: _Place, rows: Ints) -> None:
        """One rule less reads its series."""
        uid = watch_name(cut(rule.cut.plan).near) if place.is_far else rule.watch
        watch = self._watches[uid]
        watch.rules -= 1
        if not watch.rules:
            del self._watches[uid]
            self._series.unwatch(uid)
        elif place.timing == TICK and not place.is_far:
            watch.counts[rows] -= 1
            if not watch.counts[rows].all():
                self._series.set_scope(uid, watch.counts > 0)

    def _row(self, key: str) -> int | None:
        return self._row_of.get(key)

    def _key(self, symbol: Symbol) -> str:
        if symbol.venue:
            return symbol.key
        return next((key for key in self._keys if key.partition(":")[2] == symbol.name), symbol.name)

    # --- the engine's calls ------------------------------------------------------------------------

    def grow(self, state: TickState) -> None:
        self._state = state
        self._keys = [one.key for one in state.instruments]
        self._row_of = {key: row for row, key in enumerate(self._keys)}
        self._universes = Universes(state.instruments)
        self._wanted = self._chained = None
        if not self._armed:
            return
        # who a rule is about may have changed with the instruments: lay the groups out anew, with their state
        arrays = self.checkpoint(state.count)
        known = {uid: rule for uid, rule in self._armed.items() if rule.is_fixed}
        self._lay_out([known.get(uid) or self._armed[uid].command for uid in self._sorted()], arrays, state)

    def closed(self, minutes: ClosedBars, days: ClosedBars, state: TickState) -> None:  # noqa: ARG002 — time went on
        self._state = state
        if not self._groups:
            return
        if state.clock > self._combined:  # only when the clock moves: not wherever the log is cut
            self._combined = state.clock
            self._combine(state.clock - state.late)
            self._settle(state, state.clock - state.late)

    def finish(self, state: TickState) -> None:
        self._state = state
        self._combine(FAR)
        self._settle(state, ek.NEVER)

    def _combine(self, limit: int) -> None:
        if not self._far.is_used:
            return
        bars, values = self._far.complete(limit)
        self._evaluate(bars, values, is_far=True)

    def _settle(self, state: TickState, clock: int) -> None:
        groups = [(place, group) for place, group in self._groups.items() if group.needs_close]
        if not groups:
            return
        own = state.I[: state.count]
        until = np.maximum(np.where(own[:, ek.I_SEALED] == 1, own[:, ek.I_CLOSE], ek.NEVER), clock)
        for place, group in groups:
            self._note(group.settle(until), place)

    def _heard(self, bars: Mapping[Timeframe, Bars], values: Mapping[int, Floats]) -> None:
        if not self._groups:
            return
        self._evaluate(bars, values, is_far=False)
        if self._far.is_used:
            self._far.take(bars, values)

    def _past(self, primed: Primed) -> None:
        """Series got their past from stored bars: what is made of them across instruments gets it too."""
        for uid in sorted(uid for uid, place in self._homes.items() if place.is_far):
            pieces = cut(self._armed[uid].cut.plan)
            bars = primed.columns(watch_name(pieces.near))
            if bars:
                self._far.prime(pieces.far, bars, primed.rows)

    def _evaluate(self, bars: Mapping[Timeframe, Bars], values: Mapping[int, Floats], *, is_far: bool) -> None:
        for timeframe in sorted(bars, key=lambda one: one.rank):
            place = _Place(timeframe, is_far)
            group = self._groups.get(place)
            if group is not None:
                own = bars[timeframe]
                self._note(group.evaluate(own, values, self._moment(group, own)), place)

    def _moment(self, group: Group, bars: Bars) -> Moment:
        minute = np.zeros(len(bars), np.int64)
        close = np.full(len(bars), FAR)
        state = self._state
        if state is None:
            return Moment(minute, close)
        if group.needs_minute:
            minute = (bars.end + self._offsets_at(bars, state)) // MINUTE % _DAY_MINUTES
        if group.needs_close:
            at = self._series.sessions.find(bars.rows, bars.session_open)
            close = np.where(at >= 0, state.closes[np.maximum(at, 0)] if len(state.closes) else FAR, FAR)
        return Moment(minute, close)

    def _offsets_at(self, bars: Bars, state: TickState) -> Ints:
        """How far the local clock is ahead of UTC, ns, in each bar's session."""
        calendars = [state.instruments[row].calendar for row in bars.rows.tolist()]
        out = np.empty(len(bars), np.int64)
        for at, (calendar, opened) in enumerate(zip(calendars, bars.session_open.tolist(), strict=True)):
            known = self._offsets.get((calendar, opened))
            if known is None:
                zone = ZoneInfo(state.zones.get(calendar, "UTC"))
                shift = datetime.fromtimestamp(opened // SECOND, zone).utcoffset()
                known = self._offsets[calendar, opened] = int(shift.total_seconds()) * SECOND if shift else 0
            out[at] = known
        return out

    # --- instants ----------------------------------------------------------------------------------

    def next_instant(self, after: int) -> int:
        while self._news and self._news[0][0] <= after:
            heapq.heappop(self._news)  # published before the log began: it is known, and no news
        found = self._news[0][0] if self._news else FAR
        if self._wanted is None:
            pairs = (self._pairs(rule) for rule in self._timed.values() if rule.schedule)
            self._wanted = frozenset().union(*pairs)
            for gone in self._next.keys() - self._wanted:
                del self._next[gone]
        wanted = self._wanted
        behind = max(after, self._floor)
        for pair in wanted:
            if self._next.get(pair, ek.NEVER) <= behind:
                self._next[pair] = parse_cron(pair[0]).next(behind, pair[1]) or FAR
            found = min(found, self._next[pair])
        return found

    def _pairs(self, rule: Armed) -> set[tuple[str, str]]:
        """Schedule and zone of each calendar that a rule's instruments have."""
        state = self._state
        if state is None:
            return set()
        member = self._member(rule.uid)
        calendars = {state.instruments[row].calendar for row in member.rows.tolist()}
        return {(rule.schedule, state.zones.get(calendar, "UTC")) for calendar in calendars}

    def instant(self, time: int, state: TickState) -> None:
        self._state = state
        for (schedule, zone), when in sorted(self._next.items()):
            if when != time:
                continue
            rows = self._rows_of(lambda rule, schedule=schedule: rule.schedule == schedule, state, zone)
            self._read(Timeframe(f"schedule {schedule}"), rows, time, state)
        kinds: dict[str, set[int]] = {}
        while self._news and self._news[0][0] <= time:
            _, kind, ident = heapq.heappop(self._news)
            kinds.setdefault(kind, set()).add(ident)
        for kind, idents in sorted(kinds.items()):
            self._tell_news(kind, idents, time, state)

    def reference(self, payload: Mapping[str, Any], state: TickState) -> None:
        """Facts are news from their publication on: at once, or when the log comes to it."""
        self._state = state
        if payload.get("type") != "fundamentals":
            return
        now = _now(state)
        fresh: dict[str, set[int]] = {}
        for item in payload.get("items", ()):
            ident = int(item["instrument_id"])
            for fact in facts_in(item):
                kind = "shareholding" if any(word in fact.name for word in _HOLDINGS) else "fundamentals"
                if fact.published_at > now:
                    heapq.heappush(self._news, (fact.published_at, kind, ident))
                elif now:
                    fresh.setdefault(kind, set()).add(ident)
        for kind, idents in sorted(fresh.items()):
            self._tell_news(kind, idents, now, state)

    def chain_came(self, row: int, words: Sequence[str], time: int, state: TickState) -> None:
        self._state = state
        if self._chained is None:
            timings = {rule.timing for rule in self._timed.values() if rule.update == CHAIN}
            self._chained = {
                str(timing): frozenset(self._rows_of(lambda rule, of=timing: rule.timing == of, state).tolist())
                for timing in timings
            }
        for timing in (f"update {CHAIN}", *(f"update {CHAIN} {word}" for word in words)):
            if row in self._chained.get(timing, ()):
                self._read(Timeframe(timing), np.array([row], np.int64), time, state)

    def _tell_news(self, kind: str, idents: set[int], time: int, state: TickState) -> None:
        rows = self._rows_of(lambda rule: rule.update == kind, state)
        mine = np.array([int(state.instruments[row].instrument_id) in idents for row in rows.tolist()], np.bool_)
        self._read(Timeframe(f"update {kind}"), rows[mine] if len(rows) else rows, time, state)

    def _rows_of(self, wants: Any, state: TickState, zone: str = "") -> Ints:
        """Rows of all rules of a kind; of rules that read others, all rows."""
        rows = np.zeros(state.count, np.bool_)
        for uid, rule in self._timed.items():
            if wants(rule):
                rows[slice(None) if self._homes[uid].is_far else self._member(uid).rows] = True
        if zone:
            zones = np.array([state.zones.get(one.calendar, "UTC") == zone for one in state.instruments], np.bool_)
            rows &= zones
        return np.flatnonzero(rows)

    def _read(self, timeframe: Timeframe, rows: Ints, time: int, state: TickState) -> None:
        if len(rows):
            self._series.read_instant(timeframe, rows, time, state)

    # --- what came of it ---------------------------------------------------------------------------

    def _note(self, hits: Sequence[Hit], place: _Place) -> None:
        state = self._state
        if state is None:
            return
        for hit in hits:
            rule = hit.member.armed
            values, previous = self._parts(self._groups[place], hit.member, hit.values, hit.own)
            command = rule.command
            self._firings.append(
                RuleFiring(
                    rule_uid=rule.uid,
                    version=rule.version,
                    rule=str(command.get("rule", "")),
                    owner_id=str(command.get("owner_id", "")),
                    instrument_id=int(state.instruments[hit.row].instrument_id),
                    key=self._keys[hit.row],
                    event_time=hit.time,
                    nth=hit.nth,
                    definition_hash=str(command.get("definition_hash", "")),
                    notify=tuple(command.get("notify") or ()),
                    event="exit" if hit.is_exit else "enter",
                    suppressed="cooldown" if hit.is_suppressed else "",
                    values=values,
                    previous=previous,
                    as_of=_as_of(hit.member, hit.values) | {str(place.timing): hit.time},
                    payload=dict(command),
                    origins=self._origins(rule, hit.row, hit.time),
                )
            )

    def _origins(self, rule: Armed, row: int, time: int) -> dict[str, tuple[int, str]]:
        """Where what a rule reads of option chains and futures at a time came from."""
        state = self._state
        if state is None or not rule.chain_fields:
            return {}
        chains = next(one for one in self._series.operators if isinstance(one, Chains))
        told = {name: chains.origin(row, name, time, state) for name in rule.chain_fields}
        return {name: found for name, found in told.items() if found is not None}

    @staticmethod
    def _parts(
        group: Group, member: Member, values: Mapping[int, float], own: Sequence[float]
    ) -> tuple[dict[str, float], dict[str, float]]:
        now, previous = group.parts(member, values)
        for place, at in member.own_places.items():
            if at < len(own):
                previous[place] = own[at]
        return now, previous

    def take_firings(self) -> list[RuleFiring]:
        found, self._firings = self._firings, []
        return found

    def take_rejected(self) -> list[tuple[str, str]]:
        found, self._rejected = self._rejected, []
        return found

    # --- why, and why not --------------------------------------------------------------------------

    def _member(self, uid: str) -> Member:
        return self._groups[self._homes[uid]].members[uid]

    def rows(self, uid: str) -> Ints:
        """Rows of the instruments that a rule is about. KeyError for a rule that is not armed."""
        return self._member(uid).rows

    def status(self, uid: str, row: int) -> RuleStatus:
        """Where a rule stands on the instrument of a row. KeyError where it is not armed, or not about it."""
        place = self._homes[uid]
        group, member = self._groups[place], self._member(uid)
        if member.pair(row) < 0:
            raise KeyError(uid)
        byte, record = group.state(member, row)
        columns = self._newest(place, member, row)
        own = group.record_f[int(group.recs[member.pair(row)])].tolist() if record and member.own else ()
        values, previous = self._parts(group, member, columns, own)
        state = self._state
        now = _now(state) if state is not None else 0
        policy, phase = member.armed.policy, Phase(byte >> k.PHASE)
        told, since, until, reason = phase.name.lower(), None, None, ""
        if phase is Phase.PENDING:
            since, until, reason = record["since"], record["since"] + policy.hold, "hold"
        elif byte & k.UNKNOWN:
            told = "unknown"
        fired = record.get("fired", k.NEVER) if record else k.NEVER
        if fired != k.NEVER and phase is not Phase.PENDING:
            since = fired
            if policy.cooldown and now - fired < policy.cooldown:
                told, until, reason = "suppressed", fired + policy.cooldown, "cooldown"
            elif phase in {Phase.FIRING, Phase.RECOVERING} and policy.after:
                until, reason = fired + policy.after, "rearm"
        truth = {1: False, 2: True}.get(byte & k.TRUTH) if not byte & k.UNKNOWN else None
        as_of, origins = _as_of(member, columns), self._origins(member.armed, row, FAR)
        return RuleStatus(told, truth, since, until, reason, values, previous, as_of, origins)

    def lack(self, uid: str, columns: Collection[str], row: int, now: int) -> Lack | None:
        """What the named series of a rule (as in its cut) still lack on a row at `now` (ns UTC). KeyError: not armed.

        Of what reads other instruments first what its own instrument's series lack.
        """
        rule = self._armed[uid]
        if not self._homes[uid].is_far:
            return self._series.lack(rule.watch, columns, row, now)
        near = cut(rule.cut.plan).near
        found = self._series.lack(watch_name(near), [name for name, _ in near.results], row, now)
        return (
            found
            if found is not None
            else self._far.lack(cut(rule.cut.plan).far, columns, row, self._series.sessions, now)
        )

    def _newest(self, place: _Place, member: Member, row: int) -> dict[int, float]:
        """The newest values of the columns that a rule reads, by column."""
        program = self._far.program if place.is_far else self._series.program
        at = np.array([row])
        columns = self._groups[place].columns
        return {column: float(program.values(columns[column], at)[0]) for column in member.inputs}

    # --- checkpoints -------------------------------------------------------------------------------

    def checkpoint(self, count: int) -> dict[str, NDArray[Any]]:
        numbers = self._sorted()
        places = sorted(self._groups, key=lambda one: (one.timing.rank, one.is_far))
        arrays: dict[str, NDArray[Any]] = {}
        for at, place in enumerate(places):
            mine = self._groups[place].checkpoint(numbers)
            arrays.update({f"{at}.{name}": array for name, array in mine.items()})
        if self._far.is_used:
            arrays.update({f"far.{name}": array for name, array in self._far.checkpoint(count).items()})
        meta = {
            "places": [[str(place.timing), place.is_far] for place in places],
            "floor": self._floor,
            "combined": self._combined,
            "news": sorted(self._news),
            "joint": sorted(self._far_rows),
        }
        arrays["meta"] = _written(meta)
        # shared with the checkpoints behind it, until a rule comes or leaves
        if "commands" not in self._texts:
            texts = b",".join(self._armed[uid].text for uid in numbers)
            self._texts["commands"] = np.frombuffer(b"[" + texts + b"]", np.uint8)
        if "known" not in self._texts:
            self._texts["known"] = _written(self._known)
        return arrays | self._texts

    def _sorted(self) -> Mapping[str, int]:
        """The rules' uids in order, with their numbers."""
        if self._order is None:
            self._order = {uid: number for number, uid in enumerate(sorted(self._armed))}
        return self._order

    def restore(self, arrays: Mapping[str, NDArray[Any]], state: TickState) -> None:
        self._state = state
        if "meta" not in arrays:  # of a program that had no rules yet
            return
        meta = _meta(arrays)
        self._known = {uid: int(version) for uid, version in _read(arrays, "known").items()}
        self._floor, self._combined = int(meta["floor"]), int(meta["combined"])
        self._news = [(int(time), str(kind), int(ident)) for time, kind, ident in meta["news"]]
        heapq.heapify(self._news)
        self._lay_out(_commands(arrays), arrays, state)

    def _lay_out(
        self, rules: Sequence[Armed | Mapping[str, Any]], arrays: Mapping[str, NDArray[Any]], state: TickState
    ) -> None:
        """Groups and far program anew from rules or their commands, in order, with the state that `arrays` has."""
        meta = _meta(arrays)
        self._armed, self._groups, self._homes, self._far_rows = {}, {}, {}, {}
        self._timed, self._wanted, self._chained, self._watches = {}, None, None, {}
        self._order, self._texts = None, {}
        self._far = Far(self._row)
        numbers: dict[str, int] = {}
        now = _now(state)
        for number, one in enumerate(rules):
            uid = one.uid if isinstance(one, Armed) else str(one["rule_uid"])
            numbers[uid] = number
            try:
                rule = one if isinstance(one, Armed) else armed(one, self._key, self._shapes)
                self._enter(rule, state, now, is_strict=False)
            except UserError as error:
                self._rejected.append((uid, error.message))
        for uid in [uid for uid in self._series.watches if uid.startswith("rules:") and uid not in self._watches]:
            self._series.unwatch(uid)
        for at, (timing, is_far) in enumerate(meta["places"]):
            group = self._groups.get(_Place(Timeframe.parse(timing), bool(is_far)))
            if group is not None:
                group.restore(_part(arrays, str(at)), {uid: n for uid, n in numbers.items() if uid in group.members})
        far = _part(arrays, "far")
        if far and self._far.is_used:
            self._far.restore(far)

    def split(self, arrays: Mapping[str, NDArray[Any]], rows: Ints, count: int) -> dict[str, NDArray[Any]]:
        """Pairs go with their rows; every part knows every rule. What reads others ends with the whole."""
        new_row = np.full(count, -1, np.int64)
        new_row[rows] = np.arange(len(rows))
        if "meta" not in arrays:
            return {}
        meta, commands = _meta(arrays), _commands(arrays)
        uids = [str(command["rule_uid"]) for command in commands]
        stays = [at for at, uid in enumerate(uids) if uid not in set(meta["joint"])]
        number = np.full(len(uids), -1, np.int64)
        number[stays] = np.arange(len(stays))
        out: dict[str, NDArray[Any]] = {}
        places = [at for at, (_, is_far) in enumerate(meta["places"]) if not is_far]
        for new, at in enumerate(places):
            own = _part(arrays, str(at))
            kept = _kept(own, new_row[own["row"]] >= 0, new_row)
            kept["rule"] = number[kept["rule"]]
            out.update({f"{new}.{name}": array for name, array in kept.items()})
        left = meta | {
            "places": [meta["places"][at] for at in places],
            "joint": [],
        }
        out["meta"], out["known"] = _written(left), arrays["known"]
        out["commands"] = _written([commands[at] for at in stays])
        return out

    def merge(
        self, parts: Sequence[Mapping[str, NDArray[Any]]], order: Ints, counts: Sequence[int]
    ) -> dict[str, NDArray[Any]]:
        """Pairs of all parts; they know the same rules, for the same log told them."""
        metas = [_meta(part) for part in parts]
        commands = _commands(parts[0])
        if any(_commands(part) != commands for part in parts):
            message = "rules: the neighbours do not have the same rules"
            raise CheckpointError(message)
        new_row = np.empty(len(order), np.int64)
        new_row[order] = np.arange(len(order))
        places = sorted(
            {(str(timing), bool(is_far)) for meta in metas for timing, is_far in meta["places"]},
            key=lambda one: (Timeframe.parse(one[0]).rank, one[1]),
        )
        out: dict[str, NDArray[Any]] = {}
        for at, place in enumerate(places):
            pieces, before = [], 0
            for part, meta, count in zip(parts, metas, counts, strict=True):
                where = [(str(timing), bool(is_far)) for timing, is_far in meta["places"]]
                if place in where:
                    own = _part(part, str(where.index(place)))
                    everything = np.ones(len(own["row"]), np.bool_)
                    pieces.append(_kept(own, everything, new_row[before : before + count]))
                before += count
            out.update({f"{at}.{name}": array for name, array in _joined(pieces).items()})
        if len(parts) == 1:
            out.update({name: array for name, array in parts[0].items() if name.startswith("far.")})
        known: dict[str, int] = {}
        for part in parts:
            for uid, version in _read(part, "known").items():
                known[uid] = max(version, known.get(uid, version))
        meta = metas[0] | {
            "places": [list(place) for place in places],
            "floor": max(one["floor"] for one in metas),
            "combined": max(one["combined"] for one in metas),
            "news": sorted({tuple(entry) for one in metas for entry in one["news"]}),
        }
        out["meta"], out["known"], out["commands"] = _written(meta), _written(known), _written(commands)
        return out


def _now(state: TickState) -> int:
    """Where the log stands: its clock, or its newest tick."""
    newest = int(state.I[: state.count, ek.I_NEWEST].max(initial=0)) if state.count else 0
    return max(state.clock, newest, 0)


def _as_of(member: Member, values: Mapping[int, float]) -> dict[str, int]:
    """Ends of the bars that were read, by timeframe; float64 holds whole seconds in ns exactly."""
    found = {}
    for timeframe, column in member.end_columns.items():
        value = values.get(column, np.nan)
        if np.isfinite(value):
            found[str(timeframe)] = int(value)
    return found


def _meta(arrays: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    found: dict[str, Any] = _read(arrays, "meta")
    return found


def _commands(arrays: Mapping[str, NDArray[Any]]) -> list[dict[str, Any]]:
    """The commands of the rules, in the order of their uids."""
    found: list[dict[str, Any]] = _read(arrays, "commands")
    return found


def _written(value: Any) -> NDArray[np.uint8]:
    """JSON as a checkpoint holds it."""
    return np.frombuffer(as_json(value).encode(), np.uint8)


def _read(arrays: Mapping[str, NDArray[Any]], name: str) -> Any:
    try:
        return json.loads(np.asarray(arrays[name], np.uint8).tobytes())
    except (KeyError, ValueError) as error:
        message = f"the checkpoint's rules cannot be read: {error}"
        raise CheckpointError(message) from error


def _part(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {name[len(prefix) + 1 :]: array for name, array in arrays.items() if name.startswith(f"{prefix}.")}


def _kept(own: Mapping[str, NDArray[Any]], kept: NDArray[np.bool_], new_row: Ints) -> dict[str, NDArray[Any]]:
    """These pairs of a group, with other row numbers, and their records, numbered anew."""
    rec = np.asarray(own["rec"])[kept]
    has = rec >= 0
    row = new_row[own["row"][kept]]
    records = own["records"][rec[has]].copy()
    records[:, k.Q_ROW] = row[has]
    return {
        "rule": own["rule"][kept],
        "row": row,
        "flags": own["flags"][kept],
        "rec": np.where(has, np.cumsum(has) - 1, -1),
        "records": records,
        "record_f": own["record_f"][rec[has]].copy(),
    }


def _joined(pieces: Sequence[Mapping[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    """Pairs of all pieces in the order of rule and row."""
    width = max(piece["record_f"].shape[1] for piece in pieces)
    recs, before = [], 0
    for piece in pieces:
        rec = np.asarray(piece["rec"])
        recs.append(np.where(rec >= 0, rec + before, -1))
        before += len(piece["records"])
    whole = {name: np.concatenate([piece[name] for piece in pieces]) for name in ("rule", "row", "flags", "records")}
    whole["record_f"] = np.concatenate(
        [
            np.pad(piece["record_f"], ((0, 0), (0, width - piece["record_f"].shape[1])), constant_values=np.nan)
            for piece in pieces
        ]
    )
    rec = np.concatenate(recs)
    order = np.lexsort((whole["row"], whole["rule"]))
    rec = rec[order]
    has = rec >= 0
    records, record_f = whole["records"][rec[has]], whole["record_f"][rec[has]]
    return {
        "rule": whole["rule"][order],
        "row": whole["row"][order],
        "flags": whole["flags"][order],
        "rec": np.where(has, np.cumsum(has) - 1, -1),
        "records": records,
        "record_f": record_f,
    }
