"""Changed rows of a shard group, packed: what stage two reads from the topic `changes`.

One message says: "with this my log is told up to `heartbeat`; these rows changed". It travels in a frame
of kind ROWS, whose payload is a JSON head (length first, padded to 8 bytes) and the values as one block
of float64, column after column. The head of the columns is the same from message to message.
"""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketbell.core.columns.frame import Frame, FrameKind
from marketbell.core.primitives.errors import CorruptFrameError

_LENGTH = struct.Struct("<I")
_ALIGN = 8


def _no_times() -> NDArray[np.int64]:
    return np.empty(0, np.int64)


def _no_values() -> NDArray[np.float64]:
    return np.empty((0, 0))


@dataclass(frozen=True, slots=True)
class ChangedRows:
    """A message of one group: rows as they were at the log's times `at`. Times in ns UTC.

    `group` names the unit of ownership (what one lease covers: a partition, a range of shards), `fence` is its
    owner's fencing number, `epoch` the log's. `first` and `last` are positions in the log before and after
    this message: the next message begins where this one ended.

    `heartbeat` is a promise: no later message of the group holds a row with `at` at or before it. `at` is
    never behind the heartbeat of the message before and never ahead of this one's; it does not fall.
    It is a time of the log (that of the heartbeat or tick after which the row was read), not of the message,
    so it does not depend on when and how often messages are made.

    `values[c, n]` is column `names[c]` of row `n`; unknown is NaN. `event_time` is the row's own (0 unknown):
    int64, because float64 does not hold nanoseconds. `instruments` (as `Instrument.as_dict`) are defined or
    renewed as of `defined_at`. `is_full`: the rows are all that the group has, and `instruments` all of them.
    """

    group: str
    first: int
    last: int
    heartbeat: int
    at: NDArray[np.int64] = field(default_factory=_no_times)
    instrument_id: NDArray[np.int64] = field(default_factory=_no_times)
    event_time: NDArray[np.int64] = field(default_factory=_no_times)
    names: tuple[str, ...] = ()
    values: NDArray[np.float64] = field(default_factory=_no_values)
    epoch: str = ""
    fence: int = 0
    instruments: tuple[Mapping[str, Any], ...] = ()
    defined_at: int = 0
    is_full: bool = False


def rows_frame(message: ChangedRows, partition: int = 0) -> Frame:
    """The message as a frame, for `frame.encode`. ValueError where shapes do not fit (a programmer's error)."""
    count = len(message.at)
    if message.values.shape != (len(message.names), count) and (count or message.values.size):
        text = f"values are {message.values.shape}, not {(len(message.names), count)}"
        raise ValueError(text)
    head = {
        "group": message.group,
        "epoch": message.epoch,
        "fence": message.fence,
        "names": message.names,
        "instruments": message.instruments,
        "defined_at": message.defined_at,
        "is_full": message.is_full,
    }
    packed = json.dumps(head, separators=(",", ":")).encode()
    padding = b" " * (-(_LENGTH.size + len(packed)) % _ALIGN)
    packed += padding
    matrix = np.ascontiguousarray(message.values, "<f8").tobytes()
    return Frame(
        kind=FrameKind.ROWS,
        partition=partition,
        producer=0,
        first_seq=message.first,
        last_seq=message.last,
        event_min=int(message.at[0]) if count else message.heartbeat,
        event_max=message.heartbeat,
        count=count,
        columns={"at": message.at, "instrument_id": message.instrument_id, "event_time": message.event_time},
        payload=_LENGTH.pack(len(packed)) + packed + matrix,
    )


def changed_rows(frame: Frame) -> ChangedRows:
    """The inverse. Columns are read-only views. CorruptFrameError where the payload is not of this form."""
    if frame.kind is not FrameKind.ROWS or len(frame.payload) < _LENGTH.size:
        message = f"a frame of kind {frame.kind.name} holds no changed rows"
        raise CorruptFrameError(message)
    (length,) = _LENGTH.unpack_from(frame.payload)
    start = _LENGTH.size + length
    try:
        head = json.loads(frame.payload[_LENGTH.size : start])
        names = tuple(head["names"])
        size = len(names) * frame.count
        values = np.frombuffer(frame.payload, "<f8", size, start) if size else np.empty(0)
        return ChangedRows(
            group=head["group"],
            first=frame.first_seq,
            last=frame.last_seq,
            heartbeat=frame.event_max,
            at=np.asarray(frame.columns["at"], np.int64),
            instrument_id=np.asarray(frame.columns["instrument_id"], np.int64),
            event_time=np.asarray(frame.columns["event_time"], np.int64),
            names=names,
            values=values.reshape(len(names), frame.count),
            epoch=head["epoch"],
            fence=head["fence"],
            instruments=tuple(head["instruments"]),
            defined_at=head["defined_at"],
            is_full=head["is_full"],
        )
    except (KeyError, TypeError, ValueError) as error:
        message = f"changed rows that cannot be read: {error}"
        raise CorruptFrameError(message) from error
