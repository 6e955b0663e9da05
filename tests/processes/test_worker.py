"""Scheduled work through real processes: Celery over a real broker, runs in a real store."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import redis

from marketbell.adapters.cache.redis import RedisCache
from marketbell.adapters.stores.postgres import PostgresStores
from marketbell.adapters.stores.postgres.migrate import upgrade
from marketbell.flows.jobs.catalogue import LONGEST_S, catalogue
from marketbell.flows.jobs.running import LEASE_S
from marketbell.ports.jobs import STATES, new_run
from marketbell.ports.stores import LOCAL_OWNER
from marketbell.processes.worker.celery_app import make_app
from marketbell.settings import load
from marketbell.wiring.worker import build_beat, build_worker


def test_messages_are_json_and_acknowledged_after_the_work() -> None:
    conf = make_app(load(env={"CACHE_URL": "redis://127.0.0.1:1/0"})).conf
    options = conf.broker_transport_options
    assert (conf.accept_content, conf.task_serializer, conf.result_serializer) == (["json"], "json", "json")
    assert conf.task_acks_late
    assert conf.task_reject_on_worker_lost
    assert options["visibility_timeout"] > LONGEST_S >= conf.task_time_limit
    assert (options["unacked_restore_interval"], options["unacked_restore_throttle"]) == (2, 1)
    assert options["global_keyprefix"] == "celery:"
    assert min(job.limit_s for job in catalogue(5)) > LEASE_S


def test_every_job_has_its_work_and_the_housekeeping_works_on_the_real_store(
    postgres_url: str, valkey_url: str
) -> None:
    upgrade(postgres_url)
    settings = load(env={"DATABASE_URL": postgres_url, "CACHE_URL": valkey_url, "REDIS_URL": valkey_url})
    parts, beat = build_worker(settings), build_beat(settings)
    try:
        now = parts.clock.now()
        runs = [new_run(job, now + n, now=now) for n, job in enumerate(("make_partitions", "pulse", "forget_old"))]
        runs.append(new_run("make_partitions", now + 9, now=now))
        beat.store.enqueue(runs)
        assert [parts.runner.run(run.run_id) for run in runs] == ["done"] * 4
        done = {run.run_id: run.result for run in beat.store.runs(LOCAL_OWNER)}
        assert done[runs[3].run_id] == {"made": []}
        assert done[runs[2].run_id].keys() == {"partitions", "answers", "screen_events", "sessions", "runs", "chains"}
        assert parts.runner._work.keys() == {job.name for job in parts.jobs}
    finally:
        beat.close()
        parts.close()


def test_worker_and_two_beats_do_each_tick_once_also_over_an_emptied_broker_and_a_kill(
    postgres_url: str, valkey_url: str, data_dir: Path
) -> None:
    upgrade(postgres_url)
    data_dir.mkdir()
    settings = load(
        env={
            "DATABASE_URL": postgres_url,
            "CACHE_URL": valkey_url,
            "REDIS_URL": valkey_url,
            "MARKETBELL_JOBS__PULSE_EVERY_S": "1",
        },
        data_dir=data_dir,
    )
    cache, stores = RedisCache(valkey_url), PostgresStores(postgres_url, 1)
    env = {**os.environ, **settings.environment()}
    children: list[subprocess.Popen[bytes]] = []

    def start(name: str) -> subprocess.Popen[bytes]:
        with (data_dir / f"{name}.log").open("ab") as log:
            child = subprocess.Popen([sys.executable, "-m", f"marketbell.processes.{name}"], env=env, stderr=log)
        children.append(child)
        return child

    def state(name: str) -> object:
        return json.loads(cache.get(f"proc:{name}") or b"{}").get("state")

    def logs() -> str:
        return "".join(path.read_text()[-3_000:] for path in data_dir.glob("*.log"))

    def pulses(*states: str) -> list[int]:
        runs = stores.jobs.runs(LOCAL_OWNER, 1_000, job="pulse")
        return sorted(run.scheduled_at for run in runs if run.is_scheduled and run.state in (states or STATES))

    try:
        worker, beats = start("worker"), [start("beat"), start("beat")]
        until(lambda: state("worker") == "ready" and state("beat") == "ready", logs)
        until(lambda: len(pulses("done")) >= 2, logs)
        with redis.Redis.from_url(valkey_url) as client:
            client.flushdb()
        worker.kill()
        worker.wait()
        beats.pop().kill()
        worker = start("worker")
        before = len(pulses())
        until(lambda: len(pulses("done")) >= before + 2, logs)
        # a message that was lost is replaced after a few seconds
        until(lambda: len(pulses()) >= before + 4 and not pulses("queued", "running", "failed"), logs)
        found = pulses()
        assert found == list(range(found[0], found[-1] + 10**9, 10**9)), "every second once"
        for child in (worker, *beats):
            child.send_signal(signal.SIGTERM)
        assert [child.wait(8) for child in (worker, *beats)] == [0, 0], logs()
        assert cache.keys("proc:") == []
    finally:
        for child in children:
            if child.poll() is None:
                child.kill()
            child.wait()
        cache.close()
        stores.close()


def until(condition: Callable[[], bool], logs: Callable[[], str]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, logs()
        time.sleep(0.05)
