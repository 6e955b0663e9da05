"""`python -m marketbell.processes.beat`: says when each job is due, until SIGTERM."""

import signal
import sys
from types import FrameType

from celery.beat import Service

from marketbell.flows.jobs.planning import Planner
from marketbell.observability import Heartbeat, serve_metrics, setup
from marketbell.processes.beat.clockwork import scheduler, teller
from marketbell.processes.worker.celery_app import make_app
from marketbell.settings import load
from marketbell.wiring.worker import build_beat

STALL_S = 30.0


class Stopped(SystemExit):
    """Ends the sleep between two ticks."""


def main() -> int:
    """Tick. Two of them may run: each run is written down once, and each message is one's to send."""
    settings = load()
    log = setup("beat", settings)
    parts = build_beat(settings)
    app = make_app(settings)
    heartbeat = Heartbeat(parts.cache, "beat", metrics_url=serve_metrics(), stall_s=STALL_S)
    planner = Planner(parts.store, parts.jobs, parts.clock, teller(app))

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise Stopped

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    with heartbeat:
        Service(app, scheduler_cls=scheduler(planner, heartbeat)).start()
    parts.close()
    log.info("beat.stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
