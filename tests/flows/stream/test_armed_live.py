"""A rule armed while ticks flow: the store's minutes come over the log, and it fires as if it had always been there."""

from typing import Any

import pytest

from marketbell.core.language.reader import parse_rule
from marketbell.core.rules.arming import arm_command
from marketbell.ports.stores import EVERYWHERE, StoredRule

TEXTS = {
    "mean": 'alert "mean" on ALL when close@5m > sma(close, 22)@5m at 5m close fire every time',
    "volume": 'alert "volume" on ALL when volume@5m > 0.95 * sma(volume, 20)@5m at 5m close fire every time',
    "ratio": 'alert "ratio" on $NSE:S0 when zscore($NSE:S0.close / $NSE:S1.close, 20)@5m > 0 at 5m close'
    " fire every time",
}
MINUTES = 60


def world_of(kit: Any, arm_at: int, restarts: tuple[int, ...] = ()) -> Any:
    """Two instruments for 150 minutes; rules armed after `arm_at` minutes, processes killed after some."""
    world = kit.World(
        feed_maker=lambda: kit.ScriptedFeed(rows=9_000, symbols=2, per_s=1, seed=9), speed=600.0, checkpoint_every_s=1.0
    )
    is_armed = False
    killed: set[int] = set()
    for _ in range(400):
        minute = (world.ingest.runner.source_clock - kit.OPEN) // (MINUTES * kit.NS)
        if not is_armed and minute >= arm_at:
            for uid, text in TEXTS.items():
                command = arm_command(parse_rule(text), None, "owner") | {"rule_uid": uid}
                world.stores.rules.arm(StoredRule(uid, "owner", uid, text, {}), EVERYWHERE, command)
            is_armed = True
        for at in restarts:
            if minute >= at and at not in killed:
                killed.add(at)
                if at % 2:
                    world.start_stream()
                else:
                    world.start_ingest()
        world.clock.move(0.1)
        world.ingest.turn()
        world.stream.turn()
        if world.ingest.runner.state == "ended":
            break
    world.settle()
    return world


def fired(world: Any, since: int) -> set[tuple[str, str, int]]:
    found = [firing for firing, _ in world.stores.ledger.firings("owner", 100_000)]
    return {(one.rule, one.firing_id, one.event_time) for one in found if one.event_time >= since}


@pytest.fixture(scope="module")
def wanted(kit: Any) -> set[tuple[str, str, int]]:
    """What fires where the rules were there from the beginning."""
    return fired(world_of(kit, 0), kit.OPEN + 126 * MINUTES * kit.NS)


@pytest.mark.parametrize("restarts", [(), (3, 121, 122, 130)])
def test_armed_in_the_middle_fires_as_armed_at_the_beginning(
    kit: Any, wanted: set[tuple[str, str, int]], restarts: tuple[int, ...]
) -> None:
    late = world_of(kit, 120, restarts)
    assert {name for name, _, _ in wanted} == set(TEXTS)
    assert fired(late, kit.OPEN + 126 * MINUTES * kit.NS) == wanted
