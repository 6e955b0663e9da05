"""`marketbell channels` as people run it; the API is a fake that notes calls."""

import json
from pathlib import Path
from typing import Any

import pytest

from marketbell.core.primitives.errors import NotFoundError
from marketbell.processes.cli import channels
from marketbell.processes.cli.main import run

ITEMS = [
    {"channel_id": "c1", "kind": "slack", "name": "desk", "address_label": "hooks.slack.com/…", "is_enabled": True},
    {"channel_id": "c2", "kind": "email", "name": "desk", "address_label": "a…@example.com", "is_enabled": False},
    {"channel_id": "c3", "kind": "sms", "name": "night", "address_label": "…3210", "is_enabled": True},
]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    told: list[tuple[str, str]] = []

    class FakeApi:
        def __init__(self, api: str | None, data_dir: str | None) -> None:
            pass

        def call(self, method: str, path: str, **_: Any) -> dict[str, Any]:
            told.append((method, path))
            if path == "/api/channels":
                return {"items": ITEMS}
            if path.startswith("/api/channels/c3"):
                return {"ok": False, "reference": "", "error": "Twilio refused: HTTP 401"}
            return {"ok": True, "reference": "ok", "error": ""}

    monkeypatch.setattr(channels, "Api", FakeApi)
    return told


def test_the_list_is_what_rules_write(calls: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["channels", "list"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "on   slack:desk  hooks.slack.com/…",
        "off  email:desk  a…@example.com",
        "on   sms:night   …3210",
    ]
    assert run(["channels", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"items": ITEMS}


def test_one_is_tried_by_name_word_or_id(calls: list[tuple[str, str]], capsys: pytest.CaptureFixture[str]) -> None:
    for word in ("slack:desk", "c1"):
        assert run(["channels", "test", word]) == 0
        assert capsys.readouterr().out == "slack:desk accepted the test message (ok)\n"
        assert calls[-1] == ("POST", "/api/channels/c1/test")
    assert run(["channels", "test", "night"]) == 1
    assert capsys.readouterr().err == "sms:night did not accept it: Twilio refused: HTTP 401\n"
    assert run(["channels", "test", "night", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["ok"] is False


def test_a_name_that_is_not_clear_is_asked_back(calls: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["channels", "test", "desk"]) == 2
    assert capsys.readouterr().err == "marketbell: desk may be slack:desk (c1) or email:desk (c2)\n"
    assert run(["channels", "test", "nobody"]) == 2
    assert "marketbell channels list" in capsys.readouterr().err
    with pytest.raises(NotFoundError):
        channels._found("x", [])


def test_it_needs_a_running_house(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["channels", "list", "--data-dir", str(tmp_path)]) == 2
    assert "is Marketbell running" in capsys.readouterr().err
