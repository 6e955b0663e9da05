"""The ledger in dictionaries: what fired, how far the shards are, what was read. Its outbox is in deliveries.py."""

import time
from collections.abc import Sequence
from dataclasses import replace

import orjson

from marketbell.adapters.stores.memory.deliveries import Deliveries, Entry, Open
from marketbell.core.primitives.errors import OvertakenError
from marketbell.ports.ledger import (
    ENDED_STATES,
    EVERY_FIRING,
    Delivery,
    Firing,
    Grouped,
    History,
    Sought,
    Tally,
)

NAMED_INSTRUMENTS = 20
"""Instruments that a group of firings names."""


class MemoryLedger(Deliveries):
    """Firings by id with their deliveries, and each shard's fence and progress."""

    def __init__(self) -> None:
        super().__init__()
        self._archived: dict[str, Entry] = {}
        self._progress: dict[int, tuple[str, int]] = {}
        self._fences: dict[int, int] = {}
        self._reads: dict[str, dict[int, int]] = {}

    def raise_fence(self, shards: Sequence[int], above: int = 0) -> int:
        """Become the one writer of these shards."""
        with self._lock:
            fence = max(above, *(self._fences.get(shard, 0) for shard in shards)) + 1
            self._fences.update(dict.fromkeys(shards, fence))
            return fence

    def fences(self, shards: Sequence[int]) -> list[int]:
        """The fence of each shard."""
        with self._lock:
            return [self._fences.get(shard, 0) for shard in shards]

    def append(self, firings: Sequence[Firing], shards: Sequence[int], epoch: str, offset: int, fence: int = 0) -> int:
        """Write firings and progress together; how many firings were new."""
        now = time.time_ns()
        with self._lock:
            if any(self._fences.get(shard, 0) > fence for shard in shards):
                raise OvertakenError
            before = len(self._entries)
            for firing in firings:
                if firing.firing_id in self._archived:
                    continue
                values = orjson.loads(orjson.dumps(firing.values, option=orjson.OPT_SERIALIZE_NUMPY))
                recorded = replace(firing, values=values, recorded_at=firing.recorded_at or now)
                self._entries.setdefault(firing.firing_id, Entry(recorded))
            for shard in shards:
                old_epoch, old_offset = self._progress.get(shard, (epoch, offset))
                self._progress[shard] = (epoch, max(offset, old_offset) if epoch == old_epoch else offset)
            new = len(self._entries) - before
        if new:
            self._announcement.announce()
        return new

    def progress(self, shard: int) -> tuple[str, int] | None:
        """Epoch and offset up to which the shard's firings are here."""
        with self._lock:
            return self._progress.get(shard)

    def firings(
        self,
        owner_id: str,
        limit: int = 50,
        before: tuple[int, str] | None = None,
        sought: Sought = EVERY_FIRING,
    ) -> list[tuple[Firing, list[Delivery]]]:
        """Newest first by (event_time, firing_id), each with its deliveries."""
        with self._lock:
            found = self._sought(owner_id, sought)
            return [_told(entry) for entry in found if before is None or _place(entry) < before][:limit]

    def groups(
        self,
        owner_id: str,
        limit: int = 50,
        before: tuple[int, str] | None = None,
        sought: Sought = EVERY_FIRING,
    ) -> list[Grouped]:
        """Each rule's newest, with how many there are."""
        read = self.read_up_to(owner_id)
        with self._lock:
            by_rule: dict[str, list[Entry]] = {}
            for entry in self._sought(owner_id, sought):
                by_rule.setdefault(entry.firing.rule_uid, []).append(entry)
            grouped = [
                Grouped(
                    several[0].firing,
                    tuple(_told(several[0])[1]),
                    len(several),
                    sum(one.firing.recorded_at > read and not one.firing.suppressed for one in several),
                    tuple(sorted({one.firing.instrument for one in several})[:NAMED_INSTRUMENTS]),
                )
                for several in by_rule.values()
            ]
        grouped.sort(key=lambda one: (one.firing.event_time, one.firing.firing_id), reverse=True)
        return [one for one in grouped if before is None or (one.firing.event_time, one.firing.firing_id) < before][
            :limit
        ]

    def firing(self, owner_id: str, firing_id: str) -> tuple[Firing, list[Delivery]] | None:
        """One of the owner's firings."""
        with self._lock:
            entry = self._entries.get(firing_id)
            return _told(entry) if entry is not None and entry.firing.owner_id == owner_id else None

    def history(self, owner_id: str, firing_id: str) -> History | None:
        """What happened to one of the owner's firings."""
        with self._lock:
            entry = self._entries.get(firing_id) or self._archived.get(firing_id)
            if entry is None or entry.firing.owner_id != owner_id:
                return None
            _, deliveries = _told(entry)
            carrying: dict[str, Open] = {}
            ids = {one.carried_by for one in deliveries if one.carried_by}
            while ids:  # one that waited again may be carried itself
                found = {key: self._outbox[key] for key in ids if key in self._outbox}
                carrying |= found
                ids = {one.delivery.carried_by for one in found.values() if one.delivery.carried_by}
            carriers = [one.delivery for one in sorted(carrying.values(), key=lambda one: one.seq)]
            events = [event for one in (*deliveries, *carriers) for event in self._events.get(one.delivery_id, [])]
            reads = self._reads.get(owner_id, {})
            seen = [at for up_to, at in reads.items() if up_to >= entry.firing.recorded_at]
            return History(
                entry.firing,
                entry.planned_at or 0,
                entry.decision,
                entry.reason,
                tuple(deliveries),
                tuple(carriers),
                tuple(event for _, event in sorted(events, key=lambda numbered: (numbered[1].at, numbered[0]))),
                min(seen, default=0),
            )

    def tallies(self, owner_id: str) -> dict[str, Tally]:
        """By rule_uid, of the owner's rules that ever fired."""
        found: dict[str, Tally] = {}
        with self._lock:
            for entry in self._entries.values():
                firing = entry.firing
                if firing.owner_id == owner_id and not firing.suppressed:
                    known = found.get(firing.rule_uid, Tally(0, firing.event_time))
                    found[firing.rule_uid] = Tally(known.count + 1, max(known.last, firing.event_time))
        return found

    def mark_read(self, owner_id: str, up_to: int, now: int = 0) -> None:
        """The owner has seen everything recorded up to that moment; never goes back."""
        with self._lock:
            reads = self._reads.setdefault(owner_id, {})
            if up_to > max(reads, default=-1):
                reads[up_to] = now or time.time_ns()

    def read_up_to(self, owner_id: str) -> int:
        """What `mark_read` was told last, 0 before that."""
        with self._lock:
            return max(self._reads.get(owner_id, {}), default=0)

    def unread(self, owner_id: str) -> int:
        """How many of the owner's firings were recorded after what was marked as read."""
        with self._lock:
            read = max(self._reads.get(owner_id, {}), default=-1)
            return sum(
                entry.firing.owner_id == owner_id and entry.firing.recorded_at > read and not entry.firing.suppressed
                for entry in self._entries.values()
            )

    def archive(self, before: int, limit: int = 1_000) -> int:
        """Move what is old and over out of the way."""
        with self._lock:
            old = [
                entry
                for entry in sorted(self._entries.values(), key=lambda one: one.firing.recorded_at)
                if entry.firing.recorded_at < before
                and entry.planned_at is not None
                and all(kept.delivery.state in ENDED_STATES for kept in entry.deliveries.values())
            ][:limit]
            for entry in old:
                self._archived[entry.firing.firing_id] = self._entries.pop(entry.firing.firing_id)
                for delivery_id in entry.deliveries:
                    del self._outbox[delivery_id]
            return len(old)

    def _sought(self, owner_id: str, sought: Sought) -> list[Entry]:
        found = [
            entry for entry in self._entries.values() if entry.firing.owner_id == owner_id and _is_sought(entry, sought)
        ]
        return sorted(found, key=_place, reverse=True)


def _place(entry: Entry) -> tuple[int, str]:
    return entry.firing.event_time, entry.firing.firing_id


def _told(entry: Entry) -> tuple[Firing, list[Delivery]]:
    kept = sorted(entry.deliveries.values(), key=lambda one: one.seq)
    return entry.firing, [one.delivery for one in kept]


def _is_sought(entry: Entry, sought: Sought) -> bool:
    firing = entry.firing
    return (
        sought.rule_uid in {"", firing.rule_uid}
        and sought.instrument in {"", firing.instrument}
        and sought.severity in {"", firing.severity}
        and (sought.recorded_after is None or firing.recorded_at > sought.recorded_after)
        and (not sought.state or any(kept.delivery.state == sought.state for kept in entry.deliveries.values()))
    )
