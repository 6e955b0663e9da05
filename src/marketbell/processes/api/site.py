"""The built web app: hashed files for a year, pages never from an old cache, pre-compressed where built so."""

import mimetypes
from pathlib import Path

from apiflask import APIFlask
from flask import Response, request, send_file
from werkzeug.security import safe_join

from marketbell.core.primitives.errors import LoginNeededError, NotFoundError
from marketbell.flows.accounts.decisions import Action, Resource, decide
from marketbell.processes.api.context import actor
from marketbell.processes.api.pages import message_page

STATIC = Path(__file__).parent / "static"
_ENCODINGS = (("br", ".br"), ("gzip", ".gz"))
_ONE_YEAR = "public, max-age=31536000, immutable"

mimetypes.add_type("text/javascript", ".js")
mimetypes.add_type("font/woff2", ".woff2")
mimetypes.add_type("application/manifest+json", ".webmanifest")


def _file(path: Path, name: str) -> Response:
    mimetype = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    encoding = None
    chosen = path
    accepted = request.headers.get("Accept-Encoding", "")
    for word, suffix in _ENCODINGS:
        packed = path.with_name(path.name + suffix)
        if word in accepted and packed.is_file():
            encoding, chosen = word, packed
            break
    response = send_file(chosen, mimetype=mimetype, conditional=True, etag=True, max_age=0)
    response.headers["Vary"] = "Accept-Encoding"
    if encoding:
        response.headers["Content-Encoding"] = encoding
    # Vite writes a hash into the names under assets/: such a file never changes.
    response.headers["Cache-Control"] = _ONE_YEAR if name.startswith("assets/") else "no-cache"
    return response


def install(app: APIFlask, root: Path = STATIC) -> None:
    """Serve the app at / and its pages at every path that is not the API's."""

    def site(name: str = "") -> Response:
        """The web app."""
        decision = decide(actor(), Action.READ, Resource("site"))
        if name.startswith(("api/", "ingest/")) or name in {"api", "ingest"}:
            if not decision.allowed:
                raise LoginNeededError
            raise NotFoundError(f"there is nothing at /{name}")
        if not decision.allowed:
            return message_page(
                401,
                "Please sign in",
                "Open the one-time link that `marketbell up` printed; `marketbell status --link` prints a new one.",
            )
        found = safe_join(str(root), name) if name else None
        if found is not None and Path(found).is_file():
            return _file(Path(found), name)
        if name.startswith("assets/"):
            raise NotFoundError(f"there is nothing at /{name}")
        index = root / "index.html"
        if not index.is_file():
            return message_page(
                503, "The web app is not built", "Run ./dev web, then load this page again. The API answers already."
            )
        return _file(index, "index.html")

    site.__dict__["asks_for"] = (Action.READ, "site")
    app.add_url_rule("/", "site_root", site, methods=["GET"])
    app.add_url_rule("/<path:name>", "site", site, methods=["GET"])
    for endpoint in ("site_root", "site"):
        app.view_functions[endpoint].__dict__["_spec"] = {"hide": True}
