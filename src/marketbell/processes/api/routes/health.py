"""For supervisors and scrapers: health, readiness, metrics. These need no login."""

import ipaddress
from typing import Any

from apiflask import APIBlueprint
from flask import Response, request

from marketbell import __version__
from marketbell.core.primitives.errors import ForbiddenError, UnavailableError
from marketbell.core.primitives.shards import Shards, stream_name
from marketbell.flows.accounts.decisions import Action
from marketbell.flows.market_views.numbers import utc
from marketbell.flows.watching.rounds import RAISED_KEY
from marketbell.observability import metrics_page
from marketbell.processes.api.context import asks, edge, parts
from marketbell.processes.api.schemas.market import Health, Ready
from marketbell.settings import Settings

bp = APIBlueprint("health", __name__, tag="Operations")

REQUIRED = frozenset({"ingest", "stream", "api", "live", "sender", "worker", "beat"})
"""The processes without which Marketbell is not whole."""


def required(settings: Settings) -> frozenset[str]:
    """The same with every process that the engine's shards are split over."""
    ranges = Shards.parse(settings.stream.shards).cut(settings.stream.processes)
    return REQUIRED | {stream_name(part) for part in ranges}


@bp.get("/healthz")
@asks(Action.READ, "health")
@bp.output(Health)
@bp.doc(responses={503: "Some process is not ready"})
def healthz() -> Any:
    """200 when every process is ready, else 503 and which are not."""
    raised: list[dict[str, Any]] = []
    try:
        states = {name: str(beat.get("state", "missing")) for name, beat in edge().reader.processes().items()}
        raised = edge().reader.document(RAISED_KEY).get("items") or []
    except UnavailableError:
        states = {}
    wanted = required(parts().settings)
    states |= dict.fromkeys(wanted - states.keys(), "missing")
    not_ready = sorted(name for name in wanted if states[name] != "ready")
    body = {
        "status": "unavailable" if not_ready else "ok",
        "processes": dict(sorted(states.items())),
        "not_ready": not_ready,
        "watches": [{"watch": one["watch"], "since": utc(one["since"]), "said": one["said"]} for one in raised],
        "version": __version__,
    }
    return (body, 503, {"Retry-After": "2"}) if not_ready else body


@bp.get("/readyz")
@asks(Action.READ, "health")
@bp.output(Ready)
@bp.doc(responses={503: "This process cannot answer yet"})
def readyz() -> Any:
    """200 when this process reaches its cache and its store."""
    checks: dict[str, str] = {}
    try:
        parts().cache.get("market:summary")
        checks["cache"] = "ok"
    except UnavailableError as error:
        checks["cache"] = error.message
    try:
        parts().instruments.get("")
        checks["store"] = "ok"
    except UnavailableError as error:
        checks["store"] = error.message
    if all(state == "ok" for state in checks.values()):
        return {"status": "ok", "checks": checks}
    return {"status": "unavailable", "checks": checks}, 503, {"Retry-After": "2"}


@bp.get("/metrics")
@asks(Action.READ, "health")
@bp.doc(hide=True)
def prometheus() -> Response:
    """Prometheus text; only for this machine, and not through a proxy."""
    address = ipaddress.ip_address(request.remote_addr or "0.0.0.0")  # noqa: S104 — an unknown address is refused
    if not address.is_loopback or "X-Forwarded-For" in request.headers:
        raise ForbiddenError("metrics are for this machine only")
    body, content_type = metrics_page()
    return Response(body, content_type=content_type)
