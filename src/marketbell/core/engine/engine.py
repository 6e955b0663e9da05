"""The engine: the ordered log in, bars, statistics, quality and firings out.

One dense row per instrument; a whole run of trade frames is one kernel call. Nothing here reads a
clock; outputs do not depend on where frames or calls are cut. The owner is one thread.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from marketbell.core.columns.frame import SCHEMAS, Columns, Frame, FrameKind
from marketbell.core.engine import kernel as k
from marketbell.core.engine.books import BookNews, Books
from marketbell.core.engine.chains import Arrival, Chains
from marketbell.core.engine.collected import Collected, concatenated
from marketbell.core.engine.firings import Firings
from marketbell.core.engine.levels import LevelBook, dated
from marketbell.core.engine.line_up import Extra, make_operators
from marketbell.core.engine.lists import Universe, market_lists
from marketbell.core.engine.open_minutes import open_minutes
from marketbell.core.engine.operators import Begun, ClosedBars, Ticks, TickState
from marketbell.core.engine.outputs import BAR_COLUMNS, QUALITY_COLUMNS, Gap, Outputs, joined
from marketbell.core.engine.past_bars import PAST
from marketbell.core.engine.patterns import Patterns
from marketbell.core.engine.program import Tentative
from marketbell.core.engine.scratch import Scratch
from marketbell.core.engine.series import Series
from marketbell.core.engine.state import RowState, whole
from marketbell.core.engine.view import numeric_columns
from marketbell.core.market.instrument import Instrument
from marketbell.core.market.session import SessionTable, regular_minutes
from marketbell.core.primitives.errors import CheckpointError
from marketbell.core.quality.kinds import ENDING, KINDS, QualityKind

CHECKPOINT_VERSION = 2
_LAYOUT = [k.NI, k.NJ, k.NG, k.NR, k.FIELDS, len(QualityKind)]
_NANOS = 1_000_000_000
_TRADES: Callable[..., Any] = k.trades
_SOURCE_BARS: Callable[..., Any] = k.source_bars
_TRACE_TRADES: Callable[..., Any] = k.trace_trades
_TRACE_BARS: Callable[..., Any] = k.trace_bars
_QUOTES: Callable[..., Any] = k.quotes
_HEARTBEAT: Callable[..., Any] = k.heartbeat


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """`late_s`: how far behind the newest tick of its instrument a tick may come and still count, seconds.

    It is the window for duplicates too. `undervalued` overrides thresholds of that list.
    """

    late_s: float = 2.0
    undervalued: Mapping[str, float] = field(default_factory=dict)


class Engine:
    """State of all instruments of one shard group. See the module's docstring."""

    def __init__(
        self, config: EngineConfig, sessions: Callable[[str], SessionTable], extra: Sequence[Extra] = ()
    ) -> None:
        """`extra` operators (rules, screens) stand behind the engine's own."""
        self.config = config
        self._sessions = sessions
        self._late = round(config.late_s * _NANOS)
        self._state = RowState(self._late)
        self._out = Scratch()
        self.instruments: list[Instrument] = []
        self._rows: dict[int, int] = {}
        self._keys: list[str] = []
        self._calendars: dict[str, tuple[int, int, int]] = {}
        self._zones: dict[str, str] = {}
        self._moment = 0
        """Up to when operators had their instants."""
        self.is_whole = True
        """All instruments of the log are here: what reads other instruments can be computed."""
        self._opens = np.empty(0, np.int64)
        self._closes = np.empty(0, np.int64)
        self._dates = np.empty(0, np.int64)
        self._progress: dict[tuple[int, int], int] = {}
        self._unknown: dict[int, int] = {}
        self._totals = {"ticks_read": 0, "accepted": 0, "repeats": 0, "gaps": 0, "rules_rejected": 0, "bars_skipped": 0}
        self.clock = 0
        self.source: dict[str, Any] = {}
        self.levels = LevelBook()
        self.operators = make_operators(extra)
        self.books = next(one for one in self.operators if isinstance(one, Books))
        self.chains = next(one for one in self.operators if isinstance(one, Chains))
        self.patterns = next(one for one in self.operators if isinstance(one, Patterns))
        self.series = next(one for one in self.operators if isinstance(one, Series))
        self._universe: Universe | None = None
        self._written: list[str] = []
        """Each instrument as JSON, for checkpoints: made when it is defined, not while the market waits."""

    # --- state ---------------------------------------------------------------------------------

    def _calendar(self, name: str) -> tuple[int, int, int]:
        """Range of a calendar in the session arrays, and the minutes of its usual session."""
        if name not in self._calendars:
            table = self._sessions(name)
            start = len(self._opens)
            self._opens = np.concatenate([self._opens, np.asarray(table.open, np.int64)])
            self._closes = np.concatenate([self._closes, np.asarray(table.close, np.int64)])
            self._dates = np.concatenate([self._dates, np.asarray(table.date, np.int64)])
            self._zones[name] = table.zone
            self._calendars[name] = (start, len(self._opens), regular_minutes(table.open, table.close))
        return self._calendars[name]

    def define(self, instruments: Sequence[Instrument]) -> None:
        """Add instruments (a row each), or renew what is known about them."""
        for instrument in instruments:
            self._calendar(instrument.calendar)
        used = len(self.instruments)
        new = {i.instrument_id for i in instruments} - self._rows.keys()
        minutes = max([1, *(m for _, _, m in self._calendars.values())])
        rows = self._state
        if used + len(new) > rows.room or minutes > rows.profiled:
            room = rows.room
            while room < used + len(new):
                room *= 2
            rows.allocate(used, room, minutes)
        self.levels.make_room(rows.room)
        for instrument in instruments:
            ident = int(instrument.instrument_id)
            row = self._rows.get(ident)
            if row is None:
                row = len(self.instruments)
                self._rows[ident] = row
                self.instruments.append(instrument)
                self._keys.append(instrument.key)
                rows.I[row, k.I_ID] = ident
                self.levels.place(ident, row)
                rows.I[row, k.I_EXTRA] = self.levels.block(row)
                self._written.append(_as_json(instrument))
            else:
                self.instruments[row] = instrument
                self._written[row] = _as_json(instrument)
            low, high, usual = self._calendar(instrument.calendar)
            rows.I[row, k.I_CAL_LO], rows.I[row, k.I_CAL_HI] = low, high
            rows.I[row, k.I_MINUTES] = usual
            rows.F[row, k.F_SHARES] = instrument.shares_outstanding or np.nan
            rows.touched[row] = 1
        rows.enter(used, len(self.instruments))
        state = self.tick_state()
        for operator in self.operators:
            operator.grow(state)
        self._universe = None

    # --- the log -------------------------------------------------------------------------------

    def apply(self, frames: Sequence[Frame]) -> Outputs:
        """Apply frames in log order. Repeats of what was applied are recognised and left out."""
        collected = Collected()
        run: list[Columns] = []
        counts = 0
        for frame in frames:
            columns = self._fresh(frame, collected)
            if columns is None:
                continue
            if frame.kind is FrameKind.TRADE:
                run.append(columns)
                counts += 1
                continue
            if run:
                self._timed_trades(concatenated(run), collected)
                run = []
            self._other(frame, columns, collected)
        if run:
            self._timed_trades(concatenated(run), collected)
        return self._finished(collected)

    def apply_trades(self, columns: Columns) -> Outputs:
        """Apply trade columns (TRADE schema) without a frame around them."""
        collected = Collected()
        self._timed_trades(concatenated([columns]), collected)
        return self._finished(collected)

    def history(self, columns: Columns) -> None:
        """Take closed bars from elsewhere (BAR schema): previous closes and 52-week ranges."""
        self._history(columns, Collected())

    def finish(self) -> Outputs:
        """End of the source: everything that is open becomes final."""
        collected = Collected()
        self._heartbeat(k.FAR - self._late - 1, collected, is_clock=False)
        state = self.tick_state()
        for operator in self.operators:
            operator.finish(state)
        return self._finished(collected)

    def _finished(self, collected: Collected) -> Outputs:
        out = collected.outputs
        out.fired = Firings(collected.fired)
        for operator in self.operators:
            out.rule_firings += operator.take_firings()
            rejected = operator.take_rejected()
            out.rejected_rules += rejected
            self._totals["rules_rejected"] += len(rejected)
        out.bars_1m = joined(collected.bars_1m, BAR_COLUMNS)
        out.bars_1d = joined(collected.bars_1d, BAR_COLUMNS)
        out.quality = joined(collected.quality, QUALITY_COLUMNS)
        out.chains = self.chains.take_updates()
        depth, out.book_states = self.books.shown(self.tick_state())
        if depth:
            out.depth.append(depth)
        if collected.late:
            out.late = {name: np.concatenate([part[name] for part in collected.late]) for name in collected.late[0]}
        out.counters = dict(self._totals)
        return out

    def _fresh(self, frame: Frame, collected: Collected) -> Columns | None:
        """The columns of a frame that were not applied yet; None when all were."""
        if frame.first_seq == frame.last_seq:
            return frame.columns
        place = (frame.producer, frame.partition)
        last = self._progress.get(place)
        if last is not None and frame.last_seq <= last:
            self._totals["repeats"] += 1
            return None
        self._progress[place] = frame.last_seq
        if last is None or frame.first_seq == last:
            return frame.columns
        if frame.first_seq > last:
            self._totals["gaps"] += 1
            collected.outputs.gaps.append(Gap(frame.producer, frame.partition, last, frame.first_seq))
            return frame.columns
        self._totals["repeats"] += 1
        if frame.kind is FrameKind.BOOK or frame.count != frame.last_seq - frame.first_seq:
            return frame.columns
        cut = last - frame.first_seq
        return {name: column[cut:] for name, column in frame.columns.items()}

    def _other(self, frame: Frame, columns: Columns, collected: Collected) -> None:
        if frame.kind is FrameKind.QUOTE:
            self._quotes(columns, collected)
        elif frame.kind is FrameKind.DEPTH:
            self._depth(columns, collected)
        elif frame.kind is FrameKind.BOOK:
            self._book(columns, collected)
        elif frame.kind is FrameKind.HEARTBEAT:
            self._instants(frame.event_max, collected)
            self._heartbeat(frame.event_max, collected, is_clock=True)
        elif frame.kind is FrameKind.BAR:
            self._bars(columns, json.loads(frame.payload) if frame.payload else {}, collected)
        elif frame.kind is FrameKind.CHAIN:
            self._chain(columns, json.loads(frame.payload))
        elif frame.kind is FrameKind.PROFILE:
            self._profiles(columns)
        elif frame.kind is FrameKind.COMMAND:
            self._command(dated(json.loads(frame.payload), frame.event_min), frame.event_min, collected)
        elif frame.kind is FrameKind.REFERENCE:
            self._reference(json.loads(frame.payload), collected)

    def _bars(self, columns: Columns, payload: Mapping[str, Any], collected: Collected) -> None:
        """Bars by their role: the market itself, what the store kept of it, or history."""
        role = payload.get("role")
        if role == "source":
            self._timed_bars(columns, collected)
        elif role == PAST:
            self.series.past(self._rows_of(columns["instrument_id"]), columns, payload, self.tick_state())
        else:
            self._history(columns, collected)

    # --- instants ------------------------------------------------------------------------------

    def _next_instant(self, first: int) -> int:
        """The next time that an operator waits for; `first` is the time of what comes now, where nothing came yet."""
        if not self._moment:
            self._moment = first - 1
        return min(operator.next_instant(self._moment) for operator in self.operators)

    def _instants(self, now: int, collected: Collected) -> None:
        """Everything up to `now` is applied: let the operators have their instants, each with its bars closed."""
        while (due := self._next_instant(now)) <= now:
            self._heartbeat(due, collected, is_clock=True)
            self._moment = due
            state = self.tick_state()
            for operator in self.operators:
                operator.instant(due, state)
        self._moment = max(self._moment, now)

    def _timed_trades(self, c: Columns, collected: Collected) -> None:
        """Trades, cut where an instant lies between them: at the first tick that our clock saw at it or later."""
        if not len(c["event_time"]) or self._next_instant(int(c["ingest_time"][0])) == k.FAR:
            self._trades(c, collected)
            return
        is_future = np.asarray(c["flags"], np.int64) & k.FLAG_FUTURE != 0
        clock = np.maximum.accumulate(np.where(is_future, k.NEVER, c["ingest_time"]))
        self._timed(c, clock, self._trades, collected)

    def _timed_bars(self, columns: Columns, collected: Collected) -> None:
        """Bars as the source, cut behind those that end before an instant."""
        if not len(columns["start"]) or self._next_instant(int(columns["start"].min())) == k.FAR:
            self._source_bars(columns, collected)
            return
        ends = np.asarray(columns["start"], np.int64) + np.asarray(columns["timeframe_s"], np.int64) * _NANOS
        rows = self._rows_of(columns["instrument_id"])
        known = np.flatnonzero(rows >= 0)
        at = self.series.sessions.find(rows[known], np.asarray(columns["start"], np.int64)[known])
        inside = at >= 0
        ends[known[inside]] = np.minimum(ends[known[inside]], self._closes[at[inside]])
        self._timed(columns, np.maximum.accumulate(ends), self._source_bars, collected)

    def _timed(
        self, c: Columns, clock: NDArray[np.int64], apply: Callable[[Columns, Collected], None], collected: Collected
    ) -> None:
        count = len(clock)
        if not count or self._next_instant(int(clock[0])) > int(clock[-1]):
            apply(c, collected)
            if count:
                self._moment = max(self._moment, int(clock[-1]))
            return
        done = 0
        while done < count:
            due = self._next_instant(int(clock[done]))
            until = int(np.searchsorted(clock, due, side="left"))
            if until > done:
                apply({name: column[done:until] for name, column in c.items()}, collected)
                done = until
            if done < count:
                self._instants(due, collected)
        self._moment = max(self._moment, int(clock[-1]))

    def _trades(self, c: Columns, collected: Collected) -> None:
        rows, count = self._state, len(c["instrument_id"])
        at = rows.find(c["instrument_id"])
        wants_ticks = any(operator.wants_ticks for operator in self.operators)
        wants_minutes = any(operator.wants_minutes for operator in self.operators)
        watched = self.series.watched if self.series.watched is not None else self._out.nobody
        out = self._out
        if wants_ticks:
            out.make_room_for_ticks(count)
        out.run(
            rows,
            count,
            lambda: _TRADES(
                out.counts, at, rows.F, rows.I, rows.Q, rows.BF, rows.BI, rows.slots, self._late, self._opens,
                self._closes, self._dates, rows.ring, rows.ring_f, rows.ring_used, rows.returns, rows.minutes,
                rows.profile, rows.hist_t, rows.hist_f, rows.touched, *self.levels.tables, out.bi, out.bf, out.di,
                out.df, out.qi, out.fi, out.ff, out.late_at, wants_ticks, wants_minutes, out.taken, out.taken_f,
                out.begun, out.begun_i, watched, out.told, out.told_i,
                *(c[name] for name, _ in SCHEMAS[FrameKind.TRADE]),
            ),
        )  # fmt: skip
        nq, nl, nm, accepted = out.counts[[k.N_QUALITY, k.N_LATE, k.N_BEGUN, k.N_ACCEPTED]].tolist()
        self._totals["ticks_read"] += count
        self._totals["accepted"] += accepted
        if wants_ticks:
            self._tell_taken(c, at, accepted, int(out.counts[k.N_TOLD]))
        if wants_minutes and nm:
            self._tell_begun(nm)
        self._collect_bars(collected)
        self._collect_fired(collected)
        if nq:
            qi = out.qi[:nq]
            collected.quality.append(
                {
                    "instrument_id": qi[:, 0].copy(),
                    "kind": qi[:, 1].astype(np.uint8),
                    "event_time": qi[:, 2].copy(),
                    "count": qi[:, 3].copy(),
                }
            )
            unknown = qi[qi[:, 4] < 0, 0]
            if len(unknown):
                for ident, number in zip(*np.unique(unknown, return_counts=True), strict=True):
                    self._unknown[int(ident)] = self._unknown.get(int(ident), 0) + int(number)
        if nl:
            late = out.late_at[:nl]
            collected.late.append({name: column[late] for name, column in c.items()})

    def _tell_taken(self, c: Columns, rows: NDArray[np.int64], accepted: int, told: int) -> None:
        """Hand the accepted ticks of a run to the operators that want them."""
        place = self._out.taken[:accepted, 0]
        ticks = Ticks(
            rows[place],
            np.asarray(c["event_time"], np.int64)[place],
            np.asarray(c["price"], np.float64)[place],
            np.asarray(c["volume"], np.float64)[place],
            self._out.taken_f[:accepted],
            self._out.taken[:accepted, 1] == 1,
            self._out.told[:told],
            self._out.told_i[:told],
        )
        state = self.tick_state()
        for operator in self.operators:
            if operator.wants_ticks:
                operator.ticks(ticks, state)

    def _tell_ends(self, c: Mapping[str, NDArray[Any]]) -> None:
        """Bars as the source are one evaluation at their end each: hand them to the operators as ticks."""
        out = self._out
        count, told = out.counts[[k.N_TAKEN, k.N_TOLD]].tolist()
        place = out.taken[:count, 0]
        ticks = Ticks(
            c["rows"][place],
            out.taken[:count, 1].copy(),
            c["close"][place],
            np.full(count, np.nan),
            out.taken_f[:count],
            np.ones(count, np.bool_),
            out.told[:told],
            out.told_i[:told],
        )
        state = self.tick_state()
        for operator in self.operators:
            if operator.wants_ticks:
                operator.ticks(ticks, state)

    def _tell_bars_begun(self, c: Mapping[str, NDArray[Any]], before: NDArray[np.int64]) -> None:
        """Bars as the source: hand over the rows as they stood before each that comes behind a hole, and behind each.

        `before`: the words of all rows before the run. So every end of a longer bar finds how its row stood then.
        """
        count = int(self._out.counts[k.N_TAKEN])
        place, ends = self._out.taken[:count, 0], self._out.taken[:count, 1].copy()
        rows, start, words = c["rows"][place], c["start"][place], self._out.told_i[:count]
        order = np.argsort(rows, kind="stable")
        is_first = np.ones(count, np.bool_)
        is_first[1:] = rows[order][1:] != rows[order][:-1]
        previous = np.empty(count, np.int64)
        previous[order] = np.where(is_first, -1, np.concatenate([[-1], order[:-1]]))
        behind_hole = np.flatnonzero((previous < 0) | (ends[np.maximum(previous, 0)] < start))
        came = previous[behind_hole]
        stood = np.where((came >= 0)[:, None], words[np.maximum(came, 0)], before[rows[behind_hole]])
        at = np.concatenate([2 * behind_hole, 2 * np.arange(count) + 1])
        sequence = np.argsort(at, kind="stable")
        words = np.concatenate([stood, words])[sequence]
        found = Begun(
            np.concatenate([rows[behind_hole], rows])[sequence],
            np.concatenate([start[behind_hole], ends])[sequence],
            at[sequence] // 2,
            words.view(np.float64),
            words,
        )
        state = self.tick_state()
        for operator in self.operators:
            if operator.wants_minutes:
                operator.begun(found, state)

    def _tell_begun(self, count: int) -> None:
        """Hand the rows as they stood before the first ticks of new minutes to the operators that want them."""
        begun, words = self._out.begun[:count], self._out.begun_i[:count]
        found = Begun(begun[:, 0], begun[:, 1], begun[:, 2], words.view(np.float64), words)
        state = self.tick_state()
        for operator in self.operators:
            if operator.wants_minutes:
                operator.begun(found, state)

    def tick_state(self) -> TickState:
        """The state of the tick kernel as it stands, for operators and readers."""
        return TickState(
            self._state.F,
            self._state.I,
            len(self.instruments),
            self._late,
            self._opens,
            self._closes,
            self._dates,
            self.instruments,
            self.clock,
            self._zones,
            self.is_whole,
        )

    def _tell_closed(self, minutes: int, days: int) -> None:
        """Hand the bars that the kernel just closed to the operators."""
        out, state = self._out, self.tick_state()
        closed = (
            ClosedBars(out.bi[:minutes, 0], out.bi[:minutes, 1], out.bi[:minutes, 2], out.bf[:minutes]),
            ClosedBars(out.di[:days, 0], out.di[:days, 1], out.di[:days, 2], out.df[:days]),
        )
        for operator in self.operators:
            operator.closed(*closed, state)

    def _collect_bars(self, collected: Collected) -> None:
        out = self._out
        minutes, days = out.counts[[k.N_BARS, k.N_DAYS]].tolist()
        self._tell_closed(minutes, days)
        for count, i, f, into in (
            (minutes, out.bi, out.bf, collected.bars_1m),
            (days, out.di, out.df, collected.bars_1d),
        ):
            if count:
                into.append(
                    {
                        "instrument_id": self._state.I[i[:count, 0], k.I_ID],
                        "start": i[:count, 1].copy(),
                        "open": f[:count, 0].copy(),
                        "high": f[:count, 1].copy(),
                        "low": f[:count, 2].copy(),
                        "close": f[:count, 3].copy(),
                        "volume": f[:count, 4].copy(),
                        "trades": i[:count, 2].copy(),
                        "vwap": f[:count, 5].copy(),
                    }
                )

    def _collect_fired(self, collected: Collected) -> None:
        out, count = self._out, int(self._out.counts[k.N_FIRED])
        if count:
            ids = self._state.I[out.fi[:count, 3], k.I_ID]
            collected.fired.append(self.levels.fired(out.fi[:count], out.ff[:count], ids, self._keys))

    def _rows_of(self, ids: NDArray[Any]) -> NDArray[np.int64]:
        return self._state.find(ids)

    def _quotes(self, columns: Columns, collected: Collected) -> None:
        rows = self._rows_of(columns["instrument_id"])
        values = [np.array(columns[name], np.float64) for name in ("bid", "bid_size", "ask", "ask_size")]
        self._best(rows, np.array(columns["event_time"], np.int64), values, collected)
        state = self.tick_state()
        for operator in self.operators:
            operator.quotes(rows, columns, state)

    def _best(
        self, rows: NDArray[np.int64], event_time: NDArray[np.int64], values: Sequence[Any], collected: Collected
    ) -> None:
        """Best bids and asks (bid, bid_size, ask, ask_size), and the levels on them."""
        table, out = self._state, self._out
        out.run(
            table,
            len(rows),
            lambda: _QUOTES(
                out.counts,
                table.F,
                table.I,
                table.touched,
                *self.levels.tables,
                out.fi,
                out.ff,
                rows,
                event_time,
                *values,
            ),
        )
        self._collect_fired(collected)

    def _depth(self, columns: Columns, collected: Collected) -> None:
        """Books pass through to the readers; their best levels are quotes."""
        collected.outputs.depth.append(columns)
        best = np.flatnonzero(np.asarray(columns["level"]) == 0)
        ids = np.asarray(columns["instrument_id"])[best]
        side = np.asarray(columns["side"])[best]
        price, size = np.asarray(columns["price"])[best], np.asarray(columns["size"])[best]
        names, at = np.unique(ids, return_inverse=True)
        quote = {
            "instrument_id": names,
            "event_time": np.full(len(names), k.NEVER),
            **{name: np.full(len(names), np.nan) for name in ("bid", "bid_size", "ask", "ask_size")},
        }
        np.maximum.at(quote["event_time"], at, np.asarray(columns["event_time"], np.int64)[best])
        for value, prefix in ((0, "bid"), (1, "ask")):
            mine = side == value
            quote[prefix][at[mine]] = price[mine]
            quote[f"{prefix}_size"][at[mine]] = size[mine]
        self._quotes(quote, collected)
        rows, state = self._rows_of(np.asarray(columns["instrument_id"])), self.tick_state()
        for operator in self.operators:
            operator.depth(rows, columns, state)

    def _book(self, columns: Columns, collected: Collected) -> None:
        """Changes of books; a book whose venue sends no quotes gives the best bid and ask."""
        ids = np.asarray(columns["instrument_id"])
        rows, state = self._rows_of(ids), self.tick_state()
        for operator in self.operators:
            operator.book(rows, columns, state)
        self._book_news(self.books.news(), collected)
        unknown = ids[rows < 0]
        if len(unknown):
            for ident, count in zip(*np.unique(unknown, return_counts=True), strict=True):
                self._unknown[int(ident)] = self._unknown.get(int(ident), 0) + int(count)

    def _chain(self, columns: Columns, payload: Mapping[str, Any]) -> None:
        """An option chain; rules that wait for one look at it. A frame without rows tells of positions alone."""
        ids = np.asarray(columns.get("instrument_id", ()))
        if not len(ids):
            return
        ident = int(ids[0])
        if ident not in self._rows:
            self._unknown[ident] = self._unknown.get(ident, 0) + 1
            return
        state = self.tick_state()
        self._came(self.chains.take(columns, payload, state), state)

    def _came(self, arrival: Arrival | None, state: TickState) -> None:
        if arrival is not None:
            for operator in self.operators:
                operator.chain_came(*arrival, state)

    def _book_news(self, news: BookNews, collected: Collected) -> None:
        if len(news.rows):
            self._best(news.rows, news.event_time, list(np.ascontiguousarray(news.top.T)), collected)
        for kind, found in ((QualityKind.BOOK_GAP, news.gaps), (QualityKind.BAD_PRICE, news.bad)):
            if not len(found):
                continue
            np.add.at(self._state.Q[:, int(kind)], found[:, 0], 1)
            collected.quality.append(
                {
                    "instrument_id": self._state.I[found[:, 0], k.I_ID],
                    "kind": np.full(len(found), int(kind), np.uint8),
                    "event_time": found[:, 1].copy(),
                    "count": np.ones(len(found), np.int64),
                }
            )

    def _heartbeat(self, now: int, collected: Collected, *, is_clock: bool) -> None:
        if is_clock:
            self.clock = max(self.clock, now)
        rows, out, count = self._state, self._out, len(self.instruments)
        out.run(
            rows,
            count,
            lambda: _HEARTBEAT(
                out.counts, rows.F, rows.I, rows.BF, rows.BI, rows.slots, now, self._late, rows.returns, rows.minutes,
                rows.profile, rows.hist_t, rows.hist_f, rows.touched, count, out.bi, out.bf, out.di, out.df,
            ),
        )  # fmt: skip
        self._collect_bars(collected)

    def _bar_columns(self, columns: Columns) -> dict[str, NDArray[Any]]:
        names = ("open", "high", "low", "close", "volume", "prev_close")
        count = len(columns["instrument_id"])
        return {
            "rows": self._rows_of(columns["instrument_id"]),
            "timeframe": np.array(columns["timeframe_s"], np.int64),
            "start": np.array(columns["start"], np.int64),
            **{n: np.array(columns.get(n, np.full(count, np.nan)), np.float64) for n in names},
        }

    def _history(self, columns: Columns, collected: Collected) -> None:
        collected.outputs.history.append(columns)
        c = self._bar_columns(columns)
        rows = self._state
        k.history(
            rows.F, rows.I, self._opens, rows.returns, rows.hist_t, rows.hist_f, rows.touched,
            c["rows"], c["timeframe"], c["start"], c["high"], c["low"], c["close"],
        )  # fmt: skip
        state = self.tick_state()
        for operator in self.operators:
            operator.history(c["rows"], c, state)

    def _source_bars(self, columns: Columns, collected: Collected) -> None:
        c = self._bar_columns(columns)
        rows, out = self._state, self._out
        wants_ticks = any(operator.wants_ticks for operator in self.operators)
        wants_minutes = any(operator.wants_minutes for operator in self.operators)
        watched = self.series.watched if self.series.watched is not None else out.nobody
        before = np.empty((0, k.NI), np.int64)
        if wants_minutes:
            watched, before = np.ones(len(self.instruments), np.uint8), rows.I[: len(self.instruments)].copy()
        notes_ends = wants_ticks or wants_minutes
        if notes_ends:
            out.make_room_for_ticks(len(c["rows"]))
        out.run(
            rows,
            len(c["rows"]),
            lambda: _SOURCE_BARS(
                out.counts, rows.F, rows.I, rows.BF, rows.BI, rows.slots, self._opens, self._closes, self._dates,
                rows.returns, rows.minutes, rows.profile, rows.hist_t, rows.hist_f, rows.touched,
                *self.levels.tables, out.bi, out.bf, out.di, out.df, out.fi, out.ff, notes_ends, out.taken,
                out.taken_f, watched, out.told, out.told_i, *c.values(),
            ),
        )  # fmt: skip
        skipped = int(out.counts[k.N_ACCEPTED])
        self._totals["ticks_read"] += len(c["rows"])
        self._totals["accepted"] += len(c["rows"]) - skipped
        self._totals["bars_skipped"] += skipped
        if wants_ticks:
            self._tell_ends(c)
        if wants_minutes:
            self._tell_bars_begun(c, before)
        self._collect_bars(collected)
        self._collect_fired(collected)

    def _profiles(self, columns: Columns) -> None:
        rows = self._rows_of(columns["instrument_id"])
        minute = np.asarray(columns["minute"], np.int64)
        profile = self._state.profile
        known = (rows >= 0) & (minute < len(profile))
        for at, name in enumerate(("count", "mean", "m2")):
            profile[minute[known], rows[known], at] = np.asarray(columns[name], np.float64)[known]
        self._state.mark_minutes(minute[known])

    def _command(self, payload: dict[str, Any], log_time: int, collected: Collected) -> None:
        kind = payload.get("type")
        if kind == "batch":
            for item in payload["items"]:
                self._command(dated(item, log_time), log_time, collected)
        elif kind in {"arm_level", "move_level"}:
            reason = self._arm(payload, is_move=kind == "move_level")
            if reason:
                self._totals["rules_rejected"] += 1
                collected.outputs.rejected_rules.append((str(payload["rule_uid"]), reason))
        elif kind == "disarm":
            self.levels.disarm(str(payload["rule_uid"]), int(payload["version"]))
        elif kind == "arm_rule":  # an operator's; a level that the rule was before ends here
            self.levels.disarm(str(payload["rule_uid"]), int(payload["version"]) - 1)
        elif "rule_uid" in payload:
            self._totals["rules_rejected"] += 1
            collected.outputs.rejected_rules.append((str(payload["rule_uid"]), f"unknown command {kind!r}"))
        if kind != "batch" and self.operators:
            state = self.tick_state()
            for operator in self.operators:
                operator.command(payload, state)

    def _arm(self, payload: dict[str, Any], *, is_move: bool) -> str:
        """Arm a level, or move an armed one; returns why not."""
        if is_move:
            row = self.levels.row_of(str(payload["rule_uid"]))
        else:
            row = self._rows.get(int(payload["instrument_id"]), -1)
        rows = self._state
        counts = (int(rows.I[row, k.I_EVALS]), int(rows.I[row, k.I_QUOTES])) if row >= 0 else (0, 0)
        reason = self.levels.move(payload, *counts) if is_move else self.levels.arm(payload, row, *counts)
        if row >= 0 and not reason:
            rows.F[row, k.F_UP_LOW] = rows.F[row, k.F_DOWN_LOW] = np.inf  # the neighbours may be others now
            rows.I[row, k.I_EXTRA] = self.levels.block(row)
        return reason

    def _reference(self, payload: dict[str, Any], collected: Collected) -> None:
        kind = payload.get("type")
        items = payload.get("items", ())
        if kind == "instruments":
            found = [Instrument.from_dict(item) for item in items]
            self.define(found)
            collected.outputs.defined += [instrument.key for instrument in found]
        elif kind == "source":
            self.source = {name: value for name, value in payload.items() if name != "type"}
        elif kind == "quality":
            self._quality_items(items, collected)
        elif kind == "chain_metrics":
            for item in items:
                self._came(self.chains.take_metrics(item, self.tick_state()), self.tick_state())
        state = self.tick_state()
        for operator in self.operators:
            operator.reference(payload, state)

    def _quality_items(self, items: Sequence[Mapping[str, Any]], collected: Collected) -> None:
        """Quality events that the reader of the source found (daily rows, bars outside of sessions)."""
        known = [item for item in items if int(item["instrument_id"]) in self._rows]
        kinds = [KINDS.index(str(item["kind"])) for item in known]
        for item, number in zip(known, kinds, strict=True):
            self._state.Q[self._rows[int(item["instrument_id"])], number] += int(item["count"])
        if known:
            collected.quality.append(
                {
                    "instrument_id": np.array([item["instrument_id"] for item in known], np.int64),
                    "kind": np.array(kinds, np.uint8),
                    "event_time": np.array([item["event_time"] for item in known], np.int64),
                    "count": np.array([item["count"] for item in known], np.int64),
                }
            )
            self._totals["ticks_read"] += sum(
                int(item["count"]) for item, number in zip(known, kinds, strict=True) if number in ENDING
            )

    # --- what readers see ----------------------------------------------------------------------

    def keys(self) -> list[str]:
        """Instrument keys by row."""
        return list(self._keys)

    def row(self, instrument_id: int) -> int | None:
        """The row of an instrument."""
        return self._rows.get(instrument_id)

    def trace(self, columns: Columns, kind: FrameKind) -> tuple[NDArray[np.int64], dict[str, NDArray[Any]]]:
        """Apply TRADE or (as the source) BAR rows, and every field after each accepted row.

        Returns the places of these rows and the fields (as `columns`, without a forming bar). For
        questions to a recording: it copies the state for each row and keeps no outputs.
        """
        count = len(columns["instrument_id"])
        rows = np.empty(count, np.int64)
        words = np.empty((count, k.NI), np.int64)
        table, out = self._state, self._out
        c = concatenated([columns]) if kind is FrameKind.TRADE else self._bar_columns(columns)
        done = size = 0
        while done < count:
            outputs = out.bi, out.bf, out.di, out.df
            if kind is FrameKind.TRADE:
                done, size = _TRACE_TRADES(
                    out.counts, table.find(c["instrument_id"]), table.F, table.I, table.Q, table.BF, table.BI,
                    table.slots, self._late, self._opens, self._closes, self._dates, table.ring, table.ring_f,
                    table.ring_used, table.returns, table.minutes, table.profile, table.hist_t, table.hist_f,
                    table.touched, *self.levels.tables, *outputs, out.qi, out.fi, out.ff, out.late_at, out.taken,
                    out.taken_f, out.begun, out.begun_i, out.nobody, out.told, out.told_i,
                    *(c[name] for name, _ in SCHEMAS[FrameKind.TRADE]), done,
                    size, rows, words,
                )  # fmt: skip
            else:
                done, size = _TRACE_BARS(
                    out.counts, table.F, table.I, table.BF, table.BI, table.slots, self._opens, self._closes,
                    self._dates, table.returns, table.minutes, table.profile, table.hist_t, table.hist_f,
                    table.touched, *self.levels.tables, *outputs, out.fi, out.ff, out.taken, out.taken_f, out.nobody,
                    out.told, out.told_i, *c.values(), done, size, rows, words,
                )  # fmt: skip
            if done < count:
                out.make_room(table)
        self.levels.mark_all()
        f, i = words[:size].view(np.float64), words[:size]
        kept = rows[:size]
        instrument = self._rows_of(np.asarray(columns["instrument_id"])[kept])
        nothing = np.full((size, 5), np.nan)
        fields = numeric_columns(f, i, np.zeros(size, np.int64), nothing, self.now())
        state, clocks = self.tick_state(), i[:, k.I_NEWEST]
        for operator in self.operators:
            fields.update(operator.traced(instrument, fields, state, clocks))
        return kept, fields

    def now(self) -> int:
        """The market's clock: newest heartbeat or accepted tick, ns UTC; 0 before the first.

        A source of books alone has the time of its newest book.
        """
        count = len(self.instruments)
        newest = int(self._state.I[:count, k.I_NEWEST].max()) if count else 0
        return max(self.clock, newest, 0) or self.books.newest()

    def columns(self, rows: NDArray[np.int64] | None = None) -> dict[str, NDArray[Any]]:
        """Every numeric field of the registry, for all rows or the given ones.

        Beside them `event_time` (ns, 0 unknown), `change_basis` (1 previous close, 0 the day's first
        price) and the forming minute `bar.*` (`bar.start` in ns, 0 when there is none).
        """
        count = len(self.instruments)
        start = np.zeros(count, np.int64)
        values = np.empty((count, 5))
        k.forming_bars(self._state.BF, self._state.BI, self._state.F, self._state.slots, count, start, values)
        at = np.arange(count) if rows is None else rows
        now = self.now()
        fields = numeric_columns(self._state.F[at], self._state.I[at], start[at], values[at], now)
        state = self.tick_state()
        for operator in self.operators:
            fields.update(operator.columns(at, fields, state, now))
        return fields

    def tentative(self, rows: NDArray[np.int64] | None = None) -> Tentative:
        """Watched series as if the forming bars of all rows, or of these, closed as they stand."""
        at = np.arange(len(self.instruments)) if rows is None else rows
        minutes = open_minutes(self._state.BF, self._state.BI, self._state.F, self._state.slots, at)
        return self.series.tentative(at, minutes, self.tick_state())

    def take_changed(self) -> NDArray[np.int64]:
        """Rows that changed since the last call."""
        for operator in self.operators:
            self._state.touched[operator.take_changed()] = 1
        rows = np.flatnonzero(self._state.touched[: len(self.instruments)])
        self._state.touched[rows] = 0
        return rows

    def evidence(self, row: int) -> list[dict[str, Any]]:
        """The newest sign of each abnormal pattern of a row, with its times (ns UTC) and numbers."""
        return self.patterns.evidence(row, self.columns(np.array([row], np.int64)))

    def lists(self, limit: int = 100) -> dict[str, Any]:
        """Movers and other lists, breadth, sectors and indices: see core/engine/lists."""
        if self._universe is None:
            self._universe = Universe.of(self.instruments)
        return market_lists(self._universe, self.columns(), limit, self.config.undervalued)

    def quality_counts(self) -> dict[str, dict[str, int]]:
        """Exact counts by instrument and kind; ids that were never defined stand as `id:NUMBER`."""
        counts: dict[str, dict[str, int]] = {}
        filled = self._state.Q[: len(self.instruments)]
        for row in np.flatnonzero(filled.any(axis=1)):
            counts[self._keys[row]] = {KINDS[at]: int(filled[row, at]) for at in np.flatnonzero(filled[row])}
        for ident, count in self._unknown.items():
            counts[f"id:{ident}"] = {QualityKind.UNKNOWN_INSTRUMENT.label: count}
        return counts

    def counters(self) -> dict[str, int]:
        """Totals since the start: ticks_read, accepted, repeats, gaps, rules_rejected, bars_skipped."""
        return dict(self._totals)

    def session(self, calendar: str, now: int) -> tuple[str, int, int, int]:
        """State at `now` (open, closed, or pre: later today), and open, close, date of the current or next session."""
        low, high, _ = self._calendar(calendar)
        opens, closes, dates = (a[low:high] for a in (self._opens, self._closes, self._dates))
        at = min(int(np.searchsorted(closes, now, side="right")), len(opens) - 1)
        inside = opens[at] <= now < closes[at]
        soon = not inside and 0 <= opens[at] - now < k.DAY // 2
        return ("open" if inside else "pre" if soon else "closed", int(opens[at]), int(closes[at]), int(dates[at]))

    # --- checkpoints ---------------------------------------------------------------------------

    def checkpoint(self) -> dict[str, NDArray[Any]]:
        """The whole state as arrays that will not change any more, `meta` being JSON bytes.

        What has not changed since the last checkpoint is shared with it: nobody may write into the arrays.
        """
        count = len(self.instruments)
        arrays = self._state.checkpoint(count) | self.levels.checkpoint()
        meta = {
            "version": CHECKPOINT_VERSION,
            "layout": _LAYOUT,
            "config": {"late_s": self.config.late_s},
            "progress": [[producer, partition, last] for (producer, partition), last in self._progress.items()],
            "unknown": [[ident, count] for ident, count in self._unknown.items()],
            "totals": self._totals,
            "clock": self.clock,
            "moment": self._moment,
            "source": self.source,
        }
        text = f'{json.dumps(meta)[:-1]}, "instruments": [{", ".join(self._written)}]}}'
        arrays["meta"] = np.frombuffer(text.encode(), np.uint8)
        for operator in self.operators:
            for name, array in operator.checkpoint(count).items():
                arrays[f"{operator.name}.{name}"] = array
        return arrays

    @classmethod
    def restore(
        cls,
        arrays: Mapping[str, NDArray[Any]],
        config: EngineConfig,
        sessions: Callable[[str], SessionTable],
        extra: Sequence[Extra] = (),
    ) -> Self:
        """Go on from a checkpoint, bit for bit. CheckpointError when it is of another layout or lateness."""
        try:
            meta = json.loads(np.asarray(arrays["meta"], np.uint8).tobytes())
        except (KeyError, ValueError) as error:
            message = f"the checkpoint has no readable description: {error}"
            raise CheckpointError(message) from error
        if meta["version"] != CHECKPOINT_VERSION or meta["layout"] != _LAYOUT:
            message = f"the checkpoint's version {meta['version']} or layout is not this program's"
            raise CheckpointError(message)
        if meta["config"]["late_s"] != config.late_s:
            message = f"the checkpoint was made with late_s {meta['config']['late_s']}, not {config.late_s}"
            raise CheckpointError(message)
        engine = cls(config, sessions, extra)
        engine.define([Instrument.from_dict(item) for item in meta["instruments"]])
        count = len(engine.instruments)
        engine._state.restore(whole(arrays), count)
        engine.levels = LevelBook.restore(arrays)
        engine.levels.make_room(engine._state.room)
        engine._state.I[:count, k.I_EXTRA] = [engine.levels.block(row) for row in range(count)]
        engine._progress = {(producer, partition): last for producer, partition, last in meta["progress"]}
        engine._unknown = {ident: number for ident, number in meta["unknown"]}  # noqa: C416 — dict() would keep lists
        engine._totals = dict(meta["totals"])
        engine.clock = int(meta["clock"])
        engine._moment = int(meta.get("moment", 0))
        engine.source = meta["source"]
        state = engine.tick_state()
        for operator in engine.operators:
            prefix = f"{operator.name}."
            own = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
            operator.restore(own, state)
        return engine


def _as_json(instrument: Instrument) -> str:
    """As `Instrument.from_dict` reads it. Its values are plain, so nothing is copied deeply first."""
    return json.dumps({one.name: getattr(instrument, one.name) for one in fields(instrument)})
