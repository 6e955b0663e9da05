"""`python -m marketbell.processes.worker`: does scheduled work until SIGTERM."""

import os
import sys
import threading
import warnings
from typing import Any

import structlog
from celery.platforms import SecurityWarning
from celery.signals import setup_logging, worker_ready, worker_shutting_down

from marketbell.flows.jobs.running import LEASE_S, Runner
from marketbell.observability import Heartbeat, serve_metrics, setup
from marketbell.processes.worker.celery_app import QUEUE, make_app
from marketbell.processes.worker.tasks import register
from marketbell.settings import load
from marketbell.wiring.worker import build_worker

STALL_S = 60.0
THREADS = 2
"""One for what takes long, which waits for a process of its own, and one for everything else."""
EXIT_OVERDUE = 70


def main() -> int:
    """Start, work, stop: a job under way is finished, or put back for the next worker."""
    settings = load()
    log = setup("worker", settings)
    parts = build_worker(settings)
    app = make_app(settings)
    heartbeat = Heartbeat(parts.cache, "worker", metrics_url=serve_metrics(), stall_s=STALL_S)
    register(app, parts.runner, heartbeat)
    is_over = threading.Event()

    def keep_logging(**_: Any) -> None:
        """Ours is set up; Celery must not do it again."""

    def is_ready(**_: Any) -> None:
        heartbeat.ready()
        log.info("worker.started")

    def is_stopping(**_: Any) -> None:
        heartbeat.set("stopping")
        parts.stop()

    # Celery warns of root because of pickled messages; ours are JSON and nothing else is taken
    warnings.filterwarnings("ignore", category=SecurityWarning)
    setup_logging.connect(keep_logging)
    worker_ready.connect(is_ready)
    worker_shutting_down.connect(is_stopping)
    threading.Thread(target=_keep, args=(parts.runner, is_over), name="leases", daemon=True).start()
    with heartbeat:
        # threads of this very process: a second process would cost its memory, and what is heavy has one anyway
        worker = app.Worker(
            pool="threads",
            concurrency=THREADS,
            queues=[QUEUE],
            hostname="worker@marketbell",
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
            quiet=True,
        )
        worker.start()
    is_over.set()
    parts.close()
    log.info("worker.stopped")
    return int(worker.exitcode or 0)


def _keep(runner: Runner, is_over: threading.Event) -> None:
    """Renew the leases; end this process where a job takes longer than it may: its thread cannot be ended."""
    while not is_over.wait(LEASE_S / 4):
        overdue = runner.keep()
        if overdue is not None:
            structlog.stdlib.get_logger("worker").error("job.overdue", job=overdue.job, run_id=overdue.run_id)
            sys.stderr.flush()
            os._exit(EXIT_OVERDUE)


if __name__ == "__main__":
    sys.exit(main())
