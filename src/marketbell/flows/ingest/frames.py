"""Frames for the log: batches of rows cut by partition, heartbeats and JSON entries."""

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
import orjson

from marketbell.core.columns.frame import SCHEMAS, Columns, Frame, FrameKind, encode
from marketbell.core.options.chain import Chain
from marketbell.core.options.frames import chain_rows
from marketbell.core.primitives.identity import instrument_id

Entry = tuple[int, bytes]
"""A partition and an encoded frame."""

PartitionOf = Callable[[int], int]
"""From an instrument's id to its partition."""


def producer_id(name: str) -> int:
    """The number that stands for a producer in frames."""
    return int.from_bytes(blake2b(name.encode(), digest_size=4).digest(), "big")


def rows_entries(
    kind: FrameKind,
    columns: Columns,
    *,
    partitions: int,
    partition_of: PartitionOf,
    producer: int,
    first: int,
    last: int,
    payload: Mapping[str, Any] | None = None,
) -> list[Entry]:
    """Frames of one batch that moved its producer from `first` to `last`.

    Where the producer's position moved, every partition gets a frame, if need be without rows: each of
    them sees an unbroken line of positions, and none calls a quiet moment a gap.
    """
    raw = orjson.dumps(payload) if payload else b""
    count = len(columns["instrument_id"])
    if partitions == 1:
        return [(0, _rows_frame(kind, columns, 0, producer, first, last, count, raw))]
    ids, at = np.unique(columns["instrument_id"], return_inverse=True)
    homes = np.array([partition_of(int(one)) for one in ids], np.int64)[at]
    entries = []
    for partition in range(partitions):
        mine = np.flatnonzero(homes == partition)
        if not len(mine) and first == last:
            continue
        cut = {name: column[mine] for name, column in columns.items()}
        entries.append((partition, _rows_frame(kind, cut, partition, producer, first, last, len(mine), raw)))
    return entries


def _rows_frame(
    kind: FrameKind, columns: Columns, partition: int, producer: int, first: int, last: int, count: int, raw: bytes
) -> bytes:
    times = columns.get("event_time", columns.get("start"))
    low, high = (int(times.min()), int(times.max())) if times is not None and count else (0, 0)
    return encode(Frame(kind, partition, producer, first, last, low, high, count, columns, raw))


def rows_slices(kind: FrameKind, columns: Columns, size: int) -> list[Columns]:
    """The batch in pieces of at most `size` rows. Books and chains stay whole: a frame holds whole messages."""
    count = len(columns["instrument_id"])
    if count <= size or kind in {FrameKind.DEPTH, FrameKind.BOOK, FrameKind.CHAIN}:
        return [columns]
    return [{name: column[at : at + size] for name, column in columns.items()} for at in range(0, count, size)]


def chain_entries(
    chains: Sequence[Chain], *, partitions: int, partition_of: PartitionOf, producer: int, first: int
) -> list[Entry]:
    """Frames of option chains, one a chain, of a producer that stands at `first` and moves by one with each."""
    entries: list[Entry] = []
    for number, chain in enumerate(chains):
        columns, payload = chain_rows(chain, instrument_id(chain.underlying))
        entries += rows_entries(
            FrameKind.CHAIN,
            columns,
            partitions=partitions,
            partition_of=partition_of,
            producer=producer,
            first=first + number,
            last=first + number + 1,
            payload=payload,
        )
    return entries


def heartbeat(partition: int, producer: int, position: int, clock: int) -> Entry:
    """The venue's (source's) time, ns UTC, and how far the producer is."""
    return partition, encode(Frame(FrameKind.HEARTBEAT, partition, producer, position, position, clock, clock, 0))


def document(
    kind: FrameKind, partition: int, producer: int, position: int, clock: int, payload: Mapping[str, Any]
) -> Entry:
    """A COMMAND or REFERENCE entry."""
    raw = orjson.dumps(payload, option=orjson.OPT_SERIALIZE_NUMPY)
    return partition, encode(Frame(kind, partition, producer, position, position, clock, clock, 0, {}, raw))


def trade_columns(rows: Mapping[str, Any]) -> Columns:
    """TRADE columns with the schema's types from arrays or lists; columns that are absent stay absent."""
    return {name: np.asarray(rows[name], dtype) for name, dtype in SCHEMAS[FrameKind.TRADE] if name in rows}
