"""What a shard group tells stage two: the messages of one group, made at entries of its log.

`tell` is called at log entries that every group has (heartbeats), with the rows that changed since the call
before. Times then follow from the log alone: the log's own, and where that stands still (a paused source) one
nanosecond more than before, so that no message speaks of a time that an earlier one has closed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketbell.core.columns.rows import ChangedRows
from marketbell.core.market.instrument import Instrument


class Teller:
    """One group's voice. `names` are the columns that it tells; `heartbeat` and `position` belong into its checkpoint.

    `event_time` (int64 ns, 0 unknown) is told beside them and must not be among `names`.
    """

    def __init__(
        self,
        group: str,
        names: Sequence[str],
        *,
        epoch: str = "",
        fence: int = 0,
        position: int = 0,
        heartbeat: int = 0,
    ) -> None:
        self.group, self.names = group, tuple(names)
        self.epoch, self.fence = epoch, fence
        self.position, self.heartbeat = position, heartbeat
        self._told: dict[str, Instrument] = {}

    def tell(
        self,
        rows: NDArray[np.int64],
        columns: Mapping[str, NDArray[Any]],
        instruments: Sequence[Instrument],
        *,
        position: int,
        now: int,
        is_full: bool = False,
    ) -> ChangedRows:
        """The message at log time `now` (ns UTC) behind the log entry `position`.

        `instruments` are all of the group's, by row; `columns[name][n]` is the value of row `rows[n]`. Columns
        that are missing are not told. Instruments that are new or renewed among `rows` go along (the engine counts
        their rows as changed). With `is_full`, `rows` must be all rows; it may be told at the position of the
        message before, and belongs behind every restart: what changed since the checkpoint is in it.
        """
        at = max(now, self.heartbeat + 1)
        names = tuple(name for name in self.names if name in columns)
        mine = [instruments[row] for row in rows.tolist()]
        told = mine if is_full else [one for one in mine if self._told.get(one.key) != one]
        self._told.update((one.key, one) for one in told)
        message = ChangedRows(
            group=self.group,
            first=self.position,
            last=position,
            heartbeat=at,
            at=np.full(len(rows), at, np.int64),
            instrument_id=np.array([int(one.instrument_id) for one in mine], np.int64),
            event_time=np.asarray(columns["event_time"], np.int64),
            names=names,
            values=np.array([np.asarray(columns[name], np.float64) for name in names]).reshape(len(names), len(rows)),
            epoch=self.epoch,
            fence=self.fence,
            instruments=tuple(one.as_dict() for one in told),
            defined_at=at if told else 0,
            is_full=is_full,
        )
        self.position, self.heartbeat = position, at
        return message
