"""Rooms: snapshot and deltas equal the fresh state; resume misses nothing; gaps are seen."""

from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from marketbell.flows.live.board import CLOSED_BARS_KEPT, COLUMNS, MarketBoard
from marketbell.flows.live.lights import lights
from marketbell.flows.live.replica import Replica
from marketbell.flows.live.rooms import HISTORY_EVENTS, Room
from marketbell.flows.live.views import InstrumentView, MarketView, ScreenView, UniverseView, View, WatchlistView

KEYS = [f"NSE:S{number}" for number in range(12)]
TOPIC = ["close", "change_pct", "volume", "event_time", "bar.start", "bar.close"]


def encode(event: str, payload: dict[str, Any]) -> bytes:
    return orjson.dumps([event, payload])


def hear(replica: Replica, frame: bytes) -> bool:
    event, message = orjson.loads(frame)
    if event == "snapshot":
        replica.snapshot(message)
        return True
    return replica.delta(message)


def fresh(view: View, board: MarketBoard) -> Replica:
    """What somebody who comes now would see."""
    replica = Replica()
    hear(replica, Room("r", view, "other", encode).snapshot(board))
    return replica


keys = st.sampled_from(KEYS)
numbers = st.one_of(st.none(), st.integers(1, 9).map(lambda n: n + 0.123456))
documents = st.one_of(
    st.builds(
        lambda rows, as_of: {"type": "rows", "as_of": as_of, "columns": TOPIC, "rows": rows},
        st.lists(st.tuples(keys, numbers, numbers, numbers, st.integers(1, 9), st.integers(1, 3), numbers).map(list)),
        st.integers(1, 100),
    ),
    st.builds(
        lambda gainers, indices: {"type": "lists", "lists": {"top_gainers": gainers}, "indices": indices},
        st.lists(keys, unique=True, max_size=5),
        st.lists(keys, unique=True, max_size=2),
    ),
    st.builds(lambda key, bid: {"type": "depth", "instrument": key, "bids": [[bid, 1]], "asks": []}, keys, numbers),
    st.builds(
        lambda key, start, close: {
            "type": "bars",
            "timeframe": "1m",
            "columns": ["instrument", "start", "close"],
            "rows": [[key, start, close]],
        },
        keys,
        st.integers(1, 5),
        numbers,
    ),
)
watched = st.lists(keys, unique=True, max_size=4)
steps = st.lists(st.one_of(documents, st.just("tick"), st.just("lose"), st.just("resume"), watched), max_size=60)


@settings(max_examples=60, deadline=None)
@given(steps)
def test_snapshot_and_deltas_are_the_fresh_state(plan: list[Any]) -> None:  # noqa: C901, PLR0912 — one branch a step
    board = MarketBoard()
    watchlist = WatchlistView("w")
    views: list[View] = [MarketView(), UniverseView(), InstrumentView(KEYS[0]), watchlist]
    rooms = [Room(str(at), view, "e", encode) for at, view in enumerate(views)]
    replicas = [Replica() for _ in rooms]
    is_deaf = False
    for room, replica in zip(rooms, replicas, strict=True):
        room.open(board)
        hear(replica, room.snapshot(board))
    for at, step in enumerate(plan):
        if step == "tick":
            for room, replica in zip(rooms, replicas, strict=True):
                event = room.advance(board, float(at))
                if event is not None and not is_deaf:
                    assert hear(replica, event.frame)
        elif step == "lose":
            is_deaf = True
        elif step == "resume":
            is_deaf = False
            for room, replica in zip(rooms, replicas, strict=True):
                missed = room.since(replica.position)
                assert missed is not None
                assert all(hear(replica, frame) for frame in missed)
        elif isinstance(step, list):
            watchlist.show("mine", step, board)
        else:
            assert board.apply(step)
    for room, replica in zip(rooms, replicas, strict=True):
        for frame in room.since(replica.position) or ():
            assert hear(replica, frame)
        event = room.advance(board, 1e6)
        if event is not None:
            assert hear(replica, event.frame)
        now = fresh(room.view, board)
        assert replica.rows == now.rows
        assert replica.data == now.data


def rows(*given_rows: list[Any]) -> dict[str, Any]:
    return {"type": "rows", "as_of": 5, "columns": TOPIC, "rows": list(given_rows)}


def test_values_are_rounded_for_the_screen_and_unknown_stays_unknown() -> None:
    board = MarketBoard(lambda _: 1)
    board.apply(rows([KEYS[0], 100.26, 1.23456, 7.0, 9, None, float("nan")]))
    row = board.row(KEYS[0], tuple(range(len(COLUMNS))))
    assert row is not None
    shown = dict(zip(COLUMNS, row[1:], strict=True))
    assert (shown["close"], shown["change_pct"], shown["volume"]) == (100.3, 1.23, 7)
    assert shown["bar.close"] is None
    assert shown["vwap"] is None


def test_nothing_changed_nothing_said() -> None:
    board = MarketBoard()
    room = Room("market", MarketView(), "e", encode)
    room.open(board)
    board.apply(rows([KEYS[0], 1.0, 1.0, 1.0, 1, None, None]))  # named in no list
    assert room.advance(board, 0.0) is None
    board.apply({"type": "lists", "lists": {"top_gainers": [KEYS[0]]}})
    event = room.advance(board, 0.1)
    assert event is not None
    _, message = orjson.loads(event.frame)
    assert [row[0] for row in message["rows"]] == [KEYS[0]]
    board.apply({"type": "lists", "lists": {"top_gainers": [KEYS[0]]}})
    assert room.advance(board, 0.2) is None


def test_positions_of_another_start_or_too_far_back_cannot_be_resumed() -> None:
    board = MarketBoard()
    room = Room("r", UniverseView(), "e", encode)
    for number in range(HISTORY_EVENTS + 5):
        room.say("alert", {"number": number}, 0.0)
    assert room.since("other:3") is None
    assert room.since("e:2") is None
    assert room.since(f"e:{room.seq + 1}") is None
    assert room.since("e:-1") is None
    assert room.since("") is None
    assert room.since(room.position) == []
    assert len(room.since("e:5") or ()) == HISTORY_EVENTS
    room.say("alert", {}, 601.0)
    assert room.since(f"e:{room.seq - 2}") is None, "events older than ten minutes are forgotten"
    assert board.version == 0


def test_a_gap_is_seen() -> None:
    replica = Replica()
    replica.snapshot({"position": "e:4", "columns": [], "rows": [], "data": {}})
    assert replica.delta({"seq": 4})
    assert not replica.delta({"seq": 6})
    assert not replica.is_good


def test_the_cache_is_news_only_where_it_is_newer() -> None:
    board = MarketBoard()
    board.apply(rows([KEYS[0], 2.0, 1.0, 1.0, 10, 3, 2.0]))
    board.load_rows({KEYS[0]: {"close": 1.0, "event_time": 9}, KEYS[1]: {"close": 5.0, "event_time": 1}})
    close = (COLUMNS.index("close"),)
    assert board.row(KEYS[0], close) == [KEYS[0], 2.0]
    assert board.row(KEYS[1], close) == [KEYS[1], 5.0]
    board.load_rows({KEYS[0]: {"close": 3.0, "event_time": 11}})
    assert board.row(KEYS[0], (COLUMNS.index("close"), COLUMNS.index("bar.start"))) == [KEYS[0], 3.0, 3]


def test_only_the_newest_closed_minutes_are_kept() -> None:
    board = MarketBoard()
    bars = [[KEYS[0], start, 1.0] for start in range(CLOSED_BARS_KEPT + 7)]
    board.apply({"type": "bars", "timeframe": "1m", "columns": ["instrument", "start", "close"], "rows": bars})
    board.apply({"type": "bars", "timeframe": "1d", "columns": ["instrument", "start", "close"], "rows": bars})
    found = board.bars(KEYS[0])
    assert found is not None
    assert [row[0] for row in found["rows"]] == list(range(7, CLOSED_BARS_KEPT + 7))


def test_lights_say_what_is_wrong() -> None:
    ready = {"state": "ready"}
    assert lights(None, None, None)["feeds"]["state"] == "unknown"
    assert lights([], {}, {})["feeds"]["state"] == "none"
    assert lights([], {}, {})["evaluator"]["state"] == "down"
    assert lights([{"label": "X", "state": "stale"}, {"state": "running"}], {}, ready)["feeds"]["text"].startswith("X ")
    behind = lights([], {"partitions": [{"lag": 5_000}]}, ready)["evaluator"]
    assert (behind["state"], behind["lag"]) == ("behind", 5_000)
    waits = lights([], {}, {"state": "degraded", "detail": {"reason": "the store is away"}})["evaluator"]
    assert "the store is away" in waits["text"]
    assert lights([], {"partitions": []}, ready)["evaluator"]["state"] == "running"


def test_a_screen_room_brings_members_and_who_came_and_went() -> None:
    board = MarketBoard()
    board.apply({"type": "rows", "as_of": 1, "columns": ["close"], "rows": [["NSE:A", 5.0], ["NSE:B", 6.0]]})
    head = {"type": "screen", "screen_id": "x", "owner_id": "me", "as_of": 5}
    board.apply({**head, "seq": 1, "count": 1, "members": ["NSE:B"], "events": []})
    room, replica = Room("screen:x", ScreenView("x"), "e", encode), Replica()
    room.open(board)
    hear(replica, room.snapshot(board))
    assert list(replica.rows) == ["NSE:B"]
    assert replica.data["screen"] == {"screen_id": "x", "count": 1, "seq": 1, "as_of": 5}

    events = [["enter", "NSE:A", 7], ["leave", "NSE:B", 7]]
    board.apply({**head, "seq": 2, "count": 1, "as_of": 7, "events": events})
    said = room.advance(board, 0.0)
    assert said is not None
    hear(replica, said.frame)
    assert list(replica.rows) == ["NSE:A"]
    assert replica.data["screen"]["seq"] == 2
    assert replica.data["events"] == [
        {"event": "enter", "instrument": "NSE:A", "at": 7},
        {"event": "leave", "instrument": "NSE:B", "at": 7},
    ]
    board.apply({**head, "seq": 2, "count": 1, "as_of": 7, "members": ["NSE:A"], "events": []})
    assert room.advance(board, 0.0) is None  # it is what there was
