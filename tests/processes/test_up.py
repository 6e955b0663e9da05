"""`up` as a person meets it: real servers, real signals, one clear line for each mistake."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import redis

from marketbell.processes.cli.main import run
from marketbell.processes.up import runfile
from marketbell.processes.up.lock import is_held

SMALL_UP = Path(__file__).with_name("small_up.py")


def until(condition: Callable[[], bool], what: str, within_s: float = 120.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


class Up:
    """A running `up`, its family of processes, and what it said."""

    def __init__(self, data_dir: Path, port: str = "0") -> None:
        self.data_dir = data_dir
        self.out = data_dir.parent / "up.out"
        with self.out.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, str(SMALL_UP), str(data_dir), port],
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    @property
    def run(self) -> dict[str, Any]:
        return runfile.read(self.data_dir) or {}

    def said(self) -> str:
        return self.out.read_text()

    def wait_ready(self) -> "Up":
        def is_ready() -> bool:
            return self.run.get("pid") == self.process.pid and self.run.get("ready_s") is not None

        until(lambda: is_ready() or self.process.poll() is not None, "up was not ready")
        assert self.process.poll() is None, self.said()
        return self

    def child(self, name: str) -> dict[str, Any]:
        return next(child for child in self.run["processes"] if child["name"] == name)

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)


@contextlib.contextmanager
def running(data_dir: Path) -> Iterator[Up]:
    up = Up(data_dir)
    try:
        yield up.wait_ready()
    finally:
        if up.process.poll() is None:
            family = up.family()
            up.stop()
            assert gone(family)


def gone(family: list[psutil.Process], within_s: float = 30.0) -> bool:
    _, alive = psutil.wait_procs(family, timeout=within_s)
    return all(process.status() == psutil.STATUS_ZOMBIE for process in alive)


@pytest.fixture(scope="module")
def up() -> Iterator[Up]:
    """One run for the tests that only look."""
    with tempfile.TemporaryDirectory(prefix="marketbell-test-") as folder, running(Path(folder) / "data") as started:
        yield started


def test_it_says_link_banner_and_what_runs(up: Up) -> None:
    said = up.said()
    assert "SIMULATED market" in said
    assert f"{up.run['url']}/login?code=" in said
    assert [child["name"] for child in up.run["processes"]] == ["postgres", "bus", "cache", "api", "live"]
    assert all(child["state"] == "ready" for child in up.run["processes"])
    assert json.loads((up.data_dir / "logs" / "api.jsonl").read_text().splitlines()[0])["event"] == "child.began"


def test_secrets_are_for_their_owner(up: Up) -> None:
    for name in ("owner.token", "run.json", "servers/postgres.password"):
        assert (up.data_dir / name).stat().st_mode & 0o077 == 0
    cmdlines = " ".join(word for process in up.family() for word in process.cmdline())
    password = (up.data_dir / "servers" / "postgres.password").read_text().strip()
    assert password not in cmdlines


def test_a_second_up_says_who_holds_the_folder(up: Up, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["up", "--data-dir", str(up.data_dir), "--port", "0"]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    for word in (str(up.data_dir), f"pid {up.process.pid}", up.run["since"], up.run["url"]):
        assert word in line


def test_status_shows_processes_memory_and_a_new_link(up: Up, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status", "--json", "--data-dir", str(up.data_dir)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["running"]
    assert found["pid"] == up.process.pid
    assert {child["name"]: child["state"] for child in found["processes"]}["postgres"] == "ready"
    assert all(child["pss"] > 0 for child in found["processes"])
    assert "settings" not in found, "the settings hold passwords"
    assert run(["status", "--data-dir", str(up.data_dir)]) == 0
    assert "postgres" in capsys.readouterr().out

    assert run(["status", "--link", "--data-dir", str(up.data_dir)]) == 0
    code = capsys.readouterr().out.strip().partition("code=")[2]
    with redis.Redis.from_url(up.run["settings"]["MARKETBELL_CACHE_URL"]) as cache:
        assert cache.getdel(f"login:{code}") == b"owner"


def test_doctor_reaches_the_running_servers(up: Up, capsys: pytest.CaptureFixture[str]) -> None:
    run(["doctor", "--json", "--data-dir", str(up.data_dir)])
    checks = {check["check"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    for name in ("python", "postgres", "valkey", "bus server", "cache server", "database"):
        assert checks[name]["state"] in {"ok", "note"}, checks[name]
    assert f"pid {up.process.pid}" in checks["lock"]["found"]


@pytest.mark.faults
@pytest.mark.parametrize("name", ["bus", "postgres", "api"])
def test_a_killed_child_comes_back_with_the_same_port_and_data(up: Up, name: str) -> None:
    settings = up.run["settings"]
    with psycopg.connect(settings["MARKETBELL_DATABASE_URL"]) as connection:
        connection.execute("create table if not exists kept as select 1 as one")
    before = up.child(name)
    os.kill(before["pid"], signal.SIGKILL)

    def is_back() -> bool:
        now = up.child(name)  # one reading: state and pid of the same moment
        return bool(now["state"] == "ready" and now["pid"] != before["pid"])

    until(is_back, f"{name} stayed away")
    assert up.child(name)["port"] == before["port"]
    with psycopg.connect(settings["MARKETBELL_DATABASE_URL"]) as connection:
        assert connection.execute("select one from kept").fetchone() == (1,)


@pytest.mark.faults
def test_a_killed_up_leaves_nothing_and_starts_again_cleanly(data_dir: Path) -> None:
    first = Up(data_dir).wait_ready()
    family = first.family()
    assert len(family) >= 6
    url = first.run["settings"]["MARKETBELL_DATABASE_URL"]
    first.process.kill()
    first.process.wait()
    # at once, while the last ones still end: the lock is theirs until then
    with running(data_dir) as second:
        assert gone(family, 1.0)
        assert second.run["settings"]["MARKETBELL_DATABASE_URL"] == url
        family = second.family()
        began = time.monotonic()
        assert second.stop() == 0
        assert time.monotonic() - began < 10
        assert gone(family, 1.0)
    assert not is_held(data_dir)
    assert not (data_dir / "run.json").exists()
    assert run(["status", "--data-dir", str(data_dir)]) == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--feed", "replay:/no/such/place"], "there is nothing to replay at /no/such/place"),
        (["--feed", "nasdaq"], "unknown feed 'nasdaq'; known: demo, replay:PATH"),
        (["--speed", "fast"], "speed = fast (from flag --speed)"),
        (["--host", "0.0.0.0"], "MARKETBELL_ALLOW_REMOTE"),  # noqa: S104 — refused, that is the point
        (["--config", "/no/such.toml"], "/no/such.toml does not exist"),
        (["--nonsense"], "No such option: --nonsense"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    data_dir: Path, capsys: pytest.CaptureFixture[str], options: list[str], words: str
) -> None:
    assert run(["up", "--data-dir", str(data_dir), *options]) == 2
    line = capsys.readouterr().err
    assert words in line
    assert line.count("\n") == 1
    assert not data_dir.exists(), "nothing was begun"


def test_an_empty_folder_to_replay_is_refused(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert run(["up", "--data-dir", str(data_dir), "--feed", f"replay:{tmp_path / 'empty'}"]) == 2
    assert "the folder is empty" in capsys.readouterr().err


def test_a_taken_port_is_named_with_its_holder(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        assert run(["up", "--data-dir", str(data_dir), "--port", str(port)]) == 2
    line = capsys.readouterr().err
    assert f"port {port} on 127.0.0.1 is taken" in line
    assert f"(pid {os.getpid()})" in line
    assert "--port 0" in line
    assert not is_held(data_dir)


def test_a_folder_that_cannot_be_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert run(["up", "--data-dir", str(tmp_path / "file" / "data")]) == 2
    line = capsys.readouterr().err
    assert "a part of that path is a file" in line
    assert line.count("\n") == 1


def test_a_folder_that_cannot_be_written_is_one_line(
    data_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # root writes everywhere, so the refusal is played: a read-only file system, then a full one
    for number, words in ((30, "read-only file system"), (28, "is full")):

        def refuse(*_: object, number: int = number, **__: object) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(Path, "mkdir", refuse)
        assert run(["up", "--data-dir", str(data_dir)]) == 2
        assert words in capsys.readouterr().err


def test_config_shows_values_with_their_origin(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARKETBELL_SPEED", "60")
    assert run(["config", "show", "--origin", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["speed"] == {"value": 60.0, "origin": "environment variable MARKETBELL_SPEED"}
    assert run(["config", "show", "--origin"]) == 0
    assert "# environment variable MARKETBELL_SPEED" in capsys.readouterr().out
    assert run(["config", "check"]) == 0
    monkeypatch.setenv("MARKETBELL_SPEED", "none")
    capsys.readouterr()
    assert run(["config", "check"]) == 2
    assert "MARKETBELL_SPEED" in capsys.readouterr().err


def test_help_version_and_wrong_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("marketbell ")
    for words in (["--help"], ["up", "--help"], ["config", "show", "--help"], ["status", "--help"], ["doctor", "-h"]):
        assert run(words) == 0
        assert "Example: marketbell" in capsys.readouterr().out
    assert run(["nothing"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
