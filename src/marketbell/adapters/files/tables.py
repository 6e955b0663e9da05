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

_TIME = pa.timestamp("ns", tz="UTC")


def arrow_table(columns: Mapping[str, NDArray[Any] | Sequence[str]], times: Sequence[str]) -> pa.Table:
    """Columns as an Arrow table; a time of 0 is unknown."""
    arrays: dict[str, pa.Array] = {}
    for name, column in columns.items():
        if name in times:
            values = np.asarray(column, np.int64)
            arrays[name] = pa.array(values).cast(pa.timestamp("ns")).cast(_TIME)
        elif isinstance(column, np.ndarray):
            arrays[name] = pa.array(column, from_pandas=column.dtype.kind == "f")
        else:
            arrays[name] = pa.array(list(column), pa.string())
    return pa.table(arrays)


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
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise InvalidSettingError(f"{path}: cannot be written ({error.strerror or error})") from error
