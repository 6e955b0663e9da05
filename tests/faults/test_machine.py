"""The machine itself fails: a full disk, a log folder that cannot be written, a clock that is set, summer time.

Row 11 of the fault matrix. Nothing stops without a word, and no schedule misses or doubles an instant.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import orjson
import pytest

from conftest import Tally
from marketbell.adapters.cache.memory import MemoryCache
from marketbell.adapters.calendars.dated.catalogue import CalendarCatalogue
from marketbell.adapters.checkpoints.files import FileCheckpoints
from marketbell.adapters.clock.manual import ManualClock
from marketbell.adapters.spill.files import FileFrameQueue
from marketbell.adapters.stores.memory import MemoryStores
from marketbell.adapters.stores.postgres import PostgresStores
from marketbell.adapters.stores.postgres.migrate import upgrade
from marketbell.core.primitives.errors import UnavailableError
from marketbell.flows.jobs.catalogue import Job, Timing, at
from marketbell.flows.jobs.planning import Planner
from marketbell.flows.watching.eyes import PortEyes
from marketbell.flows.watching.sights import Terms
from marketbell.flows.watching.watcher import Watcher
from marketbell.ports.checkpoints import Checkpoint
from marketbell.ports.stores import LOCAL_OWNER
from marketbell.processes.up.output import LogFile
from marketbell.settings import load

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]

S = 1_000_000_000
HOUR_S = 3_600
SIZE = 1 << 20
WITHIN_S = 90.0


@pytest.fixture
def small_disk(house_dir: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    folder = house_dir / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    made = subprocess.run(mount, check=False, capture_output=True)
    if made.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {made.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(folder: Path) -> Path:
    path = folder / "ballast"
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 65_536):
                pass
        except OSError:
            pass
    return path


class SetClock(ManualClock):
    """Its wall can be set; the steady clock does not notice."""

    set_by_s = 0.0

    def set(self, seconds: float) -> None:
        self.set_by_s += seconds
        self.move(seconds)

    def monotonic(self) -> float:
        return super().monotonic() - self.set_by_s


def schedule(tally: Tally, timing: Timing, begin: int, hours: int, steps: dict[int, int]) -> None:
    """Two clockworks over a stretch of time, minute by minute; `steps` set the clock, by minute."""
    clock, stores = SetClock(begin), MemoryStores()
    jobs = [Job("work", "", timing, 60.0, catch_up=10)]
    planners = [Planner(stores.jobs, jobs, clock, lambda _run: None) for _ in range(2)]
    newest = begin
    for minute in range(hours * 60):
        clock.set(steps.get(minute, 0))
        planners[minute % 2].step()
        newest = max(newest, clock.now())
        clock.move(60)
    found = [run.scheduled_at for run in stores.jobs.runs(LOCAL_OWNER, 10_000)]
    wanted, moment = set(), timing.next(begin)
    while moment is not None and moment <= newest:
        wanted.add(moment)
        moment = timing.next(moment)
    tally.times += 1
    tally.lost += len(wanted - set(found))
    tally.doubled += len(found) - len(set(found)) + len(set(found) - wanted)


def disk_full(tally: Tally, folder: Path) -> None:
    """What is written there says that it cannot be, the watch tells, and all goes on when there is room."""
    said: list[str] = []
    log_file = LogFile(folder / "a.log", 1 << 30, 3, said.append)
    log_file.write({"event": "before"})
    checkpoints = FileCheckpoints(folder / "checkpoints")
    spill = FileFrameQueue(folder / "spill")
    state = Checkpoint(0, "e", 5, 1, "run", 1, {"a": np.zeros(32_768)})
    clock, stores = ManualClock(S), MemoryStores()
    watcher = watch(stores, clock, folder)
    ballast = fill(folder)
    for _ in range(3):
        log_file.write({"event": "x" * 5_000})
        with pytest.raises(UnavailableError, match="cannot be written"):
            checkpoints.save(state)
        with pytest.raises(UnavailableError):
            spill.append([(0, b"x" * 70_000)])
        clock.move(5)
        watcher.look()
    assert len(said) == 1, "told once"
    told = [str(firing.values["watch"]) for firing, _ in stores.ledger.firings(LOCAL_OWNER)]
    assert told == ["disk"]
    ballast.unlink()
    log_file.write({"event": "after"})
    checkpoints.save(state)
    assert spill.append([(0, b"x" * 70_000)])
    assert checkpoints.load(checkpoints.kept()[-1]).offset == 5
    lines = (folder / "a.log").read_bytes().splitlines()
    assert [orjson.loads(line)["event"] for line in (lines[0], lines[-1])] == ["before", "after"], "no line in another"
    log_file.close()
    spill.close()
    tally.times += 3


def watch(stores: MemoryStores, clock: ManualClock, folder: Path) -> Watcher:
    def disk() -> tuple[int, int]:
        found = shutil.disk_usage(folder)
        return found.free, found.total

    eyes = PortEyes(MemoryCache(clock.monotonic), stores.ledger, stores.jobs, disk)
    sessions = CalendarCatalogue().sessions
    return Watcher(eyes, stores.watches, stores.ledger, sessions, clock, Terms(disk_free=SIZE // 4))


def read_only(tally: Tally, folder: Path) -> None:
    """A log folder that became read-only is told once; lines come again when it can be written."""
    said: list[str] = []
    log_file = LogFile(folder / "b.log", 20_000, 3, said.append)
    log_file.write({"event": "before"})
    log_file.close()
    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
    for _ in range(3):
        log_file.write({"event": "meanwhile"})
    subprocess.run(["mount", "-o", "remount,rw", folder], check=True)
    log_file.write({"event": "after"})
    log_file.close()
    assert [len(said), "read-only" in said[0]] == [1, True]
    assert b"after" in (folder / "b.log").read_bytes()
    tally.times += 1


def no_room_for_words(tally: Tally, folder: Path, postgres_url: str, valkey_url: str) -> None:
    """Worker and beat whose every word fails for want of room do their work all the same."""
    upgrade(postgres_url)
    env = {"DATABASE_URL": postgres_url, "CACHE_URL": valkey_url, "REDIS_URL": valkey_url}
    settings = load(env=env | {"MARKETBELL_JOBS__PULSE_EVERY_S": "1"}, data_dir=folder)
    stores = PostgresStores(postgres_url, 1)
    children = []
    with Path("/dev/full").open("wb") as full:
        for name in ("worker", "beat"):
            argv = [sys.executable, "-m", f"marketbell.processes.{name}"]
            environment = {**os.environ, **settings.environment()}
            children.append(subprocess.Popen(argv, env=environment, stdin=subprocess.DEVNULL, stdout=full, stderr=full))
    try:
        eventually(lambda: len(stores.jobs.runs(LOCAL_OWNER, 5, job="pulse", state="done")) >= 2)
        assert [child.poll() for child in children] == [None, None]
    finally:
        for child in children:
            child.terminate()
        for child in children:
            child.wait(20)
        stores.close()
    tally.times += 1


def eventually(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.1)


def test_nothing_stops_without_a_word_and_no_instant_is_missed_or_doubled(
    small_disk: Path, house_dir: Path, postgres_url: str, valkey_url: str, tally: Tally
) -> None:
    tally.fault = "machine"
    disk_full(tally, small_disk)
    read_only(tally, small_disk)
    no_room_for_words(tally, house_dir, postgres_url, valkey_url)
    noon = int(datetime(2026, 6, 1, 12, tzinfo=UTC).timestamp()) * S
    quarter = at("*/15 * * * *")
    schedule(tally, quarter, noon, 8, {125: HOUR_S})
    schedule(tally, quarter, noon, 8, {125: -HOUR_S})
    schedule(tally, quarter, noon, 12, {60: -HOUR_S, 200: HOUR_S, 300: HOUR_S, 420: -HOUR_S})
    for day in ("2026-03-08", "2026-11-01"):
        begin = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo("America/New_York"))
        schedule(tally, at("30 * * * *", "America/New_York"), int(begin.timestamp()) * S - S, 26, {})
    tally.remark = "two clockworks over each set clock and each change of clocks"
    assert (tally.times, tally.lost, tally.doubled) == (10, 0, 0)
