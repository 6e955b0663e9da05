"""What a reader of the log must know before the first event: run, source, instruments, history.

A *run* is one pass of one source. Its name stands first; a stream whose state belongs to another run
begins anew there, and one that knows the run already keeps its state. So a preamble may be published
again at any time: after a lost log, or because somebody asks for it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from marketbell.core.columns.frame import FrameKind
from marketbell.core.market.instrument import Instrument
from marketbell.flows.ingest.frames import Entry, PartitionOf, document, producer_id, rows_entries, rows_slices
from marketbell.ports.feeds import Batch, FeedCard

RUN = "run"
END_OF_SOURCE = "end_of_source"
_ROWS = 4_096
_ITEMS = 500
_PRODUCER = producer_id("reference")


class Preamble:
    """Builds entries for a number of partitions; `partition_of` knows every instrument that is named."""

    def __init__(self, partitions: int, partition_of: PartitionOf, clock: int) -> None:
        self._partitions = partitions
        self._partition_of = partition_of
        self._clock = clock

    def command(self, payload: Mapping[str, Any]) -> list[Entry]:
        """A command for every partition."""
        return [
            document(FrameKind.COMMAND, partition, _PRODUCER, 0, self._clock, payload)
            for partition in range(self._partitions)
        ]

    def run(self, name: str, card: FeedCard, speed: float | None) -> list[Entry]:
        """The run and its source."""
        source = {
            "type": "source",
            "name": card.name,
            "label": card.label,
            "kind": card.kind,
            "is_simulated": card.is_simulated,
            "calendar": card.calendar,
            "speed": "max" if speed is None else speed,
        }
        entries = self.command({"type": RUN, "run": name})
        for partition in range(self._partitions):
            entries.append(document(FrameKind.REFERENCE, partition, _PRODUCER, 0, self._clock, source))
        return entries

    def instruments(self, instruments: Iterable[Instrument]) -> list[Entry]:
        """Their descriptions and, dated, the indices that they belong to."""
        known = list(instruments)
        described = [{"instrument_id": int(one.instrument_id)} | one.as_dict() for one in known]
        memberships = [
            {"instrument_id": int(one.instrument_id), "index": index, "from": self._clock, "to": None}
            for one in known
            for index in one.indices
        ]
        return self._items("instruments", described, {}) + self._items("memberships", memberships, {})

    def batches(self, batches: Sequence[Batch]) -> list[Entry]:
        """History, profiles and facts of a feed."""
        entries: list[Entry] = []
        for batch in batches:
            if batch.kind is FrameKind.REFERENCE:
                entries += self.facts(batch.payload)
                continue
            for rows in rows_slices(batch.kind, batch.columns, _ROWS):
                entries += rows_entries(
                    batch.kind,
                    rows,
                    partitions=self._partitions,
                    partition_of=self._partition_of,
                    producer=_PRODUCER,
                    first=0,
                    last=0,
                    payload=batch.payload,
                )
        return entries

    def facts(self, payload: Mapping[str, Any]) -> list[Entry]:
        """A reference payload: its items go to their instruments' partitions, else it goes to all."""
        items = payload.get("items")
        if isinstance(items, list) and items and all("instrument_id" in item for item in items):
            rest = {name: value for name, value in payload.items() if name not in {"type", "items"}}
            return self._items(str(payload["type"]), items, rest)
        return [
            document(FrameKind.REFERENCE, partition, _PRODUCER, 0, self._clock, payload)
            for partition in range(self._partitions)
        ]

    def _items(self, kind: str, items: Sequence[Mapping[str, Any]], rest: Mapping[str, Any]) -> list[Entry]:
        homes: dict[int, list[Mapping[str, Any]]] = {}
        for item in items:
            homes.setdefault(self._partition_of(int(item["instrument_id"])), []).append(item)
        return [
            document(
                FrameKind.REFERENCE,
                partition,
                _PRODUCER,
                0,
                self._clock,
                {"type": kind, **rest, "items": mine[at : at + _ITEMS]},
            )
            for partition, mine in sorted(homes.items())
            for at in range(0, len(mine), _ITEMS)
        ]


def history_of(batches: Iterable[Batch]) -> dict[str, list[dict[str, Any]]]:
    """The closed bars among a feed's reference, by timeframe, as a bar store takes them."""
    found: dict[str, list[dict[str, Any]]] = {}
    for batch in batches:
        if batch.kind is not FrameKind.BAR:
            continue
        frames = np.asarray(batch.columns["timeframe_s"])
        for seconds, timeframe in ((60, "1m"), (86_400, "1d")):
            mine = np.flatnonzero(frames == seconds)
            if len(mine):
                rows = {name: column[mine] for name, column in batch.columns.items() if name != "timeframe_s"}
                found.setdefault(timeframe, []).append(rows)
    return found
