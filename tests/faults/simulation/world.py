"""Engine, outbox, planner and deliverer over the stores in memory, with providers that fail as real ones do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from simulation.scheduler import SECOND, Chances, Process, Scheduler

from marketbell.adapters.clock.manual import ManualClock
from marketbell.adapters.notifiers.in_app import InApp
from marketbell.adapters.stores.memory import MemoryStores
from marketbell.core.alerts.preferences import Preferences
from marketbell.core.alerts.retry import RetryPolicy
from marketbell.core.market.instrument import Instrument
from marketbell.core.primitives.errors import DeliveryError, OvertakenError, StoreUnavailableError, UnavailableError
from marketbell.flows.alerting.delivering import Deliverer, Terms
from marketbell.flows.alerting.gathering import Gatherer
from marketbell.flows.alerting.planning import Planner
from marketbell.ports.ledger import EVERY_DEAD, Delivery, Firing
from marketbell.ports.notifiers import Message
from marketbell.ports.stores import LOCAL_OWNER, Channel

START = 1_700_000_000 * SECOND
STORM_S = 60.0
"""Seconds in which everything may break; after them everything works."""
CALM_S = 3_600.0
POLICY = RetryPolicy(first_s=1.0, longest_s=60.0, attempts=5)
LEASE_S = 10.0
TIMEOUT_S = 5.0
ASKED_S = 7.0
SHARDS = (0, 1)
WRITES = ("append", "plan_batch", "gather", "begin", "settle", "claim", "unplanned", "raise_fence")
WAYS = ("ok", "500", "429", "no answer", "late answer", "accepts and drops", "404")
ACCEPTING = frozenset({"ok", "late answer", "accepts and drops"})
UNKNOWN = frozenset({"no answer", "late answer", "accepts and drops"})


@dataclass(frozen=True, slots=True)
class Call:
    """One request as the provider saw it; `firings` are those that its message tells."""

    at: int
    key: str
    way: str
    firings: tuple[str, ...]


@dataclass(slots=True)
class Provider:
    """A receiver with moods. It keeps every call; one that honours keys tells each key once."""

    kind: str
    honours_key: bool
    world: "World"
    mood: str = "ok"
    mood_until: int = 0
    calls: list[Call] = field(default_factory=list)

    def send(self, config: Mapping[str, Any], message: Message) -> str:
        world = self.world
        world.scheduler.point(f"before the request to {self.kind}")
        way = self._way()
        facts = message.facts
        firings = tuple(str(one["firing_id"]) for one in facts.get("firings", [facts]))
        call = Call(world.clock.now(), message.delivery_id, way, firings)
        self.calls.append(call)
        world.scheduler.tell(f"{self.kind} answers {way} to {message.delivery_id[:6]}")
        if way in {"no answer", "late answer"}:
            world.scheduler.sleep(TIMEOUT_S)
        world.scheduler.point(f"after the request to {self.kind}")
        if way == "ok":
            return "ok"
        world.failed_at[message.delivery_id] = world.clock.now()
        if way == "404":
            raise DeliveryError("HTTP 404", permanent=True)
        if way == "429":
            raise DeliveryError("HTTP 429", retry_after_s=ASKED_S)
        if way == "500":
            raise DeliveryError("HTTP 500")
        world.unsure.add(message.delivery_id)
        raise DeliveryError("no answer", outcome="unknown")

    def _way(self) -> str:
        world = self.world
        if world.is_calm:
            return "ok"
        now = world.clock.now()
        if now >= self.mood_until:
            self.mood = world.chance.choice(("ok", "ok", "mixed", "down"))
            self.mood_until = now + int(world.chance.uniform(1.0, 15.0) * SECOND)
        if self.mood == "ok":
            return "ok"
        return world.chance.choice(WAYS[1:6] if self.mood == "down" else WAYS)


class Rules:
    """What rules say about their messages: some have a limit, some a fallback."""

    def commands(self, keys: Sequence[tuple[str, int]]) -> dict[tuple[str, int], dict[str, Any]]:
        found: dict[tuple[str, int], dict[str, Any]] = {}
        for uid, version in keys:
            number = int(uid.rpartition("-")[2])
            fallback = {"fallback": "webhook:h1"} if number % 2 else {}
            found[uid, version] = {"limit": 6 if number % 3 else 100, **fallback}
        return found


class Torn:
    """A ledger whose server goes away: before it did what was asked, or after it and before its answer."""

    def __init__(self, inner: Any, world: "World") -> None:
        self._inner = inner
        self._world = world

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        if name not in WRITES:
            return method

        def call(*arguments: Any) -> Any:
            world, scheduler = self._world, self._world.scheduler
            scheduler.point(f"before {name}")
            drawn = world.chance.random()
            if drawn < scheduler.chances.outage:
                scheduler.tell(f"the store is away at {name}")
                raise StoreUnavailableError
            found = method(*arguments)
            world.noted(name, arguments, found)
            scheduler.point(f"after {name}")
            if drawn > 1.0 - scheduler.chances.outage:
                scheduler.tell(f"the store did {name}, and its answer was lost")
                scheduler.on_hurt(scheduler.current)  # type: ignore[arg-type]
                raise StoreUnavailableError
            return found

        return call


class World:
    """One seed."""

    def __init__(self, seed: int, log: list[list[Firing]]) -> None:
        """`log` are the firings that an engine derives from each entry of a log."""
        self.seed = seed
        self.chance = Random(seed)  # noqa: S311 — a seed, so that a failure comes again
        self.clock = ManualClock(START)
        self.is_calm = False
        chances = Chances(
            crash=self.chance.choice((0.0, 0.01, 0.03)),
            freeze=self.chance.choice((0.0, 0.005, 0.02)),
            outage=self.chance.choice((0.0, 0.01, 0.04)),
        )
        self.scheduler = Scheduler(self.chance, self.clock, chances, 2.5 * LEASE_S)
        self.scheduler.on_hurt = self._hurt
        self.unsure: set[str] = set()
        """Deliveries of which, at some time, nobody could know whether they had arrived."""
        self.failed_at: dict[str, int] = {}
        self.faults: list[str] = []
        self.settled: dict[str, Delivery] = {}
        self.log = log
        self.place = 0
        """The stream's checkpoint."""
        self.stores = MemoryStores()
        self.ledger = Torn(self.stores.ledger, self)
        self.hook, self.slack = Provider("webhook", True, self), Provider("slack", False, self)
        self._furnish()

    def _furnish(self) -> None:
        stores = self.stores
        stores.instruments.put([Instrument("NSE:A"), Instrument("NSE:B")])
        window = self.chance.choice((0, 5, 20))
        stores.wishes.put_preferences(LOCAL_OWNER, Preferences(group_window_s=window))
        for channel_id, kind, is_enabled in (("h1", "webhook", True), ("s1", "slack", True), ("h2", "webhook", False)):
            stores.channels.put(Channel(channel_id, LOCAL_OWNER, kind, channel_id, {}, is_enabled))
        for number in range(1 + self.chance.randrange(2)):
            self.scheduler.add(f"sender {number}", self._sender)
        for number in range(1 + self.chance.randrange(2)):
            self.scheduler.add(f"stream {number}", self._stream)

    def play(self) -> None:
        """The storm, then calm until nothing is left to do."""
        scheduler = self.scheduler
        scheduler.run(START + int(STORM_S * SECOND))
        self.is_calm = True
        scheduler.chances = Chances()
        scheduler.tell("calm")
        self.rest()

    def rest(self) -> None:
        """Let everything work until nothing is left to do."""
        self.scheduler.run(self.clock.now() + int(CALM_S * SECOND), self._is_done)

    def replay(self) -> int:
        """Queue what is dead anew, as a person does, and let it be sent; how many there were."""
        self.settled.clear()
        count = self.stores.ledger.replay(LOCAL_OWNER, EVERY_DEAD, self.clock.now())
        self.rest()
        return count

    def _is_done(self) -> bool:
        ledger = self.stores.ledger
        if self.place < len(self.log) or ledger.oldest_unsent() is not None:
            return False
        return not ledger.figures(LOCAL_OWNER, 0).states.get("held")

    # --- the processes ---------------------------------------------------------------------------------------

    def _stream(self) -> None:
        """Derive firings from the log and write them; a restart goes on from the last checkpoint."""
        shards, pause = list(SHARDS), self.scheduler.sleep
        while True:
            try:
                fence = self.ledger.raise_fence(shards)
                place = self.place
                while True:
                    arrived = int((self.clock.now() - START) / SECOND * len(self.log) / (0.8 * STORM_S))
                    end = min(arrived, len(self.log), place + self.chance.randint(1, 5))
                    if end > place:
                        firings = [firing for entry in self.log[place:end] for firing in entry]
                        self.ledger.append(firings, shards, "epoch", end, fence)
                        place = end
                        if self.chance.random() < 0.5:
                            self.place = max(self.place, place)
                    elif place >= len(self.log):
                        self.place = place
                    pause(1.0)
            except OvertakenError:
                self.scheduler.tell("is overtaken")
                pause(20.0)
            except StoreUnavailableError:
                pause(0.5)

    def _sender(self) -> None:
        """What the sender's loop does, one thing at a time."""
        wishes = self.stores.wishes
        planner = Planner(
            self.ledger,  # type: ignore[arg-type]
            self.stores.channels,
            self.stores.instruments,
            self.clock,
            "",
            wishes=wishes,
            rules=Rules(),  # type: ignore[arg-type]
        )
        gatherer = Gatherer(self.ledger, self.clock, "", wishes=wishes)  # type: ignore[arg-type]
        notifiers = {"in_app": InApp(), "webhook": self.hook, "slack": self.slack}
        deliverer = Deliverer(
            self.ledger,  # type: ignore[arg-type]
            self.stores.channels,
            notifiers,
            self.clock,
            Terms(LEASE_S, 600.0, POLICY),
            wishes=wishes,
        )
        while True:
            try:
                planned = planner.run() + gatherer.run()
                claimed = deliverer.claim(self.chance.randint(1, 6))
            except UnavailableError:
                self.scheduler.sleep(0.5)
                continue
            for delivery in claimed:
                if not delivery.was_sending and self.chance.random() < 0.05:
                    self._until_written(deliverer.give_back, delivery)
                    continue
                try:
                    outcome = deliverer.attempt(delivery)
                except UnavailableError:
                    if self.scheduler.current is not None:
                        self.scheduler.current.attempting = ""
                    continue
                if outcome is not None:
                    self._until_written(deliverer.settle, outcome)
            if not planned and not claimed:
                self.scheduler.sleep(1.0)

    def _until_written(self, write: Callable[[Delivery], None], delivery: Delivery) -> None:
        while True:
            try:
                write(delivery)
            except UnavailableError:
                self.scheduler.sleep(0.5)
            else:
                return

    # --- what is noted ---------------------------------------------------------------------------------------

    def noted(self, name: str, arguments: tuple[Any, ...], found: Any) -> None:
        """Laws that hold at every step; and which delivery a process is at."""
        process = self.scheduler.current
        if name == "begin" and found:
            delivery: Delivery = arguments[0]
            last = self.settled.get(delivery.delivery_id)
            if last is not None and self.clock.now() < last.next_attempt_at:
                self.faults.append(f"{delivery.delivery_id} was begun before its time")
            if process is not None:
                process.attempting = delivery.delivery_id
            self.scheduler.tell(f"begins {delivery.channel} {delivery.delivery_id[:6]}, attempt {delivery.attempts}")
        elif name == "settle":
            delivery = arguments[0]
            is_outcome = process is not None and process.attempting == delivery.delivery_id
            if process is not None:
                process.attempting = ""
            self._settled(delivery, is_outcome=is_outcome)

    def _settled(self, delivery: Delivery, *, is_outcome: bool) -> None:
        kept = self.delivery(delivery.firing_id, delivery.delivery_id)
        if kept is None or (kept.state, kept.next_attempt_at) != (delivery.state, delivery.next_attempt_at):
            return  # another one's word counts
        self.settled[delivery.delivery_id] = delivery
        self.scheduler.tell(f"settles {delivery.channel} {delivery.delivery_id[:6]}: {delivery.state} {delivery.error}")
        if delivery.state == "retry" and is_outcome:
            wait = (delivery.next_attempt_at - self.failed_at.get(delivery.delivery_id, 0)) / SECOND
            whole = min(POLICY.longest_s, POLICY.first_s * 2 ** (delivery.attempts - 1))
            asked = ASKED_S if "429" in delivery.error else 0.0
            if not max(whole / 2, asked) - 1e-6 <= wait <= max(whole, asked) + 1e-6:
                self.faults.append(f"{delivery.delivery_id} waits {wait} s after attempt {delivery.attempts}")

    def delivery(self, firing_id: str, delivery_id: str) -> Delivery | None:
        found = self.stores.ledger.firing(LOCAL_OWNER, firing_id)
        return next((one for one in found[1] if one.delivery_id == delivery_id), None) if found else None

    def _hurt(self, process: Process) -> None:
        if process.attempting:
            self.unsure.add(process.attempting)
