"""`marketbell jobs`, and what `doctor` says of the watch: over an API and a cache that are here."""

import json
from typing import Any

import orjson
import pytest

from marketbell.adapters.cache.memory import MemoryCache
from marketbell.flows.watching.rounds import RAISED_KEY
from marketbell.processes.cli import api_client
from marketbell.processes.cli.doctor import _watches
from marketbell.processes.cli.main import run

RUN = {
    "run_id": "a1",
    "job": "backtest",
    "state": "running",
    "progress": 0.25,
    "stage": "evaluating",
    "error": "",
    "scheduled_at": "2026-11-27T04:12:56.870Z",
}


class Server:
    """Answers as the API does, and notes what it was asked."""

    asked: list[tuple[str, str]]

    def __init__(self, *_: Any) -> None:
        pass

    def call(self, method: str, path: str, *_: Any) -> dict[str, Any]:
        self.asked.append((method, path))
        if path == "/api/jobs/dead":
            return {"items": [{"run_id": "b2"}, {"run_id": "c/3"}]}
        return {"items": [RUN]} if method == "GET" and "?" in path else dict(RUN)


@pytest.fixture(autouse=True)
def server(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    Server.asked = []
    monkeypatch.setattr(api_client, "Api", Server)
    return Server.asked


def test_runs_are_listed_with_how_far_they_are(server: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["jobs", "list", "--state", "running", "--job", "backtest", "--limit", "5"]) == 0
    assert server == [("GET", "/api/jobs?limit=5&job=backtest&state=running")]
    assert capsys.readouterr().out.split() == ["a1", "2026-11-27T04:12:56", "backtest", "running", "25%", "evaluating"]
    assert run(["jobs", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [RUN]


def test_one_run_is_shown(server: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["jobs", "show", "a1"]) == 0
    assert server == [("GET", "/api/jobs/a1")]
    assert json.loads(capsys.readouterr().out)["run_id"] == "a1"


def test_dead_runs_begin_anew_by_name_or_all(server: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["jobs", "replay", "x"]) == 0
    assert run(["jobs", "replay", "--all"]) == 0
    assert server == [
        ("POST", "/api/jobs/dead/x/replay"),
        ("GET", "/api/jobs/dead"),
        ("POST", "/api/jobs/dead/b2/replay"),
        ("POST", "/api/jobs/dead/c%2F3/replay"),
    ]
    assert run(["jobs", "replay"]) == 2
    assert run(["jobs", "replay", "x", "--all"]) == 2
    assert "name the runs to replay, or say --all" in capsys.readouterr().err


def test_the_doctor_says_what_is_raised_and_whether_anybody_looks() -> None:
    cache = MemoryCache()
    assert [one.state for one in _watches(cache)] == ["note"]
    cache.set(RAISED_KEY, orjson.dumps({"at": 1, "items": []}))
    assert [(one.state, one.found) for one in _watches(cache)] == [("ok", "nothing is raised")]
    raised = {"watch": "disk", "since": 1, "said": "The disk is full."}
    cache.set(RAISED_KEY, orjson.dumps({"at": 1, "items": [raised]}))
    assert [(one.state, one.found) for one in _watches(cache)] == [("bad", "The disk is full.")]
