"""Rules, alerts, channels, watchlists: what belongs to a person."""

from typing import Any

import orjson

from marketbell.core.primitives.identity import instrument_id
from marketbell.ports.stores import LOCAL_OWNER, Firing, Watchlist

TEXT = 'alert "up" on $AAA when close crosses above 105 at tick fire once'


def test_a_rule_from_text_and_from_a_form(api: Any) -> None:
    made = api.send("POST", "/api/rules", {"text": TEXT}, 201)
    assert (made["name"], made["instrument"], made["direction"], made["level"]) == ("up", "NSE:AAA", "above", "105.00")
    assert made["state"] == "armed"
    form = {"name": "down", "instrument": "NSE:AAA", "direction": "below", "level": "99.5", "notify": ["in_app"]}
    other = api.send("POST", "/api/rules", form, 201)
    assert other["text"].startswith('alert "down"')
    assert {rule["rule_uid"] for rule in api.get("/api/rules")["items"]} == {made["rule_uid"], other["rule_uid"]}
    assert len(api.stores.rules.unpublished()) == 2
    assert api.send("DELETE", f"/api/rules/{made['rule_uid']}") == {"ok": True}
    states = {rule["name"]: rule["state"] for rule in api.get("/api/rules")["items"]}
    assert states == {"up": "disabled", "down": "armed"}
    api.send("DELETE", "/api/rules/none", None, 404)


def test_a_rule_that_cannot_be_read(api: Any) -> None:
    answer = api.send(
        "POST", "/api/rules", {"text": 'alert "x" on $AAA when close crosses over 5 at tick fire once'}, 400
    )
    assert answer["code"] == "invalid_rule"
    assert answer["fields"]["text"][0].startswith("1:")
    for body in (
        {},
        {"name": "x", "instrument": "AAA", "direction": "above"},
        {"name": "x", "instrument": "NOBODY", "direction": "above", "level": 1},
        {"name": "x", "instrument": "AAA", "direction": "sideways", "level": 1},
        {"name": "x", "instrument": "AAA", "direction": "above", "level": "much"},
        {"name": "x", "instrument": "AAA", "direction": "above", "level": -1},
        {"text": TEXT, "name": "both"},
    ):
        answer = api.client.post("/api/rules", json=body, headers={"Authorization": "Bearer owner-token-of-the-test"})
        assert answer.status_code in {400, 404}, body
    assert api.get("/api/rules")["items"] == []


def test_the_same_key_has_one_effect(api: Any) -> None:
    body = {"name": "mine", "instruments": ["AAA"]}
    first = api.send("POST", "/api/watchlists", body, 201, **{"Idempotency-Key": "k1"})
    again = api.send("POST", "/api/watchlists", body, 201, **{"Idempotency-Key": "k1"})
    assert again == first
    assert len(api.get("/api/watchlists")["items"]) == 1
    other = api.send("POST", "/api/watchlists", {"name": "other"}, 409, **{"Idempotency-Key": "k1"})
    assert other["code"] == "conflict"
    api.send("POST", "/api/watchlists", {"name": ""}, 400, **{"Idempotency-Key": "k2"})
    api.send("POST", "/api/watchlists", {"name": "later"}, 201, **{"Idempotency-Key": "k2"})


def test_watchlists_live_and_are_announced(api: Any) -> None:
    made = api.send("POST", "/api/watchlists", {"name": "mine", "instruments": ["AAA", "NSE:BBB", "AAA"]}, 201)
    assert made["instruments"] == ["NSE:AAA", "NSE:BBB"]
    path = f"/api/watchlists/{made['watchlist_id']}"
    assert api.get(path) == made
    changed = api.send("PUT", path, {"name": "ours", "instruments": ["CCC"]})
    assert (changed["name"], changed["instruments"]) == ("ours", ["NSE:CCC"])
    assert api.send("DELETE", path) == {"ok": True}
    api.get(path, 404)
    api.send("PUT", path, {"name": "gone"}, 404)
    said = [orjson.loads(frame) for _, frame in api.bus.read("market", 0, 0)]
    assert said == [{"type": "watchlist", "watchlist_id": made["watchlist_id"]}] * 3
    api.send("POST", "/api/watchlists", {"name": "x", "instruments": ["NOBODY"]}, 404)
    api.stores.watchlists.put(Watchlist("theirs", "somebody else", "secret"))
    api.get("/api/watchlists/theirs", 404)


def test_a_lost_bus_does_not_lose_the_watchlist(api: Any) -> None:
    api.bus.is_down = True
    api.send("POST", "/api/watchlists", {"name": "mine"}, 201)
    assert len(api.get("/api/watchlists")["items"]) == 1


def test_the_inbox_pages_and_counts_unread(api: Any) -> None:
    aaa = int(instrument_id("NSE:AAA"))
    firings = [
        Firing(f"f{n}", "r1", "up", LOCAL_OWNER, aaa, "NSE:AAA", 10**18 + n * 10**9, {"close": 105.0}) for n in range(5)
    ]
    api.stores.ledger.append(firings, (0,), "e", 1)
    first = api.get("/api/alerts?limit=3")
    assert [item["firing_id"] for item in first["items"]] == ["f4", "f3", "f2"]
    assert first["unread"] == 5
    assert first["items"][0]["values"] == {"close": 105.0}
    rest = api.get(f"/api/alerts?limit=3&cursor={first['next_cursor']}")
    assert [item["firing_id"] for item in rest["items"]] == ["f1", "f0"]
    assert rest["next_cursor"] is None
    newest = max(item["recorded_at"] or item["event_time"] for item in first["items"])
    assert api.send("POST", "/api/alerts/read", {"up_to": newest}) == {"ok": True}
    assert api.get("/api/alerts")["unread"] == 0
    api.send("POST", "/api/alerts/read", {"up_to": "soon"}, 400)
    api.get("/api/alerts?cursor=nonsense", 400)
