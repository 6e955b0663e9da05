"""The documentation page: our OpenAPI document as plain HTML, no script, nothing from elsewhere."""

import functools
from html import escape
from typing import Any

import orjson
from apiflask import APIFlask
from flask import Response, current_app

from marketbell.flows.accounts.decisions import Action
from marketbell.processes.api import openapi
from marketbell.processes.api.context import asks

_METHODS = ("get", "post", "put", "patch", "delete")
_STYLE = """
:root{color-scheme:light dark}
body{font:15px/1.55 system-ui,sans-serif;margin:0;background:Canvas;color:CanvasText}
main{max-width:64rem;margin:0 auto;padding:1.5rem}
h1{font-size:1.6rem}h2{margin-top:2.5rem;border-bottom:1px solid GrayText}
details{border:1px solid color-mix(in srgb,CanvasText 25%,Canvas);border-radius:6px;margin:.5rem 0;padding:.4rem .8rem}
summary{cursor:pointer}summary code{font-weight:600}
.m{display:inline-block;min-width:4.2rem;font:600 .8rem/1.6 ui-monospace,monospace;text-transform:uppercase}
table{border-collapse:collapse;width:100%;margin:.5rem 0}
td,th{text-align:left;vertical-align:top;padding:.25rem .6rem .25rem 0}
th{font-weight:600}
pre{overflow:auto;padding:.7rem;border-radius:6px;background:color-mix(in srgb,CanvasText 7%,Canvas)}
code,pre{font-family:ui-monospace,monospace;font-size:.88em}
nav a{margin-right:1rem}
"""


def _name(ref: str) -> str:
    return ref.rpartition("/")[2]


def _type(schema: dict[str, Any]) -> str:  # noqa: PLR0911 — one line for each kind of schema
    """A schema as one readable word, with links to named ones."""
    if "$ref" in schema:
        name = escape(_name(schema["$ref"]))
        return f'<a href="#schema-{name}">{name}</a>'
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return " or ".join(_type(part) for part in schema[key])
    if "enum" in schema:
        return " | ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    if "const" in schema:
        return f"<code>{escape(str(schema['const']))}</code>"
    kind = schema.get("type", "any")
    if isinstance(kind, list):
        return escape(" or ".join(kind))
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"map of {_type(schema['additionalProperties'])}"
    form = schema.get("format")
    return escape(f"{kind} ({form})" if form else str(kind))


def _parameters(operation: dict[str, Any]) -> str:
    rows = [
        f"<tr><td><code>{escape(p['name'])}</code></td><td>{escape(p['in'])}</td>"
        f"<td>{_type(p.get('schema', {}))}</td><td>{escape(p.get('description', ''))}</td></tr>"
        for p in operation.get("parameters", [])
    ]
    if not rows:
        return ""
    head = "<tr><th>Parameter</th><th>In</th><th>Type</th><th>Meaning</th></tr>"
    return f"<table>{head}{''.join(rows)}</table>"


def _content(part: dict[str, Any]) -> str:
    return ", ".join(_type(media.get("schema", {})) for media in part.get("content", {}).values()) or "–"


def _example(method: str, path: str, operation: dict[str, Any]) -> str:
    words = [f"curl -H 'Authorization: Bearer TOKEN' -X {method.upper()} 'http://127.0.0.1:8700{path}'"]
    if "requestBody" in operation:
        words.append("-H 'Content-Type: application/json' -d '{…}'")
    return f"<pre>{escape(' '.join(words))}</pre>"


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    responses = "".join(
        f"<tr><td><code>{escape(status)}</code></td><td>{escape(response.get('description', ''))}</td>"
        f"<td>{_content(response)}</td></tr>"
        for status, response in operation.get("responses", {}).items()
    )
    body = f"<p>Body: {_content(operation['requestBody'])}</p>" if "requestBody" in operation else ""
    return (
        f'<details><summary><span class="m">{method}</span><code>{escape(path)}</code> '
        f"{escape(operation.get('summary', ''))}</summary><p>{escape(operation.get('description', ''))}</p>"
        f"{_parameters(operation)}{body}<table><tr><th>Status</th><th>When</th><th>Answer</th></tr>{responses}</table>"
        f"{_example(method, path, operation)}</details>"
    )


def _schema(name: str, schema: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(field)}</code></td><td>{_type(shape)}</td>"
        f"<td>{escape(shape.get('description', ''))}</td></tr>"
        for field, shape in schema.get("properties", {}).items()
    )
    text = escape(schema.get("description", ""))
    table = f"<table>{rows}</table>" if rows else f"<p>{_type(schema)}</p>"
    return f'<details id="schema-{escape(name)}"><summary><code>{escape(name)}</code> {text}</summary>{table}</details>'


def page(spec: dict[str, Any]) -> str:
    """The whole page."""
    groups: dict[str, list[str]] = {}
    for path, operations in spec["paths"].items():
        for method in _METHODS:
            if method in operations:
                tag = (operations[method].get("tags") or ["Other"])[0]
                groups.setdefault(tag, []).append(_operation(path, method, operations[method]))
    sections = "".join(
        f'<section><h2 id="{escape(tag)}">{escape(tag)}</h2>{"".join(parts)}</section>' for tag, parts in groups.items()
    )
    links = "".join(f'<a href="#{escape(tag)}">{escape(tag)}</a>' for tag in groups)
    schemas = "".join(_schema(name, shape) for name, shape in spec["components"]["schemas"].items())
    info = spec["info"]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Marketbell API {escape(info['version'])}</title><style>{_STYLE}</style></head><body><main>"
        f"<h1>Marketbell API {escape(info['version'])}</h1><p>{escape(info['description'])}</p>"
        f'<p><a href="/api/openapi.json">openapi.json</a></p><nav aria-label="Resources">{links}</nav>'
        f"{sections}<h2>Shapes</h2>{schemas}</main></body></html>"
    )


@functools.cache
def _document() -> dict[str, Any]:
    return openapi.document(current_app.spec)  # type: ignore[attr-defined]  # APIFlask's


@functools.cache
def _page() -> str:
    return page(_document())


def install(app: APIFlask) -> None:
    """Serve the page at /api/docs (and /docs) and the document beside it."""

    @app.get("/api/openapi.json")
    @app.doc(hide=True)
    @asks(Action.READ, "docs")
    def openapi_json() -> Response:
        return Response(orjson.dumps(_document()), mimetype="application/json")

    @app.get("/api/docs")
    @app.get("/docs")
    @app.doc(hide=True)
    @asks(Action.READ, "docs")
    def api_docs() -> Response:
        return Response(_page(), mimetype="text/html")
