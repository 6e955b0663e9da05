"""Processes of a simulation: real code that stops at every point where it meets the outside, and may die there.

Each process is a greenlet. Who goes on, who is killed, who falls asleep for longer than its lease and when
the clock moves is drawn from one seed, so a failing seed is the same story every time.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import greenlet

from marketbell.adapters.clock.manual import ManualClock

SECOND = 1_000_000_000
ID_DIGITS = 32


@dataclass(slots=True)
class Chances:
    """How often, at a point, a process is killed, frozen, or finds the store away."""

    crash: float = 0.0
    freeze: float = 0.0
    outage: float = 0.0


@dataclass(eq=False, slots=True)
class Process:
    """Work that is started again whenever it was killed."""

    name: str
    body: Callable[[], None]
    wakes_at: int = 0
    point: str = "start"
    kills: int = 0
    attempting: str = ""
    """The delivery whose attempt has begun here and is not settled."""
    running: Any = None
    is_over: bool = False


@dataclass(slots=True)
class Scheduler:
    """One seed's world of processes on one clock moved by hand."""

    chance: Random
    clock: ManualClock
    chances: Chances
    longest_freeze_s: float
    processes: list[Process] = field(default_factory=list)
    story: list[tuple[int, str, str]] = field(default_factory=list)
    on_hurt: Callable[[Process], None] = lambda _: None
    current: Process | None = None
    kills: int = 0
    freezes: int = 0

    def add(self, name: str, body: Callable[[], None]) -> Process:
        process = Process(name, body, self.clock.now())
        self.processes.append(process)
        return process

    def tell(self, what: str) -> None:
        self.story.append((self.clock.now(), self.current.name if self.current else "world", what))

    def point(self, name: str) -> None:
        """Called by the code under test: others may go on here, and this one may end here."""
        if self.current is not None:
            self.current.point = name
            greenlet.getcurrent().parent.switch()

    def sleep(self, seconds: float) -> None:
        assert self.current is not None
        self.current.wakes_at = self.clock.now() + int(seconds * SECOND)
        self.point("sleep")

    def run(self, until: int, is_done: Callable[[], bool] = lambda: False) -> None:
        """Let the processes work up to a moment, or until that is so at a moment when nobody is awake."""
        while self.clock.now() < until:
            now = self.clock.now()
            awake = [one for one in self.processes if not one.is_over and one.wakes_at <= now]
            if not awake:
                if is_done():
                    return
                wakes = [one.wakes_at for one in self.processes if not one.is_over]
                self.clock.move((min([*wakes, until]) - now) / SECOND)
                continue
            self._turn(awake[int(self.chance.random() * len(awake))])

    def _turn(self, process: Process) -> None:
        self.current = process
        drawn = self.chance.random()
        if process.running is not None and drawn < self.chances.crash:
            self.tell(f"is killed at {process.point}")
            self.kills += 1
            process.kills += 1
            self.on_hurt(process)
            process.running, process.attempting = None, ""
            process.wakes_at = self.clock.now() + int(self.chance.uniform(0.1, 3.0) * SECOND)
        elif process.running is not None and drawn < self.chances.crash + self.chances.freeze:
            seconds = self.chance.uniform(0.1, self.longest_freeze_s)
            self.tell(f"stands still for {seconds:.1f} s at {process.point}")
            self.freezes += 1
            self.on_hurt(process)
            process.wakes_at = self.clock.now() + int(seconds * SECOND)
        else:
            if process.running is None:
                process.running = greenlet.greenlet(process.body)
            process.running.switch()
            if process.running.dead:
                process.is_over = True
            # work takes time: so leases run out between any two points
            if drawn > 0.5:
                self.clock.move(0.04 * (drawn - 0.5))
        self.current = None

    def told(self, about: str = "", last: int = 80) -> str:
        """The story's end, for people: of the deliveries that are named in `about` by their ids, else of all."""
        start = self.story[0][0] if self.story else 0
        ids = {word[:6] for word in about.split() if len(word) == ID_DIGITS}
        lines = [
            one
            for one in self.story
            if not ids or one[2].startswith(("is ", "stands")) or any(ident in one[2] for ident in ids)
        ]
        return "\n".join(f"{(at - start) / SECOND:10.3f} s  {who:<10} {what}" for at, who, what in lines[-last:])
