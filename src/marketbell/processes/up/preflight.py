"""What has to be true before anything is started; each failure is one clear line."""

import contextlib
import errno
import os
import shutil
import socket
from pathlib import Path

import psutil

from marketbell.core.primitives.errors import InvalidSettingError, InvalidSourceError, UserError
from marketbell.settings import Settings

LEAST_FREE_MB = 200
PORTS = ("port", "live_port", "ingest_port")
OPTION = {"port": "--port", "live_port": "MARKETBELL_LIVE_PORT", "ingest_port": "MARKETBELL_INGEST_PORT"}


def check_host(settings: Settings) -> None:
    """Other machines may come in only when that was said twice."""
    if settings.runs_elsewhere() and not settings.allow_remote:
        raise InvalidSettingError(
            f"host {settings.host} can be reached from other machines and there is no TLS here: put a proxy in front, "
            "and say MARKETBELL_ALLOW_REMOTE=true if you mean it"
        )


def with_source(settings: Settings) -> Settings:
    """A replay's path, checked and made absolute."""
    kind, _, text = settings.feed.partition(":")
    if kind != "replay":
        return settings
    path = Path(os.path.abspath(Path(text).expanduser()))  # noqa: PTH100 — links stay as the person wrote them
    if not path.exists():
        raise InvalidSourceError(f"there is nothing to replay at {text}: no such file or folder")
    if path.is_dir() and not any(entry.is_file() for entry in path.rglob("*")):
        raise InvalidSourceError(f"there is nothing to replay at {text}: the folder is empty")
    if not os.access(path, os.R_OK):
        raise InvalidSourceError(f"{text} cannot be read")
    return settings.replaced(feed=f"replay:{path}")


def prepare_folder(data_dir: Path) -> None:
    """Make the data folder for its owner alone, and prove that it can be written and has room."""
    try:
        if not data_dir.exists():
            data_dir.mkdir(mode=0o700, parents=True)
        (data_dir / "logs").mkdir(mode=0o700, exist_ok=True)
        probe = data_dir / ".probe"
        with probe.open("wb") as file:
            file.write(b"\0" * 65_536)
            file.flush()
            os.fsync(file.fileno())
        probe.unlink()
        free = shutil.disk_usage(data_dir).free >> 20
    except OSError as error:
        raise _no_folder(data_dir, error) from None
    if free < LEAST_FREE_MB:
        raise UserError(f"the disk of {data_dir} has {free} MB left and {LEAST_FREE_MB} MB are needed: make room there")


def _no_folder(data_dir: Path, error: OSError) -> UserError:
    if error.errno == errno.ENOSPC:
        return UserError(f"the disk of {data_dir} is full: make room there, or choose another --data-dir")
    if error.errno in {errno.ENOTDIR, errno.EEXIST}:
        return UserError(f"{data_dir} cannot be a folder, a part of that path is a file: choose another --data-dir")
    reason = (error.strerror or str(error)).lower()
    return UserError(f"cannot write {data_dir} ({reason}): choose another --data-dir")


def with_ports(settings: Settings) -> Settings:
    """Free ports for those that are 0; one clear line for one that is taken."""
    chosen: dict[str, int] = {}
    held: list[socket.socket] = []
    try:
        for name in PORTS:
            wanted = getattr(settings, name)
            listener = socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET)
            held.append(listener)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((settings.host, wanted))
            except OSError as error:
                raise _taken(settings, name, wanted, error) from None
            chosen[name] = listener.getsockname()[1]
    finally:
        for listener in held:
            listener.close()
    return settings.replaced(**chosen)


def _taken(settings: Settings, name: str, port: int, error: OSError) -> UserError:
    option = OPTION[name]
    if error.errno == errno.EADDRINUSE:
        return UserError(
            f"port {port} on {settings.host} is taken{_by_whom(port)}: "
            f"choose another with {option}, or --port 0 for any free"
        )
    if error.errno == errno.EACCES:
        return UserError(f"port {port} is for the administrator only: choose one above 1023 with {option}")
    return UserError(f"cannot listen on {settings.host}:{port}: {(error.strerror or str(error)).lower()}")


def _by_whom(port: int) -> str:
    with contextlib.suppress(psutil.Error, RuntimeError, OSError):
        for line in psutil.net_connections(kind="tcp"):
            if line.status == psutil.CONN_LISTEN and line.laddr and line.laddr.port == port and line.pid:
                return f" by {psutil.Process(line.pid).name()} (pid {line.pid})"
    return ""
