"""Bodies of the push endpoints, in their three forms, as plain rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from marketbell.core.primitives.errors import UserError
from marketbell.flows.ingest.push import MAX_ROWS

JSON = "application/json"
NDJSON = "application/x-ndjson"
ARROW = "application/vnd.apache.arrow.stream"
TYPES = (JSON, NDJSON, ARROW)
_ALSO = {
    "application/jsonl": NDJSON,
    "application/ndjson": NDJSON,
    "application/vnd.apache.arrow.file": ARROW,
}


class UnsupportedTypeError(UserError):
    """The body is JSON, NDJSON or an Arrow IPC stream."""

    code = "unsupported_media_type"


class TooLargeError(UserError):
    """The body is too large."""

    code = "too_large"


@dataclass(frozen=True, slots=True)
class Form:
    """What a body may look like: `name` is the key that a JSON object may wrap its rows in, `most` how many they are.

    `lone` is a field that tells a JSON object which is itself a row from one that wraps them; empty: none is.
    """

    name: str
    types: tuple[str, ...] = TYPES
    most: int = MAX_ROWS
    lone: str = ""


def rows_of(content_type: str, body: bytes, form: Form) -> Sequence[Any]:
    """Rows of a body. UserError where it cannot be read."""
    kind = content_type.partition(";")[0].strip().lower()
    kind = _ALSO.get(kind, kind)
    if kind not in form.types:
        given = kind or "a body without a type"
        raise UnsupportedTypeError(f"{given} is not read; send one of {', '.join(form.types)}")
    if kind == JSON:
        rows = _json(body, form)
    elif kind == NDJSON:
        rows = [_line(number, line) for number, line in enumerate(body.splitlines(), start=1) if line.strip()]
    else:
        rows = _arrow(body, form.most)
    if len(rows) > form.most:
        raise TooLargeError(f"{len(rows)} rows are more than {form.most} in one request")
    return rows


def _json(body: bytes, form: Form) -> Sequence[Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise UserError(f"the body is not JSON: {error}") from error
    if isinstance(found, dict) and form.name in found:
        found = found[form.name]
    elif isinstance(found, dict) and form.lone and form.lone in found:
        found = [found]
    if not isinstance(found, list):
        raise UserError(f'the body is a list of rows, or {{"{form.name}": [rows]}}')
    return found


def _line(number: int, line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise UserError(f"line {number} is not JSON: {error}") from error


def _arrow(body: bytes, most: int) -> Sequence[Any]:
    import pyarrow as pa  # 40 MB that only an Arrow body needs

    try:
        with pa.ipc.open_stream(body) as reader:
            table = reader.read_all()
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"the body is not an Arrow IPC stream: {error}") from error
    if len(table) > most:
        raise TooLargeError(f"{len(table)} rows are more than {most} in one request")
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
