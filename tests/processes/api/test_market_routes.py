"""What the market's routes answer."""

from typing import Any

import orjson
import pytest

from marketbell.core.language.fields import BY_NAME
from marketbell.core.primitives.identity import instrument_id
from marketbell.ports.stores import Fact
from marketbell.processes.api.schemas.stocks import Fundamentals

LISTS = (
    "/api/stocks",
    "/api/stocks/top-gainers",
    "/api/stocks/top-losers",
    "/api/stocks/52-week-high",
    "/api/stocks/52-week-low",
    "/api/stocks/most-active",
    "/api/stocks/unusual-volume",
    "/api/stocks/volatile",
    "/api/stocks/undervalued",
    "/api/stocks/filter",
    "/api/indices",
)


@pytest.mark.parametrize("path", LISTS)
def test_before_the_first_feed_lists_are_empty_and_say_so(empty_api: Any, path: str) -> None:
    answer = empty_api.get(path)
    assert answer["items"] == []
    assert answer["as_of"] is None
    assert answer["source"] == "no feed yet"


@pytest.mark.parametrize("path", LISTS)
def test_every_list_item_has_what_the_contract_asks(api: Any, path: str) -> None:
    answer = api.get(path)
    assert answer["as_of"] == "2021-04-28T03:31:00.000Z"
    assert answer["source"] == "Replay of a day"
    for item in answer["items"]:
        assert {"instrument", "symbol", "name", "close", "change_pct", "volume", "as_of"} <= item.keys()


def test_a_stock_has_decimals_as_text_and_ages(api: Any) -> None:
    stock = api.get("/api/stocks/NSE:AAA")
    assert stock == api.get("/api/stocks/aaa")
    assert stock["close"] == "101.05"
    assert stock["change_pct"] == "1.05"
    assert stock["vwap"] == "100.78"
    assert stock["volume"] == 1500
    assert stock["day"] == {"open": "100.00", "high": "102.00", "low": "99.50", "volume": 1500, "trades": 12}
    assert stock["age_s"] == 1.0
    assert stock["fund"]["pe"] == "12.50"
    assert stock["fund"]["pb"] is None
    assert stock["change_basis"] == "prev_close"
    assert api.get("/api/stocks/NSE:CCC")["is_simulated"] is True


def test_a_stock_that_is_not_one(api: Any) -> None:
    assert api.get("/api/stocks/NOBODY", 404)["code"] == "not_found"
    ambiguous = api.get("/api/stocks/BBB", 409)
    assert "NSE:BBB" in ambiguous["message"]
    assert "US:BBB" in ambiguous["message"]


def test_rankings_keep_the_engines_order_and_page(api: Any) -> None:
    first = api.get("/api/stocks/top-gainers?limit=1")
    assert [item["symbol"] for item in first["items"]] == ["CCC"]
    second = api.get(f"/api/stocks/top-gainers?limit=1&cursor={first['next_cursor']}")
    assert [item["symbol"] for item in second["items"]] == ["AAA"]
    assert second["next_cursor"] is None
    assert api.get("/api/stocks/undervalued")["definition"] == "P/E below its sector's median"


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=x", "cursor=%21%21", "cursor=bm8", "colour=red"])
def test_bad_pages_are_refused(api: Any, query: str) -> None:
    assert api.get(f"/api/stocks/top-gainers?{query}", 400)["fields"]


def test_search_puts_symbols_before_names(api: Any) -> None:
    found = api.get("/api/stocks?query=b")
    assert {item["instrument"] for item in found["items"]} == {"NSE:BBB", "US:BBB"}
    assert [i["symbol"] for i in api.get("/api/stocks?query=gamma mot")["items"]] == ["CCC"]
    assert [i["symbol"] for i in api.get("/api/stocks?sector=autos")["items"]] == ["AAA", "CCC"]
    assert [i["symbol"] for i in api.get("/api/indices")["items"]] == ["IDX"]
    assert api.get("/api/stocks?kind=option")["total"] == 0


def test_filter_by_bounds_sets_sort_and_columns(api: Any) -> None:
    answer = api.get("/api/stocks/filter?min.change_pct=1&in.sector=autos&sort=-volume&columns=pe,src.age,volume")
    assert [item["symbol"] for item in answer["items"]] == ["AAA", "CCC"]
    assert answer["items"][0]["values"] == {"fund.pe": "12.50", "src.age": "1.00", "volume": 1500}
    body = {"min": {"change_pct": 1}, "in": {"sector": ["Autos"]}, "sort": "-volume", "columns": ["pe"]}
    assert [i["symbol"] for i in api.send("POST", "/api/stocks/filter", body)["items"]] == ["AAA", "CCC"]
    cheap = api.get("/api/stocks/filter?max.fund.pe=20")
    assert [i["symbol"] for i in cheap["items"]] == ["AAA"], "a stock without P/E is not cheap"
    assert [i["symbol"] for i in api.get("/api/stocks/filter?in.symbol=CCC")["items"]] == ["CCC"]


@pytest.mark.parametrize("sort", ["change_pct", "-change_pct", "symbol", "-symbol", "-fund.pe"])
def test_pages_of_a_filter_make_the_whole(api: Any, sort: str) -> None:
    whole = [item["instrument"] for item in api.get(f"/api/stocks/filter?sort={sort}")["items"]]
    paged: list[str] = []
    cursor = ""
    while cursor is not None:
        page = api.get(f"/api/stocks/filter?sort={sort}&limit=2&cursor={cursor}")
        paged += [item["instrument"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert paged == whole
    assert len(whole) == 5


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("min.chnge_pct=1", "change_pct"),
        ("sort=volum", "volume"),
        ("columns=clse", "close"),
        ("min.close=high", "number"),
        ("min.close=nan", "number"),
        ("within.close=1", "unknown parameter"),
    ],
)
def test_unknown_fields_are_named_with_the_nearest(api: Any, query: str, word: str) -> None:
    answer = api.get(f"/api/stocks/filter?{query}", 400)
    assert word in answer["message"]


def test_bars_end_with_the_forming_one(api: Any) -> None:
    bars = api.get("/api/stocks/AAA/bars?timeframe=1m")
    assert [bar["is_closed"] for bar in bars["items"]] == [True, True, False]
    assert bars["items"][-1]["close"] == "101.05"
    assert bars["items"][-1]["start"] == "2021-04-28T03:30:00.000Z"
    assert len(api.get("/api/stocks/AAA/bars?limit=1")["items"]) == 1
    until = api.get("/api/stocks/AAA/bars?from=2021-04-28T03:28:00Z&to=2021-04-28T03:29:00Z")
    assert [bar["open"] for bar in until["items"]] == ["1.00"]
    day = api.get("/api/stocks/AAA/bars?timeframe=1d")["items"]
    assert [(bar["open"], bar["close"], bar["volume"], bar["is_closed"]) for bar in day] == [
        ("100.00", "101.05", 1500, False)
    ]
    for query in ("timeframe=2m", "from=yesterday", "from=2021-04-28&to=2021-04-27", "limit=0"):
        api.get(f"/api/stocks/AAA/bars?{query}", 400)
    api.get("/api/stocks/NOBODY/bars", 404)


def test_depth_and_its_absence(api: Any) -> None:
    assert api.get("/api/stocks/AAA/depth")["bids"] == []
    api.cache.set("market:depth:NSE:AAA", orjson.dumps({"bids": [[100.0, 5.0]], "asks": [[100.05, None]], "as_of": 1}))
    book = api.get("/api/stocks/AAA/depth")
    assert book["bids"] == [{"price": "100.00", "size": 5}]
    assert book["asks"] == [{"price": "100.05", "size": None}]
    assert book["state"] == "ready"
    lost = {"bids": [[100.0, 0.25]], "asks": [], "as_of": 1, "state": "resyncing"}
    api.cache.set("market:depth:NSE:AAA", orjson.dumps(lost))
    book = api.get("/api/stocks/AAA/depth")
    assert (book["state"], book["bids"][0]["size"]) == ("resyncing", 0.25)


def test_evidence_names_every_pattern_and_the_numbers_of_the_newest_sign(api: Any) -> None:
    items = api.get("/api/stocks/AAA/evidence")["items"]
    assert {item["state"] for item in items} == {"unknown"}
    assert all(item["evidence"] is None and item["definition"] and item["caution"] for item in items)
    row = {"close": 1.0, "abnormal.volume_spike": 1.0, "abnormal.volume_spike_score": 9.5, "abnormal.layering": 0.0}
    api.cache.put_fields("market:rows", {"NSE:AAA": orjson.dumps(row)})
    numbers = {"volume": 900.0, "before": 100.0, "times": 9.0, "deviations": 9.5}
    end = 1_619_580_000 * 10**9
    signs = [
        {"pattern": "volume_spike", "start": end - 60 * 10**9, "end": end, "numbers": numbers},
        {"pattern": "layering", "start": 1 << 61, "end": 1 << 61, "numbers": {}},
    ]
    api.cache.set("market:evidence:NSE:AAA", orjson.dumps({"items": signs}))
    api.clock.move(5.0)
    answer = api.get("/api/stocks/AAA/evidence")
    assert answer["instrument"] == "NSE:AAA"
    first, second = answer["items"][:2]
    assert (first["pattern"], first["state"], first["score"], first["threshold"]) == (
        "volume_spike", "present", "9.5", "8",
    )  # fmt: skip
    assert first["evidence"]["end"] == "2021-04-28T03:20:00.000Z"
    told = {one["name"]: (one["value"], one["unit"]) for one in first["evidence"]["numbers"]}
    assert told["times"] == ("9", "x")
    # a sign from after the market's clock is of another run
    assert (second["pattern"], second["state"], second["evidence"]) == ("layering", "absent", None)
    api.get("/api/stocks/NOBODY/evidence", 404)


def test_nothing_is_known_before_it_was_published(api: Any) -> None:
    points = api.get("/api/stocks/AAA/shareholding")["items"]
    assert [(p["period_end"], p["promoter"]) for p in points] == [("2020-12-31", "55.00"), ("2021-03-31", "54.00")]
    facts = {f["name"]: f for f in api.get("/api/stocks/AAA/fundamentals")["items"]}
    assert facts["fund.pe"]["value"] == "12.50"
    assert facts["fund.promoter_holding"]["period_end"] == "2021-03-31"
    assert facts["fund.pe"]["source"] == "filings"


def test_summary_sectors_fields(api: Any) -> None:
    summary = api.get("/api/market")
    assert summary["session"]["state"] == "open"
    assert summary["session"]["opens_at"] == "2021-04-28T03:30:00.000Z"
    assert summary["source"] == {"label": "Replay of a day", "kind": "replay", "is_simulated": False, "speed": 60.0}
    assert [s["sector"] for s in summary["sectors"]] == ["Autos", "Banks"]
    assert [i["symbol"] for i in summary["indices"]] == ["IDX"]
    assert api.get("/api/sectors")["items"] == summary["sectors"]
    assert {"close", "fund.pe"} <= {field["name"] for field in api.get("/api/fields")["items"]}


def test_quality_feeds_status(api: Any) -> None:
    api.cache.set(
        "market:quality",
        orjson.dumps(
            {
                "totals": {"late": 3},
                "instruments": {"NSE:AAA": {"late": 3}},
                "recent": [
                    {"instrument": "NSE:AAA", "kind": "late", "action": "drop", "event_time": 10**18, "count": 3}
                ],
            }
        ),
    )
    quality = api.get("/api/quality")
    assert quality["totals"] == {"late": 3}
    assert quality["instruments"] == [{"instrument": "NSE:AAA", "kinds": {"late": 3}}]
    api.cache.set("feeds", orjson.dumps([{"name": "replay", "label": "Day", "kind": "replay", "state": "running"}]))
    assert api.get("/api/feeds")["items"][0]["state"] == "running"
    assert api.send("POST", "/api/feeds/control", {"paused": True})["control"] == {"paused": True}
    assert api.send("POST", "/api/feeds/control", {"speed": "max"})["control"] == {"paused": True, "speed": "max"}
    for body in ({}, {"speed": 0}, {"speed": -1}, {"speed": "fast"}, {"loud": True}):
        api.send("POST", "/api/feeds/control", body, 400)
    status = api.get("/api/status")
    assert status["state"] == "degraded"
    assert {p["state"] for p in status["processes"]} == {"missing"}
    assert (status["partitions"], status["stream"], status["problem"]) == ([], [], None)


def test_the_status_tells_the_processes_of_the_engine(api: Any) -> None:
    gap = {"reason": "log lost", "at": 16 * 10**17, "partition": 0, "shards": "0-31", "offset": 7}
    part = {"partition": 0, "shards": "0-31", "label": "0.0-31", "state": "running", "reason": None, "epoch": "e"}
    figures = {"offset": 9, "lag": 2, "checkpoint_age_s": 1.5, "gaps": 1, "recent_gaps": [gap], "counters": {}}
    process = {"shards": "0-31", "is_owner": True, "is_leader": True, "fence": 4, "ticks_per_s": 2.0, "problem": None}
    api.cache.set(
        "stream:status",
        orjson.dumps(
            {
                "partitions": [part | figures],
                "processes": [process],
                "ticks_per_s": 2.0,
                "problem": "nobody evaluates the shards 32-63",
            }
        ),
    )
    status = api.get("/api/status")
    assert status["problem"] == "nobody evaluates the shards 32-63"
    (partition,) = status["partitions"]
    assert (partition["shards"], partition["state"], partition["checkpoint_age_s"]) == ("0-31", "running", 1.5)
    assert partition["recent_gaps"] == [{"reason": "log lost", "at": "2020-09-13T12:26:40.000Z"}]
    (one,) = status["stream"]
    assert (one["shards"], one["is_owner"], one["is_leader"]) == ("0-31", True, True)


def test_an_outage_is_503_with_retry_after(api: Any) -> None:
    api.cache.is_down = True
    answer = api.client.get("/api/stocks", headers={"Authorization": "Bearer owner-token-of-the-test"})
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert answer.get_json()["code"] == "unavailable"
    assert api.client.get("/readyz").status_code == 503


def test_each_fundamental_tells_its_basis(api: Any) -> None:
    aaa = int(instrument_id("NSE:AAA"))
    api.stores.fundamentals.put(
        [
            Fact(aaa, "fund.eps", "2020-12-31", 4.0, 10**18, "results"),
            Fact(aaa, "fund.eps", "2020-12-31", 5.0, 2 * 10**17 + 10**18, "restated results", version=2),
            Fact(aaa, "fund.eps", "2021-03-31", 50.0, 4 * 10**18, "from the future"),
        ]
    )
    facts = {f["name"]: f for f in api.get("/api/stocks/AAA/fundamentals")["items"]}
    pe = facts["fund.pe"]
    assert (pe["value"], pe["basis"], pe["published_value"]) == ("20.21", "derived", "12.50")
    assert (pe["period_end"], pe["version"], pe["source"]) == ("2020-12-31", 2, "restated results")
    assert (pe["formula"], pe["inputs"][0]) == ("price / EPS of the last four published quarters", "fund.eps")
    held = facts["fund.promoter_holding"]
    assert (held["basis"], held["formula"], held["inputs"], held["version"]) == ("published", None, [], 1)
    assert facts["fund.promoter_holding_change"]["value"] == "-1.00"
    assert facts["fund.eps"]["published_at"].endswith("Z")


def test_a_stock_can_show_every_fundamental_of_the_registry() -> None:
    assert {f"fund.{name}" for name in Fundamentals.model_fields} == {name for name in BY_NAME if "fund." in name}
