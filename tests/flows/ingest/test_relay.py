"""Rule commands on their way to the log: each to the partition of its instrument, those about many to every one."""

import json

from marketbell.adapters.bus.memory import MemoryBus
from marketbell.adapters.spill.memory import MemoryFrameQueue
from marketbell.adapters.stores.memory import MemoryStores
from marketbell.core.columns.frame import FrameKind, decode
from marketbell.core.market.instrument import Instrument
from marketbell.flows.ingest.log import LOG, LogWriter
from marketbell.flows.ingest.relay import CommandRelay
from marketbell.flows.ingest.universe import Directory
from marketbell.ports.stores import EVERYWHERE, SavedScreen, StoredRule, screen_command

PARTITIONS = 3
INSTRUMENTS = [Instrument(f"NSE:{letter}") for letter in "ABCDEF"]


def test_commands_find_their_partitions_also_after_a_lost_log() -> None:
    stores, bus = MemoryStores(), MemoryBus()
    stores.instruments.put(INSTRUMENTS)
    directory = Directory(PARTITIONS)
    writer = LogWriter(bus, MemoryFrameQueue(), partitions=PARTITIONS, retention_frames=1_000)
    relay = CommandRelay(stores.rules, stores.screens, stores.instruments, writer, directory)
    writer.connect()
    writer.open()
    relay.trust(writer.epoch)

    home = int(INSTRUMENTS[0].instrument_id)
    stores.rules.arm(StoredRule("one", "owner", "n", "t", {}), home, {"type": "arm_level"})
    stores.rules.arm(StoredRule("many", "owner", "n", "t", {}), EVERYWHERE, {"type": "arm_rule"})
    assert relay.step(7) == 2

    def told(partition: int, after: int = 0) -> list[tuple[str, int]]:
        frames = [decode(data) for _, data in bus.read(LOG, partition, after, 100, 0.0)]
        assert all(frame.kind is FrameKind.COMMAND and frame.event_max == 7 for frame in frames)
        return [(json.loads(frame.payload)["rule_uid"], json.loads(frame.payload)["version"]) for frame in frames]

    mine = directory.partition(home)
    for partition in range(PARTITIONS):
        assert told(partition) == [*([("one", 1)] if partition == mine else []), ("many", 1)]
    assert relay.step(7) == 0

    screen = SavedScreen("s", "owner", "n", "t", {"when": 1})
    stores.screens.put(screen)
    assert relay.step(7) == 1
    for partition in range(PARTITIONS):
        (_, last) = bus.read(LOG, partition, 0, 100, 0.0)[-1]
        assert json.loads(decode(last).payload) == screen_command(screen)
    stores.screens.delete("owner", "s")
    stores.screens.put(screen)

    entries = relay.armed_entries(7)
    assert sorted(partition for partition, _ in entries) == sorted([0, 1, 2, 0, 1, 2, mine])
