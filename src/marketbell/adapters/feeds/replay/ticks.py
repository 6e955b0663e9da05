"""Tick files to one merged source: columns of trades in arrival order with the source's clock.

Files are merged by the running maximum of event_time, then file name, then row (definitions.md §1.9).
Rows whose time cannot be right (before 2000, or `future_timestamp` by the file's own clock) do not
raise that maximum: they would move everything behind them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from marketbell.adapters.feeds.replay.arrow import words
from marketbell.adapters.feeds.replay.tables import Table, as_numbers
from marketbell.adapters.feeds.replay.times import parse_times
from marketbell.adapters.feeds.replay.venues import CALENDARS, Sessions, calendar_of, describe, symbol_of
from marketbell.core.columns.frame import Columns
from marketbell.core.market.instrument import Instrument
from marketbell.core.market.session import session_index
from marketbell.core.primitives.errors import InvalidSourceError
from marketbell.core.quality.kinds import TickFlag
from marketbell.core.quality.source_clock import EPOCH_2000, source_clock


@dataclass(slots=True)
class TickSource:
    """Merged rows: TRADE columns, the clock after each row (ns UTC, never falling), quotes where there are."""

    instruments: list[Instrument]
    trades: Columns
    clock: NDArray[np.int64]
    quotes: Columns = field(default_factory=dict)
    """QUOTE columns and `row`, the index of the trade row that they came with."""


@dataclass(slots=True)
class _Part:
    instruments: list[Instrument]
    columns: dict[str, NDArray[np.generic]]
    running: NDArray[np.int64]


def read_ticks(
    tables: Sequence[Table], calendar: str | None, sessions: Sessions, *, keeps_gaps: bool = False
) -> TickSource:
    """Merge tick files. InvalidSourceError where no row of them can be read."""
    parts = [_part(table, calendar or _calendar(table, sessions), sessions) for table in tables]
    columns = {name: np.concatenate([part.columns[name] for part in parts]) for name in parts[0].columns}
    running = np.concatenate([part.running for part in parts])
    # Parts come in order of file names and their maxima never fall, so a stable sort keeps name, then row.
    order = np.argsort(running, kind="stable")
    columns = {name: column[order] for name, column in columns.items()}
    future, clock = source_clock(
        columns["event_time"].astype(np.int64),
        columns["session"].astype(np.int64),
        columns["price"].astype(np.float64),
        keeps_gaps=keeps_gaps,
    )
    flags = columns["flags"].astype(np.uint16)
    own_clock = (flags & TickFlag.SOURCE_CLOCK) > 0
    flags[own_clock & future] |= np.uint16(TickFlag.FUTURE)
    trades: Columns = {
        "instrument_id": columns["instrument_id"],
        "event_time": columns["event_time"],
        "ingest_time": np.where(own_clock, clock, columns["ingest_time"]),
        "price": columns["price"],
        "volume": columns["volume"],
        "size": columns["size"],
        "trade_id": columns["trade_id"],
        "flags": flags,
    }
    instruments = list({one.key: one for part in parts for one in part.instruments}.values())
    return TickSource(instruments, trades, clock, _quotes(columns))


def _calendar(table: Table, sessions: Sessions) -> str:
    if table.format == "session":
        venues = {key.partition(":")[0] for key in words(table.known["instrument"])[1]}
        return CALENDARS.get(venues.pop(), "NONE") if len(venues) == 1 else "NONE"
    return calendar_of(table, sessions)


def _part(table: Table, calendar: str, sessions: Sessions) -> _Part:
    book = sessions(calendar)
    count = table.rows
    time, readable = parse_times(table.known["time"], book.zone)
    time = np.where(readable, time, 0)
    price = table.numbers("price")
    if price is None or not (readable & ~np.isnan(price)).any():
        raise InvalidSourceError(f"{table.path}: not one row has a time and a price")
    volume, size, trade_id = table.numbers("volume"), table.numbers("size"), table.numbers("trade_id")
    nothing = np.full(count, np.nan)
    flags = np.zeros(count, np.uint16)
    if "ingest_time" in table.known:
        ingest, has_ingest = parse_times(table.known["ingest_time"], book.zone)
    else:
        ingest, has_ingest = time, np.zeros(count, np.bool_)
    if table.format == "session" and "flags" in table.known:
        flags = as_numbers(table.known["flags"]).astype(np.uint16)
    else:
        flags[~has_ingest] = TickFlag.SOURCE_CLOCK
    session = session_index(book.open, book.close, time)
    instruments, ids = _identify(table, calendar, price, volume, size)
    columns: dict[str, NDArray[np.generic]] = {
        "instrument_id": ids,
        "event_time": time,
        "ingest_time": ingest,
        "price": price,
        "volume": nothing if volume is None else volume,
        "size": nothing if size is None else size,
        "trade_id": np.full(count, -1, np.int64)
        if trade_id is None
        else np.where(np.isnan(trade_id), -1, trade_id).astype(np.int64),
        "flags": flags,
        "session": session,
        "bid": _or(table.numbers("bid"), nothing),
        "ask": _or(table.numbers("ask"), nothing),
    }
    if table.format == "session":
        order = np.argsort(as_numbers(table.known["position"]), kind="stable")
        columns = {name: column[order] for name, column in columns.items()}
        time, session, price = time[order], session[order], price[order]
    # A file of one instrument has quiet minutes of its own: here only stamps that it takes back are left out.
    future, _ = source_clock(time, session, price, keeps_gaps=True)
    steady = np.where((time >= EPOCH_2000) & ~future, time, np.int64(0))
    running = np.maximum.accumulate(steady)
    later = running[running > 0]
    running = np.where(running > 0, running, later[0] if len(later) else np.int64(0))
    return _Part(instruments, columns, running)


def _or(column: NDArray[np.float64] | None, otherwise: NDArray[np.float64]) -> NDArray[np.float64]:
    return otherwise if column is None else column


def _identify(
    table: Table,
    calendar: str,
    price: NDArray[np.float64],
    volume: NDArray[np.float64] | None,
    size: NDArray[np.float64] | None,
) -> tuple[list[Instrument], NDArray[np.int64]]:
    """The file's instruments, and the id of each row's."""
    sized = np.zeros(table.rows, np.bool_)
    for amounts in (volume, size):
        if amounts is not None:
            sized |= amounts > 0
    column = table.known.get("instrument", table.known.get("symbol"))
    if column is None:
        one = describe(symbol_of(table.path), calendar, prices=price, has_volume=bool(sized.any()))
        return [one], np.full(table.rows, one.instrument_id, np.int64)
    at, names = words(column)
    found: list[Instrument] = []
    ids = np.full(table.rows, 0, np.int64)
    for number, word in enumerate(names):
        mine = at == number
        key = word if ":" in word else None
        one = describe(
            word.partition(":")[2] or word, calendar, prices=price[mine], has_volume=bool(sized[mine].any()), key=key
        )
        found.append(one)
        ids[mine] = one.instrument_id
    return found, ids


def _quotes(columns: dict[str, NDArray[np.generic]]) -> Columns:
    bid, ask = columns["bid"].astype(np.float64), columns["ask"].astype(np.float64)
    rows = np.flatnonzero(np.isfinite(bid) | np.isfinite(ask))
    if not len(rows):
        return {}
    return {
        "row": rows,
        "instrument_id": columns["instrument_id"][rows],
        "event_time": columns["event_time"][rows],
        "ingest_time": columns["ingest_time"][rows],
        "bid": bid[rows],
        "bid_size": np.full(len(rows), np.nan),
        "ask": ask[rows],
        "ask_size": np.full(len(rows), np.nan),
    }
