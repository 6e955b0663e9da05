"""Checkpoints as files: DIR/FIRST-LAST.FENCE.SEQUENCE.ckpt, FIRST-LAST being the shards in it.

A file is a header (magic, version, length and BLAKE2b of the rest), a JSON line with the place in the
log and the arrays' names, types and shapes, then the arrays' bytes. It is written under another name,
synced, renamed, and its folder synced: at every moment a crash leaves the older files whole.
"""

import contextlib
import json
import os
import re
import struct
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from marketbell.core.columns.frame import Columns
from marketbell.core.primitives.errors import CheckpointError, StoreUnavailableError
from marketbell.core.primitives.shards import Shards
from marketbell.ports.checkpoints import Checkpoint, CheckpointPlace, unneeded

_MAGIC = b"MBCK"
_VERSION = 2
_HEADER = struct.Struct("<4sHHQ16s")
_KEPT = 3
_MOST_HEAD = 1 << 20
_NAME = re.compile(r"(\d{2})-(\d{2})\.(\d{20})\.(\d{12})\.ckpt")


class FileCheckpoints:
    """Checkpoints in one directory, made when the first is saved. Several processes may share it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._places: dict[tuple[str, int], CheckpointPlace] = {}

    def save(self, checkpoint: Checkpoint) -> None:
        """Write, sync, rename, sync the folder; then let go of what is older than every shard's newest three."""
        final = self._path(checkpoint.place)
        temporary = final.with_suffix(".tmp")
        body = _pack(checkpoint)
        header = _HEADER.pack(_MAGIC, _VERSION, 0, len(body), blake2b(body, digest_size=16).digest())
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                file.write(header)
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(final)
            _sync_folder(self._directory)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            message = f"the checkpoint {final} cannot be written: {error.strerror or error}"
            raise StoreUnavailableError(message) from error
        for place in unneeded(self.kept(), _KEPT):
            self._path(place).unlink(missing_ok=True)

    def kept(self) -> list[CheckpointPlace]:
        """Oldest first. One whose head cannot be read is there all the same, with an unknown place in the log."""
        found = {}
        for path in self._directory.glob("*.ckpt"):
            name = _NAME.fullmatch(path.name)
            if name is None:
                continue
            with contextlib.suppress(OSError):
                key = path.name, path.stat().st_ino
                found[key] = self._places.get(key) or _place(path, name)
        self._places = dict(found)
        return sorted(found.values(), key=lambda place: place.age)

    def load(self, place: CheckpointPlace) -> Checkpoint:
        """Read all of it and compare its checksum."""
        path = self._path(place)
        try:
            return _read(path)
        except CheckpointError as error:
            message = f"{path.name}: {error.message}"
            raise CheckpointError(message) from error

    def _path(self, place: CheckpointPlace) -> Path:
        shards = f"{place.shards.first:02d}-{place.shards.last:02d}"
        return self._directory / f"{shards}.{place.fence:020d}.{place.sequence:012d}.ckpt"


def _place(path: Path, name: re.Match[str]) -> CheckpointPlace:
    """What the file's name and first line say."""
    shards, fence, sequence = Shards(int(name[1]), int(name[2])), int(name[3]), int(name[4])
    with path.open("rb") as file:
        file.seek(_HEADER.size)
        line = file.readline(_MOST_HEAD)
    try:
        head = json.loads(line)
        return CheckpointPlace(int(head["partition"]), str(head["epoch"]), int(head["offset"]), sequence, shards, fence)
    except (ValueError, KeyError, TypeError):
        return CheckpointPlace(-1, "", 0, sequence, shards, fence)


def _pack(checkpoint: Checkpoint) -> bytes:
    arrays = {name: np.ascontiguousarray(column) for name, column in checkpoint.arrays.items()}
    head = {
        "partition": checkpoint.partition,
        "epoch": checkpoint.epoch,
        "offset": checkpoint.offset,
        "sequence": checkpoint.sequence,
        "run": checkpoint.run,
        "taken_at": checkpoint.taken_at,
        "shards": str(checkpoint.shards),
        "fence": checkpoint.fence,
        # ascontiguousarray makes a scalar a vector: the shape is the original's
        "arrays": [
            [name, column.dtype.str, list(np.shape(checkpoint.arrays[name]))] for name, column in arrays.items()
        ],
    }
    return b"".join([json.dumps(head).encode(), b"\n", *(column.tobytes() for column in arrays.values())])


def _read(path: Path) -> Checkpoint:
    try:
        data = path.read_bytes()
    except OSError as error:
        message = f"cannot be read: {error.strerror or error}"
        raise CheckpointError(message) from error
    if len(data) < _HEADER.size:
        raise CheckpointError("too short")
    magic, version, _, length, digest = _HEADER.unpack_from(data)
    if magic != _MAGIC or version != _VERSION:
        message = f"unknown kind or version {version}"
        raise CheckpointError(message)
    body = memoryview(data)[_HEADER.size :]
    if len(body) != length or blake2b(body, digest_size=16).digest() != digest:
        raise CheckpointError("the checksum does not match")
    line_end = data.index(b"\n", _HEADER.size)
    head: dict[str, Any] = json.loads(data[_HEADER.size : line_end])
    arrays: Columns = {}
    at = line_end + 1
    for name, dtype, shape in head.pop("arrays"):
        count = int(np.prod(shape, dtype=np.int64))
        # a copy: the engine writes into its arrays
        arrays[name] = np.frombuffer(data, dtype=dtype, count=count, offset=at).reshape(shape).copy()
        at += arrays[name].nbytes
    head["shards"] = Shards.parse(head["shards"])
    return Checkpoint(**head, arrays=arrays)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
