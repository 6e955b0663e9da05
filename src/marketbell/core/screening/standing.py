"""Screens that stand: who enters and who leaves, from the log alone.

An operator behind the engine's own. Commands of the log: {"type": "screen", "screen_id", "owner_id", "definition",
"options": {"leave_when": TEXT, "members": {...}, "kinds": [...]}} and {"type": "unscreen", "screen_id"}. Templates
stand always. Screens are read at the first heartbeat of each second of the market's clock: whom a screen has follows
from the log, wherever it was cut. A row for which it cannot be said is no member. With `leave_when` a member stays
while that is false; where that is true or unknown, nobody enters.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketbell.core.engine.operators import ClosedBars, Operator, TickState
from marketbell.core.engine.series import Series
from marketbell.core.engine.universes import Universes
from marketbell.core.language.expression_reader import read_text
from marketbell.core.language.json_form import from_json, to_json
from marketbell.core.language.plan import Node, Op, Plan
from marketbell.core.language.rule_plan import NOW
from marketbell.core.language.tree import Screen, Symbol
from marketbell.core.market.session import SECOND
from marketbell.core.primitives.errors import CheckpointError, UserError
from marketbell.core.screening.compiled import Compiled, compiled
from marketbell.core.screening.fields import EngineFields
from marketbell.core.screening.member_kernel import ENTER
from marketbell.core.screening.members import FRESH, Members, Updates
from marketbell.core.screening.newest import Newest, Who
from marketbell.core.screening.scope import key_in, rows_of
from marketbell.core.screening.templates import TEMPLATES, Template

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_MS = 1_000_000
EVERY = SECOND
"""The market's time between two readings, ns."""


@dataclass(frozen=True, slots=True)
class Delta:
    """What happened to a screen at a moment. `events`: (enter | leave, row); `count` members behind it.

    `updated` are rows of members that stay, and of which a value changed that the screen shows or rests on. They say
    that something is told anew, and are no part of what two equal deltas have in common. `seq` grows with each moment
    at which somebody entered or left: it is that moment in ms, 0 before the first. `at` is the market's time, ns UTC.
    """

    screen_id: str
    owner_id: str
    seq: int
    at: int
    count: int
    events: tuple[tuple[str, int], ...]
    _updates: Updates | None = field(default=None, compare=False, repr=False)
    _number: int = field(default=0, compare=False, repr=False)

    @property
    def updated(self) -> Ints:
        """Rows of members that were told anew, ascending."""
        return np.empty(0, np.int64) if self._updates is None else self._updates.of(self._number)


@dataclass(slots=True)
class _Held:
    """A standing screen: its command, and its newest moment."""

    command: Mapping[str, Any]
    seq: int = 0

    @property
    def owner_id(self) -> str:
        return str(self.command.get("owner_id") or "")


class _Watched:
    """Last closed values of what the screens watch."""

    def __init__(self, series: Series) -> None:
        self._series = series

    def values(self, plan: Plan, universes: Universes) -> Mapping[str, Floats]:  # noqa: ARG002 — see newest.Closed
        """By name, for all rows."""
        uid = _uid(plan)
        return {name: self._series.values(uid, name, is_warm=False) for name, _ in plan.results}


class StandingScreens(Operator):
    """See the module's docstring."""

    name = "screens"

    def __init__(self, series: Series, templates: Sequence[Template] = tuple(TEMPLATES.values())) -> None:
        self._series = series
        self._closed = _Watched(series)
        self._templates = {one.screen_id: _Held(_command(one)) for one in templates}
        self._held: dict[str, _Held] = dict(self._templates)
        self._known: dict[str, tuple[Mapping[str, Any], Compiled, Compiled | None]] = {}
        self._members = Members()
        self._who = Who(())
        self._watches: dict[str, int] = {}
        self._past: dict[str, Floats] = {}
        self._fields: tuple[str, ...] | None = None
        """Registry fields that the screens read; None where it has to be found."""
        self._last = 0
        self._is_new = True
        self._deltas: list[Delta] = []
        self._updated: dict[str, Delta] = {}
        self._rejected: list[tuple[str, str]] = []
        self.problems: dict[str, str] = {}
        """Screens that cannot be evaluated here, and why."""

    # --- screens -----------------------------------------------------------------------------------

    @property
    def screens(self) -> Mapping[str, str]:
        """Ids of what stands, with their owners ('' for templates)."""
        return {screen_id: one.owner_id for screen_id, one in self._held.items()}

    def command(self, payload: Mapping[str, Any], state: TickState) -> None:
        kind = payload.get("type")
        if kind == "screen":
            screen_id = str(payload["screen_id"])
            before = self._held.get(screen_id)
            self._drop(screen_id, state)
            self._held[screen_id] = _Held(dict(payload), 0 if before is None else before.seq)
            self._enter(screen_id, state)
        elif kind == "unscreen" and payload.get("screen_id") not in self._templates:
            screen_id = str(payload["screen_id"])
            self._drop(screen_id, state)
            self._held.pop(screen_id, None)
            self._known.pop(screen_id, None)

    def _drop(self, screen_id: str, state: TickState) -> None:
        self.problems.pop(screen_id, None)
        number = self._members.number(screen_id)
        if number < 0:
            return
        gone = tuple(("leave", row) for row in self._members.rows_in(number).tolist())
        held, one = self._held[screen_id], self._members.screen(number)
        if gone:
            at = max(state.clock, self._last)
            held.seq = at // _MS
            self._deltas.append(Delta(screen_id, held.owner_id, held.seq, at, 0, gone))
        for part in (one.compiled, one.leave):
            if part is not None and part.closed is not None:
                self._unwatch(part.closed)
        self._members.remove(screen_id)
        self._fields = None
        self._members = self._members.tidied()

    def _enter(self, screen_id: str, state: TickState) -> None:
        """Let a screen stand from the next reading on."""
        command = self._held[screen_id].command
        try:
            screen, leave, scope = self._read_command(command, state)
            for part in (screen, leave):
                if part is not None and part.closed is not None:
                    self._watch(part.closed, state)
        except UserError as error:
            self.problems[screen_id] = error.message
            return
        self._members.add(screen_id, screen, scope, leave)
        self._fields = None

    def _read_command(
        self, command: Mapping[str, Any], state: TickState
    ) -> tuple[Compiled, Compiled | None, NDArray[np.bool_]]:
        options = command.get("options") or {}
        screen, leave = self._compiled_of(command)
        for part in (screen, leave):
            if part is not None:
                _judge(part, is_whole=state.is_whole)
        scope = rows_of(
            screen.screen,
            self._who,
            max(state.clock, self._last),
            members=options.get("members") or {},
            kinds=tuple(options.get("kinds") or ()),
            is_strict=False,
        )
        return screen, leave, scope

    def _compiled_of(self, command: Mapping[str, Any]) -> tuple[Compiled, Compiled | None]:
        """A command's screen, and what its members leave at; compiled once where no other symbol is named."""
        screen_id = str(command["screen_id"])
        known = self._known.get(screen_id)
        if known is not None and known[0] is command:
            return known[1], known[2]
        tree = from_json(dict(command["definition"]))
        if not isinstance(tree, Screen):
            raise UserError("an alert is no screen")
        screen, leave = compiled(tree, self._key), None
        leaves_at = (command.get("options") or {}).get("leave_when")
        if leaves_at:
            leave = compiled(Screen(tree.name, tree.screen_uid, read_text(str(leaves_at))), self._key)
        if not any(node.op is Op.FOREIGN for one in (screen, leave) if one is not None for node in one.whole.nodes):
            self._known[screen_id] = (command, screen, leave)
        return screen, leave

    def _key(self, symbol: Symbol) -> str:
        return key_in(symbol, self._who.row_of) or symbol.key

    def _watch(self, plan: Plan, state: TickState) -> None:
        uid = _uid(plan)
        if uid not in self._watches and uid not in self._series.watches:
            self._series.watch(uid, plan, state)
        self._watches[uid] = self._watches.get(uid, 0) + 1

    def _unwatch(self, plan: Plan) -> None:
        uid = _uid(plan)
        self._watches[uid] -= 1
        if not self._watches[uid]:
            del self._watches[uid]
            self._series.unwatch(uid)

    # --- the engine's calls ------------------------------------------------------------------------

    def grow(self, state: TickState) -> None:
        """Who a screen is about may have changed with the instruments: all is laid out anew, members stay."""
        old = self._members
        count = len(self._who.instruments)
        self._who = Who(state.instruments)
        self._lay_out(state)
        for at, one in old.screens:
            number = self._members.number(one.screen_id)
            if number >= 0:
                rows = old.rows_in(at)
                rows = rows[self._members.scope_of(number)[rows]]
                self._members.let_in(np.full(len(rows), number), rows)
        more = state.count - count
        if more > 0:
            self._past = {name: np.concatenate([kept, np.full(more, np.nan)]) for name, kept in self._past.items()}

    def _lay_out(self, state: TickState) -> None:
        self._members = Members(state.count)
        self._watches = {}
        for screen_id in self._held:
            self._enter(screen_id, state)
        self._is_new = True

    def closed(self, minutes: ClosedBars, days: ClosedBars, state: TickState) -> None:  # noqa: ARG002 — time went on
        if len(self._members) + len(self.problems) < len(self._held):
            self._lay_out(state)  # without instruments nothing grew; neighbours must watch the same all the same
        if state.clock // EVERY > self._last // EVERY and len(self._members):
            self._read(state)
        self._last = max(self._last, state.clock)

    def _read(self, state: TickState) -> None:
        """Read all screens at the market's time."""
        now = state.clock
        found = self._values(state, now)
        rows = np.arange(state.count)
        changes = self._members.take(rows, found, is_all=self._is_new)
        moved = {
            number: tuple(
                ("enter" if one == ENTER else "leave", row) for row, one in zip(at.tolist(), what.tolist(), strict=True)
            )
            for number, at, what in changes.by_screen()
        }
        counts = self._members.counts
        told = set(changes.updates.screens.tolist())
        if self._is_new:  # who was kept is known, but their order only now
            told = set(np.flatnonzero(counts).tolist()) - moved.keys()
            self._is_new = False
        for number, events in moved.items():
            screen_id = self._members.screen(number).screen_id
            held = self._held[screen_id]
            held.seq = now // _MS
            self._deltas.append(Delta(screen_id, held.owner_id, held.seq, now, int(counts[number]), events))
        for number in told:
            screen_id = self._members.screen(number).screen_id
            held = self._held[screen_id]
            self._updated[screen_id] = Delta(
                screen_id, held.owner_id, held.seq, now, int(counts[number]), (), changes.updates, number
            )

    def _values(self, state: TickState, now: int) -> Floats:
        """All columns of the table, [columns, rows]."""
        members = self._members
        members.lay_out()
        sources = [members.source(name) for name in members.names]
        if self._fields is None:
            self._fields = tuple(
                {node.name for _, one in members.screens for node in _fields_of(one.compiled, one.leave)}
            )
        fields = EngineFields(state, self._series.operators, now)
        fields.take(self._fields)
        newest = Newest(self._who, state, now, fields.get, self._closed, self._past.get, fields.words)
        x = np.empty((len(sources), state.count))
        for at, (name, source) in enumerate(zip(members.names, sources, strict=True)):
            if source is None:  # what nobody reads any more is unknown
                x[at] = ~newest.stale if name == FRESH else np.nan
            else:
                screen, item = source
                x[at] = newest.value(screen, item)
        self._past = newest.shifted
        return x

    # --- what readers see --------------------------------------------------------------------------

    def take_deltas(self) -> list[Delta]:
        """What happened since the last call: entries and leaves, and of each screen its newest updates."""
        found = sorted([*self._deltas, *self._updated.values()], key=lambda one: (one.at, one.screen_id))
        self._deltas, self._updated = [], {}
        return found

    def members(self, screen_id: str) -> Ints:
        """Rows of a screen's members, in its order. KeyError for one that does not stand."""
        number = self._members.number(screen_id)
        if number < 0:
            raise KeyError(screen_id)
        return self._members.ordered(number, self._who.universe.key_places)

    def is_evaluated(self, screen_id: str) -> bool:
        """True for a screen that has members here, or could: it is laid out."""
        return self._members.number(screen_id) >= 0

    def members_by(self, screen_id: str) -> list[tuple[int, float | None]]:
        """Rows of a screen's members, each with what its place in the order follows from: ascending, None behind all.

        Equal ones are in the order of keys. KeyError as above.
        """
        number = self._members.number(screen_id)
        if number < 0:
            raise KeyError(screen_id)
        rows, order = self._members.ordered_by(number, self._who.universe.key_places)
        return [
            (row, one if np.isfinite(one) else None) for row, one in zip(rows.tolist(), order.tolist(), strict=True)
        ]

    def seq(self, screen_id: str) -> int:
        """The newest moment at which somebody entered or left, ms UTC; 0 before the first."""
        return self._held[screen_id].seq

    # --- checkpoints -------------------------------------------------------------------------------

    def checkpoint(self, count: int) -> dict[str, NDArray[Any]]:
        """Commands and sequences as JSON, members as pairs of screen and row, and what crosses read before."""
        screens, rows = self._members.pairs(count)
        order = sorted(self._held)  # whatever can be evaluated here
        numbers = {screen_id: at for at, screen_id in enumerate(order)}
        mine = np.zeros(len(self._members.counts), np.int64)
        for number, one in self._members.screens:
            mine[number] = numbers[one.screen_id]
        screens = mine[screens]
        at = np.lexsort((rows, screens))
        screens, rows = screens[at], rows[at]
        meta: dict[str, Any] = {
            "screens": [[screen_id, one.command, one.seq] for screen_id, one in self._held.items()],
            "order": order,
            "last": self._last,
            "past": sorted(self._past),
        }
        arrays: dict[str, NDArray[Any]] = {"screen": screens, "row": rows}
        for name in meta["past"]:
            arrays[f"past.{name}"] = self._past[name][:count].copy()
        arrays["meta"] = np.frombuffer(json.dumps(meta).encode(), np.uint8)
        return arrays

    def restore(self, arrays: Mapping[str, NDArray[Any]], state: TickState) -> None:
        """The inverse, after `grow`. An engine that had no screens yet goes on with the templates."""
        if not arrays:
            self._lay_out(state)
            return
        try:
            meta = json.loads(np.asarray(arrays["meta"], np.uint8).tobytes())
            self._held = {screen_id: _Held(command, int(seq)) for screen_id, command, seq in meta["screens"]}
            for screen_id, one in self._templates.items():
                kept = self._held.get(screen_id)
                self._held[screen_id] = _Held(one.command, 0 if kept is None else kept.seq)
            self._last = int(meta["last"])
            self._lay_out(state)
            numbers = np.array([self._members.number(screen_id) for screen_id in meta["order"]], np.int64)
            screens = numbers[arrays["screen"]] if len(numbers) else arrays["screen"]
            self._members.let_in(screens[screens >= 0], arrays["row"][screens >= 0])
            self._past = {name: np.array(arrays[f"past.{name}"]) for name in meta["past"]}
        except (KeyError, ValueError, IndexError) as error:
            message = f"the checkpoint's screens do not fit this program: {error!r}"
            raise CheckpointError(message) from error

    def split(self, arrays: Mapping[str, NDArray[Any]], rows: Ints, count: int) -> dict[str, NDArray[Any]]:
        """Members among these rows, renumbered; every part has all screens."""
        if not arrays:
            return {}
        place = np.full(count, -1, np.int64)
        place[rows] = np.arange(len(rows))
        moved = place[arrays["row"]]
        kept = moved >= 0
        past = {name: array[rows] for name, array in arrays.items() if name.startswith("past.")}
        return past | {"screen": arrays["screen"][kept], "row": moved[kept], "meta": arrays["meta"]}

    def merge(
        self, parts: Sequence[Mapping[str, NDArray[Any]]], order: Ints, counts: Sequence[int]
    ) -> dict[str, NDArray[Any]]:
        """Members of all parts."""
        if not any(parts):
            return {}
        metas = [json.loads(np.asarray(part["meta"], np.uint8).tobytes()) for part in parts]
        first = metas[0]
        if any([one[:2] for one in meta["screens"]] != [one[:2] for one in first["screens"]] for meta in metas):
            raise CheckpointError("screens: the neighbours do not have the same ones")
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        begins = np.cumsum([0, *counts])
        names: list[list[str]] = [list(meta["order"]) for meta in metas]
        known = sorted({name for some in names for name in some})
        number = {name: at for at, name in enumerate(known)}
        screens = [np.array([number[n] for n in some], np.int64) for some in names]
        screen = np.concatenate(
            [own[part["screen"]] if len(own) else part["screen"] for own, part in zip(screens, parts, strict=True)]
        )
        row = place[np.concatenate([part["row"] + begins[at] for at, part in enumerate(parts)])]
        at = np.lexsort((row, screen))
        past = sorted(set(first["past"]).intersection(*(meta["past"] for meta in metas)))
        meta: dict[str, Any] = first | {
            "order": known,
            "last": max(one["last"] for one in metas),
            "past": past,
            "screens": [
                [*one[:2], max(meta["screens"][n][2] for meta in metas)] for n, one in enumerate(first["screens"])
            ],
        }
        found = {f"past.{name}": np.concatenate([part[f"past.{name}"] for part in parts])[order] for name in past}
        text = np.frombuffer(json.dumps(meta).encode(), np.uint8)
        return found | {"screen": screen[at], "row": row[at], "meta": text}


def _uid(plan: Plan) -> str:
    """Equal series of different screens are one watch."""
    return "screen:" + ",".join(name for name, _ in plan.results)


def _command(template: Template) -> Mapping[str, Any]:
    return {
        "type": "screen",
        "screen_id": template.screen_id,
        "owner_id": "",
        "definition": to_json(template.screen),
        "options": {"kinds": list(template.kinds)},
    }


def _judge(screen: Compiled, *, is_whole: bool) -> None:
    """UserError for what cannot stand."""
    if screen.needs_past:
        raise UserError("a series of ranks or of other instruments cannot stand: write it with @ inside the rank")
    if not is_whole and (screen.plan.is_joint or "fund.sector_pe" in screen.plan.fields):
        raise UserError("a screen that reads other instruments needs the whole market in one stream process")
    if any(node.op is Op.FUNCTION and node.timeframe == NOW for node in screen.whole.nodes):
        raise UserError("what happens within a time cannot stand in a screen: write an alert")


def _fields_of(*screens: Compiled | None) -> list[Node]:
    return [node for one in screens if one is not None for node in one.whole.nodes if node.op in {Op.FIELD, Op.BAR}]
