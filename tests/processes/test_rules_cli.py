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


RULES = """alert "up" on ALL when close crosses above 100 at 1d close
alert "two days" on $NSE:A when close > close[1] for 2 bars at 1d close
"""
WALK = {"A": [99.0, 101, 102, 98, 103, 104], "B": [101.0, 99, 98, 101, 97, 96]}


@pytest.fixture
def days(tmp_path: Path) -> str:
    """Two files of daily bars, 2021-04-26 on."""
    folder = tmp_path / "days"
    folder.mkdir()
    dates = ("2021-04-26", "2021-04-27", "2021-04-28", "2021-04-29", "2021-04-30", "2021-05-03")
    for symbol, closes in WALK.items():
        lines = [f"{day},{one},{one},{one},{one},1000" for day, one in zip(dates, closes, strict=True)]
        (folder / f"{symbol}.csv").write_text("\n".join(["date,open,high,low,close,volume", *lines, ""]))
    return str(folder)


def test_explain_says_what_rules_mean_and_cost(tmp_path: Path, days: str, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, RULES)
    assert run(["rules", "explain", file]) == 0
    out = capsys.readouterr().out
    assert "When, for any instrument, the price crosses above 100, looked at each daily close" in out
    assert "instruments       not known without --data" in out
    assert run(["rules", "explain", file, "--data", days, "--calendar", "XNSE", "--json"]) == 0
    up, two = json.loads(capsys.readouterr().out)["rules"]
    assert (up["symbols"], two["symbols"], up["evaluations_per_day"]) == (2, 1, 2)
    assert run(["rules", "explain", str(tmp_path / "none.bell"), "--data", days]) == 2
    assert "goes with a file of rules" in capsys.readouterr().err


def test_explain_asks_the_running_house_for_an_armed_rule(
    home: Path, api: FakeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = {
        "timing": "tick", "symbols": 1, "sub_expressions": 3, "evaluations_per_day": 22_500, "warm_up": [],
        "feeds": ["feed"], "fields": ["close"], "may_repaint": False, "reads_others": False, "notes": ["n"],
        "shared": 2,
    }  # fmt: skip
    api.answers["GET /api/rules/u1"] = (200, {"name": "one", "text": GOOD.strip(), "sentence": "When."})
    api.answers["GET /api/rules/u1/explain"] = (200, plan)
    assert run(["rules", "explain", "u1", "--api", api.url, "--data-dir", str(home)]) == 0
    out = capsys.readouterr().out
    assert "3, 2 of them shared with your other rules" in out
    assert "note: n" in out


def test_backtest_writes_firings_figures_and_a_report(
    tmp_path: Path, days: str, capsys: pytest.CaptureFixture[str]
) -> None:
    import pandas as pd

    out = tmp_path / "out"
    file = written(tmp_path, RULES)
    command = ["rules", "backtest", file, "--data", days, "--calendar", "XNSE", "--out", str(out)]
    assert run([*command, "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary == json.loads((out / "summary.json").read_text())
    firings = pd.read_parquet(out / "firings.parquet")
    found = [
        (rule, key, time.strftime("%Y-%m-%d %H:%M"))
        for rule, key, time in zip(firings.rule, firings.instrument, firings.event_time, strict=True)
    ]
    assert found == [
        ("up", "NSE:A", "2021-04-27 10:00"),
        ("two days", "NSE:A", "2021-04-28 10:00"),
        ("up", "NSE:A", "2021-04-30 10:00"),
        ("two days", "NSE:A", "2021-05-03 10:00"),
        ("up", "NSE:B", "2021-04-29 10:00"),
    ]
    assert json.loads(firings["values"][0])["sentence"] == "The price went from 99 to 101, past 100."
    up, two = summary["rules"]
    assert (summary["fires"], up["fires"], two["fires"]) == (5, 3, 2)
    assert up["history"] == {
        "from": "2021-04-26T03:45:00Z", "to": "2021-05-03T03:45:00Z", "timeframe": "1d", "bars": 12, "instruments": 2,
        "gaps": [],
    }  # fmt: skip
    (after,) = [one for one in up["outcomes"] if one["after"] == "1d"]
    assert after["count"] == 3
    report = (out / "report.md").read_text()
    assert "Fired 3 times on 2 instruments" in report
    assert up["text"] in report
    assert run([*command, "--from", "2021-04-28", "--to", "2021-04-30"]) == 0
    assert "       2 x up (2 instruments" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--from", "soon"], "--from is a date like 2021-04-28"),
        (["--gaps", "none"], "--gaps is drop or keep"),
        (["--watchlist", "core"], "--watchlist is written NAME=NSE:A,NSE:B"),
    ],
)
def test_a_backtest_says_what_is_wrong_in_one_line(
    tmp_path: Path, days: str, capsys: pytest.CaptureFixture[str], more: list[str], said: str
) -> None:
    command = ["rules", "backtest", written(tmp_path, RULES), "--data", days, "--out", str(tmp_path / "out"), *more]
    assert run(command) == 2
    err = capsys.readouterr().err
    assert said in err
    assert len(err.splitlines()) == 1


def test_names_are_judged_against_the_data_and_lists_can_be_given(
    tmp_path: Path, days: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, 'alert "w" on watchlist "core" when close > 100 at 1d close\n')
    command = ["rules", "backtest", file, "--data", days, "--calendar", "XNSE", "--out", str(tmp_path / "out")]
    assert run(command) == 2
    assert f'{file}:1:14: there is no watchlist "core": recorded data have none' in capsys.readouterr().err
    assert run([*command, "--watchlist", "core=NSE:B", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["fires"] == 2


def test_looking_ahead_is_refused_and_repainting_is_flagged(
    tmp_path: Path, days: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ahead = written(tmp_path, 'alert "f" on ALL when close[-1] > close at 1d close\n')
    command = ["--data", days, "--calendar", "XNSE", "--out", str(tmp_path / "out"), "--json"]
    assert run(["rules", "backtest", ahead, *command]) == 2
    assert f"{ahead}:1:29: an offset looks back" in capsys.readouterr().err
    live = written(tmp_path, 'alert "l" on ALL when live(close@1w) > 100 at 1d close\n')
    assert run(["rules", "backtest", live, *command]) == 0
    (rule,) = json.loads(capsys.readouterr().out)["rules"]
    assert rule["may_repaint"]
    assert any("repaint" in note for note in rule["notes"])


def test_import_brings_a_folder_as_the_truth_of_its_group(
    home: Path, api: FakeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = home / "desk"
    folder.mkdir()
    (folder / "b.bell").write_text(GOOD.replace("one", "two").rstrip())
    (folder / "a.bell").write_text(GOOD)
    answer = {"armed": 1, "changed": 0, "unchanged": 1, "disarmed": 2, "items": []}
    api.answers["POST /api/rules/import"] = (200, answer)
    where = ["--api", api.url, "--data-dir", str(home)]
    assert run(["rules", "import", str(folder), "--prune", *where]) == 0
    assert capsys.readouterr().out == "desk: 1 armed, 0 changed, 1 unchanged, 2 disarmed\n"
    assert api.calls[-1][3] == {"text": f"{GOOD}\n{GOOD.replace('one', 'two')}", "group": "desk", "prune": True}
    assert run(["rules", "import", str(folder / "a.bell"), "--group", "mine", *where]) == 0
    assert (api.calls[-1][3]["group"], api.calls[-1][3]["prune"]) == ("mine", False)


def test_import_checks_every_file_first_and_places_what_the_api_refuses(
    home: Path, api: FakeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = home / "desk"
    folder.mkdir()
    (folder / "a.bell").write_text(GOOD)
    (folder / "b.bell").write_text("# second\n" + GOOD.replace("one", "two"))
    where = ["--api", api.url, "--data-dir", str(home)]
    message = "4:16: there is no instrument `$NSE:A` in the data"
    api.answers["POST /api/rules/import"] = (400, {"code": "invalid_rule", "message": message})
    assert run(["rules", "import", str(folder), *where]) == 2
    assert capsys.readouterr().err == f"{folder / 'b.bell'}:2:16: there is no instrument `$NSE:A` in the data\n"
    (folder / "c.bell").write_text(BAD)
    calls = len(api.calls)
    assert run(["rules", "import", str(folder), *where]) == 2
    assert [line.split(":")[0] for line in capsys.readouterr().err.splitlines()] == [str(folder / "c.bell")] * 2
    assert len(api.calls) == calls
    assert run(["rules", "import", str(folder / "a.bell"), "--check"]) == 0
    assert run(["rules", "import", str(home / "days"), *where]) == 2


def test_list_and_export_of_a_group(home: Path, api: FakeApi, capsys: pytest.CaptureFixture[str]) -> None:
    one = {"rule_uid": "u1", "name": "one", "text": "alert 1", "state": "armed", "group": "desk", "problem": ""}
    two = one | {"rule_uid": "u2", "text": "alert 2", "group": "", "problem": "the list is gone"}
    api.answers["GET /api/rules"] = (200, {"items": [one, two]})
    where = ["--api", api.url, "--data-dir", str(home)]
    assert run(["rules", "list", "--group", "desk", *where]) == 0
    assert capsys.readouterr().out == "armed     u1  alert 1\n"
    assert run(["rules", "list", "--group", "", *where]) == 0
    assert capsys.readouterr().out == "armed     u2  alert 2  # the list is gone\n"
    assert run(["rules", "export", "--group", "desk", *where]) == 0
    assert capsys.readouterr().out == "# rule_uid: u1\nalert 1\n"
