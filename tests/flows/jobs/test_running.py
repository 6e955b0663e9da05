"""One run from its claim to its outcome: done once, tried again, given up, stopped, overdue."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson
import pytest

from marketbell.adapters.cache.memory import MemoryCache
from marketbell.adapters.clock.manual import ManualClock
from marketbell.adapters.stores.memory.jobs import MemoryJobs
from marketbell.core.primitives.errors import FeedUnavailableError, StoreUnavailableError, UserError
from marketbell.flows.jobs.catalogue import Job
from marketbell.flows.jobs.fundamentals import ANSWER_PREFIX, ANSWERED_WITHIN_S, ASKED_KEY, refresher
from marketbell.flows.jobs.running import LEASE_S, BusyError, Report, Runner, StoppedError
from marketbell.ports.jobs import Run, new_run
from marketbell.ports.stores import LOCAL_OWNER

S = 10**9
T = 1_800_000_000 * S
JOB = Job("work", "", None, limit_s=60.0, attempts=3)


class Desk:
    """A runner over memory, one job whose work is given, and what was told of it."""

    def __init__(self, work: Callable[[Run, Report], Mapping[str, Any]], store: MemoryJobs | None = None) -> None:
        self.clock = ManualClock(T)
        self.store = store or MemoryJobs()
        self.told: list[Run] = []
        self.runner = Runner(self.store, {"work": JOB}, {"work": work}, self.clock, self.told.append)
        self.key = new_run("work", T, owner_id=LOCAL_OWNER, now=T).run_id
        self.store.enqueue([new_run("work", T, owner_id=LOCAL_OWNER, now=T)])

    @property
    def run(self) -> Run:
        found = self.store.run(LOCAL_OWNER, self.key)
        assert found is not None
        return found


def fails(error: Exception) -> Callable[[Run, Report], Mapping[str, Any]]:
    def work(_run: Run, _report: Report) -> Mapping[str, Any]:
        raise error

    return work


def test_a_message_that_comes_again_finds_it_done() -> None:
    count: list[int] = []

    def work(_run: Run, _report: Report) -> Mapping[str, Any]:
        count.append(1)
        return {"rows": 3}

    desk = Desk(work)
    assert [desk.runner.run(desk.key) for _ in range(3)] == ["done", "", ""]
    assert (len(count), desk.run.result) == (1, {"rows": 3})
    assert [run.state for run in desk.told] == ["running", "done"]


def test_what_fails_is_tried_later_and_later_and_then_given_up() -> None:
    desk = Desk(fails(FeedUnavailableError("no answer")))
    waits = []
    for _ in range(2):
        assert desk.runner.run(desk.key) == "failed"
        waits.append((desk.run.next_attempt_at - desk.clock.now()) / S)
        assert desk.runner.run(desk.key) == "", "not before its time"
        desk.clock.move(waits[-1])
    assert 2.5 <= waits[0] <= 5.0 <= waits[1] <= 10.0
    assert desk.runner.run(desk.key) == "dead"
    assert (desk.run.attempts, desk.store.dead(LOCAL_OWNER)[0].error) == (3, "no answer")
    desk.store.replay(LOCAL_OWNER, desk.key, desk.clock.now())
    assert desk.runner.run(desk.key) == "failed"


def test_waits_of_many_runs_differ() -> None:
    desk = Desk(fails(FeedUnavailableError("no answer")))
    others = [new_run("work", T + n, now=T) for n in range(1, 20)]
    desk.store.enqueue(others)
    for run in others:
        desk.runner.run(run.run_id)
    assert len({run.next_attempt_at for run in desk.store.runs(LOCAL_OWNER)}) == 20


def test_what_can_never_work_is_given_up_at_once() -> None:
    desk = Desk(fails(UserError("no such rule")))
    assert desk.runner.run(desk.key) == "dead"
    assert desk.run.attempts == 1


def test_a_bug_is_a_failure_with_its_name() -> None:
    desk = Desk(fails(ZeroDivisionError("by zero")))
    assert desk.runner.run(desk.key) == "failed"
    assert desk.run.error == "ZeroDivisionError: by zero"


def test_a_job_that_this_version_does_not_know_is_a_dead_letter() -> None:
    desk = Desk(fails(UserError("")))
    other = new_run("tomorrow", T, now=T)
    desk.store.enqueue([other])
    assert desk.runner.run(other.run_id) == "dead"
    assert "knows no job tomorrow" in desk.store.dead(LOCAL_OWNER)[0].error


def test_workers_that_die_over_it_make_it_a_dead_letter_in_the_end() -> None:
    desk = Desk(fails(UserError("")))
    for _ in range(JOB.attempts):
        assert desk.store.claim(desk.key, desk.clock.now(), LEASE_S)  # and the worker is killed
        desk.clock.move(LEASE_S)
    assert desk.runner.run(desk.key) == "dead"
    assert "ended 3 times" in desk.run.error


@pytest.mark.parametrize("error", [BusyError("another one"), StoppedError("the process ends")])
def test_what_did_not_begin_or_was_stopped_waits_and_was_no_attempt(error: Exception) -> None:
    desk = Desk(fails(error))
    for _ in range(JOB.attempts + 2):
        assert desk.runner.run(desk.key) == "queued"
        assert desk.run.attempts == 0
        desk.clock.move(2)


def test_progress_renews_the_lease_and_is_told_a_few_times_a_second() -> None:
    def work(_run: Run, report: Report) -> Mapping[str, Any]:
        for step in range(100):
            desk.clock.move(0.25)
            report(step / 100, "walking")
        return {}

    desk = Desk(work)
    assert desk.runner.run(desk.key) == "done", "25 s in all, longer than a lease"
    shares = [run.progress for run in desk.told if run.stage == "walking"]
    assert shares == sorted(shares)
    assert len(shares) == 50


def test_who_was_overtaken_stops_and_writes_nothing() -> None:
    def work(_run: Run, report: Report) -> Mapping[str, Any]:
        desk.clock.move(LEASE_S)
        assert desk.store.claim(desk.key, desk.clock.now(), LEASE_S)
        report(0.5, "late")
        raise AssertionError("not reached")

    desk = Desk(work)
    assert desk.runner.run(desk.key) == ""
    assert (desk.run.state, desk.run.attempts) == ("running", 2)


def test_the_keeper_renews_what_says_nothing_and_names_what_takes_too_long() -> None:
    overdue: list[Run | None] = []

    def work(_run: Run, _report: Report) -> Mapping[str, Any]:
        for _ in range(14):
            desk.clock.move(5)
            overdue.append(desk.runner.keep())
        return {}

    desk = Desk(work)
    assert desk.runner.run(desk.key) == "done"
    assert overdue[:12] == [None] * 12
    assert [run is not None and run.run_id == desk.key for run in overdue[12:]] == [True, True]
    assert desk.runner.keep() is None


class Failing(MemoryJobs):
    """Does not answer the next `away` times that an outcome is written."""

    away = 3

    def finish(self, run: Run, result: Mapping[str, Any], now: int) -> bool:
        if self.away:
            self.away -= 1
            raise StoreUnavailableError
        return super().finish(run, result, now)


def test_an_outcome_waits_for_the_store() -> None:
    desk = Desk(lambda _run, _report: {"rows": 1}, Failing())
    assert desk.runner.run(desk.key) == "done"
    assert desk.run.result == {"rows": 1}


def test_fundamentals_are_asked_of_ingest_and_its_answer_is_the_result() -> None:
    cache, clock = MemoryCache(), ManualClock(T)
    run = new_run("refresh_fundamentals", T, now=T)

    def ingest(_share: float, _stage: str) -> None:
        word = cache.take(ASKED_KEY)
        if word is not None:
            cache.set(ANSWER_PREFIX + word.decode(), orjson.dumps({"known": 7, "new": 2, "error": ""}))

    assert refresher(cache, clock)(run, ingest) == {"known": 7, "new": 2}


def test_fundamentals_that_nobody_asks_for_fail() -> None:
    cache, clock = MemoryCache(), ManualClock(T)
    run = new_run("refresh_fundamentals", T, now=T)
    with pytest.raises(FeedUnavailableError, match="is `ingest` running"):
        refresher(cache, clock)(run, lambda _share, _stage: None)
    assert clock.monotonic() == pytest.approx(ANSWERED_WITHIN_S, abs=1)

    def refuse(_share: float, _stage: str) -> None:
        word = cache.take(ASKED_KEY)
        if word is not None:
            cache.set(ANSWER_PREFIX + word.decode(), orjson.dumps({"known": 0, "new": 0, "error": "refused"}))

    with pytest.raises(FeedUnavailableError, match="refused"):
        refresher(cache, clock)(run, refuse)
