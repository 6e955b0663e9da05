"""Recorded ticks or bars as a feed that waits for its reader (ports/feeds.PacedFeed)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from marketbell.adapters.feeds.replay.bars import BarSource, no_bars, read_bars
from marketbell.adapters.feeds.replay.books import is_raw, read_books
from marketbell.adapters.feeds.replay.chain_source import ChainSource, holds_chains, read_chain_source
from marketbell.adapters.feeds.replay.chains import FORMATS as CHAIN_FORMATS
from marketbell.adapters.feeds.replay.chains import read_chains
from marketbell.adapters.feeds.replay.corporate_actions import adjusted_history, batch_of, is_actions_file, read_actions
from marketbell.adapters.feeds.replay.events import EventSource
from marketbell.adapters.feeds.replay.fundamentals import is_facts_file
from marketbell.adapters.feeds.replay.fundamentals_join import read_all, stated_date
from marketbell.adapters.feeds.replay.tables import BOOKS, FORMATS, Table, files_of, read_table
from marketbell.adapters.feeds.replay.ticks import TickSource, read_ticks
from marketbell.adapters.feeds.replay.venues import Sessions
from marketbell.core.columns.frame import Columns, FrameKind
from marketbell.core.market.instrument import Instrument
from marketbell.core.market.session import DAY
from marketbell.core.primitives.errors import InvalidSourceError
from marketbell.ports.feeds import Batch, FeedCard


class ReplayFeed:
    """One recorded source, read whole at the start. Positions count its rows from 0.

    The source's clock of a tick is the running maximum of event_time, that of a bar its end: a bar is
    known when it is over. Quality events that the reader itself found are told at their clock.
    """

    def __init__(
        self,
        sources: Sequence[str | Path],
        sessions: Sessions,
        *,
        calendar: str | None = None,
        format: str | None = None,  # noqa: A002 — the name of the option
        keeps_gaps: bool = False,
    ) -> None:
        self._keeps_gaps = keeps_gaps
        if calendar is not None:
            sessions(calendar)  # an unknown calendar is named before anything is read
        dated = [stated_date(source) for source in sources]
        published = [(path, day) for source, day in dated for path in files_of([source]) if is_facts_file(path, format)]
        every = files_of([source for source, _ in dated])
        told = [path for path in every if is_actions_file(path, format)]
        self._actions = read_actions(told)
        others = {path for path, _ in published}.union(told)
        files = [path for path in every if path not in others]
        if told and not files and not published:
            raise InvalidSourceError(f"{told[0]} lists corporate actions alone: give prices or published values too")
        chains = [path for path in files if holds_chains(path, format)]
        self._history: Columns = {}
        if chains:
            rest = [path for path in files if path not in chains]
            if rest:
                raise InvalidSourceError(f"{chains[0]} holds option chains and {rest[0]} does not: give one kind")
            self._source: TickSource | BarSource | EventSource | ChainSource = read_chain_source(
                [(path, read_chains(path, format=format)) for path in chains], calendar, sessions
            )
        else:
            raw = [path for path in files if is_raw(path, format)]
            tables = [read_table(path, format) for path in files if path not in raw]
            self._source = self._read(raw, tables, calendar, sessions) if files else no_bars()
        self._facts = read_all(published, self._source.instruments, calendar) if published else None
        self._at = 0
        self._told = 0
        described = self._source.instruments if self._facts is None else self._facts.instruments
        self._instruments = sorted(described, key=lambda one: one.key)
        names = [Path(source).name for source, _ in dated]
        calendars = sorted({one.calendar for one in self._instruments})
        kept = ":gaps" if keeps_gaps else ""
        self.producer = f"replay:{'+'.join(names)}:{len(self._source.clock)}{kept}"
        self.card = FeedCard(
            name="replay",
            label=f"Recorded: {', '.join(names)}",
            kind="replay",
            is_simulated=bool(self._instruments) and all(one.calendar == "SIM" for one in self._instruments),
            supports=(*(_supports(self._source) if files else ()), *(("fundamentals",) if published else ())),
            limits=f"Formats: {', '.join(_formats(self._source))}. The whole source is read into memory."
            f"{_left_out(self._source)}",
            tested="Recorded NSE, US and crypto files against an independent computation.",
            calendar=calendars[0] if calendars else "NONE",
        )

    def _read(
        self, raw: Sequence[Path], tables: Sequence[Table], calendar: str | None, sessions: Sessions
    ) -> TickSource | BarSource | EventSource:
        books = [table for table in tables if table.format in BOOKS]
        others = [table for table in tables if table.format not in BOOKS]
        if raw or books:
            if others:
                first = raw[0] if raw else books[0].path
                raise InvalidSourceError(f"{first} holds an order book and {others[0].path} does not: give one kind")
            return read_books(raw, books, calendar, sessions)
        ticks = [table for table in tables if table.format in {"ticks", "session"}]
        daily = [table for table in tables if table.format == "daily"]
        minute = [table for table in tables if table.format == "minute"]
        if minute and (ticks or daily):
            other = (ticks or daily)[0].path
            raise InvalidSourceError(f"{minute[0].path} holds minute bars and {other} does not: give one kind")
        if minute:
            return read_bars(minute, calendar, sessions)
        if not ticks:
            return read_bars(daily, calendar, sessions, self._actions)
        source = read_ticks(ticks, calendar, sessions, keeps_gaps=self._keeps_gaps)
        if daily:
            history = _before(read_bars(daily, calendar, sessions, self._actions), source)
            day = int(source.clock[0]) // DAY
            self._history = adjusted_history(history, source.instruments, self._actions, day)
        return source

    def instruments(self) -> Sequence[Instrument]:
        return self._instruments

    def reference(self) -> Sequence[Batch]:
        """Published values, corporate actions, daily bars from before the first tick: what lies beside the prices."""
        batches = [] if self._facts is None else self._facts.batches()
        batches += batch_of(self._actions, self._instruments)
        if len(self._history.get("start", ())):
            batches.append(Batch(FrameKind.BAR, self._history, 0))
        return batches

    @property
    def facts(self) -> dict[str, Any] | None:
        """What the files of published values gave (see fundamentals_join.Facts.summary); None without any."""
        return None if self._facts is None else self._facts.summary()

    @property
    def chain_notes(self) -> dict[str, int] | None:
        """What was unusual in files of option chains, by kind; None without any."""
        return self._source.notes if isinstance(self._source, ChainSource) else None

    @property
    def rows(self) -> int:
        """How many rows the source has."""
        return len(self._source.clock)

    @property
    def start_time(self) -> int:
        return int(self._source.clock[0]) if self.rows else self._last_publication

    @property
    def end_time(self) -> int | None:
        return int(self._source.clock[-1]) if self.rows else self._last_publication

    @property
    def _last_publication(self) -> int:
        """The clock of a source without prices stands at its last publication."""
        return 0 if self._facts is None else self._facts.newest

    def seek(self, position: int) -> int:
        self._at = max(0, min(position, self.rows))
        clock = int(self._source.clock[self._at - 1]) if self._at else self.start_time
        if isinstance(self._source, BarSource):
            self._told = sum(1 for told, _ in self._source.events if self._at and told <= clock)
        return clock

    def next_time(self) -> int | None:
        return int(self._source.clock[self._at]) if self._at < self.rows else None

    def advance(self, until: int, max_rows: int) -> list[Batch]:
        clock = self._source.clock
        end = min(int(np.searchsorted(clock, until, side="right")), self._at + max_rows)
        if end <= self._at:
            # Without one good bar there is no row that the events could come with.
            return self._events(0) if not self.rows and isinstance(self._source, BarSource) else []
        begin, self._at = self._at, end
        if isinstance(self._source, (EventSource, ChainSource)):
            return self._source.batches(begin, end)
        if isinstance(self._source, TickSource):
            return self._ticks(self._source, begin, end)
        return self._bars(self._source, begin, end)

    def _ticks(self, source: TickSource, begin: int, end: int) -> list[Batch]:
        batches = [Batch(FrameKind.TRADE, {name: column[begin:end] for name, column in source.trades.items()}, end)]
        if source.quotes:
            low, high = np.searchsorted(source.quotes["row"], [begin, end])
            if high > low:
                rows = {name: column[low:high] for name, column in source.quotes.items() if name != "row"}
                batches.append(Batch(FrameKind.QUOTE, rows, end))
        return batches

    def _bars(self, source: BarSource, begin: int, end: int) -> list[Batch]:
        batches = [
            Batch(
                FrameKind.BAR,
                {name: column[begin:end] for name, column in source.bars.items()},
                end,
                {"role": "source"},
            )
        ]
        return batches + self._events(int(source.clock[end - 1]))

    def _events(self, now: int) -> list[Batch]:
        """Quality events up to `now`; at the end of the source whatever is left, even behind its last good row."""
        if not isinstance(self._source, BarSource):
            return []
        events, items = self._source.events, list[dict[str, Any]]()
        while self._told < len(events) and (events[self._told][0] <= now or self._at == self.rows):
            items.append(events[self._told][1])
            self._told += 1
        return [Batch(FrameKind.REFERENCE, {}, self._at, {"type": "quality", "items": items})] if items else []


def _supports(source: TickSource | BarSource | EventSource | ChainSource) -> tuple[str, ...]:
    if isinstance(source, ChainSource):
        return ("trades", "chains")
    if isinstance(source, EventSource):
        words = {FrameKind.TRADE: "trades", FrameKind.QUOTE: "quotes", FrameKind.BOOK: "depth"}
        return tuple(word for kind, word in words.items() if (source.kinds == int(kind)).any())
    return ("trades", "quotes", "history") if isinstance(source, TickSource) else ("bars",)


def _formats(source: TickSource | BarSource | EventSource | ChainSource) -> Sequence[str]:
    return list(CHAIN_FORMATS if isinstance(source, ChainSource) else FORMATS)


def _left_out(source: TickSource | BarSource | EventSource | ChainSource) -> str:
    """Messages of a recording that nothing here reads."""
    skipped = source.skipped if isinstance(source, (EventSource, ChainSource)) else {}
    return f" Left out: {', '.join(f'{count} {name}' for name, count in sorted(skipped.items()))}." if skipped else ""


def _before(daily: BarSource, ticks: TickSource) -> Columns:
    """Daily bars of the replayed instruments that ended before the first tick: nothing from the future."""
    first = int(ticks.clock[0])
    known = np.array([one.instrument_id for one in ticks.instruments], np.int64)
    mine = np.isin(daily.bars["instrument_id"], known) & (daily.clock <= first)
    return {name: column[mine] for name, column in daily.bars.items() if name != "prev_close"}
