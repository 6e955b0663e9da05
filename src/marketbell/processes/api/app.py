"""The Flask app: parts in, routes out."""

from typing import Any

import orjson
from apiflask import APIFlask
from flask.json.provider import JSONProvider
from flask_cors import CORS

from marketbell import __version__
from marketbell.flows.accounts.limits import RateLimit
from marketbell.flows.accounts.tokens import LiveTokens
from marketbell.flows.market_views.reader import MarketReader
from marketbell.processes.api import docs, errors, security, site
from marketbell.processes.api.context import EXTENSION, Edge
from marketbell.processes.api.routes import BLUEPRINTS
from marketbell.processes.api.sessions import Sessions
from marketbell.wiring.api import ApiParts

MAX_BODY = 1 << 20


class OrjsonProvider(JSONProvider):
    """Flask's JSON by orjson."""

    def dumps(self, obj: Any, **_: Any) -> str:
        """Text of an answer."""
        return orjson.dumps(obj).decode()

    def loads(self, s: str | bytes, **_: Any) -> Any:
        """The value of a body. ValueError where it is not JSON."""
        return orjson.loads(s)


def create_app(parts: ApiParts | None) -> APIFlask:
    """The app. Without parts it only describes itself (OpenAPI); every route then fails."""
    app = APIFlask(
        "marketbell.processes.api",
        title="Marketbell",
        version=__version__,
        spec_path=None,
        docs_path=None,
        static_folder=None,  # type: ignore[arg-type]
    )
    app.json = OrjsonProvider(app)
    app.config.update(
        OPENAPI_VERSION="3.1.0",
        AUTO_OPERATION_ID=True,
        AUTO_SERVERS=False,
        VALIDATION_ERROR_STATUS_CODE=400,
        VALIDATION_ERROR_DESCRIPTION="The request does not fit",
        MAX_CONTENT_LENGTH=MAX_BODY,
        SECURITY_SCHEMES={
            "ownerToken": {"type": "http", "scheme": "bearer"},
            "session": {"type": "apiKey", "in": "cookie", "name": "marketbell-8700"},
        },
    )
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    docs.install(app)
    site.install(app)
    errors.install(app)
    security.install(app)
    if parts is not None:
        app.extensions[EXTENSION] = Edge(
            parts=parts,
            reader=MarketReader(parts.cache, parts.instruments, parts.clock.monotonic),
            sessions=Sessions(parts.sessions, parts.clock),
            live_tokens=LiveTokens(parts.signing_key),
            login_limit=RateLimit(burst=10, per_s=1 / 6),
        )
        if parts.settings.cors_origins:
            # Bearer tokens only: cookies never cross sites.
            CORS(app, resources={r"/api/*": {"origins": list(parts.settings.cors_origins)}}, supports_credentials=False)
    return app
