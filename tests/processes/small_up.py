"""`up` with the real servers and two tiny children in place of Marketbell's own: what test_up.py starts.

Arguments: DATA_DIR [PORT]. A child is this same file with the word `child` and its name.
"""

import signal
import sys
import threading
from pathlib import Path

from marketbell.ports.servers import Launch


def child(name: str) -> None:
    """Beat until SIGTERM."""
    from marketbell import observability
    from marketbell.settings import load
    from marketbell.wiring.up import open_cache

    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    settings = load()
    log = observability.setup(name, settings)
    with observability.Heartbeat(open_cache(settings.cache_url or ""), name) as heartbeat:
        heartbeat.ready()
        log.info("child.began", database=bool(settings.database_url))
        stopped.wait()


def main(data_dir: str, port: str = "0") -> int:
    """Run `up` on a small table."""
    from marketbell.processes.cli.main import run
    from marketbell.processes.up import run as up
    from marketbell.processes.up import table

    whole = table.build_table

    def small(settings: object, servers: object, **_: object) -> list[table.Spec]:
        def launch(name: str) -> Launch:
            return Launch([sys.executable, __file__, "child", name])

        kept = [spec for spec in whole(settings, servers) if spec.stage == table.SERVER]  # type: ignore[arg-type]
        names = tuple(spec.name for spec in kept)
        return [*kept, *(table.Spec(name, lambda name=name: launch(name), needs=names) for name in ("api", "live"))]

    up.build_table = small  # type: ignore[assignment]
    return run(["up", "--data-dir", str(Path(data_dir)), "--port", port, "--no-open"])


if __name__ == "__main__":
    if sys.argv[1] == "child":
        child(sys.argv[2])
    else:
        sys.exit(main(*sys.argv[1:]))
