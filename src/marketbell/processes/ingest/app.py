"""The push endpoints: ticks, bars and option chains over HTTP, each row judged by itself.

JSON (a list, or {"ticks": [...]}), NDJSON or (ticks and bars) an Arrow IPC stream come in; the answer says how many
rows were taken and why the others were not. While the stream is behind the answer is 429 with Retry-After.
"""

import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog
from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from marketbell import __version__
from marketbell.core.primitives.errors import ForbiddenError, LoginNeededError, MarketbellError, NotFoundError
from marketbell.flows.accounts.decisions import NOBODY, Action, Actor, Resource, decide
from marketbell.flows.accounts.tokens import is_owner_token
from marketbell.flows.ingest.push import PushGate, Verdict
from marketbell.flows.ingest.pushed_chains import MAX_CHAINS
from marketbell.observability import metrics, metrics_page
from marketbell.ports.stores import LOCAL_OWNER
from marketbell.processes.ingest.answers import Remembered, answer, refusal
from marketbell.processes.ingest.bodies import JSON, NDJSON, Form, TooLargeError, rows_of
from marketbell.processes.ingest.shapes import ANSWERS, BAR_ROW, CHAIN_ROW, TICK_ROW, request_body

log = structlog.stdlib.get_logger("ingest.http")

MAX_BODY = 32 << 20
_LOCAL = frozenset({"127.0.0.1", "::1"})
TICKS, BARS = Form("ticks"), Form("bars")
CHAINS = Form("items", (JSON, NDJSON), MAX_CHAINS, lone="underlying")

Health = Callable[[], dict[str, Any]]


def make_app(push: PushGate, remembered: Remembered, owner_token: str, health: Health) -> FastAPI:
    """The application over its parts. `health` gives {"status": "ok", …} or another status."""
    app = FastAPI(
        title="Marketbell ingest",
        version=__version__,
        description="Send market data to Marketbell.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )

    async def take(request: Request, form: Form, judge: Callable[[Sequence[Any]], Verdict]) -> Response:
        _allow(request, owner_token, Action.WRITE, "ingest")
        body = await _body(request)

        def work() -> Response:
            push.check_room()
            verdict = judge(rows_of(request.headers.get("content-type", ""), body, form))
            return answer(202, verdict.as_dict())

        key = request.headers.get("idempotency-key", "")
        return await run_in_threadpool(remembered.once, key, request.url.path, body, work)

    @app.post(
        "/ingest/ticks",
        status_code=202,
        tags=["ingest"],
        summary="Send ticks",
        responses=ANSWERS,
        openapi_extra=request_body(TICKS, TICK_ROW),
    )
    async def ticks(request: Request) -> Response:
        """Trades in the order they happened. `volume` is cumulative for the session; else give `size`."""
        return await take(request, TICKS, push.ticks)

    @app.post(
        "/ingest/bars",
        status_code=202,
        tags=["ingest"],
        summary="Send closed bars",
        responses=ANSWERS,
        openapi_extra=request_body(BARS, BAR_ROW),
    )
    async def bars(request: Request) -> Response:
        """Closed one-minute or daily bars, oldest first."""
        return await take(request, BARS, push.bars)

    @app.post(
        "/ingest/chains",
        status_code=202,
        tags=["ingest"],
        summary="Send option chains",
        responses=ANSWERS,
        openapi_extra=request_body(CHAINS, CHAIN_ROW),
    )
    async def chains(request: Request) -> Response:
        """Option chains as they were quoted: one object an underlying, expiry and moment; one of them, or many."""
        return await take(request, CHAINS, push.chains)

    _open_doors(app, owner_token, health)
    _install(app)
    return app


def _open_doors(app: FastAPI, owner_token: str, health: Health) -> None:
    """Health, figures and the document: what needs no key, or none from this machine."""

    @app.get("/healthz", tags=["health"], summary="Is ingest ready?")
    def healthz() -> Response:
        said = health()
        return answer(200 if said["status"] == "ok" else 503, said)

    @app.get("/metrics", include_in_schema=False)
    def prometheus(request: Request) -> Response:
        if request.client is None or request.client.host not in _LOCAL:
            _allow(request, owner_token, Action.READ, "metrics")
        page, content_type = metrics_page()
        return Response(page, media_type=content_type)

    @app.get("/openapi.json", include_in_schema=False)
    def openapi(request: Request) -> Response:
        _allow(request, owner_token, Action.READ, "ingest_docs")
        return answer(200, app.openapi())


def _allow(request: Request, owner_token: str, action: Action, kind: str) -> None:
    """Ask the one decision function."""
    actor = _actor(request, owner_token)
    decision = decide(actor, action, Resource(kind))
    if not decision.allowed:
        raise ForbiddenError(decision.reason) if actor.is_known else LoginNeededError


def _install(app: FastAPI) -> None:
    """One place turns errors into answers and counts requests."""

    @app.exception_handler(MarketbellError)
    async def of_ours(request: Request, error: MarketbellError) -> Response:
        return refusal(error, _request_id(request))

    @app.exception_handler(HTTPException)
    async def of_http(request: Request, error: HTTPException) -> Response:
        if error.status_code == 404:
            return refusal(NotFoundError(f"there is nothing at {request.url.path}"), _request_id(request))
        body = {"code": "method_not_allowed", "message": str(error.detail), "fields": {}}
        return answer(error.status_code, body | {"request_id": _request_id(request)}, dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def of_surprise(request: Request, error: Exception) -> Response:
        log.error("request.crashed", path=request.url.path, exc_info=error)
        return refusal(MarketbellError(), _request_id(request))

    @app.middleware("http")
    async def measured(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        request.state.request_id = request.headers.get("x-request-id", "")[:64] or uuid.uuid4().hex
        response = await call_next(request)
        response.headers["X-Request-Id"] = request.state.request_id
        route = request.scope.get("route")
        path = getattr(route, "path", "unknown")
        metrics().requests.labels(request.method, path, str(response.status_code)).inc()
        return response


def _request_id(request: Request) -> str:
    return str(getattr(request.state, "request_id", ""))


def _actor(request: Request, owner_token: str) -> Actor:
    """The owner's token, as a bearer or as an API key."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    given = token.strip() if scheme.lower() == "bearer" else request.headers.get("x-api-key", "")
    return Actor(LOCAL_OWNER, "token") if is_owner_token(given, owner_token) else NOBODY


async def _body(request: Request) -> bytes:
    """The whole body; TooLargeError as soon as it is more than we take."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BODY:
            raise TooLargeError(f"a body has at most {MAX_BODY} bytes")
        parts.append(part)
    return b"".join(parts)
