"""PostgreSQL as a peer: the server that `up` would start, in a folder of its own, for as long as it is measured."""

import contextlib
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from marketbell.core.primitives.errors import UnavailableError
from marketbell.settings import Settings
from marketbell.wiring.servers import embedded_servers

_READY_S = 60.0


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """The URL of an empty server, stopped and removed behind it. UnavailableError where it does not come up."""
    with tempfile.TemporaryDirectory(prefix="marketbell-bench-", ignore_cleanup_errors=True) as name:
        settings = Settings(data_dir=Path(name))
        server = next(one for setting, one in embedded_servers(settings) if setting == "database_url")
        server.prepare()
        launch = server.launch()
        with (Path(name) / "postgres.log").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 — a program we chose
                list(launch.argv),
                env=dict(launch.env),
                cwd=launch.cwd,
                user=launch.uid,
                group=launch.gid,
                extra_groups=None if launch.uid is None else [],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            deadline = time.monotonic() + _READY_S
            while not server.is_ready():
                if time.monotonic() > deadline or process.poll() is not None:
                    raise UnavailableError(f"PostgreSQL did not answer within {_READY_S:.0f} s")
                time.sleep(0.05)
            yield server.url
        finally:
            process.send_signal(launch.stop_signal)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
