"""Stocks: one item, lists of them, filters, bars, books, fundamentals."""

from typing import Literal

from pydantic import ConfigDict, Field

from marketbell.processes.api.schemas.base import Answer, DecimalStr, PageQuery, Question, UtcTime


class DayRange(Answer):
    """The session so far."""

    open: DecimalStr | None
    high: DecimalStr | None
    low: DecimalStr | None
    volume: int | None
    trades: int | None


class Fundamentals(Answer):
    """The registry's `fund.*` now: derived from the live price where that can be, else as published.

    Percentages are percentage points.
    """

    pe: DecimalStr | None = None
    pb: DecimalStr | None = None
    ps: DecimalStr | None = None
    eps: DecimalStr | None = None
    eps_quarter: DecimalStr | None = None
    earnings_yield: DecimalStr | None = None
    roe: DecimalStr | None = None
    roce: DecimalStr | None = None
    debt_to_equity: DecimalStr | None = None
    market_cap: DecimalStr | None = None
    shares_outstanding: int | None = None
    book_value_per_share: DecimalStr | None = None
    dividend_per_share: DecimalStr | None = None
    dividend_yield: DecimalStr | None = None
    sales: DecimalStr | None = None
    sales_quarter: DecimalStr | None = None
    net_profit: DecimalStr | None = None
    net_profit_quarter: DecimalStr | None = None
    ebitda: DecimalStr | None = None
    operating_margin: DecimalStr | None = None
    net_margin: DecimalStr | None = None
    sales_growth_3y: DecimalStr | None = None
    sales_growth_qoq: DecimalStr | None = None
    profit_growth_qoq: DecimalStr | None = None
    profit_growth_yoy: DecimalStr | None = None
    eps_growth_3y: DecimalStr | None = None
    cagr_5y: DecimalStr | None = None
    pe_median_5y: DecimalStr | None = None
    promoter_holding: DecimalStr | None = None
    promoter_holding_change: DecimalStr | None = None
    pledged_pct: DecimalStr | None = None
    fii_holding: DecimalStr | None = None
    fii_holding_change: DecimalStr | None = None
    dii_holding: DecimalStr | None = None
    dii_holding_change: DecimalStr | None = None
    public_holding: DecimalStr | None = None


class Stock(Answer):
    """One instrument now: price, day, ranges, fundamentals, and how old all that is."""

    instrument: str = Field(description="VENUE:SYMBOL", examples=["NSE:RELIANCE"])
    symbol: str
    name: str
    kind: str
    sector: str | None
    industry: str | None
    currency: str
    close: DecimalStr | None = Field(description="Last accepted trade price.")
    change: DecimalStr | None
    change_pct: DecimalStr | None = Field(description="Percentage points.")
    change_basis: Literal["prev_close", "day_open"] | None = Field(description="What the change is measured against.")
    volume: int | None
    day: DayRange
    vwap: DecimalStr | None
    turnover: DecimalStr | None
    bid: DecimalStr | None
    ask: DecimalStr | None
    spread: DecimalStr | None
    prev_close: DecimalStr | None
    high_52w: DecimalStr | None
    low_52w: DecimalStr | None
    from_high_52w_pct: DecimalStr | None
    from_low_52w_pct: DecimalStr | None
    volatility: DecimalStr | None
    volume_spike: DecimalStr | None
    fund: Fundamentals
    tick_size: DecimalStr
    as_of: UtcTime | None = Field(description="The venue's time of the last accepted tick.")
    age_s: float | None = Field(description="The market's clock less `as_of`, seconds.")
    is_simulated: bool
    source: str
    values: dict[str, DecimalStr | int | UtcTime | None] = Field(
        default_factory=dict, description="The registry fields named in `columns`."
    )


class StockList(Answer):
    """A page of stocks."""

    items: list[Stock]
    as_of: UtcTime | None
    source: str
    next_cursor: str | None = None
    total: int | None = Field(None, description="How many there are over all pages, where that is known.")


class UndervaluedList(StockList):
    """A page of stocks together with what undervalued means here."""

    definition: str


class StocksQuery(PageQuery):
    """Search and list."""

    query: str | None = Field(None, max_length=100, description="Symbol prefix, or words of the name.")
    kind: str | None = Field(None, max_length=20, description="equity, index, future, option, crypto or currency.")
    sector: str | None = Field(None, max_length=100)


class FilterQuery(PageQuery):
    """Beside these: `min.FIELD=NUMBER`, `max.FIELD=NUMBER`, `in.FIELD=A,B` for any field of /api/fields."""

    model_config = ConfigDict(extra="allow")

    sort: str | None = Field(None, max_length=60, description="A field; `-` in front for the largest first.")
    columns: str | None = Field(None, max_length=2_000, description="Fields for `values`, with commas between.")


class FilterBody(PageQuery):
    """The same as JSON; with `text`, those who meet it and all else that is asked for."""

    text: str | None = Field(
        None,
        max_length=10_000,
        description="A screen or a condition of the rule language. Its order is kept where `sort` says no other.",
    )
    min: dict[str, float | str] = Field(default_factory=dict, description="Field to its lowest value.")
    max: dict[str, float | str] = Field(default_factory=dict, description="Field to its highest value.")
    in_: dict[str, list[str | float]] = Field(
        default_factory=dict, alias="in", description="Field to the values it may have."
    )
    sort: str | None = Field(None, max_length=60)
    columns: list[str] = Field(default_factory=list, max_length=100)


class Bar(Answer):
    """Open, high, low, close and volume over [start, start + timeframe)."""

    start: UtcTime
    open: DecimalStr | None
    high: DecimalStr | None
    low: DecimalStr | None
    close: DecimalStr | None
    volume: int | None
    trades: int | None
    vwap: DecimalStr | None
    is_closed: bool = Field(description="False for the bar that is still forming; it can change.")


class BarList(Answer):
    """Bars, oldest first, the forming one last."""

    items: list[Bar]
    as_of: UtcTime | None
    source: str
    timeframe: Literal["1m", "1d"]


class BarsQuery(Question):
    """Which bars; without `from` the newest `limit` of them."""

    timeframe: Literal["1m", "1d"] = "1m"
    from_: str | None = Field(None, alias="from", max_length=40, description="ISO-8601; first start to include.")
    to: str | None = Field(None, max_length=40, description="ISO-8601; starts before this.")
    limit: int = Field(500, ge=1, le=5_000)


class BookLevel(Answer):
    """One price and the size that waits there."""

    price: DecimalStr
    size: int | float | None


class OrderBook(Answer):
    """Both sides by price, the best first. Empty where the feed has no depth.

    `state` is null without a book, else building, ready, resyncing, crossed or empty.
    """

    instrument: str
    state: str | None
    bids: list[BookLevel]
    asks: list[BookLevel]
    as_of: UtcTime | None
    source: str


class EvidenceNumber(Answer):
    """One number that a pattern rests on. `unit` is %, units, x (times), count or empty."""

    name: str
    label: str
    value: DecimalStr | None
    unit: str


class PatternSign(Answer):
    """The newest sign of a pattern: what was measured from when to when."""

    start: UtcTime
    end: UtcTime
    numbers: list[EvidenceNumber]


class PatternItem(Answer):
    """One abnormal pattern. `state` is present, absent or unknown; `score` is compared with `threshold`."""

    pattern: str
    title: str
    state: str
    score: DecimalStr | None
    threshold: DecimalStr
    basis: str
    definition: str
    reason: str
    reference: str
    caution: str
    evidence: PatternSign | None


class EvidenceList(Answer):
    """Every pattern of an instrument, those that are present first."""

    instrument: str
    items: list[PatternItem]
    as_of: UtcTime | None
    source: str


class HoldingPoint(Answer):
    """Who held how much at the end of a period, percentage points."""

    period_end: str
    promoter: DecimalStr | None
    pledged: DecimalStr | None
    fii: DecimalStr | None
    dii: DecimalStr | None
    public: DecimalStr | None
    published_at: UtcTime | None
    source: str


class Shareholding(Answer):
    """Shareholding over time, oldest first."""

    instrument: str
    items: list[HoldingPoint]
    as_of: UtcTime | None
    source: str


class FundamentalFact(Answer):
    """One value and where it comes from. A derived one bears the dates and the source of its newest input."""

    name: str
    label: str
    value: DecimalStr | None
    unit: str
    period_end: str | None
    published_at: UtcTime | None
    version: int | None = Field(None, description="1 for the first publication; restatements count on.")
    source: str
    basis: Literal["published", "derived"] = Field("published", description="Derived: by `formula` from `inputs`.")
    formula: str | None = None
    inputs: list[str] = Field(default_factory=list, description="Published fields that it is derived from.")
    published_value: DecimalStr | None = Field(None, description="What was published under this name itself.")


class FundamentalList(Answer):
    """The value of each field that is known at the market's clock."""

    instrument: str
    items: list[FundamentalFact]
    as_of: UtcTime | None
    source: str
