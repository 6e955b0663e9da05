"""`python -m marketbell.processes.api`: REST, the documentation page and the web app."""

import sys
import threading

from marketbell import observability
from marketbell.core.primitives.errors import MarketbellError, UnavailableError, UserError
from marketbell.settings import load
from marketbell.wiring.api import ApiParts, build_api

CHECK_EVERY_S = 1.0


def _watch(parts: ApiParts, heartbeat: observability.Heartbeat, stopped: threading.Event) -> None:
    """Ready while the store answers; degraded, with the reason, while it does not."""
    while True:
        try:
            parts.instruments.get("")
            heartbeat.ready(port=parts.settings.port)
        except UnavailableError as error:
            heartbeat.degraded(error.message, port=parts.settings.port)
        if stopped.wait(CHECK_EVERY_S):
            return


def main() -> int:
    """Run until SIGTERM."""
    settings = load()
    log = observability.setup("api", settings)
    from marketbell.processes.api.app import create_app
    from marketbell.processes.api.server import serve

    parts = build_api(settings)
    stopped = threading.Event()
    scheme_and_host = f"http://{settings.host}:{settings.port}"
    with observability.Heartbeat(parts.cache, "api", metrics_url=f"{scheme_and_host}/metrics") as heartbeat:
        watcher = threading.Thread(target=_watch, args=(parts, heartbeat, stopped), daemon=True)

        def started() -> None:
            watcher.start()
            log.info("api.started", url=scheme_and_host)

        try:
            serve(create_app(parts), settings.host, settings.port, started)
        finally:
            stopped.set()
            if watcher.is_alive():
                watcher.join(timeout=2.0)
            parts_closed = parts.close
    parts_closed()
    log.info("api.stopped")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UserError as error:
        sys.stderr.write(f"{error.message}\n")
        sys.exit(2)
    except MarketbellError as error:
        sys.stderr.write(f"{error.message}\n")
        sys.exit(1)
