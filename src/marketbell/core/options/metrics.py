"""The metrics of an option chain: what each one is, and their values for one chain.

Each has its definition and source here, once: documentation, the API and the web read `METRICS`. Volatilities are in
percentage points a year; open interest and volume in units of the underlying; unknown is None, never a made-up number.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from marketbell.core.options import buildup
from marketbell.core.options import metrics_kernel as kernel
from marketbell.core.options.chain import Chain, Floats, Side
from marketbell.core.options.pricing import Priced
from marketbell.core.primitives.errors import UserError

Value = float | str | None


class Measured(Protocol):
    """What metrics need of an analysed chain (`analysis.Analysed` is one)."""

    @property
    def chain(self) -> Chain: ...
    @property
    def forward(self) -> float: ...
    @property
    def t_years(self) -> float: ...
    @property
    def call(self) -> Priced: ...
    @property
    def put(self) -> Priced: ...
    @property
    def metrics(self) -> Mapping[str, Value]: ...


class MetricField(NamedTuple):
    """One metric. `unit` is empty for ratios and names; prices are in the currency of the chain."""

    name: str
    label: str
    unit: str
    text: str
    source: str


_UNITS, _POINTS, _PRICE = "units of the underlying", "% a year", "price"
_OURS = "Marketbell"
_EXCHANGE = "NSE, option chain page"

METRICS: tuple[MetricField, ...] = (
    MetricField(
        "pcr_oi", "PCR (OI)", "", "Open interest of puts over that of calls of the expiry; unknown without call OI.",
        "Groww and NSE usage; scope: one expiry",
    ),
    MetricField(
        "pcr_volume", "PCR (volume)", "", "Volume of puts over that of calls of the expiry; unknown without it.",
        "as PCR (OI)",
    ),
    MetricField(
        "pcr_oi_change", "PCR (change in OI)", "",
        "Change of put OI over change of call OI since the previous close; negative where only one of them grew.",
        _OURS,
    ),
    MetricField(
        "max_pain", "Max pain", _PRICE,
        "The lowest of the strikes K* with the least sum of call OI · max(K* - K, 0) + put OI · max(K - K*, 0).",
        "Glassnode and piker definitions; tie rule ours",
    ),
    MetricField("atm_strike", "ATM strike", _PRICE, "The strike nearest to the spot, the lower of two.", _OURS),
    MetricField("atm_straddle", "ATM straddle", _PRICE, "Last prices of call and put at the ATM strike.", _OURS),
    MetricField(
        "atm_iv", "ATM IV", _POINTS,
        "Implied volatility at the ATM strike: of the out-of-the-money side (calls from the forward up), else any.",
        "Sensibull documentation: a strike's IV is that of its OTM option",
    ),
    MetricField(
        "expected_move", "Expected move", _PRICE,
        "One standard deviation to the expiry: spot · ATM IV · √t. The straddle is about 0.8 of it.",
        "Black-Scholes: a straddle at the forward is √(2/π) · F · σ · √t",
    ),
    MetricField("call_oi", "Call OI", _UNITS, "Open interest of all calls of the expiry.", _EXCHANGE),
    MetricField("put_oi", "Put OI", _UNITS, "Open interest of all puts of the expiry.", _EXCHANGE),
    MetricField("call_volume", "Call volume", _UNITS, "Volume of all calls of the expiry today.", _EXCHANGE),
    MetricField("put_volume", "Put volume", _UNITS, "Volume of all puts of the expiry today.", _EXCHANGE),
    MetricField("call_oi_change", "Call OI change", _UNITS, "Change of call OI since the previous close.", _EXCHANGE),
    MetricField("put_oi_change", "Put OI change", _UNITS, "Change of put OI since the previous close.", _EXCHANGE),
    MetricField(
        "max_call_oi_strike", "Call wall", _PRICE, "The strike with the largest call OI, the lower of equal ones.",
        _OURS,
    ),
    MetricField(
        "max_put_oi_strike", "Put wall", _PRICE, "The strike with the largest put OI, the lower of equal ones.", _OURS
    ),
    MetricField(
        "skew_25", "25-delta skew", _POINTS, "IV of the 25-delta put less IV of the 25-delta call.",
        "CBOE and broker usage; interpolated linearly in delta",
    ),
    MetricField(
        "risk_reversal_25", "25-delta risk reversal", _POINTS, "IV of the 25-delta call less IV of the 25-delta put.",
        "currency market convention",
    ),
    MetricField(
        "butterfly_25", "25-delta butterfly", _POINTS, "Mean IV of the 25-delta call and put less ATM IV.",
        "currency market convention",
    ),
    MetricField(
        "gex", "GEX", "currency for a move of 1 %",
        "Σ gamma · OI · S² · 0.01, calls plus and puts minus: an assumption about who holds them, not a fact.",
        "SqueezeMetrics, The Implied Order Book (2016); unit: tradingvolatility",
    ),
    MetricField(
        "gex_flip", "GEX flip", _PRICE,
        "The spot nearest to today's, within 15 %, at which GEX changes its sign, each strike's IV held.",
        "SqueezeMetrics; computed at other spots, not summed over strikes",
    ),
    MetricField(
        "forward", "Forward", _PRICE,
        "The listed future of the expiry, else the median of K + e^(rt) (C - P) over the five strikes by the spot.",
        "put-call parity (Stoll 1969)",
    ),
    MetricField(
        "parity_violations", "Parity violations", "strikes",
        "Strikes whose quotes would lock in more than 0.1 % of the forward: call bid - put ask above,"
        " or call ask - put bid below, e^(-rt) (F - K). Unknown without quotes.",
        "put-call parity with bid and ask",
    ),
    MetricField(
        "liquid_strikes", "Liquid strikes", "strikes",
        "Strikes whose out-of-the-money side has quotes no wider than 10 % of the mid or two ticks;"
        " where the source has no quotes, a trade today.",
        _OURS,
    ),
    MetricField(
        "oi_state", "OI state", "",
        "What the parity forward and all open interest did since the previous close: long_buildup (both up),"
        " short_buildup (price down, OI up), long_unwinding (both down), short_covering (price up, OI down).",
        "the futures matrix of NSE brokers (Zerodha Varsity)",
    ),
)  # fmt: skip
"""Every metric of one expiry, in the order in which they are shown."""

NAMES = tuple(one.name for one in METRICS)
WING = 25.0


def measure(
    chain: Chain, forward: float, discount: float, t_years: float, call: Priced, put: Priced, smile: Floats
) -> dict[str, Value]:
    """All of `METRICS` of one chain. `discount` is e^(-rt), 1 where the time is unknown; `smile` the iv of a strike."""
    out = np.empty(kernel.COUNT)
    one, two = chain.call, chain.put
    kernel.summarise(
        chain.strikes, chain.spot, forward, discount, t_years,
        one.bid, one.ask, one.last, one.volume, one.oi, one.oi_change, call.gamma,
        two.bid, two.ask, two.last, two.volume, two.oi, two.oi_change, put.gamma,
        smile, out,
    )  # fmt: skip
    found: list[float] = out.tolist()
    atm_iv = found[kernel.ATM_IV]
    low, high = wings(chain, forward, call, put, WING)
    spot = chain.spot
    values: dict[str, float] = {
        "pcr_oi": ratio(found[kernel.PUT_OI], found[kernel.CALL_OI]),
        "pcr_volume": ratio(found[kernel.PUT_VOLUME], found[kernel.CALL_VOLUME]),
        "pcr_oi_change": ratio(found[kernel.PUT_CHANGE], found[kernel.CALL_CHANGE]),
        "max_pain": found[kernel.MAX_PAIN],
        "atm_strike": found[kernel.ATM],
        "atm_straddle": found[kernel.STRADDLE],
        "atm_iv": atm_iv,
        "expected_move": spot * atm_iv / 100 * math.sqrt(t_years) if t_years > 0 else math.nan,
        "call_oi": found[kernel.CALL_OI],
        "put_oi": found[kernel.PUT_OI],
        "call_volume": found[kernel.CALL_VOLUME],
        "put_volume": found[kernel.PUT_VOLUME],
        "call_oi_change": found[kernel.CALL_CHANGE],
        "put_oi_change": found[kernel.PUT_CHANGE],
        "max_call_oi_strike": found[kernel.CALL_WALL],
        "max_put_oi_strike": found[kernel.PUT_WALL],
        "skew_25": low - high,
        "risk_reversal_25": high - low,
        "butterfly_25": (low + high) / 2 - atm_iv,
        "gex": found[kernel.GEX],
        "gex_flip": found[kernel.FLIP],
        "forward": forward,
        "parity_violations": found[kernel.VIOLATIONS],
        "liquid_strikes": found[kernel.LIQUID],
    }
    known: dict[str, Value] = {name: value if math.isfinite(value) else None for name, value in values.items()}
    known["oi_state"] = buildup.of_underlying(chain)
    return known


def ratio(puts: float, calls: float) -> float:
    """Puts over calls; NaN where calls are zero or either is unknown."""
    return puts / calls if calls else math.nan


def wings(chain: Chain, forward: float, call: Priced, put: Priced, delta: float) -> tuple[float, float]:
    """IV in percentage points of the put and the call with that delta (in hundredths: 25); NaN out of reach."""
    target = delta / 100
    start = int(np.searchsorted(chain.strikes, forward)) if not math.isnan(forward) else 0
    last = len(chain) - 1
    high = kernel.at_delta(call.delta, call.iv, min(start, last), 1, target)
    low = kernel.at_delta(put.delta, put.iv, max(start - 1, 0), -1, target)
    return low * 100, high * 100


def skew(analysed: Measured, delta: float) -> float:
    """IV of the put less IV of the call with that delta (hundredths, 25), in percentage points; NaN out of reach.

    Interpolated linearly in delta between the neighbouring strikes. UserError for a delta outside 1 to 99.
    """
    size = abs(delta)
    if not 1 <= size <= 99:
        message = f"a delta of {delta:g} is outside 1 to 99: write it in hundredths, 25 for 0.25"
        raise UserError(message)
    low, high = wings(analysed.chain, analysed.forward, analysed.call, analysed.put, size)
    return low - high


def term_slope(near: Measured, following: Measured) -> float | None:
    """ATM IV of the next expiry less that of the near one, in percentage points; None where one is unknown."""
    first, second = near.metrics["atm_iv"], following.metrics["atm_iv"]
    return second - first if isinstance(first, float) and isinstance(second, float) else None


def underlying_metrics(expiries: Sequence[Measured]) -> dict[str, Value]:
    """Metrics over all expiries of one underlying at one moment: sums, ratios of sums, term slope, 30-day ATM IV.

    `atm_iv_30` is interpolated linearly in total variance between the expiries around 30 days (the nearest one outside
    of them), so that it does not jump when an expiry passes: what IV rank and percentile are taken of.
    """
    ordered = sorted(expiries, key=lambda one: one.chain.expiry)
    sums = {name: _sum([one.metrics for one in ordered], name) for name in _SUMMED}
    found: dict[str, Value] = {
        "pcr_oi": _known(ratio(_number(sums["put_oi"]), _number(sums["call_oi"]))),
        "pcr_volume": _known(ratio(_number(sums["put_volume"]), _number(sums["call_volume"]))),
        "pcr_oi_change": _known(ratio(_number(sums["put_oi_change"]), _number(sums["call_oi_change"]))),
        **sums,
    }
    live = [one for one in ordered if one.t_years > 0]
    found["term_slope"] = term_slope(live[0], live[1]) if len(live) > 1 else None
    found["atm_iv_30"] = constant_maturity(live, 30.0)
    return found


_SUMMED = ("call_oi", "put_oi", "call_volume", "put_volume", "call_oi_change", "put_oi_change", "gex")
_DAYS = 365.0


def constant_maturity(expiries: Sequence[Measured], days: float) -> float | None:
    """ATM IV (percentage points) so many calendar days out, linear in total variance; flat beyond the known."""
    points = [
        (one.t_years, iv * iv * one.t_years)
        for one in expiries
        if one.t_years > 0 and isinstance(iv := one.metrics["atm_iv"], float)
    ]
    if not points:
        return None
    t = days / _DAYS
    times, variances = [one for one, _ in points], [one for _, one in points]
    if t <= times[0]:
        return math.sqrt(variances[0] / times[0])
    if t >= times[-1]:
        return math.sqrt(variances[-1] / times[-1])
    return math.sqrt(float(np.interp(t, times, variances)) / t)


def pain(chain: Chain) -> tuple[Floats, Floats]:
    """What holders of all calls and of all puts would get if the underlying ended at each strike, in currency."""
    strikes = chain.strikes
    calls, puts = np.nan_to_num(chain.call.oi), np.nan_to_num(chain.put.oi)
    call_pain = strikes * np.cumsum(calls) - np.cumsum(calls * strikes)
    above = (puts * strikes)[::-1].cumsum()[::-1] - strikes * puts[::-1].cumsum()[::-1]
    return np.maximum(call_pain, 0.0), np.maximum(above, 0.0)


def liquid(side: Side, *, is_quoted: bool) -> NDArray[np.bool_]:
    """The liquidity mask of one side: see `liquid_strikes`. `is_quoted`: the chain has quotes at all (`has_quotes`)."""
    out = np.zeros(len(side.bid), np.bool_)
    kernel.liquid(side.bid, side.ask, side.last, side.volume, is_quoted, out)
    return out


def has_quotes(chain: Chain) -> bool:
    """Whether the source gives bids and asks."""
    return any(kernel.any_known(column) for side in (chain.call, chain.put) for column in (side.bid, side.ask))


def _sum(metrics: Sequence[Mapping[str, Value]], name: str) -> Value:
    known = [value for one in metrics if isinstance(value := one[name], float)]
    return sum(known) if known else None


def _number(value: Value) -> float:
    return value if isinstance(value, float) else math.nan


def _known(value: float) -> Value:
    return value if math.isfinite(value) else None
