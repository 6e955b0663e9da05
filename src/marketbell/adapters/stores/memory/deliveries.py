"""The outbox in dictionaries: plans, what is held and gathered, claims, outcomes, dead letters."""

import itertools
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from marketbell.adapters.stores.memory.announcements import Announcement
from marketbell.core.alerts.grouping import Window
from marketbell.core.alerts.limits import Told
from marketbell.core.alerts.plan import IN_APP
from marketbell.core.primitives.errors import NotFoundError
from marketbell.ports.ledger import (
    ENDED_STATES,
    EVERY_DEAD,
    OPEN_STATES,
    ChannelFigures,
    Counts,
    DeadDelivery,
    DeadSought,
    Delivery,
    Event,
    Figures,
    Firing,
    Gathering,
    Plan,
    Planning,
)

MOST_GATHERED = 2_000
"""Held deliveries that one message tells at most."""


@dataclass(slots=True)
class Open:
    """A delivery as it lies in the outbox."""

    delivery: Delivery
    owner_id: str
    queued_at: int
    seq: int
    lease_until: int = 0
    begun_at: int = 0
    claims: int = 0
    ended_at: int = 0


@dataclass(slots=True)
class Entry:
    """A firing as it lies in the ledger."""

    firing: Firing
    planned_at: int | None = None
    decision: str = ""
    reason: str = ""
    deliveries: dict[str, Open] = field(default_factory=dict)


class Deliveries:
    """Deliveries by id, with the counts that planning goes by and the events of each."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._outbox: dict[str, Open] = {}
        self._events: dict[str, list[tuple[int, Event]]] = {}
        self._counts: dict[tuple[str, str, str], Told] = {}
        self._windows: dict[tuple[str, str, str, str], Window] = {}
        self._numbers = itertools.count(1)
        self._announcement = Announcement()
        self._lock = threading.Lock()

    # --- planning --------------------------------------------------------------------------------

    def unplanned(self, limit: int = 500) -> list[Firing]:
        """Firings without a plan, oldest first."""
        with self._lock:
            found = [entry.firing for entry in self._entries.values() if entry.planned_at is None]
        return sorted(found, key=lambda firing: (firing.recorded_at, firing.firing_id))[:limit]

    def plan(self, firing_id: str, deliveries: Sequence[Delivery], now: int) -> None:
        """Write the outbox rows and planned_at together. A firing that has its plan keeps it."""
        with self._lock:
            if firing_id not in self._entries:
                message = f"there is no firing {firing_id}"
                raise NotFoundError(message)
            if self._entries[firing_id].planned_at is not None:
                return
            self._write(Plan(firing_id, tuple(deliveries)), now)
        self._announcement.announce()

    def plan_batch(self, firing_ids: Sequence[str], now: int, decide: Planning) -> int:
        """Plan several firings together, and keep what was counted."""
        with self._lock:
            wanted = [self._entries[key] for key in dict.fromkeys(firing_ids) if key in self._entries]
            firings = sorted(
                (entry.firing for entry in wanted if entry.planned_at is None),
                key=lambda one: (one.recorded_at, one.event_time, one.firing_id),
            )
            if not firings:
                return 0
            rules = {(one.owner_id, one.rule_uid) for one in firings}
            counts = Counts(
                {key: told for key, told in self._counts.items() if key[:2] in rules},
                {key: window for key, window in self._windows.items() if key[:2] in rules},
            )
            plans = decide(firings, counts)
            for plan in plans:
                self._write(plan, now)
            self._counts |= counts.told
            self._windows |= counts.windows
        self._announcement.announce()
        return len(plans)

    def gather(self, now: int, decide: Gathering, limit: int = 100) -> int:
        """Let groups of held deliveries go whose time has come."""
        with self._lock:
            groups: dict[tuple[str, str, str, str], list[Open]] = {}
            for kept in sorted(self._outbox.values(), key=lambda one: one.seq):
                one = kept.delivery
                if one.state == "held" and one.next_attempt_at <= now:
                    groups.setdefault((kept.owner_id, one.channel, one.address, one.gather), []).append(kept)
            # they stand in the order of planning already, which decides between groups of one time
            chosen = sorted(groups.values(), key=lambda group: min(one.delivery.next_attempt_at for one in group))[
                :limit
            ]
            for group in chosen:
                for decided in decide([kept.delivery for kept in group[:MOST_GATHERED]]):
                    self._release(decided, now)
        if chosen:
            self._announcement.announce()
        return len(chosen)

    # --- sending ---------------------------------------------------------------------------------

    def claim(self, now: int, lease_s: float, limit: int = 100) -> list[Delivery]:
        """Take deliveries that are due, each for one taker until its lease is over."""
        with self._lock:
            due = sorted(
                (kept for kept in self._outbox.values() if _is_due(kept, now)),
                key=lambda kept: (kept.delivery.next_attempt_at, kept.seq),
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
            self._happened(kept, now, "began", delivery.attempts)
            return True

    def settle(self, delivery: Delivery, now: int, follow: Sequence[Delivery] = ()) -> None:
        """Write the outcome of an attempt, and what comes of it. What was sent stays sent, whoever else tried."""
        with self._lock:
            kept = self._outbox.get(delivery.delivery_id)
            if kept is None or (
                delivery.state != "sent" and (kept.delivery.state == "sent" or kept.claims != delivery.claim)
            ):
                return
            has_begun = kept.begun_at > 0
            kept.delivery = replace(
                kept.delivery,
                state=delivery.state,
                attempts=max(delivery.attempts, kept.delivery.attempts),
                error=delivery.error,
                next_attempt_at=delivery.next_attempt_at,
                sent_at=delivery.sent_at or (now if delivery.state == "sent" else 0),
                gather=delivery.gather,
                reference=delivery.reference,
            )
            kept.lease_until = kept.begun_at = 0
            kept.ended_at = now if delivery.state in ENDED_STATES else 0
            if has_begun or delivery.state not in OPEN_STATES:
                self._happened(kept, now, delivery.state, delivery.attempts, delivery.error or delivery.reference)
            entry = self._entries[kept.delivery.firing_id]
            for one in follow:
                self._put(entry, one, now)
        if follow:
            self._announcement.announce()

    def oldest_unsent(self, now: int | None = None) -> int | None:
        """When the oldest firing without a plan was recorded or the oldest open delivery queued, ns."""
        with self._lock:
            times = [entry.firing.recorded_at for entry in self._entries.values() if entry.planned_at is None]
            times += [kept.queued_at for kept in self._outbox.values() if kept.delivery.state in OPEN_STATES]
            if now is not None:
                held = [kept.delivery for kept in self._outbox.values() if kept.delivery.state == "held"]
                times += [one.next_attempt_at for one in held if one.next_attempt_at <= now]
            return min(times, default=None)

    # --- dead letters and figures ----------------------------------------------------------------

    def dead(
        self, owner_id: str, sought: DeadSought = EVERY_DEAD, limit: int = 50, before: tuple[int, str] | None = None
    ) -> list[DeadDelivery]:
        """The owner's dead deliveries, those that died last first."""
        with self._lock:
            found = sorted(
                (kept for kept in self._dead(owner_id, sought, {"dead"})),
                key=lambda kept: (kept.ended_at, kept.delivery.delivery_id),
                reverse=True,
            )
            return [
                DeadDelivery(kept.delivery, self._entries[kept.delivery.firing_id].firing, kept.ended_at)
                for kept in found
                if before is None or (kept.ended_at, kept.delivery.delivery_id) < before
            ][:limit]

    def replay(self, owner_id: str, sought: DeadSought, now: int) -> int:
        """Queue dead deliveries anew."""
        states = {"dead", "maybe_sent"} if sought.delivery_ids else {"dead"}
        with self._lock:
            found = list(self._dead(owner_id, sought, states))
            for kept in found:
                kept.delivery = replace(kept.delivery, state="queued", attempts=0, error="", next_attempt_at=now)
                kept.lease_until = kept.begun_at = kept.ended_at = 0
                kept.queued_at = now
                kept.claims += 1
                self._happened(kept, now, "replayed")
        if found:
            self._announcement.announce()
        return len(found)

    def figures(self, owner_id: str, since: int) -> Figures:
        """Deliveries by state and channel; latencies of those that were sent since."""
        with self._lock:
            mine = [kept for kept in self._outbox.values() if kept.owner_id == owner_id]
            by_channel = {
                name: [kept for kept in mine if kept.delivery.channel == name]
                for name in sorted({kept.delivery.channel for kept in mine})
            }
            outside = [kept for kept in mine if kept.delivery.channel != IN_APP]
            return Figures(
                _states(mine),
                *self._latency(outside, since),
                tuple(
                    ChannelFigures(
                        name, _states(several), *(self._latency(several, since) if name != IN_APP else (None, None))
                    )
                    for name, several in by_channel.items()
                ),
            )

    def wait(self, timeout_s: float) -> bool:
        """Block until a firing or a plan was announced since the last call, or the time is over."""
        return self._announcement.wait(timeout_s)

    def _latency(self, several: Sequence[Open], since: int) -> tuple[float | None, float | None]:
        took = [
            (kept.delivery.sent_at - self._due_at(kept)) / 1e6
            for kept in several
            if kept.delivery.state == "sent" and kept.delivery.sent_at >= since
        ]
        return (float(np.percentile(took, 50)), float(np.percentile(took, 99))) if took else (None, None)

    def _due_at(self, kept: Open) -> int:
        """When it should have gone: what was held on purpose is measured from its release."""
        due_at = kept.delivery.payload.get("due_at")
        return int(due_at or self._entries[kept.delivery.firing_id].firing.recorded_at)

    # --- parts -----------------------------------------------------------------------------------

    def _write(self, plan: Plan, now: int) -> None:
        entry = self._entries[plan.firing_id]
        entry.planned_at, entry.decision, entry.reason = now, plan.decision, plan.reason
        for delivery in plan.deliveries:
            self._put(entry, delivery, now)

    def _put(self, entry: Entry, delivery: Delivery, now: int) -> None:
        address = (delivery.channel, delivery.address)
        taken = {(kept.delivery.channel, kept.delivery.address) for kept in entry.deliveries.values()}
        if address in taken or delivery.delivery_id in self._outbox:
            return
        firing = entry.firing
        kept = Open(
            replace(delivery, firing_id=firing.firing_id, was_sending=False), firing.owner_id, now, next(self._numbers)
        )
        kept.ended_at = now if delivery.state in ENDED_STATES else 0
        entry.deliveries[delivery.delivery_id] = self._outbox[delivery.delivery_id] = kept
        if delivery.state in {"held", "suppressed", "dead"}:
            self._happened(kept, now, delivery.state, 0, delivery.error)

    def _release(self, decided: Delivery, now: int) -> None:
        kept = self._outbox[decided.delivery_id]
        kept.delivery = replace(
            kept.delivery,
            state=decided.state,
            payload=decided.payload,
            error=decided.error,
            next_attempt_at=decided.next_attempt_at,
            gather=decided.gather,
            carried_by=decided.carried_by,
        )
        kept.ended_at = now if decided.state in ENDED_STATES else 0
        self._happened(kept, now, decided.state, 0, decided.carried_by or decided.error)

    def _happened(self, kept: Open, at: int, what: str, number: int = 0, detail: str = "") -> None:
        delivery_id = kept.delivery.delivery_id
        self._events.setdefault(delivery_id, []).append(
            (next(self._numbers), Event(delivery_id, at, what, number, detail))
        )

    def _dead(self, owner_id: str, sought: DeadSought, states: set[str]) -> Iterator[Open]:
        for kept in self._outbox.values():
            one = kept.delivery
            if (
                kept.owner_id == owner_id
                and one.state in states
                and (not sought.delivery_ids or one.delivery_id in sought.delivery_ids)
                and sought.channel in {"", one.channel, one.address}
                and sought.since <= kept.ended_at < sought.until
            ):
                yield kept


def _states(several: Sequence[Open]) -> dict[str, int]:
    found: dict[str, int] = {}
    for kept in several:
        found[kept.delivery.state] = found.get(kept.delivery.state, 0) + 1
    return dict(sorted(found.items()))


def _is_due(kept: Open, now: int) -> bool:
    if kept.delivery.state == "sending":
        return kept.lease_until <= now
    return kept.delivery.state in {"queued", "retry"} and kept.delivery.next_attempt_at <= now
