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


class StrategiesQuery(ExpiryQuery):
    """Which view of the underlying."""

    view: Literal["up", "down", "flat", "big_move"]


class LegBody(Question):
    """One leg of a position. `strike` for calls and puts, `price` else what the chain says."""

    kind: Literal["call", "put", "future", "stock"]
    side: Literal["buy", "sell"]
    lots: float = Field(gt=0, le=100_000)
    strike: float | None = Field(None, gt=0)
    expiry: str | None = Field(None, max_length=10, description="ISO date; the position's where it is left out.")
    price: float | None = Field(None, ge=0)


class WhatIfBody(Question):
    """What if the spot moved by so many per cent, volatilities by so many points, and so many days passed."""

    spot_pct: float = Field(0.0, gt=-100, le=1_000)
    iv_points: float = Field(0.0, ge=-500, le=500)
    days: float = Field(0.0, ge=0, le=3_660)


class PayoffBody(Question):
    """A position over one underlying."""

    expiry: str | None = Field(None, max_length=20, description="ISO date or word; nearest where it is left out.")
    as_of: str | None = Field(None, max_length=40)
    model: Literal["black76", "bsm", "nse", "american"] | None = None
    rate: float | None = None
    legs: list[LegBody] = Field(min_length=1, max_length=20)
    what_if: WhatIfBody | None = None
