"""Embedded servers: one module a server; here what all of them need of the machine."""

import contextlib
import errno
import os
import pwd
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil

from marketbell.core.primitives.errors import UserError

LOOPBACK = "127.0.0.1"
STOP_WAIT_S = 10.0


def make_folder(path: Path, mode: int = 0o700) -> None:
    """Make a folder with its parents; one clear line where that is not possible."""
    try:
        path.mkdir(mode=mode, parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error) from None


def unwritable(path: Path, error: OSError) -> UserError:
    """The one line for a folder we cannot write."""
    if error.errno == errno.ENOSPC:
        return UserError(f"the disk of {path} is full: make room there or choose another folder with --data-dir")
    if error.errno in {errno.ENOTDIR, errno.EEXIST}:
        return UserError(f"{path} cannot be a folder: a part of that path is a file; choose another with --data-dir")
    reason = (error.strerror or str(error)).lower()
    return UserError(f"cannot write {path} ({reason}): choose another folder with --data-dir")


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads, whole or not at all."""
    part = path.with_name(path.name + ".part")
    try:
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise unwritable(path.parent, error) from None


def password_of(path: Path) -> str:
    """The password kept in `path`, made at the first call."""
    with contextlib.suppress(FileNotFoundError):
        text = path.read_text(encoding="utf-8").strip()
        if text:
            return text
    text = secrets.token_urlsafe(32)
    write_private(path, text + "\n")
    return text


def port_of(path: Path) -> int:
    """The port remembered in `path` where it is still free, else a new free one."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        port = int(path.read_text(encoding="utf-8"))
        if 0 < port < 65_536 and is_free(port):
            return port
    port = free_port()
    write_private(path, f"{port}\n")
    return port


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody holds now."""
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        return int(listener.getsockname()[1])


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """True where we could listen."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError:
            return False
    return True


def exchange(port: int, request: bytes, timeout_s: float = 0.5) -> bytes:
    """Send a few bytes, give back the first that are answered; b"" when there is nobody."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=timeout_s) as line:
            line.sendall(request)
            return line.recv(4_096)
    except OSError:
        return b""


def reap(pid_file: Path, is_ours: Callable[[psutil.Process], bool], first: signal.Signals) -> bool:
    """Stop the server a crashed run left behind. The pid counts only if `is_ours` recognises the process.

    A pid file that names nobody, or somebody else who got the same number, is removed. True if one was stopped.
    """
    try:
        pid = int(pid_file.read_text(encoding="utf-8").split()[0])
    except FileNotFoundError:
        return False
    except (ValueError, IndexError):
        pid = 0
    was_running = False
    try:
        process = psutil.Process(pid) if pid > 0 else None
        if process is not None and is_ours(process):
            was_running = True
            for number in (first, signal.SIGKILL):
                process.send_signal(number)
                with contextlib.suppress(psutil.TimeoutExpired):
                    process.wait(STOP_WAIT_S)
                    break
    except psutil.NoSuchProcess:
        pass
    except psutil.AccessDenied:
        raise UserError(
            f"{pid_file.parent} is in use by process {pid} of another user: stop it, or choose another --data-dir"
        ) from None
    pid_file.unlink(missing_ok=True)
    return was_running


# ---- running as somebody else ----------------------------------------------------------------------------------------

SERVICE_USER = "marketbell"


def service_user(owner_of: Path) -> tuple[int, int] | None:
    """Whom a server that refuses root runs as: (uid, gid), or None where we are not root.

    The owner of the data stays its owner; else the system user `marketbell`, made where that is possible, else
    an existing `postgres` or `nobody`.
    """
    if os.geteuid() != 0:
        return None
    with contextlib.suppress(FileNotFoundError, KeyError):
        found = owner_of.stat()
        if found.st_uid != 0:
            return pwd.getpwuid(found.st_uid).pw_uid, found.st_gid
    for name in (SERVICE_USER, "", "postgres", "nobody"):
        if not name:
            _make_user(SERVICE_USER)
            name = SERVICE_USER  # noqa: PLW2901 — the second try for the same name
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return entry.pw_uid, entry.pw_gid
    raise UserError("PostgreSQL does not run as root and no other user exists: add one (useradd --system marketbell)")


def _make_user(name: str) -> None:
    for tool, arguments in (
        ("useradd", ["--system", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/bin/false", name]),
        ("adduser", ["-S", "-D", "-H", "-h", "/nonexistent", "-s", "/bin/false", name]),
    ):
        program = shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if program:
            done = subprocess.run([program, *arguments], check=False, capture_output=True)  # noqa: S603 — fixed words
            if done.returncode == 0:
                return


def give(path: Path, uid: int, gid: int) -> None:
    """Hand a folder to another user, with what is in it."""
    for folder, _, files in os.walk(path):
        os.chown(folder, uid, gid)
        for name in files:
            os.chown(Path(folder) / name, uid, gid, follow_symlinks=False)


def let_through(path: Path, uid: int, gid: int) -> None:
    """Let another user walk down to `path`: the right to pass, not to list, on closed folders above it.

    An access list for that one user where the file system has them, else the pass bit for others.
    """
    for folder in reversed(Path(os.path.realpath(path)).parents):
        mode = folder.stat()
        passes = mode.st_mode & (
            0o100 if mode.st_uid == uid else 0o010 if mode.st_gid == gid else 0o001  # the first that applies decides
        )
        if passes or _listed(folder, uid):
            continue
        try:
            _grant(folder, uid)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise UserError(
                f"the database runs as another user than root and may not pass {folder} ({reason}): "
                f"run `chmod o+x {folder}`, or choose another place"
            ) from None


_ACL = "system.posix_acl_access"
_USER_OBJ, _USER, _GROUP_OBJ, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x10, 0x20
_NOBODY = 0xFFFFFFFF
_PASS = 0o1


def _entries(folder: Path) -> list[tuple[int, int, int]]:
    if sys.platform != "linux":
        return []
    try:
        raw = os.getxattr(folder, _ACL)
    except OSError:
        return []
    return [(tag, perm, who) for tag, perm, who in struct.iter_unpack("<HHI", raw[4:])]


def _listed(folder: Path, uid: int) -> bool:
    entries = _entries(folder)
    mask = next((perm for tag, perm, _ in entries if tag == _MASK), 0o7)
    return any(tag == _USER and who == uid and perm & mask & _PASS for tag, perm, who in entries)


def _grant(folder: Path, uid: int) -> None:
    mode = folder.stat().st_mode
    if sys.platform == "linux":
        entries = _entries(folder) or [
            (_USER_OBJ, mode >> 6 & 0o7, _NOBODY),
            (_GROUP_OBJ, mode >> 3 & 0o7, _NOBODY),
            (_OTHER, mode & 0o7, _NOBODY),
        ]
        mask = next((perm for tag, perm, _ in entries if tag == _MASK), mode >> 3 & 0o7)
        kept = [entry for entry in entries if entry[0] != _MASK and not (entry[0] == _USER and entry[2] == uid)]
        new = sorted(
            [*kept, (_USER, _PASS, uid), (_MASK, mask | _PASS, _NOBODY)], key=lambda entry: (entry[0], entry[2])
        )
        raw = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in new)
        try:
            os.setxattr(folder, _ACL, raw)
        except OSError as error:
            if error.errno != errno.ENOTSUP:
                raise
        else:
            return
    folder.chmod(mode & 0o7777 | 0o001)
