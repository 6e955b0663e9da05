"""Celery's beat over the store: each tick writes down what became due and tells the workers of it."""

from collections.abc import Callable
from typing import Any

import structlog
from celery import Celery
from celery.beat import Scheduler
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from marketbell.core.primitives.errors import BusUnavailableError, UnavailableError
from marketbell.flows.jobs.planning import Planner
from marketbell.observability import Heartbeat
from marketbell.ports.jobs import Run
from marketbell.processes.worker.celery_app import QUEUE, TASK, TICK_S

log = structlog.stdlib.get_logger("beat")


def teller(app: Celery) -> Callable[[Run], None]:
    """Sends the message of a run."""

    def tell(run: Run) -> None:
        try:
            app.send_task(TASK, args=[run.run_id], task_id=f"{run.run_id}.{run.attempts + 1}", queue=QUEUE)
        except (KombuError, RedisError, OSError) as error:
            raise BusUnavailableError(f"the broker did not answer: {error}") from error

    return tell


def scheduler(planner: Planner, heartbeat: Heartbeat) -> type[Scheduler]:
    """A scheduler that keeps nothing of its own: where the schedule stands is in the store."""

    class Clockwork(Scheduler):  # type: ignore[misc]  # Celery has no types
        """Ticks once a second."""

        def setup_schedule(self) -> None:
            """The catalogue of jobs is the schedule."""

        def tick(self, *_: Any, **__: Any) -> float:
            """One step; an outage is said and waited out."""
            try:
                planner.step()
            except UnavailableError as error:
                if heartbeat.state != "degraded":
                    log.warning("store.lost", error=error.message)
                heartbeat.degraded(error.message)
                return TICK_S
            if heartbeat.state != "ready":
                log.info("beat.started" if heartbeat.state == "starting" else "store.resumed")
                heartbeat.ready()
            heartbeat.progressed()
            return TICK_S

    return Clockwork
