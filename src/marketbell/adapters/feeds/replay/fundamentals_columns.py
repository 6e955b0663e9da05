"""Providers' names of published values, in our words (definitions.md §4.11).

Names are compared in lower case with underscores for spaces. Where two columns of a file mean the same
value, the first one in the file's order counts and the other is told as a note.
"""

from dataclasses import dataclass

from marketbell.core.language.fields import BY_NAME

CRORE = 1e7
PERCENT = 100.0
"""Scale of a fraction that is wanted in percentage points."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """A registry field without `fund.`, and what a provider's number is multiplied by."""

    field: str
    scale: float = 1.0


def _all(field: str, *names: str, scale: float = 1.0) -> dict[str, Meaning]:
    return dict.fromkeys(names, Meaning(field, scale))


MEANINGS: dict[str, Meaning] = {
    name.removeprefix("fund."): Meaning(name.removeprefix("fund.")) for name in BY_NAME if name.startswith("fund.")
}
MEANINGS |= {name: Meaning(name.removeprefix("fund.")) for name in BY_NAME if name.startswith("fund.")}
MEANINGS |= _all("pe", "price/earnings", "p/e", "pe_ratio", "pe_ratio_provider", "peratio", "trailingpe", "pe_ttm")
MEANINGS |= _all("pb", "price/book", "p/b", "pb_ratio", "price_to_book", "pricetobookratio")
MEANINGS |= _all("ps", "price/sales", "p/s", "ps_ratio", "pricetosalesratiottm")
MEANINGS |= _all("eps", "earnings/share", "eps_ttm", "eps_ttm_yf", "eps_ttm_edgar", "dilutedepsttm")
MEANINGS |= _all("market_cap", "marketcapitalization", "marketcap")
MEANINGS |= _all("shares_outstanding", "sharesoutstanding", "shares")
MEANINGS |= _all("book_value_per_share", "bookvalue", "book_value", "bvps")
MEANINGS |= _all("dividend_per_share", "dividendpershare", "dividend_rate", "dividend_ttm", "dps")
MEANINGS |= _all("dividend_yield", "dividendyield", "dividend_yield_pct")
MEANINGS |= _all("roe", "roe_pct", "roe_%")
MEANINGS |= _all("roce", "roce_pct", "roce_%")
MEANINGS |= _all("debt_to_equity", "debt_equity", "debt/equity", "d/e")
MEANINGS |= _all("sales", "revenue_ttm", "revenuettm")
MEANINGS |= _all("net_profit", "net_income_ttm")
MEANINGS |= _all("net_margin", "net_margin_pct")
MEANINGS |= _all("operating_margin", "operating_margin_pct", "opm", "opm_%")
MEANINGS |= _all("sales_growth_3y", "revenue_cagr_3y", "cagr_revenue_3y")
MEANINGS |= _all("eps_growth_3y", "eps_cagr_3y", "cagr_eps_3y")
MEANINGS |= _all("cagr_5y", "cagr_eps_5y")
MEANINGS |= _all("profit_growth_yoy", "qtr_profit_var_%")
MEANINGS |= _all("profit_growth_qoq", "qoq_profits_%")
MEANINGS |= _all("sales_growth_qoq", "qoq_sales_%")
MEANINGS |= _all("promoter_holding", "promoter_%", "promoter", "pr_and_prgrp")
MEANINGS |= _all("pledged_pct", "pledged", "pledged_%")
MEANINGS |= _all("fii_holding", "fii", "fii_%", "fii/fpi")
MEANINGS |= _all("dii_holding", "dii", "dii_%")
MEANINGS |= _all("public_holding", "public", "public_%", "public_val")

FRACTIONS = _all("dividend_yield", "dividend_yield", "dividendyield", scale=PERCENT)
ALPHA_VANTAGE = (
    FRACTIONS
    | _all("roe", "returnonequityttm", scale=PERCENT)
    | _all("net_margin", "profitmargin", scale=PERCENT)
    | _all("operating_margin", "operatingmarginttm", scale=PERCENT)
)
QUARTERLY_CRORE = (
    _all("sales_quarter", "revenue", scale=CRORE)
    | _all("net_profit_quarter", "net_profit", scale=CRORE)
    | _all("net_profit", "profit_ttm", scale=CRORE)
    | _all("operating_margin", "operating_profit_margin")
    | _all("eps_quarter", "eps")
    | _all("eps", "eps_ttm")
)

PRICE = ("price", "current_price", "last_price", "close", "ltp")
SYMBOL = ("symbol", "ticker", "nse_code", "instrument", "tradingsymbol")
PERIOD = ("period_end", "period", "latestquarter", "eps_last_date", "quarter_end")
PUBLISHED = ("published_at", "broadcastdate", "last_updated", "published", "filing_date", "as_of", "date")
NAME = ("company_name", "security", "company", "name")
SECTOR = ("gics_sector", "sector", "industry")
INDUSTRY = ("gics_sub-industry", "industry")
ISIN = ("isin_code", "isin")
TIMES_OF_PRICES = frozenset({"timestamp", "event_time", "datetime", "date_time", "time", "start"})
"""A file with one of these is a recording of prices, whatever else it holds."""


def plain(name: str) -> str:
    """A column's name as it is compared."""
    return name.strip().lower().replace(" ", "_")


def special_meanings(names: set[str]) -> dict[str, Meaning]:
    """What a file's names mean beyond MEANINGS, by the company they keep."""
    if {"peratio", "marketcapitalization"} <= names:
        return ALPHA_VANTAGE
    if {"price/earnings", "earnings/share"} <= names:
        return FRACTIONS
    if {"nse_code", "profit_ttm", "eps_ttm"} <= names:
        return QUARTERLY_CRORE
    return {}


def is_facts(names: set[str]) -> bool:
    """Whether columns of these (plain) names are published values or descriptions of instruments, not prices."""
    if names & TIMES_OF_PRICES or not names & set(SYMBOL):
        return False
    if "date" in names and names & set(PRICE):
        return False
    described = {"isin_code", "gics_sector"} & names
    long_form = {"value", "published_at"} <= names and bool(names & {"field", "name"})
    return bool(described) or long_form or bool(names & MEANINGS.keys() - {"sales", "public", "promoter"})
