"""Order books in CSV files: rows of snapshots and updates with their ids, and rows of whole books.

`book_updates`: one row a level (timestamp, first_update_id, last_update_id, side, price, qty; update_type `snap`
is a snapshot, anything else a change; pu). `book_snapshots`: one row a book (asks[0].price, asks[0].amount, …).
"""

import re

import numpy as np
import pyarrow as pa

from marketbell.adapters.feeds.replay.arrow import words
from marketbell.adapters.feeds.replay.events import Change, Event, snapshot
from marketbell.adapters.feeds.replay.tables import BOOK_UPDATES, Table, as_numbers
from marketbell.adapters.feeds.replay.times import parse_times
from marketbell.adapters.feeds.replay.venues import symbol_of
from marketbell.core.columns.frame import FrameKind
from marketbell.core.market.order_book import NO_ID
from marketbell.core.primitives.errors import InvalidSourceError

_PLACE = re.compile(r"^(asks|bids)\[(\d+)\]\.(price|amount)$")
_SNAPSHOT_WORDS = frozenset({"snap", "snapshot"})


def read_book_table(table: Table) -> list[Event]:
    """Messages of a file in its order. InvalidSourceError where it lacks a column or holds no level."""
    events = _updates(table) if table.format == BOOK_UPDATES else _books(table)
    if not events:
        raise InvalidSourceError(f"{table.path}: not one level of a book")
    return events


def _column(table: Table, name: str) -> pa.ChunkedArray:
    found = {key.strip().lower(): column for key, column in table.others.items()}.get(name)
    if found is None:
        raise InvalidSourceError(f"{table.path}: the column {name} is missing")
    return found


def _ids(table: Table, name: str) -> list[int]:
    """Ids do not fit float64; empty cells are NO_ID."""
    column = _column(table, name)
    if not pa.types.is_integer(column.type):
        raise InvalidSourceError(f"{table.path}: {name} holds no whole numbers")
    return [NO_ID if one is None else int(one) for one in column.to_pylist()]


def _symbols(table: Table) -> list[str]:
    column = table.known.get("symbol")
    if column is None:
        return [symbol_of(table.path)] * table.rows
    at, names = words(column)
    return [names[one] for one in at.tolist()]


def _times(table: Table) -> tuple[list[int], list[int]]:
    """The venue's time and ours of each row, ns UTC."""
    time, readable = parse_times(table.known["time"], "UTC")
    if not readable.all():
        line = int(np.argmin(readable)) + 2
        raise InvalidSourceError(f"{table.path}: line {line}: no time")
    arrival = table.known.get("ingest_time")
    received = np.full(len(time), -1, np.int64) if arrival is None else parse_times(arrival, "UTC")[0]
    return time.tolist(), received.tolist()


def _updates(table: Table) -> list[Event]:
    first, last = _ids(table, "first_update_id"), _ids(table, "last_update_id")
    names = {key.strip().lower() for key in table.others}
    previous = _ids(table, "pu") if "pu" in names else [NO_ID] * table.rows
    kinds = _column(table, "update_type").to_pylist() if "update_type" in names else [""] * table.rows
    sides = [str(side).strip().lower()[:1] for side in _column(table, "side").to_pylist()]
    prices, sizes = table.numbers("price"), table.numbers("size")
    if prices is None or sizes is None:
        raise InvalidSourceError(f"{table.path}: the columns price and qty are needed")
    if not set(sides) <= {"a", "b"}:
        raise InvalidSourceError(f"{table.path}: side must be a or b")
    symbols, (times, received) = _symbols(table), _times(table)
    events: list[Event] = []
    at = 0
    while at < table.rows:
        head = (symbols[at], times[at], first[at], last[at], kinds[at])
        end = at
        levels: dict[str, list[tuple[float, float]]] = {"a": [], "b": []}
        while end < table.rows and (symbols[end], times[end], first[end], last[end], kinds[end]) == head:
            levels[sides[end]].append((float(prices[end]), float(sizes[end])))
            end += 1
        if str(head[4]).strip().lower() in _SNAPSHOT_WORDS:
            change = snapshot(last[at], levels["b"], levels["a"])
        else:
            change = Change(first[at], last[at], previous[at], levels["b"], levels["a"])
        events.append(Event(FrameKind.BOOK, symbols[at], times[at], received[at], change=change))
        at = end
    return events


def _books(table: Table) -> list[Event]:
    columns: dict[tuple[str, str], dict[int, np.ndarray[tuple[int, ...], np.dtype[np.float64]]]] = {}
    for name, column in table.others.items():
        found = _PLACE.match(name.strip().lower())
        if found is not None:
            columns.setdefault((found[1], found[3]), {})[int(found[2])] = as_numbers(column)
    for side in ("asks", "bids"):
        if columns.get((side, "price"), {}).keys() != columns.get((side, "amount"), {"": None}).keys():
            raise InvalidSourceError(f"{table.path}: {side} need a price and an amount for every level")
    symbols, (times, received) = _symbols(table), _times(table)

    def levels(side: str, row: int) -> list[tuple[float, float]]:
        prices, amounts = columns[side, "price"], columns[side, "amount"]
        found = [(float(prices[level][row]), float(amounts[level][row])) for level in sorted(prices)]
        return [one for one in found if not np.isnan(one[0])]

    return [
        Event(
            FrameKind.BOOK,
            symbols[row],
            times[row],
            received[row],
            change=snapshot(NO_ID, levels("bids", row), levels("asks", row)),
        )
        for row in range(table.rows)
    ]
