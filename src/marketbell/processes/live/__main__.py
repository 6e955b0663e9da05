"""`python -m marketbell.processes.live`: rooms over Socket.IO. gevent patches before anything is imported."""

# ruff: noqa: E402 — the patch must come before every other import
from gevent import monkey

monkey.patch_all()

import secrets
import signal
import sys

import gevent
from gevent import pywsgi

from marketbell import observability
from marketbell.core.primitives.errors import InvalidSettingError, MarketbellError, UserError
from marketbell.flows.live.board import MarketBoard
from marketbell.processes.live.app import LiveServer
from marketbell.processes.live.directory import Directory
from marketbell.processes.live.follow import Follower
from marketbell.processes.live.hub import Hub
from marketbell.settings import load
from marketbell.wiring.live import build_live

BACKLOG = 1_024
STALL_S = 5.0


class _Silent:
    """pywsgi's access log goes nowhere: connections are counted, not listed."""

    def write(self, text: str) -> None:
        """Nothing."""


def main() -> int:
    """Run until SIGTERM."""
    settings = load()
    log = observability.setup("live", settings)
    parts = build_live(settings)
    directory = Directory(parts.instruments)
    hub = Hub(MarketBoard(directory.decimals), epoch=secrets.token_hex(4))
    metrics_url = f"http://{settings.host}:{settings.live_port}/metrics"
    heartbeat = observability.Heartbeat(parts.cache, "live", metrics_url=metrics_url, stall_s=STALL_S)
    follower = Follower(parts, hub, directory, heartbeat)
    live = LiveServer(parts, hub, follower, directory)
    listener = (settings.host, settings.live_port)
    server = pywsgi.WSGIServer(listener, live.app, handler_class=live.door(), log=_Silent(), backlog=BACKLOG)
    try:
        server.start()
    except OSError as error:
        raise InvalidSettingError(f"cannot listen on {settings.host}:{settings.live_port}: {error.strerror}") from error
    stopped = gevent.event.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, stopped.set)
    with heartbeat:
        loops = [gevent.spawn(loop) for loop in (follower.follow, follower.poll, live.frames, live.sweep)]
        for loop in loops:
            # A loop ends only by a fault of ours: say it, and let the supervisor start us anew.
            loop.link_exception(lambda failed: (log.error("loop.crashed", error=repr(failed.exception)), stopped.set()))
        log.info("live.started", host=settings.host, port=settings.live_port)
        stopped.wait()
        follower.is_stopped = True
        server.stop(timeout=0.5)
        gevent.joinall(loops, timeout=0.6)
        crashed = any(loop.exception is not None for loop in loops)
        gevent.killall(loops, timeout=1)
    parts.close()
    log.info("live.stopped")
    return 1 if crashed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UserError as error:
        sys.stderr.write(f"{error.message}\n")
        sys.exit(2)
    except MarketbellError as error:
        sys.stderr.write(f"{error.message}\n")
        sys.exit(1)
