"""Presets from a chain: right strikes and sides, limits where they are promised, reasons where they cannot be made."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from marketbell.core.options.analysis import Analysed, analyse
from marketbell.core.options.chain import Chain, Side
from marketbell.core.options.model import ModelSettings
from marketbell.core.options.payoff import assess
from marketbell.core.options.payoff_words import payoff_words
from marketbell.core.options.positions import Leg, LegKind, LegSide
from marketbell.core.options.presets import PRESETS, SHOWN, View
from marketbell.core.options.pricing import value
from marketbell.core.options.strategies import By, atm_iv_of, build, contract, default_width, examples, market_of
from marketbell.core.options.svi import Svi
from marketbell.core.primitives.errors import UserError

SPOT = 24_510.0
NOW = datetime(2026, 8, 19, 6, 0, tzinfo=UTC)


def chain(days: int = 6, step: float = 50.0, count: int = 41, future: float = math.nan) -> Analysed:
    """A chain of model prices: five paise wide, a smile, calls and puts at one volatility a strike."""
    strikes = 24_500 + step * (np.arange(count) - count // 2)
    expires = NOW + timedelta(days=days)
    t = days / 365
    forward = SPOT * math.exp(0.05 * t)
    iv = Svi(0.011 * t, 0.06 * math.sqrt(t), -0.4, 0.0, 0.2 * math.sqrt(t)).iv(np.log(strikes / forward), t)
    sides = {}
    for name, is_call in (("call", True), ("put", False)):
        price = value(iv, strikes, is_call, SPOT, forward, t, ModelSettings()).price
        kept = price > 0.05
        bid, ask = (np.where(kept, price + half, np.nan) for half in (-0.02, 0.02))
        sides[name] = Side.of(count, last=np.where(kept, price, np.nan), bid=bid, ask=ask)
    return analyse(
        Chain(
            "NSE:NIFTY", expires.date(), int(NOW.timestamp() * 1e9), SPOT, strikes, sides["call"], sides["put"],
            expires_at=int(expires.timestamp() * 1e9), future=future, lot_size=75.0,
        )
    )  # fmt: skip


NEAR, LATER = chain(6), chain(34)


@pytest.mark.parametrize("by", list(By))
@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_made_as_it_is_meant(name: str, by: By) -> None:
    built = build(name, NEAR, LATER, by=by)
    for part, leg in zip(built.preset.parts, built.legs, strict=True):
        assert (leg.kind, leg.side, leg.lots) == (part.kind, part.side, part.lots)
        assert leg.price > 0
        if leg.kind is not LegKind.STOCK:
            assert leg.expiry == (LATER if part.is_later else NEAR).chain.expiry
        if leg.kind.is_option:
            analysed = LATER if part.is_later else NEAR
            assert leg.strike in analysed.chain.strikes
            assert (leg.price, leg.iv) == contract(analysed, leg.kind, leg.strike)
    found = assess(built.legs, market_of([NEAR, LATER]))
    assert built.preset.is_defined_risk <= (found.max_loss < 1.01 * SPOT * 75)
    # Entered at mid with the model's own volatilities it is worth what it cost.
    assert found.at_profit == pytest.approx(0.0, abs=1e-3)
    if built.preset.is_defined_risk:
        assert math.isfinite(found.max_loss)
        # The worst is met on the way that prices can go, not beyond it.
        assert found.expiry.min() >= -found.max_loss - 1e-6 * abs(found.max_loss) - 1e-6
        for span in found.worst:
            at = min(max(span.low, float(found.spots[0])), float(found.spots[-1]))
            if not found.is_numeric and span.low <= at <= span.high:
                assert float(np.interp(at, found.spots, found.expiry)) == pytest.approx(
                    -found.max_loss, rel=1e-6, abs=1e-6
                )


@pytest.mark.parametrize("name", [name for name, one in PRESETS.items() if one.is_defined_risk])
def test_a_defined_risk_is_met_on_the_grid(name: str) -> None:
    found = assess(build(name, NEAR, LATER).legs, market_of([NEAR, LATER]))
    if not any(leg.leg.kind is LegKind.STOCK for leg in found.legs):
        # A calendar comes near its worst only far out, beyond the curve.
        assert found.expiry.min() == pytest.approx(-found.max_loss, rel=0.12 if found.is_numeric else 1e-9, abs=1e-6)


def test_strikes_by_width_are_half_an_expected_move_apart() -> None:
    width = default_width(NEAR)
    expected = NEAR.forward * atm_iv_of(NEAR) * math.sqrt(NEAR.t_years)
    assert width == pytest.approx(expected / 2)
    legs = build("iron_condor", NEAR).legs
    strikes = [leg.strike for leg in legs]
    assert strikes == sorted(strikes)
    for strike, at in zip(strikes, (-3, -1.5, 1.5, 3), strict=True):
        assert abs(strike - (24_500 + at * width)) <= 25
    given = build("bull_call_spread", NEAR, width=300.0).legs
    assert [leg.strike for leg in given] == [24_500.0, 24_800.0]


def test_strikes_by_delta_have_it() -> None:
    legs = build("iron_condor", NEAR, by=By.DELTA).legs
    deltas = NEAR.put.delta, NEAR.call.delta
    for leg, delta in zip(legs, (0.08, 0.25, 0.25, 0.08), strict=True):
        side = deltas[0] if leg.kind is LegKind.PUT else deltas[1]
        at = int(np.flatnonzero(NEAR.chain.strikes == leg.strike)[0])
        assert abs(side[at]) == pytest.approx(delta, abs=0.06)


@pytest.mark.parametrize("view", list(View))
def test_each_view_has_three_examples_of_limited_risk(view: View) -> None:
    found = examples(view, NEAR)
    assert [one.preset.name for one in found] == list(SHOWN[view])[:3]
    for one in found:
        assert one.preset.is_defined_risk
        assert 0 < one.payoff.max_loss < math.inf
        assert 0 < one.payoff.probability_of_profit < 1
        ups, downs = one.payoff.expiry[-1], one.payoff.expiry[0]
        middle = float(np.interp(SPOT, one.payoff.spots, one.payoff.expiry))
        match view:
            case View.UP:
                assert ups > 0 > downs
            case View.DOWN:
                assert downs > 0 > ups
            case View.FLAT:
                assert middle > 0 > max(ups, downs)
            case View.BIG_MOVE:
                assert min(ups, downs) > 0 > middle


def test_all_examples_are_presets_of_limited_risk() -> None:
    for names in SHOWN.values():
        assert len(names) > 3
        assert all(PRESETS[name].is_defined_risk for name in names)


def test_a_thin_chain_says_why_not() -> None:
    thin = chain(count=2, step=50.0)
    with pytest.raises(UserError, match="no prices at enough different strikes"):
        build("iron_condor", thin)
    with pytest.raises(UserError, match="needs a later expiry"):
        build("call_calendar", NEAR)
    with pytest.raises(UserError, match="no preset 'moon_shot'"):
        build("moon_shot", NEAR)
    nothing = Side.of(len(NEAR.chain))
    silent = analyse(replace(NEAR.chain, call=nothing, put=nothing))
    with pytest.raises(UserError, match="no call of 2026-08-25 has a price"):
        build("long_call", silent)
    assert examples(View.UP, silent) == []
    with pytest.raises(UserError, match="no chain"):
        market_of([])
    with pytest.raises(UserError, match="not a strike"):
        contract(NEAR, LegKind.CALL, 24_501.0)


def test_a_strike_without_a_price_is_passed_over() -> None:
    call = NEAR.chain.call
    gone = NEAR.chain.strikes == 24_800.0
    blank = {name: np.where(gone, np.nan, getattr(call, name)) for name in ("last", "bid", "ask")}
    holed = analyse(replace(NEAR.chain, call=replace(call, **blank)))
    assert build("bull_call_spread", holed, width=300.0).legs[1].strike in {24_750.0, 24_850.0}


def test_a_chain_without_a_volatility_still_makes_positions() -> None:
    blind = analyse(replace(NEAR.chain, expires_at=0))
    built = build("bull_call_spread", blind)
    found = assess(built.legs, market_of([blind]))
    assert math.isfinite(found.max_loss)
    assert any(
        "No volatility is known for the 24,500 call, the " in one
        for one in payoff_words(found, market_of([blind]), "NIFTY")
    )


def test_the_market_is_the_newest_chains() -> None:
    older = replace(LATER, chain=replace(LATER.chain, as_of=LATER.chain.as_of - 60, spot=1.0))
    found = market_of([older, NEAR])
    assert found.spot == SPOT
    assert found.lot_size == 75.0
    assert set(found.terms) == {NEAR.chain.expiry, LATER.chain.expiry}
    assert found.terms[NEAR.chain.expiry].atm_iv == pytest.approx(atm_iv_of(NEAR))


def test_a_future_has_the_listed_price_else_the_forward() -> None:
    assert build("long_future", chain(future=24_600.0)).legs[0].price == 24_600.0
    assert build("long_future", NEAR).legs[0].price == NEAR.forward


# --- words ---------------------------------------------------------------------------------------------------------


def words_of(name: str) -> list[str]:
    market = market_of([NEAR, LATER])
    return payoff_words(assess(build(name, NEAR, LATER, width=300.0).legs, market), market, "NIFTY")


def test_a_spread_in_words() -> None:
    market = market_of([NEAR])
    legs = build("bull_call_spread", NEAR, width=300.0).legs
    legs = [replace(leg, price=price) for leg, price in zip(legs, (180.0, 60.0), strict=True)]
    words = payoff_words(assess(legs, market), market, "NIFTY")
    assert words[:5] == [
        "You pay 9,000 to enter.",
        "At most you lose 9,000: if NIFTY ends at or below 24,500 on 25 Aug 2026.",
        "At most you make 13,500: if NIFTY ends at or above 24,800 on 25 Aug 2026.",
        "You make money if NIFTY ends above 24,620.",
        "It breaks even at 24,620 (0.4 % above the price now).",
    ]
    assert words[5].startswith("The chance of a profit is about ")
    assert words[5].endswith(" %, by the options' own prices: a model's number, not a promise.")


def test_a_condor_in_words() -> None:
    words = " ".join(words_of("iron_condor"))
    assert "You receive" in words
    assert "ends at or below 23,600, or ends at or above 25,400" in words
    assert "if NIFTY ends between 24,050 and 24,950 on 25 Aug 2026" in words
    assert "a day that passes brings about" in words
    assert "each point of volatility costs about" in words


def test_no_limit_is_said_twice() -> None:
    words = words_of("short_call")
    assert any("The loss has no limit: it grows with every point that NIFTY ends above 24,800." in one for one in words)
    assert words[-1].startswith("A position without a limit to its loss")
    assert any("The profit has no limit" in one for one in words_of("long_call"))


def test_what_is_the_same_everywhere_is_said_so() -> None:
    market = market_of([NEAR])
    legs = [
        Leg(LegKind.FUTURE, LegSide.BUY, 1, 24_500.0, expiry=NEAR.chain.expiry),
        Leg(LegKind.STOCK, LegSide.SELL, 1, 24_490.0),
    ]
    words = payoff_words(assess(legs, market), market, "NIFTY")
    assert "At most you lose 750: wherever NIFTY ends on 25 Aug 2026." in words
    assert any("cannot win: at best it loses 750" in one for one in words)


def test_a_calendar_says_that_it_is_an_estimate() -> None:
    words = words_of("call_calendar")
    assert any(one.startswith("At most you make about ") for one in words)
    assert any("valued by a model" in one for one in words)


@pytest.mark.parametrize("name", PRESETS)
def test_words_are_sentences_without_nan(name: str) -> None:
    for sentence in words_of(name):
        assert sentence.endswith(".")
        assert "nan" not in sentence
        assert "inf" not in sentence
