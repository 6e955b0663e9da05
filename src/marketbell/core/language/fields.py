"""The one registry of fields: names, types, units and meaning, written once.

The type checker, completion, the screener's column chooser, `/api/fields`, the REST rows and the
live frames all read it. A field that is not here does not exist.
"""

from dataclasses import dataclass
from enum import StrEnum
from math import inf

from marketbell.core.patterns.catalogue import PATTERNS, Basis, Pattern


class FieldType(StrEnum):
    """What a value is; `percent` is held in percentage points everywhere."""

    PRICE = "price"
    NUMBER = "number"
    PERCENT = "percent"
    MONEY = "money"
    COUNT = "count"
    DURATION = "duration"
    BOOL = "bool"
    ENUM = "enum"
    TIME = "time"


class Cadence(StrEnum):
    """How often a field can change."""

    TICK = "tick"
    BAR = "bar"
    DAILY = "daily"
    QUARTERLY = "quarterly"
    CHAIN = "chain"
    NEWS = "news"


@dataclass(frozen=True, slots=True)
class Setting:
    """What a field is asked for in brackets: `opt.skew(delta: 25)`. Without a `default` it has to be written.

    `kind` is text (one of `choices`), period (a whole number of bars or days), number (above 0) or duration.
    """

    name: str
    kind: str
    default: str | None = None
    choices: tuple[str, ...] = ()
    least: float = 0.0
    most: float = inf
    """Of a number: what it lies between."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an instrument. `label` is what a table heading says."""

    name: str
    type: FieldType
    cadence: Cadence
    label: str
    description: str
    unit: str = ""
    source: str = "feed"
    members: tuple[str, ...] = ()
    """Words of an ENUM, by number; its values are these numbers."""
    settings: tuple[Setting, ...] = ()
    """In the order in which they may be written without their names."""
    is_live: bool = True
    """False for one that rules may name before anybody provides it (declared.py): it is unknown."""


_P, _N, _PCT, _M, _C = FieldType.PRICE, FieldType.NUMBER, FieldType.PERCENT, FieldType.MONEY, FieldType.COUNT
_TICK, _BAR, _DAY, _QTR = Cadence.TICK, Cadence.BAR, Cadence.DAILY, Cadence.QUARTERLY


def _fund(name: str, kind: FieldType, label: str, text: str, *, cadence: Cadence = _QTR, unit: str = "") -> Field:
    source = "shareholding" if "holding" in name or name == "pledged_pct" else "fundamentals"
    return Field(f"fund.{name}", kind, cadence, label, text, unit=unit, source=source)


def _pattern(pattern: Pattern) -> tuple[Field, Field]:
    """Whether it shows, and its score."""
    cadence = _BAR if pattern.basis is Basis.BARS else _TICK
    text = f"{pattern.definition} {pattern.caution}"
    score = f"The score of {pattern.field}; its threshold is {pattern.threshold:g}."
    return (
        Field(pattern.field, FieldType.BOOL, cadence, pattern.title, text, source="patterns"),
        Field(pattern.score_field, _N, cadence, f"{pattern.title}: score", score, source="patterns"),
    )


_HELD = "Percent of all shares, at the end of the newest published quarter."
_LIVE = "Live: {} Unknown without {}; as published where only the ratio is."

_FUNDAMENTALS = (
    _fund(
        "pe",
        _N,
        "P/E",
        _LIVE.format("last price over the EPS of the last four published quarters.", "earnings above zero"),
        cadence=_TICK,
    ),
    _fund(
        "pb", _N, "P/B", _LIVE.format("last price over book value per share.", "a book value above zero"), cadence=_TICK
    ),
    _fund("ps", _N, "P/S", _LIVE.format("market cap over sales of four quarters.", "sales"), cadence=_TICK),
    _fund("eps", _P, "EPS", "Earnings per share of four quarters: published, else the sum of the last four quarters'."),
    _fund("eps_quarter", _P, "EPS, quarter", "Earnings per share of the newest published quarter."),
    _fund(
        "earnings_yield",
        _PCT,
        "Earnings yield",
        "Live: EPS of the last four published quarters over last price; below zero with a loss.",
        cadence=_TICK,
    ),
    _fund("roe", _PCT, "ROE", "Return on equity, as published."),
    _fund("roce", _PCT, "ROCE", "Return on capital employed, as published."),
    _fund("debt_to_equity", _N, "Debt/equity", "Total debt over equity, as published."),
    _fund(
        "market_cap",
        _M,
        "Market cap",
        "Live: shares outstanding times last price; as published where the shares are unknown.",
        cadence=_TICK,
        unit="currency",
    ),
    _fund("shares_outstanding", _C, "Shares", "Shares outstanding: newest published, else the listing's."),
    _fund("book_value_per_share", _P, "Book value", "Equity per share, as published or implied by a published P/B."),
    _fund("dividend_per_share", _P, "Dividends", "Dividends of a year per share, as published or implied by a yield."),
    _fund(
        "dividend_yield",
        _PCT,
        "Dividend yield",
        _LIVE.format("dividends of a year per share over last price.", "dividends per share"),
        cadence=_TICK,
    ),
    _fund("sales", _M, "Sales", "Sales of the last four quarters or the last year, as published.", unit="currency"),
    _fund("sales_quarter", _M, "Sales, quarter", "Sales of the newest published quarter.", unit="currency"),
    _fund("net_profit", _M, "Net profit", "Net profit of four quarters or a year, as published.", unit="currency"),
    _fund(
        "net_profit_quarter", _M, "Net profit, quarter", "Net profit of the newest published quarter.", unit="currency"
    ),
    _fund("ebitda", _M, "EBITDA", "Earnings before interest, taxes and write-offs, as published.", unit="currency"),
    _fund("operating_margin", _PCT, "Operating margin", "Operating profit over sales, as published."),
    _fund("net_margin", _PCT, "Net margin", "Net profit over sales, as published."),
    _fund(
        "sales_growth_3y",
        _PCT,
        "Sales growth 3y",
        "Compound yearly growth of sales over three years: derived from published sales, else as published.",
    ),
    _fund("sales_growth_qoq", _PCT, "Sales growth, quarter", "Sales against the quarter before, as published."),
    _fund("profit_growth_qoq", _PCT, "Profit growth, quarter", "Net profit against the quarter before, as published."),
    _fund(
        "profit_growth_yoy", _PCT, "Profit growth, year", "Net profit of a quarter against a year before, as published."
    ),
    _fund("eps_growth_3y", _PCT, "EPS growth 3y", "Compound yearly growth of EPS over three years, as published."),
    _fund(
        "cagr_5y",
        _PCT,
        "CAGR 5y",
        "Compound yearly growth of earnings per share over five years: derived from published EPS, else as published.",
    ),
    _fund(
        "pe_median_5y",
        _N,
        "P/E median 5y",
        "Median of five years' month-end P/Es, each with the EPS published by then (36 months or more), else as "
        "published.",
        cadence=_DAY,
    ),
    _fund("promoter_holding", _PCT, "Promoters", f"Share held by promoters. {_HELD}"),
    _fund("promoter_holding_change", _PCT, "Promoters, change", "Promoters' share less that of a quarter before."),
    _fund("pledged_pct", _PCT, "Pledged", "Share of the promoters' shares that is pledged."),
    _fund("fii_holding", _PCT, "FII", f"Share held by foreign institutions. {_HELD}"),
    _fund("fii_holding_change", _PCT, "FII, change", "Foreign institutions' share less that of a quarter before."),
    _fund("dii_holding", _PCT, "DII", f"Share held by domestic institutions. {_HELD}"),
    _fund("dii_holding_change", _PCT, "DII, change", "Domestic institutions' share less that of a quarter before."),
    _fund("public_holding", _PCT, "Public", f"Share held by the public. {_HELD}"),
)

FIELDS: tuple[Field, ...] = (
    # Price and tape. Every one of these is a column of the engine's state.
    Field("close", _P, _TICK, "Price", "Last accepted trade price; in order ticks only."),
    Field("change", _P, _TICK, "Change", "Price less the previous close, else less the day's first price."),
    Field("change_pct", _PCT, _TICK, "Change %", "Change against the previous close, else the day's first price."),
    Field("bid", _P, _TICK, "Bid", "Best price somebody would pay."),
    Field("ask", _P, _TICK, "Ask", "Best price somebody would sell at."),
    Field("spread", _P, _TICK, "Spread", "Best ask less best bid."),
    Field("day.open", _P, _TICK, "Open", "First price of the session by (event time, arrival)."),
    Field("day.high", _P, _TICK, "High", "Highest accepted price of the session."),
    Field("day.low", _P, _TICK, "Low", "Lowest accepted price of the session."),
    Field("day.volume", _C, _TICK, "Volume", "Largest cumulative volume of the session."),
    Field("day.trades", _C, _TICK, "Trades", "Accepted ticks of the session."),
    Field("volume", _C, _TICK, "Volume", "The day's volume so far (the same as day.volume without a timeframe)."),
    Field("turnover", _M, _TICK, "Turnover", "Session sum of price times size.", unit="currency"),
    Field("vwap", _P, _TICK, "VWAP", "Turnover over volume since the session's open."),
    Field("prev_day.close", _P, _DAY, "Previous close", "Close of the session before.", source="history"),
    Field("high_52w", _P, _DAY, "52w high", "Highest high of the last 52 weeks, today included.", source="history"),
    Field("low_52w", _P, _DAY, "52w low", "Lowest low of the last 52 weeks, today included.", source="history"),
    Field("from_high_52w_pct", _PCT, _TICK, "From 52w high", "Price against the 52-week high.", source="history"),
    Field("from_low_52w_pct", _PCT, _TICK, "From 52w low", "Price against the 52-week low.", source="history"),
    Field(
        "volatility",
        _PCT,
        _BAR,
        "Volatility",
        "Standard deviation (ddof 0) of the last 20 one-minute log returns, annualised by the "
        "calendar's minutes a session and 252 sessions.",
        unit="% a year",
    ),
    Field(
        "volume_spike",
        _N,
        _BAR,
        "Volume spike",
        "z-score of the last closed minute's volume against the same minute of earlier days; with fewer "
        "than 3 such days against the last 20 minutes of this session.",
        unit="sigma",
    ),
    # The order book. Unknown unless the book is ready: a crossed or empty book is a state, not a number.
    Field(
        "book.state",
        FieldType.ENUM,
        _TICK,
        "Book",
        "building: no snapshot yet, or the market left the prices that it showed; ready; resyncing: updates are "
        "missing; crossed: the best bid is not below the best ask; empty: a side has no orders.",
        source="order book",
        members=("", "building", "ready", "resyncing", "crossed", "empty"),
    ),
    Field(
        "book.imbalance",
        _N,
        _TICK,
        "Imbalance",
        "(bids - asks) / (bids + asks) of the sizes of the best 5 levels a side, -1 to 1.",
        source="order book",
    ),
    Field(
        "book.microprice",
        _P,
        _TICK,
        "Microprice",
        "(ask * bid size + bid * ask size) / (bid size + ask size) of the best level.",
        source="order book",
    ),
    Field("book.spread", _P, _TICK, "Book spread", "Best ask less best bid of the book.", source="order book"),
    Field(
        "book.spread_bps",
        _N,
        _TICK,
        "Spread bps",
        "Best ask less best bid over their mean.",
        unit="bps",
        source="order book",
    ),
    Field("book.bid_size", _N, _TICK, "Bid size", "Size at the best bid.", unit="units", source="order book"),
    Field("book.ask_size", _N, _TICK, "Ask size", "Size at the best ask.", unit="units", source="order book"),
    Field(
        "book.depth_bid",
        _N,
        _TICK,
        "Bid depth",
        "Sum of the sizes of the best 10 bid levels (of all that are known, where fewer are).",
        unit="units",
        source="order book",
    ),
    Field(
        "book.depth_ask",
        _N,
        _TICK,
        "Ask depth",
        "Sum of the sizes of the best 10 ask levels (of all that are known, where fewer are).",
        unit="units",
        source="order book",
    ),
    Field("book.depth", _N, _TICK, "Depth", "Bid depth and ask depth.", unit="units", source="order book"),
    # Abnormal patterns: see core/patterns and docs/reference/patterns.md.
    *(field for pattern in PATTERNS for field in _pattern(pattern)),
    # Fundamentals and shareholding, point in time (core/fundamentals). Derived where the inputs are known,
    # else as published; the formulas are core/fundamentals/ratios.FORMULAS.
    *_FUNDAMENTALS,
    # About the data itself.
    Field("event_time", FieldType.TIME, _TICK, "As of", "Venue time of the last accepted tick, UTC."),
    Field("src.age", FieldType.DURATION, _TICK, "Age", "Market clock less event_time.", unit="s"),
)

BY_NAME: dict[str, Field] = {field.name: field for field in FIELDS}

ALIASES: dict[str, str] = {"ltp": "close", "last_price": "close"} | {
    name.removeprefix("fund."): name for name in BY_NAME if name.startswith("fund.")
}
"""Bare and borrowed names, where they are unambiguous."""


def resolve(name: str) -> Field | None:
    """The live field of that name or alias, or None."""
    return BY_NAME.get(ALIASES.get(name, name))
