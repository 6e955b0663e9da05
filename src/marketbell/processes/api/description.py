"""The public description without a running app: for the command line, the web app's types and the tests."""

from typing import Any

from marketbell.processes.api import openapi
from marketbell.processes.api.app import create_app


def public_document() -> dict[str, Any]:
    """The OpenAPI document of this version."""
    return openapi.document(create_app(None).spec)
