"""`python -m marketbell.processes.stream [--shards a-b/64]`: the engine on its shards, until SIGTERM."""

import argparse
import os
import signal
import sys
import threading
from types import FrameType

from marketbell.core.primitives.errors import MarketbellError, UserError
from marketbell.core.primitives.shards import Shards, stream_name
from marketbell.observability import Heartbeat, serve_metrics, setup
from marketbell.processes.stream.gauges import Gauges
from marketbell.settings import load
from marketbell.wiring.stream import build_stream

STALL_S = 10.0


def main() -> int:
    """Warm up, run, checkpoint, stop."""
    parser = argparse.ArgumentParser(prog="stream", description="The engine on its shards, until SIGTERM.")
    parser.add_argument("--shards", metavar="a-b/64", help="shards of this process (stream.shards, 0-63)")
    settings = load(stream__shards=parser.parse_args().shards)
    name = stream_name(Shards.parse(settings.stream.shards))
    log = setup(name, settings)
    stopping = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    parts = build_stream(settings)
    gauges = Gauges(parts.desk)
    heartbeat = Heartbeat(parts.cache, name, metrics_url=serve_metrics(), probe=gauges.probe, stall_s=STALL_S)
    with heartbeat:
        warming = threading.Thread(target=parts.warm, name="warming", daemon=True)
        warming.start()
        while warming.is_alive() and not stopping.wait(0.05):
            heartbeat.progressed()
        if stopping.is_set():
            # the compiler cannot be interrupted, and nothing was begun that would have to be finished
            heartbeat.close()
            os._exit(0)
        log.info("stream.warmed")

        def progressed() -> None:
            heartbeat.progressed()
            problem = parts.desk.runner.problem
            if problem:
                if heartbeat.state != "degraded" or problem != gauges.problem:
                    heartbeat.degraded(problem)
            elif heartbeat.state != "ready" and parts.desk.runner.is_ready:
                heartbeat.ready()
            gauges.problem = problem

        parts.desk.run(stopping.is_set, progressed)
    parts.close()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except MarketbellError as error:
        sys.stderr.write(f"stream: {error.message}\n")
        sys.exit(2 if isinstance(error, UserError) else 1)
