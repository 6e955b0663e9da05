"""`marketbell doctor`: what this machine has, and what is missing."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer

from marketbell.settings import Settings

if TYPE_CHECKING:
    from marketbell.ports.cache import Cache

EXIT_MISSING = 2


class Finding(NamedTuple):
    """One thing that was looked at; `mend` says what to do where it is not well."""

    check: str
    state: Literal["ok", "note", "bad"]
    found: str
    mend: str = ""


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("doctor", epilog="Example: marketbell doctor --json")
    def doctor(
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
        data_dir: Annotated[Path | None, typer.Option("--data-dir", help="Where everything is kept.")] = None,
    ) -> None:
        """Check Python, servers, ports, disk, rights, locks and the web app; exit code 2 where something is missing."""
        import json

        from marketbell.settings import load

        settings = load(data_dir=data_dir)
        findings = list(examine(settings))
        is_well = all(finding.state != "bad" for finding in findings)
        if as_json:
            typer.echo(json.dumps({"ok": is_well, "checks": [finding._asdict() for finding in findings]}, indent=2))
        else:
            for finding in findings:
                mend = f" -> {finding.mend}" if finding.mend else ""
                typer.echo(f"{finding.state:<5}{finding.check:<14}{finding.found}{mend}")
        if not is_well:
            raise typer.Exit(EXIT_MISSING)


def examine(settings: Settings) -> Iterator[Finding]:
    """Everything, in the order in which `up` would meet it."""
    from marketbell.processes.up.lock import holder_of, is_held

    yield _python()
    yield from _folder(settings)
    runs = is_held(settings.data_dir)
    holder = holder_of(settings.data_dir) if runs else None
    yield Finding("lock", "ok", f"runs here: pid {(holder or {}).get('pid')}" if runs else "nothing runs here")
    yield from _programs(settings)
    if not runs:
        yield _ports(settings)
    yield _web()
    yield from _servers(settings, runs=runs)


def _python() -> Finding:
    import platform

    text = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    return Finding("python", "ok", text)


def _folder(settings: Settings) -> Iterator[Finding]:
    import os
    import shutil

    folder = settings.data_dir
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        yield Finding("data folder", "bad", f"{folder} cannot be written", "choose another with --data-dir")
        return
    mode = folder.stat().st_mode & 0o007 if folder.exists() else 0
    state: Literal["ok", "note"] = "note" if mode else "ok"
    mend = f"others may look into it: chmod 700 {folder}" if mode else ""
    yield Finding("data folder", state, f"{folder}{'' if folder.exists() else ' (not made yet)'}", mend)
    free = shutil.disk_usage(place).free >> 20
    from marketbell.processes.up.preflight import LEAST_FREE_MB

    if free < LEAST_FREE_MB:
        yield Finding("disk", "bad", f"{free} MB free", f"make room: {LEAST_FREE_MB} MB are needed")
    else:
        yield Finding("disk", "ok", f"{free} MB free")


def _programs(settings: Settings) -> Iterator[Finding]:
    from marketbell.wiring.servers import server_programs

    given = {"postgres": settings.database_url, "valkey": settings.redis_url}
    for name, found in server_programs().items():
        if given[name]:
            yield Finding(name, "ok", "by URL; nothing embedded is started")
        elif found.startswith("/"):
            yield Finding(name, "ok", found)
        else:
            yield Finding(name, "bad", "not found", found)


def _ports(settings: Settings) -> Finding:
    from marketbell.core.primitives.errors import UserError
    from marketbell.processes.up.preflight import with_ports

    try:
        with_ports(settings)
    except UserError as error:
        return Finding("ports", "bad", error.message)
    return Finding("ports", "ok", f"{settings.port}, {settings.live_port}, {settings.ingest_port} are free")


def _web() -> Finding:
    from marketbell.processes import api

    page = Path(next(iter(api.__path__))) / "static" / "index.html"
    if page.is_file():
        return Finding("web app", "ok", "built")
    return Finding("web app", "note", "not built", "run ./dev web")


def _watches(cache: "Cache") -> Iterator[Finding]:
    """What the sender's watch has raised."""
    import orjson

    from marketbell.flows.watching.rounds import RAISED_KEY

    raw = cache.get(RAISED_KEY)
    if raw is None:
        yield Finding("watch", "note", "nobody keeps watch", "is the sender running?")
        return
    items = orjson.loads(raw)["items"]
    for one in items:
        yield Finding("watch", "bad", one["said"])
    if not items:
        yield Finding("watch", "ok", "nothing is raised")


def _servers(settings: Settings, *, runs: bool) -> Iterator[Finding]:
    """Whether the servers that are in use, or given by URL, answer."""
    from marketbell.core.primitives.errors import MarketbellError
    from marketbell.processes.up import runfile
    from marketbell.settings import load
    from marketbell.wiring.up import open_cache, schema_revisions

    run = runfile.read(settings.data_dir) if runs else None
    if run is not None:
        settings = load(env=run["settings"])
    for name, url in (("bus", settings.redis_url), ("cache", settings.cache_url)):
        if url:
            try:
                cache = open_cache(url)
                cache.get("doctor")
                yield Finding(f"{name} server", "ok", "answers")
                if name == "cache" and runs:
                    yield from _watches(cache)
            except MarketbellError as error:
                yield Finding(f"{name} server", "bad", error.message)
    if settings.database_url:
        try:
            there, ours = schema_revisions(settings.database_url)
        except Exception as error:  # noqa: BLE001 — every driver's failure is one and the same finding here
            yield Finding("database", "bad", " ".join(str(error).split())[:200])
        else:
            state: Literal["ok", "note"] = "ok" if there == ours else "note"
            yield Finding("database", state, f"answers; schema {there or 'empty'}, this program's {ours}")
    yield _chains(settings)


def _chains(settings: Settings) -> Finding:
    """Which store keeps option chains, and whether it answers where it is one of its own."""
    from marketbell.core.primitives.errors import MarketbellError
    from marketbell.wiring.chains import examine_chains

    if settings.mongodb_url is None:
        return Finding("option chains", "ok", "are kept in the database; MONGODB_URL would keep them in MongoDB")
    where = settings.shown()["mongodb_url"]
    try:
        return Finding("option chains", "ok", f"are kept in MongoDB {examine_chains(settings)} at {where}")
    except MarketbellError as error:
        mend = "mend MONGODB_URL or start that server; without it option history is away and nothing else"
        return Finding("option chains", "bad", error.message, mend)
