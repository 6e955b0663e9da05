"""A small world for flows: memory adapters, a clock moved by hand, and a market of a few instruments."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from marketbell.adapters.bus.memory import MemoryBus
from marketbell.adapters.cache.memory import MemoryCache
from marketbell.adapters.calendars.dated.catalogue import CalendarCatalogue
from marketbell.adapters.checkpoints.memory import MemoryCheckpoints
from marketbell.adapters.clock.manual import ManualClock
from marketbell.adapters.leases.memory import MemoryLeases
from marketbell.adapters.recordings.memory import MemoryRecordings
from marketbell.adapters.spill.memory import MemoryFrameQueue
from marketbell.adapters.stores.memory import MemoryStores
from marketbell.core.columns.frame import Columns, Frame, FrameKind
from marketbell.core.engine.engine import Engine, EngineConfig
from marketbell.core.market.instrument import Instrument
from marketbell.core.primitives.errors import StoreUnavailableError
from marketbell.core.primitives.shards import ALL_SHARDS, Shards
from marketbell.core.rules.firing import firing_id
from marketbell.flows.ingest.desk import IngestDesk, IngestPorts
from marketbell.flows.stream.desk import StreamDesk, StreamPorts
from marketbell.ports.feeds import Batch, FeedCard
from marketbell.ports.stores import StoredRule

NS = 1_000_000_000
OPEN = 1_619_581_500 * NS  # 2021-04-28 09:15 in India
CALENDARS = CalendarCatalogue()


class ScriptedFeed:
    """Ticks of a seeded walk, `per_s` of them a second, each position one row."""

    def __init__(self, rows: int = 2_000, symbols: int = 5, per_s: int = 5, seed: int = 1) -> None:
        rng = np.random.default_rng(seed)
        self.card = FeedCard("scripted", "Scripted", "replay", True, ("trades",), "none", "here")
        self.producer = f"scripted:{seed}"
        self._instruments = [
            Instrument(f"NSE:S{n}", sector="IT" if n % 2 else "Energy", source="scripted") for n in range(symbols)
        ]
        ids = np.array([int(one.instrument_id) for one in self._instruments])
        at = rng.integers(0, symbols, rows)
        time = OPEN + np.arange(rows, dtype=np.int64) // per_s * NS
        price = np.empty(rows)
        cumulative = np.empty(rows)
        for n in range(symbols):
            mine = np.flatnonzero(at == n)
            price[mine] = np.round(100 + np.cumsum(rng.normal(0, 0.3, len(mine))), 2)
            cumulative[mine] = np.cumsum(rng.integers(1, 100, len(mine)))
        self.columns: Columns = {
            "instrument_id": ids[at],
            "event_time": time,
            "ingest_time": time.copy(),
            "price": price,
            "volume": cumulative,
            "flags": np.full(rows, 2, np.uint16),
        }
        self.rows = rows
        self._at = 0

    def instruments(self) -> Sequence[Instrument]:
        return self._instruments

    def reference(self) -> Sequence[Batch]:
        count = len(self._instruments)
        rows: Columns = {
            "instrument_id": np.array([int(one.instrument_id) for one in self._instruments]),
            "timeframe_s": np.full(count, 86_400, np.int32),
            "start": np.full(count, OPEN - 86_400 * NS),
            **{name: np.full(count, 100.0) for name in ("open", "high", "low", "close", "volume")},
        }
        facts = [
            {"instrument_id": int(one.instrument_id), "values": {"fund.pe": 12.5}, "published_at": OPEN - 1}
            for one in self._instruments
        ]
        return [
            Batch(FrameKind.BAR, rows, 0),
            Batch(FrameKind.REFERENCE, {}, 0, {"type": "fundamentals", "items": facts}),
        ]

    @property
    def start_time(self) -> int:
        return OPEN

    @property
    def end_time(self) -> int | None:
        return int(self.columns["event_time"][-1])

    def seek(self, position: int) -> int:
        self._at = position
        return int(self.columns["event_time"][position - 1]) if position else OPEN

    def advance(self, until: int, max_rows: int) -> list[Batch]:
        end = min(int(np.searchsorted(self.columns["event_time"], until, side="right")), self._at + max_rows)
        if end <= self._at:
            return []
        begin, self._at = self._at, end
        return [Batch(FrameKind.TRADE, {name: column[begin:end] for name, column in self.columns.items()}, end)]

    def next_time(self) -> int | None:
        return int(self.columns["event_time"][self._at]) if self._at < self.rows else None


class Failing:
    """Stands before a store and does not answer while `is_down` says so."""

    def __init__(self, store: Any, is_down: Callable[[], bool]) -> None:
        self._store = store
        self._is_down = is_down

    def __getattr__(self, name: str) -> Any:
        if self._is_down():
            raise StoreUnavailableError
        return getattr(self._store, name)


def level_command(instrument: Instrument, level: float, direction: str = "above", uid: str = "r") -> dict[str, Any]:
    return {
        "type": "arm_level",
        "rule_uid": uid,
        "version": 1,
        "rule": f"rule {uid}",
        "owner_id": "owner",
        "instrument_id": int(instrument.instrument_id),
        "field": "close",
        "direction": direction,
        "level": level,
        "definition_hash": "00" * 16,
        "fire": "every time",
        "expires_at": None,
        "notify": [],
    }


@dataclass
class World:
    """Everything that outlives a process, and the two processes' desks, which may be killed and made again."""

    feed_maker: Callable[[], ScriptedFeed] = ScriptedFeed
    partitions: int = 1
    speed: float | None = None
    loop: bool = False
    hold_frames: int | None = None
    checkpoint_every_s: float = 2.0
    bus: MemoryBus = field(default_factory=MemoryBus)
    cache: MemoryCache = field(default_factory=MemoryCache)
    clock: ManualClock = field(default_factory=lambda: ManualClock(OPEN))
    stores: MemoryStores = field(default_factory=MemoryStores)
    checkpoints: MemoryCheckpoints = field(default_factory=MemoryCheckpoints)
    recordings: MemoryRecordings = field(default_factory=MemoryRecordings)
    leases: MemoryLeases = field(default_factory=MemoryLeases)
    spill: MemoryFrameQueue = field(default_factory=MemoryFrameQueue)
    has_database: bool = True
    has_chain_store: bool = True

    def __post_init__(self) -> None:
        self.start_ingest()
        self.start_stream()

    def _store(self, store: Any) -> Any:
        return Failing(store, lambda: not self.has_database)

    def start_ingest(self) -> None:
        """As after a SIGKILL: nothing of the old process is left but its spill."""
        ports = IngestPorts(
            self.bus,
            self.cache,
            self.clock,
            self.spill,
            self._store(self.stores.rules),
            self._store(self.stores.screens),
            self._store(self.stores.instruments),
            self._store(self.stores.fundamentals),
            self._store(self.stores.bars),
            CALENDARS.sessions,
            Failing(self.stores.chains, lambda: not self.has_chain_store),
        )
        self.ingest = IngestDesk(
            ports,
            self.feed_maker(),
            partitions=self.partitions,
            retention_frames=100_000,
            speed=self.speed,
            loop=self.loop,
            hold_frames=self.hold_frames,
        )

    def start_stream(self) -> None:
        """As after a SIGKILL: its session at the database ends with it."""
        self.leases.holders.clear()
        self.stream = self.make_stream()

    def make_stream(self, shards: Shards = ALL_SHARDS) -> StreamDesk:
        ports = StreamPorts(
            bus=self.bus,
            cache=self.cache,
            clock=self.clock,
            leases=self.leases,
            checkpoints=self.checkpoints,
            recordings=self.recordings,
            ledger=self._store(self.stores.ledger),
            rules=self._store(self.stores.rules),
            bars=self._store(self.stores.bars),
            snapshots=self._store(self.stores.snapshots),
            quality=self._store(self.stores.quality),
            screens=self._store(self.stores.screens),
            sessions=CALENDARS.sessions,
            chains=Failing(self.stores.chains, lambda: not self.has_chain_store),
        )
        return StreamDesk(
            ports,
            config=EngineConfig(),
            shards=shards,
            partitions=self.partitions,
            checkpoint_every_s=self.checkpoint_every_s,
        )

    def settle(self, turns: int = 2_000) -> None:
        """Let both processes work until the source has ended and nothing waits."""
        calm = 0
        for _ in range(turns):
            self.clock.move(0.3)
            self.ingest.turn()
            self.stream.turn()
            lanes = (self.stream.ledger_lane.depth, self.stream.bar_lane.depth, len(self.spill))
            if self.has_chain_store and self.stream.chain_lane is not None:
                lanes += (self.stream.chain_lane.depth,)
            is_calm = self.ingest.runner.state == "ended" and not any(lanes) and self.stream.runner.is_ready
            calm = calm + 1 if is_calm else 0
            if calm == 12:  # heartbeats go on for ever: that much market time without work is the end
                return
        message = f"not settled: {self.ingest.runner.document()} {self.stream.runner.status()}"
        raise AssertionError(message)

    def arm(self, commands: Sequence[Mapping[str, Any]]) -> None:
        for command in commands:
            rule = StoredRule(command["rule_uid"], "owner", command["rule"], str(command["level"]), {})
            self.stores.rules.arm(rule, command["instrument_id"], command)

    def firings(self) -> list[str]:
        return sorted(firing.firing_id for firing, _ in self.stores.ledger.firings("owner", 100_000))

    def bars(self, timeframe: str = "1m") -> dict[str, Columns]:
        return {
            one.key: self.stores.bars.between(int(one.instrument_id), timeframe, OPEN, 1 << 62)
            for one in self.feed_maker().instruments()
        }

    def rows(self) -> dict[str, tuple[Any, ...]]:
        """Close and the day's figures by instrument, from the living engines."""
        found = {}
        for partition in self.stream.partitions:
            columns = partition.engine.columns()
            names = ("close", "day.open", "day.high", "day.low", "day.volume", "day.trades", "vwap", "event_time")
            for row, key in enumerate(partition.engine.keys()):
                found[key] = tuple(columns[name][row].item() for name in names)
        return found


@dataclass
class Oracle:
    """What an undisturbed engine makes of the same source."""

    firings: list[str]
    bars: dict[str, dict[str, Columns]]
    rows: dict[str, tuple[Any, ...]]
    counters: dict[str, int]
    quality: dict[str, dict[str, int]]


def undisturbed(feed: ScriptedFeed, commands: Sequence[Mapping[str, Any]] = ()) -> Oracle:
    import orjson

    engine = Engine(EngineConfig(), CALENDARS.sessions)
    engine.define(list(feed.instruments()))
    for batch in feed.reference():
        payload = orjson.dumps(batch.payload)
        count = len(batch.columns.get("start", ()))
        engine.apply([Frame(batch.kind, 0, 0, 0, 0, 0, 0, count, batch.columns, payload)])
    engine.apply([Frame(FrameKind.COMMAND, 0, 0, 0, 0, 0, 0, 0, {}, orjson.dumps(one)) for one in commands])
    outputs = [engine.apply_trades(feed.columns), engine.finish()]
    fired = [one for output in outputs for one in output.fired]
    bars: dict[str, dict[str, Columns]] = {}
    for timeframe in ("1m", "1d"):
        parts = [getattr(output, f"bars_{timeframe}") for output in outputs]
        whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        bars[timeframe] = {}
        for one in feed.instruments():
            mine = np.flatnonzero(whole["instrument_id"] == int(one.instrument_id))
            bars[timeframe][one.key] = {name: column[mine] for name, column in whole.items()}
    columns = engine.columns()
    names = ("close", "day.open", "day.high", "day.low", "day.volume", "day.trades", "vwap", "event_time")
    rows = {key: tuple(columns[name][row].item() for name in names) for row, key in enumerate(engine.keys())}
    ids = sorted(
        firing_id(one.rule_uid, one.definition_hash, one.instrument_id, one.event_time, one.nth) for one in fired
    )
    return Oracle(ids, bars, rows, engine.counters(), engine.quality_counts())


def same_bars(mine: dict[str, Columns], theirs: dict[str, Columns]) -> None:
    assert mine.keys() == theirs.keys()
    for key, bars in mine.items():
        for name, column in theirs[key].items():
            np.testing.assert_array_equal(bars[name], column, err_msg=f"{key} {name}")


class Kit:
    """What test modules take from here (they cannot import each other)."""

    World = World
    ScriptedFeed = ScriptedFeed
    undisturbed = staticmethod(undisturbed)
    same_bars = staticmethod(same_bars)
    level_command = staticmethod(level_command)
    OPEN = OPEN
    NS = NS
    CALENDARS = CALENDARS


@pytest.fixture(scope="session")
def kit() -> Kit:
    return Kit()
