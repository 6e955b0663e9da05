"""What waits for the database is counted whole, so that a stop leaves nothing behind."""

from marketbell.adapters.stores.memory import MemoryStores
from marketbell.flows.stream.durable import BarLane


def test_a_snapshot_that_waits_is_work_that_waits() -> None:
    stores = MemoryStores()
    lane = BarLane(stores.bars, stores.snapshots, stores.quality)
    lane.snapshot("2021-04-28", {7: {"close": 1.0}}, 1)
    lane.snapshot("2021-04-28", {7: {"close": 2.0}}, 2)
    lane.quality("2021-04-28", {7: {"late": 3}})
    assert lane.depth == 2
    while lane.step():
        pass
    assert lane.depth == 0
    assert stores.snapshots.latest()[7]["close"] == 2.0
    assert stores.quality.get("2021-04-28") == {7: {"late": 3}}
