"""Rules edited, disabled and armed again, instruments that trade no more, all while they fire: the matrix's row 14.

What comes out must belong to what was armed at that moment, never to an earlier wording; and it may not depend on
where an engine was stopped and restored.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from report import Tally
from tests.core.rules import market as m

from marketbell.core.columns.frame import FrameKind
from marketbell.core.engine.engine import Engine, EngineConfig
from marketbell.core.engine.outputs import Outputs, RuleFiring
from marketbell.core.rules.arming import disarm_command
from marketbell.core.rules.book import RuleBook
from marketbell.core.rules.firing import firing_id

pytestmark = pytest.mark.faults

SHORT, FULL = 12, 1_000
TEXTS = (
    'alert "tick" on ALL when close > {level} at tick cooldown 1m',
    'alert "bar" on ALL when close > {level} at 1m close',
    'alert "hold" on $NSE:A, $NSE:C when close > {level} at tick hold 20s',
    'alert "once" on $NSE:A when close crosses above {level} at tick fire once',
    'alert "again" on $NSE:B when close > {level} at 1m close rearm after 3m',
)
ONCE = 3
LEVELS = (99.0, 99.6, 100.2, 100.8, 101.4)

ACTION = st.one_of(
    st.tuples(st.just("arm"), st.integers(0, len(TEXTS) - 1), st.integers(0, len(LEVELS) - 1)),
    st.tuples(st.just("disarm"), st.integers(0, len(TEXTS) - 1), st.just(0)),
    st.tuples(st.just("delist"), st.integers(0, 2), st.just(0)),
    st.tuples(st.just("restore"), st.just(0), st.just(0)),
    st.tuples(st.just("trade"), st.integers(1, 60), st.integers(0, 2**32 - 1)),
    st.tuples(st.just("trade"), st.integers(1, 60), st.integers(0, 2**32 - 1)),
    st.tuples(st.just("trade"), st.integers(1, 60), st.integers(0, 2**32 - 1)),
)
Action = tuple[str, int, int]


@dataclass
class Desk:
    """An engine and what is armed in it, action by action."""

    restores: bool
    engine: Engine = field(default_factory=m.new)
    versions: dict[int, int] = field(default_factory=dict)
    armed: dict[str, int] = field(default_factory=dict)
    """By rule: the version that is armed now."""
    gone: set[int] = field(default_factory=set)
    second: float = 0.0
    ticks: int = 0
    fired: list[RuleFiring] = field(default_factory=list)
    once: Counter[tuple[int, int]] = field(default_factory=Counter)

    def act(self, action: Action) -> None:
        what, number, more = action
        if what == "arm":
            self.versions[number] = self.versions.get(number, 0) + 1
            (frame,) = m.arm(text_of(number, more), version=self.versions[number])
            self.armed[name_of(number)] = self.versions[number]
            self._take(self.engine.apply([frame]))
        elif what == "disarm" and number in self.versions:
            uid = str(m.command(text_of(number, 0))["rule_uid"])
            self.armed.pop(name_of(number), None)
            command = disarm_command(uid, self.versions[number])
            self._take(self.engine.apply([m.frame(FrameKind.COMMAND, command)]))
        elif what == "delist":
            self.gone.add(number)
        elif what == "restore" and self.restores:
            kept = {name: array.copy() for name, array in self.engine.checkpoint().items()}
            self.engine = Engine.restore(kept, EngineConfig(), m.table, (RuleBook,))
        elif what == "trade":
            self._trade(number, more)

    def _trade(self, count: int, seed: int) -> None:
        chance = np.random.default_rng(seed)
        live = [key for at, key in enumerate(m.KEYS) if at not in self.gone]
        rows = []
        for _ in range(count):
            self.second = min(self.second + float(chance.integers(1, 20)), 7_000.0)
            if live:
                rows.append((live[chance.integers(len(live))], self.second, round(100 + float(chance.normal(0, 1)), 2)))
        if rows:
            columns: Any = m.ticks(rows)
            columns["volume"] = np.arange(self.ticks + 1, self.ticks + 1 + len(rows), dtype=np.float64)
            self.ticks += len(rows)
            self._take(self.engine.apply_trades(columns))
        self._take(self.engine.apply([m.heartbeat(self.second)]))

    def _take(self, out: Outputs) -> None:
        assert not out.rejected_rules, out.rejected_rules
        for one in m.fired(out):
            assert self.armed.get(one.rule) == one.version, f"{one.rule} fired as version {one.version}"
            if one.rule == name_of(ONCE) and not one.suppressed:
                self.once[one.version, one.instrument_id] += 1
                assert self.once[one.version, one.instrument_id] == 1, "fire once fired twice"
            if one.rule == "tick":
                assert m.KEYS.index(one.key) not in self.gone, "an instrument that trades no more cannot tick"
            self.fired.append(one)

    def ids(self) -> list[str]:
        return sorted(
            firing_id(one.rule_uid, one.definition_hash, one.instrument_id, one.event_time, one.nth)
            for one in self.fired
        )


def name_of(number: int) -> str:
    return TEXTS[number].split('"')[1]


def text_of(number: int, level: int) -> str:
    return TEXTS[number].format(level=LEVELS[level])


def test_only_what_is_armed_fires(request: pytest.FixtureRequest, tally: Tally) -> None:
    is_full = request.config.getoption("full", default=False)
    tally.fault = "rules"
    fired = edited = 0

    @settings(max_examples=FULL if is_full else SHORT, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(ACTION, min_size=4, max_size=24))
    def holds(actions: list[Action]) -> None:
        nonlocal fired, edited
        begun = [("arm", number, 2) for number in range(len(TEXTS))]
        twins = Desk(restores=True), Desk(restores=False)
        for desk in twins:
            for action in (*begun, *actions):
                desk.act(action)
        mine, undisturbed = (desk.ids() for desk in twins)
        assert mine == undisturbed
        assert len(mine) == len(set(mine)), "two firings have one id"
        tally.times += 1
        fired += len(mine)
        edited += max(twins[0].versions.values()) - 1

    holds()
    tally.remark = f"{fired:,} firings, {edited:,} edits"
    assert fired
    assert edited
