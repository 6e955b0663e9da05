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


def _engine() -> Engine:
    engine = Engine(EngineConfig(), m.table, (lambda series: StandingScreens(series, ()),))
    engine.define(m.INSTRUMENTS)
    definition = to_json(parse_screen('screen "x" when close > 100 order by close desc'))
    command = {"type": "screen", "screen_id": "x", "owner_id": "me", "definition": definition, "options": {}}
    engine.apply([m.frame(FrameKind.COMMAND, command)])
    return engine


def _beat(engine: Engine, second: int, **prices: float) -> list[Any]:
    columns = m.ticks([(f"NSE:{name}", second, price) for name, price in prices.items()])
    times = columns["event_time"]
    frame = Frame(FrameKind.TRADE, 0, 0, 0, 0, int(times[0]), int(times[-1]), len(times), columns, b"")
    engine.apply([frame, m.heartbeat(second + 0.5)])
    standing = standing_of(engine)
    assert standing is not None
    return standing.take_deltas()


def test_changes_are_told_at_once_and_members_in_their_order() -> None:
    engine, cache, said = _engine(), MemoryCache(), list[dict[str, Any]]()
    teller = ScreenTeller(cache, lambda document: said.append(orjson.loads(document)))
    teller.take(engine, _beat(engine, 1, A=101, B=103, C=99))
    at = m.OPEN + 1_500_000_000
    head = {"type": "screen", "screen_id": "x", "owner_id": "me"}
    events = [["enter", "NSE:A", at], ["enter", "NSE:B", at]]
    assert said == [{**head, "seq": at // 1_000_000, "count": 2, "as_of": at, "events": events}]
    teller.tell([engine])
    assert said[1:] == [
        {**head, "seq": at // 1_000_000, "count": 2, "as_of": at, "members": ["NSE:B", "NSE:A"], "events": []}
    ]
    kept = orjson.loads(cache.get(NOW + "x") or b"{}")
    assert kept == {"seq": at // 1_000_000, "count": 2, "as_of": at, "members": ["NSE:B", "NSE:A"]}

    teller.tell([engine])
    assert len(said) == 2  # nothing new
    teller.take(engine, _beat(engine, 3, A=105))
    teller.tell([engine])
    assert said[2]["members"] == ["NSE:A", "NSE:B"]  # nobody came or went: another order
    engine.apply([m.frame(FrameKind.COMMAND, {"type": "unscreen", "screen_id": "x"})])
    teller.tell([engine])
    assert cache.get(NOW + "x") is None


def test_a_part_of_the_market_tells_nothing() -> None:
    engine, cache, said = _engine(), MemoryCache(), list[bytes]()
    teller = ScreenTeller(cache, said.append)
    teller.tell([engine, _engine()])
    engine.is_whole = False
    teller.tell([engine])
    assert not said


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
