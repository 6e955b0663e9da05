"""The builder's answers: legs filled from chains, null for what has no limit, plain values throughout."""

import json
import math
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from marketbell.core.options.analysis import Analysed, analyse
from marketbell.core.options.chain import Chain, Side
from marketbell.core.options.model import ModelSettings
from marketbell.core.options.pricing import value
from marketbell.core.options.svi import Svi
from marketbell.core.primitives.errors import NotFoundError, UserError
from marketbell.flows.options.payoff import LegAsked, WhatIf, payoff_document
from marketbell.flows.options.strategies import VIEWS, preset_document, presets, strategies_document
from marketbell.flows.options.surface import surface_document

SPOT = 24_510.0
NOW = datetime(2026, 8, 19, 6, 0, tzinfo=UTC)
NEAR, FAR = date(2026, 8, 25), date(2026, 9, 22)


def chain(days: int, future: float = math.nan) -> Analysed:
    strikes = 24_500 + 50.0 * (np.arange(41) - 20)
    t = days / 365
    forward = SPOT if math.isnan(future) else future
    iv = Svi(0.011 * t, 0.06 * math.sqrt(t), -0.4, 0.0, 0.2 * math.sqrt(t)).iv(np.log(strikes / forward), t)
    sides = {}
    for name, is_call in (("call", True), ("put", False)):
        price = value(iv, strikes, is_call, SPOT, forward, t, ModelSettings()).price
        sides[name] = Side.of(41, last=price, bid=price - 0.02, ask=price + 0.02)
    at, end = (int((NOW + timedelta(days=one)).timestamp() * 1e9) for one in (0, days))
    day = (NOW + timedelta(days=days)).date()
    return analyse(
        Chain("NSE:NIFTY", day, at, SPOT, strikes, sides["call"], sides["put"], end, future=future, lot_size=75.0)
    )


CHAINS = {NEAR: chain(6, future=24_540.0), FAR: chain(34)}


def ask(*legs: LegAsked, what_if: WhatIf = WhatIf(), chains: dict[date, Analysed] = CHAINS) -> dict[str, Any]:  # noqa: B008
    found = payoff_document(chains, NEAR, legs, what_if)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    return found


def test_a_leg_is_filled_from_the_chain() -> None:
    found = ask(LegAsked("call", "buy", 24_500.0), LegAsked("call", "sell", 24_800.0, lots=2, price=60.0))
    at = CHAINS[NEAR].chain.strikes.tolist().index(24_500.0)
    first, second = found["legs"]
    assert first["price"] == pytest.approx(CHAINS[NEAR].call.price[at])
    assert first["iv"] == pytest.approx(100 * CHAINS[NEAR].call.iv[at])
    assert first["delta"] == pytest.approx(75 * CHAINS[NEAR].call.delta[at])
    assert first["expiry"] == "2026-08-25"
    assert second["price"] == 60.0
    assert second["units"] == -150.0
    assert found["greeks"]["delta"] == pytest.approx(first["delta"] + second["delta"])
    assert found["is_loss_unlimited"]
    assert found["max_loss"] is None
    assert found["worst"] == [{"low": 24_800.0, "high": None}]
    assert found["lot_size"] == 75.0
    assert (found["underlying"], found["spot"], found["expiry"]) == ("NSE:NIFTY", SPOT, "2026-08-25")
    assert found["as_of"] == "2026-08-19T06:00:00Z"
    assert found["margin"] == pytest.approx(
        max(0, found["margin_parts"]["scan"] + found["margin_parts"]["premium"]) + found["margin_parts"]["exposure"]
    )
    assert "±9.3 % of the price" in found["margin_parts"]["text"]
    assert any("no limit" in one for one in found["words"])


def test_the_margin_knows_an_index_by_its_kind() -> None:
    chains = {NEAR: analyse(replace(CHAINS[NEAR].chain, underlying="SIM:BELL50"))}
    asked = [LegAsked("call", "sell", 24_500.0)]
    stock, index = (payoff_document(chains, NEAR, asked, kind=kind)["margin"] for kind in ("equity", "index"))
    assert 1.3 * index < stock


def test_futures_and_stock_have_their_prices() -> None:
    found = ask(LegAsked("future", "buy"), LegAsked("future", "sell", expiry=FAR), LegAsked("stock", "buy"))
    assert [leg["price"] for leg in found["legs"]] == pytest.approx([24_540.0, CHAINS[FAR].forward, SPOT])
    assert [leg["expiry"] for leg in found["legs"]] == ["2026-08-25", "2026-09-22", None]


def test_a_what_if_is_answered() -> None:
    leg = LegAsked("call", "buy", 24_500.0)
    found = ask(leg, what_if=WhatIf(spot_pct=1.0, iv_points=2.0, days=1.0))
    assert found["what_if"]["spot"] == pytest.approx(SPOT * 1.01)
    t, iv = 5 / 365, CHAINS[NEAR].call.iv[20] + 0.02
    forward = SPOT * 1.01 * (24_540.0 / SPOT) ** (5 / 6)
    worth = value(iv, 24_500.0, True, SPOT * 1.01, forward, t, ModelSettings()).price
    assert found["what_if"]["profit"] == pytest.approx(75 * (worth[0] - found["legs"][0]["price"]), rel=1e-9)
    assert any(point["spot"] == pytest.approx(SPOT * 1.01) for point in found["points"])
    assert not found["is_numeric"]
    assert found["max_profit"] is None
    assert found["is_profit_unlimited"]


def test_a_calendar_is_numeric() -> None:
    found = ask(LegAsked("put", "sell", 24_500.0), LegAsked("put", "buy", 24_500.0, expiry=FAR))
    assert found["is_numeric"]
    assert found["horizon"] == "2026-08-25"
    assert len(found["break_evens"]) == 2


def test_unknown_times_leave_the_expiry() -> None:
    blind = {NEAR: analyse(replace(CHAINS[NEAR].chain, as_of=0))}
    found = ask(LegAsked("call", "buy", 24_500.0), LegAsked("call", "sell", 24_800.0), chains=blind)
    assert found["margin"] is None
    assert found["points"][0]["now"] is None
    assert found["points"][0]["expiry"] == pytest.approx(-found["cost"])
    assert found["greeks"]["delta"] is None
    assert found["as_of"] is None


@pytest.mark.parametrize(
    ("leg", "words"),
    [
        (LegAsked("call", "buy", 24_501.0), "leg 2: 24,501 is not a strike of the expiry 2026-08-25"),
        (LegAsked("call", "buy"), "needs a strike"),
        (LegAsked("warrant", "buy"), "one of call, put, future, stock"),
        (LegAsked("call", "hold", 24_500.0), "buy or sell"),
        (LegAsked("call", "buy", 24_500.0, lots=-1), "lots above 0"),
    ],
)
def test_the_leg_that_is_wrong_is_named(leg: LegAsked, words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        ask(LegAsked("call", "buy", 24_500.0), leg)
    assert str(caught.value.facts["field"]).startswith("legs.1")


def test_an_expiry_without_a_chain_is_not_found() -> None:
    with pytest.raises(NotFoundError, match="no chain for 2027-01-01: there is 2026-08-25, 2026-09-22"):
        ask(LegAsked("call", "buy", 24_500.0, expiry=date(2027, 1, 1)))


@pytest.mark.parametrize("view", VIEWS)
def test_three_examples_each(view: str) -> None:
    found = strategies_document(CHAINS[NEAR], view)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["why"] is None
    assert len(found["items"]) == 3
    for one in found["items"]:
        assert one["max_loss"] > 0
        assert one["words"]
        # Asked for again, an example is the same position.
        again = ask(*(LegAsked(**{**leg, "expiry": date.fromisoformat(leg["expiry"])}) for leg in _asked(one["legs"])))
        assert (again["max_profit"], again["max_loss"]) == pytest.approx((one["max_profit"], one["max_loss"]))


def test_a_view_is_one_of_four() -> None:
    with pytest.raises(UserError, match="up, down, flat, big_move"):
        strategies_document(CHAINS[NEAR], "sideways")


def test_a_silent_chain_says_why_it_has_no_examples() -> None:
    silent = analyse(replace(CHAINS[NEAR].chain, call=Side.of(41), put=Side.of(41)))
    assert strategies_document(silent, "up") == {
        "items": [],
        "why": "the chain of 2026-08-25 has too few prices for any",
    }


def test_a_chain_without_a_spot_says_so_for_every_view() -> None:
    blind = analyse(replace(CHAINS[NEAR].chain, spot=math.nan))
    for view in VIEWS:
        found = strategies_document(blind, view)
        assert found == {"items": [], "why": "the chain of 2026-08-25 does not say what NIFTY costs now"}


def test_every_named_position_can_be_asked_for() -> None:
    for one in presets():
        made = preset_document(one["name"], CHAINS[NEAR], CHAINS[FAR])
        legs = [{**leg, "expiry": leg["expiry"] and date.fromisoformat(leg["expiry"])} for leg in _asked(made["legs"])]
        found = ask(*(LegAsked(**leg) for leg in legs))
        assert not (one["is_defined_risk"] and found["is_loss_unlimited"])
        assert one["view"] in one["views"]
    with pytest.raises(UserError, match="width or delta"):
        preset_document("long_call", CHAINS[NEAR], by="luck")


def test_a_surface_of_chains() -> None:
    passed = analyse(replace(CHAINS[NEAR].chain, expiry=date(2026, 8, 18), expires_at=CHAINS[NEAR].chain.as_of - 1))
    found = surface_document([CHAINS[FAR], passed, CHAINS[NEAR]])
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert [one["expiry"] for one in found["slices"]] == ["2026-08-25", "2026-09-22"]
    assert all(one["params"] and one["rmse"] < 0.05 for one in found["slices"])
    assert found["left_out"] == [{"expiry": "2026-08-18", "why": "the expiry has passed"}]
    assert (found["as_of"], found["spot"]) == ("2026-08-19T06:00:00Z", SPOT)
    blind = analyse(replace(CHAINS[NEAR].chain, expires_at=0))
    assert "not known" in surface_document([blind])["left_out"][0]["why"]
    assert surface_document([])["grid"]["iv"] == []


def _asked(legs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: leg[key] for key in ("kind", "side", "strike", "expiry", "lots", "price")} for leg in legs]
