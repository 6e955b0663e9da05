"""Tables to files: Parquet and CSV, whole or not at all. NaN leaves as null, times as UTC nanoseconds."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from marketbell.core.primitives.errors import InvalidSettingError


def arrow_table(
    columns: Mapping[str, NDArray[Any] | Sequence[str]], times: Sequence[str], unknown: Sequence[str] = ()
) -> pa.Table:
    """Columns as an Arrow table. Built from buffers: `pa.array` would import pandas.

    `times` are ns UTC; of those in `unknown` a 0 means that there is none (elsewhere it is 1970).
    """
    arrays: dict[str, pa.Array] = {}
    for name, column in columns.items():
        if not isinstance(column, np.ndarray):
            arrays[name] = _texts(column)
        elif name in times:
            moments = np.ascontiguousarray(column, np.int64)
            known = moments != 0 if name in unknown else None
            arrays[name] = _fixed(moments, pa.timestamp("ns", tz="UTC"), known)
        elif column.dtype.kind == "f":
            arrays[name] = _fixed(np.ascontiguousarray(column, np.float64), pa.float64(), ~np.isnan(column))
        else:
            arrays[name] = _fixed(np.ascontiguousarray(column, np.int64), pa.int64())
    return pa.Table.from_arrays(list(arrays.values()), list(arrays))


def _fixed(values: NDArray[Any], kind: pa.DataType, valid: NDArray[np.bool_] | None = None) -> pa.Array:
    bits = None
    if valid is not None and not valid.all():
        bits = pa.py_buffer(np.packbits(valid, bitorder="little"))
        values = np.where(valid, values, 0)  # what is missing has one representation: equal tables, equal bytes
    return pa.Array.from_buffers(kind, len(values), [bits, pa.py_buffer(values)])


def _texts(texts: Sequence[str]) -> pa.Array:
    encoded = [text.encode() for text in texts]
    ends = np.cumsum([0, *(len(text) for text in encoded)]).astype(np.int32)
    return pa.Array.from_buffers(pa.string(), len(encoded), [None, pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))])


def output_folder(path: Path) -> Path:
    """The folder, made if need be. InvalidSettingError where it cannot be written."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidSettingError(f"{path}: cannot be made ({error.strerror})") from error
    if not os.access(path, os.W_OK):
        raise InvalidSettingError(f"{path}: cannot be written; choose another folder")
    return path


def write_table(table: pa.Table, path: Path) -> None:
    """Write `path` (.parquet or .csv) by way of a file beside it, so that a reader never meets half a table."""
    part = path.with_name(f".{path.name}.part")
    try:
        if path.suffix == ".parquet":
            pq.write_table(table, part, compression="zstd")
        elif path.suffix == ".csv":
            with part.open("wb") as stream:
                write_csv(table, stream)
        else:
            raise InvalidSettingError(f"{path}: write a .parquet or a .csv file")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise InvalidSettingError(f"{path}: cannot be written ({error.strerror or error})") from error


def write_csv(table: pa.Table, stream: IO[bytes]) -> None:
    """Comma-separated with a heading."""
    pcsv.write_csv(table, stream, pcsv.WriteOptions(quoting_style="needed"))


def write_json(value: Mapping[str, Any], path: Path) -> None:
    """Write a JSON document by way of a file beside it."""
    write_text(json.dumps(value, indent=2, allow_nan=False) + "\n", path)


def write_text(text: str, path: Path) -> None:
    """Write a text by way of a file beside it."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise InvalidSettingError(f"{path}: cannot be written ({error.strerror or error})") from error
