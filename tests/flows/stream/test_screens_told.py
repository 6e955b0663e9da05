"""Standing screens on their way out: documents of the topic, the cache, and the store."""

from typing import Any

import orjson
from tests.core.rules import market as m

from marketbell.adapters.cache.memory import MemoryCache
from marketbell.adapters.stores.memory import MemoryStores
from marketbell.core.columns.frame import Frame, FrameKind
from marketbell.core.engine.engine import Engine, EngineConfig
from marketbell.core.language.json_form import to_json
from marketbell.core.language.reader import parse_screen
from marketbell.core.primitives.errors import StoreUnavailableError
from marketbell.core.screening.standing import StandingScreens
from marketbell.flows.stream.screen_lane import ScreenLane, standing_of
from marketbell.flows.stream.screen_teller import ScreenTeller
from marketbell.ports.screens import NOW


def _engine(*keys: str) -> Engine:
    """With the instruments of these keys, a part of the market, or with all of them."""
    engine = Engine(EngineConfig(), m.table, (lambda series: StandingScreens(series, ()),))
    engine.is_whole = not keys
    engine.define([one for one in m.INSTRUMENTS if not keys or one.key in keys])
    definition = to_json(parse_screen('screen "x" when close > 100 order by close desc'))
    command = {"type": "screen", "screen_id": "x", "owner_id": "me", "definition": definition, "options": {}}
    engine.apply([m.frame(FrameKind.COMMAND, command)])
    return engine


def _beat(engine: Engine, second: int, **prices: float) -> list[Any]:
    frames = []
    if prices:
        columns = m.ticks([(f"NSE:{name}", second, price) for name, price in prices.items()])
        times = columns["event_time"]
        frames.append(Frame(FrameKind.TRADE, 0, 0, 0, 0, int(times[0]), int(times[-1]), len(times), columns, b""))
    engine.apply([*frames, m.heartbeat(second + 0.5)])
    standing = standing_of(engine)
    assert standing is not None
    return standing.take_deltas()


def test_changes_are_told_at_once_and_members_in_their_order() -> None:
    engine, cache, said = _engine(), MemoryCache(), list[dict[str, Any]]()
    teller = ScreenTeller(cache, lambda document: said.append(orjson.loads(document)))
    teller.take("0", engine, _beat(engine, 1, A=101, B=103, C=99))
    at = m.OPEN + 1_500_000_000
    head = {"type": "screen", "screen_id": "x", "owner_id": "me"}
    events = [["enter", "NSE:A", at], ["enter", "NSE:B", at]]
    assert said == [{**head, "seq": at // 1_000_000, "count": 2, "as_of": at, "events": events}]
    teller.tell({"0": engine})
    assert said[1:] == [
        {**head, "seq": at // 1_000_000, "count": 2, "as_of": at, "members": ["NSE:B", "NSE:A"], "events": []}
    ]
    kept = orjson.loads(cache.get(NOW + "x") or b"{}")
    assert kept == {"seq": at // 1_000_000, "count": 2, "as_of": at, "members": ["NSE:B", "NSE:A"]}

    teller.tell({"0": engine})
    assert len(said) == 2  # nothing new
    teller.take("0", engine, _beat(engine, 3, A=105))
    teller.tell({"0": engine})
    assert said[2]["members"] == ["NSE:A", "NSE:B"]  # nobody came or went: another order
    engine.apply([m.frame(FrameKind.COMMAND, {"type": "unscreen", "screen_id": "x"})])
    teller.tell({"0": engine})
    assert cache.get(NOW + "x") is None


class Parts:
    """Two processes with the shards of A and C, and of B: each with its own teller over one cache."""

    def __init__(self) -> None:
        self.cache, self.said = MemoryCache(), list[dict[str, Any]]()
        self.engines = {"low": _engine("NSE:A", "NSE:C"), "high": _engine("NSE:B")}
        self.tellers = {label: self.teller() for label in self.engines}

    def teller(self) -> ScreenTeller:
        return ScreenTeller(self.cache, lambda document: self.said.append(orjson.loads(document)))

    def beat(self, second: int, **prices: float) -> None:
        for label, engine in self.engines.items():
            keys = engine.keys()
            mine = {name: price for name, price in prices.items() if f"NSE:{name}" in keys}
            self.tellers[label].take(label, engine, _beat(engine, second, **mine))

    def tell(self, leader: str = "low") -> list[dict[str, Any]]:
        """What all say where this one leads, who comes last."""
        self.said.clear()
        for label in sorted(self.engines, key=lambda one: one == leader):
            self.tellers[label].tell({label: self.engines[label]}, [*self.engines] if label == leader else None)
        return list(self.said)

    def now(self) -> Any:
        return orjson.loads(self.cache.get(NOW + "x") or b"null")


def test_parts_of_the_market_are_told_as_one() -> None:
    parts = Parts()
    parts.tellers["low"].tell({"low": parts.engines["low"]}, [*parts.engines])
    assert (parts.said, parts.now()) == ([], None)  # B's process has not told yet
    parts.beat(1, A=101, B=103, C=99)
    at = m.OPEN + 1_500_000_000
    head = {"type": "screen", "screen_id": "x", "owner_id": "me", "seq": at // 1_000_000, "count": 2, "as_of": at}
    assert parts.tell() == [{**head, "members": ["NSE:B", "NSE:A"], "events": []}]
    assert parts.now() == {"seq": at // 1_000_000, "count": 2, "as_of": at, "members": ["NSE:B", "NSE:A"]}
    assert parts.tell() == []

    parts.beat(3, A=99, C=110)
    later = m.OPEN + 3_500_000_000
    events, members = parts.tell()
    assert events["events"] == [["leave", "NSE:A", later], ["enter", "NSE:C", later]]
    assert (members["members"], members["count"], members["seq"]) == (["NSE:C", "NSE:B"], 2, later // 1_000_000)
    parts.beat(5, C=102)
    assert [one["members"] for one in parts.tell()] == [["NSE:B", "NSE:C"]]  # another order, nobody came or went


def test_another_leader_goes_on_where_the_first_one_was() -> None:
    parts = Parts()
    parts.beat(1, A=101, B=103)
    parts.tell("low")
    parts.beat(3, A=99, B=104)
    events, members = parts.tell("high")
    assert [one[:2] for one in events["events"]] == [["leave", "NSE:A"]]
    assert members["members"] == ["NSE:B"]
    parts.tellers["high"] = parts.teller()  # the process starts again
    parts.beat(5, A=105)
    assert parts.tell("high")[-1]["members"] == ["NSE:A", "NSE:B"]


def test_a_screen_that_goes_leaves_no_trace_and_a_lost_cache_is_filled() -> None:
    parts = Parts()
    parts.beat(1, A=101, B=103)
    parts.tell()
    for key in parts.cache.keys(""):
        parts.cache.delete(key)
    for teller in parts.tellers.values():
        teller.forget()
    parts.tell()
    assert parts.now()["members"] == ["NSE:B", "NSE:A"]
    for engine in parts.engines.values():
        engine.apply([m.frame(FrameKind.COMMAND, {"type": "unscreen", "screen_id": "x"})])
    parts.tell()
    assert parts.now() is None


def test_what_a_part_cannot_evaluate_is_not_told() -> None:
    parts = Parts()
    definition = to_json(parse_screen("rank(close, ALL) <= 1"))
    command = {"type": "screen", "screen_id": "ranked", "owner_id": "me", "definition": definition, "options": {}}
    for engine in parts.engines.values():
        engine.apply([m.frame(FrameKind.COMMAND, command)])
    parts.beat(1, A=101, B=103)
    assert {one["screen_id"] for one in parts.tell()} == {"x"}
    assert parts.cache.get(NOW + "ranked") is None


def test_entries_and_leaves_reach_the_store_once() -> None:
    engine, stores = _engine(), MemoryStores()
    lane = ScreenLane(stores.screens)
    first = _beat(engine, 1, A=101)
    lane.put(1, engine, first)
    lane.put(2, engine, _beat(engine, 3, A=99))
    assert not lane.passed(1)
    while lane.step():
        pass
    lane.put(3, engine, first)  # the same again, derived anew
    while lane.step():
        pass
    assert lane.passed(3)
    assert [(one.event, one.instrument_id) for one in stores.screens.history("x", 0)] == [
        ("leave", m.IDS["NSE:A"]),
        ("enter", m.IDS["NSE:A"]),
    ]


def test_the_lane_waits_for_its_store() -> None:
    class Away:
        def put_events(self, *_: Any) -> None:
            raise StoreUnavailableError

    engine = _engine()
    lane = ScreenLane(Away())  # type: ignore[arg-type]
    lane.put(1, engine, _beat(engine, 1, A=101))
    assert not lane.step()
    assert lane.error
    assert (lane.depth, lane.passed(1)) == (1, False)
