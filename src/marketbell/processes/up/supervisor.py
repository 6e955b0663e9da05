"""Starts children in their order, watches them, starts them again, and stops them all.

A child is ready when its own heartbeat (or probe) says so, not when its process exists. It knows nothing of
Marketbell's processes: the table of children is handed in.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from marketbell.core.primitives.errors import UnavailableError, UserError
from marketbell.observability import give_back
from marketbell.processes.up.output import LONGEST_LINE, Console, LogFile, as_fact, as_line, utc_stamp
from marketbell.processes.up.spec import EDGE, ENGINE, SERVER, Child, ChildState, Spec
from marketbell.processes.up.warden import Warden

STOP_WAITS_S = {EDGE: 4.5, ENGINE: 3.0, SERVER: 2.0}
"""How long each stage may take to stop before it is killed: together below ten seconds."""
EXIT_USER = 2
WATCH_EVERY_S = 0.2
PROBE_EVERY_S = 0.05
HANG_S = 30.0
MEASURE_EVERY_S = 15.0
MOST_SAID = 300
AGAIN_S = 1.0
"""One request may arrive twice at once (a signal to the process and to its group); a person asks again later."""
SHOWN_LEVELS = frozenset({"info", "warning", "error", "critical"})

Heartbeats = Callable[[], Mapping[str, Mapping[str, Any]]]


class Supervisor:
    """Runs the table `specs`; `heartbeats` reads what the children say of themselves."""

    def __init__(
        self,
        specs: Sequence[Spec],
        *,
        env: Mapping[str, str],
        heartbeats: Heartbeats,
        console: Console,
        log_dir: Path,
        log_limit: int = 16 << 20,
        log_files: int = 3,
        lock_fd: int | None = None,
        on_change: Callable[[], None] = lambda: None,
        hang_s: float = HANG_S,
    ) -> None:
        self.children = {spec.name: Child(spec) for spec in specs}
        self._env = dict(env)
        self._heartbeats = heartbeats
        self._console = console
        self._on_change = on_change
        self._hang_s = hang_s
        self._stop = asyncio.Event()
        self._stop_asked = 0.0
        self._changed = asyncio.Condition()
        self._began = time.monotonic()
        self._fatal: BaseException | None = None
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._logs = {
            name: LogFile(log_dir / f"{name}.jsonl", log_limit, log_files, self._trouble)
            for name in [*self.children, "up"]
        }
        self._warden = Warden(lock_fd)

    # ---- for the caller ----

    async def run(self) -> None:
        """Run until `request_stop`, then stop everything. Raises the UserError of a child that cannot start."""
        keepers = [asyncio.create_task(self._keep(child)) for child in self.children.values()]
        watchers = [asyncio.create_task(self._watch()), asyncio.create_task(self._measure())]
        for task in [*keepers, *watchers]:
            task.add_done_callback(self._ended_early)
        try:
            await self._stop.wait()
        finally:
            self._stop.set()
            await self._stop_all()
            for task in [*keepers, *watchers]:
                task.cancel()
            await asyncio.gather(*keepers, *watchers, return_exceptions=True)
            await asyncio.to_thread(self._warden.close)
            for log in self._logs.values():
                log.close()
        if self._fatal is not None:
            raise self._fatal

    def _ended_early(self, task: asyncio.Task[None]) -> None:
        """A fault of our own must not leave a run that looks alive."""
        error = None if task.cancelled() else task.exception()
        if error is not None and self._fatal is None:
            self._fatal = error
            self._stop.set()

    def request_stop(self) -> None:
        """Begin to stop; asked again, kill what is left at once."""
        now = time.monotonic()
        if not self._stop.is_set():
            self._stop_asked = now
            self._stop.set()
        elif now - self._stop_asked > AGAIN_S:
            for name in self._running:
                self._signal(self.children[name], signal.SIGKILL)

    async def wait_up(self, names: Sequence[str]) -> bool:
        """Wait until all of `names` are up; False when we stop before."""
        async with self._changed:
            await self._changed.wait_for(
                lambda: self._stop.is_set() or all(self.children[name].is_up for name in names)
            )
        return not self._stop.is_set()

    def say(self, event: str, level: str = "info", **facts: Any) -> None:
        """Our own log line."""
        fact = {"ts": utc_stamp(), "level": level, "process": "up", "event": event, **facts}
        self._logs["up"].write(fact)
        self._console.say("up", as_line(fact))

    # ---- one child's life ----

    async def _keep(self, child: Child) -> None:
        if not await self.wait_up(child.spec.needs):
            return
        while not self._stop.is_set():
            code = await self._live_once(child)
            if self._stop.is_set():
                break
            child.last_exit = code
            if child.spec.once and code == 0:
                await self._set(child, "done")
                return
            if child.spec.once and code == EXIT_USER:
                self._fatal = UserError(child.last_line or f"{child.spec.name} could not be done")
                self._stop.set()
                await self._set(child, "stopped", child.last_line)
                return
            again = child.backoff.ended(time.monotonic())
            child.restarts += 1
            what = f"ended with {_exit_text(code)}"
            if again.is_loop:
                self.say(
                    "child.keeps_ending", "error", child=child.spec.name, exit=_exit_text(code),
                    restarts=child.restarts, again_in_s=again.delay_s, log=f"logs/{child.spec.name}.jsonl",
                )  # fmt: skip
                await self._set(child, "crash loop", f"{what} again and again; tried every {again.delay_s:.0f} s")
            else:
                self.say(
                    "child.ended", "warning", child=child.spec.name, exit=_exit_text(code),
                    again_in_s=again.delay_s, said=child.last_line[:MOST_SAID],
                )  # fmt: skip
                await self._set(child, "restarting", what)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), again.delay_s)

    async def _live_once(self, child: Child) -> int:
        """Start the child and stay until it has ended; its exit code, negative for a signal."""
        spec = child.spec
        try:
            launch = spec.launch()
            process = await asyncio.create_subprocess_exec(
                *launch.argv,
                env={**launch.env} if spec.stage == SERVER else {**self._env, **launch.env},
                cwd=launch.cwd,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
                user=launch.uid,
                group=launch.gid,
                extra_groups=None if launch.uid is None else [],
            )
        except (OSError, UserError) as error:
            reason = error.message if isinstance(error, UserError) else (error.strerror or str(error)).lower()
            child.reason = child.last_line = f"could not be started: {reason}"
            self.say("child.not_started", "error", child=spec.name, reason=child.reason)
            return 127
        self._warden.add(process.pid, launch.stop_signal)
        child.stop_signal = launch.stop_signal
        self._running[spec.name] = process
        child.pid, child.started, child.seen = process.pid, time.monotonic(), 0.0
        child.heartbeat = {}
        with contextlib.suppress(psutil.Error):
            child.created = psutil.Process(process.pid).create_time()
        if self._stop.is_set():
            self._signal(child, signal.SIGKILL)  # we began to stop while it was being made
        await self._set(child, "starting")
        pump = asyncio.create_task(self._pump(child, process))
        try:
            code = await process.wait()
        finally:
            self._sweep(process.pid)
            self._warden.remove(process.pid)
            self._running.pop(spec.name, None)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(pump, 0.5)
            child.pid = 0
        return code

    async def _pump(self, child: Child, process: asyncio.subprocess.Process) -> None:
        """Carry the child's words to its file and the console."""
        if process.stdout is None:
            return
        rest = b""
        while chunk := await process.stdout.read(LONGEST_LINE):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._heard(child, line)
            if len(rest) > LONGEST_LINE:
                self._heard(child, rest)
                rest = b""
        if rest:
            self._heard(child, rest)

    def _heard(self, child: Child, line: bytes) -> None:
        if not line.strip():
            return
        fact = as_fact(child.spec.name, line)
        self._logs[child.spec.name].write(fact)
        child.last_line = as_line(fact)
        level = fact.get("level")
        # a server's chatter and advice stay in its file, also what it answers our probe while it starts
        is_shown = child.state == "ready" and level == "error" if child.spec.stage == SERVER else level in SHOWN_LEVELS
        if is_shown:
            self._console.say(child.spec.name, as_line(fact))

    # ---- what the children say ----

    async def _watch(self) -> None:
        while True:
            await asyncio.gather(*(self._ask(child) for child in self.children.values() if child.spec.probe))
            if any(not child.spec.probe and child.pid and not child.spec.once for child in self.children.values()):
                await self._listen()
            is_starting = any(child.state == "starting" and child.spec.probe for child in self.children.values())
            await asyncio.sleep(PROBE_EVERY_S if is_starting else WATCH_EVERY_S)

    async def _ask(self, child: Child) -> None:
        probe = child.spec.probe
        if probe is None or not child.pid:
            return
        now = time.monotonic()
        if child.state == "ready" and now - child.seen < 1.0:
            return
        pid = child.pid
        is_well = await asyncio.to_thread(probe)
        if child.pid != pid or self._stop.is_set():
            return
        if is_well:
            child.seen = now
            child.backoff.outlived(now)
            await self._set(child, "ready")
        elif child.state == "ready":
            await self._set(child, "degraded", "does not answer")

    async def _listen(self) -> None:
        try:
            said = await asyncio.to_thread(self._heartbeats)
        except UnavailableError:
            return
        now = time.monotonic()
        for child in self.children.values():
            if child.spec.probe or child.spec.once or not child.pid or self._stop.is_set():
                continue
            beat = said.get(child.spec.name)
            if beat is not None and _is_of(beat, child.pid):
                child.seen = now
                child.heartbeat = beat
                state = beat.get("state")
                if state == "ready":
                    child.backoff.outlived(now)
                    await self._set(child, "ready")
                elif state == "degraded":
                    detail = beat.get("detail")
                    await self._set(
                        child, "degraded", str(detail.get("reason", "")) if isinstance(detail, dict) else ""
                    )
            elif child.seen and now - child.seen > self._hang_s:
                # the cache answers, other children beat, this one has stood still: a pid alone is no life
                self.say("child.hung", "error", child=child.spec.name, silent_s=round(now - child.seen))
                self._signal(child, signal.SIGKILL)
                child.seen = 0.0

    async def _measure(self) -> None:
        """Memory of each child with its own children, now and then."""
        while True:
            await asyncio.sleep(MEASURE_EVERY_S)
            give_back()
            await self.measure()
            self._on_change()

    async def measure(self) -> None:
        """Measure memory now."""
        for child in list(self.children.values()):
            if child.pid:
                child.pss = await asyncio.to_thread(pss_of, child.pid)

    async def _set(self, child: Child, state: ChildState, reason: str = "") -> None:
        if child.state == state and child.reason == reason:
            return
        before, child.state, child.reason, child.since = child.state, state, reason, time.monotonic()
        if state in {"ready", "done"} and child.ready_after_s is None:
            child.ready_after_s = round(time.monotonic() - self._began, 2)
        if state == "ready" and before != "ready":
            self.say(
                "child.ready", child=child.spec.name, pid=child.pid, after_s=round(time.monotonic() - child.started, 2)
            )
        elif state == "degraded" and before != "degraded":
            self.say("child.degraded", "warning", child=child.spec.name, reason=reason)
        self._on_change()
        async with self._changed:
            self._changed.notify_all()

    # ---- the end ----

    async def _stop_all(self) -> None:
        async with self._changed:
            self._changed.notify_all()
        for stage in sorted(STOP_WAITS_S, reverse=True):
            running = [
                (self.children[name], process)
                for name, process in reversed(list(self._running.items()))
                if self.children[name].spec.stage == stage
            ]
            await asyncio.gather(*(self._end(child, process, STOP_WAITS_S[stage]) for child, process in running))

    async def _end(self, child: Child, process: asyncio.subprocess.Process, wait_s: float) -> None:
        child.state = "stopping"
        self._on_change()
        began = time.monotonic()
        self._signal(child, signal.Signals(child.stop_signal))
        try:
            await asyncio.wait_for(asyncio.shield(process.wait()), wait_s)
        except TimeoutError:
            self.say("child.killed", "warning", child=child.spec.name, after_s=wait_s)
            self._signal(child, signal.SIGKILL)
            await process.wait()
        self._sweep(process.pid)
        child.state = "stopped"
        self.say("child.stopped", child=child.spec.name, after_s=round(time.monotonic() - began, 2))

    def _signal(self, child: Child, number: signal.Signals) -> None:
        process = self._running.get(child.spec.name)
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                # a group's leader that was just made may not lead it yet: then it alone is meant
                if os.getpgid(process.pid) == process.pid and number == signal.SIGKILL:
                    os.killpg(process.pid, number)
                else:
                    process.send_signal(number)

    @staticmethod
    def _sweep(group: int) -> None:
        """End what a child has left of its own group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)

    def _trouble(self, text: str) -> None:
        self._console.say("up", f"WARNING {text}")


def _exit_text(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def _is_of(beat: Mapping[str, Any], pid: int) -> bool:
    """True where the heartbeat comes from the child itself or from a process below it."""
    said = beat.get("pid")
    if said == pid:
        return True
    if not isinstance(said, int):
        return False
    with contextlib.suppress(psutil.Error):
        return any(parent.pid == pid for parent in psutil.Process(said).parents())
    return False


def pss_of(pid: int) -> int:
    """Bytes of memory of a process and all below it, shared pages counted in parts; 0 where it is gone."""
    total = 0
    with contextlib.suppress(psutil.Error):
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                found = process.memory_full_info()
                total += getattr(found, "pss", 0) or found.uss
    return total
