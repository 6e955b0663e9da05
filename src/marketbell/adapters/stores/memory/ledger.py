"""The ledger in dictionaries."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import orjson

from marketbell.adapters.stores.memory.announcements import Announcement
from marketbell.core.primitives.errors import NotFoundError, OvertakenError
from marketbell.ports.stores import EVERY_FIRING, Delivery, Firing, Sought, Tally


@dataclass(slots=True)
class _Open:
    """A delivery as it lies in the outbox."""

    delivery: Delivery
    queued_at: int
    lease_until: int = 0
    begun_at: int = 0
    claims: int = 0


@dataclass(slots=True)
class _Entry:
    """A firing as it lies in the ledger."""

    firing: Firing
    planned_at: int | None = None
    deliveries: dict[str, _Open] = field(default_factory=dict)


class MemoryLedger:
    """Firings by id with their deliveries, and each shard's fence and progress."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self._outbox: dict[str, _Open] = {}
        self._progress: dict[int, tuple[str, int]] = {}
        self._fences: dict[int, int] = {}
        self._read_up_to: dict[str, int] = {}
        self._announcement = Announcement()
        self._lock = threading.Lock()

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
                values = orjson.loads(orjson.dumps(firing.values, option=orjson.OPT_SERIALIZE_NUMPY))
                recorded = replace(firing, values=values, recorded_at=firing.recorded_at or now)
                self._entries.setdefault(firing.firing_id, _Entry(recorded))
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
            found = sorted(
                (
                    entry
                    for entry in self._entries.values()
                    if entry.firing.owner_id == owner_id
                    and _is_sought(entry.firing, sought)
                    and (before is None or (entry.firing.event_time, entry.firing.firing_id) < before)
                ),
                key=lambda entry: (entry.firing.event_time, entry.firing.firing_id),
                reverse=True,
            )
            return [_told(entry) for entry in found[:limit]]

    def firing(self, owner_id: str, firing_id: str) -> tuple[Firing, list[Delivery]] | None:
        """One of the owner's firings."""
        with self._lock:
            entry = self._entries.get(firing_id)
            return _told(entry) if entry is not None and entry.firing.owner_id == owner_id else None

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

    def unplanned(self, limit: int = 500) -> list[Firing]:
        """Firings without a plan, oldest first."""
        with self._lock:
            found = [entry.firing for entry in self._entries.values() if entry.planned_at is None]
        return sorted(found, key=lambda firing: (firing.recorded_at, firing.firing_id))[:limit]

    def plan(self, firing_id: str, deliveries: Sequence[Delivery], now: int) -> None:
        """Write the outbox rows and planned_at together. A firing that has its plan keeps it."""
        with self._lock:
            entry = self._entries.get(firing_id)
            if entry is None:
                message = f"there is no firing {firing_id}"
                raise NotFoundError(message)
            if entry.planned_at is not None:
                return
            entry.planned_at = now
            taken: set[tuple[str, str]] = set()
            for delivery in deliveries:
                address = (delivery.channel, delivery.address)
                if address in taken or delivery.delivery_id in self._outbox:
                    continue
                taken.add(address)
                kept = _Open(replace(delivery, firing_id=firing_id, was_sending=False), now)
                entry.deliveries[delivery.delivery_id] = self._outbox[delivery.delivery_id] = kept
        self._announcement.announce()

    def claim(self, now: int, lease_s: float, limit: int = 100) -> list[Delivery]:
        """Take deliveries that are due, each for one taker until its lease is over."""
        with self._lock:
            due = sorted(
                (kept for kept in self._outbox.values() if _is_due(kept, now)),
                key=lambda kept: (kept.delivery.next_attempt_at, kept.delivery.delivery_id),
            )[:limit]
            claimed = []
            for kept in due:
                kept.claims += 1
                claimed.append(
                    replace(kept.delivery, state="sending", was_sending=kept.begun_at > 0, claim=kept.claims)
                )
                kept.delivery = replace(kept.delivery, state="sending")
                kept.lease_until = now + int(lease_s * 1e9)
            return claimed

    def begin(self, delivery: Delivery, now: int, lease_s: float) -> bool:
        """Say that the attempt begins now. False where it was settled or claimed again meanwhile."""
        with self._lock:
            kept = self._outbox.get(delivery.delivery_id)
            if kept is None or kept.delivery.state != "sending" or kept.claims != delivery.claim:
                return False
            kept.delivery = replace(kept.delivery, attempts=delivery.attempts)
            kept.lease_until, kept.begun_at = now + int(lease_s * 1e9), now
            return True

    def settle(self, delivery: Delivery, now: int) -> None:
        """Write the outcome of an attempt. What was sent stays sent, whoever else tried."""
        with self._lock:
            kept = self._outbox.get(delivery.delivery_id)
            if kept is None or (
                delivery.state != "sent" and (kept.delivery.state == "sent" or kept.claims != delivery.claim)
            ):
                return
            kept.delivery = replace(
                kept.delivery,
                state=delivery.state,
                attempts=max(delivery.attempts, kept.delivery.attempts),
                error=delivery.error,
                next_attempt_at=delivery.next_attempt_at,
                sent_at=delivery.sent_at or (now if delivery.state == "sent" else 0),
            )
            kept.lease_until = kept.begun_at = 0

    def oldest_unsent(self) -> int | None:
        """When the oldest firing without a plan was recorded or the oldest open delivery queued, ns."""
        with self._lock:
            times = [entry.firing.recorded_at for entry in self._entries.values() if entry.planned_at is None]
            times += [
                kept.queued_at
                for kept in self._outbox.values()
                if kept.delivery.state in {"queued", "retry", "sending"}
            ]
            return min(times, default=None)

    def mark_read(self, owner_id: str, up_to: int) -> None:
        """The owner has seen everything recorded up to that moment; never goes back."""
        with self._lock:
            self._read_up_to[owner_id] = max(up_to, self._read_up_to.get(owner_id, up_to))

    def read_up_to(self, owner_id: str) -> int:
        """What `mark_read` was told last, 0 before that."""
        with self._lock:
            return self._read_up_to.get(owner_id, 0)

    def unread(self, owner_id: str) -> int:
        """How many of the owner's firings were recorded after what was marked as read."""
        with self._lock:
            read = self._read_up_to.get(owner_id, -1)
            return sum(
                entry.firing.owner_id == owner_id and entry.firing.recorded_at > read and not entry.firing.suppressed
                for entry in self._entries.values()
            )

    def wait(self, timeout_s: float) -> bool:
        """Block until a firing or a plan was announced since the last call, or the time is over."""
        return self._announcement.wait(timeout_s)


def _told(entry: _Entry) -> tuple[Firing, list[Delivery]]:
    return entry.firing, [entry.deliveries[key].delivery for key in sorted(entry.deliveries)]


def _is_sought(firing: Firing, sought: Sought) -> bool:
    return (
        sought.rule_uid in {"", firing.rule_uid}
        and sought.instrument in {"", firing.instrument}
        and (sought.recorded_after is None or firing.recorded_at > sought.recorded_after)
    )


def _is_due(kept: _Open, now: int) -> bool:
    if kept.delivery.state == "sending":
        return kept.lease_until <= now
    return kept.delivery.state in {"queued", "retry"} and kept.delivery.next_attempt_at <= now
