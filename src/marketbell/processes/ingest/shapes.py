"""The push endpoints' shapes, for their OpenAPI document."""

from collections.abc import Sequence
from typing import Any

_KEY = {"type": "string", "description": "VENUE:SYMBOL", "examples": ["NSE:RELIANCE"]}
_TIME = {
    "oneOf": [{"type": "integer", "description": "ns since 1970, UTC"}, {"type": "string", "format": "date-time"}],
}
_NUMBER = {"type": "number"}
_KIND = {"type": "string", "enum": ["equity", "index", "future", "option", "crypto", "currency"]}

TICK_ROW: dict[str, Any] = {
    "type": "object",
    "required": ["instrument", "event_time", "price"],
    "properties": {
        "instrument": _KEY,
        "event_time": _TIME,
        "price": _NUMBER,
        "volume": _NUMBER | {"description": "cumulative for the session"},
        "size": _NUMBER | {"description": "the trade's own"},
        "trade_id": {"type": "integer"},
        "kind": _KIND,
    },
}
BAR_ROW: dict[str, Any] = {
    "type": "object",
    "required": ["instrument", "start", "open", "high", "low", "close"],
    "properties": {
        "instrument": _KEY,
        "timeframe": {"type": "string", "enum": ["1m", "1d"], "default": "1m"},
        "start": _TIME,
        **dict.fromkeys(("open", "high", "low", "close", "volume"), _NUMBER),
        "kind": _KIND,
    },
}
_VERDICT = {
    "type": "object",
    "required": ["accepted", "rejected"],
    "properties": {
        "accepted": {"type": "integer"},
        "rejected": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["index", "reason", "field"],
                "properties": {
                    "index": {"type": "integer"},
                    "reason": {"type": "string"},
                    "field": {"type": "string"},
                },
            },
        },
    },
}
_ERROR = {
    "type": "object",
    "required": ["code", "message", "fields", "request_id"],
    "properties": {
        "code": {"type": "string"},
        "message": {"type": "string"},
        "fields": {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}},
        "request_id": {"type": "string"},
    },
}


def _answer(text: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": schema}}}


ANSWERS: dict[int | str, dict[str, Any]] = {
    202: _answer("How many rows were taken, and why others were not", _VERDICT),
    400: _answer("The body cannot be read", _ERROR),
    401: _answer("No key", _ERROR),
    409: _answer("The Idempotency-Key was used for something else", _ERROR),
    413: _answer("Too large", _ERROR),
    415: _answer("A type that is not read", _ERROR),
    429: _answer("The stream is behind: see Retry-After", _ERROR),
}


def request_body(name: str, row: dict[str, Any], types: Sequence[str]) -> dict[str, Any]:
    """The request in its forms, and the header for repeats."""
    rows = {"type": "array", "items": row}
    whole = {"oneOf": [rows, {"type": "object", "required": [name], "properties": {name: rows}}]}
    json_type, ndjson_type, arrow_type = types
    return {
        "parameters": [
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "schema": {"type": "string", "maxLength": 200},
            }
        ],
        "requestBody": {
            "required": True,
            "content": {
                json_type: {"schema": whole},
                ndjson_type: {"schema": row},
                arrow_type: {"schema": {"type": "string", "format": "binary"}},
            },
        },
    }
