"""Runs of jobs, their dead letters, and raised watches: one contract over every store."""

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from marketbell.core.primitives.errors import NotFoundError
from marketbell.ports.jobs import HOUSE, RESEND_FIRST_S, RESEND_LONGEST_S, Run, new_run
from marketbell.ports.stores import LOCAL_OWNER, Stores
from marketbell.ports.watches import Raised

S = 10**9
T = 1_800_000_000 * S
LEASE_S = 20.0


@pytest.fixture(autouse=True)
def swept(request: pytest.FixtureRequest) -> Iterator[None]:
    if "postgres" in request.node.name:
        with psycopg.connect(request.getfixturevalue("migrated_url")) as connection:
            connection.execute("TRUNCATE jobs.runs, jobs.dead_letters, jobs.watches")
    return


def scheduled(job: str, at: int) -> Run:
    return new_run(job, at, now=at, is_scheduled=True)


def kept(stores: Stores, run: Run) -> Run:
    found = stores.jobs.run(LOCAL_OWNER, run.run_id)
    assert found is not None
    return found


def claimed(stores: Stores, run: Run, now: int) -> Run:
    found = stores.jobs.claim(run.run_id, now, LEASE_S)
    assert found is not None
    return found


def test_a_key_exists_once_whoever_writes_it(stores: Stores) -> None:
    run = scheduled("forget_old", T)
    assert stores.jobs.enqueue([run]) == 1
    assert stores.jobs.enqueue([run, scheduled("forget_old", T + S), replace(run, args={"other": 1})]) == 1
    assert kept(stores, run) == run
    assert stores.jobs.newest() == {"forget_old": T + S}
    asked = new_run("forget_old", T + 9 * S, owner_id=LOCAL_OWNER, args={"a": [1]}, now=T)
    assert stores.jobs.enqueue([asked]) == 1
    assert stores.jobs.newest() == {"forget_old": T + S}, "what somebody asked for does not move the schedule"
    assert kept(stores, asked).args == {"a": [1]}


def test_a_run_is_one_workers_until_its_lease_ends(stores: Stores) -> None:
    run = scheduled("forget_old", T)
    stores.jobs.enqueue([run])
    mine = claimed(stores, run, T + S)
    assert (mine.state, mine.attempts, mine.started_at) == ("running", 1, T + S)
    assert stores.jobs.claim(run.run_id, T + 20 * S, LEASE_S) is None
    assert stores.jobs.report(mine, T + 20 * S, LEASE_S, 0.5, "reading")
    assert stores.jobs.claim(run.run_id, T + 39 * S, LEASE_S) is None, "the lease was renewed"
    assert (kept(stores, run).progress, kept(stores, run).stage) == (0.5, "reading")
    theirs = claimed(stores, run, T + 40 * S)
    assert (theirs.attempts, theirs.progress, theirs.stage) == (2, 0.0, "")
    assert not stores.jobs.report(mine, T + 41 * S, LEASE_S)
    assert not stores.jobs.finish(mine, {"by": "mine"}, T + 41 * S)
    assert not stores.jobs.fail(mine, "late", T + 41 * S, T + 50 * S)
    assert not stores.jobs.bury(mine, "late", T + 41 * S)
    assert not stores.jobs.put_off(mine, T)
    assert stores.jobs.finish(theirs, {"by": "theirs"}, T + 42 * S)
    done = kept(stores, run)
    assert (done.state, done.progress, done.result, done.finished_at) == ("done", 1.0, {"by": "theirs"}, T + 42 * S)
    assert stores.jobs.claim(run.run_id, T + 10**6 * S, LEASE_S) is None, "done is done"
    assert stores.jobs.take_due(T + 10**6 * S) == []


def test_who_was_told_is_told_again_more_and_more_seldom(stores: Stores) -> None:
    first, second = scheduled("a", T), scheduled("b", T - S)
    stores.jobs.enqueue([first, second])
    assert [run.job for run in stores.jobs.take_due(T)] == ["b", "a"]
    assert stores.jobs.take_due(T) == []
    stores.jobs.not_told([second.run_id])
    assert [run.job for run in stores.jobs.take_due(T)] == ["b"]
    now, waits = T, []
    for _ in range(9):
        wait = 1
        while not any(run.job == "a" for run in stores.jobs.take_due(now + wait * S)):
            wait += 1
        now += wait * S
        waits.append(float(wait))
    assert waits[:3] == [RESEND_FIRST_S, 2 * RESEND_FIRST_S, 4 * RESEND_FIRST_S]
    assert waits[-1] == RESEND_LONGEST_S


def test_one_whose_worker_is_gone_is_told_of_when_the_lease_is_over(stores: Stores) -> None:
    run = scheduled("a", T)
    stores.jobs.enqueue([run])
    claimed(stores, run, T)
    assert stores.jobs.take_due(T + 19 * S) == []
    assert [one.run_id for one in stores.jobs.take_due(T + 20 * S)] == [run.run_id]


def test_what_failed_waits_for_its_time(stores: Stores) -> None:
    run = scheduled("a", T)
    stores.jobs.enqueue([run])
    assert stores.jobs.fail(claimed(stores, run, T), "no answer", T + S, T + 30 * S)
    failed = kept(stores, run)
    assert (failed.state, failed.error, failed.next_attempt_at) == ("failed", "no answer", T + 30 * S)
    assert stores.jobs.claim(run.run_id, T + 29 * S, LEASE_S) is None
    assert stores.jobs.take_due(T + 29 * S) == []
    assert len(stores.jobs.take_due(T + 30 * S)) == 1
    assert claimed(stores, run, T + 30 * S).attempts == 2


def test_what_was_put_off_has_not_been_tried(stores: Stores) -> None:
    run = scheduled("a", T)
    stores.jobs.enqueue([run])
    assert stores.jobs.put_off(claimed(stores, run, T), T + 2 * S)
    assert (kept(stores, run).state, kept(stores, run).attempts) == ("queued", 0)
    assert stores.jobs.take_due(T + S) == []
    assert claimed(stores, run, T + 2 * S).attempts == 1


def test_what_was_given_up_has_a_letter_and_can_be_replayed(stores: Stores) -> None:
    run = new_run("backtest", T, owner_id=LOCAL_OWNER, args={"days": 3}, now=T)
    stores.jobs.enqueue([run])
    assert stores.jobs.count_dead() == 0
    assert stores.jobs.bury(claimed(stores, run, T), "cannot be", T + S)
    assert kept(stores, run).state == "dead"
    (letter,) = stores.jobs.dead(LOCAL_OWNER)
    assert (letter.run_id, letter.job, letter.error, letter.attempts, letter.died_at) == (
        run.run_id,
        "backtest",
        "cannot be",
        1,
        T + S,
    )
    assert letter.args == {"days": 3}
    assert stores.jobs.count_dead() == 1
    assert stores.jobs.dead("somebody") == []
    with pytest.raises(NotFoundError):
        stores.jobs.replay("somebody", run.run_id, T + 2 * S)
    again = stores.jobs.replay(LOCAL_OWNER, run.run_id, T + 2 * S)
    assert (again.state, again.attempts) == ("queued", 0)
    assert stores.jobs.count_dead() == 0
    assert stores.jobs.dead(LOCAL_OWNER) == []
    with pytest.raises(NotFoundError):
        stores.jobs.replay(LOCAL_OWNER, run.run_id, T + 3 * S)
    assert stores.jobs.bury(claimed(stores, run, T + 3 * S), "still cannot be", T + 4 * S)
    assert [one.error for one in stores.jobs.dead(LOCAL_OWNER)] == ["still cannot be"]


def test_lists_are_the_owners_and_the_houses_newest_first(stores: Stores) -> None:
    runs = [scheduled("a", T), new_run("backtest", T, owner_id=LOCAL_OWNER, now=T + S)]
    runs.append(new_run("backtest", T + 1, owner_id="somebody", now=T + 2 * S))
    runs.append(scheduled("a", T + 3 * S))
    stores.jobs.enqueue(runs)
    found = stores.jobs.runs(LOCAL_OWNER)
    assert [run.created_at for run in found] == [T + 3 * S, T + S, T]
    assert stores.jobs.runs(LOCAL_OWNER, 1, (T + 3 * S, found[0].run_id)) == [found[1]]
    assert [run.job for run in stores.jobs.runs(LOCAL_OWNER, job="backtest")] == ["backtest"]
    assert stores.jobs.runs(LOCAL_OWNER, without="a") == stores.jobs.runs(LOCAL_OWNER, job="backtest")
    assert stores.jobs.runs(LOCAL_OWNER, state="dead") == []
    assert stores.jobs.run(LOCAL_OWNER, runs[2].run_id) is None
    assert stores.jobs.run(LOCAL_OWNER, runs[0].run_id) is not None
    assert {run.owner_id for run in found} == {HOUSE, LOCAL_OWNER}


def test_old_runs_go_and_the_newest_tick_stays(stores: Stores) -> None:
    runs = [scheduled("a", T + n * S) for n in range(4)]
    stores.jobs.enqueue(runs)
    for run in runs[:2]:
        stores.jobs.finish(claimed(stores, run, T), {}, T + 5 * S)
    stores.jobs.bury(claimed(stores, runs[2], T), "no", T + 5 * S)
    stores.jobs.finish(claimed(stores, runs[3], T), {}, T + 5 * S)
    assert stores.jobs.forget("a", T + 5 * S) == 0
    assert stores.jobs.forget("b", T + 6 * S) == 0
    assert stores.jobs.forget("a", T + 6 * S) == 2, "the newest tick stays, and so does what nobody has seen to"
    assert {run.scheduled_at for run in stores.jobs.runs(LOCAL_OWNER)} == {T + 2 * S, T + 3 * S}


def test_a_watch_is_raised_once(stores: Stores) -> None:
    first, later = Raised("disk", T, "full"), Raised("disk", T + S, "fuller")
    assert stores.watches.put_up(first) == first
    assert stores.watches.put_up(later) == first
    assert stores.watches.standing() == [first]
    assert not stores.watches.take_down("disk", T + S, T + 2 * S), "another one than that"
    assert stores.watches.take_down("disk", T, T + 2 * S)
    assert not stores.watches.take_down("disk", T, T + 2 * S)
    assert stores.watches.standing() == []
    assert stores.watches.put_up(later) == later
