"""`worker` and two `beat` killed again and again, the broker emptied: no run is lost, each is there and done once.

Row 5 of the fault matrix. Every second has a run of the clockwork, and every round somebody asks for some more.
Short: five kills. With --full: fifty.
"""

import os
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from kill_house import Child

from conftest import Tally
from marketbell.adapters.stores.postgres import PostgresStores
from marketbell.adapters.stores.postgres.migrate import upgrade
from marketbell.ports.jobs import Run, new_run
from marketbell.ports.stores import LOCAL_OWNER
from marketbell.settings import load

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1_500)]

FULL, SHORT = 50, 5
S = 1_000_000_000
ASKED_A_KILL = 12
WITHIN_S = 120.0
SEED = 5
WAYS = ("worker", "beat-1", "flush", "beats", "worker", "everything")


class Clockwork:
    """A worker and two beats over a store and a broker."""

    def __init__(self, folder: Path, postgres_url: str, valkey_url: str) -> None:
        env = {"DATABASE_URL": postgres_url, "CACHE_URL": valkey_url, "REDIS_URL": valkey_url}
        settings = load(env=env | {"MARKETBELL_JOBS__PULSE_EVERY_S": "1"}, data_dir=folder)
        self.url = valkey_url
        self.stores = PostgresStores(postgres_url, 1)
        environment = {**os.environ, **settings.environment()}
        self.children = {
            name: Child(
                name,
                [sys.executable, "-m", f"marketbell.processes.{name.partition('-')[0]}"],
                folder / f"{name}.log",
                env=environment,
            )
            for name in ("worker", "beat-1", "beat-2")
        }
        self.asked: list[Run] = []
        self._chance = random.Random(SEED)  # noqa: S311 — a repeatable plan, no secret

    def start(self, *names: str) -> None:
        for name in names:
            self.children[name].start()

    def ask(self) -> None:
        """Somebody wants work done."""
        now = time.time_ns()
        runs = [new_run("make_partitions", now + n, owner_id=LOCAL_OWNER, now=now) for n in range(ASKED_A_KILL)]
        self.stores.jobs.enqueue(runs)
        self.asked += runs

    def hurt(self, way: str) -> None:
        names = {"beats": ["beat-1", "beat-2"], "everything": list(self.children), "flush": []}.get(way, [way])
        for name in names:
            self.children[name].kill()
        if way in {"flush", "everything"}:
            with redis.Redis.from_url(self.url) as client:
                client.flushdb()
        if len(names) > 1:
            time.sleep(self._chance.uniform(0.0, 2.0))
        self.start(*names)

    def pulses(self) -> list[Run]:
        found = self.stores.jobs.runs(LOCAL_OWNER, 100_000, job="pulse")
        return sorted((run for run in found if run.is_scheduled), key=lambda run: run.scheduled_at)

    def newest_done(self) -> int:
        return max((run.scheduled_at for run in self.pulses() if run.state == "done"), default=0)

    def wait(self, condition: object, what: str) -> None:
        assert callable(condition)
        until = time.monotonic() + WITHIN_S
        while not condition():
            if time.monotonic() > until:
                pytest.fail(what + "\n" + "\n".join(child.tail() for child in self.children.values()))
            time.sleep(0.1)

    def close(self) -> None:
        for child in self.children.values():
            if child.process is not None and child.process.poll() is None:
                child.kill()
        self.stores.close()


@pytest.fixture
def clockwork(house_dir: Path, postgres_url: str, valkey_url: str) -> Iterator[Clockwork]:
    upgrade(postgres_url)
    made = Clockwork(house_dir, postgres_url, valkey_url)
    try:
        yield made
    finally:
        made.close()


def test_no_run_is_lost_or_there_twice(clockwork: Clockwork, tally: Tally, request: pytest.FixtureRequest) -> None:
    option = request.config.getoption
    kills = option("kills", default=None) or (FULL if option("full", default=False) else SHORT)
    tally.fault = "worker"
    clockwork.start(*clockwork.children)
    clockwork.wait(lambda: clockwork.newest_done() > 0, "the first run is done")
    chance = random.Random(SEED)  # noqa: S311 — a repeatable plan, no secret
    for number in range(kills):
        clockwork.ask()
        time.sleep(chance.uniform(0.0, 0.5))
        began, began_at = time.monotonic(), time.time_ns()
        clockwork.hurt(WAYS[number % len(WAYS)])
        tally.times += 1
        clockwork.wait(lambda at=began_at: clockwork.newest_done() > at, f"runs are done again after kill {number + 1}")
        tally.recoveries.append(time.monotonic() - began)
    end = time.time_ns() // S * S
    asked = {run.run_id for run in clockwork.asked}

    def is_over() -> bool:
        runs = clockwork.stores.jobs.runs(LOCAL_OWNER, 100_000)
        # the tick of the last second may not be written yet: what is not there cannot be undone either
        return any(run.scheduled_at >= end for run in clockwork.pulses()) and all(
            run.state == "done" for run in runs if run.scheduled_at <= end or run.run_id in asked
        )

    clockwork.wait(is_over, "everything is done")
    runs = clockwork.stores.jobs.runs(LOCAL_OWNER, 100_000)
    seconds = [run.scheduled_at for run in clockwork.pulses() if run.scheduled_at <= end]
    wanted = range(seconds[0], end + S, S)
    done = [run.run_id for run in runs if run.job == "make_partitions" and not run.is_scheduled]
    tally.lost = len(set(wanted) - set(seconds)) + len(asked - set(done))
    tally.doubled = len(seconds) - len(set(seconds)) + len(set(seconds) - set(wanted)) + len(done) - len(set(done))
    again = sum(run.attempts > 1 for run in runs)
    tally.remark = f"{len(seconds)} ticks and {len(asked)} asked; {again} begun a second time after a kill"
    assert (tally.lost, tally.doubled) == (0, 0)
    assert clockwork.stores.jobs.count_dead() == 0
