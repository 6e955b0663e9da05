"""Bodies of the push endpoints, in their three forms, as plain rows."""

from collections.abc import Sequence
from typing import Any

import orjson

from marketbell.core.primitives.errors import UserError
from marketbell.flows.ingest.push import MAX_ROWS

JSON = "application/json"
NDJSON = "application/x-ndjson"
ARROW = "application/vnd.apache.arrow.stream"
TYPES = (JSON, NDJSON, ARROW)


class UnsupportedTypeError(UserError):
    """The body is JSON, NDJSON or an Arrow IPC stream."""

    code = "unsupported_media_type"


class TooLargeError(UserError):
    """The body is too large."""

    code = "too_large"


def rows_of(content_type: str, body: bytes, name: str) -> Sequence[Any]:
    """Rows of a body; `name` is the key that a JSON object may wrap them in. UserError where it cannot be read."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == JSON:
        rows = _json(body, name)
    elif kind in {NDJSON, "application/jsonl", "application/ndjson"}:
        rows = [_line(number, line) for number, line in enumerate(body.splitlines(), start=1) if line.strip()]
    elif kind in {ARROW, "application/vnd.apache.arrow.file"}:
        rows = _arrow(body)
    else:
        raise UnsupportedTypeError(f"{kind or 'a body without a type'} is not read; send one of {', '.join(TYPES)}")
    if len(rows) > MAX_ROWS:
        raise TooLargeError(f"{len(rows)} rows are more than {MAX_ROWS} in one request")
    return rows


def _json(body: bytes, name: str) -> Sequence[Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise UserError(f"the body is not JSON: {error}") from error
    if isinstance(found, dict) and name in found:
        found = found[name]
    if not isinstance(found, list):
        raise UserError(f'the body is a list of rows, or {{"{name}": [rows]}}')
    return found


def _line(number: int, line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise UserError(f"line {number} is not JSON: {error}") from error


def _arrow(body: bytes) -> Sequence[Any]:
    import pyarrow as pa  # 40 MB that only an Arrow body needs

    try:
        with pa.ipc.open_stream(body) as reader:
            table = reader.read_all()
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"the body is not an Arrow IPC stream: {error}") from error
    if len(table) > MAX_ROWS:
        raise TooLargeError(f"{len(table)} rows are more than {MAX_ROWS} in one request")
    columns = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_timestamp(column.type):
            # a stamp without a zone would be guessed at: it stays a datetime, and the row is refused
            wanted = column.cast(pa.timestamp("ns", column.type.tz)).cast(pa.int64()) if column.type.tz else column
            columns[name] = wanted.to_pylist()
        else:
            columns[name] = column.to_pylist()
    names = list(columns)
    return [dict(zip(names, values, strict=True)) for values in zip(*columns.values(), strict=True)]
