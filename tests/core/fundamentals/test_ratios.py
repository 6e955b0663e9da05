"""Ratios from published values: every formula, and when a published ratio stands instead."""

from pathlib import Path

import numpy as np
import pytest

from marketbell.core.fundamentals.ratios import (
    FORMULAS,
    MEDIAN_LEAST,
    Ratios,
    basis_of,
    eps_of,
    live,
    median_pe,
    settled,
)

NAMES = tuple(
    f"fund.{name}"
    for name in (
        *("pe", "pb", "ps", "eps", "earnings_yield", "market_cap", "shares_outstanding", "book_value_per_share"),
        *("dividend_per_share", "dividend_yield", "sales", "sales_growth_3y", "cagr_5y", "pe_median_5y"),
        *("promoter_holding", "promoter_holding_change", "fii_holding", "fii_holding_change"),
        *("dii_holding", "dii_holding_change"),
    )
)


class Told:
    """Published values of one instrument: (name, quarters back) to value, and the periods of names."""

    def __init__(self, values: dict[tuple[str, int], float], periods: dict[str, int] | None = None) -> None:
        self._values = values
        self._periods = periods or {}

    def value(self, name: str, quarters: int = 0) -> np.ndarray:
        return np.array([self._values.get((name.removeprefix("fund."), quarters), np.nan)])

    def period(self, name: str) -> np.ndarray:
        return np.array([self._periods.get(name.removeprefix("fund."), -1)])


def ratios(price: float, shares: float = np.nan, **values: float) -> Ratios:
    told = Told({(name, 0): value for name, value in values.items()})
    return live(settled(told, NAMES), np.array([price]), np.array([shares]))


def test_a_quarterly_sum_stands_where_it_is_newer_than_the_yearly_figure() -> None:
    quarters = {("eps_quarter", back): value for back, value in enumerate((4.0, 3.0, 2.0, 1.0))}
    yearly = {("eps", 0): 8.0}
    assert eps_of(Told(quarters))[0] == 10
    assert eps_of(Told(quarters | yearly, {"eps": 5, "eps_quarter": 5}))[0] == 8
    assert eps_of(Told(quarters | yearly, {"eps": 5, "eps_quarter": 6}))[0] == 10
    assert np.isnan(eps_of(Told({("eps_quarter", 0): 4.0}))[0])


def test_what_is_derived_is_told() -> None:
    found = ratios(100.0, eps=5.0, pe=99.0, pb=3.0)
    assert (found.values["fund.pe"][0], basis_of("fund.pe", found.is_derived)) == (20, "derived")
    assert (found.values["fund.pb"][0], basis_of("fund.pb", found.is_derived)) == (3, "published")
    assert basis_of("fund.roe", found.is_derived) == "published"


def test_without_a_price_published_ratios_stand_and_losses_are_still_losses() -> None:
    assert ratios(np.nan, eps=5.0, pe=99.0).values["fund.pe"][0] == 99
    assert np.isnan(ratios(np.nan, eps=-5.0, pe=99.0).values["fund.pe"][0])
    assert np.isnan(ratios(100.0, book_value_per_share=-1.0, pb=2.0).values["fund.pb"][0])
    assert np.isnan(ratios(0.0, eps=5.0).values["fund.pe"][0])


def test_shares_of_the_listing_count_where_none_are_published() -> None:
    assert ratios(10.0, shares=7.0).values["fund.market_cap"][0] == 70
    assert ratios(10.0, shares=7.0, shares_outstanding=8.0).values["fund.market_cap"][0] == 80
    assert ratios(10.0, market_cap=5.0).values["fund.market_cap"][0] == 5


def test_growth_needs_two_amounts_above_zero() -> None:
    def growth(now: float, before: float) -> float:
        found = settled(Told({("sales", 0): now, ("sales", 12): before, ("sales_growth_3y", 0): 1.0}), NAMES)
        return float(found.values["fund.sales_growth_3y"][0])

    assert growth(133.1, 100.0) == pytest.approx(10)
    assert growth(50.0, 100.0) == pytest.approx((0.5 ** (1 / 3) - 1) * 100)
    assert growth(-5.0, 100.0) == growth(5.0, 0.0) == 1.0, "the published one"


def test_the_median_leaves_losses_out_and_needs_three_years() -> None:
    closes = np.arange(1.0, 61)[None, :]
    eps = np.ones((1, 60))
    assert median_pe(closes, eps)[0] == 30.5
    eps[0, :10] = -1
    assert median_pe(closes, eps)[0] == np.median(np.arange(11.0, 61))
    eps[0, : 60 - MEDIAN_LEAST] = np.nan
    assert median_pe(closes, eps)[0] == np.median(closes[0, 60 - MEDIAN_LEAST :])
    eps[0, 60 - MEDIAN_LEAST] = np.nan
    assert np.isnan(median_pe(closes, eps)[0])


def test_the_page_lists_every_formula() -> None:
    page = Path(__file__).parents[3] / "docs" / "reference" / "fundamentals.md"
    text = page.read_text(encoding="utf-8")
    for name, formula in FORMULAS.items():
        assert f"| `{name}` | {formula.text} |" in text
