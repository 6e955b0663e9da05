"""One `up` a data folder: a lock that the kernel lets go of when its holder dies."""

import datetime as dt
import errno
import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any

from marketbell.core.primitives.errors import ConflictError

LOCK_NAME = "up.lock"
CLEARING_S = 12.0


class DataDirLock:
    """Held from `acquire` to `release`; the file says who holds it: pid, since, url."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / LOCK_NAME
        self._data_dir = data_dir
        self.fd = -1

    def acquire(self) -> None:
        """Take the lock or raise ConflictError that names the holder.

        Where the holder is dead and only its warden still ends its children, wait for that.
        """
        self.fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + CLEARING_S
        while not self._try():
            holder = holder_of(self._data_dir) or {}
            if _is_alive(int(holder.get("pid", 0))) or time.monotonic() > deadline:
                os.close(self.fd)
                self.fd = -1
                raise ConflictError(
                    f"Marketbell already runs on {self._data_dir}: pid {holder.get('pid', '?')} "
                    f"since {holder.get('since', '?')} at {holder.get('url') or 'an address not known yet'}; "
                    "stop it first, or choose another --data-dir",
                    **holder,
                )
            time.sleep(0.1)
        self.say()

    def say(self, url: str | None = None) -> None:
        """Write who holds it."""
        since = dt.datetime.now(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        known = holder_of(self._data_dir) or {}
        if known.get("pid") == os.getpid():
            since = known.get("since", since)
        text = json.dumps({"pid": os.getpid(), "since": since, "url": url}).encode()
        os.ftruncate(self.fd, 0)
        os.pwrite(self.fd, text, 0)

    def release(self) -> None:
        """Let go; the file stays, it means nothing without the lock."""
        if self.fd >= 0:
            os.ftruncate(self.fd, 0)
            os.close(self.fd)
            self.fd = -1

    def _try(self) -> bool:
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in {errno.EWOULDBLOCK, errno.EACCES}:
                return False
            raise
        return True


def holder_of(data_dir: Path) -> dict[str, Any] | None:
    """What the lock file says; None where it says nothing."""
    try:
        found = json.loads((data_dir / LOCK_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def is_held(data_dir: Path) -> bool:
    """True while some `up` (or its warden) holds the folder."""
    try:
        fd = os.open(data_dir / LOCK_NAME, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False


def _is_alive(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
