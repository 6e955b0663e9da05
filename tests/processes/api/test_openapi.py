"""The one public description: valid, complete, and the copy that the web app is typed by is this one."""

from pathlib import Path
from typing import Any

import orjson
import pytest
import typer
from openapi_spec_validator import validate
from typer.testing import CliRunner

from marketbell.processes.api.description import public_document
from marketbell.processes.api.openapi import merged, tidy
from marketbell.processes.cli import openapi

COPY = Path(__file__).resolve().parents[3] / "web" / "src" / "shared" / "api" / "openapi.json"


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    return public_document()


def test_it_is_valid(spec: dict[str, Any]) -> None:
    assert spec["openapi"].startswith("3.1")
    validate(spec)


def test_the_briefs_paths_exist(spec: dict[str, Any]) -> None:
    lists = ("top-gainers", "top-losers", "52-week-high", "52-week-low", "most-active", "unusual-volume", "undervalued")
    wanted = {f"/api/stocks/{name}" for name in (*lists, "filter", "{stock_id}", "{stock_id}/bars")}
    wanted |= {"/api/stocks", "/api/indices", "/api/quality", "/api/feeds", "/healthz", "/readyz"}
    wanted |= {"/ingest/ticks", "/ingest/bars", "/ingest/chains", "/api/options"}
    chains = (
        "chain",
        "expiries",
        "metrics",
        "pcr",
        "max-pain",
        "volatility-surface",
        "oi-buildup",
        "history",
        "payoff",
    )
    wanted |= {f"/api/options/{{underlying}}/{name}" for name in chains}
    assert wanted <= spec["paths"].keys()


def test_every_error_has_the_one_shape(spec: dict[str, Any]) -> None:
    for path, operations in spec["paths"].items():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if path.startswith("/api/") and (status == "default" or status.startswith(("4", "5"))):
                    schema = response["content"]["application/json"]["schema"]
                    assert schema == {"$ref": "#/components/schemas/Error"}, (path, status)


def test_decimals_are_ours(spec: dict[str, Any]) -> None:
    assert spec["components"]["schemas"]["DecimalStr"]["type"] == "string"
    close = spec["components"]["schemas"]["Stock"]["properties"]["close"]
    assert {"$ref": "#/components/schemas/DecimalStr"} in close["anyOf"]


def test_the_committed_copy_is_current(spec: dict[str, Any]) -> None:
    assert orjson.loads(COPY.read_bytes()) == orjson.loads(orjson.dumps(spec)), (
        f"run: marketbell openapi --out {COPY.relative_to(COPY.parents[4])}"
    )


def test_the_command_writes_it(spec: dict[str, Any], tmp_path: Path) -> None:
    app = typer.Typer()
    app.callback()(lambda: None)
    openapi.register(app)
    out = tmp_path / "deep" / "openapi.json"
    assert CliRunner().invoke(app, ["openapi", "--out", str(out)]).exit_code == 0
    assert orjson.loads(out.read_bytes())["paths"].keys() == spec["paths"].keys()
    assert orjson.loads(CliRunner().invoke(app, ["openapi"]).stdout)["info"]["title"] == "Marketbell"


def test_two_apps_may_not_claim_one_path() -> None:
    one: dict[str, Any] = {"paths": {"/a": {}}, "components": {"schemas": {}}}
    with pytest.raises(ValueError, match="/a"):
        merged(one, [{"paths": {"/a": {}}}], {})


def test_equal_parts_become_one_and_different_ones_keep_their_names() -> None:
    ref = "#/components/schemas/"
    schemas = {
        "List": {"$ref": f"{ref}List.Item"},
        "List.Item": {"type": "string"},
        "Page.Item": {"type": "string"},
        "Page.Odd": {"type": "number"},
        "List.Odd": {"type": "boolean"},
    }
    tidied = tidy({"paths": {}, "components": {"schemas": schemas}})["components"]["schemas"]
    assert tidied["List"] == {"$ref": f"{ref}Item"}
    assert tidied.keys() == {"List", "Item", "Page.Odd", "List.Odd"}
