"""Checkpoints as files: DIR/PARTITION/SEQUENCE.ckpt.

A file is a header (magic, version, length and BLAKE2b of the rest), a JSON line with the place in the
log and the arrays' names, types and shapes, then the arrays' bytes. It is written under another name,
synced, renamed, and its folder synced: at every moment a crash leaves the older files whole.
"""

import contextlib
import json
import os
import struct
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from marketbell.core.columns.frame import Columns
from marketbell.core.primitives.errors import CheckpointError, StoreUnavailableError
from marketbell.ports.checkpoints import Checkpoint

_MAGIC = b"MBCK"
_VERSION = 1
_HEADER = struct.Struct("<4sHHQ16s")
_KEPT = 3


class FileCheckpoints:
    """Checkpoints under one directory, made when the first is saved."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def save(self, checkpoint: Checkpoint) -> None:
        """Write, sync, rename, sync the folder; then let go of what is older than the newest three."""
        folder = self._folder(checkpoint.partition)
        final = folder / f"{checkpoint.sequence:012d}.ckpt"
        temporary = final.with_suffix(".tmp")
        body = _pack(checkpoint)
        header = _HEADER.pack(_MAGIC, _VERSION, 0, len(body), blake2b(body, digest_size=16).digest())
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                file.write(header)
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(final)
            _sync_folder(folder)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            message = f"the checkpoint {final} cannot be written: {error.strerror or error}"
            raise StoreUnavailableError(message) from error
        for old in self._files(checkpoint.partition)[:-_KEPT]:
            old.unlink(missing_ok=True)

    def load(self, partition: int) -> tuple[Checkpoint | None, list[str]]:
        """The newest one that is whole."""
        passed_over: list[str] = []
        for path in reversed(self._files(partition)):
            try:
                return _read(path), passed_over
            except CheckpointError as error:
                passed_over.append(f"{path.name}: {error.message}")
        return None, passed_over

    def oldest(self, partition: int) -> tuple[str, int] | None:
        """Of those kept and whole."""
        for path in self._files(partition):
            with contextlib.suppress(CheckpointError):
                checkpoint = _read(path)
                return checkpoint.epoch, checkpoint.offset
        return None

    def _folder(self, partition: int) -> Path:
        return self._directory / str(partition)

    def _files(self, partition: int) -> list[Path]:
        return sorted(self._folder(partition).glob("*.ckpt"))


def _pack(checkpoint: Checkpoint) -> bytes:
    arrays = {name: np.ascontiguousarray(column) for name, column in checkpoint.arrays.items()}
    head = {
        "partition": checkpoint.partition,
        "epoch": checkpoint.epoch,
        "offset": checkpoint.offset,
        "sequence": checkpoint.sequence,
        "run": checkpoint.run,
        "taken_at": checkpoint.taken_at,
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
    return Checkpoint(**head, arrays=arrays)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
