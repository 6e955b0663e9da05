"""The push endpoints' shapes, for their OpenAPI document."""

from typing import Any

from marketbell.core.options.chain import QUOTES
from marketbell.flows.ingest.pushed_chains import MAX_STRIKES
from marketbell.processes.ingest.bodies import ARROW, JSON, NDJSON, Form

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
_QUOTES = {
    "type": "object",
    "description": "Columns with one entry a strike, null where unknown. Prices in the currency, open interest and "
    "volume in units of the underlying, changes against the previous day's close.",
    "additionalProperties": False,
    "properties": {
        **{name: {"type": "array", "items": {"type": ["number", "null"]}} for name in QUOTES},
        "quote_time": {"type": "array", "items": {"anyOf": [_TIME, {"type": "null"}]}},
    },
}
_KNOWN = {"type": ["number", "null"], "exclusiveMinimum": 0}
CHAIN_ROW: dict[str, Any] = {
    "type": "object",
    "required": ["underlying", "expiry", "as_of", "strikes"],
    "additionalProperties": False,
    "properties": {
        "underlying": _KEY | {"examples": ["NSE:NIFTY"]},
        "kind": _KIND | {"description": "of the underlying, where it is not known yet"},
        "expiry": {"type": "string", "format": "date"},
        "as_of": _TIME | {"description": "when it was captured; at most five minutes ahead of now"},
        "expires_at": {"anyOf": [_TIME, {"type": "null"}], "description": "else by the venue's dated calendar"},
        "spot": _KNOWN,
        "future": _KNOWN | {"description": "last price of the listed future of the same expiry"},
        "lot_size": _KNOWN | {"description": "in units of the underlying"},
        "source": {"type": "string", "maxLength": 64},
        "flags": {"type": "array", "items": {"type": "string", "maxLength": 64}, "maxItems": 20},
        "strikes": {
            "type": "array",
            "items": {"type": "number", "exclusiveMinimum": 0},
            "minItems": 1,
            "maxItems": MAX_STRIKES,
            "description": "rising, each once",
        },
        "call": {"anyOf": [_QUOTES, {"type": "null"}]},
        "put": {"anyOf": [_QUOTES, {"type": "null"}]},
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


def request_body(form: Form, row: dict[str, Any]) -> dict[str, Any]:
    """The request in its forms, and the header for repeats."""
    rows = {"type": "array", "items": row}
    wrapped = {"type": "object", "required": [form.name], "properties": {form.name: rows}}
    shapes = {
        JSON: {"oneOf": [rows, wrapped, *([row] if form.lone else [])]},
        NDJSON: row,
        ARROW: {"type": "string", "format": "binary"},
    }
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
            "content": {name: {"schema": shapes[name]} for name in form.types},
        },
    }
