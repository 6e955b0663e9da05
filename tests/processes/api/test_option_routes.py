"""The option routes: stored chains in, analysed answers out, and what is said where there are none."""

import math
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import orjson
import pytest

from marketbell.adapters.stores.memory.chains import MemoryChains
from marketbell.core.market.instrument import Instrument
from marketbell.core.options.analysis import analyse
from marketbell.core.options.chain import Chain, Side
from marketbell.core.options.expiry import expires_at
from marketbell.core.options.metrics import NAMES
from marketbell.core.primitives.errors import StoreUnavailableError
from marketbell.ports.chains import ChainRecord

MINUTE = 60 * 10**9
OPEN = int(datetime(2026, 8, 19, 3, 45, tzinfo=UTC).timestamp()) * 10**9
NEAR, NEXT, MONTHLY = date(2026, 8, 25), date(2026, 9, 1), date(2026, 9, 29)
SPOT = 24_010.0
STRIKES = np.arange(23_000.0, 25_050.0, 50.0)


def chain(as_of: int, expiry: date = NEAR, underlying: str = "NSE:NIFTY", iv: float = 0.14, **more: Any) -> Chain:
    """A chain whose quotes stand a tenth about Black's price at one volatility."""
    ends = expires_at(underlying, expiry)
    t = (ends - as_of) / (365 * 86_400 * 1e9)
    deviation = iv * math.sqrt(t)

    def normal(x: float) -> float:
        return 0.5 * math.erfc(-x / math.sqrt(2))

    d1 = [math.log(SPOT / strike) / deviation + deviation / 2 for strike in STRIKES]
    calls = np.array(
        [SPOT * normal(one) - strike * normal(one - deviation) for one, strike in zip(d1, STRIKES, strict=True)]
    )
    puts = calls - SPOT + STRIKES

    def side(prices: Any, oi: Any) -> Side:
        return Side.of(
            len(STRIKES),
            last=prices,
            bid=np.maximum(prices - 0.1, 0.0),
            ask=prices + 0.1,
            volume=oi / 2,
            oi=oi,
            oi_change=np.full(len(STRIKES), 75.0),
            prev_close=prices + 1.0,
            quote_time=np.full(len(STRIKES), as_of - 2 * 10**9),
        )

    call_oi = 75.0 * (1 + np.arange(len(STRIKES)))
    return Chain(
        underlying, expiry, as_of, SPOT, STRIKES, side(calls, call_oi), side(puts, call_oi[::-1] * 2), ends,
        lot_size=75.0, source="test", **more,
    )  # fmt: skip


def kept(*chains: Chain) -> list[ChainRecord]:
    return [ChainRecord(one, analyse(one).metrics, is_simulated=True) for one in chains]


@pytest.fixture
def options(api: Any) -> Any:
    """Two minutes of NIFTY with three expiries, and one chain of another venue's NIFTY-like index."""
    api.stores.instruments.put([Instrument("NSE:NIFTY", "NIFTY 50", kind="index")])
    minutes = [chain(OPEN + minute * MINUTE + 123_456_789, iv=0.14 + minute / 100) for minute in range(3)]
    later = [chain(OPEN, NEXT), chain(OPEN + 1, MONTHLY, flags=("duplicate",))]
    passed = chain(OPEN - 2 * 86_400 * 10**9, date(2026, 8, 18))
    api.stores.chains.put(kept(*minutes, *later, passed))
    return api


def test_without_a_chain_the_list_is_empty_and_the_rest_says_how_to_get_one(api: Any) -> None:
    assert api.get("/api/options") == {"items": []}
    assert api.get("/api/options/NSE:AAA/expiries") == {"underlying": "NSE:AAA", "items": []}
    assert api.get("/api/options/AAA/times")["items"] == []
    assert api.get("/api/options/AAA/history")["items"] == []
    for path in ("chain", "metrics", "pcr", "max-pain", "oi-buildup", "volatility-surface", "strategies?view=up"):
        said = api.get(f"/api/options/AAA/{path}", 404)
        assert said["code"] == "not_found"
        assert said["message"].startswith("NSE:AAA has no option chain yet: start the demo"), path


def test_underlyings_with_what_their_nearest_expiry_says(options: Any) -> None:
    (item,) = options.get("/api/options")["items"]
    assert item | {"atm_iv": None, "pcr_oi": None} == {
        "underlying": "NSE:NIFTY",
        "symbol": "NIFTY",
        "name": "NIFTY 50",
        "spot": SPOT,
        "change_pct": None,
        "as_of": "2026-08-19T03:47:00.123456Z",
        "expiries": ["2026-08-25", "2026-09-01", "2026-09-29"],
        "atm_iv": None,
        "pcr_oi": None,
        "is_simulated": False,
    }
    assert item["atm_iv"] == pytest.approx(16.0, abs=0.01)
    assert item["pcr_oi"] == pytest.approx(2.0)


def test_expiries_have_their_moment_and_their_end(options: Any) -> None:
    found = options.get("/api/options/nifty/expiries")
    assert found["underlying"] == "NSE:NIFTY"
    assert found["items"][0] == {
        "expiry": "2026-08-25",
        "expires_at": "2026-08-25T10:10:00Z",
        "as_of": "2026-08-19T03:47:00.123456Z",
        "days": 6,
        "is_monthly": True,
        "strikes": len(STRIKES),
    }
    assert [one["expiry"] for one in found["items"]] == ["2026-08-25", "2026-09-01", "2026-09-29"]
    before = options.get("/api/options/NIFTY50/expiries?as_of=2026-08-18")
    assert [one["expiry"] for one in before["items"]] == ["2026-08-18"], "what was there then"


def test_a_chain_is_that_of_the_moment_and_the_model(options: Any) -> None:
    found = options.get("/api/options/NSE:NIFTY/chain?expiry=2026-08-25")
    assert found["as_of"] == "2026-08-19T03:47:00.123456Z"
    assert (found["model"], found["rate"], found["forward_source"]) == ("black76", 0.0, "parity")
    assert (found["is_simulated"], found["lot_size"], found["atm_strike"]) == (True, 75.0, 24_000.0)
    assert set(NAMES) <= found["metrics"].keys()
    atm = next(row for row in found["strikes"] if row["strike"] == 24_000.0)
    assert atm["iv"] == pytest.approx(16.0, abs=0.01)
    assert atm["call"]["status"] == "ok"
    assert atm["call"]["state"] == "short_buildup"
    assert atm["call"]["quote_age_s"] == 2.0
    assert atm["put"]["delta"] == pytest.approx(atm["call"]["delta"] - 1, abs=0.01)

    again = options.get(f"/api/options/NSE:NIFTY/chain?as_of={found['as_of']}")
    assert again == found, "a time of ours finds its chain, and the nearest expiry is meant where none is said"
    first = options.get("/api/options/NSE:NIFTY/chain?as_of=2026-08-19T03:46:00Z")
    assert first["metrics"]["atm_iv"] == pytest.approx(14.0, abs=0.01)
    assert options.get(f"/api/options/NSE:NIFTY/chain?as_of={OPEN + MINUTE}") == first, "ns are read too"
    assert options.get("/api/options/NSE:NIFTY/chain?expiry=next")["expiry"] == "2026-09-01"
    monthly = options.get("/api/options/NSE:NIFTY/chain?expiry=2026-09-29")
    assert monthly["flags"] == ["duplicate"]
    nse = options.get("/api/options/NSE:NIFTY/chain?model=nse")
    assert (nse["model"], nse["rate"]) == ("nse", 0.1)
    assert nse["metrics"]["atm_iv"] != found["metrics"]["atm_iv"]
    assert options.get("/api/options/NSE:NIFTY/chain?model=bsm&rate=0.05")["rate"] == 0.05


def test_an_etag_saves_the_second_answer(options: Any) -> None:
    first = options.client.get("/api/options/NIFTY/chain", headers=headers(options))
    again = options.client.get(
        "/api/options/NIFTY/chain", headers=headers(options) | {"If-None-Match": first.headers["ETag"]}
    )
    assert (first.status_code, again.status_code) == (200, 304)


def headers(api: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {api.parts.owner_token}"}


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("NOBODY/chain", 404, "no instrument NOBODY"),
        ("NIFTY/chain?expiry=2026-08-26", 404, "there is 2026-08-25, 2026-09-01, 2026-09-29"),
        ("NIFTY/chain?expiry=2026-08-25&as_of=2026-08-18T04:00:00Z", 404, "at that time: there is 2026-08-18"),
        ("NIFTY/chain?as_of=2020-01-01", 404, "no option chain at that time yet"),
        ("NIFTY/chain?expiry=soon", 400, "nearest, next, monthly, not 'soon'"),
        ("NIFTY/chain?as_of=noon", 400, "as_of must be a time like"),
        ("NIFTY/chain?as_of=9999999999999999999", 400, "between 1970 and 2262"),
        ("NIFTY/chain?rate=6.5", 422, "a rate of 6.5 is over 1"),
        ("NIFTY/chain?rate=nan", 422, "a rate of nan"),
        ("NIFTY/chain?model=bs", 400, "model"),
        ("NIFTY/history?names=pcr_oi,$where", 400, "$where is no metric"),
        ("NIFTY/times?from=2026-08-20&to=2026-08-19", 400, "to must lie behind from"),
        ("NIFTY/strategies", 400, "view"),
        ("NIFTY/strategies?view=sideways", 400, "view"),
        ('{"$gt":""}/chain', 404, "no instrument"),
        ("$where/metrics", 404, "no instrument"),
        ("NIFTY/chain?expiry[$ne]=1", 400, "expiry[$ne]"),
        ("NIFTY/chain?expiry=$gt", 400, "not '$gt'"),
        ("NIFTY/presets/miracle", 400, "no preset 'miracle'"),
        ("NIFTY/presets/call_calendar?expiry=2026-09-29", 400, "later expiry"),
    ],
)
def test_what_cannot_be_answered_is_said_in_one_sentence(options: Any, path: str, status: int, words: str) -> None:
    said = options.get(f"/api/options/{path}", status)
    assert words in said["message"]


def test_a_symbol_of_two_venues_has_to_be_said_in_full(options: Any) -> None:
    options.stores.chains.put(kept(chain(OPEN, NEAR, "SIM:NIFTY")))
    assert "NSE:NIFTY, SIM:NIFTY" in options.get("/api/options/NIFTY/chain", 409)["message"]
    assert options.get("/api/options/SIM:NIFTY/chain")["underlying"] == "SIM:NIFTY"


def test_metrics_of_every_expiry_and_over_all(options: Any) -> None:
    found = options.get("/api/options/NIFTY/metrics")
    assert [one["expiry"] for one in found["expiries"]] == ["2026-08-25", "2026-09-01", "2026-09-29"]
    assert found["all"]["pcr_oi"] == pytest.approx(2.0)
    assert found["all"]["call_oi"] == pytest.approx(3 * 75.0 * len(STRIKES) * (len(STRIKES) + 1) / 2)
    assert {one["name"] for one in found["fields"]} == set(NAMES)
    assert (found["iv_rank"], found["iv_percentile"], found["iv_days"], found["iv_of"]) == (None, None, 2, "atm_iv")


def test_iv_rank_is_taken_of_the_kept_days(options: Any) -> None:
    days = 40
    past = [chain(OPEN - (days - n) * 86_400 * 10**9, NEAR, iv=0.10 + n / 1_000) for n in range(days)]
    options.stores.chains.put(kept(*past))
    found = options.get("/api/options/NIFTY/metrics")
    assert found["iv_days"] == days + 1
    assert found["iv_rank"] == pytest.approx(100.0), "16 % today, 10 % to 13.9 % before"
    assert found["iv_percentile"] == pytest.approx(100 * days / (days + 1), abs=3)


def test_ratios_pain_and_buildup_of_an_expiry(options: Any) -> None:
    pcr = options.get("/api/options/NIFTY/pcr?expiry=next")
    assert (pcr["expiry"], pcr["pcr_oi"], pcr["pcr_oi_change"]) == ("2026-09-01", pytest.approx(2.0), 1.0)
    assert pcr["strikes"][0]["pcr_oi"] == pytest.approx(2.0 * len(STRIKES))
    pain = options.get("/api/options/NIFTY/max-pain")
    least = min(pain["items"], key=lambda row: (row["pain"], row["strike"]))
    assert least["strike"] == pain["max_pain"]
    assert all(row["pain"] == pytest.approx(row["call_pain"] + row["put_pain"]) for row in pain["items"])
    buildup = options.get("/api/options/NIFTY/oi-buildup")
    assert {row["put"]["state"] for row in buildup["items"]} == {"short_buildup"}
    assert buildup["items"][0]["call"]["oi_change"] == 75.0
    assert buildup["items"][0]["call"]["change"] == pytest.approx(-1.0)


def test_history_and_the_moments_that_can_be_gone_back_to(options: Any) -> None:
    found = options.get("/api/options/NIFTY/history?expiry=2026-08-25&names=atm_iv,pcr_oi")
    moments = [f"2026-08-19T03:{minute}:00.123456Z" for minute in (45, 46, 47)]
    assert [one["as_of"] for one in found["items"]] == moments
    assert [round(one["metrics"]["atm_iv"]) for one in found["items"]] == [14, 15, 16]
    assert found["items"][0]["metrics"].keys() == {"atm_iv", "pcr_oi"}
    times = options.get("/api/options/NIFTY/times?expiry=2026-08-25")
    assert times == {"underlying": "NSE:NIFTY", "items": moments}
    between = options.get(f"/api/options/NIFTY/times?from={moments[1]}&to={moments[1]}")
    assert between["items"] == [moments[1]], "both ends are meant to be in it"
    whole = options.get("/api/options/NIFTY/history?from=2026-08-01&limit=1")
    assert {one["as_of"] for one in whole["items"]} == {moments[-1]}
    assert set(NAMES) <= whole["items"][0]["metrics"].keys()


def test_a_surface_has_a_checked_slice_an_expiry(options: Any) -> None:
    found = options.get("/api/options/NIFTY/volatility-surface")
    assert (found["as_of"], found["spot"]) == ("2026-08-19T03:47:00.123456Z", SPOT)
    assert [one["expiry"] for one in found["slices"]] == ["2026-08-25", "2026-09-01", "2026-09-29"]
    for one, iv in zip(found["slices"], (16.0, 14.0, 14.0), strict=True):
        assert one["reason"] == ""
        near = min(one["points"], key=lambda point: abs(point["k"]))
        assert near["fitted"] == pytest.approx(iv, abs=0.2)
        assert one["is_butterfly_free"] in {True, False}
    assert len(found["grid"]["iv"]) == len(found["grid"]["expiries"]) == 3
    assert {len(row) for row in found["grid"]["iv"]} == {len(found["grid"]["k"])}


def test_three_examples_for_a_view_lose_no_more_than_they_say(options: Any) -> None:
    for view in ("up", "down", "flat", "big_move"):
        found = options.get(f"/api/options/NIFTY/strategies?view={view}&expiry=2026-09-29")
        assert len(found["items"]) == 3, view
        for item in found["items"]:
            assert item["max_loss"] > 0
            assert item["words"].endswith(".")
            body = {"expiry": "2026-09-29", "legs": [asked(leg) for leg in item["legs"]]}
            again = options.send("POST", "/api/options/NIFTY/payoff", body)
            assert again["max_loss"] == pytest.approx(item["max_loss"])
            assert again["break_evens"] == pytest.approx(item["break_evens"])


def asked(leg: dict[str, Any]) -> dict[str, Any]:
    return {name: leg[name] for name in ("kind", "side", "strike", "expiry", "lots", "price")}


def test_presets_are_named_and_made_of_the_chain(options: Any) -> None:
    catalogue = options.get("/api/options/presets")["items"]
    assert {"long_straddle", "iron_condor"} <= {one["name"] for one in catalogue}
    made = options.get("/api/options/NIFTY/presets/iron_condor?expiry=next&by=delta")
    assert len(made["legs"]) == 4
    assert {leg["expiry"] for leg in made["legs"]} == {"2026-09-01"}
    assert all(leg["price"] > 0 for leg in made["legs"])


def test_a_position_is_worked_out(options: Any) -> None:
    legs = [
        {"kind": "call", "side": "buy", "lots": 1, "strike": 24_000},
        {"kind": "call", "side": "sell", "lots": 1, "strike": 24_200, "price": 50},
    ]
    body = {"expiry": "2026-08-25", "legs": legs, "what_if": {"spot_pct": 1, "iv_points": 2, "days": 1}}
    found = options.send("POST", "/api/options/NIFTY/payoff", body)
    paid = found["cost"]
    assert (found["lot_size"], found["is_simulated"], found["horizon"]) == (75.0, True, "2026-08-25")
    assert found["max_loss"] == pytest.approx(paid)
    assert found["max_profit"] == pytest.approx(200 * 75 - paid)
    assert found["break_evens"] == [pytest.approx(24_000 + paid / 75)]
    assert not found["is_profit_unlimited"]
    assert found["what_if"]["spot"] == pytest.approx(SPOT * 1.01)
    assert 0 < found["probability_of_profit"] < 1
    assert found["legs"][1]["units"] == -75.0
    assert found["words"]
    assert found["margin"] is not None
    naked = options.send("POST", "/api/options/NIFTY/payoff", {"legs": [legs[1]]})
    assert (naked["max_loss"], naked["is_loss_unlimited"]) == (None, True)
    calendar = [legs[0], {"kind": "call", "side": "sell", "lots": 1, "strike": 24_000, "expiry": "next"}]
    assert options.send("POST", "/api/options/NIFTY/payoff", {"legs": calendar})["is_numeric"]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"legs": []}, 400, "legs"),
        ({"legs": [{"kind": "call", "side": "buy", "lots": 1}]}, 400, "leg 1 (buy call) needs a strike"),
        ({"legs": [{"kind": "call", "side": "buy", "lots": 1, "strike": 24_001}]}, 400, "24,001 is not a strike"),
        ({"legs": [{"kind": "call", "side": "buy", "lots": 0, "strike": 24_000}]}, 400, "lots"),
        ({"legs": [{"kind": "calls", "side": "buy", "lots": 1}]}, 400, "kind"),
        ({"legs": [{"kind": "stock", "side": "buy", "lots": 1}], "rate": 7}, 422, "a rate of 7 is over 1"),
        (
            {"legs": [{"kind": "stock", "side": "buy", "lots": 1}], "expiry": "2030-01-01"},
            404,
            "no chain for 2030-01-01",
        ),
        ({"legs": [{"kind": "stock", "side": "buy", "lots": {"$gt": 0}}]}, 400, "lots"),
    ],
)
def test_a_position_that_cannot_be_is_said_with_its_leg(options: Any, body: Any, status: int, words: str) -> None:
    said = options.send("POST", "/api/options/NIFTY/payoff", body, status)
    assert words in said["message"]


class AwayChains(MemoryChains):
    """Their server does not answer."""

    kind = "mongodb"

    def ping(self) -> None:
        raise StoreUnavailableError("MongoDB did not answer: connection refused")

    def underlyings(self) -> list[str]:
        raise StoreUnavailableError("MongoDB did not answer: connection refused")


def test_a_store_that_is_away_is_503_with_its_sentence_and_the_status_says_so(
    options: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert options.get("/api/status")["chains"] == {"store": "memory", "problem": None}
    away = AwayChains()
    for name in ("ping", "underlyings"):
        monkeypatch.setattr(options.stores.chains, name, getattr(away, name))
    said = options.get("/api/options/NIFTY/history", 503)
    assert said["message"] == "MongoDB did not answer: connection refused"
    assert options.get("/api/options", 503)["code"] == "unavailable"
    assert options.get("/api/status")["chains"]["problem"] == "MongoDB did not answer: connection refused"
    assert options.get("/api/stocks?query=AAA")["items"], "everything else goes on"


def test_a_day_later_the_passed_expiry_is_gone_by_the_markets_clock(options: Any) -> None:
    after = chain(OPEN + 7 * 86_400 * 10**9, NEXT)
    options.stores.chains.put(kept(after))
    assert [one["expiry"] for one in options.get("/api/options/NIFTY/expiries")["items"]] == [
        "2026-09-01",
        "2026-09-29",
    ]
    assert options.get("/api/options/NIFTY/chain?expiry=2026-08-25")["expiry"] == "2026-08-25", "kept all the same"
    assert (date(2026, 8, 25) - date(2026, 8, 19)) < timedelta(days=7)


def test_chains_of_a_day_that_was_replayed_before_do_not_stand_for_now(options: Any) -> None:
    """The feed replays 19 August after somebody replayed the 20th."""
    options.stores.chains.put(kept(chain(OPEN + 86_400 * 10**9, iv=0.5)))
    assert options.get("/api/options/NIFTY/chain")["as_of"] == "2026-08-20T03:45:00Z"
    market = orjson.loads(options.cache.get("market:summary"))
    options.cache.set("market:summary", orjson.dumps(market | {"clock": OPEN + 2 * MINUTE}))
    options.clock.move(1.0)
    assert options.get("/api/options/NIFTY/chain")["as_of"] == "2026-08-19T03:46:00.123456Z"
    assert options.get("/api/options")["items"][0]["as_of"] == "2026-08-19T03:46:00.123456Z"
    assert options.get("/api/options/NIFTY/metrics")["as_of"] == "2026-08-19T03:46:00.123456Z"
    assert options.get("/api/options/NIFTY/times?expiry=nearest")["items"][-1] == "2026-08-19T03:46:00.123456Z"
    options.cache.set("market:summary", orjson.dumps(market | {"clock": OPEN - 30 * 86_400 * 10**9}))
    options.clock.move(1.0)
    assert options.get("/api/options/NIFTY/chain")["as_of"] == "2026-08-20T03:45:00Z", "better than nothing"
