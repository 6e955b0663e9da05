"""What a rule does with the truth of its condition: one rule, one instrument, one evaluation at a time.

This is the meaning of the clauses that act in the engine (hold, fire, rearm, cooldown, session, stale, expires). The
engine keeps the same state for many rules and instruments in arrays (policy_kernel.py) and must decide the same.

Readings, beside definitions.md §4:

* An unknown truth is no evaluation under `stale skip`: what was before stays before. `stale hold` takes the last
  known truth, `stale fire` takes it as true.
* A hold that is complete fires at the moment at which it is complete, whatever shows it: the next evaluation after
  that moment or the market's clock. At that very moment an evaluation decides first. A hold ends with the session.
* A rule that is armed again (`rearm when`, `rearm after`) forgets the truth before: a condition that still holds
  fires.
* Outside of its session, or where its `where` does not hold, a rule is not evaluated, and a hold breaks off.
"""

from dataclasses import dataclass, replace
from enum import IntEnum

NEVER = -(1 << 62)
FOREVER = (1 << 63) - 1


class FirePolicy(IntEnum):
    """When a truth becomes a firing."""

    ONCE = 0
    BAR = 1
    DAY = 2
    SESSION = 3
    EVERY = 4
    ENTER = 5
    EXIT = 6
    CHANGE = 7


class RearmKind(IntEnum):
    """What makes a rule that fired ready to fire again."""

    FALSE = 0
    WHEN = 1
    AFTER = 2
    NEVER = 3


class Stale(IntEnum):
    """What an unknown truth counts for."""

    SKIP = 0
    HOLD = 1
    FIRE = 2


class Phase(IntEnum):
    """Where a rule stands on one instrument."""

    IDLE = 0
    PENDING = 1
    FIRING = 2
    RECOVERING = 3
    DONE = 4
    EXPIRED = 5


@dataclass(frozen=True, slots=True)
class Policy:
    """The clauses. Times in ns; `begin` and `end` are minutes of the local day, both of them inside; -1: no session."""

    fire: FirePolicy = FirePolicy.BAR
    hold: int = 0
    rearm: RearmKind = RearmKind.FALSE
    after: int = 0
    cooldown: int = 0
    begin: int = -1
    end: int = -1
    expires: int = FOREVER
    stale: Stale = Stale.SKIP
    is_intraday: bool = True


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One evaluation. None is unknown. `bar`, `date` and `session` say what firings per bar, day, session share.

    `close` is when the session ends (ns), `minute` the minute of the local day.
    """

    time: int
    truth: bool | None
    gate: bool | None = True
    rearm: bool | None = None
    minute: int = 0
    bar: int = 0
    date: int = 0
    session: int = 0
    close: int = FOREVER


@dataclass(frozen=True, slots=True)
class State:
    """What is remembered. `truth` is the last known one, None before there was any."""

    truth: bool | None = None
    phase: Phase = Phase.IDLE
    since: int = NEVER
    target: bool = True
    session: int = NEVER
    close: int = FOREVER
    date: int = 0
    fired: int = NEVER
    key: int = NEVER
    last: int = NEVER
    nth: int = 0


@dataclass(frozen=True, slots=True)
class Fired:
    """A firing, or one that the cooldown suppressed: recorded, not told."""

    time: int
    nth: int
    is_exit: bool
    is_suppressed: bool = False


def step(policy: Policy, state: State, now: Evaluation) -> tuple[State, list[Fired]]:
    """Evaluate once: the new state, and what fired (a hold that was complete before may come first)."""
    state, fired = settle(policy, state, now.time - 1)
    if state.phase in {Phase.DONE, Phase.EXPIRED}:
        return state, fired
    if now.time >= policy.expires:
        return replace(state, phase=Phase.EXPIRED), fired
    if state.phase is Phase.PENDING and policy.is_intraday and now.session != state.session:
        state = _broken(state)
    is_inside = policy.begin < 0 or policy.begin <= now.minute <= policy.end
    if not is_inside or not now.gate:
        return _broken(state) if state.phase is Phase.PENDING else state, fired
    truth = now.truth
    if truth is None:
        if policy.stale is Stale.SKIP:
            return _broken(state) if state.phase is Phase.PENDING else state, fired
        truth = True if policy.stale is Stale.FIRE else state.truth
        if truth is None:
            return state, fired
    state = _rearmed(policy, state, now, truth=truth)
    state, more = _decided(policy, state, now, truth=truth)
    if state.phase is Phase.FIRING and not truth and policy.rearm is not RearmKind.FALSE:
        state = replace(state, phase=Phase.RECOVERING)
    return replace(state, truth=truth), [*fired, *more]


def settle(policy: Policy, state: State, time: int) -> tuple[State, list[Fired]]:
    """The market's clock has reached `time` and every evaluation up to it is done: complete a hold that is over."""
    if state.phase is not Phase.PENDING:
        return state, []
    due = state.since + policy.hold
    if policy.is_intraday and due > state.close:
        return (_broken(state) if time > state.close else state), []
    if due > time or due >= policy.expires:
        return state, []
    key = {FirePolicy.DAY: state.date, FirePolicy.SESSION: state.session, FirePolicy.BAR: due}.get(policy.fire, NEVER)
    return _fire(policy, state, due, key, is_exit=not state.target)


def _broken(state: State) -> State:
    """The hold was broken off: what was true before does not count any more."""
    return replace(state, phase=Phase.IDLE, truth=None)


def _rearmed(policy: Policy, state: State, now: Evaluation, *, truth: bool) -> State:
    if state.phase not in {Phase.FIRING, Phase.RECOVERING}:
        return state
    if policy.rearm is RearmKind.FALSE:
        return state if truth else replace(state, phase=Phase.IDLE)
    is_due = now.rearm is True if policy.rearm is RearmKind.WHEN else now.time - state.fired >= policy.after
    return replace(state, phase=Phase.IDLE, truth=False) if is_due else state


def _decided(policy: Policy, state: State, now: Evaluation, *, truth: bool) -> tuple[State, list[Fired]]:
    before, fire = state.truth, policy.fire
    key = {FirePolicy.DAY: now.date, FirePolicy.SESSION: now.session, FirePolicy.BAR: now.bar}.get(fire, NEVER)
    if state.phase is Phase.PENDING:
        if truth is not state.target:
            state = replace(state, phase=Phase.IDLE)
        elif now.time >= state.since + policy.hold:
            return _fire(policy, state, now.time, key, is_exit=not truth)
        else:
            return state, []
    wants = {
        FirePolicy.EVERY: truth,
        FirePolicy.ENTER: truth and before is False,
        FirePolicy.EXIT: not truth and before is True,
        FirePolicy.CHANGE: before is not None and truth is not before,
    }.get(fire, truth and before is not True)
    is_free = policy.rearm is RearmKind.FALSE and fire >= FirePolicy.EVERY
    if not wants or not (state.phase is Phase.IDLE or is_free):
        return state, []
    if policy.hold and not (fire is FirePolicy.EVERY and state.phase is Phase.FIRING):
        pending = replace(
            state,
            phase=Phase.PENDING,
            since=now.time,
            target=truth,
            session=now.session,
            close=now.close,
            date=now.date,
        )
        return pending, []
    return _fire(policy, state, now.time, key, is_exit=not truth)


def _fire(policy: Policy, state: State, time: int, key: int, *, is_exit: bool) -> tuple[State, list[Fired]]:
    phase = Phase.DONE if policy.fire is FirePolicy.ONCE or policy.rearm is RearmKind.NEVER else Phase.FIRING
    if key != NEVER and key == state.key:
        return replace(state, phase=Phase.FIRING), []
    nth = state.nth + 1 if state.last == time else 1
    state = replace(state, last=time, nth=nth)
    if state.fired != NEVER and time - state.fired < policy.cooldown:
        return replace(state, phase=Phase.FIRING), [Fired(time, nth, is_exit, is_suppressed=True)]
    return replace(state, phase=phase, fired=time, key=key), [Fired(time, nth, is_exit)]
