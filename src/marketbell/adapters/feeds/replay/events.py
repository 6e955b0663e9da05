"""Sources whose kinds of events are mixed (trades, quotes, changes of books): one line of events in arrival order.

A position is an event. Events of one kind that stand together are handed out together, so the order between
kinds is the recording's own, however it is cut.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from marketbell.core.columns.frame import Columns, FrameKind
from marketbell.core.market.instrument import Instrument
from marketbell.core.market.order_book import NO_ID, BookFlag
from marketbell.core.quality.kinds import TickFlag
from marketbell.ports.feeds import Batch

NO_SIDE = 2
_NO_TIME = -1


@dataclass(frozen=True, slots=True)
class Event:
    """One message. `time` is the venue's and `received` ours, ns UTC; -1 where the recording has none.

    `values` of a trade: price, size, trade id; of a quote: bid, bid size, ask, ask size, update id.
    """

    kind: FrameKind
    symbol: str
    time: int
    received: int
    values: tuple[float | int, ...] = ()
    change: "Change | None" = None


@dataclass(frozen=True, slots=True)
class Change:
    """A message about a book: ids as in the BOOK schema, and levels of (price, size)."""

    first: int
    last: int
    previous: int
    bids: Sequence[tuple[float, float]]
    asks: Sequence[tuple[float, float]]
    is_snapshot: bool = False
    is_whole: tuple[bool, bool] = (False, False)


@dataclass(slots=True)
class EventSource:
    """`kinds` and `clock` (ns UTC, never falling) by event; `rows` the first row of each event among its kind's."""

    instruments: list[Instrument]
    kinds: NDArray[np.int64]
    clock: NDArray[np.int64]
    columns: dict[FrameKind, Columns]
    rows: dict[FrameKind, NDArray[np.int64]]
    skipped: dict[str, int] = field(default_factory=dict)
    """Messages that are of no use here, by their kind."""

    def batches(self, begin: int, end: int) -> list[Batch]:
        """Events [begin, end) in runs of one kind; positions are those behind each run."""
        kinds = self.kinds[begin:end]
        cuts = [begin, *(np.flatnonzero(kinds[1:] != kinds[:-1]) + begin + 1).tolist(), end]
        found = []
        for low, high in pairwise(cuts):
            kind = FrameKind(int(self.kinds[low]))
            first, last = self.rows[kind][low], self.rows[kind][high]
            found.append(Batch(kind, {name: column[first:last] for name, column in self.columns[kind].items()}, high))
        return found


def merged(parts: Sequence[Sequence[Event]]) -> list[Event]:
    """Events of all files by the time of their arrival (else the venue's), then by file, then by line."""
    if len(parts) == 1:
        return list(parts[0])
    return sorted(
        (event for part in parts for event in part),
        key=lambda event: event.received if event.received != _NO_TIME else event.time,
    )


def source_of(events: Sequence[Event], instruments: dict[str, Instrument], skipped: dict[str, int]) -> EventSource:
    """Columns of the events. A message without a time of the venue has the newest one that was told before it."""
    count = len(events)
    told = np.fromiter(map(attrgetter("time"), events), np.int64, count)
    received = np.fromiter(map(attrgetter("received"), events), np.int64, count)
    kinds = np.fromiter((int(event.kind) for event in events), np.int64, count)
    first = next((time for time in told.tolist() if time != _NO_TIME), int(received[0]) if count else 0)
    clock = np.maximum.accumulate(np.where(told == _NO_TIME, first, told)) if count else told
    time = np.where(told == _NO_TIME, clock, told)
    number = {symbol: int(one.instrument_id) for symbol, one in instruments.items()}
    ids = np.fromiter((number[event.symbol] for event in events), np.int64, count)
    columns = {
        FrameKind.TRADE: _trades(events, kinds, ids, time, received, clock),
        FrameKind.QUOTE: _quotes(events, kinds, ids, time, received),
        FrameKind.BOOK: _changes(events, kinds, ids, time),
    }
    widths = {kind: (kinds == int(kind)).astype(np.int64) for kind in columns}
    changes = [event.change for event in events if event.change is not None]
    widths[FrameKind.BOOK][kinds == int(FrameKind.BOOK)] = [_width(change) for change in changes]
    rows = {kind: np.concatenate([[0], np.cumsum(width)]) for kind, width in widths.items()}
    return EventSource(list(instruments.values()), kinds, clock, columns, rows, skipped)


def _width(change: Change) -> int:
    return max(1, len(change.bids) + len(change.asks))


def _trades(
    events: Sequence[Event],
    kinds: NDArray[np.int64],
    ids: NDArray[np.int64],
    time: NDArray[np.int64],
    received: NDArray[np.int64],
    clock: NDArray[np.int64],
) -> Columns:
    at = np.flatnonzero(kinds == int(FrameKind.TRADE))
    values = [events[n].values for n in at.tolist()]
    has_arrival = received[at] != _NO_TIME
    return {
        "instrument_id": ids[at],
        "event_time": time[at],
        "ingest_time": np.where(has_arrival, received[at], clock[at]),
        "price": np.array([one[0] for one in values], np.float64),
        "volume": np.full(len(at), np.nan),
        "size": np.array([one[1] for one in values], np.float64),
        "trade_id": np.array([one[2] for one in values], np.int64),
        "flags": np.where(has_arrival, 0, int(TickFlag.SOURCE_CLOCK)).astype(np.uint16),
    }


def _quotes(
    events: Sequence[Event],
    kinds: NDArray[np.int64],
    ids: NDArray[np.int64],
    time: NDArray[np.int64],
    received: NDArray[np.int64],
) -> Columns:
    at = np.flatnonzero(kinds == int(FrameKind.QUOTE))
    values = [events[n].values for n in at.tolist()]
    columns: Columns = {
        "instrument_id": ids[at],
        "event_time": time[at],
        "ingest_time": np.where(received[at] == _NO_TIME, time[at], received[at]),
    }
    for place, name in enumerate(("bid", "bid_size", "ask", "ask_size")):
        columns[name] = np.array([one[place] for one in values], np.float64)
    columns["update_id"] = np.array([one[4] for one in values], np.int64)
    return columns


def _changes(
    events: Sequence[Event], kinds: NDArray[np.int64], ids: NDArray[np.int64], time: NDArray[np.int64]
) -> Columns:
    at = np.flatnonzero(kinds == int(FrameKind.BOOK))
    changes = [change for n in at.tolist() if (change := events[n].change) is not None]
    widths = np.array([_width(change) for change in changes], np.int64)
    flags, side, price, size = [], [], [], []
    for change in changes:
        base = int(BookFlag.SNAPSHOT) if change.is_snapshot else 0
        for which, levels in enumerate((change.bids, change.asks)):
            flag = base | (int(BookFlag.WHOLE) if change.is_snapshot and change.is_whole[which] else 0)
            for level_price, level_size in levels:
                flags.append(flag)
                side.append(which)
                price.append(level_price)
                size.append(level_size)
        if not change.bids and not change.asks:
            flags.append(base)
            side.append(NO_SIDE)
            price.append(0.0)
            size.append(0.0)
        flags[-1] |= int(BookFlag.LAST)

    def of_each(values: Sequence[int]) -> NDArray[np.int64]:
        return np.repeat(np.array(values, np.int64), widths)

    return {
        "instrument_id": np.repeat(ids[at], widths),
        "event_time": np.repeat(time[at], widths),
        "first_update": of_each([change.first for change in changes]),
        "last_update": of_each([change.last for change in changes]),
        "previous_update": of_each([change.previous for change in changes]),
        "flags": np.array(flags, np.uint8),
        "side": np.array(side, np.uint8),
        "price": np.array(price, np.float64),
        "size": np.array(size, np.float64),
    }


def snapshot(
    last: int,
    bids: Sequence[tuple[float, float]],
    asks: Sequence[tuple[float, float]],
    is_whole: tuple[bool, bool] = (False, False),
) -> Change:
    """A message that replaces the book; `last` is NO_ID where the venue numbers nothing."""
    return Change(NO_ID, last, NO_ID, bids, asks, is_snapshot=True, is_whole=is_whole)
