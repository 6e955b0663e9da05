"""Where the children's words go: a JSON file each, and prefixed lines for a person."""

import datetime as dt
import errno
import os
import queue
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import orjson

LONGEST_LINE = 64 * 1024
CONSOLE_QUEUE = 2_000
_QUIET = frozenset({"ts", "event", "process", "level", "logger", "pid"})
_SHORT = 160


def utc_stamp() -> str:
    """Now, for a log line."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def as_fact(name: str, line: bytes) -> dict[str, Any]:
    """A child's line as a log fact: JSON stays as it is, anything else is wrapped."""
    if line[:1] == b"{":
        try:
            found = orjson.loads(line)
        except orjson.JSONDecodeError:
            found = None
        if isinstance(found, dict) and "event" in found:
            return found
    text = line.decode("utf-8", "replace")
    return {"ts": utc_stamp(), "level": _level_of(text), "process": name, "event": "output", "text": text}


def _level_of(text: str) -> str:
    head = text[:_SHORT]
    if any(word in head for word in ("FATAL", "PANIC", "Traceback", "CRITICAL")):
        return "error"
    return "warning" if any(word in head for word in ("ERROR", "WARNING", "Error:")) else "info"


def as_line(fact: dict[str, Any]) -> str:
    """A fact as one short line for a person, without the prefix."""
    if fact.get("event") == "output":
        return str(fact.get("text", ""))
    words = [str(fact.get("event", ""))]
    if fact.get("level") not in {"info", None}:
        words.insert(0, str(fact["level"]).upper())
    words += [f"{key}={value}" for key, value in fact.items() if key not in _QUIET and key != "exception"]
    if "exception" in fact:
        words.append(str(fact["exception"]).strip().splitlines()[-1])
    return " ".join(words)


class LogFile:
    """A file of JSON lines that starts anew at `limit` bytes and keeps the `kept` ones before it.

    A full disk or a lost folder is told once through `trouble`; lines are dropped, nothing else stops.
    """

    def __init__(self, path: Path, limit: int, kept: int, trouble: Callable[[str], None]) -> None:
        self._path = path
        self._limit = limit
        self._kept = kept
        self._trouble = trouble
        self._file: BinaryIO | None = None
        self._size = 0
        self._is_failing = False
        self._is_torn = False

    def write(self, fact: dict[str, Any]) -> None:
        """Append one line."""
        line = orjson.dumps(fact, default=str, option=orjson.OPT_APPEND_NEWLINE)
        try:
            if self._file is None:
                self._file = self._path.open("ab", buffering=0)
                self._size = self._file.tell()
            elif self._size + len(line) > self._limit:
                self._turn()
            if self._is_torn:
                line = b"\n" + line  # what a full disk took only the beginning of ends here
            written = self._file.write(line) or 0
            self._size += written
            self._is_torn = written < len(line)
            if self._is_torn:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # noqa: TRY301 — told below like any other
            self._is_failing = False
        except OSError as error:
            if not self._is_failing:
                self._trouble(f"cannot write {self._path}: {(error.strerror or str(error)).lower()}")
            self._is_failing = True
            self.close()

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _turn(self) -> None:
        self.close()
        for number in range(self._kept, 0, -1):
            older = self._path.with_name(f"{self._path.name}.{number}")
            newer = self._path if number == 1 else self._path.with_name(f"{self._path.name}.{number - 1}")
            if newer.exists():
                newer.replace(older)
        self._file = self._path.open("ab", buffering=0)
        self._size = 0


class Console:
    """Lines for a person, written by a thread: a terminal that stands still must not stop the children.

    When its queue is full lines are let go, and their number is said.
    """

    def __init__(self, out: TextIO | None = None, width: int = 8) -> None:
        self._out = out or sys.stdout
        self._width = width
        self._lines: queue.Queue[str | None] = queue.Queue(CONSOLE_QUEUE)
        self._dropped = 0
        self.printer: Callable[[str], None] = self._plain
        self._thread = threading.Thread(target=self._run, name="console", daemon=True)
        self._thread.start()

    def say(self, name: str, text: str) -> None:
        """One line with its prefix."""
        self.raw("\n".join(f"{name:<{self._width}} | {line}" for line in text.splitlines() or [""]))

    def raw(self, text: str) -> None:
        """Text as it is."""
        try:
            self._lines.put_nowait(text)
        except queue.Full:
            self._dropped += 1

    def close(self) -> None:
        """Write what waits, for at most a second."""
        try:
            self._lines.put(None, timeout=0.5)
        except queue.Full:
            return
        self._thread.join(1.0)

    def _run(self) -> None:
        while True:
            text = self._lines.get()
            if text is None:
                return
            try:
                self.printer(text)
                if self._dropped:
                    count, self._dropped = self._dropped, 0
                    self.printer(f"{'up':<{self._width}} | {count} lines not shown here; they are in the log files")
            except (OSError, ValueError):
                # nobody reads any more (a closed terminal): the log files go on
                self.printer = _nowhere

    def _plain(self, text: str) -> None:
        self._out.write(text + "\n")
        self._out.flush()


def _nowhere(text: str) -> None:
    del text
