"""Open a file of chains: JSON or a table, as it is, gzipped or as the one member of a zip; told by its content."""

import gzip
import io
import json
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

from marketbell.core.primitives.errors import InvalidSourceError

_LARGEST = 1 << 30
"""Bytes of a file after unpacking."""
_HEAD = 1 << 16
"""Bytes that say what a table is."""


@dataclass(frozen=True, slots=True)
class Content:
    """A file read but not understood: `data` of a JSON file, `table` of any other; names in lower case to the own."""

    path: Path
    data: Any = None
    table: pa.Table | None = None
    names: dict[str, str] | None = None
    text: bytes = b""

    def has(self, *columns: str) -> bool:
        """Whether it is a table with these columns (lower case)."""
        return self.names is not None and all(name in self.names for name in columns)

    def column(self, *names: str) -> pa.ChunkedArray | None:
        """The first of these columns that is there."""
        if self.table is None or self.names is None:
            return None
        return next((self.table[self.names[name]] for name in names if name in self.names), None)


def load(path: Path) -> Content:
    """Read a file. InvalidSourceError where it is absent, damaged or neither JSON nor a table."""
    return _read(path, is_whole=True)


def peek(path: Path) -> Content:
    """Read as much of a file as says what it is: of a table its names alone. Errors as of `load`."""
    return _read(path, is_whole=False)


def _read(path: Path, *, is_whole: bool) -> Content:
    try:
        if not is_whole:
            with path.open("rb") as stream:
                start = stream.read(_HEAD)
            if start[:4] == b"PAR1":
                return Content(path, names=_names(pq.read_schema(path).names))
            head = _head(start)
            if head is not None and not _is_two_sided(head):
                return Content(path, names=_names(pcsv.open_csv(pa.BufferReader(head)).schema.names))
        content = _unpacked(path.read_bytes())
        if content[:4] == b"PAR1":
            return _table(path, pq.read_table(pa.BufferReader(content)))
        start = content[:4_096].lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
        if start in {b"{", b"["}:
            return Content(path, data=json.loads(content))
        if _is_two_sided(content):
            return Content(path, text=content)
        return _table(path, _csv(content), content)
    except OSError as error:
        raise InvalidSourceError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (pa.ArrowException, ValueError, EOFError, zlib.error, zipfile.BadZipFile, RecursionError) as error:
        reason = (str(error).splitlines() or ["damaged"])[0]
        raise InvalidSourceError(f"{path}: cannot be read ({reason})") from error


def _is_two_sided(content: bytes) -> bool:
    """A heading over the heading, and each column twice: no table by names."""
    return content[:64].lstrip(b"\xef\xbb\xbf").startswith(b"CALLS")


def _head(start: bytes) -> bytes | None:
    """The first two lines of what may be a table; None for JSON, a zip and what has no second line here."""
    if start[:2] == b"\x1f\x8b":
        start = zlib.decompressobj(wbits=31).decompress(start)
    if start[:4] == b"PK\x03\x04" or start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in {b"{", b"["}:
        return None
    lines = start.split(b"\n", 2)
    return b"\n".join(lines[:2]) + b"\n" if len(lines) > 1 else None


def _unpacked(content: bytes) -> bytes:
    if content[:2] == b"\x1f\x8b":
        with gzip.open(io.BytesIO(content)) as stream:
            content = stream.read(_LARGEST + 1)
    elif content[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [one for one in archive.infolist() if not one.is_dir()]
            if len(members) != 1:
                message = f"the zip holds {len(members)} files, not one"
                raise ValueError(message)
            with archive.open(members[0]) as stream:
                content = stream.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        message = f"larger than {_LARGEST >> 30} GiB when unpacked"
        raise ValueError(message)
    return content


def _csv(content: bytes) -> pa.Table:
    """Every cell as text: what it is, its column decides."""
    message = "neither JSON, Parquet nor CSV"
    if not content.strip() or b"\0" in content[:4_096]:
        raise ValueError(message)
    empty = ["", "NA", "N/A", "null", "None", "-", "nan", "NaN"]
    try:
        names = pcsv.open_csv(pa.BufferReader(content)).schema.names
        types = dict.fromkeys(names, pa.string())
        options = pcsv.ConvertOptions(column_types=types, null_values=empty, strings_can_be_null=True)
        return pcsv.read_csv(pa.BufferReader(content), convert_options=options)
    except pa.ArrowInvalid as error:  # its words quote the file
        raise ValueError(message) from error


def _table(path: Path, table: pa.Table, text: bytes = b"") -> Content:
    return Content(path, table=table, names=_names(table.column_names), text=text)


def _names(columns: Sequence[str]) -> dict[str, str]:
    names: dict[str, str] = {}
    for name in columns:
        names.setdefault(name.strip().lower().replace(" ", "_"), name)
    return names
