"""Every error class meets HTTP here, once, and leaves in one shape."""

from typing import Any

import structlog
from apiflask import APIFlask, HTTPError
from flask import Response, g, jsonify, request
from pydantic import ValidationError

from marketbell.core.primitives.errors import (
    BusFullError,
    ConflictError,
    ForbiddenError,
    InvalidRuleError,
    LoginNeededError,
    MarketbellError,
    NotFoundError,
    TooManyRequestsError,
    UnavailableError,
    UserError,
)

log = structlog.stdlib.get_logger("api")

STATUS: tuple[tuple[type[MarketbellError], int], ...] = (
    (LoginNeededError, 401),
    (ForbiddenError, 403),
    (NotFoundError, 404),
    (ConflictError, 409),
    (TooManyRequestsError, 429),
    (BusFullError, 429),
    (UserError, 400),
    (UnavailableError, 503),
)
"""The first class that fits decides; anything else is 500."""

RETRY_AFTER_S = 2

_CODES = {
    400: "bad_request",
    401: "login_needed",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "too_large",
    415: "unsupported_media_type",
    422: "bad_request",
    429: "too_many_requests",
}


def status_of(error: MarketbellError) -> int:
    """The HTTP status of an error of ours."""
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)


def answer(
    status: int, code: str, message: str, fields: dict[str, list[str]] | None = None, headers: Any = None
) -> Response:
    """The one error shape."""
    body = {"code": code, "message": message, "fields": fields or {}, "request_id": g.get("request_id", "")}
    response: Response = jsonify(body)
    response.status_code = status
    response.headers.update(headers or {})
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="marketbell"'
    if status in {429, 503}:
        response.headers.setdefault("Retry-After", str(RETRY_AFTER_S))
    return response


def _of_ours(error: MarketbellError) -> Response:
    status = status_of(error)
    fields: dict[str, list[str]] = {}
    name = error.facts.get("field")
    named = name if isinstance(name, str) else "text"
    several = error.facts.get("errors")
    if isinstance(error, InvalidRuleError):
        fields = {named: [f"{error.line}:{error.column}: {error.message}"]}
    elif isinstance(several, list):
        fields = {named: [f"{e['line']}:{e['column']}: {e['message']}" for e in several]}
    elif isinstance(name, str):
        fields = {name: [error.message]}
    if status >= 500:
        log.warning("request.failed", path=request.path, code=error.code, error=error.message)
    headers = {}
    wait_s = error.facts.get("retry_after_s")
    if isinstance(wait_s, (int, float)):
        headers["Retry-After"] = str(max(1, round(wait_s)))
    message = error.message if status != 500 else "something went wrong on our side"
    return answer(status, error.code, message, fields, headers)


def _of_http(error: HTTPError) -> Response:
    """What Flask and APIFlask raise themselves: unknown paths, wrong methods, bodies that do not fit."""
    fields: dict[str, list[str]] = {}
    detail = error.detail if isinstance(error.detail, dict) else {}
    for place in detail.values():
        if isinstance(place, dict):
            fields |= {str(name): [str(text) for text in texts] for name, texts in place.items()}
    message = error.message or "the request cannot be answered"
    if fields:
        name, texts = next(iter(fields.items()))
        message = f"{name}: {texts[0]}" if name != "_schema" else texts[0]
    status = error.status_code
    code = _CODES.get(status, "error" if status < 500 else "internal")
    return answer(status, code, message, fields, dict(error.headers or {}))


def _of_schema(error: ValidationError) -> Response:
    """An answer of ours that does not fit its own shape: our fault, said without its content."""
    log.error("answer.invalid", path=request.path, errors=error.errors(include_input=False, include_url=False)[:5])
    return answer(500, "internal", "something went wrong on our side")


def _of_surprise(error: Exception) -> Response:
    log.error("request.crashed", path=request.path, exc_info=error)
    return answer(500, "internal", "something went wrong on our side")


def install(app: APIFlask) -> None:
    """Register the handlers."""
    app.error_processor(_of_http)
    app.register_error_handler(MarketbellError, _of_ours)
    app.register_error_handler(ValidationError, _of_schema)
    app.register_error_handler(Exception, _of_surprise)
