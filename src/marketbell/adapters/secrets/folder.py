"""Secrets in files that only their owner can read: `desk/slack#token` is FOLDER/desk/slack.token."""

import os
import stat
from pathlib import Path

from marketbell.core.primitives.errors import DeliveryError

LARGEST = 64 * 1024
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class FolderSecrets:
    """Read at each question: a changed file counts at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, name: str) -> str | None:
        """The file's content without its last line feed. DeliveryError where others can read it too."""
        path = self._folder / name.replace("#", ".")
        try:
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise DeliveryError(f"the secret {name} cannot be read: {error.strerror}", permanent=True) from None
        try:
            about = os.fstat(handle)
            if not stat.S_ISREG(about.st_mode):
                return None
            if about.st_mode & _OTHERS:
                raise DeliveryError(
                    f"the file of the secret {name} can be read by others: chmod 600 it", permanent=True
                )
            raw = os.read(handle, LARGEST + 1)
        finally:
            os.close(handle)
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            raise DeliveryError(f"the secret {name} is not UTF-8 text", permanent=True) from None
        if len(raw) > LARGEST:
            raise DeliveryError(f"the secret {name} has more than {LARGEST // 1024} kB", permanent=True)
        return text.removesuffix("\n").removesuffix("\r") or None

    def close(self) -> None:
        """Nothing is held."""
