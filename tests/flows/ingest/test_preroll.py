"""A feed's first part fills charts at full speed; behind it market time keeps its pace."""

from datetime import date
from typing import Any

from marketbell.adapters.feeds.demo.feed import DemoFeed

SECOND = 1_000_000_000


def _make() -> DemoFeed:
    return DemoFeed(date(2026, 11, 20), preroll_minutes=5)


def _turns(world: Any, count: int) -> None:
    for _ in range(count):
        world.ingest.turn()
        world.stream.runner.step(0.0)


def test_the_demo_market_is_full_at_once_and_then_runs_at_its_pace(kit: Any) -> None:
    until = _make().preroll_until
    world = kit.World(feed_maker=_make, speed=1.0)
    _turns(world, 50)  # the clock stands still
    assert world.ingest.runner.source_clock == until
    taken = world.ingest.runner.rows
    assert taken > 10_000
    world.clock.move(2.0)
    _turns(world, 20)
    assert until + SECOND < world.ingest.runner.source_clock <= until + 2 * SECOND
    assert taken < world.ingest.runner.rows < taken + 10_000
    # A new process goes on from there at its pace, without a second pre-roll.
    world.start_ingest()
    world.clock.move(0.5)
    _turns(world, 20)
    again = world.ingest.runner
    assert until + SECOND < again.source_clock < until + 4 * SECOND
    assert again.rows < 5_000
    assert sum(one["gaps"] for one in world.stream.runner.status()["partitions"]) == 0
