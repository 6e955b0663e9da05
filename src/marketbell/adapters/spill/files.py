"""The spill queue in one file: frames as they came, and a small file that says how far they were taken.

A record is length, partition, CRC of the frame, frame. A torn tail (the process died inside a write)
is cut off at opening. Kills of the process lose nothing; a power cut may lose the newest second.
"""

import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

from marketbell.core.primitives.errors import StoreUnavailableError

_RECORD = struct.Struct("<III")
_CURSOR = struct.Struct("<Q")


class FileFrameQueue:
    """A queue in DIR, at most `capacity_bytes` long. StoreUnavailableError when the disk refuses."""

    def __init__(self, directory: Path, capacity_bytes: int = 64 << 20) -> None:
        self._path = directory / "frames"
        self._cursor_path = directory / "cursor"
        self._capacity = capacity_bytes
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("a+b")
            self._start = self._read_cursor()
            # (place of the record, partition, length of the frame) for every frame that waits
            self._index: list[tuple[int, int, int]] = []
            self._taken = 0
            self._end = self._scan()
            self._file.truncate(self._end)
        except OSError as error:
            raise _refused(error) from error

    def append(self, frames: Sequence[tuple[int, bytes]]) -> bool:
        """Write the frames behind the others; they are with the system when this returns."""
        records = [_RECORD.pack(len(frame), partition, zlib.crc32(frame)) + frame for partition, frame in frames]
        size = sum(map(len, records))
        if self._end + size > self._capacity:
            return False
        try:
            self._file.write(b"".join(records))
            self._file.flush()
        except OSError as error:
            self._file.truncate(self._end)
            raise _refused(error) from error
        for (partition, frame), record in zip(frames, records, strict=True):
            self._index.append((self._end, partition, len(frame)))
            self._end += len(record)
        return True

    def head(self, limit: int) -> list[tuple[int, bytes]]:
        """The oldest frames."""
        found = []
        for place, partition, length in self._index[self._taken : self._taken + limit]:
            self._file.seek(place + _RECORD.size)
            found.append((partition, self._file.read(length)))
        return found

    def drop(self, count: int) -> None:
        """Forget the oldest frames; an empty queue gives its space back."""
        self._taken += count
        try:
            if self._taken >= len(self._index):
                self._file.truncate(0)
                self._index, self._taken, self._start, self._end = [], 0, 0, 0
            else:
                self._start = self._index[self._taken][0]
            self._cursor_path.write_bytes(_CURSOR.pack(self._start))
        except OSError as error:
            raise _refused(error) from error

    def discard(self, is_unwanted: Callable[[bytes], bool]) -> int:
        """Rewrite the queue without the unwanted frames."""
        waiting = self.head(len(self))
        kept = [item for item in waiting if not is_unwanted(item[1])]
        if len(kept) != len(waiting):
            self.drop(len(waiting))
            self.append(kept)
        return len(waiting) - len(kept)

    def close(self) -> None:
        """Let go of the file; what waits in it stays."""
        self._file.close()

    def __len__(self) -> int:
        return len(self._index) - self._taken

    @property
    def fill(self) -> float:
        """Share of the capacity in use."""
        return self._end / self._capacity

    def _read_cursor(self) -> int:
        try:
            data = self._cursor_path.read_bytes()
        except FileNotFoundError:
            return 0
        return int(_CURSOR.unpack(data)[0]) if len(data) == _CURSOR.size else 0

    def _scan(self) -> int:
        """Index the frames behind the cursor; returns the end of the last whole one."""
        self._file.seek(0, 2)
        if self._start > self._file.tell():
            self._start = 0
        at = self._start
        self._file.seek(at)
        while len(head := self._file.read(_RECORD.size)) == _RECORD.size:
            length, partition, crc = _RECORD.unpack(head)
            frame = self._file.read(length)
            if len(frame) != length or zlib.crc32(frame) != crc:
                break
            self._index.append((at, partition, length))
            at += _RECORD.size + length
        return at


def _refused(error: OSError) -> StoreUnavailableError:
    return StoreUnavailableError(f"the spill queue cannot be written: {error.strerror or error}")
