"""The margin estimate: scenarios by hand, nothing for what is paid in full, hedges cost less."""

import math
from datetime import date

import numpy as np
import pytest
import QuantLib as ql  # noqa: N813 — its usual name

from marketbell.core.options.margin import INDEX, STOCK, estimate_margin, ranges_of
from marketbell.core.options.model import ModelSettings
from marketbell.core.options.positions import Leg, LegKind, LegSide, Market, Term

DAY = date(2026, 9, 1)
T = 10 / 365
SPOT, LOT, IV = 23_700.0, 65.0, 0.14
HERE = Market(SPOT, LOT, {DAY: Term(DAY, T, SPOT, IV)}, ModelSettings())


def option(kind: str, side: str, strike: float, iv: float = IV) -> Leg:
    return Leg(LegKind(kind), LegSide(side), 1, 100.0, strike, DAY, iv)


def worth(kind: str, strike: float, spot: float, t: float, iv: float) -> float:
    side = ql.Option.Call if kind == "call" else ql.Option.Put
    return float(LOT * ql.blackFormula(side, strike, spot, iv * math.sqrt(t)))


def test_a_sold_call_by_hand() -> None:
    found = estimate_margin([option("call", "sell", 23_700)], HERE, INDEX)
    assert found is not None
    now = worth("call", 23_700, SPOT, T, IV)
    day = T - 1 / 365
    losses = [
        worth("call", 23_700, SPOT * (1 + 0.093 * third / 3), day, IV + change) - now
        for third in range(-3, 4)
        for change in (0.04, -0.04)
    ] + [0.35 * (worth("call", 23_700, SPOT * (1 + move), day, IV) - now) for move in (0.186, -0.186)]
    assert found.scan == pytest.approx(max(losses), rel=1e-9)
    assert found.premium == pytest.approx(now, rel=1e-9)
    assert found.exposure == pytest.approx(0.02 * SPOT * LOT)
    assert found.total == pytest.approx(max(losses) + now + 0.02 * SPOT * LOT, rel=1e-9)
    assert (found.worst_price_pct, found.worst_iv_points) == pytest.approx((9.3, 4.0))


def test_the_order_of_size_is_an_exchanges() -> None:
    """A sold index call near the money is asked for about a ninth of its notional."""
    found = estimate_margin([option("call", "sell", 23_700)], HERE, INDEX)
    assert found is not None
    assert 0.10 < found.total / (SPOT * LOT) < 0.13


def test_what_is_paid_in_full_needs_nothing() -> None:
    for legs in ([option("call", "buy", 23_700)], [option("put", "buy", 23_000), option("call", "buy", 24_000)]):
        found = estimate_margin(legs, HERE, INDEX)
        assert found is not None
        assert found.total == 0.0


def test_a_hedge_costs_less_and_no_more_than_it_can_lose() -> None:
    naked = estimate_margin([option("put", "sell", 23_500)], HERE, INDEX)
    spread = estimate_margin([option("put", "sell", 23_500), option("put", "buy", 23_200)], HERE, INDEX)
    assert naked is not None
    assert spread is not None
    assert spread.total < naked.total / 2
    assert spread.scan + spread.premium <= 300 * LOT + 1e-6


def test_a_future_is_its_range_and_exposure() -> None:
    found = estimate_margin([Leg(LegKind.FUTURE, LegSide.BUY, 2, SPOT, expiry=DAY)], HERE, STOCK)
    assert found is not None
    assert found.scan == pytest.approx(0.142 * SPOT * 2 * LOT)
    assert found.total == pytest.approx((0.142 + 0.035) * SPOT * 2 * LOT)


def test_stock_is_no_cover_and_needs_nothing() -> None:
    stock = Leg(LegKind.STOCK, LegSide.BUY, 1, SPOT)
    sold = option("call", "sell", 24_000)
    assert estimate_margin([stock, sold], HERE, INDEX) == estimate_margin([sold], HERE, INDEX)
    alone = estimate_margin([stock], HERE, INDEX)
    assert alone is not None
    assert alone.total == 0.0


def test_a_wild_market_scans_farther() -> None:
    wild = Market(SPOT, LOT, {DAY: Term(DAY, T, SPOT, 0.60)}, ModelSettings())
    found = estimate_margin([option("call", "sell", 23_700, 0.60)], wild, INDEX)
    assert found is not None
    assert found.price_range == pytest.approx(6 * math.sqrt(2) * 0.60 / math.sqrt(252))
    assert found.iv_range == pytest.approx(0.15)


def test_what_is_not_known_is_no_estimate() -> None:
    assert estimate_margin([option("call", "sell", 23_700, math.nan)], HERE, INDEX) is None


@pytest.mark.parametrize(
    ("symbol", "ranges"), [("NSE:NIFTY", INDEX), ("banknifty", INDEX), ("NSE:RELIANCE", STOCK), ("US:SPY", STOCK)]
)
def test_indices_are_told_by_symbol(symbol: str, ranges: object) -> None:
    assert ranges_of(symbol) is ranges


def test_more_lots_are_so_many_times_more() -> None:
    one = estimate_margin([option("put", "sell", 23_500)], HERE, INDEX)
    double = Leg(LegKind.PUT, LegSide.SELL, 2, 100.0, 23_500, DAY, IV)
    two = estimate_margin([double], HERE, INDEX)
    assert one is not None
    assert two is not None
    assert np.allclose([two.total, two.scan, two.premium], [2 * one.total, 2 * one.scan, 2 * one.premium])
