"""The process that tries rules: questions and answers over pipes, started when asked, gone with its parent."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from marketbell.core.primitives.errors import UnavailableError, UserError
from marketbell.wiring import preview as wiring
from marketbell.wiring.preview import PreviewProcess

FAKE = """
    import os, sys, time
    from marketbell.core.primitives.errors import StoreUnavailableError, UserError
    from marketbell.wiring.preview import serve

    def build(parts):
        def answer(question, told):
            if question["do"] == "die":
                os._exit(3)
            if question["do"] == "wait":
                time.sleep(60)
            if question["do"] == "refuse":
                raise UserError("no such rule", field="instrument")
            if question["do"] == "steps":
                told(0.25, "reading")
                time.sleep(0.3)
                told(0.5, "evaluating")
            if question["do"] == "away":
                raise StoreUnavailableError("the database did not answer")
            return {"url": parts["database_url"], "pid": os.getpid(), "big": question["do"] * 100_000}
        return answer

    serve(sys.stdin.buffer, sys.stdout.buffer, build)
"""


@pytest.fixture
def process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PreviewProcess]:
    script = tmp_path / "worker.py"
    script.write_text(textwrap.dedent(FAKE))
    start = subprocess.Popen

    def popen(arguments: list[str], **more: Any) -> Any:
        return start([sys.executable, str(script)], **more)

    monkeypatch.setattr(wiring.subprocess, "Popen", popen)
    made = PreviewProcess("postgresql://here")
    yield made
    made.close()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_one_worker_answers_many_questions_of_any_size(process: PreviewProcess) -> None:
    first, second = process({"do": "a"}), process({"do": "bc"})
    assert first["url"] == "postgresql://here"
    assert first["pid"] == second["pid"] != os.getpid()
    assert (len(first["big"]), len(second["big"])) == (100_000, 200_000)
    process.close()
    assert not alive(first["pid"])


def test_errors_come_over_as_what_they_are(process: PreviewProcess) -> None:
    with pytest.raises(UserError, match="no such rule") as caught:
        process({"do": "refuse"})
    assert caught.value.facts["field"] == "instrument"
    with pytest.raises(UnavailableError, match="did not answer"):
        process({"do": "away"})
    assert process({"do": "a"})["pid"]


def test_a_worker_that_dies_is_started_again_and_a_second_death_is_said(process: PreviewProcess) -> None:
    before = process({"do": "a"})["pid"]
    with pytest.raises(UnavailableError, match="has ended"):
        process({"do": "die"})
    assert process({"do": "a"})["pid"] != before


def test_what_takes_too_long_is_ended(process: PreviewProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    pid = process({"do": "a"})["pid"]
    monkeypatch.setattr(wiring, "PATIENCE_S", 0.05)
    with pytest.raises(UserError, match="too long"):
        process({"do": "wait"})
    assert not alive(pid)


def test_the_worker_ends_with_its_pipe(process: PreviewProcess) -> None:
    pid = process({"do": "a"})["pid"]
    worker = process._worker
    assert worker is not None
    worker.pipe_in.close()
    assert worker.process.wait(10) == 0
    assert not alive(pid)


def test_what_takes_long_says_how_far_it_is(process: PreviewProcess) -> None:
    said: list[tuple[float, str]] = []
    answer = process.at_length({"do": "steps"}, 30.0, lambda share, stage: said.append((share, stage)))
    assert said == [(0.25, "reading"), (0.5, "evaluating")]
    assert len(answer["big"]) == 500_000
    assert process({"do": "a"})["pid"] == answer["pid"]


def test_who_is_told_may_end_it(process: PreviewProcess) -> None:
    def told(_share: float, _stage: str) -> None:
        raise UnavailableError("not ours any more")

    pid = process({"do": "a"})["pid"]
    with pytest.raises(UnavailableError, match="not ours"):
        process.at_length({"do": "steps"}, 30.0, told)
    assert not alive(pid)
    assert process({"do": "b"})["big"].startswith("b"), "the next question gets its own answer"


def test_one_long_question_at_a_time(process: PreviewProcess) -> None:
    def told(_share: float, _stage: str) -> None:
        with pytest.raises(wiring.PreviewBusyError):
            process.at_length({"do": "a"}, 30.0, told)

    assert process.at_length({"do": "steps"}, 30.0, told)["pid"]


def test_one_that_was_stopped_stays_so(process: PreviewProcess) -> None:
    def told(_share: float, _stage: str) -> None:
        process.stop()

    with pytest.raises(UnavailableError, match="has ended"):
        process.at_length({"do": "steps"}, 30.0, told)
    with pytest.raises(UnavailableError, match="has ended"):
        process({"do": "a"})
