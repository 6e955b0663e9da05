"""`marketbell jobs`: runs of scheduled work and of backtests, and letting dead ones begin anew."""

import json
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer

ApiUrl = Annotated[str | None, typer.Option("--api", metavar="URL", help="Where Marketbell answers.")]
DataDir = Annotated[str | None, typer.Option("--data-dir", metavar="DIR", help="Where its owner.token is.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class State(StrEnum):
    """Of a run."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    DEAD = "dead"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    jobs = typer.Typer(help="Scheduled work and backtests: what ran, what failed, what to try again.")
    jobs.command("list", epilog="Example: marketbell jobs list --state dead")(list_runs)
    jobs.command("show", epilog="Example: marketbell jobs show 3f2a…")(show)
    jobs.command("replay", epilog="Example: marketbell jobs replay --all")(replay)
    app.add_typer(jobs, name="jobs", no_args_is_help=True)


def list_runs(
    job: Annotated[str | None, typer.Option("--job", help="Of this job; without it all but the pulse.")] = None,
    state: Annotated[State | None, typer.Option("--state", help="In this state.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500)] = 30,
    as_json: AsJson = False,
    api: ApiUrl = None,
    data_dir: DataDir = None,
) -> None:
    """List runs, newest first."""
    from marketbell.processes.cli.api_client import Api

    wanted: dict[str, Any] = {"limit": limit}
    wanted |= {name: value for name, value in (("job", job), ("state", state and state.value)) if value}
    items = Api(api, data_dir).call("GET", f"/api/jobs?{urlencode(wanted)}")["items"]
    if as_json:
        typer.echo(json.dumps(items, indent=2))
        return
    for one in items:
        share = f"{one['progress']:.0%}" if one["state"] == "running" else ""
        when = (one["scheduled_at"] or "")[:19]
        row = f"{one['run_id']}  {when:<20}{one['job']:<22}{one['state']:<9}{share:>5}  {one['error'] or one['stage']}"
        typer.echo(row.rstrip())


def show(
    run_id: Annotated[str, typer.Argument(help="Of `jobs list`.")],
    api: ApiUrl = None,
    data_dir: DataDir = None,
) -> None:
    """Print one run with its result, as JSON."""
    from marketbell.processes.cli.api_client import Api

    typer.echo(json.dumps(Api(api, data_dir).call("GET", f"/api/jobs/{quote(run_id, safe='')}"), indent=2))


def replay(
    run_ids: Annotated[list[str] | None, typer.Argument(help="Dead runs.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every dead run.")] = False,
    api: ApiUrl = None,
    data_dir: DataDir = None,
) -> None:
    """Let runs that were given up begin anew."""
    from marketbell.core.primitives.errors import UserError
    from marketbell.processes.cli.api_client import Api

    if bool(run_ids) == every:
        raise UserError("name the runs to replay, or say --all")
    server = Api(api, data_dir)
    wanted = run_ids or [one["run_id"] for one in server.call("GET", "/api/jobs/dead")["items"]]
    for run_id in wanted:
        server.call("POST", f"/api/jobs/dead/{quote(run_id, safe='')}/replay")
        typer.echo(f"{run_id} begins anew")
    if not wanted:
        typer.echo("no run was given up")
