"""What the fault tests hurt: how each is killed, and how it is seen that the market and its alerts go on."""

import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psutil
import redis
from kill_house import House
from report import Tally

NEAR = 40
"""Frames behind the newest at which a stream has caught up."""
OUTAGE_S = 1.0
"""How long a server stays away most times."""
LONG_OUTAGE_S = 60.0
"""How long it stays away once in a full run."""
PROGRESS_S = 15.0
"""Within this after a server's return everything goes on."""

WITHIN_S = 180.0
"""After this nothing comes back any more, however busy the machine is."""

Hurt = Callable[[], None]
IsBack = Callable[[], bool]


@dataclass
class Victims:
    """Hurts the processes and servers of a house, each in several ways in turn."""

    house: House
    chance: random.Random
    delivered: Callable[[], int] = lambda: 0
    """How many messages the receivers have had."""
    has_backlog: Callable[[], bool] = lambda: False
    """Whether something is unsent."""
    long_outages: set[str] = field(default_factory=set)
    """Servers that are still to stay away for a minute."""
    away_s: float = 0.0
    """How long the last one was kept away on purpose."""
    _numbers: dict[str, int] = field(default_factory=dict)

    def storm(self, names: list[str], tally: Tally, *, settles: bool = True) -> None:
        """Hurt these one after the other, most of them in full work, some while the one before is just starting."""
        for at, name in enumerate(names):
            hurt, is_back = self.plan(name)
            self.away_s = 0.0
            began = time.monotonic()
            hurt()
            tally.times += 1
            is_last = at == len(names) - 1  # what is stopped in good order must stand first
            may_wait = settles or is_last or name in {"broker", "postgres"}
            if self.chance.random() < 0.25 and not may_wait:
                time.sleep(self.chance.uniform(0.0, 1.5))
                continue
            self.house.wait(is_back, WITHIN_S, f"{name} goes on after kill {at + 1}")
            tally.recoveries.append(time.monotonic() - began - self.away_s)
            time.sleep(self.chance.uniform(0.0, 0.6))

    def plan(self, name: str) -> tuple[Hurt, IsBack]:
        """What is done this time, and how it is seen that all goes on."""
        number = self._numbers[name] = self._numbers.get(name, -1) + 1
        before = self.house.rows()

        def is_going_on() -> bool:
            return (self.house.rows() > before or self.house.feed().get("state") == "ended") and self.is_near()

        if name == "sender":
            return self._sender()
        if name == "broker":
            way = ("kill bus", "flush bus", "kill cache", "flush cache")[number % 4]
            return lambda: self._broker(way), is_going_on
        if name == "postgres":
            number_of = signal.SIGKILL if number % 2 == 0 else signal.SIGQUIT
            return lambda: self._postgres(number_of), lambda: is_going_on() and self._may_send()
        if name == "ingest":
            return lambda: self.house.kill_and_start("ingest"), is_going_on
        stream = self.chance.choice(self.house.streams)
        at, fences = self.house.streams.index(stream), self._fences()

        def is_back() -> bool:
            now = self._fences()
            has_new = len(now) == len(self.house.streams) and now[at] > (fences[at] if at < len(fences) else 0)
            return has_new and self.is_near()

        return lambda: self.house.kill_and_start(stream), is_back

    def is_near(self) -> bool:
        """True where every shard is evaluated, and no part of the stream has something to complain of."""
        status = self.house.document("stream:status") or {}
        parts = status.get("partitions") or []
        return (
            bool(parts)
            and not status.get("problem")
            and all(one["state"] == "running" and one["lag"] <= NEAR for one in parts)
        )

    def _fences(self) -> list[int]:
        status = self.house.document("stream:status") or {}
        return [one["fence"] for one in status.get("processes") or () if one["is_owner"]]

    def _may_send(self) -> bool:
        """True where the sender works, or this house has none."""
        return self.house.children["sender"].process is None or self.house.is_ready("sender")

    def _sender(self) -> tuple[Hurt, IsBack]:
        before = 0

        def hurt() -> None:
            nonlocal before
            self.house.kill_and_start("sender")
            before = self.delivered()

        return hurt, lambda: self.house.is_ready("sender") and (self.delivered() > before or not self.has_backlog())

    def _away_s(self, server: str) -> float:
        if server in self.long_outages:
            self.long_outages.discard(server)
            self.away_s = LONG_OUTAGE_S
        else:
            self.away_s = OUTAGE_S
        return self.away_s

    def _broker(self, way: str) -> None:
        what, _, server = way.partition(" ")
        if what == "kill":
            self.house.children[server].kill()
            time.sleep(self._away_s(server))
            self.house.start(server)
        else:
            with redis.Redis.from_url(self.house.bus_url if server == "bus" else self.house.cache_url) as client:
                client.flushall()

    def _postgres(self, number: int) -> None:
        """SIGKILL to the postmaster and all of its own, or its immediate stop; away for a while; started again."""
        child = self.house.children["postgres"]
        assert child.process is not None
        family = [*psutil.Process(child.process.pid).children(recursive=True)]
        if number == signal.SIGKILL:
            child.kill()
            for one in family:
                with_none(lambda one=one: one.kill())  # type: ignore[misc]
        else:
            os.kill(child.process.pid, number)
            child.process.wait(10.0)
        psutil.wait_procs(family, timeout=10.0)
        time.sleep(self._away_s("postgres"))
        self.house.start("postgres")


def with_none(act: Callable[[], object]) -> None:
    """Do it to a process that may have gone already."""
    try:
        act()
    except psutil.NoSuchProcess:
        return
