"""Stored bars for rules and screens that begin: read from the bar store, put on the log behind their commands.

What a rule needs follows from its plan: bars of each timeframe before all of it is known. Requests wait here and are
served piece by piece, so that commands and prices never wait behind the history of five thousand instruments; a piece
holds whole instruments, whom the engine primes one by one (core/engine/past_bars.py). What is owed is remembered
beside the log: an ingest that dies in the middle owes the history of all armed rules again, which changes nothing
where it was told.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from marketbell.core.columns.frame import Columns, FrameKind
from marketbell.core.engine.aligned import Sessions
from marketbell.core.engine.beyond import cut, is_far
from marketbell.core.engine.needs import bars_needed
from marketbell.core.engine.past_bars import PastBars, cut_by_instrument, holes_of, past_of, series_of
from marketbell.core.language.json_form import from_json
from marketbell.core.language.plan import Op, Plan
from marketbell.core.language.tree import Screen, Symbol
from marketbell.core.market.instrument import Instrument
from marketbell.core.market.session import MINUTE, SessionTable, regular_minutes
from marketbell.core.market.timeframe import Timeframe
from marketbell.core.primitives.errors import MarketbellError, UserError
from marketbell.core.rules.armed import armed, scope_rows
from marketbell.core.rules.shapes import Shapes
from marketbell.core.screening.compiled import compiled
from marketbell.core.screening.newest import Who
from marketbell.core.screening.scope import key_in, rows_of
from marketbell.flows.ingest.frames import Entry, producer_id, rows_entries
from marketbell.flows.ingest.universe import Directory
from marketbell.ports.stores import BarStore

log = structlog.stdlib.get_logger("ingest.past")

MOST_BARS = 5_000
"""Bars of a timeframe for an instrument."""
MOST_MINUTES = 60_000
"""Stored minutes that are read for an instrument: 160 sessions."""
MOST_ROWS = 15_000_000
"""Stored minutes that are read for all instruments of a request: 3,000 each of five thousand."""
PIECE = 64
"""Instruments that are read at once."""
_FRAME_ROWS = 16_384
_MOST_NAMED = 500
"""Series that a frame names; where it is for more, it is for all."""
_WITNESSES = 16
_PRODUCER = producer_id("past")
_PRICES = ("open", "high", "low", "close", "volume", "vwap")


@dataclass(slots=True)
class _Need:
    """What is wanted of one instrument."""

    bars: dict[Timeframe, int] = field(default_factory=dict)
    series: set[str] = field(default_factory=set)
    beside: set[int] = field(default_factory=set)
    """Rows of instruments that it is compared with: their bars must lie beside its own."""

    def add(self, bars: Mapping[Timeframe, int], series: Iterable[str], beside: Iterable[int]) -> None:
        for timeframe, count in bars.items():
            self.bars[timeframe] = max(self.bars.get(timeframe, 0), min(count, MOST_BARS))
        self.series.update(series)
        self.beside.update(beside)


@dataclass(frozen=True, slots=True)
class _Piece:
    """Instruments of one calendar that want the same bars."""

    instruments: tuple[Instrument, ...]
    bars: Mapping[Timeframe, int]
    series: frozenset[str]
    minutes: int
    """Stored minutes of each instrument."""
    is_whole: bool
    """They are compared with each other: all in one frame."""
    is_few: bool
    """There are so few of them that each is asked for its newest minutes, however long ago they were."""


class PastBarDesk:
    """`want` takes commands, `step` gives the next entries. The caller's thread does all of it."""

    def __init__(self, bars: BarStore, directory: Directory, sessions: Callable[[str], SessionTable]) -> None:
        self._bars = bars
        self._directory = directory
        self._sessions = sessions
        self._pieces: deque[_Piece] = deque()
        self._aligned: dict[str, Sessions] = {}
        self._seen: dict[str, tuple[int, int, NDArray[np.int64]]] = {}
        """By calendar: starts of minutes of witnesses, read from when and until when."""

    @property
    def waiting(self) -> int:
        """Pieces that wait."""
        return len(self._pieces)

    def want(self, commands: Iterable[Mapping[str, Any]], now: int) -> None:
        """Take note of what these commands of the log need. `now` is the source's time, ns UTC."""
        instruments = self._directory.all()
        known = _Known(instruments, now)
        needs: dict[int, _Need] = {}
        for command in commands:
            try:
                plan, rows, beside = known.meant(command)
            except (MarketbellError, KeyError) as error:
                # the engine judges it: what is wrong with it is said there
                log.info("past.not_understood", reason=str(error))
                continue
            if plan is None:
                continue
            minutes = max((self._minutes(instruments[row].calendar) for row in rows.tolist()[:1]), default=0)
            wanted = bars_needed(plan, minutes) if minutes else {}
            if wanted:
                series = series_of(plan)
                for row in rows.tolist():
                    needs.setdefault(row, _Need()).add(wanted, series, beside)
        self._pieces.extend(self._cut(instruments, needs))

    def clear(self) -> None:
        """The log is another one: what was wanted is wanted again."""
        self._pieces.clear()

    def step(self, now: int, partitions: int) -> list[Entry]:
        """The next piece as entries of the log; [] where nothing waits or nothing is stored. Call `done` behind it."""
        if not self._pieces:
            return []
        piece = self._pieces[0]
        columns, payload = self._read(piece, now)
        return [
            entry
            for part in (cut_by_instrument(columns, len(columns["start"]) if piece.is_whole else _FRAME_ROWS))
            for entry in rows_entries(
                FrameKind.BAR,
                part,
                partitions=partitions,
                partition_of=self._directory.partition,
                producer=_PRODUCER,
                first=0,
                last=0,
                payload=payload,
            )
        ]

    def done(self) -> None:
        """The entries of the last step are on the log."""
        self._pieces.popleft()

    # --- what is wanted ----------------------------------------------------------------------------

    def _cut(self, instruments: Sequence[Instrument], needs: Mapping[int, _Need]) -> list[_Piece]:
        groups: dict[tuple[Any, ...], list[int]] = {}
        for row, need in needs.items():
            bars = tuple(sorted(need.bars.items(), key=lambda one: one[0].rank))
            calendar = instruments[row].calendar
            beside = frozenset(one for one in need.beside if instruments[one].calendar == calendar)
            groups.setdefault((calendar, bars, beside), []).append(row)
        pieces = []
        for (_, bars, beside), rows in groups.items():
            wanted = dict(bars)
            minutes = max((count + 1) * (one.nanoseconds or 0) // MINUTE for one, count in wanted.items())
            minutes = min(minutes, MOST_MINUTES, max(MOST_ROWS // len(rows), 1))
            is_few = len(rows) <= PIECE
            for at in range(0, len(rows), PIECE):
                some = rows[at : at + PIECE]
                series = frozenset(one for row in some for one in needs[row].series)
                who = tuple(instruments[row] for row in sorted({*some, *beside}))
                pieces.append(_Piece(who, wanted, series, minutes, bool(beside), is_few))
        return pieces

    def _minutes(self, calendar: str) -> int:
        table = self._sessions(calendar)
        return regular_minutes(table.open, table.close)

    # --- what is stored ----------------------------------------------------------------------------

    def _read(self, piece: _Piece, now: int) -> tuple[Columns, dict[str, Any]]:
        """Closed minutes before `now`, as what a frame holds. Raises StoreUnavailableError."""
        calendar = piece.instruments[0].calendar
        table = self._sessions(calendar)
        ids = np.array([int(one.instrument_id) for one in piece.instruments], np.int64)
        until = now - MINUTE + 1
        begin = self._begin(table, piece.minutes, now)
        if piece.is_few:
            parts = [self._bars.last(one, "1m", piece.minutes, until) for one in ids.tolist()]
            stored = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
            begin = min(begin, int(stored["start"].min(initial=begin)))
        else:
            stored = self._bars.across(ids.tolist(), "1m", begin, until)
        starts = np.asarray(stored["start"], np.int64)
        witnessed = self._witnessed(calendar, table, begin, until) if len(ids) < _WITNESSES else starts
        rows = np.searchsorted(np.sort(ids), stored["instrument_id"])
        order = np.lexsort((starts, rows))
        sessions = self._sessions_of(calendar, len(ids))
        values = np.column_stack([np.asarray(stored[name], np.float64)[order] for name in _PRICES])
        trades = np.asarray(stored["trades"], np.int64)[order]
        minutes = sessions.minute_bars(rows[order], starts[order], values, trades)
        both = np.concatenate([starts, witnessed])
        newest = int(both.max(initial=0)) + MINUTE if len(both) else 0
        holes = tuple(holes_of(both, table, begin, until))
        found = PastBars(*past_of(minutes, piece.bars, sessions), newest, holes)
        series = piece.series if len(piece.series) <= _MOST_NAMED else None
        return found.columns(np.sort(ids)), found.payload(series)

    def _witnessed(self, calendar: str, table: SessionTable, begin: int, until: int) -> NDArray[np.int64]:
        """When some instruments of the calendar had minutes: where none of them has any, nobody was there."""
        known = self._seen.get(calendar)
        if known is None or known[0] > begin or until - known[1] > MINUTE or known[1] > until:
            mine = [int(one.instrument_id) for one in self._directory.all() if one.calendar == calendar]
            inside = int(np.count_nonzero((table.open >= begin) & (table.open < until)))
            count = max(2, min(_WITNESSES, 200_000 // max(inside * self._minutes(calendar), 1)))
            some = mine[:: max(len(mine) // count, 1)][:count]
            starts = self._bars.across(some, "1m", begin, until)["start"]
            known = self._seen[calendar] = (begin, until, np.unique(np.asarray(starts, np.int64)))
        found: NDArray[np.int64] = known[2][(known[2] >= begin) & (known[2] < until)]
        return found

    def _begin(self, table: SessionTable, minutes: int, now: int) -> int:
        """From when on minutes are read: so many, and a session for those that were quiet at times."""
        sessions = ceil(minutes / max(regular_minutes(table.open, table.close), 1)) + 1
        at = int(np.searchsorted(table.open, now, side="right")) - 1 - sessions
        return int(table.open[max(at, 0)]) if len(table.open) else now - minutes * MINUTE

    def _sessions_of(self, calendar: str, count: int) -> Sessions:
        known = self._aligned.get(calendar)
        if known is None or len(known.low) < count:
            known = self._aligned[calendar] = Sessions.of([self._sessions(calendar)] * max(count, PIECE))
        return known


class _Known:
    """The instruments that there are, to read commands with."""

    def __init__(self, instruments: Sequence[Instrument], now: int) -> None:
        self._who = Who(instruments)
        self._now = now
        self._shapes = Shapes()

    def meant(self, command: Mapping[str, Any]) -> tuple[Plan | None, NDArray[np.int64], Sequence[int]]:
        """The series that a command of the log makes the engine watch, the rows that want their past, who is beside.

        None where it makes it watch none. UserError or KeyError where the command cannot be read.
        """
        kind = command.get("type")
        if kind == "arm_rule":
            return self._rule(command)
        if kind == "screen":
            return *self._screen(command), ()
        return None, np.empty(0, np.int64), ()

    def _rule(self, command: Mapping[str, Any]) -> tuple[Plan, NDArray[np.int64], Sequence[int]]:
        rule = armed(command, self._key, self._shapes)
        rows = scope_rows(rule, self._who.universes, self._who.row_of, self._now, is_strict=False)
        plan = rule.cut.plan
        if not is_far(plan):
            return plan, rows, ()
        # those of a universe are too many to lie beside everybody: they are told, each by itself
        return cut(plan).near, np.union1d(rows, self._others(plan)), self._named(plan)

    def _screen(self, command: Mapping[str, Any]) -> tuple[Plan | None, NDArray[np.int64]]:
        tree = from_json(dict(command["definition"]))
        if not isinstance(tree, Screen):
            raise UserError("an alert is no screen")
        found = compiled(tree, self._key)
        options = command.get("options") or {}
        members, kinds = options.get("members") or {}, tuple(options.get("kinds") or ())
        mask = rows_of(tree, self._who, self._now, members=members, kinds=kinds, is_strict=False)
        return found.closed, np.flatnonzero(mask)

    def _others(self, plan: Plan) -> NDArray[np.int64]:
        """Rows of the instruments and universes that a plan reads."""
        found = np.zeros(len(self._who.instruments), np.bool_)
        found[self._named(plan)] = True
        for node in plan.nodes:
            if node.op is Op.CROSS and self._who.universes.has(node.universe):
                found |= self._who.universes.mask(node.universe, self._now)
        return np.flatnonzero(found)

    def _named(self, plan: Plan) -> list[int]:
        names = {node.name for node in plan.nodes if node.op is Op.FOREIGN}
        return sorted(self._who.row_of[name] for name in names if name in self._who.row_of)

    def _key(self, symbol: Symbol) -> str:
        return key_in(symbol, self._who.row_of) or symbol.key
