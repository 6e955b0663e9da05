"""The one OpenAPI document: ours tidied, the push endpoints of `ingest` merged in."""

from typing import Any

import orjson

from marketbell import __version__

_REF = "#/components/schemas/"
OPEN_PATHS = ("/healthz", "/readyz")
"""What needs no login, and says the same shape when it is not well."""

DESCRIPTION = (
    "Market data, lists, rules and alerts of one Marketbell. Decimals are text (`DecimalStr`), times are UTC. "
    "Sign in with the cookie of the one-time link, or send `Authorization: Bearer TOKEN` with the content of "
    "`DATA_DIR/owner.token`. Every error has the shape of `Error`."
)


def tidy(spec: dict[str, Any]) -> dict[str, Any]:
    """Give each schema its own name once.

    The generator names the parts of a model `Outer.Part`, again for each outer model; equal parts become
    one `Part`. A name that stands for different shapes keeps its prefix.
    """
    schemas: dict[str, Any] = spec.get("components", {}).get("schemas", {})
    for name in list(schemas):
        for part, shape in (schemas[name].pop("$defs", None) or {}).items():
            schemas.setdefault(f"{name}.{part}", shape)
    short = {name: name.rpartition(".")[2] for name in schemas}
    while True:
        renamed = {name: _renamed(shape, short) for name, shape in schemas.items()}
        clashing = {
            name
            for name in schemas
            if short[name] != name
            and any(short[other] == short[name] and renamed[other] != renamed[name] for other in schemas)
        }
        if not clashing:
            break
        short |= {name: name for name in clashing}
    tidied = _renamed({k: v for k, v in spec.items() if k != "components"}, short)
    components = dict(spec.get("components", {}))
    components["schemas"] = {short[name]: renamed[name] for name in sorted(schemas, key=lambda n: short[n])}
    tidied["components"] = components
    return tidied  # type: ignore[no-any-return]


def _renamed(node: Any, short: dict[str, str]) -> Any:
    if isinstance(node, dict):
        return {
            key: _REF + short.get(value.removeprefix(_REF), value.removeprefix(_REF))
            if key == "$ref" and isinstance(value, str) and value.startswith(_REF)
            else _renamed(value, short)
            for key, value in node.items()
        }
    if isinstance(node, list):
        return [_renamed(value, short) for value in node]
    return node


def _share_errors(spec: dict[str, Any], error: dict[str, Any]) -> None:
    """One error schema in place of each framework's own, on every operation."""
    schemas = spec["components"]["schemas"]
    for name in ("HTTPError", "ValidationError", "HTTPValidationError"):
        schemas.pop(name, None)
    schemas["Error"] = error
    content = {"application/json": {"schema": {"$ref": f"{_REF}Error"}}}
    for path, operations in spec["paths"].items():
        for operation in operations.values():
            responses = operation["responses"]
            responses.pop("422", None)
            for status, response in responses.items():
                if status.startswith("5") and path in OPEN_PATHS:
                    response["content"] = responses["200"]["content"]
                elif status.startswith(("4", "5")):
                    response["content"] = content
            responses.setdefault("default", {"description": "What went wrong", "content": content})
            if path in OPEN_PATHS:
                operation["security"] = []
            if "requestBody" in operation:
                operation["requestBody"].setdefault("required", True)


def merged(ours: dict[str, Any], others: list[dict[str, Any]], error: dict[str, Any]) -> dict[str, Any]:
    """One document of several. A path or a differing schema that two of them claim is a programmer's error."""
    spec = ours
    for other in (tidy(document) for document in others):
        for path, operations in other.get("paths", {}).items():
            if path in spec["paths"]:
                raise ValueError(f"two apps claim the path {path}")
            spec["paths"][path] = operations
        for section, entries in other.get("components", {}).items():
            known = spec["components"].setdefault(section, {})
            for name, shape in entries.items():
                if name in known and known[name] != shape and name not in {"Error", "ValidationError", "HTTPError"}:
                    raise ValueError(f"two apps give {section}/{name} different shapes")
                known.setdefault(name, shape)
    _share_errors(spec, error)
    spec["paths"] = dict(sorted(spec["paths"].items()))
    used = {tag for path in spec["paths"].values() for operation in path.values() for tag in operation.get("tags", ())}
    spec["tags"] = [{"name": name} for name in sorted(used)]
    return spec


def _api_document(spec: Any) -> dict[str, Any]:
    found: dict[str, Any] = tidy(orjson.loads(orjson.dumps(spec)))
    found["components"]["schemas"] |= _answer_schemas()
    return found


def _answer_schemas() -> dict[str, Any]:
    """Answers as they leave: a field with a default is there all the same, so it is required."""
    from pydantic.json_schema import models_json_schema

    from marketbell.processes.api.schemas.base import Answer

    kinds: list[type[Answer]] = [Answer]
    for kind in kinds:
        kinds.extend(kind.__subclasses__())
    pairs = [(kind, "serialization") for kind in kinds[1:]]
    _, definitions = models_json_schema(pairs, ref_template=_REF + "{model}")  # type: ignore[arg-type]
    schemas: dict[str, Any] = definitions["$defs"]
    return schemas


def _ingest_documents() -> list[dict[str, Any]]:
    """The push endpoints' document; its health is its own and stays out of the public one."""
    from typing import cast

    from marketbell.processes.ingest.app import make_app

    # The routes only close over their parts; describing them calls none.
    nothing = cast("Any", None)
    found: dict[str, Any] = orjson.loads(orjson.dumps(make_app(nothing, nothing, "", dict).openapi()))
    found["paths"] = {path: shape for path, shape in found["paths"].items() if path.startswith("/ingest/")}
    for operations in found["paths"].values():
        for operation in operations.values():
            operation["tags"] = ["Ingest"]
    return [found]


def document(spec: Any) -> dict[str, Any]:
    """The public document of this version, from what the app says of itself (`app.spec`)."""
    from marketbell.processes.api.schemas.base import Error

    error = Error.model_json_schema(mode="serialization", ref_template=_REF + "{model}")
    found = merged(_api_document(spec), _ingest_documents(), error)
    found["security"] = [{"ownerToken": []}, {"session": []}]
    found["info"] |= {"title": "Marketbell", "version": __version__, "description": DESCRIPTION}
    return found
