"""Option chains. Numbers are JSON numbers (they are computed, not quoted), null where unknown.

Volatilities are in percentage points a year, `rate` a fraction a year, theta and charm a calendar day, vega and rho a
percentage point, delta and gamma to the spot; open interest and volume in units of the underlying.
"""

from typing import Literal

from pydantic import Field

from marketbell.processes.api.schemas.base import Answer, Question, UtcTime

Day = Field(pattern=r"^\d{4}-\d{2}-\d{2}$", description="ISO date.", examples=["2026-08-25"])
State = Literal["", "long_buildup", "short_buildup", "long_unwinding", "short_covering"]
Metrics = dict[str, float | str | None]


class AsOfQuery(Question):
    """At which moment."""

    as_of: str | None = Field(
        None, max_length=40, description="ISO 8601 (or ns): the newest chain at or before; else the newest of all."
    )


class ExpiryQuery(AsOfQuery):
    """Which expiry at which moment."""

    expiry: str | None = Field(
        None, max_length=20, description="ISO date, or nearest, next, monthly; nearest where it is left out."
    )


class ChainQuery(ExpiryQuery):
    """Which chain, and by which model."""

    model: Literal["black76", "bsm", "nse", "american"] | None = Field(None, description="Default black76.")
    rate: float | None = Field(
        None, description="A fraction a year, continuous (0.065); else the model's own. Over 1 is answered with 422."
    )


class RangeQuery(Question):
    """Which expiry over which time."""

    expiry: str | None = Field(None, max_length=20, description="ISO date or word; all where it is left out.")
    from_: str | None = Field(None, alias="from", max_length=40, description="ISO 8601 or ns; else the newest day's.")
    to: str | None = Field(None, max_length=40, description="ISO 8601 or ns, included; else the newest chain.")


class HistoryQuery(RangeQuery):
    """Which metrics over which time."""

    names: str | None = Field(None, max_length=1_000, description="Metrics with commas between; all where left out.")
    limit: int = Field(
        1_000, ge=1, le=5_000, description="At most so many moments, evenly spaced, the last among them."
    )


class OptionUnderlying(Answer):
    """Something that has option chains, with what its nearest expiry says."""

    underlying: str = Field(description="VENUE:SYMBOL.")
    symbol: str
    name: str
    spot: float | None
    change_pct: float | None
    as_of: UtcTime | None
    expiries: list[str]
    atm_iv: float | None
    pcr_oi: float | None
    is_simulated: bool


class OptionList(Answer):
    """Everything that has option chains."""

    items: list[OptionUnderlying]


class OptionExpiry(Answer):
    """One listed expiry."""

    expiry: str = Day
    expires_at: UtcTime | None = Field(description="When it stops trading, by the dated calendar.")
    as_of: UtcTime | None = Field(description="Of its newest chain.")
    days: int = Field(description="Calendar days that are left.")
    is_monthly: bool
    strikes: int


class OptionExpiryList(Answer):
    """The expiries that have not passed, nearest first."""

    underlying: str
    items: list[OptionExpiry]


class OptionContract(Answer):
    """A call or a put of a chain."""

    price: float | None = Field(description="What the volatility is taken from: the mid, else the last price.")
    last: float | None
    bid: float | None
    ask: float | None
    volume: float | None
    oi: float | None
    oi_change: float | None = Field(description="Since the previous day's close.")
    prev_close: float | None
    change: float | None
    iv: float | None
    delta: float | None
    gamma: float | None
    theta: float | None
    vega: float | None
    rho: float | None
    vanna: float | None
    volga: float | None
    charm: float | None
    status: str = Field(description="ok, or why there is no volatility: no_price, at_intrinsic, expired ...")
    state: State = Field(description="What price and open interest did together; empty for neither.")
    is_liquid: bool
    quote_age_s: float | None


class OptionStrike(Answer):
    """Both sides of a strike; `iv` is that of the side out of the money."""

    strike: float
    iv: float | None
    call: OptionContract
    put: OptionContract


class OptionChain(Answer):
    """A whole chain with its metrics."""

    underlying: str
    symbol: str
    spot: float | None
    expiry: str = Day
    expires_at: UtcTime | None
    as_of: UtcTime | None
    model: str
    rate: float = Field(description="A fraction a year, continuous.")
    forward: float | None
    forward_source: str = Field(description="future, parity, spot, or empty where there is none.")
    t_years: float | None
    lot_size: float | None
    source: str
    is_simulated: bool
    atm_strike: float | None
    metrics: Metrics
    flags: list[str] = Field(description="What was unusual when it was read.")
    strikes: list[OptionStrike]


class OptionExpiryMetrics(Answer):
    """Metrics of one expiry."""

    expiry: str = Day
    t_years: float | None
    metrics: Metrics


class MetricField(Answer):
    """What a metric is."""

    name: str
    label: str
    unit: str
    text: str
    source: str


class OptionMetrics(Answer):
    """Metrics of every listed expiry and over all of them."""

    underlying: str
    spot: float | None
    as_of: UtcTime | None
    iv_rank: float | None = Field(description="Where the volatility lies between the year's lowest and highest, 0-100.")
    iv_percentile: float | None = Field(description="Share of the year's days with a lower one, 0-100.")
    iv_days: int = Field(description="Days of history that both rest on; under 20 both are null.")
    iv_of: str = Field(description="Which metric's history.")
    all: Metrics
    expiries: list[OptionExpiryMetrics]
    fields: list[MetricField]


class StrikeRatio(Answer):
    """Open interest of a strike, puts over calls."""

    strike: float
    pcr_oi: float | None
    call_oi: float | None
    put_oi: float | None


class PutCallRatio(Answer):
    """Put-call ratios of an expiry, with what they are made of."""

    underlying: str
    spot: float | None
    expiry: str = Day
    as_of: UtcTime | None
    pcr_oi: float | None
    pcr_volume: float | None
    pcr_oi_change: float | None
    call_oi: float | None
    put_oi: float | None
    call_volume: float | None
    put_volume: float | None
    call_oi_change: float | None
    put_oi_change: float | None
    strikes: list[StrikeRatio]


class Pain(Answer):
    """What holders would get if the underlying ended at this strike, in the currency."""

    strike: float
    pain: float
    call_pain: float
    put_pain: float


class MaxPain(Answer):
    """The strike with the least pain, the lowest of equal ones; null without open interest."""

    underlying: str
    spot: float | None
    expiry: str = Day
    as_of: UtcTime | None
    max_pain: float | None
    items: list[Pain]


class BuildUpSide(Answer):
    """Price and open interest of a contract since the previous day's close."""

    oi: float | None
    oi_change: float | None
    last: float | None
    change: float | None
    state: State


class BuildUpRow(Answer):
    """Both sides of a strike."""

    strike: float
    call: BuildUpSide
    put: BuildUpSide


class BuildUp(Answer):
    """What price and open interest did together, strike by strike."""

    underlying: str
    spot: float | None
    expiry: str = Day
    as_of: UtcTime | None
    oi_state: str | None = Field(description="Of the underlying, as this expiry's options tell it.")
    items: list[BuildUpRow]


class MetricsAtMoment(Answer):
    """Metrics of one expiry at one moment, as they were then."""

    as_of: UtcTime | None
    expiry: str = Day
    spot: float | None
    metrics: Metrics


class OptionHistory(Answer):
    """By time, then expiry."""

    underlying: str
    items: list[MetricsAtMoment]


class OptionTimes(Answer):
    """Moments that have a stored chain, rising."""

    underlying: str
    items: list[UtcTime]


class SviParameters(Answer):
    """Gatheral's five numbers: w(k) = a + b (rho (k - m) + sqrt((k - m)^2 + sigma^2))."""

    a: float
    b: float
    rho: float
    m: float
    sigma: float


class SurfacePoint(Answer):
    """A quoted volatility and what the fit says there, in percentage points."""

    strike: float
    k: float | None = Field(description="Log-moneyness against the expiry's forward.")
    iv: float | None
    fitted: float | None
    residual: float | None
    is_used: bool


class SurfaceSlice(Answer):
    """The smile of one expiry. What follows from a fit is null where there is none, and `reason` says why."""

    expiry: str = Day
    t_years: float | None
    forward: float | None
    params: SviParameters | None
    reason: str
    rmse: float | None
    min_g: float | None = Field(description="Least value of g(k); below zero a butterfly has a negative price.")
    min_g_k: float | None
    checked_k: list[float] | None
    is_butterfly_free: bool | None
    left_slope: float | None
    right_slope: float | None
    is_lee_bounded: bool | None
    points: list[SurfacePoint]


class CalendarCrossing(Answer):
    """Where the nearer expiry has more total variance than the farther one."""

    near: str = Day
    far: str = Day
    low_k: float
    high_k: float
    worst_k: float
    depth: float
    is_quoted: bool


class CalendarCheck(Answer):
    """Whether total variance grows with time everywhere, and where there are quotes."""

    is_free: bool
    is_free_where_quoted: bool
    crossings: list[CalendarCrossing]


class SurfaceGrid(Answer):
    """Volatilities in percentage points, one row an expiry; `is_quoted` false: extrapolated."""

    k: list[float]
    expiries: list[str]
    t_years: list[float]
    iv: list[list[float | None]]
    is_quoted: list[list[bool]]


class LeftOut(Answer):
    """An expiry that cannot be part of a surface."""

    expiry: str = Day
    why: str


class VolatilitySurface(Answer):
    """An SVI slice an expiry, checked by itself and against its neighbours."""

    as_of: UtcTime | None
    spot: float | None
    slices: list[SurfaceSlice]
    calendar: CalendarCheck
    grid: SurfaceGrid
    left_out: list[LeftOut]


class StrategiesQuery(ExpiryQuery):
    """Which view of the underlying."""

    view: Literal["up", "down", "flat", "big_move"]


class PresetQuery(ExpiryQuery):
    """How the strikes of a position with a name are chosen."""

    by: Literal["width", "delta"] = Field("width", description="By half an expected move, or by delta.")


class OptionLeg(Answer):
    """A leg with its price."""

    kind: Literal["call", "put", "future", "stock"]
    side: Literal["buy", "sell"]
    strike: float | None
    expiry: str | None
    lots: float
    price: float | None
    iv: float | None


class OptionStrategy(Answer):
    """A position of limited risk, of one lot each, worked out. Amounts in the underlying's currency."""

    name: str
    title: str
    text: str
    words: str = Field(description="What it costs, may lose and gain, and where it turns.")
    legs: list[OptionLeg]
    max_profit: float | None = Field(description="null where nothing limits it.")
    max_loss: float | None
    is_profit_unlimited: bool
    break_evens: list[float]
    probability_of_profit: float | None = Field(description="A fraction (0.38), by the stated model.")
    cost: float | None


class OptionStrategies(Answer):
    """Three examples; fewer where the chain has too few prices, and why."""

    items: list[OptionStrategy]
    why: str | None


class OptionPreset(Answer):
    """A position that has a name."""

    name: str
    title: str
    text: str
    views: list[str]
    view: str
    is_defined_risk: bool


class OptionPresets(Answer):
    """The catalogue."""

    items: list[OptionPreset]


class BuiltPreset(Answer):
    """A position with a name, made of the chain's contracts."""

    name: str
    title: str
    text: str
    legs: list[OptionLeg]


class LegBody(Question):
    """One leg of a position. `strike` for calls and puts; without `price` the chain's counts."""

    kind: Literal["call", "put", "future", "stock"]
    side: Literal["buy", "sell"]
    lots: float = Field(gt=0, le=100_000, allow_inf_nan=False)
    strike: float | None = Field(None, gt=0, le=1e9, allow_inf_nan=False)
    expiry: str | None = Field(None, max_length=20, description="ISO date or word; else the position's.")
    price: float | None = Field(None, ge=0, le=1e9, allow_inf_nan=False)


class WhatIfBody(Question):
    """What if the spot moved by so many per cent, volatilities by so many points, and so many days passed."""

    spot_pct: float = Field(0.0, gt=-100, le=1_000, allow_inf_nan=False)
    iv_points: float = Field(0.0, ge=-500, le=500, allow_inf_nan=False)
    days: float = Field(0.0, ge=0, le=3_660, allow_inf_nan=False)


class PayoffBody(Question):
    """A position over one underlying."""

    expiry: str | None = Field(None, max_length=20, description="ISO date or word; nearest where it is left out.")
    as_of: str | None = Field(None, max_length=40, description="ISO 8601 (or ns); else the newest chains.")
    model: Literal["black76", "bsm", "nse", "american"] | None = None
    rate: float | None = Field(None, description="A fraction a year. Over 1 is answered with 422.")
    legs: list[LegBody] = Field(min_length=1, max_length=20)
    what_if: WhatIfBody | None = None


class PositionGreeks(Answer):
    """In money for the whole: a point of spot, of that again, a point of volatility, a calendar day."""

    delta: float | None
    gamma: float | None
    theta: float | None
    vega: float | None


class PayoffLeg(OptionLeg):
    """A leg as it stands: signed units, what a unit is worth by the model, and its Greeks in money."""

    units: float
    value: float | None
    delta: float | None
    gamma: float | None
    theta: float | None
    vega: float | None


class PriceSpan(Answer):
    """Prices of the underlying from low to high; `high` null: and above."""

    low: float
    high: float | None


class WhatIfPoint(Answer):
    """What was asked, and the profit there."""

    spot_pct: float
    iv_points: float
    days: float
    spot: float | None
    profit: float | None


class PayoffPoint(Answer):
    """Profit at one price of the underlying, on the what-if's day and at the first expiry."""

    spot: float | None
    now: float | None
    expiry: float | None


class MarginParts(Answer):
    """What the margin estimate is made of."""

    scan: float | None
    exposure: float | None
    premium: float | None
    text: str


class Payoff(Answer):
    """A position worked out. Amounts for the whole, in the underlying's currency; null: unknown or without limit."""

    underlying: str
    spot: float | None
    expiry: str = Day
    as_of: UtcTime | None
    lot_size: float | None = Field(description="null unknown: amounts are for one unit a lot.")
    is_simulated: bool
    legs: list[PayoffLeg]
    cost: float | None
    max_profit: float | None
    max_loss: float | None
    is_profit_unlimited: bool
    is_loss_unlimited: bool
    best: list[PriceSpan] = Field(description="Where the greatest profit is.")
    worst: list[PriceSpan]
    break_evens: list[float]
    probability_of_profit: float | None = Field(description="A fraction (0.38).")
    probability_model: str
    horizon: str | None = Field(description="The first expiry among the legs.")
    is_numeric: bool = Field(description="Read from a grid: legs of a later expiry have a value at the first one.")
    greeks: PositionGreeks
    what_if: WhatIfPoint
    points: list[PayoffPoint]
    words: list[str]
    margin: float | None = Field(description="An estimate in the manner of SPAN, not the exchange's figure.")
    margin_model: str
    margin_parts: MarginParts | None
