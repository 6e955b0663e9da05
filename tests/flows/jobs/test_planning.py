"""When jobs are due: by a moved clock, over outages, set clocks and changes of clocks, from one clockwork or two."""

from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketbell.adapters.clock.manual import ManualClock
from marketbell.adapters.stores.memory.jobs import MemoryJobs
from marketbell.core.primitives.errors import BusUnavailableError
from marketbell.flows.jobs.catalogue import LONGEST_S, Every, Job, at, catalogue
from marketbell.flows.jobs.planning import Planner, due_instants
from marketbell.ports.jobs import RESEND_FIRST_S, Run
from marketbell.ports.stores import LOCAL_OWNER

S = 10**9
DAY_S = 86_400
BEGIN = int(datetime(2026, 3, 2, tzinfo=UTC).timestamp()) * S
NEW_YORK = "America/New_York"


class Broker:
    """Notes who was told; away when told so."""

    def __init__(self) -> None:
        self.told: list[Run] = []
        self.is_away = False

    def tell(self, run: Run) -> None:
        if self.is_away:
            raise BusUnavailableError
        self.told.append(run)


def runs_of(store: MemoryJobs, job: str) -> list[datetime]:
    found = sorted(run.scheduled_at for run in store.runs(LOCAL_OWNER, 10_000, job=job))
    return [datetime.fromtimestamp(moment // S, UTC) for moment in found]


def test_each_instant_is_one_run_and_one_message() -> None:
    clock, store, broker = ManualClock(BEGIN), MemoryJobs(), Broker()
    jobs = [Job("five", "", Every(5), 60.0), Job("daily", "", at("13 2 * * *"), 60.0)]
    planner = Planner(store, jobs, clock, broker.tell)
    for _ in range(60):
        before = len(broker.told)
        planner.step()
        for run in broker.told[before:]:
            claimed = store.claim(run.run_id, clock.now(), 20.0)
            assert claimed is not None
            store.finish(claimed, {}, clock.now())
        clock.move(1)
    assert [moment.second for moment in runs_of(store, "five")] == list(range(5, 60, 5))
    assert [run.scheduled_at for run in broker.told] == [BEGIN + n * S for n in range(5, 60, 5)]


def test_two_clockworks_make_one_run_and_tell_of_it_once() -> None:
    clock, store = ManualClock(BEGIN), MemoryJobs()
    brokers = [Broker(), Broker()]
    jobs = [Job("minute", "", at("* * * * *"), 60.0)]
    planners = [Planner(store, jobs, clock, broker.tell) for broker in brokers]
    clock.move(61)
    for planner in planners:
        planner.step()
        planner.step()
    assert len(runs_of(store, "minute")) == 1
    assert [len(broker.told) for broker in brokers] == [1, 0]


def test_a_broker_that_was_emptied_is_told_again() -> None:
    clock, store, broker = ManualClock(BEGIN), MemoryJobs(), Broker()
    planner = Planner(store, [Job("minute", "", at("0 * * * *"), 60.0)], clock, broker.tell)
    clock.move(3_600)
    planner.step()
    assert len(broker.told) == 1
    broker.told.clear()  # FLUSHALL
    clock.move(RESEND_FIRST_S)
    planner.step()
    assert len(broker.told) == 1


def test_a_broker_that_is_away_is_asked_again_at_the_next_tick() -> None:
    clock, store, broker = ManualClock(BEGIN), MemoryJobs(), Broker()
    planner = Planner(store, [Job("minute", "", at("0 * * * *"), 60.0)], clock, broker.tell)
    clock.move(3_600)
    broker.is_away = True
    assert planner.step() == 0
    broker.is_away = False
    clock.move(1)
    assert planner.step() == 1


def test_what_was_missed_is_made_up_for_as_far_as_the_job_says() -> None:
    clock, store = ManualClock(BEGIN), MemoryJobs()
    jobs = [Job("one", "", at("0 * * * *"), 60.0), Job("three", "", at("0 * * * *"), 60.0, catch_up=3)]
    Planner(store, jobs, clock, Broker().tell).step()
    clock.move(3_601)
    Planner(store, jobs, clock, Broker().tell).step()
    assert runs_of(store, "one") == [], "a clockwork that never saw a run begins with the time at which it starts"
    planner = Planner(store, jobs, clock, Broker().tell)
    clock.move(3_600)
    planner.step()
    clock.move(10 * 3_600)
    Planner(store, jobs, clock, Broker().tell).step()
    assert [moment.hour for moment in runs_of(store, "one")] == [2, 12]
    assert [moment.hour for moment in runs_of(store, "three")] == [2, 10, 11, 12]


def test_a_job_that_never_ran_misses_nothing_while_the_clockwork_is_away() -> None:
    clock, store = ManualClock(BEGIN + 2 * 3_600 * S), MemoryJobs()
    jobs = [Job("pulse", "", Every(5), 60.0), Job("daily", "", at("13 2 * * *"), 60.0)]
    planner = Planner(store, jobs, clock, Broker().tell)
    for _ in range(12 * 60):
        planner.step()
        clock.move(1)
    assert runs_of(store, "daily") == []
    clock.move(120)  # killed at 02:12, started again at 02:14
    Planner(store, jobs, clock, Broker().tell).step()
    assert [(moment.hour, moment.minute) for moment in runs_of(store, "daily")] == [(2, 13)]


@pytest.mark.parametrize("step_s", [3_600, -3_600])
def test_a_clock_that_was_set_loses_and_doubles_nothing(step_s: int) -> None:
    clock, store = ManualClock(BEGIN), MemoryJobs()
    jobs = [Job("quarter", "", at("*/15 * * * *"), 60.0, catch_up=4)]
    planner = Planner(store, jobs, clock, Broker().tell)
    for at_s in range(0, 8 * 3_600, 60):
        if at_s == 2 * 3_600 + 420:
            clock.move(step_s)
        planner.step()
        clock.move(60)
    found = runs_of(store, "quarter")
    gaps = {(after - before).total_seconds() for before, after in pairwise(found)}
    assert gaps == {900.0}, "every instant between the first and the last is there once"
    assert len(found) == {3_600: 35, -3_600: 27}[step_s]


@pytest.mark.parametrize("minutes", [1, 7, 61])
@pytest.mark.parametrize(("day", "wanted"), [("2026-03-08", 24), ("2026-11-01", 24), ("2026-06-01", 24)])
def test_a_day_with_a_change_of_clocks_has_its_daily_runs_once(minutes: int, day: str, wanted: int) -> None:
    """Hour by hour of the venue's clock: 23 hours come in spring, and 24 of the 25 in autumn are different words."""
    begin = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(NEW_YORK))
    clock, store = ManualClock(int(begin.timestamp()) * S - S), MemoryJobs()
    planner = Planner(store, [Job("hourly", "", at("30 * * * *", NEW_YORK), 60.0, catch_up=4)], clock, Broker().tell)
    end = begin.replace(hour=23, minute=59).timestamp() * S
    while clock.now() < end:
        planner.step()
        clock.move(60 * minutes)
    clock.move(max(0.0, (end - clock.now()) / S))
    planner.step()
    local = [moment.astimezone(ZoneInfo(NEW_YORK)) for moment in runs_of(store, "hourly")]
    words = [f"{moment:%H:%M}" for moment in local if f"{moment:%Y-%m-%d}" == day]
    assert len(words) == len(set(words))
    assert len(words) == (wanted - 1 if day == "2026-03-08" else wanted)


@given(
    st.integers(0, 400 * DAY_S),
    st.integers(0, 3 * DAY_S),
    st.integers(1, 20),
    st.sampled_from([Every(7), Every(60), at("*/20 * * * *"), at("13 2 * * *"), at("0 0 1 * *")]),
)
def test_due_instants_are_the_newest_of_the_stretch(begin: int, length: int, most: int, timing: Every) -> None:
    after, now = BEGIN + begin * S, BEGIN + (begin + length) * S
    found = due_instants(timing, after, now, most)
    every: list[int] = []
    moment = timing.next(max(after, timing.since(now, most)))
    while moment is not None and moment <= now:
        every.append(moment)
        moment = timing.next(moment)
    assert found == every[-most:]
    assert all(after < one <= now for one in found)


def test_a_clock_years_ahead_is_not_walked_instant_by_instant() -> None:
    assert len(due_instants(Every(5), BEGIN, BEGIN + 50 * 365 * DAY_S * S, 12)) == 12
    assert len(due_instants(at("7 * * * *"), BEGIN, BEGIN + 50 * 365 * DAY_S * S, 1)) == 1


def test_the_catalogue_stays_within_what_a_message_may_wait() -> None:
    jobs = catalogue(5)
    assert len({job.name for job in jobs}) == len(jobs)
    assert all(job.limit_s <= LONGEST_S for job in jobs)
