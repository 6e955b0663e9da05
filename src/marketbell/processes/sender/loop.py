"""The sender's loop: plan what fired, gather what was held, claim what is due, deliver it, wait to be woken.

One event loop; everything that blocks runs in a small pool of threads. Messages for one destination
go one after the other, in the order in which they were planned and at its pace; destinations do not wait for each
other. One that must be tried again does not hold up those behind it: a late alert is worse than a reordered one.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import structlog

from marketbell.core.alerts.pace import Bucket, Pace, book
from marketbell.core.alerts.plan import IN_APP
from marketbell.core.primitives.errors import UnavailableError
from marketbell.flows.alerting.delivering import Deliverer
from marketbell.flows.alerting.gathering import Gatherer
from marketbell.flows.alerting.planning import BATCH, Planner
from marketbell.observability import metrics
from marketbell.ports.clock import Clock
from marketbell.ports.ledger import Delivery, Ledger

T = TypeVar("T")

log = structlog.stdlib.get_logger("sender")

CONCURRENCY = 8
IN_FLIGHT = 24
POLL_S = 1.0
GRACE_S = 2.0
LONGEST_BACKOFF_S = 2.0
LONGEST_PACING_S = 2.0
LEASE_SHARE = 0.8
SLOW_S, SLOW_LANE, SLOW_WAIT_S = 1.0, 2, 1.0
UNSENT_EVERY_S = 1.0


class Health(Protocol):
    """Where the loop says how it is (the heartbeat of observability)."""

    def ready(self, **detail: object) -> None: ...
    def degraded(self, reason: str, **detail: object) -> None: ...
    def progressed(self) -> None: ...


@dataclass(slots=True)
class _Lane:
    """One destination: whose turn it is, its pace, and how it answers."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    bucket: Bucket | None = None
    waiting: int = 0
    is_slow: bool = False


class SenderLoop:
    """Runs until it is told to stop; an outage of the store is waited out, with what is in flight kept."""

    def __init__(
        self,
        planner: Planner,
        deliverer: Deliverer,
        ledger: Ledger,
        clock: Clock,
        health: Health,
        *,
        poll_s: float = POLL_S,
        gatherer: Gatherer | None = None,
        paces: Mapping[str, Pace] | None = None,
    ) -> None:
        self._planner = planner
        self._deliverer = deliverer
        self._ledger = ledger
        self._clock = clock
        self._health = health
        self._poll_s = poll_s
        self._gatherer = gatherer
        self._paces = paces or {}
        self._threads = ThreadPoolExecutor(CONCURRENCY + 4, thread_name_prefix="sender")
        self._slots = asyncio.Semaphore(CONCURRENCY)
        self._lanes: dict[tuple[str, str], _Lane] = {}
        self._flying: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._stop = asyncio.Event()
        self._is_down: bool | None = None

    def stop(self) -> None:
        """Claim nothing more; finish what is in flight, as far as the grace goes."""
        self._stop.set()
        self._wake.set()

    async def run(self) -> bool:
        """The whole life. True where everything in flight came to its end."""
        listening = asyncio.create_task(self._listen())
        watching = asyncio.create_task(self._watch_age())
        try:
            await self._pump()
        finally:
            for task in (listening, watching):
                task.cancel()
            await asyncio.gather(listening, watching, return_exceptions=True)
        if self._flying:
            await asyncio.wait(self._flying, timeout=GRACE_S)
        is_clean = not self._flying
        self._threads.shutdown(wait=False, cancel_futures=True)
        return is_clean

    async def _pump(self) -> None:
        backoff = 0.1
        while not self._stop.is_set():
            self._wake.clear()
            try:
                planned = await self._blocking(self._planner.run)
                if self._gatherer is not None:
                    await self._blocking(self._gatherer.run)
                free = IN_FLIGHT - len(self._flying)
                claimed = await self._blocking(self._deliverer.claim, free) if free > 0 else []
            except UnavailableError as error:
                self._said_down(error)
                await self._pause(backoff)
                backoff = min(backoff * 2, LONGEST_BACKOFF_S)
                continue
            backoff = 0.1
            self._said_up()
            taken_at = self._clock.monotonic()
            for delivery in claimed:
                task = asyncio.create_task(self._deliver(delivery, taken_at))
                self._flying.add(task)
                task.add_done_callback(self._landed)
            metrics().queue_depth.labels("in_flight").set(len(self._flying))
            is_more = planned >= BATCH or (free > 0 and len(claimed) >= free)
            if not is_more or len(self._flying) >= IN_FLIGHT:
                await self._pause(self._poll_s)

    async def _deliver(self, delivery: Delivery, taken_at: float) -> None:
        if delivery.channel == IN_APP or delivery.was_sending:
            await self._attempt(delivery, taken_at)
            return
        lane = self._lanes.setdefault((delivery.channel, delivery.address), _Lane())
        pace, now = self._paces.get(delivery.channel, Pace()), self._clock.monotonic()
        longest = min(LONGEST_PACING_S, self._deliverer.terms.lease_s / 4)
        if lane.is_slow and lane.waiting >= SLOW_LANE:
            # a receiver that answers slowly must not hold the places of all the others
            await self._settling(lambda: self._deliverer.give_back(delivery, SLOW_WAIT_S))
            return
        lane.bucket, wait, is_booked = book(pace, lane.bucket, now, longest)
        if not is_booked:
            await self._settling(lambda: self._deliverer.give_back(delivery, wait))
            return
        lane.waiting += 1
        try:
            await asyncio.sleep(wait)
            async with lane.turn:
                if self._stop.is_set():
                    await self._settling(lambda: self._deliverer.give_back(delivery))
                    return
                began = self._clock.monotonic()
                await self._attempt(delivery, taken_at)
                lane.is_slow = self._clock.monotonic() - began > SLOW_S
        finally:
            lane.waiting -= 1

    async def _attempt(self, delivery: Delivery, taken_at: float) -> None:
        async with self._slots:
            if self._clock.monotonic() - taken_at > self._deliverer.terms.lease_s * LEASE_SHARE:
                # it waited for its turn so long that another sender may be about to take it
                if not delivery.was_sending:
                    await self._settling(lambda: self._deliverer.give_back(delivery))
                return
            try:
                outcome = await self._blocking(self._deliverer.attempt, delivery)
            except UnavailableError as error:
                self._said_down(error)  # nothing left this process; the lease runs out and it is taken again
                return
            if outcome is None:
                return
            await self._settling(lambda: self._deliverer.settle(outcome))
        metrics().deliveries.labels(outcome.channel, outcome.state).inc()
        if outcome.state == "sent":
            metrics().delivery_attempts.labels(outcome.channel).observe(outcome.attempts)
            # what was held on purpose is measured from its release
            recorded = int(outcome.payload.get("due_at") or outcome.payload.get("recorded_at", outcome.sent_at))
            metrics().delivery_latency.labels(outcome.channel).observe(max(0, outcome.sent_at - recorded) / 1e9)

    async def _settling(self, write: Callable[[], None]) -> None:
        """Write an outcome, however long the store is away: it must not be forgotten while we live."""
        backoff = 0.1
        while True:
            try:
                await self._blocking(write)
            except UnavailableError as error:
                self._said_down(error)
                metrics().retries.labels("store").inc()
                await asyncio.sleep(backoff)
                backoff = min(backoff * 2, LONGEST_BACKOFF_S)
            else:
                return

    async def _listen(self) -> None:
        """Turn the store's announcements into wake-ups. Without them the poll is enough."""
        while not self._stop.is_set():
            try:
                if await self._blocking(self._ledger.wait, self._poll_s):
                    self._wake.set()
            except UnavailableError:
                await asyncio.sleep(self._poll_s)

    async def _watch_age(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(UnavailableError):
                now = self._clock.now()
                oldest = await self._blocking(self._ledger.oldest_unsent, now)
                age = 0.0 if oldest is None else max(0, now - oldest) / 1e9
                metrics().oldest_unsent.set(age)
            await asyncio.sleep(UNSENT_EVERY_S)

    async def _pause(self, seconds: float) -> None:
        """Wait for the time, an announcement, or the stop: whichever comes first."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)

    async def _blocking(self, call: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: call(*arguments))

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._flying.discard(task)
        if len(self._flying) == IN_FLIGHT - 1:
            self._wake.set()  # a full house may take guests again
        if not task.cancelled() and task.exception() is not None:
            # a fault of ours in one message must not stop the others; its lease runs out and it is tried again
            log.error("delivery.crashed", exc_info=task.exception())

    def _said_down(self, error: UnavailableError) -> None:
        if not self._is_down:
            log.warning("store.lost", error=error.message)
        self._is_down = True
        self._health.degraded("the database does not answer")

    def _said_up(self) -> None:
        if self._is_down:
            log.info("store.resumed")
        if self._is_down is not False:
            self._health.ready()
        self._is_down = False
        self._health.progressed()
