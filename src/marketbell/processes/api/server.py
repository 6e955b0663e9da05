"""granian around a WSGI app, inside this process: one worker thread pool, clean on SIGTERM."""

import socket
from collections.abc import Callable
from typing import Any

from granian.constants import Interfaces
from granian.server.mt import MTServer

from marketbell.core.primitives.errors import InvalidSettingError

BLOCKING_THREADS = 4
_KILL_AFTER_S = 4


class InProcessServer(MTServer):
    """granian's thread server with one worker.

    Its own default on a GIL build is a child process for the worker: a second interpreter's memory for
    no gain with one worker. The Rust side hands requests to blocking threads either way.
    """

    def _check_gil(self) -> None:
        """One worker needs no free threading."""


def _claim(host: str, port: int) -> None:
    """Say clearly that a port is taken: granian shares ports silently (SO_REUSEPORT)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise InvalidSettingError(f"cannot listen on {host}:{port}: {error.strerror}") from error


def serve(app: Callable[..., Any], host: str, port: int, on_start: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT; returns when the requests under way are answered."""
    _claim(host, port)
    server = InProcessServer(
        "marketbell.processes.api",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=BLOCKING_THREADS,
        workers_kill_timeout=_KILL_AFTER_S,
        log_enabled=False,
    )
    server.on_startup(on_start)
    server.serve(target_loader=lambda: app, wrap_loader=False)
