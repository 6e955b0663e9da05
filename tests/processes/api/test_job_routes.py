"""Backtests as jobs, lists of runs, and dead letters that begin anew."""

from collections.abc import Mapping
from typing import Any

import pytest

from marketbell.core.primitives.errors import FeedUnavailableError, UserError
from marketbell.flows.jobs.catalogue import BACKTEST, catalogue
from marketbell.flows.jobs.running import Report, Runner
from marketbell.ports.jobs import Run, new_run
from marketbell.processes.api.routes.jobs import MOST_WAITING

T = 1_700_000_000 * 10**9
TEXT = 'alert "Up" on $NSE:AAA when close > 1.5 at 1m close'


def runner(api: Any) -> Runner:
    def backtest(run: Run, report: Report) -> Mapping[str, Any]:
        report(0.5, "evaluating")
        return api.parts.preview(run.args)

    def fails(_run: Run, _report: Report) -> Mapping[str, Any]:
        raise FeedUnavailableError("nobody answers")

    def refuses(_run: Run, _report: Report) -> Mapping[str, Any]:
        raise UserError("cannot be")

    jobs = {job.name: job for job in catalogue(5)}
    work = {BACKTEST: backtest, "refresh_fundamentals": fails, "forget_old": refuses}
    return Runner(api.stores.jobs, jobs, work, api.clock)


def test_a_backtest_is_taken_at_once_and_its_result_is_a_previews(api: Any) -> None:
    started = api.send("POST", "/api/jobs/backtest", {"text": TEXT, "days": 30}, 202)
    assert (started["state"], started["job"], started["is_scheduled"]) == ("queued", "backtest", False)
    path = f"/api/jobs/{started['run_id']}"
    assert api.get(path)["backtest"] is None
    assert runner(api).run(started["run_id"]) == "done"
    done = api.get(path)
    assert (done["state"], done["progress"], done["result"]) == ("done", 1.0, {})
    preview = api.send("POST", "/api/rules/preview", {"text": TEXT, "days": 30})
    assert done["backtest"] | {"seconds": 0} == preview | {"seconds": 0}
    assert done["backtest"]["fires"] >= 1


def test_the_same_key_is_one_backtest(api: Any) -> None:
    body = {"text": TEXT, "days": 30}
    first, second = (api.send("POST", "/api/jobs/backtest", body, 202, **{"Idempotency-Key": "k"}) for _ in range(2))
    assert first == second
    assert len(api.get("/api/jobs")["items"]) == 1


def test_what_cannot_be_tried_is_said_at_once(api: Any) -> None:
    said = api.send("POST", "/api/jobs/backtest", {"text": 'alert "x" on $NSE:AAA when', "days": 30}, 400)
    assert "text" in said["fields"]
    api.send("POST", "/api/jobs/backtest", {"text": TEXT, "days": 0}, 400)
    assert api.get("/api/jobs")["items"] == []


def test_one_person_does_not_fill_the_queue(api: Any) -> None:
    for _ in range(MOST_WAITING):
        api.send("POST", "/api/jobs/backtest", {"text": TEXT}, 202)
    api.send("POST", "/api/jobs/backtest", {"text": TEXT}, 429)


def test_lists_go_page_by_page_and_leave_out_the_pulse(api: Any) -> None:
    runs = [new_run(job, T + n, now=T + n, is_scheduled=True) for n, job in enumerate(["pulse", "forget_old"] * 3)]
    api.stores.jobs.enqueue(runs)
    first = api.get("/api/jobs?limit=2")
    rest = api.get(f"/api/jobs?limit=2&cursor={first['next_cursor']}")
    assert [one["job"] for one in first["items"] + rest["items"]] == ["forget_old"] * 3
    assert rest["next_cursor"] is None
    assert len(api.get("/api/jobs?job=pulse")["items"]) == 3
    assert api.get("/api/jobs?state=done")["items"] == []
    api.get("/api/jobs?state=other", 400)


def test_dead_runs_are_listed_and_begin_anew_once(api: Any) -> None:
    run = new_run("forget_old", T, now=T)
    api.stores.jobs.enqueue([run])
    assert runner(api).run(run.run_id) == "dead"
    (letter,) = api.get("/api/jobs/dead")["items"]
    assert (letter["run_id"], letter["error"], letter["attempts"]) == (run.run_id, "cannot be", 1)
    again = api.send("POST", f"/api/jobs/dead/{run.run_id}/replay")
    assert (again["state"], again["attempts"]) == ("queued", 0)
    assert api.get("/api/jobs/dead")["items"] == []
    api.send("POST", f"/api/jobs/dead/{run.run_id}/replay", status=404)


def test_one_that_failed_says_when_it_is_tried_again(api: Any) -> None:
    run = new_run("refresh_fundamentals", T, now=T)
    api.stores.jobs.enqueue([run])
    assert runner(api).run(run.run_id) == "failed"
    shown = api.get(f"/api/jobs/{run.run_id}")
    assert (shown["state"], shown["error"]) == ("failed", "nobody answers")
    assert shown["next_attempt_at"] > "2023"


def test_other_peoples_runs_do_not_exist(api: Any) -> None:
    run = new_run(BACKTEST, T, owner_id="somebody", now=T)
    api.stores.jobs.enqueue([run])
    api.get(f"/api/jobs/{run.run_id}", 404)
    assert api.get("/api/jobs")["items"] == []


@pytest.mark.parametrize("path", ["/api/jobs", "/api/jobs/dead", "/api/jobs/x"])
def test_runs_need_a_login(api: Any, path: str) -> None:
    assert api.client.get(path).status_code == 401


def test_healthz_says_what_the_watch_has_raised(api: Any) -> None:
    raised = b'{"at": 1, "items": [{"watch": "disk", "since": 1700000000000000000, "said": "The disk is full."}]}'
    api.cache.set("watch:raised", raised)
    assert api.get("/healthz", 503)["watches"] == [
        {"watch": "disk", "since": "2023-11-14T22:13:20.000Z", "said": "The disk is full."}
    ]
