"""The tasks: three lines each, the work is done elsewhere."""

from collections.abc import Callable

import structlog
from celery import Celery

from marketbell.observability import Heartbeat, metrics
from marketbell.processes.worker.schedule import JOBS, job_key
from marketbell.wiring.worker import WorkerParts

log = structlog.stdlib.get_logger("worker")


def register(app: Celery, parts: WorkerParts, heartbeat: Heartbeat) -> None:
    """Give every job of the schedule its work."""

    def pulse() -> dict[str, object]:
        heartbeat.progressed()
        return {}

    work: dict[str, Callable[[], dict[str, object]]] = {
        "pulse": pulse,
        "make_partitions": parts.make_partitions,
        "forget_old": parts.forget_old,
    }
    for job in JOBS:
        app.task(name=job.name)(_once(parts, job.name, job.slot_s, work[job.name]))


def _once(parts: WorkerParts, name: str, slot_s: int, work: Callable[[], dict[str, object]]) -> Callable[[], None]:
    """Run the work once in its slot of time; a run that failed leaves its slot to the next try."""

    def run() -> None:
        key = job_key(name, parts.clock.now())
        if not parts.cache.add(key, b"1", ttl_s=slot_s * 2):
            metrics().jobs.labels(name, "repeated").inc()
            return
        try:
            facts = work()
        except Exception:
            parts.cache.delete(key)
            metrics().jobs.labels(name, "failed").inc()
            raise
        metrics().jobs.labels(name, "done").inc()
        if facts:
            log.info("job.done", job=name, **facts)

    return run
