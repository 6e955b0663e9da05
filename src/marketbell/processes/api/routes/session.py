"""The way in and out: the one-time link, the session, signing out."""

from typing import Any

from apiflask import APIBlueprint
from flask import Response, request

from marketbell import __version__
from marketbell.core.primitives.errors import LoginNeededError, TooManyRequestsError
from marketbell.flows.accounts.decisions import Action
from marketbell.flows.accounts.tokens import SESSION_S
from marketbell.flows.market_views.numbers import utc
from marketbell.ports.stores import LOCAL_OWNER
from marketbell.processes.api.context import asks, edge, market, owner_id, parts
from marketbell.processes.api.pages import message_page
from marketbell.processes.api.routes.market import feed_label
from marketbell.processes.api.schemas.base import Done
from marketbell.processes.api.schemas.people import SessionInfo
from marketbell.processes.api.security import cookie_name, is_secure, live_url

bp = APIBlueprint("session", __name__, tag="Session")

_MAX_CODE = 200


@bp.get("/login")
@asks(Action.LOGIN, "session")
@bp.doc(hide=True)
def login() -> Response:
    """Take the one-time code of the printed link, set the cookie, go to the first page."""
    address = request.remote_addr or "unknown"
    limit = edge().login_limit
    if not limit.allow(address, parts().clock.monotonic()):
        raise TooManyRequestsError(
            "too many sign-ins from this address; wait a little", retry_after_s=limit.wait_s(address)
        )
    code = request.args.get("code", "")
    if not code or len(code) > _MAX_CODE or parts().cache.take(f"login:{code}") is None:
        if request.accept_mimetypes.accept_html:
            return message_page(
                401,
                "This link has been used or is too old",
                "Ask for a new one on the machine that runs Marketbell: marketbell status --link",
            )
        raise LoginNeededError("this code has been used or is too old; `marketbell status --link` prints a new link")
    response = Response(status=303, headers={"Location": "/"})
    if request.headers.get("Sec-Fetch-Site", "none") in {"cross-site", "same-site"}:
        # A redirect would still count as asked for by the other site, and SameSite=Strict would hold the
        # cookie back; a page of ours that goes on by itself counts as ours.
        response = message_page(200, "Welcome", "Opening Marketbell …", refresh_to="/")
    response.set_cookie(
        cookie_name(),
        edge().sessions.start(LOCAL_OWNER),
        max_age=SESSION_S,
        httponly=True,
        samesite="Strict",
        secure=is_secure(),
        path="/",
    )
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.get("/api/session")
@asks(Action.READ, "account")
@bp.output(SessionInfo)
def get_session() -> dict[str, Any]:
    """Who is signed in, and the short-lived token for the live server."""
    now = market()
    token, expires_at = edge().live_tokens.issue(owner_id(), parts().clock.now())
    return {
        "owner": owner_id(),
        "live_url": live_url(),
        "live_token": token,
        "live_token_expires_at": utc(expires_at),
        "version": __version__,
        "feed": feed_label(now),
        "zone": (now.summary.get("session") or {}).get("zone"),
    }


@bp.post("/api/session/logout")
@asks(Action.WRITE, "account")
@bp.output(Done)
def logout() -> Any:
    """End this browser's session. A call with the owner's token ends nothing."""
    token = request.cookies.get(cookie_name(), "")
    if token:
        edge().sessions.end(token)
    clearing = f"{cookie_name()}=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict" + ("; Secure" if is_secure() else "")
    return {"ok": True}, 200, {"Set-Cookie": clearing}
