"""A recorded source run through the engine: its accepted ticks, its closed bars of any length, its fields.

Bars are those that the engine closed (ticks) or took over (bar files, after the quality rules); at the end
of the source what is open inside a session becomes final, as in a replay. A week, a month or several days are
there when the market clock at the end of the source has passed their end.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketbell.core.columns.frame import Columns, Frame, FrameKind
from marketbell.core.engine.chains import PREFIXES, Chains
from marketbell.core.engine.engine import Engine
from marketbell.core.engine.enrichment import Enrichment
from marketbell.core.engine.outputs import BAR_COLUMNS, joined
from marketbell.core.engine.timeframes import FAR, Bars, Roller, Sessions, TickRoller
from marketbell.core.market.session import DAY, SECOND, SessionTable
from marketbell.core.market.timeframe import DAY_1, MINUTE_1, TICK, Timeframe
from marketbell.core.primitives.errors import InvalidSourceError, UserError
from marketbell.flows.stream.replay import frame_of
from marketbell.ports.feeds import Batch, PacedFeed

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

FUNDAMENTAL = "fund."
_END = (1 << 63) - 1
_CHUNK = 1 << 14
_RUN = 64
_TRADED = (FrameKind.TRADE, FrameKind.BAR)


@dataclass(frozen=True, slots=True)
class Trace:
    """Every accepted row of a source in log order: its engine row, event_time (of a bar: start), all fields after it.

    For ticks also what they brought: price, cumulative volume (NaN: none), own size, and whether they are in order.
    """

    rows: Ints
    times: Ints
    fields: Mapping[str, NDArray[Any]]
    price: Floats
    volume: Floats
    amount: Floats
    is_ordered: NDArray[np.bool_]


@dataclass(slots=True)
class Recorded:
    """A source read whole. `finest` are its own bars (`tick` for ticks)."""

    keys: list[str]
    finest: Timeframe
    sessions: Sessions
    engine: Engine
    minutes: Bars
    days: Bars
    trace: Trace | None
    late: int
    chains: Chains
    """Every option chain of the source."""
    _places: dict[int, Ints] = field(default_factory=dict)

    def bars(self, timeframe: Timeframe) -> Bars:
        """Closed bars, ascending in time for each row; at `tick` the ticks that are in order."""
        if timeframe == MINUTE_1:
            return self.minutes
        if timeframe == DAY_1:
            return self.days
        if timeframe.unit in {"tick", "s"}:
            return self._tick_bars(timeframe)
        base = self.minutes if timeframe.is_intraday else self.days
        roller = Roller(timeframe, len(self.keys))
        closed = roller.add(base, self.sessions)
        # The engine closed every minute and day of the source; longer bars end with their calendar.
        now = FAR if timeframe.is_intraday else int(base.end.max(initial=0))
        return Bars.joined([closed, roller.due(np.full(len(self.keys), now, np.int64), self.sessions)])

    def _tick_bars(self, timeframe: Timeframe) -> Bars:
        t = self.ticks()
        if timeframe == TICK:
            at = np.flatnonzero(t.is_ordered)
            return self.sessions.tick_bars(t.rows[at], t.times[at], t.price[at], t.amount[at], self.late)
        roller = TickRoller(timeframe, self.late, len(self.keys))
        closed = roller.add(t.rows, t.times, t.price, t.volume, t.amount, t.is_ordered, self.sessions)
        return Bars.joined([closed, roller.due(np.full(len(self.keys), FAR, np.int64), self.sessions)])

    def ticks(self) -> Trace:
        """The accepted ticks. ValueError where they were not asked for."""
        if self.trace is None:
            message = "the source was read without its ticks"
            raise ValueError(message)
        return self.trace

    def sampled(self, bars: Bars, timeframe: Timeframe, names: Sequence[str]) -> Bars:
        """The bars with these fields: the last known value at the end of each."""
        plain = [name for name in names if not name.startswith((FUNDAMENTAL, *PREFIXES))]
        found: dict[str, Floats] = {}
        if self.trace is None:
            # Published values alone: nothing else is known of anybody.
            found = {name: np.full(len(bars), np.nan) for name in plain}
        elif plain:
            at = self._last_before(bars, is_tick=timeframe == TICK)
            values = self.ticks().fields
            for name in plain:
                if name not in values:
                    raise UserError(
                        f"not yet supported in an evaluation: the field `{name}`, which a recording cannot tell"
                    )
                found[name] = np.where(at >= 0, np.asarray(values[name], np.float64)[np.maximum(at, 0)], np.nan)
        found |= self._facts(bars, [name for name in names if name.startswith(FUNDAMENTAL)])
        of_chains = [name for name in names if name.startswith(PREFIXES)]
        if of_chains:
            close, state = {"close": bars.column("close")}, self.engine.tick_state()
            found |= self.chains.sampled(bars.rows, close, state, bars.end, of_chains)
        return replace(bars, fields=found)

    def _last_before(self, bars: Bars, *, is_tick: bool) -> Ints:
        """Place in the trace of the last accepted row before the end of each bar, -1 where there is none."""
        trace = self.ticks()
        if is_tick:
            return np.flatnonzero(trace.is_ordered)
        out = np.full(len(bars), -1, np.int64)
        for row in np.unique(bars.rows).tolist():
            mine = np.flatnonzero(bars.rows == row)
            theirs = self._of_row(row)
            newest = np.maximum.accumulate(trace.times[theirs]) if len(theirs) else theirs
            at = np.searchsorted(newest, bars.end[mine], side="left") - 1
            out[mine] = np.where(at >= 0, theirs[np.maximum(at, 0)] if len(theirs) else -1, -1)
        return out

    def _of_row(self, row: int) -> Ints:
        if not self._places:
            rows = self.ticks().rows
            order = np.argsort(rows, kind="stable")
            found, first = np.unique(rows[order], return_index=True)
            parts = np.split(order, first[1:])
            self._places = dict(zip(found.tolist(), parts, strict=True))
        return self._places.get(row, np.empty(0, np.int64))

    def _facts(self, bars: Bars, names: Sequence[str]) -> dict[str, Floats]:
        """Published values as they could be known at the bars' ends, and ratios of them to the bars' closes."""
        if not names:
            return {}
        self.engine.columns()  # everything that the source tells is taken in
        facts = next(one for one in self.engine.operators if isinstance(one, Enrichment))
        live = facts.at(bars.rows, bars.end, bars.column("close"), self.engine.tick_state())
        found: dict[str, Floats] = {}
        for name in names:
            plain, bracket, back = name.partition("[")
            if bracket:
                found[name] = facts.offset(plain, bars.rows, bars.end, int(back.removesuffix("q]")))
            else:
                found[name] = np.asarray(live[name], np.float64)
        return found


def timeframe_of(feed: PacedFeed) -> Timeframe:
    """The own bars of a source; it stands at its beginning afterwards. InvalidSourceError where it has nothing.

    Published values alone have one day for each instrument, without a price: the moment of the last publication.
    """
    feed.seek(0)
    while batches := feed.advance(_END, _CHUNK):
        for batch in batches:
            if batch.kind is FrameKind.TRADE:
                feed.seek(0)
                return TICK
            if batch.kind is FrameKind.BAR:
                is_daily = int(batch.columns["timeframe_s"][0]) == 86_400
                feed.seek(0)
                return DAY_1 if is_daily else MINUTE_1
    if any(batch.payload.get("type") == "fundamentals" for batch in feed.reference()):
        return DAY_1
    raise InvalidSourceError(f"{feed.card.label}: no trades, bars or published values to evaluate over")


def record(
    feed: PacedFeed,
    engine: Callable[[], Engine],
    calendar: Callable[[str], SessionTable],
    finest: Timeframe,
    *,
    needs_trace: bool,
) -> Recorded:
    """Run the source through an engine of its own (`engine` makes one), with `needs_trace` through a second one."""
    main = engine()
    instruments = list(feed.instruments())
    main.define(instruments)
    sessions = Sessions.of([calendar(one.calendar) for one in instruments])
    outputs = [main.apply([_frame(batch) for batch in feed.reference()])]
    batches = _batches(feed)
    outputs += [main.apply([_frame(batch) for batch in batches[at : at + _RUN]]) for at in range(0, len(batches), _RUN)]
    # What was published up to the source's end is known at its end.
    now = feed.end_time or 0
    outputs.append(main.apply([Frame(FrameKind.HEARTBEAT, 0, 0, 0, 0, now, now, 0)]))
    outputs.append(main.finish())
    minutes = joined([out.bars_1m for out in outputs if len(out.bars_1m["start"])], BAR_COLUMNS)
    days = joined([out.bars_1d for out in outputs if len(out.bars_1d["start"])], BAR_COLUMNS)
    rows = {int(one.instrument_id): row for row, one in enumerate(main.instruments)}
    past = [_history(columns, rows, sessions) for out in outputs for columns in out.history]
    late = round(main.config.late_s * SECOND)
    return Recorded(
        [one.key for one in main.instruments],
        finest,
        sessions,
        main,
        _bars(minutes, rows, sessions.minute_bars),
        Bars.joined([*past, _bars(days, rows, sessions.day_bars)])
        if any(batch.kind in _TRADED for batch in batches)
        else _moment(len(rows), now),
        _trace(feed, engine(), finest) if needs_trace and batches else None,
        late,
        _chains(main, [*feed.reference(), *batches]),
    )


def _chains(engine: Engine, batches: Sequence[Batch]) -> Chains:
    """The option chains, futures and volatilities of days before of a source, none forgotten."""
    state = engine.tick_state()
    found = Chains(keeps_all=True)
    found.grow(state)
    for batch in batches:
        if batch.kind is FrameKind.CHAIN:
            found.take(batch.columns, batch.payload, state)
        elif batch.kind is FrameKind.REFERENCE:
            found.reference(batch.payload, state)
    return found


def _moment(rows: int, now: int) -> Bars:
    """One bar without a price for each row, at the only moment of a source without prices."""
    times = np.full(rows, now, np.int64)
    day = times // DAY
    none = np.full((rows, 6), np.nan)
    return Bars(np.arange(rows), times, times, day, times, np.zeros(rows, np.int64), none, np.full(rows, 252.0))


def _batches(feed: PacedFeed) -> "list[Batch]":
    feed.seek(0)
    found: list[Batch] = []
    while batches := feed.advance(_END, _CHUNK):
        found += batches
    return found


def _frame(batch: Batch) -> Any:
    return frame_of(batch.kind, batch.columns, 0, 0, batch.payload)


def _rows(columns: Mapping[str, Any], rows: Mapping[int, int]) -> Ints:
    ids, inverse = np.unique(np.asarray(columns["instrument_id"], np.int64), return_inverse=True)
    found: Ints = np.array([rows.get(one, -1) for one in ids.tolist()], np.int64)[inverse]
    return found


def _bars(columns: Columns, rows: Mapping[int, int], make: Callable[..., Bars]) -> Bars:
    if not len(columns["start"]):
        return Bars.empty()
    values = np.column_stack([columns[n] for n in ("open", "high", "low", "close", "volume", "vwap")])
    return make(_rows(columns, rows), np.asarray(columns["start"], np.int64), values, columns["trades"])


def _history(columns: Columns, rows: Mapping[int, int], sessions: Sessions) -> Bars:
    """Daily bars from before the source."""
    at = np.flatnonzero((np.asarray(columns["timeframe_s"]) == 86_400) & (_rows(columns, rows) >= 0))
    none = np.full(len(at), np.nan)
    values = np.column_stack(
        [*(np.asarray(columns[n], np.float64)[at] if n in columns else none
           for n in ("open", "high", "low", "close", "volume")), none]
    )  # fmt: skip
    return sessions.day_bars(_rows(columns, rows)[at], np.asarray(columns["start"], np.int64)[at], values)


def _trace(feed: PacedFeed, engine: Engine, finest: Timeframe) -> Trace:
    """The source once more, row by row."""
    engine.define(list(feed.instruments()))
    engine.apply([_frame(batch) for batch in feed.reference()])
    places = {int(one.instrument_id): row for row, one in enumerate(engine.instruments)}
    every = np.arange(len(places))
    rows: list[Ints] = []
    parts: list[dict[str, NDArray[Any]]] = []
    given: list[dict[str, NDArray[Any]]] = []
    for batch in _batches(feed):
        if batch.kind not in _TRADED:
            engine.apply([_frame(batch)])
            continue
        # Changes of books and trades come in runs: no book changes inside one of trades.
        books = engine.books.columns(every, {}, engine.tick_state(), 0)
        kept, fields = engine.trace(batch.columns, batch.kind)
        own = _rows({"instrument_id": np.asarray(batch.columns["instrument_id"])[kept]}, places)
        rows.append(own)
        parts.append(fields | {name: values[own] for name, values in books.items()})
        names = ("event_time", "price", "volume") if finest == TICK else ("start", "close", "volume")
        given.append({name: np.asarray(batch.columns[name])[kept] for name in names})
    fields = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    time, price, volume = (np.concatenate([part[name] for part in given]) for name in given[0])
    all_rows = np.concatenate(rows)
    return Trace(
        all_rows,
        time.astype(np.int64),
        fields,
        price.astype(np.float64),
        volume.astype(np.float64),
        _sizes(all_rows, fields),
        (time >= fields["event_time"]) | (finest != TICK),
    )


def _sizes(rows: Ints, fields: Mapping[str, NDArray[Any]]) -> Floats:
    """What each tick added to the day's volume; 0 for a first tick that came too late to count (see definitions)."""
    order = np.argsort(rows, kind="stable")
    total = np.nan_to_num(fields["day.volume"][order])
    before = np.concatenate([[0.0], total[:-1]])
    begins = np.concatenate([[True], (rows[order][1:] != rows[order][:-1])])
    day = fields["day.start"][order]
    begins[1:] |= day[1:] != day[:-1]
    counted = np.where(np.isfinite(fields["vwap"][order]), total, 0.0)
    sizes = np.where(begins, counted, np.maximum(total - before, 0.0))
    out = np.empty(len(rows))
    out[order] = sizes
    return out
