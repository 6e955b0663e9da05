"""Levels against one rule and one tick at a time: armed, moved, disarmed, cut and restored at any moment."""

import json
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from marketbell.core.columns.frame import Columns, Frame, FrameKind
from marketbell.core.engine import kernel as k
from marketbell.core.engine import level_lists as lists
from marketbell.core.engine.engine import Engine, EngineConfig
from marketbell.core.engine.levels import FIELDS, LevelBook
from marketbell.core.market.instrument import Instrument
from marketbell.core.market.session import MINUTE, SECOND, SessionTable
from marketbell.core.rules.level import LevelRule, LevelState, step

OPEN = 1_619_581_500 * SECOND
INSTRUMENTS = (Instrument("NSE:A"), Instrument("NSE:B"), Instrument("NSE:C"))
IDS = tuple(int(one.instrument_id) for one in INSTRUMENTS)
POLICIES = ("once", "every time", "once per day", "once per bar")


def sessions(name: str) -> SessionTable:
    opens = np.array([OPEN], np.int64)
    return SessionTable(name, "UTC", opens, opens + 22_500 * SECOND, opens // (86_400 * SECOND), np.zeros(1, np.uint8))


def engine_of(instruments: tuple[Instrument, ...] = INSTRUMENTS) -> Engine:
    engine = Engine(EngineConfig(), sessions)
    engine.define(instruments)
    return engine


def frame(kind: FrameKind, columns: Columns | None = None, payload: Any = None, at: int = OPEN) -> Frame:
    found = columns or {}
    raw = json.dumps(payload).encode() if payload else b""
    return Frame(kind, 0, 1, 0, 0, at, at, len(found.get("instrument_id", ())), found, raw)


def arming(uid: str, level: float, **more: Any) -> dict[str, Any]:
    return {
        "type": "arm_level",
        "rule_uid": uid,
        "version": 1,
        "rule": f"Rule {uid}",
        "owner_id": "owner",
        "instrument_id": IDS[0],
        "field": "close",
        "direction": "above",
        "level": level,
        "definition_hash": "0123456789abcdef" * 2,
        "fire": "once",
        "expires_at": None,
        "notify": ["in_app"],
    } | more


def trade(who: int, time: int, price: float, volume: float) -> Frame:
    return frame(
        FrameKind.TRADE,
        {
            "instrument_id": np.array([IDS[who]], np.int64),
            "event_time": np.array([time], np.int64),
            "ingest_time": np.array([time], np.int64),
            "price": np.array([price]),
            "volume": np.array([volume]),
        },
    )


@dataclass
class Watched:
    """A rule as its words say."""

    command: dict[str, Any]
    state: LevelState = field(default_factory=LevelState)
    key: int = -1
    newest: int = -1
    nth: int = 0
    is_over: bool = False


@dataclass
class Tape:
    """What the fields of one instrument are made of."""

    newest: int = -1
    first: int = 1 << 62
    seen: list[tuple[int, float, float]] = field(default_factory=list)
    values: dict[str, float] = field(default_factory=dict)
    turnover: float = 0.0
    sold: float = 0.0
    opened: float = math.nan


class Oracle:
    """Every rule is asked at every evaluation of its field."""

    def __init__(self) -> None:
        self.watched: dict[str, Watched] = {}
        self.known: dict[str, int] = {}
        self.tapes = {ident: Tape() for ident in IDS}
        self.fired: list[tuple[Any, ...]] = []

    def arm(self, command: dict[str, Any]) -> None:
        uid = command["rule_uid"]
        if command["version"] > self.known.get(uid, -1):
            self.known[uid] = command["version"]
            self.watched.pop(uid, None)
            self.watched[uid] = Watched(command)

    def disarm(self, uid: str, version: int) -> None:
        if version >= self.known.get(uid, -1):
            self.known[uid] = version
            self.watched.pop(uid, None)

    def trade(self, ident: int, time: int, price: float, volume: float) -> None:
        tape = self.tapes[ident]
        if time < tape.newest - 2 * SECOND or (time, price, volume) in tape.seen:
            return
        tape.seen.append((time, price, volume))
        is_ordered = time >= tape.newest
        tape.newest = max(tape.newest, time)
        amount = max(0.0, volume - tape.sold)
        tape.sold = max(tape.sold, volume)
        tape.turnover += price * amount
        if time < tape.first:
            tape.first, tape.opened = time, price
        values = tape.values
        values["day.high"] = max(values.get("day.high", price), price)
        values["day.low"] = min(values.get("day.low", price), price)
        values["day.volume"] = tape.sold
        values["vwap"] = tape.turnover / tape.sold if tape.sold else math.nan
        if is_ordered:
            values["close"] = price
            values["change_pct"] = (price - tape.opened) / tape.opened * 100.0
            self.evaluate(ident, time, set(FIELDS) - {"bid", "ask"})

    def quote(self, ident: int, time: int, bid: float, ask: float) -> None:
        values = self.tapes[ident].values
        values["bid"], values["ask"] = (value if value > 0 else math.nan for value in (bid, ask))
        self.evaluate(ident, time, {"bid", "ask"})

    def evaluate(self, ident: int, time: int, fields: set[str]) -> None:
        for one in self.watched.values():
            command = one.command
            if command["instrument_id"] != ident or command["field"] not in fields or one.is_over:
                continue
            now = self.tapes[ident].values[command["field"]]
            before = one.state.previous
            asked = LevelRule(command["direction"], command["level"], command["expires_at"])
            one.state, crosses = step(asked, LevelState(before), now, time)
            if one.state.has_expired and not math.isnan(now):
                one.state = LevelState(now)
                continue
            one.state = LevelState(now)
            if not crosses:
                continue
            key = {"once per day": 0, "once per bar": (time - OPEN) // MINUTE}.get(command["fire"], -2)
            if key == one.key:
                continue
            one.key = max(key, -1)
            one.is_over = command["fire"] == "once"
            one.nth = one.nth + 1 if one.newest == time else 1
            one.newest = time
            place = (command["rule_uid"], command["version"], ident, command["level"], command["field"])
            self.fired.append((*place, time, before, now, one.nth))


prices = st.integers(96, 104).map(float)


class Levels(RuleBasedStateMachine):
    """Entries gather and are applied at random cuts; the engine is restored from its checkpoint at others."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = engine_of(INSTRUMENTS[:2])
        self.oracle = Oracle()
        self.pending: list[Frame] = []
        self.clock = OPEN + 10 * SECOND
        self.volume = 0.0
        self.last: tuple[int, int, float, float] | None = None
        self.found: list[tuple[Any, ...]] = []
        for who in (0, 1):  # a first tick of the session whose volume is known
            self.pending.append(trade(who, OPEN, 100.0, 0.0))
            self.oracle.trade(IDS[who], OPEN, 100.0, 0.0)

    def command(self, payload: dict[str, Any]) -> None:
        self.pending.append(frame(FrameKind.COMMAND, payload=payload, at=self.clock))

    @rule(
        number=st.integers(0, 7),
        who=st.integers(0, 2),
        name=st.sampled_from([*FIELDS, "close", "close", "close"]),
        direction=st.sampled_from(["above", "below"]),
        price=prices,
        fire=st.sampled_from(POLICIES),
        life=st.sampled_from([None, None, 3, 60]),
        version=st.integers(1, 6),
    )
    def arm(self, number: int, who: int, name: str, price: float, version: int, life: int | None, **more: str) -> None:
        level = {"change_pct": price - 100.0, "day.volume": 10 * (price - 95)}.get(name, price)
        payload = arming(f"rule {number}", level, instrument_id=IDS[who], field=name, version=version, **more)
        payload["expires_at"] = None if life is None else self.clock + life * SECOND
        self.command(payload)
        self.oracle.arm(payload)

    @rule(number=st.integers(0, 7), price=prices, version=st.integers(2, 9))
    def move(self, number: int, price: float, version: int) -> None:
        uid = f"rule {number}"
        self.command({"type": "move_level", "rule_uid": uid, "version": version, "level": price})
        if uid in self.oracle.watched:
            self.oracle.arm(self.oracle.watched[uid].command | {"version": version, "level": price})
        elif uid in self.commands():
            self.oracle.arm(self.commands()[uid] | {"version": version, "level": price})

    def commands(self) -> dict[str, Any]:
        """Every rule that was ever armed, as it was armed last."""
        found: dict[str, Any] = {}
        self.flush()
        book = self.engine.levels
        for slot in range(book.count):
            if book.about[slot, 3]:
                command = book.command(slot)
                found[command["rule_uid"]] = command
        return found

    @rule(number=st.integers(0, 7), version=st.integers(0, 9))
    def disarm(self, number: int, version: int) -> None:
        self.command({"type": "disarm", "rule_uid": f"rule {number}", "version": version})
        self.oracle.disarm(f"rule {number}", version)

    @rule(
        who=st.integers(0, 1),
        ms=st.sampled_from([0, 1, 700, 1_500, 30_000, 60_000]),
        price=prices,
        more=st.integers(0, 9),
    )
    def tick(self, who: int, ms: int, price: float, more: int) -> None:
        self.clock += ms * 1_000_000
        self.volume += more
        self.last = (who, self.clock, price, self.volume)
        self.pending.append(trade(*self.last))
        self.oracle.trade(IDS[who], *self.last[1:])

    @rule()
    def repeat(self) -> None:
        if self.last is not None:
            self.pending.append(trade(*self.last))
            self.oracle.trade(IDS[self.last[0]], *self.last[1:])

    @rule(who=st.integers(0, 1), ms=st.sampled_from([1, 1_999, 2_001]), price=prices)
    def behind(self, who: int, ms: int, price: float) -> None:
        newest = self.oracle.tapes[IDS[who]].newest
        if newest > 0:
            self.volume += 1
            self.pending.append(trade(who, newest - ms * 1_000_000, price, self.volume))
            self.oracle.trade(IDS[who], newest - ms * 1_000_000, price, self.volume)

    @rule(who=st.integers(0, 1), bid=st.sampled_from([0.0, *map(float, range(96, 105))]), ask=prices)
    def quote(self, who: int, bid: float, ask: float) -> None:
        columns: Columns = {
            "instrument_id": np.array([IDS[who]], np.int64),
            "event_time": np.array([self.clock], np.int64),
            "ingest_time": np.array([self.clock], np.int64),
            **{name: np.array([value]) for name, value in {"bid": bid, "ask": ask}.items()},
            **{name: np.ones(1) for name in ("bid_size", "ask_size")},
        }
        self.pending.append(frame(FrameKind.QUOTE, columns))
        self.oracle.quote(IDS[who], self.clock, bid, ask)

    @rule()
    def flush(self) -> None:
        out = self.engine.apply(self.pending)
        self.pending = []
        assert_whole(self.engine.levels)
        self.found += [
            (
                f.rule_uid,
                f.version,
                f.instrument_id,
                f.level,
                f.payload["field"],
                f.event_time,
                f.previous,
                f.value,
                f.nth,
            )
            for f in out.fired
        ]

    @rule()
    def restart(self) -> None:
        self.flush()
        self.engine = Engine.restore(self.engine.checkpoint(), EngineConfig(), sessions)

    @rule()
    def checkpoint(self) -> None:
        self.flush()
        self.engine.checkpoint()

    def teardown(self) -> None:
        self.flush()
        assert self.found == self.oracle.fired


def assert_whole(book: LevelBook) -> None:
    """Every armed level stands once in its list, in order; no two lists share a place."""
    values, slots, heads, block_heads, _, rules = book.tables
    placed: list[int] = []
    taken: set[int] = set()
    for table in (heads, block_heads):
        for start, size, room, _ in table[table[:, lists.H_ROOM] > 0].tolist():
            assert size <= room
            assert taken.isdisjoint(range(start, start + room))
            taken.update(range(start, start + room))
            keys = list(zip(values[start : start + size].tolist(), slots[start : start + size].tolist(), strict=True))
            assert keys == sorted(keys)
            placed += [slot for _, slot in keys]
    armed = np.flatnonzero((rules[: book.count, k.R_STATE] != 0) & (rules[: book.count, k.R_ROW] >= 0))
    assert sorted(placed) == armed.tolist()


TestLevels = Levels.TestCase
TestLevels.settings = settings(max_examples=50, stateful_step_count=50, deadline=None)


def test_the_places_of_a_head_are_said_alike() -> None:
    assert (lists.H_START, lists.H_SIZE, lists.H_HINT) == (k.H_START, k.H_SIZE, k.H_HINT)


def test_floats_and_integers_of_a_row_share_no_place() -> None:
    places = [value for name, value in vars(k).items() if name.startswith(("F_", "I_"))]
    assert len(places) == len(set(places))
    assert sorted(value for name, value in vars(k).items() if name.startswith("F_")) == sorted(k.FLOATS)
    assert max(places) < k.NI
    bar = [value for name, value in vars(k).items() if name.startswith(("B_", "J_"))]
    assert len(bar) == len(set(bar))
    assert max(bar) < k.NJ


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 40), st.integers(0, 5)), max_size=300))
def test_a_book_of_many_changes_stays_whole(changes: list[tuple[bool, int, int]]) -> None:
    book = LevelBook()
    for version, (is_arming, number, level) in enumerate(changes):
        if is_arming:
            assert not book.arm(arming(f"{number}", float(level), version=version), number % 3, 0)
        else:
            book.disarm(f"{number}", version)
    assert_whole(book)


def test_many_at_once_are_what_one_by_one_gives() -> None:
    rng = np.random.default_rng(3)
    rows, levels, is_up = rng.integers(0, 3, 500), rng.integers(95, 105, 500).astype(float), rng.random(500) < 0.5
    uids = [f"u{n}" for n in range(500)]
    many, singly = engine_of(), engine_of()
    template = {"rule": "many", "owner_id": "owner", "notify": [], "definition_hash": ""}
    many.levels.arm_many(uids, np.array(IDS, np.int64)[rows], rows, levels, is_up, template)
    for uid, row, level, up in zip(uids, rows.tolist(), levels.tolist(), is_up.tolist(), strict=True):
        payload = arming(uid, level, instrument_id=IDS[row], direction="above" if up else "below") | template
        singly.apply([frame(FrameKind.COMMAND, payload=payload)])
    assert_whole(many.levels)
    with pytest.raises(ValueError, match="known"):
        many.levels.arm_many(["u3"], np.array(IDS[:1], np.int64), rows[:1], levels[:1], is_up[:1], template)
    log = [trade(n % 3, OPEN + n * SECOND, float(rng.integers(94, 107)), float(n)) for n in range(200)]
    left, right = many.apply(log).fired, singly.apply(log).fired
    assert len(left) > 100
    assert [(one.rule_uid, one.event_time, one.value) for one in left] == [
        (one.rule_uid, one.event_time, one.value) for one in right
    ]


def test_one_tick_fires_in_the_order_of_arming() -> None:
    engine = engine_of()
    order = np.random.default_rng(1).permutation(300)
    engine.apply([frame(FrameKind.COMMAND, payload=arming(f"{n}", 100.0 + n / 10)) for n in order.tolist()])
    engine.apply([frame(FrameKind.COMMAND, payload=arming("high", 101.0, field="day.high"))])
    fired = engine.apply([trade(0, OPEN + SECOND, 99.0, 1), trade(0, OPEN + 2 * SECOND, 200.0, 2)]).fired
    assert [one.rule_uid for one in fired] == [*map(str, order.tolist()), "high"]


def test_firings_are_a_sequence_that_makes_records_on_demand() -> None:
    engine = engine_of()
    engine.apply([frame(FrameKind.COMMAND, payload=arming("a", 100.0, version=3, notify=["x", "y"], note={"n": 1}))])
    engine.apply([frame(FrameKind.COMMAND, payload=arming("b", 101.0, definition_hash="not hex"))])
    fired = engine.apply([trade(0, OPEN + SECOND, 99.0, 1), trade(0, OPEN + 2 * SECOND, 102.0, 2)]).fired
    engine.apply([frame(FrameKind.COMMAND, payload=arming("a", 50.0, version=4, rule="another"))])
    assert len(fired) == 2
    assert [fired[0], fired[1]] == list(fired) == fired[:] == [fired[-2], fired[-1]]
    with pytest.raises(IndexError):
        fired[2]
    first = fired[0]
    assert (first.rule_uid, first.version, first.rule, first.level) == ("a", 3, "Rule a", 100.0)
    assert (first.previous, first.value, first.nth, first.key) == (99.0, 102.0, 1, "NSE:A")
    assert first.payload == arming("a", 100.0, version=3, notify=["x", "y"], note={"n": 1})
    assert first.definition_hash == "0123456789abcdef" * 2
    assert fired[1].definition_hash == "not hex"
    assert not engine_of().apply([trade(0, OPEN + SECOND, 99.0, 1)]).fired


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (arming("a", 1.0, field="turnover"), "field 'turnover' has no levels"),
        (arming("a", 1.0, direction="through"), "unknown direction 'through'"),
        (arming("a", 1.0, fire="twice"), "unknown firing policy 'twice'"),
        (arming("a", math.inf), "the level is not a number"),
        ({"type": "move_level", "rule_uid": "a", "version": 2, "level": 3.0}, "there is no such rule to move"),
        ({"type": "push_level", "rule_uid": "a"}, "unknown command 'push_level'"),
    ],
)
def test_what_cannot_be_armed_says_why(payload: dict[str, Any], reason: str) -> None:
    engine = engine_of()
    assert engine.apply([frame(FrameKind.COMMAND, payload=payload)]).rejected_rules == [("a", reason)]
    assert engine.levels.active() == 0


def test_uids_that_share_a_hash_stay_two_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("marketbell.core.engine.levels._code", lambda raw, salt: salt)
    book = LevelBook()
    for number in range(5):
        book.arm(arming(f"{number}", float(number)), 0, 0)
    book.disarm("3", 1)
    assert [book.command(slot)["rule_uid"] for slot in range(5)] == list("01234")
    assert book.active() == 4


def test_levels_of_an_undisturbed_checkpoint_are_copied_once() -> None:
    engine = engine_of()
    for n in range(10):
        engine.levels.arm(arming(f"{n}", 100.0 + n), 0, 0)
    first, second = engine.checkpoint(), engine.checkpoint()
    assert first["level_rules/0"] is second["level_rules/0"]
    engine.apply([trade(0, OPEN + SECOND, 99.0, 1), trade(0, OPEN + 2 * SECOND, 102.0, 2)])
    third = engine.checkpoint()
    assert first["level_rules/0"] is not third["level_rules/0"]
    assert int((first["level_rules/0"][:, k.R_STATE] != 0).sum()) == 10
    assert int((third["level_rules/0"][:, k.R_STATE] != 0).sum()) == 8
