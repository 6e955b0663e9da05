"""The door of every request: id, actor, cross-site check, refusal of unmarked routes; headers on the way out."""

import re
import secrets
import time
from urllib.parse import urlsplit

import structlog
from apiflask import APIFlask
from flask import Response, current_app, g, request

from marketbell.core.primitives.errors import ForbiddenError, LoginNeededError
from marketbell.flows.accounts.decisions import NOBODY, Actor
from marketbell.flows.accounts.tokens import is_owner_token
from marketbell.observability import metrics
from marketbell.ports.stores import LOCAL_OWNER
from marketbell.processes.api.context import edge, parts

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_HOST = re.compile(r"^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+)(:\d{1,5})?$")
_REQUEST_ID = re.compile(r"^[A-Za-z0-9._-]{8,64}$")


def cookie_name() -> str:
    """Cookies do not know ports: the name does, so that two Marketbells on one machine do not sign each other out."""
    prefix = "__Host-" if is_secure() else ""
    return f"{prefix}marketbell-{parts().settings.port}"


def is_secure() -> bool:
    """True behind TLS, ours or a proxy's on this machine."""
    return request.is_secure or request.headers.get("X-Forwarded-Proto", "") == "https"


def public_host() -> tuple[str, str]:
    """Host name and host:port as the browser knows us; the setting's where the header is not a host."""
    header = request.headers.get("Host", "")
    found = _HOST.match(header)
    settings = parts().settings
    if not found:
        return settings.host, f"{settings.host}:{settings.port}"
    return found.group(1), header


def live_url() -> str:
    """Where the page finds the live server: the same host, the live port."""
    name, _ = public_host()
    scheme = "https" if is_secure() else "http"
    return f"{scheme}://{name}:{parts().settings.live_port}"


def _actor() -> Actor:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return Actor(LOCAL_OWNER, "token") if is_owner_token(token.strip(), parts().owner_token) else NOBODY
    cookie = request.cookies.get(cookie_name(), "")
    if cookie:
        owner_id = edge().sessions.owner(cookie)
        if owner_id is not None:
            return Actor(owner_id, "cookie")
    return NOBODY


def _check_same_site() -> None:
    """A cookie alone may change nothing: the page that asks must be ours (OWASP: origin check)."""
    origin = request.headers.get("Origin")
    if origin is None:
        if request.headers.get("Sec-Fetch-Site", "") in {"same-origin", "none"}:
            return
        raise ForbiddenError("a request with a cookie must come from our own page (no Origin header)")
    _, host = public_host()
    if urlsplit(origin).netloc != host and origin not in parts().settings.cors_origins:
        raise ForbiddenError("a request with a cookie must come from our own page")


def _before() -> None:
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if _REQUEST_ID.match(given) else secrets.token_hex(8)
    g.started = time.perf_counter()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)
    view = current_app.view_functions.get(request.endpoint or "")
    wanted = getattr(view, "asks_for", None)
    if view is None:
        # An unknown path tells nothing to people who are not signed in.
        wanted = ("read", "unknown")
    elif wanted is None:
        raise ForbiddenError("this route asks nobody, so nobody may use it")
    g.actor = NOBODY
    if wanted[1] in {"health", "signed_link"}:
        return  # neither asks who it is: a link is its own credential, and a cookie must not lend it more
    g.actor = _actor()
    if view is None and not g.actor.is_known:
        raise LoginNeededError
    if g.actor.via == "cookie" and request.method not in SAFE_METHODS:
        _check_same_site()


def content_policy() -> str:
    """Everything from ourselves, the live server beside it, no inline script. Styles: the kit sets them inline."""
    live = live_url()
    socket = "ws" + live.removeprefix("http")
    return (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        f"font-src 'self'; connect-src 'self' {live} {socket}; manifest-src 'self'; worker-src 'self' blob:; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    )


def _after(response: Response) -> Response:
    headers = response.headers
    headers["X-Request-Id"] = g.get("request_id", "")
    headers["X-Content-Type-Options"] = "nosniff"
    headers["X-Frame-Options"] = "DENY"
    headers["Referrer-Policy"] = "no-referrer"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
    headers.setdefault("Content-Security-Policy", content_policy())
    if is_secure():
        headers["Strict-Transport-Security"] = "max-age=31536000"
    is_json = response.mimetype == "application/json"
    if is_json:
        headers.setdefault("Cache-Control", "private, no-cache")
        headers.add("Vary", "Authorization, Cookie")
    if request.method == "GET" and response.status_code == 200 and is_json and request.path.startswith("/api/"):
        response.add_etag(weak=True)
        response.make_conditional(request)
    route = request.url_rule.rule if request.url_rule else "unknown"
    metrics().requests.labels(request.method, route, str(response.status_code)).inc()
    if "started" in g:
        metrics().request_latency.labels(request.method, route).observe(time.perf_counter() - g.started)
    return response


def _teardown(_: BaseException | None) -> None:
    structlog.contextvars.unbind_contextvars("request_id")


def install(app: APIFlask) -> None:
    """Hang the door in."""
    app.before_request(_before)
    app.after_request(_after)
    app.teardown_request(_teardown)
