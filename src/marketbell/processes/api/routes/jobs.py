"""Work beside the market: backtests that take their time, scheduled runs, and those that were given up."""

from functools import cache
from typing import Any

from apiflask import APIBlueprint

from marketbell.core.primitives.errors import NotFoundError, TooManyRequestsError
from marketbell.flows.accounts.decisions import Action
from marketbell.flows.jobs.catalogue import BACKTEST, PULSE, catalogue
from marketbell.flows.market_views.numbers import utc
from marketbell.flows.market_views.paging import decode_cursor, encode_cursor
from marketbell.ports.jobs import Run, new_run
from marketbell.processes.api.context import asks, market, owner_id, parts
from marketbell.processes.api.idempotency import idempotent
from marketbell.processes.api.schemas.jobs import BacktestBody, DeadRuns, JobDetail, JobList, JobRun, JobsQuery

bp = APIBlueprint("jobs", __name__, url_prefix="/api/jobs", tag="Jobs")

MOST_WAITING = 20
"""Backtests of one person that may wait or run."""
_DEAD_SHOWN = 500


@cache
def _titles() -> dict[str, str]:
    return {job.name: job.title for job in catalogue(1)}


def _shown(run: Run) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "job": run.job,
        "title": _titles().get(run.job, run.job),
        "is_scheduled": run.is_scheduled,
        "state": run.state,
        "progress": run.progress,
        "stage": run.stage,
        "attempts": run.attempts,
        "scheduled_at": utc(run.scheduled_at),
        "created_at": utc(run.created_at),
        "started_at": utc(run.started_at),
        "finished_at": utc(run.finished_at),
        "next_attempt_at": utc(run.next_attempt_at) if run.state == "failed" else None,
        "error": run.error,
    }


@bp.get("")
@asks(Action.READ, "jobs")
@bp.input(JobsQuery, location="query")
@bp.output(JobList)
def list_jobs(query_data: JobsQuery) -> dict[str, Any]:
    """Your runs and the house's, newest first."""
    before: tuple[int, str] | None = None
    if query_data.cursor:
        created_at, run_id = decode_cursor(query_data.cursor, int, str)
        before = (created_at, run_id)
    job = query_data.job or ""
    found = parts().jobs.runs(
        owner_id(), query_data.limit + 1, before, job, query_data.state or "", "" if job else PULSE
    )
    page = found[: query_data.limit]
    more = len(found) > query_data.limit
    return {
        "items": [_shown(run) for run in page],
        "next_cursor": encode_cursor(page[-1].created_at, page[-1].run_id) if more else None,
    }


@bp.post("/backtest")
@asks(Action.WRITE, "jobs")
@idempotent
@bp.input(BacktestBody, location="json")
@bp.output(JobRun, status_code=202)
@bp.doc(responses={400: "The text cannot be read; `fields.text` says line and column"})
def start_backtest(json_data: BacktestBody) -> dict[str, Any]:
    """Try a rule on the past by the evaluator that watches live. The answer comes by the room `job:{id}`."""
    from marketbell.flows.rules.reading import question
    from marketbell.processes.api.routes.rules import people

    store, now = parts().jobs, parts().clock.now()
    open_runs = [
        run
        for state in ("queued", "running", "failed")
        for run in store.runs(owner_id(), MOST_WAITING, job=BACKTEST, state=state)
    ]
    if len(open_runs) >= MOST_WAITING:
        raise TooManyRequestsError(f"{MOST_WAITING} backtests wait already: let some of them end first")
    shown = market()
    key = shown.universe.resolve(json_data.instrument, shown.rows).key if json_data.instrument else ""
    until = shown.clock or now
    asked = question(json_data.text, people().market(owner_id()), owner_id(), key, until)
    args = asked | {"days": json_data.days, "until": until}
    run = new_run(BACKTEST, now, owner_id=owner_id(), args=args, now=now)
    while not store.enqueue([run]):  # somebody asked in the same nanosecond
        run = new_run(BACKTEST, run.scheduled_at + 1, owner_id=owner_id(), args=args, now=now)
    return _shown(run)


@bp.get("/dead")
@asks(Action.READ, "jobs")
@bp.output(DeadRuns)
def list_dead() -> dict[str, Any]:
    """Runs that were given up and nobody has replayed."""
    return {
        "items": [
            {
                "run_id": one.run_id,
                "job": one.job,
                "title": _titles().get(one.job, one.job),
                "scheduled_at": utc(one.scheduled_at),
                "attempts": one.attempts,
                "error": one.error,
                "died_at": utc(one.died_at),
            }
            for one in parts().jobs.dead(owner_id(), _DEAD_SHOWN)
        ]
    }


@bp.post("/dead/<string:run_id>/replay")
@asks(Action.WRITE, "jobs")
@idempotent
@bp.output(JobRun)
def replay_dead(run_id: str) -> dict[str, Any]:
    """Let a run that was given up begin anew."""
    return _shown(parts().jobs.replay(owner_id(), run_id, parts().clock.now()))


@bp.get("/<string:run_id>")
@asks(Action.READ, "jobs")
@bp.output(JobDetail)
def get_job(run_id: str) -> dict[str, Any]:
    """One run with its result."""
    run = parts().jobs.run(owner_id(), run_id)
    if run is None:
        raise NotFoundError("no such run")
    is_backtest = run.job == BACKTEST
    backtest = None
    if is_backtest and run.state == "done":
        from marketbell.processes.api.routes.rules import tried

        backtest = tried(dict(run.result), market())
    return _shown(run) | {"backtest": backtest, "result": {} if is_backtest else dict(run.result)}
