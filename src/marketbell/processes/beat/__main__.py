"""`python -m marketbell.processes.beat`: says when each job is due, until SIGTERM."""

import signal
import sys
from types import FrameType
from typing import Any

from celery.beat import PersistentScheduler, Service

from marketbell.observability import Heartbeat, serve_metrics, setup
from marketbell.processes.worker.schedule import make_app
from marketbell.settings import load
from marketbell.wiring.worker import build_beat

STALL_S = 30.0


def main() -> int:
    """Tick; where each job stood survives in DATA_DIR/beat.schedule."""
    settings = load()
    log = setup("beat", settings)
    cache = build_beat(settings)
    app = make_app(settings)
    heartbeat = Heartbeat(cache, "beat", metrics_url=serve_metrics(), stall_s=STALL_S)

    class Ticking(PersistentScheduler):  # type: ignore[misc]  # Celery has no types
        """The scheduler, whose every tick is a sign of life."""

        def tick(self, *arguments: Any, **options: Any) -> Any:
            wait = super().tick(*arguments, **options)
            if heartbeat.state == "starting":
                heartbeat.ready()
                log.info("beat.started")
            heartbeat.progressed()
            return wait

    class Stopped(SystemExit):
        """Ends the sleep between two ticks; the service then writes its schedule."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise Stopped

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    with heartbeat:
        Service(app, scheduler_cls=Ticking).start()
    cache.close()
    log.info("beat.stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
