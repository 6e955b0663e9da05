"""Stored bars on their way to who begins: what is read, how it is cut, and what a rule makes of it."""

import json
from typing import Any

import numpy as np
import pytest

from marketbell.adapters.bus.memory import MemoryBus
from marketbell.adapters.calendars.dated.catalogue import CalendarCatalogue
from marketbell.adapters.spill.memory import MemoryFrameQueue
from marketbell.adapters.stores.memory import MemoryStores
from marketbell.core.columns.frame import Columns, Frame, FrameKind, decode
from marketbell.core.engine.past_bars import PAST
from marketbell.core.language.json_form import to_json
from marketbell.core.language.reader import parse_rule, parse_screen
from marketbell.core.market.homes import Homes
from marketbell.core.market.instrument import Instrument
from marketbell.core.market.session import MINUTE
from marketbell.core.primitives.shards import ALL_SHARDS, Shards
from marketbell.core.rules.arming import arm_command
from marketbell.flows.ingest import past as past_module
from marketbell.flows.ingest.log import LOG, LogWriter
from marketbell.flows.ingest.past import PastBarDesk
from marketbell.flows.ingest.relay import CommandRelay
from marketbell.flows.ingest.universe import Directory
from marketbell.flows.stream.own import own_part
from marketbell.ports.stores import EVERYWHERE, StoredRule

CALENDARS = CalendarCatalogue()
TABLE = CALENDARS.sessions("XNSE")
DAY = int(np.searchsorted(TABLE.open, 1_619_581_500_000_000_000))
INSTRUMENTS = [Instrument(f"NSE:S{n:02}", indices=("TEN",) if n < 10 else ()) for n in range(40)]
IDS = [int(one.instrument_id) for one in INSTRUMENTS]
NOW = int(TABLE.open[DAY]) + 100 * MINUTE + 30_000_000_000


def minutes_of(ids: list[int], sessions: int = 3, until: int = NOW) -> Columns:
    """Every minute of so many sessions before and of today."""
    starts = np.concatenate(
        [np.arange(TABLE.open[at], TABLE.close[at], MINUTE) for at in range(DAY - sessions, DAY + 1)]
    )
    starts = starts[starts + MINUTE <= until]
    count = len(starts)
    price = 100.0 + np.arange(count) % 7
    return {
        "instrument_id": np.repeat(np.array(ids), count),
        "start": np.tile(starts, len(ids)),
        **{name: np.tile(price, len(ids)) for name in ("open", "high", "low", "close", "volume", "vwap")},
        "trades": np.ones(count * len(ids), np.int64),
    }


def command(text: str) -> dict[str, Any]:
    return arm_command(parse_rule(text), None, "owner")


class Shop:
    """A relay with its desk over memory stores."""

    def __init__(self, partitions: int = 1) -> None:
        self.stores, self.bus = MemoryStores(), MemoryBus()
        self.stores.instruments.put(INSTRUMENTS)
        self.directory = Directory(partitions, INSTRUMENTS)
        self.open()

    def open(self, *, is_known: bool = False) -> None:
        """As after a start of ingest."""
        partitions = self.directory._partitions
        self.writer = LogWriter(self.bus, MemoryFrameQueue(), partitions=partitions, retention_frames=10_000)
        self.desk = PastBarDesk(self.stores.bars, self.directory, CALENDARS.sessions)
        self.is_stored = True
        self.relay = CommandRelay(
            self.stores.rules, self.stores.screens, self.stores.instruments, self.writer, self.directory, self.desk,
            lambda: self.is_stored,
        )  # fmt: skip
        self.writer.connect()
        self.writer.open()
        if is_known:
            self.relay.trust(self.writer.epoch)

    def arm(self, text: str, uid: str = "u") -> None:
        rule = StoredRule(uid, "owner", "n", text, {})
        self.stores.rules.arm(rule, EVERYWHERE, command(text) | {"rule_uid": uid})

    def frames(self, partition: int = 0) -> list[Frame]:
        return [decode(data) for _, data in self.bus.read(LOG, partition, 0, 10_000, 0.0)]

    def told(self, partition: int = 0) -> list[Frame]:
        return [one for one in self.frames(partition) if one.kind is FrameKind.BAR]

    def settle(self) -> None:
        for _ in range(40):
            self.relay.step(NOW)


def counts(frame: Frame, ident: int) -> dict[int, int]:
    mine = frame.columns["timeframe_s"][frame.columns["instrument_id"] == ident]
    return {int(length): int((mine == length).sum()) for length in np.unique(mine)}


def test_a_rule_gets_the_bars_that_it_needs_behind_its_command() -> None:
    shop = Shop()
    shop.stores.bars.put("1m", minutes_of(IDS[:3]))
    shop.settle()
    shop.arm('alert "a" on $NSE:S01 when sma(volume, 20)@5m > 5 at 5m close')
    shop.settle()
    kinds = [one.kind for one in shop.frames()]
    assert kinds == [FrameKind.COMMAND, FrameKind.BAR]
    (frame,) = shop.told()
    payload = json.loads(frame.payload)
    assert payload["role"] == PAST
    assert payload["timeframes"] == ["5m"]
    assert payload["holes"] == []
    assert payload["until"] == NOW // MINUTE * MINUTE
    assert set(frame.columns["instrument_id"].tolist()) == {IDS[1]}
    # twenty bars, and the five minutes of the bar that the newest of them completed
    assert counts(frame, IDS[1]) == {60: 5, 300: 20}
    shop.settle()
    assert len(shop.told()) == 1


def test_what_rests_on_days_or_on_prices_alone_gets_nothing() -> None:
    shop = Shop()
    shop.stores.bars.put("1m", minutes_of(IDS[:3]))
    shop.arm('alert "a" on $NSE:S01 when sma(close, 20)@1d > 5 at 1d close', "a")
    shop.arm('alert "b" on $NSE:S01 when close > 5 and volume > 7 at tick', "b")
    shop.settle()
    assert shop.told() == []
    assert shop.writer.recall("past", 0) in {None, 0}


def test_a_universe_is_told_piece_by_piece_and_by_partition() -> None:
    shop = Shop(partitions=3)
    shop.stores.bars.put("1m", minutes_of(IDS))
    monkey = pytest.MonkeyPatch()
    monkey.setattr(past_module, "PIECE", 8)
    shop.relay.step(NOW)
    shop.arm('alert "a" on ALL when sma(close, 4)@15m > 5 at 15m close')
    shop.relay.step(NOW)
    assert shop.desk.waiting == 4
    assert shop.writer.recall("past", 0) == 1
    shop.settle()
    monkey.undo()
    assert shop.writer.recall("past", 0) == 0
    found: dict[int, int] = {}
    for partition in range(3):
        for frame in shop.told(partition):
            for ident in np.unique(frame.columns["instrument_id"]).tolist():
                assert shop.directory.partition(ident) == partition
                assert ident not in found, "an instrument is told once, whole"
                found[ident] = counts(frame, ident)[900]
    assert found == dict.fromkeys(IDS, 4)


def test_an_ingest_that_died_in_the_middle_owes_it_again() -> None:
    shop = Shop()
    shop.stores.bars.put("1m", minutes_of(IDS[:3]))
    shop.settle()
    shop.is_stored = False
    shop.arm('alert "a" on $NSE:S01 when sma(volume, 20)@5m > 5 at 5m close')
    shop.settle()
    assert shop.told() == [], "what the source tells of the past is not in the store yet"
    shop.open(is_known=True)
    shop.settle()
    assert len(shop.told()) == 1
    shop.open(is_known=True)
    shop.settle()
    assert len(shop.told()) == 1
    shop.open()  # a lost log: everything that stands is armed again, with its past
    shop.settle()
    assert len(shop.told()) == 2


def test_a_log_that_is_lost_while_a_piece_goes_out_is_owed_everything_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that writes ticks notices the loss and begins anew, in the middle of the relay's own step."""
    shop = Shop()
    shop.stores.bars.put("1m", minutes_of(IDS[:3]))
    shop.settle()
    shop.arm('alert "a" on $NSE:S01 when sma(volume, 20)@5m > 5 at 5m close')
    publish, lost = shop.writer.publish, []

    def and_is_lost(entries: list[Any]) -> None:
        publish(entries)
        if shop.desk.waiting and not lost:
            lost.append(True)
            shop.relay.prepare("another epoch", NOW)

    monkeypatch.setattr(shop.writer, "publish", and_is_lost)
    shop.settle()
    assert lost
    assert len(shop.told()) == 2
    assert shop.writer.recall("past", 0) == 0


def test_one_message_for_rules_that_need_the_same() -> None:
    shop = Shop()
    shop.stores.bars.put("1m", minutes_of(IDS[:12]))
    for uid, bars in (("a", 3), ("b", 7)):
        shop.arm(f'alert "{uid}" on TEN when sma(close, {bars})@5m > 5 at 5m close', uid)
    shop.arm('alert "c" on $NSE:S11 when sma(close, 2)@5m > 5 at 5m close', "c")
    shop.settle()
    told = shop.told()
    assert [len(np.unique(one.columns["instrument_id"])) for one in told] == [10, 1]
    assert counts(told[0], IDS[0])[300] == 7
    assert len(json.loads(told[0].payload)["series"]) >= 2


def test_other_instruments_and_screens_are_thought_of() -> None:
    shop = Shop()
    shop.stores.bars.put("1m", minutes_of(IDS[:12]))
    shop.settle()
    shop.arm('alert "a" on $NSE:S01 when sma($NSE:S02.close / $NSE:S03.close, 4)@5m > 1 at 5m close')
    shop.settle()
    (frame,) = shop.told()
    assert set(frame.columns["instrument_id"].tolist()) == set(IDS[1:4])
    screen = {"type": "screen", "screen_id": "s", "definition": to_json(parse_screen("rsi(close, 3)@15m < 30"))}
    shop.desk.want([screen, {"type": "screen", "screen_id": "t", "definition": {}}, {"type": "run"}], NOW)
    assert shop.desk.waiting == 1


def test_where_nobody_traded_nobody_was_there() -> None:
    shop = Shop()
    everything = minutes_of(IDS[:20])
    low, high = int(TABLE.open[DAY - 1]) + 60 * MINUTE, int(TABLE.open[DAY - 1]) + 90 * MINUTE
    there = (everything["start"] < low) | (everything["start"] >= high)
    shop.stores.bars.put("1m", {name: column[there] for name, column in everything.items()})
    shop.arm('alert "a" on $NSE:S01 when sma(close, 90)@5m > 5 at 5m close')
    shop.settle()
    assert json.loads(shop.told()[0].payload)["holes"] == [[low, high]]
    quiet = Shop()  # the same of one instrument alone is quiet: others traded
    mine = there | (everything["instrument_id"] != IDS[1])
    quiet.stores.bars.put("1m", {name: column[mine] for name, column in everything.items()})
    quiet.arm('alert "a" on $NSE:S01 when sma(close, 90)@5m > 5 at 5m close')
    quiet.settle()
    assert json.loads(quiet.told()[0].payload)["holes"] == []


def test_what_is_read_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(past_module, "MOST_ROWS", 40 * 300)
    shop = Shop()
    shop.desk.want([command('alert "a" on ALL when sma(close, 4000)@15m > 5 at 15m close')], NOW)
    assert {piece.minutes for piece in shop.desk._pieces} == {300}
    shop.desk.clear()
    shop.desk.want([command('alert "a" on $NSE:S01 when sma(close, 4000)@1h > 5 at 1h close')], NOW)
    assert {piece.minutes for piece in shop.desk._pieces} == {min(past_module.MOST_MINUTES, 12_000)}


def test_shards_take_what_is_theirs_of_a_message() -> None:
    shop = Shop()
    shop.stores.bars.put("1m", minutes_of(IDS[:12]))
    shop.settle()
    shop.arm('alert "a" on TEN when sma(close, 3)@5m > 5 at 5m close')
    shop.settle()
    (frame,) = shop.told()
    homes = Homes(ALL_SHARDS)
    homes.learn(INSTRUMENTS)
    halves = [Shards(0, 31), Shards(32, 63)]
    parts = [own_part(frame, homes, half, None, lambda _: False) for half in halves]
    assert [part.payload for part in parts if part is not None] == [frame.payload] * 2
    assert sum(part.count for part in parts if part is not None) == frame.count
    for part, half in zip(parts, halves, strict=True):
        assert part is not None
        assert all(homes.inside(np.asarray(part.columns["instrument_id"], np.int64), half))
