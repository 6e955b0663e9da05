"""Ratios that follow from published values, and from them with the live price.

Rule for every name: derived where its inputs are known, else as published, else unknown. Earnings or a
book value of zero or less give no ratio to the price (as providers leave it out). Percentages are
percentage points. Growth is compound a year; roots are taken by `math.pow`, value by value, so that a
recorded session gives the same bits again.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


class Published(Protocol):
    """Visible published values of some rows: a FactBook now, or as it stood."""

    def value(self, name: str, quarters: int = 0) -> Floats:
        """The visible value, or the one so many quarters before it; NaN unknown."""

    def period(self, name: str) -> Ints:
        """The end of the visible period as days since 1970, very low where none is known."""


@dataclass(frozen=True, slots=True)
class Formula:
    """How a name is derived: in words, and from which published names (the first one gives its date)."""

    text: str
    inputs: tuple[str, ...]
    is_live: bool = False
    """True where the live price enters."""


FORMULAS: dict[str, Formula] = {
    "fund.eps": Formula(
        "sum of the EPS of the last four published quarters, where they are newer than a published yearly EPS",
        ("fund.eps_quarter",),
    ),
    "fund.pe": Formula("price / EPS of the last four published quarters", ("fund.eps", "fund.eps_quarter"), True),
    "fund.earnings_yield": Formula(
        "100 x EPS of the last four published quarters / price", ("fund.eps", "fund.eps_quarter"), True
    ),
    "fund.pb": Formula("price / book value per share", ("fund.book_value_per_share",), True),
    "fund.ps": Formula("market cap / sales of the last four quarters", ("fund.sales",), True),
    "fund.market_cap": Formula("shares outstanding x price", ("fund.shares_outstanding",), True),
    "fund.dividend_yield": Formula("100 x dividends of a year per share / price", ("fund.dividend_per_share",), True),
    "fund.sales_growth_3y": Formula(
        "compound yearly growth of sales against those of three years before", ("fund.sales",)
    ),
    "fund.cagr_5y": Formula("compound yearly growth of EPS against that of five years before", ("fund.eps",)),
    "fund.pe_median_5y": Formula(
        "median of the P/E at the last close of each month of five years, with the EPS published by then; "
        "36 months or more must be known",
        ("fund.eps", "fund.eps_quarter"),
    ),
    "fund.promoter_holding_change": Formula(
        "promoter holding less that of a quarter before", ("fund.promoter_holding",)
    ),
    "fund.fii_holding_change": Formula("FII holding less that of a quarter before", ("fund.fii_holding",)),
    "fund.dii_holding_change": Formula("DII holding less that of a quarter before", ("fund.dii_holding",)),
}

MEDIAN_MONTHS, MEDIAN_LEAST = 60, 36


@dataclass(slots=True)
class Ratios:
    """Values by name (NaN unknown) and, for the names of FORMULAS, which of them are derived."""

    values: dict[str, Floats]
    is_derived: dict[str, Mask]

    def put(self, name: str, found: Floats, is_known: Mask) -> None:
        """Let a derived value take the place of the published one wherever its inputs are known."""
        self.values[name] = np.where(is_known, found, self.values[name])
        self.is_derived[name] = is_known


def settled(published: Published, names: tuple[str, ...]) -> Ratios:
    """All names without the price: as published, or derived from published values alone."""
    found = Ratios({name: published.value(name) for name in names}, {})
    eps, is_summed = _eps(published)
    found.values["fund.eps"], found.is_derived["fund.eps"] = eps, is_summed
    for name, of, years in (("fund.sales_growth_3y", "fund.sales", 3), ("fund.cagr_5y", "fund.eps", 5)):
        growth = _growth(published.value(of), published.value(of, 4 * years), years)
        found.put(name, growth, np.isfinite(growth))
    for who in ("promoter", "fii", "dii"):
        name = f"fund.{who}_holding"
        change = published.value(name) - published.value(name, 1)
        found.put(f"{name}_change", change, np.isfinite(change))
    return found


def eps_of(published: Published, quarters: int = 0) -> Floats:
    """Earnings per share of the last four published quarters, or of four so many quarters before them."""
    return _eps(published, quarters)[0]


def _eps(published: Published, quarters: int = 0) -> tuple[Floats, Mask]:
    """As published, or the sum of four quarters, whichever stands on the newer period; a yearly figure first."""
    yearly = published.value("fund.eps", quarters)
    total = published.value("fund.eps_quarter", quarters)
    for back in (1, 2, 3):
        total = total + published.value("fund.eps_quarter", quarters + back)
    is_newer = published.period("fund.eps_quarter") > published.period("fund.eps")
    is_summed: Mask = np.isfinite(total) & (np.isnan(yearly) | is_newer)
    return np.where(is_summed, total, yearly), is_summed


def _growth(now: Floats, before: Floats, years: int) -> Floats:
    """Percent a year; unknown unless both are above 0."""
    growth = np.full(len(now), np.nan)
    for at in np.flatnonzero((now > 0) & (before > 0)).tolist():
        growth[at] = (math.pow(now[at] / before[at], 1 / years) - 1) * 100
    return growth


def live(found: Ratios, price: Floats, shares: Floats) -> Ratios:
    """`found` of `settled` with the ratios to the price. `shares` count where none are published."""
    made = Ratios(dict(found.values), dict(found.is_derived))
    made.values[_SHARES] = _shares(made.values[_SHARES], shares)
    for name in PRICED:
        made.values[name], made.is_derived[name] = _priced(name, made.values, price)
    return made


def live_value(name: str, settled: Mapping[str, Floats], price: Floats, shares: Floats) -> Floats:
    """One name of `live`; only the values that it rests on are looked at."""
    if name == _SHARES:
        return _shares(settled[_SHARES], shares)
    if name not in PRICED:
        return settled[name]
    values = {one: settled[one] for one in (name, *PRICED[name])}
    if _SHARES in values:
        values[_SHARES] = _shares(values[_SHARES], shares)
    if name == "fund.ps":
        values["fund.market_cap"] = _priced("fund.market_cap", values, price)[0]
    return _priced(name, values, price)[0]


PRICED: Mapping[str, tuple[str, ...]] = {
    "fund.pe": ("fund.eps",),
    "fund.earnings_yield": ("fund.eps",),
    "fund.pb": ("fund.book_value_per_share",),
    "fund.market_cap": ("fund.shares_outstanding",),
    "fund.dividend_yield": ("fund.dividend_per_share",),
    "fund.ps": ("fund.sales", "fund.market_cap", "fund.shares_outstanding"),
}
"""Ratios to the price, and what they rest on; each stands behind those that it rests on."""
_SHARES = "fund.shares_outstanding"


def _shares(published: Floats, known: Floats) -> Floats:
    return np.where(np.isfinite(published), published, known)


def _priced(name: str, values: Mapping[str, Floats], price: Floats) -> tuple[Floats, Mask]:
    """A ratio to the price, where its inputs are known the derived one, and where that is."""
    base = values[PRICED[name][0]]
    is_known = np.isfinite(price) & (price > 0) & np.isfinite(base)
    with np.errstate(invalid="ignore", divide="ignore"):
        if name in {"fund.pe", "fund.pb"}:
            # Where the earnings are known, a loss is known too: a published P/E does not come through.
            found = np.where(is_known, price_over(price, base), values[name])
            return np.where(base <= 0, np.nan, found), is_known
        if name == "fund.market_cap":
            found = base * price
            is_known &= np.isfinite(found)
        elif name == "fund.ps":
            found = price_over(values["fund.market_cap"], base)
            is_known &= np.isfinite(values[_SHARES] * price * base)
        else:
            found = base / price * 100
    return np.where(is_known, found, values[name]), is_known


def price_over(price: Floats, amount: Floats) -> Floats:
    """A price over an amount, unknown where the amount is zero or less."""
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio: Floats = np.where(amount > 0, price / amount, np.nan)
    return ratio


def median_pe(closes: Floats, eps: Floats) -> Floats:
    """Median P/E of each row from month-end closes and the EPS known at them (rows x months, NaN unknown)."""
    ratios = np.sort(price_over(closes, eps), axis=1)  # unknown ones stand last
    known = np.isfinite(ratios).sum(axis=1)
    row = np.arange(len(ratios))
    low, high = ratios[row, np.maximum((known - 1) // 2, 0)], ratios[row, np.minimum(known // 2, ratios.shape[1] - 1)]
    found: Floats = np.where(known >= MEDIAN_LEAST, (low + high) / 2, np.nan)
    return found


def basis_of(name: str, is_derived: Mapping[str, Mask], row: int = 0) -> str:
    """`derived` or `published`."""
    mask = is_derived.get(name)
    return "derived" if mask is not None and bool(mask[row]) else "published"
