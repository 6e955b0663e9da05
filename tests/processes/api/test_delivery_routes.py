"""Acks, silences, preferences, dead letters, stories and signed links over REST; other people's are not there."""

import re
from dataclasses import replace
from typing import Any

import pytest

from marketbell.core.alerts.links import LIFE_S
from marketbell.core.primitives.identity import instrument_id
from marketbell.flows.alerting.delivering import Deliverer
from marketbell.flows.alerting.planning import Planner
from marketbell.flows.alerting.signing import Links
from marketbell.ports.ledger import Delivery, Firing
from marketbell.ports.stores import LOCAL_OWNER, Channel
from marketbell.processes.api.routes.rules import service

SECOND = 10**9
WHY = {"condition": "close > 5", "sentence": "The price is 6, above 5."}


def firing(number: int, owner_id: str = LOCAL_OWNER, at: int = 1_699_999_000, **more: Any) -> Firing:
    time = (at + number) * SECOND
    ident = int(instrument_id("NSE:AAA"))
    made = Firing(f"f{number}", "one", "Rule", owner_id, ident, "NSE:AAA", time, WHY, recorded_at=time)
    return replace(made, **more)


def put(api: Any, *firings: Firing, state: str = "queued", **more: Any) -> None:
    api.stores.ledger.append(firings, (0,), "e", 1)
    for one in firings:
        payload = {"owner_id": one.owner_id, "label": "desk", "title": f"title {one.firing_id}"}
        made = Delivery(f"d-{one.firing_id}", one.firing_id, "slack", "c1", state, payload=payload, **more)
        api.stores.ledger.plan(one.firing_id, [made], api.clock.now())


def test_an_ack_mutes_the_rule_about_the_instrument_for_the_day(api: Any) -> None:
    put(api, firing(1))
    api.send("PUT", "/api/alerting/preferences", {"zone": "Asia/Kolkata"})
    ack = api.send("POST", "/api/alerts/f1/ack")
    assert ack == {
        "kind": "ack",
        "at": "2023-11-14T22:13:20.000Z",
        "by": "owner",
        "until": "2023-11-15T18:30:00.000Z",
    }
    assert api.send("POST", "/api/alerts/f1/ack") == ack
    assert api.get("/api/alerts/f1")["ack"] == ack
    assert api.get("/api/alerts")["items"][0]["ack"] == ack
    assert [one.kind for one in api.stores.wishes.wishes(LOCAL_OWNER, api.clock.now()).mutes] == ["ack"]


@pytest.mark.parametrize(
    ("body", "until"),
    [
        ({}, "2023-11-15T22:13:20.000Z"),
        ({"for_s": 3_600}, "2023-11-14T23:13:20.000Z"),
        ({"until": "2023-11-14T23:00:00Z"}, "2023-11-14T23:00:00.000Z"),
    ],
)
def test_a_snooze_has_a_length_or_an_end(api: Any, body: dict[str, Any], until: str) -> None:
    put(api, firing(1))
    snoozed = api.send("POST", "/api/alerts/f1/snooze", body)
    assert (snoozed["kind"], snoozed["until"]) == ("snooze", until)


@pytest.mark.parametrize(
    "body",
    [
        {"for_s": 60, "until": "2024-01-01T00:00:00Z"},
        {"until": "2020-01-01"},
        {"until": "2099-01-01"},
        {"for_s": 1},
        {"until": "x"},
    ],
)
def test_a_snooze_that_makes_no_sense_says_so(api: Any, body: dict[str, Any]) -> None:
    put(api, firing(1))
    assert api.send("POST", "/api/alerts/f1/snooze", body, 400)["fields"]


def test_other_peoples_alerts_are_not_there(api: Any) -> None:
    put(api, firing(1, "somebody"), state="dead")
    for method, path in [
        ("GET", "/api/alerts/f1/story"),
        ("POST", "/api/alerts/f1/ack"),
        ("POST", "/api/alerts/f1/rearm"),
        ("GET", "/api/alerts/none/story"),
    ]:
        api.send(method, path, status=404)
    api.send("POST", "/api/alerts/f1/snooze", {}, 404)
    assert api.get("/api/dead-letters")["items"] == []
    assert api.send("POST", "/api/dead-letters/replay", {"delivery_ids": ["d-f1"]}) == {"replayed": 0}
    assert api.get("/api/delivery")["states"] == {}


def test_silences_are_made_listed_and_ended(api: Any) -> None:
    until = "2023-11-15T00:00:00.000Z"
    made = api.send("POST", "/api/silences", {"instrument": "AAA", "until": until, "reason": " a  holiday "}, 201)
    assert {name: made[name] for name in ("rule_uid", "instrument", "severity", "until", "reason")} == {
        "rule_uid": None,
        "instrument": "NSE:AAA",
        "severity": None,
        "until": until,
        "reason": "a holiday",
    }
    assert api.get("/api/silences")["items"] == [made]
    api.send("DELETE", f"/api/silences/{made['silence_id']}")
    api.send("DELETE", f"/api/silences/{made['silence_id']}", status=404)
    assert api.get("/api/silences")["items"] == []
    assert "until" in api.send("POST", "/api/silences", {"until": "2020-01-01"}, 400)["fields"]
    api.send("POST", "/api/silences", {"instrument": "NOBODY", "until": until}, 404)


def test_one_key_makes_one_silence(api: Any) -> None:
    body, key = {"until": "2023-11-15T00:00:00Z"}, {"Idempotency-Key": "k1"}
    made = [api.send("POST", "/api/silences", body, 201, **key) for _ in range(2)]
    assert made[0] == made[1]
    assert len(api.get("/api/silences")["items"]) == 1


def test_preferences_begin_with_defaults_and_are_checked(api: Any) -> None:
    assert api.get("/api/alerting/preferences") == {
        "zone": "UTC",
        "quiet_from": "",
        "quiet_to": "",
        "quiet_except_high": True,
        "digest_at": "08:00",
        "group_window_s": 60,
        "repeat_s": 0,
    }
    wanted = {"zone": "Asia/Kolkata", "quiet_from": "22:00", "quiet_to": "07:00", "group_window_s": 0}
    assert api.send("PUT", "/api/alerting/preferences", wanted) == api.get("/api/alerting/preferences")
    assert api.get("/api/alerting/preferences")["quiet_to"] == "07:00"
    assert "zone" in api.send("PUT", "/api/alerting/preferences", {"zone": "Mars"}, 400)["fields"]
    assert "quiet_to" in api.send("PUT", "/api/alerting/preferences", {"quiet_from": "22:00"}, 400)["fields"]


def test_dead_letters_are_paged_and_replayed(api: Any) -> None:
    for number in (1, 2, 3):
        put(api, firing(number), state="dead", error="404")
        api.clock.move(1.0)
    first = api.get("/api/dead-letters?limit=2")
    assert [item["delivery_id"] for item in first["items"]] == ["d-f3", "d-f2"]
    rest = api.get(f"/api/dead-letters?limit=2&cursor={first['next_cursor']}")
    assert ([item["delivery_id"] for item in rest["items"]], rest["next_cursor"]) == (["d-f1"], None)
    shown = rest["items"][0]
    assert {name: shown[name] for name in ("title", "error", "address_label", "channel", "died_at")} == {
        "title": "title f1",
        "error": "404",
        "address_label": "desk",
        "channel": "slack",
        "died_at": "2023-11-14T22:13:20.000Z",
    }
    since = shown["died_at"].replace("20.000Z", "21.000Z")
    assert len(api.get(f"/api/dead-letters?since={since}")["items"]) == 2
    assert api.get("/api/dead-letters?channel=sms")["items"] == []
    assert api.get("/api/delivery")["dead"] == 3
    assert api.send("POST", "/api/dead-letters/replay", {"delivery_ids": ["d-f1"]}) == {"replayed": 1}
    assert api.send("POST", "/api/dead-letters/replay", {"channel": "slack"}) == {"replayed": 2}
    assert api.get("/api/delivery")["states"] == {"queued": 3}
    api.get("/api/dead-letters?cursor=nonsense", 400)


def test_delivery_in_numbers(api: Any) -> None:
    put(api, firing(1, at=1_699_999_998), state="sent", sent_at=api.clock.now())
    put(api, firing(2))
    figures = api.get("/api/delivery")
    assert figures["states"] == {"queued": 1, "sent": 1}
    assert figures["oldest_unsent_s"] == 0.0
    assert figures["latency_ms"] == {"p50": 1_000.0, "p99": 1_000.0}
    assert figures["by_channel"] == [
        {"channel": "slack", "states": {"queued": 1, "sent": 1}, "latency_ms": {"p50": 1_000.0, "p99": 1_000.0}}
    ]


def test_alerts_are_found_by_delivery_and_stand_together_by_rule(api: Any) -> None:
    put(api, firing(1), firing(2, rule_uid="two", severity="high"))
    put(api, firing(3), state="dead")
    assert [item["firing_id"] for item in api.get("/api/alerts?state=dead")["items"]] == ["f3"]
    assert [item["firing_id"] for item in api.get("/api/alerts?severity=high")["items"]] == ["f2"]
    grouped = api.get("/api/alerts?group=rule&limit=1")
    assert [(item["firing_id"], item["group"]) for item in grouped["items"]] == [
        ("f3", {"count": 2, "unread": 2, "instruments": ["NSE:AAA"]})
    ]
    rest = api.get(f"/api/alerts?group=rule&limit=1&cursor={grouped['next_cursor']}")
    assert [item["firing_id"] for item in rest["items"]] == ["f2"]
    assert api.get("/api/alerts/f1")["group"] is None
    api.get("/api/alerts?state=lost", 400)


def test_the_story_goes_from_the_tick_to_the_reading(api: Any) -> None:
    stores, clock = api.stores, api.clock
    stores.channels.put(Channel("c1", LOCAL_OWNER, "slack", "desk", {}))
    stores.ledger.append([firing(1, notify=("slack", "sms"))], (0,), "e", 1)
    planner = Planner(stores.ledger, stores.channels, stores.instruments, clock, "", wishes=stores.wishes)

    class Slack:
        kind = "slack"
        honours_key = False

        def send(self, *_: Any) -> str:
            return "ts-17"

    deliverer = Deliverer(stores.ledger, stores.channels, {"slack": Slack()}, clock)
    planner.run()
    clock.move(1.0)
    (claimed,) = deliverer.claim(10)
    outcome = deliverer.attempt(claimed)
    assert outcome is not None
    deliverer.settle(outcome)
    api.send("POST", "/api/alerts/f1/ack")
    api.send("POST", "/api/alerts/read", {"up_to": "2023-11-14T22:30:00Z"})
    story = api.get("/api/alerts/f1/story")["items"]
    assert [(line["what"], line["channel"], line["address_label"], line["detail"]) for line in story] == [
        ("decided", "", "", "The price is 6, above 5."),
        ("recorded", "", "", "rule Rule, version 1"),
        ("planned", "", "", ""),
        ("inbox", "in_app", "inbox", "shown in the inbox"),
        ("queued", "slack", "desk", ""),
        ("dead", "sms", "sms", "there is no channel sms"),
        ("attempt", "slack", "desk", "attempt 1"),
        ("accepted", "slack", "desk", "ts-17"),
        ("acknowledged", "", "", "by owner"),
        ("read", "", "", ""),
    ]


def test_rearming_lets_the_rule_begin_anew_and_ends_what_muted_it(api: Any) -> None:
    rule = api.send("POST", "/api/rules", {"text": 'alert "R" on $NSE:AAA when close crosses above 5 at tick'}, 201)
    put(api, firing(1, rule_uid=rule["rule_uid"]))
    api.send("POST", "/api/alerts/f1/ack")
    assert api.send("POST", "/api/alerts/f1/rearm") == {
        "rule_uid": rule["rule_uid"],
        "version": 2,
        "state": "armed",
        "unmuted": 1,
    }
    with api.client.application.app_context():
        assert service().one(LOCAL_OWNER, rule["rule_uid"]).version == 2
    put(api, firing(2, rule_uid="watch:feed"))
    api.send("POST", "/api/alerts/f2/rearm", status=404)


# --- links of messages ---------------------------------------------------------------------------------------------


def link(api: Any, purpose: str, firing_id: str = "f1") -> str:
    url = Links(api.parts.signing_key, "http://x").url(purpose, LOCAL_OWNER, firing_id, api.clock.now())  # type: ignore[arg-type]
    return url.removeprefix("http://x")


@pytest.mark.parametrize("purpose", ["ack", "snooze", "mute"])
def test_a_link_is_looked_at_without_a_login_and_done_by_its_button(api: Any, purpose: str) -> None:
    put(api, firing(1))
    path = link(api, purpose)
    page = api.client.get(path)
    assert page.status_code == 200
    assert api.stores.wishes.wishes(LOCAL_OWNER, api.clock.now()).mutes == ()
    assert api.stores.wishes.silences(LOCAL_OWNER, 0) == []
    (form,) = re.findall(r'<form method="post" action="([^"]+)">', page.get_data(as_text=True))
    assert form == path
    assert api.client.post(form, headers={"Origin": "null"}).status_code == 200
    # as a mail program does for List-Unsubscribe-Post: its own form, no origin, no cookie
    assert api.client.post(form, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    wishes = api.stores.wishes.wishes(LOCAL_OWNER, api.clock.now())
    if purpose == "mute":
        assert [(one.rule_uid, one.instrument) for one in wishes.silences] == [("one", "")]
    else:
        assert [(one.kind, one.instrument, one.by) for one in wishes.mutes] == [(purpose, "NSE:AAA", "link")]


def test_links_that_are_broken_foreign_or_old_do_nothing(api: Any) -> None:
    put(api, firing(1))
    good = link(api, "ack")
    foreign = Links(b"another key", "http://x").url("ack", LOCAL_OWNER, "f1", api.clock.now()).removeprefix("http://x")
    text, _, mac = good.removeprefix("/m/").partition(".")
    bad = [foreign, good[:-1], f"/m/{text}", f"/m/{text}.", f"/m/{text}.{mac}=", "/m/x.y", f"/m/{'a' * 500}.b"]
    for path in [*bad, link(api, "ack", "none")]:
        assert api.client.post(path).status_code == 404, path
    api.clock.move(LIFE_S + 1.0)
    assert api.client.get(good).status_code == 404
    assert api.client.post(good).status_code == 404
    assert api.stores.wishes.wishes(LOCAL_OWNER, 0).mutes == ()


def test_what_a_page_says_of_a_rule_is_text(api: Any) -> None:
    put(api, firing(1, rule="<script>alert(1)</script>"))
    page = api.client.get(link(api, "mute")).get_data(as_text=True)
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
