"""Rules over REST: checked, written as forms, armed, changed, imported, explained; and the editor's completion."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from marketbell.adapters.cache.memory import MemoryCache
from marketbell.adapters.calendars.dated.catalogue import CalendarCatalogue
from marketbell.core.language.reader import parse_rule
from marketbell.core.primitives.identity import instrument_id
from marketbell.core.rules.words import sentence
from marketbell.flows.market_views.numbers import utc
from marketbell.ports.reasons import HAVE, WANTS, ReasonRequest
from marketbell.ports.stores import LOCAL_OWNER, Channel, Firing, Watchlist

LEVEL = 'alert "High" on $NSE:AAA when close crosses above 105 at tick fire once'
CLOCK = 1_619_580_660 * 10**9
DIP = 'alert "Dip" on watchlist "core" when rsi(close, 14)@15m crosses below 30 at 15m close cooldown 2h per symbol'
EXAMPLES = Path(__file__).parents[2] / "core" / "language" / "examples" / "language.bell"


@pytest.fixture
def with_lists(api: Any) -> Any:
    api.stores.watchlists.put(Watchlist("w", LOCAL_OWNER, "core", ("NSE:AAA", "NSE:CCC")))
    api.stores.channels.put(Channel("c", LOCAL_OWNER, "slack", "desk", {"url": "https://example.com"}))
    return api


# --- reading -----------------------------------------------------------------------------------------------------


def test_a_text_is_read_in_all_its_views(with_lists: Any) -> None:
    body = with_lists.send("POST", "/api/rules/check", {"text": DIP})
    assert (body["ok"], body["errors"]) == (True, [])
    (rule,) = body["rules"]
    assert (rule["kind"], rule["name"], rule["text"]) == ("alert", "Dip", DIP)
    assert rule["sentence"] == sentence(parse_rule(DIP))
    assert rule["form"]["on"] == [{"kind": "watchlist", "name": "core", "venue": ""}]
    plan = rule["plan"]
    assert (plan["timing"], plan["symbols"], plan["evaluations_per_day"]) == ("15m close", 2, 50)
    assert plan["may_repaint"] is False
    assert plan["fields"] == ["close"]


def test_what_is_wrong_stands_at_its_place_and_what_can_be_read_is_there(with_lists: Any) -> None:
    body = with_lists.send("POST", "/api/rules/check", {"text": DIP.replace("core", "cor")})
    assert body["ok"] is False
    (error,) = body["errors"]
    assert (error["line"], error["column"], error["reason"]) == (1, 16, "name")
    assert "did you mean “core”" in error["message"]
    assert body["rules"][0]["plan"]["symbols"] == 0
    broken = with_lists.send("POST", "/api/rules/check", {"text": DIP.replace("rsi", "rsj")})
    assert (broken["ok"], broken["rules"]) == (False, [])
    assert broken["errors"][0]["message"].endswith("did you mean `rsi`?")


def test_the_rules_of_the_reference_survive_text_form_and_back(api: Any) -> None:
    body = api.send("POST", "/api/rules/check", {"text": EXAMPLES.read_text(encoding="utf-8")})
    assert len(body["rules"]) >= 25
    for rule in body["rules"]:
        written = api.send("POST", "/api/rules/form", {"form": rule["form"]})
        assert written == {"text": rule["text"], "sentence": rule["sentence"], "errors": []}
        assert rule["plan"]["sub_expressions"] > 0


def test_a_form_says_which_blank_is_wrong(api: Any) -> None:
    form = api.send("POST", "/api/rules/check", {"text": LEVEL})["rules"][0]["form"]
    written = api.send("POST", "/api/rules/form", {"form": form | {"hold": "soon"}})
    assert written["text"] == ""
    assert [error["path"] for error in written["errors"]] == ["hold"]


# --- armed rules --------------------------------------------------------------------------------------------------


def test_a_rule_for_a_list_is_armed_listed_changed_and_armed_again(with_lists: Any) -> None:
    api = with_lists
    made = api.send("POST", "/api/rules", {"text": DIP, "group": "desk"}, 201)
    assert (made["kind"], made["instrument"], made["universe"], made["group"]) == (
        "rule", None, 'watchlist "core"', "desk",
    )  # fmt: skip
    assert made["condition"] == "rsi(close, 14)@15m crosses below 30"
    assert (made["timing"], made["severity"], made["firings"], made["last_fired_at"]) == (
        "15m close", "normal", 0, None,
    )  # fmt: skip
    uid = made["rule_uid"]
    edited = api.send("PUT", f"/api/rules/{uid}", {"text": DIP.replace("30", "25"), "notify": ["slack:desk"]})
    assert (edited["version"], edited["notify"], edited["group"]) == (2, ["slack:desk"], "desk")
    versions = api.get(f"/api/rules/{uid}/versions")["items"]
    assert [(one["version"], one["state"]) for one in versions] == [(2, "armed"), (1, "replaced")]
    assert api.send("DELETE", f"/api/rules/{uid}") == {"ok": True}
    assert api.send("POST", f"/api/rules/{uid}/arm")["state"] == "armed"
    assert api.get(f"/api/rules/{uid}")["version"] == 3
    api.get("/api/rules/none", 404)
    api.send("PUT", "/api/rules/none", {"text": DIP}, 404)


def test_firings_are_counted_and_held_back_ones_are_not(with_lists: Any) -> None:
    uid = with_lists.send("POST", "/api/rules", {"text": LEVEL}, 201)["rule_uid"]
    number = int(instrument_id("NSE:AAA"))
    firings = [
        Firing(f"f{n}", uid, "High", LOCAL_OWNER, number, "NSE:AAA", (n + 1) * 10**18, {}, recorded_at=n + 1)
        for n in range(3)
    ]
    held = Firing(
        "h", uid, "High", LOCAL_OWNER, number, "NSE:AAA", 5 * 10**18, {}, recorded_at=9, suppressed="cooldown"
    )
    with_lists.stores.ledger.append([*firings, held], (0,), "e", 1)
    (rule,) = with_lists.get("/api/rules")["items"]
    assert (rule["firings"], rule["last_fired_at"]) == (3, "2065-01-24T05:20:00.000Z")


def test_a_file_is_imported_as_the_truth_of_its_group(with_lists: Any) -> None:
    api = with_lists
    first = api.send("POST", "/api/rules/import", {"text": f"{DIP}\n{LEVEL}", "group": "git", "prune": True})
    assert {name: first[name] for name in ("armed", "changed", "unchanged", "disarmed")} == {
        "armed": 2, "changed": 0, "unchanged": 0, "disarmed": 0,
    }  # fmt: skip
    second = api.send("POST", "/api/rules/import", {"text": LEVEL, "group": "git", "prune": True})
    assert (second["unchanged"], second["disarmed"]) == (1, 1)
    assert {rule["name"]: rule["state"] for rule in api.get("/api/rules")["items"]} == {
        "Dip": "disabled", "High": "armed",
    }  # fmt: skip
    wrong = api.send("POST", "/api/rules/import", {"text": LEVEL.replace("AAA", "AAB"), "group": "git"}, 400)
    assert wrong["fields"]["text"][0].startswith("1:17: there is no instrument")


def test_a_changed_watchlist_is_followed_by_its_rules(with_lists: Any) -> None:
    uid = with_lists.send("POST", "/api/rules", {"text": DIP}, 201)["rule_uid"]
    with_lists.send("PUT", "/api/watchlists/w", {"name": "core", "instruments": ["NSE:BBB"]})
    assert with_lists.get(f"/api/rules/{uid}")["version"] == 2
    assert with_lists.stores.rules.unpublished()[-1].payload["members"] == {"watchlist:core": ["NSE:BBB"]}
    with_lists.send("DELETE", "/api/watchlists/w")
    assert with_lists.get(f"/api/rules/{uid}")["problem"] == 'there is no watchlist "core"'


def test_a_plan_says_what_is_shared(with_lists: Any) -> None:
    uid = with_lists.send("POST", "/api/rules", {"text": DIP}, 201)["rule_uid"]
    with_lists.send("POST", "/api/rules", {"text": DIP.replace("Dip", "Deeper").replace("30", "20")}, 201)
    plan = with_lists.get(f"/api/rules/{uid}/explain")
    assert 0 < plan["shared"] < plan["sub_expressions"]


# --- preview ------------------------------------------------------------------------------------------------------


def put_days(api: Any, key: str, closes: list[float]) -> list[int]:
    """Daily bars of the newest trading days; gives the closes of their sessions."""
    table = CalendarCatalogue().sessions("XNSE")
    opened = np.asarray(table.open)
    at = np.flatnonzero(opened < CLOCK - 86_400 * 10**9)[-len(closes) :]
    prices = np.array(closes)
    api.stores.bars.put(
        "1d",
        {
            "instrument_id": np.full(len(at), int(instrument_id(key)), np.int64),
            "start": opened[at],
            **dict.fromkeys(("open", "high", "low", "close"), prices),
            "volume": np.full(len(at), 5.0),
        },
    )
    closed: list[int] = np.asarray(table.close)[at].tolist()
    return closed


def test_a_preview_tells_what_the_rule_would_have_done(api: Any) -> None:
    closed = put_days(api, "NSE:AAA", [100.0, 104, 106, 103, 107, 101])
    body = api.send(
        "POST", "/api/rules/preview", {"text": 'alert "x" on Autos when close crosses above 105 at 1d close'}
    )
    assert (body["fires"], body["symbols_fired"], body["suppressed"]) == (2, 1, 0)
    assert [(one["instrument"], one["symbol"], one["value"], one["event"]) for one in body["markers"]] == [
        ("NSE:AAA", "AAA", "106", "fire"),
        ("NSE:AAA", "AAA", "107", "fire"),
    ]
    assert [one["time"] for one in body["markers"]] == [utc(closed[2]), utc(closed[4])]
    assert body["history"]["instruments"] == 2
    assert "1 of 2 instruments have no bars in this time." in body["history"]["gaps"]
    assert {one["after"] for one in body["outcomes"]} == {"5m", "1h", "1d"}
    assert body["markers"][0]["firing_id"] != body["markers"][1]["firing_id"]


def test_a_preview_of_one_instrument_and_of_what_cannot_be_tried(api: Any) -> None:
    put_days(api, "NSE:AAA", [100.0, 104, 106])
    text = 'alert "x" on Autos when close > 105 at 1d close'
    assert api.send("POST", "/api/rules/preview", {"text": text, "days": 5, "instrument": "NSE:CCC"})["fires"] == 0
    wrong = api.send("POST", "/api/rules/preview", {"text": text, "instrument": "NSE:BBB"}, 400)
    assert wrong["fields"] == {"instrument": ["the rule is not about NSE:BBB"]}
    nobody = api.send("POST", "/api/rules/preview", {"text": text.replace("Autos", "Ships")}, 400)
    assert nobody["fields"]["text"][0].startswith("1:14: there is no index")
    api.send("POST", "/api/rules/preview", {"text": text, "days": 0}, 400)


# --- why ----------------------------------------------------------------------------------------------------------


class AnsweringStream:
    """Answers as soon as it is asked, as the stream does a moment later."""

    def __init__(self, cache: MemoryCache, monkeypatch: pytest.MonkeyPatch, answer: Mapping[str, Any]) -> None:
        self.requests: list[ReasonRequest] = []
        put = cache.put_fields

        def put_and_answer(key: str, fields: Mapping[str, bytes]) -> None:
            put(key, fields)
            for nonce, value in fields.items() if key == WANTS else ():
                self.requests.append(ReasonRequest.from_dict(orjson.loads(value)))
                cache.set(HAVE + nonce, orjson.dumps(answer))

        monkeypatch.setattr(cache, "put_fields", put_and_answer)


ANSWER = {
    "condition": "close crosses above 105", "event": "", "timing": "tick", "event_time": 5, "truth": False,
    "sentence": "The price is 101, still under 105.", "value": 101.0, "previous": None, "level": 105.0,
    "clauses": [
        {"text": "close crosses above 105", "role": "when", "truth": False, "distance": 4.0, "distance_pct": 3.8,
         "terms": []},
    ],
    "first_false": {"text": "close crosses above 105", "distance": 4.0, "distance_text": "4 too low"},
    "missing": [], "terms": [], "state": "idle", "since": None, "until": 1_619_580_600 * 10**9, "suppressed": None,
    "evaluated_at": 1_619_580_600 * 10**9,
}  # fmt: skip


def test_why_not_is_asked_of_the_stream(with_lists: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    uid = with_lists.send("POST", "/api/rules", {"text": LEVEL}, 201)["rule_uid"]
    stream = AnsweringStream(with_lists.cache, monkeypatch, ANSWER)
    body = with_lists.get(f"/api/rules/{uid}/why?instrument=AAA")
    assert (body["state"], body["truth"], body["first_false"]["distance"]) == ("idle", False, 4.0)
    assert body["evaluated_at"] == body["until"] == "2021-04-28T03:30:00.000Z"
    (request,) = stream.requests
    assert (request.rule_uid, request.instrument) == (uid, "NSE:AAA")


def test_a_rule_that_is_not_about_it_is_a_user_error(with_lists: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    uid = with_lists.send("POST", "/api/rules", {"text": LEVEL}, 201)["rule_uid"]
    AnsweringStream(with_lists.cache, monkeypatch, {"error": "the rule is not about this instrument"})
    assert "not about" in with_lists.get(f"/api/rules/{uid}/why?instrument=NSE:CCC", 400)["message"]


def test_a_silent_stream_is_said_and_a_disabled_rule_needs_none(with_lists: Any) -> None:
    uid = with_lists.send("POST", "/api/rules", {"text": LEVEL}, 201)["rule_uid"]
    assert "stream" in with_lists.get(f"/api/rules/{uid}/why?instrument=AAA", 503)["message"]
    assert with_lists.cache.fields(WANTS) == {}
    with_lists.send("DELETE", f"/api/rules/{uid}")
    body = with_lists.get(f"/api/rules/{uid}/why?instrument=AAA")
    assert (body["state"], body["sentence"]) == ("disabled", "It is disabled: it does not look.")
    with_lists.get("/api/rules/none/why?instrument=AAA", 404)


# --- editors ------------------------------------------------------------------------------------------------------


def test_the_registry_has_fields_functions_and_universes(api: Any) -> None:
    body = api.get("/api/fields")
    by_name = {one["name"]: one for one in body["items"]}
    assert by_name["fund.pe"]["aliases"] == ["pe"]
    assert by_name["opt.pcr_oi"]["is_live"] is True
    assert by_name["news.count"]["is_live"] is False
    assert by_name["opt.pcr_oi"]["settings"][0]["choices"][0] == "nearest"
    rsi = next(one for one in body["functions"] if one["name"] == "rsi")
    assert (rsi["kind"], rsi["parameters"][0]["default"], rsi["main"]) == ("series", 14, "")
    assert body["universes"] == ["Autos", "Banks"]


def test_completion_knows_the_grammar_and_a_persons_names(with_lists: Any) -> None:
    def offered(text: str, kind: str = "rule") -> list[str]:
        body = with_lists.send("POST", "/api/language/complete", {"text": text, "position": len(text), "kind": kind})
        assert body["from"] <= body["to"]
        return [item["insert"] for item in body["items"]]

    assert 'watchlist "core"' in offered('alert "x" on ')
    assert offered('alert "x" on $al')[0] == "$NSE:AAA"
    assert "slack:desk" in offered('alert "x" on Autos when close > 5 notify ')
    assert offered("rs", "expression")[0] == "rsi("
