"""Thousands of small worlds in which everything breaks at every point: no alert is lost, none is told twice.

The engine's firings, the outbox, planner and deliverer are the real ones over the stores in memory; the clock
is moved by hand, and one seed decides who goes on, who is killed or stands still for longer than its lease, when
the store does what it was asked and its answer is lost, and how the providers answer.
`--seeds N` plays so many; a seed that breaks a law prints its story, `--seed N` plays it alone.
"""

import json
import logging
from collections.abc import Iterator

import numpy as np
import pytest
import structlog
from report import Tally
from simulation.laws import broken, still_dead
from simulation.scheduler import SECOND
from simulation.world import START, World

from marketbell.core.columns.frame import Columns, Frame, FrameKind
from marketbell.core.engine.engine import Engine, EngineConfig
from marketbell.core.market.instrument import Instrument
from marketbell.core.market.session import DAY, SessionTable
from marketbell.flows.stream.records import firing_of
from marketbell.ports.ledger import Firing
from marketbell.ports.stores import LOCAL_OWNER

pytestmark = pytest.mark.faults

SHORT, FULL = 250, 10_000
LOGS = 8
ENTRIES = 20
NOTIFY = (("webhook:h1",), ("webhook:h1", "slack"), ("slack:s1",), ("webhook:h1", "webhook:h2", "nobody"), ())


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Nobody reads what thousands of worlds log."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="module")
def logs() -> list[list[list[Firing]]]:
    """What the real engine derives from a few logs: firings by entry."""
    return [derived(seed) for seed in range(LOGS)]


def derived(seed: int) -> list[list[Firing]]:
    chance = np.random.default_rng(seed)
    instruments = [Instrument("NSE:A", calendar="NONE"), Instrument("NSE:B", calendar="NONE")]
    opens = np.array([START // DAY * DAY], np.int64)
    table = SessionTable("NONE", "UTC", opens, opens + DAY, opens // DAY, np.zeros(1, np.uint8))
    engine = Engine(EngineConfig(), lambda _: table)
    engine.define(instruments)
    ids = np.array([int(one.instrument_id) for one in instruments])
    engine.apply([armed(ids.tolist())])
    found = []
    for entry in range(ENTRIES):
        count = 16
        at = opens[0] + (1 + entry) * 2 * SECOND + np.arange(count) * (SECOND // count)
        which = chance.integers(0, len(ids), count)
        ticks: Columns = {
            "instrument_id": ids[which],
            "event_time": at,
            "ingest_time": at,
            "price": np.round(100 + 0.5 * np.sin(entry) + np.cumsum(chance.normal(0, 0.15, count)), 2),
            "volume": np.arange(count, dtype=np.float64) + entry * count,
        }
        found.append([firing_of(one, "simulation", 0) for one in engine.apply_trades(ticks).fired])
    return found


def armed(ids: list[int]) -> Frame:
    items = [
        {
            "type": "arm_level", "rule_uid": f"{at}-{number}", "version": 1, "rule": "r", "owner_id": LOCAL_OWNER,
            "instrument_id": ident, "field": "close", "direction": ("above", "below")[number % 2],
            "level": float(level), "definition_hash": "00" * 16, "fire": "every time", "expires_at": None,
            "notify": NOTIFY[(number + at) % len(NOTIFY)],
        }
        for at, ident in enumerate(ids)
        for number, level in enumerate((99.7, 100.3))
    ]  # fmt: skip
    payload = json.dumps({"type": "batch", "items": items}).encode()
    return Frame(FrameKind.COMMAND, 0, 0, 0, 0, START, START, 0, {}, payload)


def test_no_seed_loses_or_doubles_anything(
    request: pytest.FixtureRequest, logs: list[list[list[Firing]]], tally: Tally
) -> None:
    tally.fault = "simulation"
    option = request.config.getoption
    count = option("seeds", default=None) or (FULL if option("full", default=False) else SHORT)
    alone = option("seed", default=None)
    kills = freezes = unsure = replayed = 0
    for seed in range(count) if alone is None else (alone,):
        world = World(seed, logs[seed % LOGS])
        world.play()
        said = broken(world)
        if not said and world.replay():
            said = [*broken(world, is_replayed=True), *still_dead(world)]
            replayed += 1
        if said:
            laws = "\n".join(said[:10])
            story = world.scheduler.told(laws)
            pytest.fail(f"seed {seed} breaks laws (--seed {seed} plays it alone):\n{laws}\n\n{story}")
        kills += world.scheduler.kills
        freezes += world.scheduler.freezes
        unsure += len(world.unsure)
        tally.times += 1
    tally.remark = f"{kills:,} kills, {freezes:,} times still for too long, {unsure:,} outcomes unknown"
    if alone is None:
        assert kills > count / 4
        assert freezes > count / 4
        assert unsure > count / 4
        assert replayed > count / 4


def test_a_law_that_is_broken_is_found(logs: list[list[list[Firing]]]) -> None:
    world = World(0, logs[0])
    world.play()
    assert broken(world) == []
    told = next(call for call in world.hook.calls if call.way == "ok")
    world.hook.calls.remove(told)
    assert any("is sent, and was not told" in word for word in broken(world))
