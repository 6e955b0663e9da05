"""The inbox over REST: by rule, by instrument, what is unread; one alert with its reason."""

from typing import Any

from marketbell.core.primitives.identity import instrument_id
from marketbell.ports.stores import LOCAL_OWNER, Firing

SECOND = 10**9
WHY = {"condition": "close > 5", "sentence": "The price is 6, above 5.", "clauses": []}


def firing(number: int, rule_uid: str = "one", instrument: str = "NSE:AAA", **more: Any) -> Firing:
    ident = int(instrument_id(instrument))
    time = (1_619_580_600 + number) * SECOND
    return Firing(f"f{number}", rule_uid, "Rule", LOCAL_OWNER, ident, instrument, time, WHY, recorded_at=time, **more)


def put(api: Any) -> None:
    held = firing(4, suppressed="cooldown", event="enter", severity="high", version=3)
    mine = [firing(1), firing(2, "two"), firing(3, instrument="NSE:BBB"), held]
    api.stores.ledger.append([*mine], (0,), "e", 1)


def names(body: Any) -> list[str]:
    return [item["firing_id"] for item in body["items"]]


def test_alerts_are_found_by_rule_by_instrument_and_by_what_was_read(api: Any) -> None:
    put(api)
    everything = api.get("/api/alerts")
    assert (names(everything), everything["unread"]) == (["f4", "f3", "f2", "f1"], 3)
    assert names(api.get("/api/alerts?rule_uid=two")) == ["f2"]
    assert names(api.get("/api/alerts?instrument=AAA")) == ["f4", "f2", "f1"]
    assert names(api.get("/api/alerts?instrument=NSE:BBB&rule_uid=two")) == []
    api.send("POST", "/api/alerts/read", {"up_to": "2021-04-28T03:30:02.000Z"})
    assert names(api.get("/api/alerts?unread=true")) == ["f4", "f3"]
    assert [item["is_read"] for item in api.get("/api/alerts")["items"]] == [False, False, True, True]
    api.get("/api/alerts?instrument=NOBODY", 404)


def test_pages_keep_their_filter(api: Any) -> None:
    put(api)
    first = api.get("/api/alerts?instrument=NSE:AAA&limit=2")
    assert names(first) == ["f4", "f2"]
    rest = api.get(f"/api/alerts?instrument=NSE:AAA&limit=2&cursor={first['next_cursor']}")
    assert (names(rest), rest["next_cursor"]) == (["f1"], None)


def test_an_alert_says_what_it_is_and_why(api: Any) -> None:
    put(api)
    held = api.get("/api/alerts/f4")
    assert {name: held[name] for name in ("event", "severity", "version", "suppressed", "values")} == {
        "event": "enter",
        "severity": "high",
        "version": 3,
        "suppressed": "cooldown",
        "values": WHY,
    }
    assert api.get("/api/alerts/f1")["suppressed"] == ""
    api.get("/api/alerts/none", 404)
