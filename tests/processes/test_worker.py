"""Scheduled work: each run once, a failed one again, two real processes on a real broker."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from marketbell.adapters.cache.memory import MemoryCache
from marketbell.adapters.cache.redis import RedisCache
from marketbell.adapters.clock.manual import ManualClock
from marketbell.adapters.stores.postgres.migrate import upgrade
from marketbell.processes.worker import tasks
from marketbell.processes.worker.schedule import JOBS, job_key, make_app
from marketbell.settings import load
from marketbell.wiring.worker import WorkerParts, build_worker

DAY_S = 86_400


def nothing() -> dict[str, object]:
    return {}


def parts_of(clock: ManualClock) -> WorkerParts:
    return WorkerParts(MemoryCache(), clock, nothing, nothing, lambda: None)


def test_a_run_happens_once_in_its_slot_whoever_asks() -> None:
    clock = ManualClock(DAY_S * 10**9 * 20_000)
    ran: list[int] = []

    def work() -> dict[str, object]:
        ran.append(clock.now())
        return {}

    run = tasks._once(parts_of(clock), "forget_old", DAY_S, work)
    for _ in range(3):
        run()
        clock.move(3_600)
    assert len(ran) == 1
    clock.move(DAY_S)
    run()
    assert len(ran) == 2


def test_a_run_that_failed_leaves_its_slot_to_the_next_try() -> None:
    outcomes = [RuntimeError("disk"), None]

    def work() -> dict[str, object]:
        outcome = outcomes.pop(0)
        if outcome is not None:
            raise outcome
        return {}

    run = tasks._once(parts_of(ManualClock(1)), "forget_old", DAY_S, work)
    with pytest.raises(RuntimeError, match="disk"):
        run()
    run()
    assert outcomes == []


def test_messages_are_json_and_acknowledged_after_the_work() -> None:
    app = make_app(load(env={"CACHE_URL": "redis://127.0.0.1:1/0"}))
    assert app.conf.accept_content == ["json"]
    assert app.conf.task_acks_late
    assert app.conf.broker_transport_options["global_keyprefix"] == "celery:"
    assert app.conf.beat_schedule.keys() == {job.name for job in JOBS}
    assert job_key("pulse", 12 * 10**9) == job_key("pulse", 14 * 10**9) != job_key("pulse", 15 * 10**9)


def test_the_housekeeping_works_on_the_real_store(postgres_url: str, valkey_url: str) -> None:
    upgrade(postgres_url)
    parts = build_worker(load(env={"DATABASE_URL": postgres_url, "CACHE_URL": valkey_url}))
    try:
        parts.make_partitions()
        assert parts.make_partitions() == {"made": []}
        assert parts.forget_old().keys() == {"partitions", "answers", "screen_events", "sessions"}
    finally:
        parts.close()


def test_worker_and_beat_report_by_progress_and_stop_when_told(
    postgres_url: str, valkey_url: str, data_dir: Path
) -> None:
    upgrade(postgres_url)
    data_dir.mkdir()
    settings = load(env={"DATABASE_URL": postgres_url, "CACHE_URL": valkey_url}, data_dir=data_dir)
    cache = RedisCache(valkey_url)
    env = {**os.environ, **settings.environment()}
    children = []
    for name in ("worker", "beat"):
        with (data_dir / f"{name}.log").open("wb") as log:
            children.append(
                subprocess.Popen([sys.executable, "-m", f"marketbell.processes.{name}"], env=env, stderr=log)
            )

    def state(name: str) -> object:
        return json.loads(cache.get(f"proc:{name}") or b"{}").get("state")

    def logs() -> str:
        return "".join(path.read_text() for path in data_dir.glob("*.log"))

    try:
        until(lambda: state("worker") == "ready" and state("beat") == "ready", logs)
        until(lambda: bool(cache.keys("job:pulse:")), logs)
        for child in children:
            child.send_signal(signal.SIGTERM)
        assert [child.wait(8) for child in children] == [0, 0], logs()
        assert cache.keys("proc:") == []
    finally:
        for child in children:
            if child.poll() is None:
                child.kill()
                child.wait()
        cache.close()


def until(condition: Callable[[], bool], logs: Callable[[], str]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, logs()
        time.sleep(0.05)
