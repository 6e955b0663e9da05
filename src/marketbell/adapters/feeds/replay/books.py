"""Recordings of order books to one source: raw streams and CSV files, merged by the time of arrival."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from marketbell.adapters.feeds.replay.binance import instruments_of, is_stream, read_stream
from marketbell.adapters.feeds.replay.book_tables import read_book_table
from marketbell.adapters.feeds.replay.events import EventSource, merged, source_of
from marketbell.adapters.feeds.replay.tables import STREAM, SUFFIXES, Table
from marketbell.adapters.feeds.replay.venues import Sessions

_ROUND_THE_CLOCK = "24/7"


def is_raw(path: Path, forced: str | None) -> bool:
    """Whether the file is a raw stream: it is said to be one, or it is no table and begins like one."""
    return forced == STREAM or (forced is None and not path.name.endswith(SUFFIXES) and is_stream(path))


def read_books(
    streams: Sequence[Path], tables: Sequence[Table], calendar: str | None, sessions: Sessions
) -> EventSource:
    """Every event of the files. Without a calendar the venue is open round the clock."""
    calendar = calendar or _ROUND_THE_CLOCK
    sessions(calendar)
    parts, skipped = [], Counter[str]()
    for path in streams:
        events, left_out = read_stream(path)
        parts.append(events)
        skipped.update(left_out)
    parts += [read_book_table(table) for table in tables]
    events = merged(parts)
    return source_of(events, instruments_of(events, calendar), dict(skipped))
