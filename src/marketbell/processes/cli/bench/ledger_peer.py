"""The peer of `bench ledger`: one Celery task an alert. `python -m … PROCESSES` is its worker."""

import os
import sys
from typing import Any

import httpx
import psycopg
from celery import Celery

QUEUE = "bench"
DONE = "peer:done"
SCHEMA = """
CREATE SCHEMA IF NOT EXISTS peer;
CREATE TABLE IF NOT EXISTS peer.alerts (firing_id text PRIMARY KEY, body jsonb, at timestamptz DEFAULT now());
CREATE TABLE IF NOT EXISTS peer.outbox (delivery_id text PRIMARY KEY, firing_id text REFERENCES peer.alerts,
    channel text, state text, body jsonb);
"""
_held: dict[str, Any] = {}
"""Each worker process's own connections."""


def make_tables(url: str) -> None:
    """Where the peer writes its alerts."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in SCHEMA.split(";"):
            if statement.strip():
                connection.execute(statement.encode())


def make_app(broker: str) -> Celery:
    """Celery as its own guide sets it up for work that must not be lost: late acknowledgement, JSON."""
    app = Celery("bench", broker=broker, set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_default_queue=QUEUE,
        worker_prefetch_multiplier=16,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_transport_options={"global_keyprefix": "peer:", "visibility_timeout": 120},
    )
    app.task(name="nothing")(nothing)
    app.task(name="record")(record)
    app.task(name="tell")(tell)
    return app


def nothing(firing_id: str) -> None:
    """The least that a task can do: count itself."""
    import redis

    client = _held.get("redis") or _held.setdefault("redis", redis.Redis.from_url(os.environ["BENCH_BROKER"]))
    client.incr(DONE)
    del firing_id


def record(firing_id: str, body: dict[str, Any]) -> None:
    """An alert and its delivery in one transaction."""
    from psycopg.types.json import Jsonb

    connection = _held.get("database")
    if connection is None:
        connection = _held["database"] = psycopg.connect(os.environ["BENCH_DATABASE"], autocommit=True)
    with connection.transaction():
        connection.execute(
            "INSERT INTO peer.alerts (firing_id, body) VALUES (%s, %s) ON CONFLICT DO NOTHING", (firing_id, Jsonb(body))
        )
        connection.execute(
            "INSERT INTO peer.outbox VALUES (%s, %s, 'webhook', 'queued', %s) ON CONFLICT DO NOTHING",
            (firing_id, firing_id, Jsonb(body)),
        )


def tell(firing_id: str, url: str, body: dict[str, Any]) -> None:
    """Record it, then POST it."""
    record(firing_id, body)
    client = _held.get("http") or _held.setdefault("http", httpx.Client(trust_env=False))
    client.post(url, json=body, headers={"Idempotency-Key": firing_id})


def main(processes: str) -> None:
    """The worker."""
    app = make_app(os.environ["BENCH_BROKER"])
    app.worker_main(
        ["worker", "--pool=prefork", f"--concurrency={processes}", f"--queues={QUEUE}", "--loglevel=ERROR",
         "--without-gossip", "--without-mingle", "--without-heartbeat"]
    )  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1])
