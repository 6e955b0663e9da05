"""Positions: the profit equals brute force, the extremes are met, chances are closed forms, Greeks are differences."""

import itertools
import math
from datetime import date

import numpy as np
import pytest
import QuantLib as ql  # noqa: N813 — its usual name
from hypothesis import given
from hypothesis import strategies as st

from marketbell.core.options.model import Model, ModelSettings
from marketbell.core.options.payoff import Payoff, Span, WhatIf, assess
from marketbell.core.options.positions import Leg, LegKind, LegSide, Market, Term
from marketbell.core.primitives.errors import UserError

NEAR, FAR = date(2026, 8, 25), date(2026, 9, 29)
T_NEAR, T_FAR = 6 / 365, 41 / 365
SPOT, LOT = 24_500.0, 75.0


def market(model: Model = Model.BLACK76, carry: float = 0.0, lot: float = LOT, iv: float = 0.13) -> Market:
    terms = {
        NEAR: Term(NEAR, T_NEAR, SPOT * math.exp(carry * T_NEAR), iv),
        FAR: Term(FAR, T_FAR, SPOT * math.exp(carry * T_FAR), 0.14),
    }
    return Market(SPOT, lot, terms, ModelSettings(model))


def call(strike: float, price: float, side: str = "buy", lots: float = 1, expiry: date = NEAR, iv: float = 0.13) -> Leg:
    return Leg(LegKind.CALL, LegSide(side), lots, price, strike, expiry, iv)


def put(strike: float, price: float, side: str = "buy", lots: float = 1, expiry: date = NEAR, iv: float = 0.13) -> Leg:
    return Leg(LegKind.PUT, LegSide(side), lots, price, strike, expiry, iv)


def future(price: float, side: str = "buy", expiry: date = NEAR) -> Leg:
    return Leg(LegKind.FUTURE, LegSide(side), 1, price, expiry=expiry)


def stock(price: float, side: str = "buy", lots: float = 1) -> Leg:
    return Leg(LegKind.STOCK, LegSide(side), lots, price)


def by_hand(legs: list[Leg], spot: float) -> float:
    """The profit at expiry, said the long way."""
    total = 0.0
    for leg in legs:
        worth = {
            LegKind.CALL: max(spot - leg.strike, 0.0) if leg.kind is LegKind.CALL else 0.0,
            LegKind.PUT: max(leg.strike - spot, 0.0) if leg.kind is LegKind.PUT else 0.0,
            LegKind.FUTURE: spot,
            LegKind.STOCK: spot,
        }[leg.kind]
        total += (1 if leg.side is LegSide.BUY else -1) * leg.lots * LOT * (worth - leg.price)
    return total


legs_at_one_expiry = st.lists(
    st.builds(
        lambda kind, side, lots, strike, price: Leg(
            LegKind(kind),
            LegSide(side),
            lots,
            SPOT + price if kind in {"future", "stock"} else price,
            strike if kind in {"call", "put"} else math.nan,
            None if kind == "stock" else NEAR,
            0.13,
        ),
        st.sampled_from(["call", "put", "future", "stock"]),
        st.sampled_from(["buy", "sell"]),
        st.integers(1, 4),
        st.integers(480, 500).map(lambda step: 50.0 * step),
        st.integers(0, 6_000).map(lambda paise: 0.05 * paise),
    ),
    min_size=1,
    max_size=6,
)


@given(legs=legs_at_one_expiry)
def test_profit_extremes_and_break_evens_equal_brute_force(legs: list[Leg]) -> None:
    found = assess(legs, market())
    assert found.expiry == pytest.approx([by_hand(legs, spot) for spot in found.spots], rel=1e-9, abs=1e-4)
    grid = np.unique(np.concatenate([np.linspace(0.0, 60_000.0, 4_001), [leg.strike for leg in legs], [0.0]]))
    grid = grid[np.isfinite(grid)]
    brute = np.array([by_hand(legs, float(spot)) for spot in grid])
    end_slope = by_hand(legs, 100_001.0) - by_hand(legs, 100_000.0)
    assert math.isinf(found.max_profit) == (end_slope > 1e-6)
    assert math.isinf(found.max_loss) == (end_slope < -1e-6)
    if math.isfinite(found.max_profit):
        assert found.max_profit == pytest.approx(brute.max(), rel=1e-9, abs=1e-4)
    if math.isfinite(found.max_loss):
        assert found.max_loss == pytest.approx(-brute.min(), rel=1e-9, abs=1e-4)
    for spans, value in ((found.best, found.max_profit), (found.worst, -found.max_loss)):
        assert spans
        for span in spans:
            ends = [span.low, min(span.high, 90_000.0)]
            if math.isfinite(value):
                assert [by_hand(legs, end) for end in ends] == pytest.approx([value] * 2, rel=1e-9, abs=1e-3)
    for root in found.break_evens:
        assert by_hand(legs, root) == pytest.approx(0.0, abs=1e-3)
    assert list(found.break_evens) == sorted(set(found.break_evens))
    # Between two break-evens the profit keeps its sign.
    ends = [0.0, *found.break_evens, 200_000.0]
    for low, high in itertools.pairwise(ends):
        inside = [by_hand(legs, low + (high - low) * share) for share in (0.01, 0.3, 0.5, 0.7, 0.99)]
        assert min(inside) >= -2e-3 or max(inside) <= 2e-3


@given(legs=legs_at_one_expiry)
def test_the_chance_is_the_lognormals_share_of_profitable_prices(legs: list[Leg]) -> None:
    found = assess(legs, market())
    if all(leg.kind is LegKind.STOCK for leg in legs):
        assert math.isnan(found.probability_of_profit)
        return
    # Sum over a grid of equally likely prices: no dice, a known error.
    count = 4_000
    normal = ql.InverseCumulativeNormal()
    deviation = 0.13 * math.sqrt(T_NEAR)
    prices = [SPOT * math.exp(deviation * normal((i + 0.5) / count) - deviation**2 / 2) for i in range(0, count, 4)]
    share = np.mean([by_hand(legs, price) > 1e-6 for price in prices])
    assert found.probability_of_profit == pytest.approx(share, abs=(len(legs) + 2) / len(prices))


def test_the_chance_of_a_long_call_is_the_digital_of_its_break_even() -> None:
    found = assess([call(24_600, 80.0)], market(carry=0.06))
    forward = SPOT * math.exp(0.06 * T_NEAR)
    deviation = 0.13 * math.sqrt(T_NEAR)
    digital = ql.BlackCalculator(ql.CashOrNothingPayoff(ql.Option.Call, 24_680.0, 1.0), forward, deviation, 1.0).value()
    assert found.break_evens == pytest.approx((24_680.0,))
    assert found.probability_of_profit == pytest.approx(digital, rel=1e-12)


def test_a_bull_spread_by_hand() -> None:
    found = assess([call(24_500, 150.0), call(24_700, 70.0, "sell")], market())
    assert found.cost == pytest.approx(80 * LOT)
    assert found.max_profit == pytest.approx(120 * LOT)
    assert found.max_loss == pytest.approx(80 * LOT)
    assert found.break_evens == pytest.approx((24_580.0,))
    assert found.best == (Span(24_700.0, math.inf),)
    assert found.worst == (Span(0.0, 24_500.0),)
    assert found.horizon == NEAR
    assert not found.is_numeric


def test_an_iron_condor_loses_on_both_sides() -> None:
    legs = [put(24_000, 20.0), put(24_200, 45.0, "sell"), call(24_800, 50.0, "sell"), call(25_000, 22.0)]
    found = assess(legs, market())
    assert found.cost == pytest.approx(-53 * LOT)
    assert found.max_profit == pytest.approx(53 * LOT)
    assert found.max_loss == pytest.approx((200 - 53) * LOT)
    assert found.best == (Span(24_200.0, 24_800.0),)
    assert found.worst == (Span(0.0, 24_000.0), Span(25_000.0, math.inf))
    assert found.break_evens == pytest.approx((24_147.0, 24_853.0))


def test_limits_that_are_none() -> None:
    assert math.isinf(assess([call(24_500, 100.0)], market()).max_profit)
    assert math.isinf(assess([call(24_500, 100.0, "sell")], market()).max_loss)
    # A put gains at most its strike.
    assert assess([put(24_500, 100.0)], market()).max_profit == pytest.approx(24_400 * LOT)
    assert assess([put(24_500, 100.0, "sell")], market()).max_loss == pytest.approx(24_400 * LOT)
    # A covered call cannot lose without end, a short future can.
    assert assess([stock(SPOT), call(24_700, 90.0, "sell")], market()).max_loss == pytest.approx((SPOT - 90) * LOT)
    assert math.isinf(assess([future(SPOT, "sell")], market()).max_loss)


def test_a_stretch_without_profit_has_two_ends() -> None:
    found = assess([call(24_500, 0.0), call(24_600, 0.0, "sell", lots=2), call(24_700, 0.0)], market())
    assert found.break_evens == pytest.approx((24_500.0, 24_700.0))
    assert found.max_loss == pytest.approx(0.0, abs=1e-6)
    assert found.probability_of_profit < 0.5


@pytest.mark.parametrize("model", [Model.BLACK76, Model.BSM])
@given(strike=st.integers(480, 500).map(lambda step: 50.0 * step), iv=st.floats(0.05, 0.6), pct=st.floats(-8, 8))
def test_a_call_less_its_put_is_a_future(model: Model, strike: float, iv: float, pct: float) -> None:
    """Parity of positions: the profit today of long call and short put is that of the discounted forward."""
    carry = 0.065
    here = market(model, carry)
    found = assess([call(strike, 0.0, iv=iv), put(strike, 0.0, "sell", iv=iv)], here, WhatIf(spot_pct=pct))
    rate = here.settings.rate_used
    spot = SPOT * (1 + pct / 100)
    forward = spot * math.exp(carry * T_NEAR)
    assert found.at_profit == pytest.approx(LOT * math.exp(-rate * T_NEAR) * (forward - strike), rel=1e-9, abs=1e-3)
    assert found.greeks.vega == pytest.approx(0.0, abs=1e-6)
    assert found.greeks.gamma == pytest.approx(0.0, abs=1e-9)
    assert found.greeks.delta == pytest.approx(LOT * math.exp(-rate * T_NEAR) * forward / spot, rel=1e-9)
    # At expiry it is the future itself.
    assert found.expiry == pytest.approx(LOT * (found.spots - strike), abs=1e-4)


@pytest.mark.parametrize("model", [Model.BLACK76, Model.BSM])
def test_greeks_are_differences_of_the_profit(model: Model) -> None:
    legs = [
        put(24_000, 20.0),
        call(24_800, 50.0, "sell", lots=2),
        call(24_900, 60.0, expiry=FAR),
        future(SPOT, expiry=FAR),
    ]
    here = market(model, 0.05)

    def profit(spot_pct: float = 0.0, iv_points: float = 0.0, days: float = 0.0) -> float:
        return assess(legs, here, WhatIf(spot_pct, iv_points, days)).at_profit

    found = assess(legs, here).greeks
    step = 0.01
    point = SPOT * step / 100
    assert found.delta == pytest.approx((profit(step) - profit(-step)) / (2 * point), rel=1e-5)
    assert found.gamma == pytest.approx((profit(step) - 2 * profit() + profit(-step)) / point**2, rel=1e-3)
    assert found.vega == pytest.approx((profit(0, 0.01) - profit(0, -0.01)) / 0.02, rel=1e-5)


def test_what_if_moves_today_and_not_what_has_ended() -> None:
    legs = [call(24_500, 150.0), call(24_700, 70.0, "sell")]
    plain, moved = assess(legs, market()), assess(legs, market(), WhatIf(2.0, 5.0, 3.0))
    assert moved.at_spot == pytest.approx(SPOT * 1.02)
    assert moved.max_profit == plain.max_profit
    assert moved.break_evens == plain.break_evens
    assert not np.allclose(np.interp(plain.spots, moved.spots, moved.now), plain.now, atol=1.0)
    # On the last day, and after it, today is the expiry.
    for days in (6.0, 30.0):
        end = assess(legs, market(), WhatIf(days=days))
        assert end.now == pytest.approx(end.expiry)
    assert end.greeks.theta == 0.0


def test_today_starts_at_nothing_where_the_prices_are_the_models() -> None:
    blank = assess([call(24_700, 0.0), put(24_300, 0.0, "sell")], market())
    legs = [call(24_700, blank.legs[0].value), put(24_300, blank.legs[1].value, "sell")]
    assert assess(legs, market()).at_profit == pytest.approx(0.0, abs=1e-6)


def test_a_calendar_is_read_from_a_grid_and_says_so() -> None:
    here = market()
    blank = assess([call(24_500, 0.0), call(24_500, 0.0, expiry=FAR, iv=0.14)], here)
    legs = [
        call(24_500, blank.legs[0].value, "sell"),
        call(24_500, blank.legs[1].value, expiry=FAR, iv=0.14),
    ]
    found = assess(legs, here)
    assert found.is_numeric
    assert found.horizon == NEAR
    left = T_FAR - T_NEAR
    deviation = 0.14 * math.sqrt(left)

    def by_quantlib(spot: float) -> float:
        far = ql.blackFormula(ql.Option.Call, 24_500.0, spot, deviation)
        return float(LOT * (far - max(spot - 24_500, 0.0) - legs[1].price + legs[0].price))

    assert found.expiry == pytest.approx([by_quantlib(spot) for spot in found.spots], rel=1e-9, abs=1e-6)
    assert found.max_profit == pytest.approx(by_quantlib(24_500.0), rel=1e-9)
    assert found.best == (Span(24_500.0, 24_500.0),)
    # What was paid is all that can be lost, far out on both sides.
    assert found.max_loss == pytest.approx(found.cost, rel=1e-6)
    assert len(found.break_evens) == 2
    for root in found.break_evens:
        assert by_quantlib(root) == pytest.approx(0.0, abs=1e-4)
    digits = [ql.blackFormula(ql.Option.Call, root, SPOT, 1e-9) for root in found.break_evens]
    assert digits[0] > digits[1]
    assert 0.3 < found.probability_of_profit < 0.8
    # More volatility at the first expiry makes what is left dearer.
    assert assess(legs, here, WhatIf(iv_points=4.0)).max_profit > found.max_profit


def test_a_calendar_of_futures_keeps_its_carry() -> None:
    here = market(carry=0.06)
    near, far = (here.terms[day].forward for day in (NEAR, FAR))
    found = assess([future(near, "sell"), future(far, expiry=FAR)], here)
    assert found.at_profit == pytest.approx(0.0, abs=1e-6)
    assert math.isfinite(found.max_loss)
    at = float(np.interp(SPOT, found.spots, found.expiry))
    assert at == pytest.approx(LOT * (SPOT * math.exp(0.06 * (T_FAR - T_NEAR)) - far - SPOT + near), abs=1.0)


def test_stock_alone_has_no_end_and_no_chance() -> None:
    found = assess([stock(SPOT)], market())
    assert found.horizon is None
    assert found.break_evens == (SPOT,)
    assert math.isnan(found.probability_of_profit)
    assert found.now == pytest.approx(found.expiry)
    assert found.max_loss == pytest.approx(SPOT * LOT)


def test_a_volatility_that_is_not_known_leaves_the_expiry_exact() -> None:
    found = assess([call(24_500, 150.0, iv=math.nan), call(24_700, 70.0, "sell")], market())
    assert np.isnan(found.now).all()
    assert math.isnan(found.greeks.delta)
    assert found.max_profit == pytest.approx(120 * LOT)
    assert found.probability_of_profit > 0
    far = assess([call(24_500, 150.0, "sell"), call(24_500, 300.0, expiry=FAR, iv=math.nan)], market())
    assert math.isnan(far.max_profit)
    assert math.isnan(far.probability_of_profit)
    assert far.break_evens == ()


def test_a_time_that_is_not_known_leaves_the_expiry_exact() -> None:
    here = market()
    terms = {NEAR: Term(NEAR, math.nan, SPOT, math.nan)}
    found = assess([call(24_500, 150.0)], Market(SPOT, LOT, terms, here.settings))
    assert np.isnan(found.now).all()
    assert found.break_evens == pytest.approx((24_650.0,))
    assert math.isnan(found.probability_of_profit)


def test_an_expiry_that_is_over_is_worth_what_it_is() -> None:
    terms = {NEAR: Term(NEAR, -0.001, SPOT, math.nan)}
    found = assess([call(24_400, 150.0)], Market(SPOT, LOT, terms, ModelSettings()))
    assert found.at_profit == pytest.approx(-50 * LOT)
    assert found.greeks.delta == LOT


def test_an_unknown_lot_counts_single_units() -> None:
    assert assess([call(24_500, 150.0)], market(lot=math.nan)).max_loss == pytest.approx(150.0)


@pytest.mark.parametrize(
    ("legs", "words"),
    [
        ([], "1 to 24 legs"),
        ([call(24_500, math.nan)], r"leg 1 \(buy 24,500 call\) has no price"),
        ([call(24_500, 1.0), put(24_500, -1.0)], "leg 2"),
        ([call(24_500, 1.0, lots=0)], "lots above 0"),
        ([call(math.nan, 1.0)], "strike above 0"),
        ([call(24_500, 1.0, expiry=date(2030, 1, 1))], r"expiry that has a chain \(2026-08-25, 2026-09-29\)"),
    ],
)
def test_what_cannot_be_worked_out_is_said(legs: list[Leg], words: str) -> None:
    with pytest.raises(UserError, match=words):
        assess(legs, market())


@pytest.mark.parametrize("what_if", [WhatIf(spot_pct=-100.0), WhatIf(days=-1.0), WhatIf(iv_points=math.nan)])
def test_a_what_if_must_make_sense(what_if: WhatIf) -> None:
    with pytest.raises(UserError):
        assess([call(24_500, 1.0)], market(), what_if)


def test_the_curve_shows_every_kink_and_the_spot() -> None:
    found: Payoff = assess([call(24_500, 150.0), call(24_700, 70.0, "sell")], market(), WhatIf(spot_pct=1.0))
    for price in (24_500.0, 24_700.0, SPOT, SPOT * 1.01, 24_580.0):
        assert np.abs(found.spots - price).min() < 1e-6
    assert (np.diff(found.spots) > 0).all()
    assert found.spots[0] > 0
