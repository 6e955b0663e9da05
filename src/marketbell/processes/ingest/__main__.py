"""`python -m marketbell.processes.ingest`: the feed and the push endpoints, until SIGTERM."""

import signal
import socket
import sys
import threading
from types import FrameType
from typing import Any

import uvicorn

from marketbell.core.primitives.errors import InvalidSettingError, MarketbellError, UserError
from marketbell.observability import Heartbeat, metrics, setup
from marketbell.processes.ingest.answers import Remembered
from marketbell.processes.ingest.app import make_app
from marketbell.settings import Settings, load
from marketbell.wiring.ingest import IngestParts, build_ingest

STALL_S = 10.0
BACKLOG = 256


def main() -> int:
    """Listen, run, stop."""
    settings = load()
    log = setup("ingest", settings)
    stopping = threading.Event()
    is_reading = True

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()
        if is_reading:
            sys.exit(0)  # nothing was begun that would have to be finished

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    listener = _listen(settings)
    parts = build_ingest(settings)
    is_reading = False
    heartbeat = _heartbeat(parts, settings)
    remembered = Remembered(parts.idempotency, parts.clock)
    app = make_app(parts.desk.push, remembered, parts.owner_token, lambda: _health(heartbeat))
    server = uvicorn.Server(
        uvicorn.Config(app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=1)
    )
    serving = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="http", daemon=True)
    with heartbeat:
        serving.start()
        log.info("ingest.listening", host=settings.host, port=listener.getsockname()[1])
        said = ""

        def progressed() -> None:
            nonlocal said
            heartbeat.progressed()
            if not serving.is_alive() and not stopping.is_set():
                raise RuntimeError("the http thread has ended")
            problem = parts.desk.problem
            if problem and (problem != said or heartbeat.state != "degraded"):
                heartbeat.degraded(problem)
            elif not problem and heartbeat.state != "ready" and parts.desk.writer.is_open:
                heartbeat.ready()
            said = problem

        parts.desk.run(stopping.is_set, progressed)
        server.should_exit = True
        serving.join(2.0)
    parts.close()
    return 0


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.ingest_port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise InvalidSettingError(
            f"cannot listen on {settings.host}:{settings.ingest_port}: {error.strerror or error}"
        ) from error
    return listener


def _heartbeat(parts: IngestParts, settings: Settings) -> Heartbeat:
    before = {"rows": 0, "accepted": 0}

    def probe() -> dict[str, Any]:
        runner, push = parts.desk.runner, parts.desk.push
        measured = metrics()
        measured.ticks.labels("published").inc(runner.rows - before["rows"])
        measured.ticks.labels("pushed").inc(push.accepted - before["accepted"])
        before.update(rows=runner.rows, accepted=push.accepted)
        measured.lag_frames.labels("log", "worst").set(runner.lag)
        measured.queue_depth.labels("spill").set(parts.desk.writer.state().spilled_frames)
        return {"feed": runner.run_name, "feed_state": runner.state, "rows": runner.rows, "lag": runner.lag}

    url = f"http://{settings.host}:{settings.ingest_port}/metrics"
    return Heartbeat(parts.cache, "ingest", metrics_url=url, probe=probe, stall_s=STALL_S)


def _health(heartbeat: Heartbeat) -> dict[str, Any]:
    said = heartbeat.document()
    return {"status": "ok" if said["state"] == "ready" else said["state"], "detail": said["detail"]}


if __name__ == "__main__":
    try:
        sys.exit(main())
    except MarketbellError as error:
        sys.stderr.write(f"ingest: {error.message}\n")
        sys.exit(2 if isinstance(error, UserError) else 1)
