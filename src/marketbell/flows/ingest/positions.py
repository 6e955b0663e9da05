"""Where a source goes on: after a crash of ours, and after a log that was lost.

The bus remembers each partition's position beside the log (and in the newest frame, where that is the
source's). Where partitions differ, the source goes back to the smallest and its batches are cut at the
others (barriers), so that no frame spans a position at which a reader stands.
"""

from dataclasses import dataclass
from typing import Any

import orjson

from marketbell.core.columns.frame import decode
from marketbell.core.primitives.errors import CorruptFrameError
from marketbell.core.primitives.shards import ALL_SHARDS, Shards
from marketbell.flows.ingest.log import LogWriter
from marketbell.ports.cache import Cache

RESUME_KEY = "log:resume:"
"""Cache keys, with the shards behind: where the part of the stream stands whose log was lost."""


@dataclass(frozen=True, slots=True)
class Place:
    """Go on behind `position`; cut batches at `barriers`."""

    position: int
    barriers: tuple[int, ...] = ()

    @classmethod
    def of(cls, positions: list[int]) -> "Place":
        """The place from the positions of all partitions."""
        ordered = sorted(set(positions))
        return cls(ordered[0], tuple(ordered[1:]))


def published(log: LogWriter, producer: int) -> Place | None:
    """How far the log has this producer; None where it never wrote. Raises BusUnavailableError."""
    found = []
    for partition in range(log.partitions):
        position = log.recall(f"{producer}", partition)
        newest = log.newest(partition)
        if newest is not None:
            try:
                frame = decode(newest)
            except CorruptFrameError:
                frame = None
            if frame is not None and frame.producer == producer:
                position = max(position or 0, frame.last_seq)
        if position is None:
            return None
        found.append(position)
    return Place.of(found)


def applied(cache: Cache, run: str, producer: int) -> Place | None:
    """Where the stream, which waits for a log, stands in this run; None until every shard's owner says so.

    A stream without any state says so too: it wants the run from its beginning. What it said is taken back
    when it has found its log. Raises BusUnavailableError.
    """
    found = []
    told: set[int] = set()
    for key in cache.keys(RESUME_KEY):
        raw = cache.get(key)
        if raw is None:
            continue
        said: dict[str, Any] = orjson.loads(raw)
        if said.get("run") not in {run, ""}:
            return None
        told.update(Shards.parse(said["shards"]))
        found.append(int(said.get("producers", {}).get(str(producer), 0)))
    return Place.of(found) if told.issuperset(ALL_SHARDS) else None
