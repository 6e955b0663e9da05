"""`marketbell status`: what runs on a data folder."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from marketbell.settings import Settings

EXIT_NOT_RUNNING = 1
STORES = {"postgresql": "PostgreSQL", "mongodb": "MongoDB"}


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("status", epilog="Example: marketbell status --link")
    def status(
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
        link: Annotated[bool, typer.Option("--link", help="Print a new one-time link, nothing else.")] = False,
        data_dir: Annotated[Path | None, typer.Option("--data-dir", help="Where everything is kept.")] = None,
    ) -> None:
        """Show processes, memory, ports and lags; exit code 1 where nothing runs."""
        import json

        from marketbell.processes.up import runfile
        from marketbell.processes.up.lock import is_held
        from marketbell.settings import load

        folder = load(data_dir=data_dir).data_dir
        run = runfile.read(folder) if is_held(folder) else None
        if run is None:
            if as_json:
                typer.echo(json.dumps({"running": False, "data_dir": str(folder)}))
            else:
                typer.echo(f"Marketbell does not run on {folder}", err=link)
            raise typer.Exit(EXIT_NOT_RUNNING)
        settings = load(env=run["settings"])
        if link:
            from marketbell.processes.up.run import login_link
            from marketbell.wiring.up import open_cache

            typer.echo(login_link(open_cache(settings.cache_url or ""), run["url"]))
            return
        found = _gather(run, settings.cache_url or "") | {"chains": _chains(settings)}
        if as_json:
            typer.echo(json.dumps(found, indent=2))
        else:
            _print(found)


def _gather(run: dict[str, Any], cache_url: str) -> dict[str, Any]:
    """The run file with what is measured now: memory, heartbeats, lags. No secrets."""
    import orjson

    from marketbell.core.primitives.errors import UnavailableError
    from marketbell.flows.watching.rounds import RAISED_KEY
    from marketbell.processes.up.supervisor import pss_of
    from marketbell.wiring.up import open_cache, read_heartbeats

    cache = open_cache(cache_url)
    said: dict[str, Any] = {}
    engine: Any = None
    feeds: Any = None
    watches: list[dict[str, Any]] = []
    trouble = None
    try:
        said = dict(read_heartbeats(cache))
        engine = orjson.loads(cache.get("stream:status") or b"null")
        feeds = orjson.loads(cache.get("feeds") or b"null")
        watches = orjson.loads(cache.get(RAISED_KEY) or b"{}").get("items") or []
    except UnavailableError as error:
        trouble = error.message
    finally:
        cache.close()
    processes = []
    for child in run["processes"]:
        beat = said.get(child["name"], {})
        pss = pss_of(child["pid"]) if child["pid"] else 0
        processes.append({**child, "pss": pss, "detail": beat.get("detail", {}), "beat": beat.get("beat")})
    own = pss_of_self(run["pid"])
    return {
        "running": True,
        **{name: run[name] for name in ("version", "pid", "since", "url", "feed", "speed", "banner")},
        **{name: run[name] for name in ("page_ready_s", "ready_s", "binaries")},
        "pss": own + sum(child["pss"] for child in processes),
        "supervisor_pss": own,
        "processes": processes,
        "stream": engine,
        "feeds": feeds,
        "watches": watches,
        "trouble": trouble,
    }


def _chains(settings: "Settings") -> dict[str, Any]:
    """Which store keeps option chains, where it is, and what is wrong with it."""
    from marketbell.core.primitives.errors import MarketbellError
    from marketbell.wiring.chains import examine_chains

    if settings.mongodb_url is None:
        return {"store": "postgresql", "where": settings.shown()["database_url"], "trouble": None}
    trouble = None
    try:
        examine_chains(settings)
    except MarketbellError as error:
        trouble = error.message
    return {"store": "mongodb", "where": settings.shown()["mongodb_url"], "trouble": trouble}


def pss_of_self(pid: int) -> int:
    """Bytes of the supervisor alone, without its children."""
    import contextlib

    import psutil

    with contextlib.suppress(psutil.Error):
        found = psutil.Process(pid).memory_full_info()
        return int(getattr(found, "pss", 0) or found.uss)
    return 0


def _print(found: dict[str, Any]) -> None:
    typer.echo(f"Marketbell {found['version']} at {found['url']} (pid {found['pid']}, since {found['since']})")
    typer.echo(found["banner"])
    typer.echo(f"{'process':<14}{'state':<12}{'pid':>8}{'port':>7}{'MB':>6}{'restarts':>10}")
    for child in found["processes"]:
        if child["state"] == "done":
            continue
        row = (
            f"{child['name']:<14}{child['state']:<12}{child['pid'] or '':>8}{child['port'] or '':>7}"
            f"{child['pss'] / 1e6:>6.0f}{child['restarts']:>10}  {child['reason']}"
        )
        typer.echo(row.rstrip())
    typer.echo(
        f"memory in all {found['pss'] / 1e6:.0f} MB; "
        f"page after {found['page_ready_s']} s, all after {found['ready_s']} s"
    )
    for part in (found["stream"] or {}).get("partitions", []):
        name = part.get("label", part.get("partition"))
        typer.echo(f"partition {name}: lag {part.get('lag')} frames, gaps {part.get('gaps')}")
    problem = (found["stream"] or {}).get("problem")
    if problem:
        typer.echo(f"the engine: {problem}")
    chains = found["chains"]
    typer.echo(f"option chains are kept in {STORES[chains['store']]}")
    if chains["trouble"]:
        typer.echo(f"option chains: {chains['trouble']}")
    for one in found["watches"]:
        typer.echo(f"not well: {one['said']}")
    if found["trouble"]:
        typer.echo(f"the cache: {found['trouble']}")
