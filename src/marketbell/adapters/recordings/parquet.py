"""Recordings as Parquet: DIR/DATE/ticks-LABEL-FIRST.parquet, beside the state that the date started from.

A part is named by the first log position in it. A stream that starts again from its checkpoint writes
the rows behind it again, under the same name, so a kill leaves no row twice.
"""

import contextlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from marketbell.core.columns.frame import SCHEMAS, Columns, FrameKind
from marketbell.core.primitives.errors import StoreUnavailableError
from marketbell.ports.checkpoints import Checkpoint

_TIMES = frozenset({"event_time", "ingest_time"})


class ParquetRecordings:
    """Writes under one directory. pyarrow is imported with the first part."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def begin(self, session_date: str, label: str, checkpoint: Checkpoint) -> None:
        """Keep the state as start-LABEL.npz; the first one of a date stays."""
        path = self._directory / session_date / f"start-{label}.npz"
        if path.exists():
            return
        place = {
            "partition": checkpoint.partition,
            "shards": str(checkpoint.shards),
            "epoch": checkpoint.epoch,
            "offset": checkpoint.offset,
            "sequence": checkpoint.sequence,
            "run": checkpoint.run,
            "taken_at": checkpoint.taken_at,
        }
        about: Any = np.frombuffer(json.dumps(place).encode(), np.uint8)
        arrays: dict[str, Any] = dict(checkpoint.arrays)

        def write(temporary: Path) -> None:
            with temporary.open("wb") as file:
                np.savez(file, checkpoint=about, **arrays)

        _atomically(path, write)

    def write(self, session_date: str, label: str, rows: Columns) -> None:
        """Write one part, sorted as the log is."""
        import pyarrow as pa  # noqa: PLC0415 — 40 MB that only a recording needs
        from pyarrow import parquet  # noqa: PLC0415

        first = int(rows["position"][0])
        columns: dict[str, Any] = {
            "instrument": pa.array(rows["instrument"].tolist(), pa.dictionary(pa.int32(), pa.string()))
        }
        for name, dtype in SCHEMAS[FrameKind.TRADE]:
            values = np.ascontiguousarray(rows[name], dtype)
            columns[name] = (
                pa.array(values.view("i8"), pa.int64()).cast(pa.timestamp("ns", "UTC"))
                if name in _TIMES
                else pa.array(values)
            )
        columns["position"] = pa.array(np.ascontiguousarray(rows["position"], "i8"))
        table = pa.table(columns)
        path = self._directory / session_date / f"ticks-{label}-{first:020d}.parquet"
        _atomically(path, lambda temporary: parquet.write_table(table, temporary, compression="zstd"))


def _atomically(path: Path, write: Any) -> None:
    """Write beside, sync, rename: a part is whole or not there."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        handle = os.open(temporary, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        message = f"the recording {path} cannot be written: {error.strerror or error}"
        raise StoreUnavailableError(message) from error
