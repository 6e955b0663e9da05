"""`marketbell up`: everything on one machine, from the settings to the one-time link."""

import asyncio
import contextlib
import os
import secrets
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from marketbell import __version__
from marketbell.core.primitives.errors import UnavailableError
from marketbell.ports.cache import Cache
from marketbell.ports.servers import EmbeddedServer
from marketbell.processes.up import preflight, runfile
from marketbell.processes.up.lock import DataDirLock, holder_of
from marketbell.processes.up.output import Console
from marketbell.processes.up.spec import SERVER
from marketbell.processes.up.supervisor import Supervisor
from marketbell.processes.up.table import MIGRATE, PAGE, build_table
from marketbell.settings import ENV_PREFIX, FOREIGN_NAMES, Settings
from marketbell.wiring.secrets import owner_token
from marketbell.wiring.servers import embedded_servers, with_shared_urls
from marketbell.wiring.up import check_feed, open_cache, read_heartbeats, schema_digest

LOGIN_TTL_S = 3_600
WRITE_EVERY_S = 0.5
QUIET_MEMORY = {
    "MALLOC_ARENA_MAX": "2",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONUNBUFFERED": "1",
}
"""Several processes share the machine: none of them may keep an arena or a math thread a core."""


def login_link(cache: Cache, url: str) -> str:
    """A new link that lets its first opener in, for an hour."""
    code = secrets.token_urlsafe(24)
    cache.set(f"login:{code}", b"owner", ttl_s=LOGIN_TTL_S)
    return f"{url}/login?code={code}"


def banner_of(settings: Settings) -> str:
    """What kind of market this is; a person must never take it for the real one."""
    kind, _, rest = settings.feed.partition(":")
    if kind == "demo":
        return "SIMULATED market: companies, prices and news of this feed are invented"
    if kind == "replay":
        pace = "as fast as possible" if settings.speed == "max" else f"at {settings.speed:g} times its pace"
        return f"REPLAY of {rest} {pace}"
    return f"feed {settings.feed}"


def url_of(settings: Settings) -> str:
    """Where the page is."""
    host = "127.0.0.1" if settings.host in {"0.0.0.0", "::"} else settings.host  # noqa: S104 — compared, not bound
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def child_environment(settings: Settings, base: Mapping[str, str]) -> dict[str, str]:
    """The person's environment, with our settings in place of what it says of them."""
    kept = {
        name: value for name, value in base.items() if name not in FOREIGN_NAMES and not name.startswith(ENV_PREFIX)
    }
    if "MARKETBELL_DEBUG" in base:
        kept["MARKETBELL_DEBUG"] = base["MARKETBELL_DEBUG"]
    return {**QUIET_MEMORY, **kept, **settings.environment()}


def up(settings: Settings, *, opens_browser: bool) -> int:
    """Run until Ctrl-C or SIGTERM; the exit code. Raises UserError for what the person can mend."""
    began = time.monotonic()
    settings = preflight.with_source(settings)
    check_feed(settings)
    preflight.check_host(settings)
    preflight.prepare_folder(settings.data_dir)
    lock = DataDirLock(settings.data_dir)
    lock.acquire()
    try:
        runfile.end_left_over(settings.data_dir)
        runfile.remove(settings.data_dir)
        settings = with_shared_urls(preflight.with_ports(settings))
        lock.say(url_of(settings))
        owner_token(settings.data_dir)
        wanted = embedded_servers(settings)
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda pair: pair[1].prepare(), wanted))
        settings = settings.replaced(**{name: server.url for name, server in wanted})
        return asyncio.run(_Run(settings, lock, began, [server for _, server in wanted]).run(opens_browser))
    finally:
        runfile.remove(settings.data_dir)
        lock.release()


class _Run:
    """One run of the table, with what a person sees of it."""

    def __init__(self, settings: Settings, lock: DataDirLock, began: float, servers: Sequence[EmbeddedServer]) -> None:
        self._settings = settings
        self._began = began
        self._url = url_of(settings)
        self._ready_s: float | None = None
        self._page_s: float | None = None
        self._is_dirty = True
        self._cache = open_cache(settings.cache_url or "")
        self._servers = servers
        self._console = Console()
        self._since = (holder_of(settings.data_dir) or {}).get("since")
        # inside the cluster's own folder: with the data goes the claim about them
        self._stamp = settings.data_dir / "servers" / "postgres" / "data" / "marketbell.schema"
        has_own_database = any(server.name == "postgres" for server in servers)
        self._supervisor = Supervisor(
            build_table(settings, servers, is_migrated=has_own_database and self._is_stamped()),
            env=child_environment(settings, os.environ),
            heartbeats=lambda: read_heartbeats(self._cache),
            console=self._console,
            log_dir=settings.data_dir / "logs",
            log_limit=settings.logs.file_mb << 20,
            log_files=settings.logs.files,
            lock_fd=lock.fd,
            on_change=self._changed,
        )

    async def run(self, opens_browser: bool) -> int:  # noqa: FBT001 — the one flag it has
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._supervisor.request_stop)
        screen = None
        if sys.stdout.isatty():
            from marketbell.processes.up.screen import Screen

            screen = Screen(self._title, self._supervisor.children.values)
            self._console.printer = screen.say
            screen.start()
        self._supervisor.say(
            "up.started", version=__version__, data_dir=str(self._settings.data_dir), feed=self._settings.feed
        )  # fmt: skip
        helpers = [
            asyncio.create_task(helper) for helper in (self._write(), self._greet(opens_browser), self._note_schema())
        ]
        try:
            await self._supervisor.run()
        finally:
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
            if screen is not None:
                screen.stop()
            self._console.say("up", "everything is stopped")
            await asyncio.to_thread(self._console.close)
            self._cache.close()
        return 0

    def _is_stamped(self) -> bool:
        try:
            return self._stamp.read_text(encoding="ascii") == schema_digest()
        except OSError:
            return False

    async def _note_schema(self) -> None:
        """Remember which schema our own database has: the next start need not load the migration at all."""
        if MIGRATE in self._supervisor.children and await self._supervisor.wait_up([MIGRATE]):
            with contextlib.suppress(OSError):
                if self._stamp.parent.is_dir() and any(server.name == "postgres" for server in self._servers):
                    self._stamp.write_text(schema_digest(), encoding="ascii")

    def _title(self) -> str:
        return f"Marketbell {__version__} · {self._url} · {banner_of(self._settings)}"

    async def _greet(self, opens_browser: bool) -> None:  # noqa: FBT001
        if not await self._supervisor.wait_up(PAGE):
            return
        self._page_s = round(time.monotonic() - self._began, 1)
        link = await self._link()
        self._console.raw(
            f"\n  {banner_of(self._settings)}\n\n  Open this once, it signs you in:\n  {link}\n\n"
            "  `marketbell status --link` makes another; Ctrl-C stops everything.\n"
        )
        self._supervisor.say("up.page_ready", url=self._url, after_s=self._page_s)
        if opens_browser:
            import webbrowser

            await asyncio.to_thread(webbrowser.open, link)
        names = list(self._supervisor.children)
        if await self._supervisor.wait_up(names):
            self._ready_s = round(time.monotonic() - self._began, 1)
            await self._supervisor.measure()
            total = sum(child.pss for child in self._supervisor.children.values())
            self._supervisor.say("up.ready", after_s=self._ready_s, memory_mb=round(total / 1e6))
            self._changed()

    async def _link(self) -> str:
        while True:
            try:
                return await asyncio.to_thread(login_link, self._cache, self._url)
            except UnavailableError:
                await asyncio.sleep(0.5)

    def _changed(self) -> None:
        self._is_dirty = True

    async def _write(self) -> None:
        was_told = False
        while True:
            if self._is_dirty:
                self._is_dirty = False
                try:
                    runfile.write(self._settings.data_dir, self._document())
                    was_told = False
                except OSError as error:
                    self._is_dirty = True
                    if not was_told:
                        self._supervisor.say("up.not_written", "error", file=runfile.RUN_NAME, reason=error.strerror)
                    was_told = True
            await asyncio.sleep(WRITE_EVERY_S)

    def _document(self) -> dict[str, Any]:
        children = self._supervisor.children.values()
        return {
            "version": __version__,
            "pid": os.getpid(),
            "since": self._since,
            "url": self._url,
            "feed": self._settings.feed,
            "speed": self._settings.speed,
            "banner": banner_of(self._settings),
            "page_ready_s": self._page_s,
            "ready_s": self._ready_s,
            "settings": self._settings.environment(),
            "binaries": {server.name: server.binary for server in self._servers},
            "processes": [{**child.document(), "is_server": child.spec.stage == SERVER} for child in children],
        }
