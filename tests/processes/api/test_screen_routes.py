"""Screens over REST: kept, asked, answered; who came and went; rules that name them."""

from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from marketbell.core.language.json_form import from_json
from marketbell.core.language.printer import print_tree
from marketbell.core.primitives.identity import instrument_id
from marketbell.core.screening.templates import TEMPLATES
from marketbell.ports.screens import HAVE, NOW, WANTS, ScreenAnswer, ScreenRequest, ScreenRow
from marketbell.ports.stores import LOCAL_OWNER, ScreenEvent, Watchlist

CLOCK = 1_619_580_660 * 10**9
COLUMNS = ({"expression": "fund.pe", "label": "P/E", "type": "number", "unit": ""},)
ANSWER = ScreenAnswer(
    (ScreenRow("NSE:CCC", (30.0,)), ScreenRow("NSE:AAA", (12.5,))),
    COLUMNS,
    2,
    ({"text": "fund.pe > 1", "count": 2},),
    1,
    {"pe": 1},
    CLOCK,
    0.8,
)


class Stream:
    """Answers as soon as it is asked."""

    def __init__(self, answer: Mapping[str, Any]) -> None:
        self.answer = answer
        self.asked: list[ScreenRequest] = []

    def listen(self, cache: Any, monkeypatch: pytest.MonkeyPatch) -> "Stream":
        put = cache.put_fields

        def put_and_answer(key: str, fields: Mapping[str, bytes]) -> None:
            put(key, fields)
            for value in fields.values() if key == WANTS else ():
                request = ScreenRequest.from_dict(orjson.loads(value))
                self.asked.append(request)
                said = {"nonce": request.nonce} | dict(self.answer)
                cache.set(HAVE + request.request_id, orjson.dumps(said))

        monkeypatch.setattr(cache, "put_fields", put_and_answer)
        return self


@pytest.fixture
def stream(api: Any, monkeypatch: pytest.MonkeyPatch) -> Stream:
    return Stream(ANSWER.as_dict()).listen(api.cache, monkeypatch)


def test_the_ready_screens_are_there_from_the_start(api: Any) -> None:
    api.cache.set(NOW + "value-picks", orjson.dumps({"seq": 1, "count": 4, "as_of": CLOCK, "members": []}))
    found = api.get("/api/screens")["items"]
    assert [one["screen_id"] for one in found] == list(TEMPLATES)
    assert (found[0]["kind"], found[0]["count"], found[1]["count"]) == ("template", 4, None)
    assert api.get("/api/screens/value-picks") == found[0]
    assert api.get("/api/screens/nobodys", 404)["code"] == "not_found"


def test_a_screen_is_kept_renamed_and_deleted(api: Any) -> None:
    made = api.send("POST", "/api/screens", {"name": "Cheap", "text": "pe < 10"}, 201)
    path = f"/api/screens/{made['screen_id']}"
    assert (made["kind"], made["text"], made["count"]) == ("saved", 'screen "Cheap" when fund.pe < 10', None)
    changed = api.send("PUT", path, {"name": "Cheaper", "text": made["text"]})
    assert (changed["screen_id"], changed["name"]) == (made["screen_id"], "Cheaper")
    assert api.get("/api/screens")["items"][-1] == changed == api.get(path)
    assert api.send("DELETE", path) == {"ok": True}
    assert api.get(path, 404)["code"] == "not_found"
    told = [one.payload["type"] for one in api.stores.rules.unpublished()]
    assert told == ["screen", "screen", "unscreen"]


def test_members_may_leave_later_than_they_enter(api: Any) -> None:
    body = {"name": "Cheap", "text": "pe < 10", "leave_when": "pe > 12"}
    made = api.send("POST", "/api/screens", body, 201)
    path = f"/api/screens/{made['screen_id']}"
    assert made["leave_when"] == api.get(path)["leave_when"] == "fund.pe > 12"
    assert api.send("PUT", path, {"name": "Mine", "text": "pe < 9"})["leave_when"] == "fund.pe > 12"
    assert api.send("PUT", path, {"name": "Mine", "text": "pe < 9", "leave_when": ""})["leave_when"] is None
    wrong = api.send("PUT", path, body | {"leave_when": "pe >"}, 400)
    assert wrong["fields"]["leave_when"][0].startswith("1:")
    options = [one.payload["options"] for one in api.stores.rules.unpublished()]
    assert options == [{"leave_when": "fund.pe > 12"}, {"leave_when": "fund.pe > 12"}, {}]


def test_the_same_key_keeps_one_screen(api: Any) -> None:
    body = {"name": "Cheap", "text": "pe < 10"}
    first = api.send("POST", "/api/screens", body, 201, **{"Idempotency-Key": "k"})
    assert api.send("POST", "/api/screens", body, 201, **{"Idempotency-Key": "k"}) == first
    assert api.send("POST", "/api/screens", body, 409)["code"] == "conflict"


def test_what_is_wrong_is_said_at_its_place(api: Any) -> None:
    wrong = api.send("POST", "/api/screens", {"name": "Cheap", "text": "pee < 10"}, 400)
    assert wrong["fields"]["text"][0].startswith("1:1: ")
    assert api.send("POST", "/api/screens", {"name": " ", "text": "pe < 10"}, 400)["fields"].keys() == {"name"}
    run = api.send("POST", "/api/screens/run", {"text": "pe < 10", "columns": ["close", "sma(pe,"]}, 400)
    assert run["fields"]["columns"][0].startswith("1:")
    assert api.send("POST", "/api/screens/run", {}, 400)["fields"].keys() == {"text"}
    assert api.send("PUT", "/api/screens/top-gainers", {"name": "x", "text": "pe < 1"}, 409)["code"] == "conflict"
    assert api.send("DELETE", "/api/screens/top-gainers", status=409)["code"] == "conflict"


def test_who_meets_a_text(api: Any, stream: Stream) -> None:
    found = api.send("POST", "/api/screens/run", {"text": "pe > 1", "sort": "pe", "descending": True, "limit": 2})
    assert [one["instrument"] for one in found["items"]] == ["NSE:CCC", "NSE:AAA"]
    assert found["items"][1] | {"values": []} == {
        "instrument": "NSE:AAA",
        "symbol": "AAA",
        "name": "Alpha Engines",
        "close": "101.05",
        "change_pct": "1.05",
        "volume": 1500,
        "as_of": "2021-04-28T03:30:59.000Z",
        "values": [],
    }
    assert [one["values"] for one in found["items"]] == [["30.00"], ["12.50"]]
    assert found["columns"] == list(COLUMNS)
    assert found["chips"] == [
        {
            "text": "fund.pe > 1",
            "form": {"op": "compare", "operator": ">", "left": "fund.pe", "right": "1"},
            "count": 2,
        }
    ]
    assert found["unknown"] == {"count": 1, "fields": [{"field": "pe", "count": 1}]}
    assert (found["count"], found["condition"], found["next_cursor"]) == (2, "fund.pe > 1", None)
    assert (stream.asked[0].order_by, stream.asked[0].is_descending) == ("fund.pe", True)


def test_a_screen_that_is_kept_is_asked_by_its_id(api: Any, stream: Stream) -> None:
    api.stores.watchlists.put(Watchlist("w", LOCAL_OWNER, "core", ("NSE:AAA",)))
    made = api.send("POST", "/api/screens", {"name": "Mine", "text": 'screen "x" on watchlist "core" when pe > 1'}, 201)
    found = api.send("POST", "/api/screens/run", {"screen_id": made["screen_id"]})
    assert found["text"] == made["text"] == 'screen "Mine" on watchlist "core" when fund.pe > 1'
    assert print_tree(from_json(dict(stream.asked[-1].definition))) == 'screen "Mine" on $NSE:AAA when fund.pe > 1'
    assert api.send("POST", "/api/screens/run", {"screen_id": "nobodys"}, 404)["code"] == "not_found"
    body = {"name": "core", "instruments": ["NSE:AAA", "NSE:CCC"]}
    api.send("PUT", "/api/watchlists/w", body)
    last = api.stores.rules.unpublished()[-1].payload
    assert print_tree(from_json(last["definition"])) == 'screen "Mine" on $NSE:AAA, $NSE:CCC when fund.pe > 1'


def test_a_stream_that_refuses_or_is_silent(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert api.send("POST", "/api/screens/run", {"text": "pe > 1"}, 503)["code"]
    Stream({"error": "nobody knows"}).listen(api.cache, monkeypatch)
    assert api.send("POST", "/api/screens/run", {"text": "pe > 2"}, 400)["message"] == "nobody knows"


def test_stocks_are_filtered_by_a_text_and_more(api: Any, stream: Stream) -> None:
    found = api.send("POST", "/api/stocks/filter", {"text": "pe > 1", "columns": ["fund.pe"]})
    assert [one["instrument"] for one in found["items"]] == ["NSE:CCC", "NSE:AAA"]
    assert (found["total"], found["items"][0]["values"]) == (2, {"fund.pe": "30.00"})
    assert len(stream.asked) == 1
    page = api.send("POST", "/api/stocks/filter", {"text": "pe > 1", "limit": 1})
    page = api.send("POST", "/api/stocks/filter", {"text": "pe > 1", "limit": 1, "cursor": page["next_cursor"]})
    assert [one["instrument"] for one in page["items"]] == ["NSE:AAA"]
    fewer = api.send("POST", "/api/stocks/filter", {"text": "pe > 1", "max": {"fund.pe": 20}, "sort": "close"})
    assert [one["instrument"] for one in fewer["items"]] == ["NSE:AAA"]
    assert api.send("POST", "/api/stocks/filter", {"text": "pe >"}, 400)["fields"]["text"]


def test_who_came_and_went(api: Any) -> None:
    aaa = int(instrument_id("NSE:AAA"))
    hour = 3_600 * 10**9
    api.stores.screens.put_events(
        "top-gainers", [ScreenEvent("enter", aaa, CLOCK - 2 * hour), ScreenEvent("leave", aaa, CLOCK - hour)]
    )
    assert api.get("/api/screens/top-gainers/history?days=1")["items"] == [
        {"instrument": "NSE:AAA", "symbol": "AAA", "event": "leave", "at": "2021-04-28T02:31:00.000Z"},
        {"instrument": "NSE:AAA", "symbol": "AAA", "event": "enter", "at": "2021-04-28T01:31:00.000Z"},
    ]
    assert api.get("/api/stocks/AAA/screens")["items"] == [
        {
            "screen_id": "top-gainers",
            "name": "Top Gainers",
            "entered_at": "2021-04-28T01:31:00.000Z",
            "left_at": "2021-04-28T02:31:00.000Z",
        }
    ]
    assert api.get("/api/stocks/NSE:CCC/screens")["items"] == []
    assert api.get("/api/screens/nobodys/history", 404)["code"] == "not_found"


def test_a_spread(api: Any) -> None:
    found = api.get("/api/screens/distribution?field=pe")
    assert (found["field"], found["known"], found["unknown"]) == ("fund.pe", 2, 2)
    assert (found["min"], found["max"], sum(one["count"] for one in found["bins"])) == (12.5, 30.0, 2)
    assert found["bins"][0]["from"] == 12.5
    assert api.get("/api/screens/distribution?field=nope", 400)["fields"].keys() == {"field"}


def test_rules_may_name_ready_and_kept_screens(api: Any) -> None:
    made = api.send("POST", "/api/screens", {"name": "Cheap", "text": "pe < 10"}, 201)
    for name in ("Cheap", "Top Gainers"):
        text = f'alert "In {name}" on screen "{name}" when close > 5 at 5m close'
        api.send("POST", "/api/rules", {"text": text}, 201)
    armed = [one.payload for one in api.stores.rules.unpublished() if one.payload["type"] == "arm_rule"]
    assert [list(one["screens"]) for one in armed] == [["Cheap"], ["Top Gainers"]]
    api.send("PUT", f"/api/screens/{made['screen_id']}", {"name": "Cheap", "text": "pe < 5"})
    last = api.stores.rules.unpublished()[-1].payload
    assert print_tree(from_json(last["screens"]["Cheap"])) == 'screen "Cheap" when fund.pe < 5'
    api.send("DELETE", f"/api/screens/{made['screen_id']}")
    problems = {one["name"]: one["problem"] for one in api.get("/api/rules")["items"]}
    assert "Cheap" in problems["In Cheap"]
    assert problems["In Top Gainers"] == ""
