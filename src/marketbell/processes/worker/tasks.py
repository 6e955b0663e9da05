"""The one task: do the run of that id."""

import structlog
from celery import Celery

from marketbell.core.primitives.errors import StoreUnavailableError
from marketbell.flows.jobs.running import Runner
from marketbell.observability import Heartbeat, metrics
from marketbell.processes.worker.celery_app import TASK

log = structlog.stdlib.get_logger("worker")


def register(app: Celery, runner: Runner, heartbeat: Heartbeat) -> None:
    """Give the task its work."""

    def do(run_id: str) -> None:
        try:
            state = runner.run(run_id)
        except StoreUnavailableError as error:
            # the run stands in the store, and the clockwork tells of it again
            log.warning("job.not_claimed", run_id=run_id, error=error.message)
            heartbeat.degraded("the database does not answer")
            return
        metrics().jobs.labels(TASK, state or "repeated").inc()
        if heartbeat.state == "degraded":
            heartbeat.ready()
        heartbeat.progressed()

    app.task(name=TASK)(do)
