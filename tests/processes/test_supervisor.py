"""The supervisor with a small table of scripts: order, restarts, memory of nothing left behind."""

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from marketbell.core.primitives.errors import UserError
from marketbell.ports.servers import Launch
from marketbell.processes.up import backoff
from marketbell.processes.up.output import Console, LogFile, as_fact, as_line
from marketbell.processes.up.spec import EDGE, ENGINE, SERVER, Spec
from marketbell.processes.up.supervisor import Supervisor


def script(text: str) -> Callable[[], Launch]:
    return lambda: Launch([sys.executable, "-S", "-E", "-c", textwrap.dedent(text)])


SLEEPER = """
    import json, os, sys, time, pathlib
    pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else os.environ["BEATS"]).mkdir(exist_ok=True)
    name = os.environ.get("NAME", "one")
    path = pathlib.Path(os.environ["BEATS"]) / name
    path.with_suffix(".part").write_text(json.dumps({"pid": os.getpid(), "state": "ready"}))
    path.with_suffix(".part").rename(path)
    time.sleep(60)
"""


def sleeper(name: str, text: str = SLEEPER) -> Callable[[], Launch]:
    return lambda: Launch([sys.executable, "-S", "-E", "-c", textwrap.dedent(text)], env={"NAME": name})


class Bench:
    """A supervisor over a folder where the scripts write their heartbeats."""

    def __init__(self, folder: Path, *specs: Spec, hang_s: float = 30.0) -> None:
        self.beats = folder / "beats"
        self.beats.mkdir()
        self.logs = folder / "logs"
        self.logs.mkdir()
        self.out = io.StringIO()
        self.console = Console(self.out)
        self.mute: set[str] = set()
        self.supervisor = Supervisor(
            specs,
            env={"BEATS": str(self.beats), "PATH": os.defpath},
            heartbeats=self.heartbeats,
            console=self.console,
            log_dir=self.logs,
            hang_s=hang_s,
        )

    def heartbeats(self) -> Mapping[str, Mapping[str, Any]]:
        paths = [path for path in self.beats.iterdir() if path.suffix != ".part" and path.name not in self.mute]
        return {path.name: json.loads(path.read_text()) for path in paths}

    def pid(self, name: str) -> int:
        return self.supervisor.children[name].pid

    def run(self, act: Callable[[], Any]) -> None:
        """Run `act` beside the supervisor, then stop it; nothing may be left."""

        async def all_of_it() -> None:
            running = asyncio.create_task(self.supervisor.run())
            acting = asyncio.create_task(act())
            try:
                await asyncio.wait([running, acting], return_when=asyncio.FIRST_COMPLETED, timeout=30)
            finally:
                self.supervisor.request_stop()
                await running
            await acting

        before = {process.pid for process in psutil.Process().children(recursive=True)}
        asyncio.run(all_of_it())
        self.console.close()
        left = [process for process in psutil.Process().children(recursive=True) if process.pid not in before]
        assert left == []


async def until(condition: Callable[[], bool], within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        await asyncio.sleep(0.02)


def test_children_start_in_their_order_and_stop_in_reverse(tmp_path: Path) -> None:
    ready = tmp_path / "server-ready"
    serve = f"import pathlib, time; pathlib.Path({str(ready)!r}).touch(); time.sleep(60)"
    bench = Bench(
        tmp_path,
        Spec("edge", sleeper("edge"), needs=("once",)),
        Spec("once", script("print('made')"), needs=("server",), once=True, stage=ENGINE),
        Spec("server", script(serve), probe=ready.exists, stage=SERVER),
    )

    async def act() -> None:
        assert await bench.supervisor.wait_up(["server", "once", "edge"])
        assert bench.supervisor.children["once"].state == "done"

    bench.run(act)
    events = [json.loads(line) for line in (bench.logs / "up.jsonl").read_text().splitlines()]
    assert [event["child"] for event in events if event["event"] == "child.ready"] == ["server", "edge"]
    assert [event["child"] for event in events if event["event"] == "child.stopped"] == ["edge", "server"]
    assert json.loads((bench.logs / "once.jsonl").read_text())["text"] == "made"
    assert "once     | made" in bench.out.getvalue()


@pytest.mark.faults
def test_a_killed_child_comes_back_with_a_new_pid(tmp_path: Path) -> None:
    bench = Bench(tmp_path, Spec("one", sleeper("one")))

    async def act() -> None:
        child = bench.supervisor.children["one"]
        await bench.supervisor.wait_up(["one"])
        first = child.pid
        os.kill(first, signal.SIGKILL)
        await until(lambda: child.state == "ready" and child.pid != first)
        assert child.restarts == 1
        assert child.last_exit == -signal.SIGKILL

    bench.run(act)


def test_a_child_that_keeps_ending_is_named_and_tried_slowly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "FIRST_DELAY_S", 0.001)
    bench = Bench(tmp_path, Spec("one", script("raise SystemExit('no luck')")))

    async def act() -> None:
        await until(lambda: bench.supervisor.children["one"].state == "crash loop")

    bench.run(act)
    assert "child.keeps_ending child=one exit=exit code 1" in bench.out.getvalue()
    assert "no luck" in bench.out.getvalue()


def test_a_person_s_mistake_in_a_first_step_ends_the_run_with_its_line(tmp_path: Path) -> None:
    bench = Bench(tmp_path, Spec("once", script("print('mend this'); raise SystemExit(2)"), once=True))

    async def act() -> None:
        await until(lambda: bench.supervisor.children["once"].state == "stopped")

    with pytest.raises(UserError, match="mend this"):
        bench.run(act)


@pytest.mark.faults
def test_a_child_whose_heart_stands_still_is_started_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path, Spec("one", sleeper("one")), hang_s=0.3)

    async def act() -> None:
        child = bench.supervisor.children["one"]
        await bench.supervisor.wait_up(["one"])
        first = child.pid
        bench.mute.add("one")
        await until(lambda: child.pid not in {0, first})
        bench.mute.clear()
        await until(lambda: child.state == "ready")

    bench.run(act)
    assert "child.hung" in bench.out.getvalue()


def test_children_of_children_end_too_and_the_deaf_are_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from marketbell.processes.up import supervisor

    monkeypatch.setitem(supervisor.STOP_WAITS_S, EDGE, 0.3)
    deaf = """
        import os, signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if os.fork() == 0:
            time.sleep(60)
        print("deaf", flush=True)
        time.sleep(60)
    """
    bench = Bench(tmp_path, Spec("deaf", script(deaf)))

    async def act() -> None:
        await until(lambda: "deaf     | deaf" in bench.out.getvalue())

    bench.run(act)
    assert "child.killed" in bench.out.getvalue()


@pytest.mark.faults
def test_nothing_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    program = f"""
        import asyncio, os, sys
        from pathlib import Path
        from marketbell.ports.servers import Launch
        from marketbell.processes.up.output import Console
        from marketbell.processes.up.spec import Spec, SERVER
        from marketbell.processes.up.supervisor import Supervisor

        nap = lambda: Launch([sys.executable, "-S", "-c", "import os, time\\nos.fork()\\ntime.sleep(60)"])
        table = [Spec("server", nap, probe=lambda: True, stage=SERVER), Spec("child", nap, needs=("server",))]
        supervisor = Supervisor(table, env=dict(os.environ), heartbeats=dict, console=Console(),
                                log_dir=Path({str(tmp_path)!r}))

        async def main():
            running = asyncio.create_task(supervisor.run())
            while not supervisor.children["child"].pid:
                await asyncio.sleep(0.02)
            await asyncio.sleep(0.2)
            print("PIDS", *(child.pid for child in supervisor.children.values()), flush=True)
            await running

        asyncio.run(main())
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        line = next(line for line in process.stdout if line.startswith("PIDS"))
        family = psutil.Process(process.pid).children(recursive=True)
        assert {int(word) for word in line.split()[1:]} < {member.pid for member in family}
        process.kill()
    _, alive = psutil.wait_procs(family, timeout=10)
    assert [member for member in alive if member.status() != psutil.STATUS_ZOMBIE] == []


def test_the_delay_doubles_and_a_long_life_forgets() -> None:
    policy = backoff.Backoff()
    delays = [policy.ended(float(second)).delay_s for second in range(4)]
    assert delays == [0.2, 0.4, 0.8, 1.6]
    policy.outlived(10.0)
    assert policy.ended(11.0).delay_s == 3.2
    policy.outlived(11.0 + backoff.LOOP_WINDOW_S + 1)
    assert policy.ended(80.0).delay_s == 0.2


def test_a_loop_stays_a_loop_while_it_is_tried_slowly() -> None:
    policy = backoff.Backoff()
    now = 0.0
    for _ in range(backoff.LOOP_EXITS):
        again = policy.ended(now)
        now += again.delay_s
    for _ in range(20):
        assert again.is_loop
        now += again.delay_s + 1.0
        again = policy.ended(now)


def test_lines_that_are_facts_stay_facts_and_others_are_wrapped() -> None:
    assert as_line(as_fact("x", b'{"event": "a.done", "level": "info", "ts": "t", "n": 1}')) == "a.done n=1"
    wrapped = as_fact("x", b"ERROR: bad \xff")
    assert (wrapped["process"], wrapped["level"], wrapped["event"]) == ("x", "warning", "output")
    assert as_fact("x", b"{not json")["text"] == "{not json"


def test_log_files_turn_at_their_size_and_old_ones_go(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "a.jsonl", limit=100, kept=2, trouble=pytest.fail)
    for number in range(40):
        log.write({"event": "x", "n": number})
    log.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl", "a.jsonl.1", "a.jsonl.2"]
    assert '"n":39' in (tmp_path / "a.jsonl").read_text()
    assert all(path.stat().st_size <= 100 for path in tmp_path.iterdir())


def test_a_log_folder_that_is_lost_is_said_once_and_stops_nothing(tmp_path: Path) -> None:
    said: list[str] = []
    log = LogFile(tmp_path / "gone" / "a.jsonl", limit=100, kept=2, trouble=said.append)
    for _ in range(3):
        log.write({"event": "x"})
    assert len(said) == 1
    assert "no such file" in said[0]
