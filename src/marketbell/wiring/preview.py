"""Previews in a process of their own: the first question starts it, it ends when nobody asks or its parent is gone.

So a rule that is tried on a year of the market neither holds up the answers of the API nor stays in its memory.
"""

import contextlib
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any

import orjson

from marketbell.core.primitives.errors import UnavailableError, UserError
from marketbell.ports.chains import ChainStore

PATIENCE_S = 60.0
IDLE_S = 600.0
"""A worker that nobody asks for so long ends."""
NICENESS = 5
_HEAD = 4
_FIELDS = ("code", "field")

_PROGRESS = "progress"
_TELLS_EVERY_S = 0.25

Told = Callable[[float, str], None]
"""Hears how far it is: a share from 0 to 1, and a word."""
Preview = Callable[[Mapping[str, Any], Told], dict[str, Any]]
"""Answers a question (flows/backtest/preview.Question as JSON)."""


class PreviewGoneError(UnavailableError):
    """The process that tries rules on the past has ended. Try again."""


class PreviewBusyError(UnavailableError):
    """Another rule is being tried on the past."""


@dataclass(slots=True)
class _Worker:
    process: "subprocess.Popen[bytes]"
    pipe_in: IO[bytes]
    pipe_out: IO[bytes]


class PreviewProcess:
    """One worker, started at first use. Threads may ask; they wait for each other."""

    def __init__(self, database_url: str, mongodb_url: str | None = None) -> None:
        """`mongodb_url`: where option chains are kept, if not in the database."""
        self._url = database_url
        self._mongodb_url = mongodb_url
        self._lock = threading.Lock()
        self._worker: _Worker | None = None
        self.is_stopped = False
        """It was told to end for good."""

    def __call__(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """The answer. UserError for what cannot be tried or takes too long, UnavailableError when the store is away."""
        if not self._lock.acquire(timeout=PATIENCE_S):
            raise UserError("another preview is still running: try again in a moment", field="text")
        try:
            answer = self._ask(question, PATIENCE_S, None)
        finally:
            self._lock.release()
        return _settled(answer)

    def at_length(self, question: Mapping[str, Any], patience_s: float, told: Told) -> dict[str, Any]:
        """The same for what may take long. `told` hears how far it is; what it raises ends the work.

        One at a time: PreviewBusyError where another one is under way.
        """
        if not self._lock.acquire(blocking=False):
            raise PreviewBusyError
        try:
            answer = self._ask(question, patience_s, told)
        finally:
            self._lock.release()
        return _settled(answer)

    def stop(self) -> None:
        """End what is under way: its caller gets a PreviewGoneError."""
        worker = self._worker
        self.is_stopped = True
        if worker is not None:
            worker.process.kill()

    def close(self) -> None:
        """End the worker."""
        worker, self._worker = self._worker, None
        if worker is None:
            return
        worker.process.kill()
        worker.process.wait()
        worker.pipe_out.close()
        with contextlib.suppress(BrokenPipeError):  # what it had not read is nobody's any more
            worker.pipe_in.close()

    def _ask(self, question: Mapping[str, Any], patience_s: float, told: Told | None) -> dict[str, Any]:
        asked = orjson.dumps({**question, "tells": told is not None})
        for is_last in (False, True):
            if self.is_stopped:
                raise PreviewGoneError
            worker = self._running()
            try:
                _write(worker.pipe_in, asked)
                answer = self._heard(worker, patience_s, told)
            except TimeoutError:
                self.close()
                message = "this takes too long to try: name fewer instruments, fewer days or longer bars"
                raise UserError(message, field="text") from None
            except OSError:
                answer = None
            if answer is not None:
                found: dict[str, Any] = orjson.loads(answer)
                return found
            self.close()  # it had ended for want of questions, or died
            if is_last:
                raise PreviewGoneError
        raise PreviewGoneError

    def _heard(self, worker: _Worker, patience_s: float, told: Told | None) -> bytes | None:
        """The answer, behind any words of progress; None where the worker is gone. TimeoutError, OSError."""
        until = time.monotonic() + patience_s
        while True:
            message = _read(worker.pipe_out, max(0.0, until - time.monotonic()))
            if message is None or told is None:
                return message
            found = orjson.loads(message)
            if _PROGRESS not in found:
                return message
            try:
                told(*found[_PROGRESS])
            except BaseException:
                self.close()  # nobody waits for its answer, and the next question must not get it
                raise

    def _running(self) -> _Worker:
        worker = self._worker
        if worker is not None and worker.process.poll() is None:
            return worker
        self.close()
        process = subprocess.Popen(
            [sys.executable, "-m", "marketbell.processes.api.trying"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            close_fds=True,
        )
        if process.stdin is None or process.stdout is None:
            raise PreviewGoneError
        self._worker = _Worker(process, process.stdin, process.stdout)
        _write(process.stdin, orjson.dumps({"database_url": self._url, "mongodb_url": self._mongodb_url}))
        return self._worker


def serve(pipe_in: IO[bytes], pipe_out: IO[bytes], build: Callable[[Mapping[str, Any]], Preview]) -> None:
    """The worker's side: the first message says with what to build, each other one is a question.

    Ends when the pipe does, or nobody asked for ten minutes.
    """
    os.nice(NICENESS)
    first = _read(pipe_in, PATIENCE_S)
    if first is None:
        return
    preview = build(orjson.loads(first))
    while True:
        try:
            message = _read(pipe_in, IDLE_S)
        except TimeoutError:
            return
        if message is None:
            return
        question = orjson.loads(message)
        told = _teller(pipe_out) if question.pop("tells", False) else _in_silence
        _write(pipe_out, orjson.dumps(_answer(preview, question, told), option=orjson.OPT_SERIALIZE_NUMPY))


def _teller(pipe_out: IO[bytes]) -> Told:
    """Writes progress to the pipe, a few times a second."""
    said_s = 0.0

    def tell(share: float, stage: str) -> None:
        nonlocal said_s
        if time.monotonic() - said_s >= _TELLS_EVERY_S:
            said_s = time.monotonic()
            _write(pipe_out, orjson.dumps({_PROGRESS: [share, stage]}))

    return tell


def _in_silence(_share: float, _stage: str) -> None:
    """Nobody waits for it."""


def _settled(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer, or what it says went wrong."""
    if "error" in answer:
        kind = UserError if answer["code"] == "user" else UnavailableError
        raise kind(str(answer["error"]), field=str(answer.get("field") or "text"))
    return answer


def _answer(preview: Preview, question: Mapping[str, Any], told: Told) -> dict[str, Any]:
    try:
        return preview(question, told)
    except UserError as error:
        return {"error": error.message, "code": "user", "field": error.facts.get("field")}
    except UnavailableError as error:
        return {"error": error.message, "code": "away"}


def _write(pipe: IO[bytes], message: bytes) -> None:
    pipe.write(len(message).to_bytes(_HEAD, "big") + message)
    pipe.flush()


def _read(pipe: IO[bytes], patience_s: float) -> bytes | None:
    """The next message, None at the end of the pipe. TimeoutError where none begins in time."""
    if not select.select([pipe], [], [], patience_s)[0]:
        raise TimeoutError
    head = _exactly(pipe, _HEAD)
    return None if head is None else _exactly(pipe, int.from_bytes(head, "big"))


def _exactly(pipe: IO[bytes], size: int) -> bytes | None:
    """So many bytes straight from the pipe: what a buffer held, `select` would not see."""
    parts: list[bytes] = []
    while size:
        part = os.read(pipe.fileno(), min(size, 1 << 20))
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def build_preview(parts: Mapping[str, Any]) -> Preview:
    """The previewer over the database of that URL."""
    from marketbell.adapters.clock.system import SystemClock
    from marketbell.adapters.stores.postgres import PostgresStores
    from marketbell.flows.backtest.preview import Previewer, Question
    from marketbell.wiring.calendars import calendars

    stores = PostgresStores(str(parts["database_url"]), connections=1)
    chains: ChainStore = stores.chains
    if parts.get("mongodb_url"):
        from marketbell.adapters.stores.mongo import MongoChains

        chains = MongoChains(str(parts["mongodb_url"]), 1)
    previewer = Previewer(
        stores.instruments, stores.bars, stores.fundamentals, calendars().sessions, SystemClock(), chains
    )
    return lambda question, told: previewer.answer(Question.from_dict(question), told)
