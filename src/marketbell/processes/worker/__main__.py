"""`python -m marketbell.processes.worker`: does scheduled work until SIGTERM."""

import sys
import warnings
from typing import Any

from celery.platforms import SecurityWarning
from celery.signals import setup_logging, worker_ready, worker_shutting_down

from marketbell.observability import Heartbeat, serve_metrics, setup
from marketbell.processes.worker.schedule import QUEUE, make_app
from marketbell.processes.worker.tasks import register
from marketbell.settings import load
from marketbell.wiring.worker import build_worker

STALL_S = 60.0


def main() -> int:
    """Start, work, stop: a job under way is finished, or handed out again later."""
    settings = load()
    log = setup("worker", settings)
    parts = build_worker(settings)
    app = make_app(settings)
    heartbeat = Heartbeat(parts.cache, "worker", metrics_url=serve_metrics(), stall_s=STALL_S)
    register(app, parts, heartbeat)

    def keep_logging(**_: Any) -> None:
        """Ours is set up; Celery must not do it again."""

    def is_ready(**_: Any) -> None:
        heartbeat.ready()
        log.info("worker.started")

    def is_stopping(**_: Any) -> None:
        heartbeat.set("stopping")

    # Celery warns of root because of pickled messages; ours are JSON and nothing else is taken
    warnings.filterwarnings("ignore", category=SecurityWarning)
    setup_logging.connect(keep_logging)
    worker_ready.connect(is_ready)
    worker_shutting_down.connect(is_stopping)
    with heartbeat:
        # one job at a time in this very process: they are few, and a second process would cost its memory
        worker = app.Worker(
            pool="solo",
            queues=[QUEUE],
            hostname="worker@marketbell",
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
            quiet=True,
        )
        worker.start()
    parts.close()
    log.info("worker.stopped")
    return int(worker.exitcode or 0)


if __name__ == "__main__":
    sys.exit(main())
