"""Packed frames: columns of one kind of event behind a versioned header with a checksum.

Layout, little endian: a 64-byte header, then one block of raw column bytes after the other in
schema order. A column that holds nothing is left out and its bit in `present` is 0. Text payloads
(commands, reference values) are one `payload` block of UTF-8 JSON.
"""

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from marketbell.core.primitives.errors import CorruptFrameError

MAGIC = b"MBF1"
VERSION = 1
_HEADER = struct.Struct("<4sBBHIIQQQqqII")
HEADER_BYTES = _HEADER.size

Columns = dict[str, NDArray[np.generic]]


class FrameKind(IntEnum):
    """What the rows of a frame are."""

    TRADE = 1
    QUOTE = 2
    DEPTH = 3
    BAR = 4
    HEARTBEAT = 5
    COMMAND = 6
    REFERENCE = 7
    PROFILE = 8
    BOOK = 9
    ROWS = 10
    CHAIN = 11


SCHEMAS: Mapping[FrameKind, tuple[tuple[str, str], ...]] = {
    # `volume` is cumulative for the session (NaN where the feed has none); `size` is the trade's
    # own (left out for cumulative feeds); `flags`: see TickFlag in core/quality.
    FrameKind.TRADE: (
        ("instrument_id", "<i8"),
        ("event_time", "<i8"),
        ("ingest_time", "<i8"),
        ("price", "<f8"),
        ("volume", "<f8"),
        ("size", "<f8"),
        ("trade_id", "<i8"),
        ("flags", "<u2"),
    ),
    # `update_id`: the venue's number of the book's state that the quote shows, -1 or left out where it has none.
    FrameKind.QUOTE: (
        ("instrument_id", "<i8"),
        ("event_time", "<i8"),
        ("ingest_time", "<i8"),
        ("bid", "<f8"),
        ("bid_size", "<f8"),
        ("ask", "<f8"),
        ("ask_size", "<f8"),
        ("update_id", "<i8"),
    ),
    # One row a level; `side` 0 bid, 1 ask; `level` 0 is the best. A frame replaces the whole book
    # of each instrument that it names.
    FrameKind.DEPTH: (
        ("instrument_id", "<i8"),
        ("event_time", "<i8"),
        ("side", "|u1"),
        ("level", "|u1"),
        ("price", "<f8"),
        ("size", "<f8"),
    ),
    # Changes of order books as the venue sends them: one row a level (`side` 0 bid, 1 ask, 2 none: the message has
    # no level), size 0 removes it. Rows of a message stand together and bear its ids, -1 where the venue has none;
    # `flags`: BookFlag in core/market/order_book.py, LAST on the last row of each message. Frames hold whole messages.
    FrameKind.BOOK: (
        ("instrument_id", "<i8"),
        ("event_time", "<i8"),
        ("first_update", "<i8"),
        ("last_update", "<i8"),
        ("previous_update", "<i8"),
        ("flags", "|u1"),
        ("side", "|u1"),
        ("price", "<f8"),
        ("size", "<f8"),
    ),
    # Closed bars known from elsewhere. `timeframe_s` 60 or 86400; `start` ns UTC; `prev_close` the venue's
    # own, where the source gives one. A payload {"role": "source"} says that these bars are the market
    # itself (a replayed bar file), {"role": "past", …} that they are what the store kept of this market, for
    # who begins to watch (core/engine/past_bars.py: also longer bars); without a role they are history.
    FrameKind.BAR: (
        ("instrument_id", "<i8"),
        ("timeframe_s", "<i4"),
        ("start", "<i8"),
        ("open", "<f8"),
        ("high", "<f8"),
        ("low", "<f8"),
        ("close", "<f8"),
        ("volume", "<f8"),
        ("prev_close", "<f8"),
        ("trades", "<i8"),
        ("vwap", "<f8"),
    ),
    FrameKind.HEARTBEAT: (),
    FrameKind.COMMAND: (),
    FrameKind.REFERENCE: (),
    # Changed rows of a shard group for stage two; their values are in the payload: see rows.py.
    FrameKind.ROWS: (("at", "<i8"), ("instrument_id", "<i8"), ("event_time", "<i8")),
    # An option chain of one underlying (`instrument_id`), expiry and moment (`event_time`): two rows a strike, all
    # calls (`side` 0), then all puts (1) in the same order. A frame holds one whole chain; what is said once of it is
    # in the payload (core/options/frames.py). A frame without rows carries its producer's position only.
    FrameKind.CHAIN: (
        ("instrument_id", "<i8"),
        ("event_time", "<i8"),
        ("strike", "<f8"),
        ("side", "|u1"),
        ("last", "<f8"),
        ("bid", "<f8"),
        ("ask", "<f8"),
        ("bid_size", "<f8"),
        ("ask_size", "<f8"),
        ("volume", "<f8"),
        ("oi", "<f8"),
        ("oi_change", "<f8"),
        ("prev_close", "<f8"),
        ("published_iv", "<f8"),
        ("quote_time", "<i8"),
    ),
    # Volume of the same minute on earlier days: count, mean, sum of squared deviations.
    FrameKind.PROFILE: (
        ("instrument_id", "<i8"),
        ("minute", "<u2"),
        ("count", "<u4"),
        ("mean", "<f8"),
        ("m2", "<f8"),
    ),
}


@dataclass(frozen=True, slots=True)
class Frame:
    """One entry of a shard's ordered log.

    `first_seq` and `last_seq` are the producer's own positions before and after the frame: a
    replayed or repeated frame is recognised by them. `event_min` and `event_max` are nanoseconds
    UTC; for a heartbeat both hold the venue's time.
    """

    kind: FrameKind
    partition: int
    producer: int
    first_seq: int
    last_seq: int
    event_min: int
    event_max: int
    count: int
    columns: Columns = field(default_factory=dict)
    payload: bytes = b""


def encode(frame: Frame) -> bytes:
    """Pack a frame. Columns are cast to the schema's type; unknown names are a programmer's error."""
    schema = SCHEMAS[frame.kind]
    unknown = set(frame.columns) - {name for name, _ in schema}
    if unknown:
        message = f"frame {frame.kind.name} has no column {sorted(unknown)}"
        raise ValueError(message)
    present = 0
    blocks: list[bytes] = []
    for bit, (name, dtype) in enumerate(schema):
        column = frame.columns.get(name)
        if column is None:
            continue
        if len(column) != frame.count:
            message = f"column {name} has {len(column)} rows, the frame {frame.count}"
            raise ValueError(message)
        present |= 1 << bit
        blocks.append(np.ascontiguousarray(column, dtype=dtype).tobytes())
    blocks.append(frame.payload)
    body = b"".join(blocks)
    header = _HEADER.pack(
        MAGIC,
        VERSION,
        frame.kind,
        present,
        frame.count,
        frame.partition,
        frame.producer,
        frame.first_seq,
        frame.last_seq,
        frame.event_min,
        frame.event_max,
        len(body),
        zlib.crc32(body),
    )
    return header + body


def decode(data: bytes) -> Frame:
    """Unpack a frame without copying its columns (the arrays are read-only views).

    Raises CorruptFrameError where magic, version, length or checksum are wrong.
    """
    if len(data) < HEADER_BYTES:
        message = f"{len(data)} bytes are too few for a frame"
        raise CorruptFrameError(message)
    (magic, version, kind, present, count, partition, producer, first_seq, last_seq, low, high, length, crc) = (
        _HEADER.unpack_from(data)
    )
    if magic != MAGIC or version != VERSION or kind not in SCHEMAS:
        message = f"unknown frame: magic {magic!r}, version {version}, kind {kind}"
        raise CorruptFrameError(message)
    body = memoryview(data)[HEADER_BYTES:]
    if len(body) != length or zlib.crc32(body) != crc:
        raise CorruptFrameError
    columns: Columns = {}
    at = HEADER_BYTES
    for bit, (name, dtype) in enumerate(SCHEMAS[FrameKind(kind)]):
        if present >> bit & 1:
            columns[name] = np.frombuffer(data, dtype=dtype, count=count, offset=at)
            at += columns[name].nbytes
    return Frame(FrameKind(kind), partition, producer, first_seq, last_seq, low, high, count, columns, bytes(data[at:]))
