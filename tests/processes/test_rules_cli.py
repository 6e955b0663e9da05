"""`marketbell rules` as people run it: files, exit codes, one line an error; the API is a fake that notes calls."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from marketbell.processes.cli.main import run

GOOD = 'alert "one" on $NSE:A when close crosses above 5 at tick fire once\n'
BAD = '# two errors\nalert "x" on $A when clos crosses above 5 at tick fire once\nalert "y" on $A wen\n'


@dataclass
class FakeApi:
    """Answers as the API does; `answers` by method and path."""

    url: str = ""
    calls: list[tuple[str, str, dict[str, str], Any]] = field(default_factory=list)
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)


@pytest.fixture
def api() -> Iterator[FakeApi]:
    fake = FakeApi()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            fake.calls.append((self.command, self.path, headers, json.loads(raw) if raw else None))
            status, body = fake.answers.get(
                f"{self.command} {self.path}", (404, {"code": "not_found", "message": "no"})
            )
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815 — the names that the base class calls

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 — the base class's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        fake.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield fake
        server.shutdown()
        thread.join()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "owner.token").write_text("secret\n")
    return tmp_path


def written(folder: Path, text: str) -> str:
    path = folder / "my.bell"
    path.write_text(text)
    return str(path)


def test_check_says_every_error_on_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, BAD)
    assert run(["rules", "check", file]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        f"{file}:2:22: unknown field `clos`: did you mean `close`?",
        f"{file}:3:17: unexpected `wen`: did you mean `when`?",
    ]


def test_check_in_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rules", "check", written(tmp_path, BAD), "--json"]) == 2
    answer = json.loads(capsys.readouterr().out)
    assert (answer["ok"], [(e["line"], e["column"], e["reason"]) for e in answer["errors"]]) == (
        False,
        [(2, 22, "name"), (3, 17, "syntax")],
    )
    assert run(["rules", "check", written(tmp_path, GOOD), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["ok"], answer["errors"], answer["rules"][0]["text"]) == (True, [], GOOD.strip())


@pytest.mark.parametrize("raw", [None, b"\xff\xfe"])
def test_files_that_cannot_be_read_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], raw: bytes | None
) -> None:
    if raw is not None:
        (tmp_path / "my.bell").write_bytes(raw)
    assert run(["rules", "check", str(tmp_path / "my.bell")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_arm_sends_each_rule_with_its_uid_and_token(
    home: Path, api: FakeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    api.answers["POST /api/rules"] = (201, {"state": "armed", "rule_uid": "u", "name": "one"})
    file = written(home, GOOD + GOOD.replace("one", "two"))
    assert run(["rules", "arm", file, "--api", api.url, "--data-dir", str(home)]) == 0
    assert capsys.readouterr().out == "armed u one\narmed u one\n"
    assert [call[3]["text"].splitlines()[1] for call in api.calls] == [GOOD.strip(), GOOD.strip().replace("one", "two")]
    assert {call[2]["authorization"] for call in api.calls} == {"Bearer secret"}
    assert len({call[2]["idempotency-key"] for call in api.calls}) == 2


def test_arm_points_at_the_file_when_the_api_refuses(
    home: Path, api: FakeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    api.answers["POST /api/rules"] = (400, {"code": "invalid_rule", "message": "there is no instrument `$NSE:A`"})
    file = written(home, "\n" + GOOD)
    assert run(["rules", "arm", file, "--api", api.url, "--data-dir", str(home)]) == 2
    assert capsys.readouterr().err == f"{file}:2:16: there is no instrument `$NSE:A`\n"


def test_list_export_and_disarm(home: Path, api: FakeApi, capsys: pytest.CaptureFixture[str]) -> None:
    one = {"rule_uid": "0e2b1c7e-26d4-4a43-8c35-5d0f7cf1a111", "name": "one", "text": GOOD.strip(), "state": "armed"}
    api.answers["GET /api/rules"] = (200, {"items": [one, one | {"state": "disabled"}]})
    api.answers[f"DELETE /api/rules/{one['rule_uid']}"] = (200, {"ok": True})
    where = ["--api", api.url, "--data-dir", str(home)]
    assert run(["rules", "list", *where]) == 0
    assert capsys.readouterr().out.splitlines()[0] == f"armed     {one['rule_uid']}  {GOOD.strip()}"
    assert run(["rules", "export", *where]) == 0
    assert capsys.readouterr().out == f"# rule_uid: {one['rule_uid']}\n{GOOD}"
    assert run(["rules", "disarm", one["rule_uid"], *where]) == 0
    assert run(["rules", "disarm", "a/b", *where]) == 2
    assert api.calls[-1][1] == "/api/rules/a%2Fb"


def test_nobody_there_is_one_line(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rules", "list", "--api", "http://127.0.0.1:9", "--data-dir", str(home)]) == 2
    assert "start it with `marketbell up`" in capsys.readouterr().err
    assert run(["rules", "list", "--data-dir", str(home / "none")]) == 2
    assert "owner.token" in capsys.readouterr().err
