"""What a rule does with its truth: readings by example, and the kernel of arrays against the step of one pair."""

import dataclasses
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from marketbell.core.engine import predicate_kernel as pk
from marketbell.core.engine.predicates import PredicateTable
from marketbell.core.rules import policy_kernel as k
from marketbell.core.rules.policy import (
    NEVER,
    Evaluation,
    Fired,
    FirePolicy,
    Phase,
    Policy,
    RearmKind,
    Stale,
    State,
    settle,
    step,
)
from marketbell.core.rules.row_lists import RowLists

S = 1_000_000_000


def times(policy: Policy, truths: str, every: int = 60 * S) -> list[int]:
    """Minutes at which a rule fires; a truth a character: T, F, or ? for unknown."""
    state, found = State(), []
    for n, letter in enumerate(truths):
        truth = {"T": True, "F": False, "?": None}[letter]
        now = n * every
        state, fired = step(policy, state, Evaluation(now, truth, bar=now, date=n // 10, session=n // 10))
        found += [one.time // every for one in fired if not one.is_suppressed]
    return found


def test_a_rule_fires_when_its_condition_becomes_true() -> None:
    assert times(Policy(), "FTTFT") == [1, 4]
    assert times(Policy(), "TTFT") == [0, 3], "the first evaluation may fire"
    assert times(Policy(), "?TT") == [1], "from unknown to true counts"


def test_an_unknown_truth_is_no_evaluation() -> None:
    assert times(Policy(), "T?T") == [0]
    assert times(Policy(), "F?T") == [2]
    assert times(Policy(stale=Stale.FIRE), "F?T") == [1]
    assert times(Policy(hold=120 * S, stale=Stale.HOLD), "FT?TT") == [3]
    assert times(Policy(hold=120 * S), "FT?TTT") == [5], "without it a hold breaks off"


def test_fire_policies() -> None:
    assert times(Policy(fire=FirePolicy.ONCE), "FTFTFT") == [1]
    assert times(Policy(fire=FirePolicy.EVERY), "FTTFT") == [1, 2, 4]
    assert times(Policy(fire=FirePolicy.ENTER), "TTFT?T") == [3], "a known false before is needed"
    assert times(Policy(fire=FirePolicy.EXIT), "FTTFFTF") == [3, 6]
    assert times(Policy(fire=FirePolicy.CHANGE), "FTTF?T") == [1, 3, 5]
    assert times(Policy(fire=FirePolicy.DAY), "FTFTFTFTFTFTFT") == [1, 11]
    assert times(Policy(fire=FirePolicy.SESSION), "FTFTFTFTFTFTFT") == [1, 11]


def test_rearming() -> None:
    assert times(Policy(rearm=RearmKind.NEVER), "FTFT") == [1]
    assert times(Policy(rearm=RearmKind.AFTER, after=180 * S), "FTTTTTTTT") == [1, 4, 7]
    policy, state, found = Policy(rearm=RearmKind.WHEN), State(), []
    for n, (truth, again) in enumerate([(True, False), (False, False), (True, False), (False, True), (True, False)]):
        state, fired = step(policy, state, Evaluation(n, truth, rearm=again, bar=n))
        found += [one.time for one in fired]
    assert found == [0, 4]


def test_a_cooldown_suppresses_and_says_so() -> None:
    policy, state, found = Policy(cooldown=3 * 60 * S), State(), []
    for n, letter in enumerate("TFTFTF"):
        state, fired = step(policy, state, Evaluation(n * 60 * S, letter == "T", bar=n))
        found += fired
    assert found == [Fired(0, 1, False), Fired(120 * S, 1, False, is_suppressed=True), Fired(240 * S, 1, False)]


def test_a_hold_fires_at_the_moment_at_which_it_is_complete() -> None:
    policy = Policy(hold=60 * S)
    state, fired = step(policy, State(), Evaluation(5 * S, True, session=1, close=600 * S))
    assert fired == []
    assert settle(policy, state, 64 * S)[1] == []
    assert settle(policy, state, 65 * S)[1] == [Fired(65 * S, 1, False)]
    late, fired = step(policy, state, Evaluation(90 * S, False, session=1, close=600 * S))
    assert fired == [Fired(65 * S, 1, False)], "it had held when the next evaluation came"
    assert late.phase is Phase.IDLE
    _, fired = step(policy, state, Evaluation(65 * S, False, session=1, close=600 * S))
    assert fired == [], "at that very moment the evaluation decides"
    _, fired = step(policy, state, Evaluation(900 * S, True, session=2, close=1200 * S))
    assert fired == [Fired(65 * S, 1, False)]
    short = dataclasses.replace(state, close=30 * S)
    again, fired = step(policy, short, Evaluation(900 * S, True, session=2, close=1200 * S))
    assert (fired, again.phase, again.since) == ([], Phase.PENDING, 900 * S), "a hold ends with its session"


def test_outside_of_its_session_a_rule_is_not_evaluated() -> None:
    policy = Policy(begin=570, end=660)
    state, found = State(), []
    for minute, truth in [(560, False), (569, True), (570, True), (660, False), (661, True), (600, True)]:
        state, fired = step(policy, state, Evaluation(minute, truth, minute=minute, bar=minute))
        found += [one.time for one in fired]
    assert found == [570, 600], "both ends count; what was before is the last evaluation inside"


def test_it_expires() -> None:
    state, fired = step(Policy(expires=10), State(), Evaluation(10, True))
    assert (fired, state.phase) == ([], Phase.EXPIRED)
    pending, _ = step(Policy(expires=100, hold=50), State(), Evaluation(0, True))
    assert step(Policy(expires=100, hold=50), pending, Evaluation(200, True))[1] == [Fired(50, 1, False)]
    pending, _ = step(Policy(expires=40, hold=50), State(), Evaluation(0, True))
    assert step(Policy(expires=40, hold=50), pending, Evaluation(200, True))[1] == []


POLICIES = st.builds(
    Policy,
    fire=st.sampled_from(FirePolicy),
    hold=st.sampled_from([0, 0, 1, 3, 7]),
    rearm=st.sampled_from(RearmKind),
    after=st.sampled_from([1, 4]),
    cooldown=st.sampled_from([0, 0, 3, 10]),
    begin=st.sampled_from([-1, -1, 2]),
    end=st.just(6),
    expires=st.sampled_from([k.FAR, k.FAR, 25]),
    stale=st.sampled_from(Stale),
    is_intraday=st.booleans(),
)
TRUTH = st.sampled_from([True, True, False, False, None])
STEPS = st.lists(
    st.tuples(st.integers(0, 4), TRUTH, st.sampled_from([True, True, True, False, None]), TRUTH), max_size=40
)


def _evaluations(steps: list[tuple[int, Any, Any, Any]]) -> list[Evaluation]:
    found, now = [], 0
    for passed, truth, gate, rearm in steps:
        now += passed
        session = now // 12 * 12
        found.append(Evaluation(now, truth, gate, rearm, now % 12, now, now // 12, session, session + 9))
    return found


def _number(truth: bool | None) -> float:  # noqa: FBT001 — a truth
    return np.nan if truth is None else float(truth)


@settings(max_examples=400, deadline=None)
@given(st.lists(POLICIES, min_size=1, max_size=4), STEPS, st.booleans(), st.integers(1, 7), st.integers(0, 60))
def test_the_kernel_decides_as_the_step_does(
    policies: list[Policy], steps: list[tuple[int, Any, Any, Any]], is_wide: Any, cut: int, after: int
) -> None:
    evaluations = _evaluations(steps)
    expected = []
    for number, policy in enumerate(policies):
        state, mine = State(), []
        for now in evaluations:
            state, fired = step(policy, state, now)
            mine += fired
        end = (evaluations[-1].time if evaluations else 0) + after
        state, fired = settle(policy, state, end)
        expected += [(number, one.time, one.nth, one.is_exit, one.is_suppressed) for one in [*mine, *fired]]
    assert sorted(_by_kernel(policies, evaluations, is_wide, cut, after)) == sorted(expected)


def _by_kernel(
    policies: list[Policy], evaluations: list[Evaluation], is_wide: Any, cut: int, after: int
) -> list[tuple[int, int, int, bool, bool]]:
    table = PredicateTable()
    root, gate, rearm = (table.column(name) for name in ("truth", "gate", "rearm"))
    count = len(policies)
    rules = np.zeros((count, k.NP), np.int64)
    gate_cone, cone = table.cone(gate), table.cone(root, rearm)
    for n, one in enumerate(policies):
        p = rules[n]
        p[: k.P_PAIR] = (
            one.fire, one.hold, one.rearm, one.after, one.cooldown, one.begin, one.end, one.expires, one.stale,
            one.is_intraday,
        )  # fmt: skip
        p[k.P_PAIR] = n
        p[k.P_ROOT], p[k.P_GATE], p[k.P_REARM_SLOT] = root, gate, rearm
        p[k.P_GATE_CONE], p[k.P_GATE_SIZE], p[k.P_CONE], p[k.P_CONE_SIZE] = 0, len(gate_cone), len(gate_cone), len(cone)
        p[k.P_WIDE], p[k.P_WIDE_GATE], p[k.P_WIDE_REARM] = (0, 1, 2) if is_wide else (-1, -1, -1)
    wide = np.arange(count if is_wide else 0)
    lists = RowLists(1)
    for n in range(0 if is_wide else count):
        lists.link(n, np.array([0]), n)
    flags, recs = np.zeros(count, np.uint8), np.full(count, -1, np.int32)
    records, record_f = np.empty((2 * count, k.NQ), np.int64), np.zeros((2 * count, 1))
    batch = table.batch([root, gate, rearm])
    code, constants = table.arrays
    found: list[tuple[int, int, int, bool, bool]] = []
    counts = np.zeros(2, np.int64)
    nothing = np.empty(0, np.int64)
    for begin in range(0, len(evaluations), cut):
        part = evaluations[begin : begin + cut]
        x = np.array([[_number(getattr(one, name)) for one in part] for name in ("truth", "gate", "rearm")])
        columns = [
            np.array([getattr(one, name) for one in part], np.int64)
            for name in ("time", "minute", "date", "session", "close")
        ]
        at = 0
        while at < len(part):
            fi, ff = np.empty((2 * count + 1, k.NF), np.int64), np.empty((2 * count + 1, 1))
            at = k.run(
                rules, wide, lists.head, lists.counts, lists.entries, k.QUIET, code, constants, pk.TENS, x,
                np.concatenate([gate_cone, cone]), batch.code, batch.constants, batch.values, np.empty(len(table)),
                nothing, np.empty(1), np.zeros(len(part), np.int64), *columns, flags, recs, records, record_f, fi, ff,
                at, counts,
            )  # fmt: skip
            found += [(f[0], f[3], f[4], bool(f[5]), bool(f[6])) for f in fi[: counts[1]].tolist()]
            counts[1] = 0
    fi, ff = np.empty((count, k.NF), np.int64), np.empty((count, 1))
    end = (evaluations[-1].time if evaluations else 0) + after
    size = k.settle_due(rules, flags, records, record_f, counts[0], np.array([end]), fi, ff)
    return found + [(f[0], f[3], f[4], bool(f[5]), bool(f[6])) for f in fi[:size].tolist()]


def test_never_is_never() -> None:
    assert NEVER == k.NEVER
