"""`python -m marketbell.processes.sender`: carries alerts out until SIGTERM."""

import asyncio
import os
import signal
import sys

from marketbell.observability import Heartbeat, serve_metrics, setup
from marketbell.processes.sender.loop import SenderLoop
from marketbell.processes.sender.watch import Watch
from marketbell.settings import load
from marketbell.wiring.sender import build_sender


async def _run(loop: SenderLoop) -> bool:
    running = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        running.add_signal_handler(number, loop.stop)
    return await loop.run()


def main() -> None:
    """Start, run, stop within three seconds."""
    settings = load()
    log = setup("sender", settings)
    parts = build_sender(settings)
    heartbeat = Heartbeat(parts.cache, "sender", metrics_url=serve_metrics(), stall_s=10.0).start()
    loop = SenderLoop(
        parts.planner,
        parts.deliverer,
        parts.ledger,
        parts.clock,
        heartbeat,
        gatherer=parts.gatherer,
        paces=parts.paces,
    )
    watch = Watch(parts.rounds)
    watch.start()
    log.info("sender.started")
    is_clean = asyncio.run(_run(loop))
    watch.stop()
    log.info("sender.stopped", is_clean=is_clean)
    heartbeat.close()
    if not is_clean:
        # A receiver still keeps a thread waiting. What it was sent is under a lease and is taken up again.
        sys.stderr.flush()
        os._exit(0)
    parts.close()


if __name__ == "__main__":
    main()
