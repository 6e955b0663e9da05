"""The one registry of fields: names, types, units and meaning, written once.

The type checker, completion, the screener's column chooser, `/api/fields`, the REST rows and the
live frames all read it. A field that is not here does not exist.
"""

from dataclasses import dataclass
from enum import StrEnum


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


_P, _N, _PCT, _M, _C = FieldType.PRICE, FieldType.NUMBER, FieldType.PERCENT, FieldType.MONEY, FieldType.COUNT
_TICK, _BAR, _DAY, _QTR = Cadence.TICK, Cadence.BAR, Cadence.DAILY, Cadence.QUARTERLY

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
    # Fundamentals and shareholding, point in time.
    Field(
        "fund.pe", _N, _QTR, "P/E", "Price over earnings per share of the last four quarters.", source="fundamentals"
    ),
    Field("fund.pb", _N, _QTR, "P/B", "Price over book value per share.", source="fundamentals"),
    Field("fund.eps", _P, _QTR, "EPS", "Earnings per share, last four quarters.", source="fundamentals"),
    Field("fund.roe", _PCT, _QTR, "ROE", "Return on equity.", source="fundamentals"),
    Field("fund.roce", _PCT, _QTR, "ROCE", "Return on capital employed.", source="fundamentals"),
    Field("fund.debt_to_equity", _N, _QTR, "Debt/equity", "Total debt over equity.", source="fundamentals"),
    Field("fund.market_cap", _M, _TICK, "Market cap", "Shares outstanding times price.", source="fundamentals"),
    Field(
        "fund.dividend_yield", _PCT, _QTR, "Dividend yield", "Dividends of a year over price.", source="fundamentals"
    ),
    Field("fund.sales_growth_3y", _PCT, _QTR, "Sales growth 3y", "Compound growth of sales.", source="fundamentals"),
    Field("fund.promoter_holding", _PCT, _QTR, "Promoters", "Share held by promoters.", source="shareholding"),
    Field("fund.pledged_pct", _PCT, _QTR, "Pledged", "Promoters' shares that are pledged.", source="shareholding"),
    Field("fund.fii_holding", _PCT, _QTR, "FII", "Share held by foreign institutions.", source="shareholding"),
    Field("fund.dii_holding", _PCT, _QTR, "DII", "Share held by domestic institutions.", source="shareholding"),
    Field("fund.public_holding", _PCT, _QTR, "Public", "Share held by the public.", source="shareholding"),
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
    """The field of that name or alias, or None."""
    return BY_NAME.get(ALIASES.get(name, name))
