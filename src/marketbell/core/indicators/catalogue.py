"""The one catalogue of series functions: arguments, parameters, results and how much history they need.

The type checker, completion, the compiler, the API and the chart read it; the kernels stand in one file
each beside it (`implementations.py` joins them). Nothing here imports Numba.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, log

Parameters = tuple[float, ...]

MAX_WINDOW = 5_000
SEED_WEIGHT = 1e-4
"""A recursive function is warm when its seed weighs less than this."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A plain number of a call: a `period` is a whole number of bars from `least` to 5,000, a `real` is above 0."""

    name: str
    kind: str = "period"
    default: float | None = None
    least: int = 1


@dataclass(frozen=True, slots=True)
class Signature:
    """How a function is called, and what it gives.

    `arguments` are series in front of the parameters: `x` defaults to `default_x`, a column of the bar;
    `condition` is true (1), false (0) or unknown (NaN). `bars` are columns of the bar that the function
    reads besides: open, high, low, close, volume, typical ((high + low + close) / 3), vwap, start and end
    (ns), session (the trading date in days since 1970), session_open (ns), per_year (bars of this
    timeframe a year: 252 sessions). `result` is a type of the language, or "same" as the first argument.

    `lookback` is the number of bars before the first known value, `warm_up` the number of bars from which
    on the value does not depend on where the history began (the seed's weight is below 1e-4).
    """

    name: str
    arguments: tuple[str, ...]
    bars: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    outputs: tuple[str, ...]
    result: str
    summary: str
    lookback: Callable[[Parameters], int]
    warm_up: Callable[[Parameters], int]
    default_x: str = "close"

    @property
    def main(self) -> str:
        """The output meant by a call without a member (`bb(...)` needs one: an empty string)."""
        return self.outputs[0] if len(self.outputs) == 1 or self.name == "adx" else ""


def _ema_warm(n: float) -> int:
    """(1 - 2 / (n + 1)) ** k < 1e-4; about 4.6 n."""
    return 1 if n <= 1 else ceil(log(SEED_WEIGHT) / log(1.0 - 2.0 / (n + 1.0)))


def _wilder_warm(n: float) -> int:
    """(1 - 1 / n) ** k < 1e-4; about 9.2 n."""
    return 1 if n <= 1 else ceil(log(SEED_WEIGHT) / log(1.0 - 1.0 / n))


def _n(at: int = 0, less: int = 1) -> Callable[[Parameters], int]:
    return lambda p: int(p[at]) - less


def _none(_: Parameters) -> int:
    return 0


def _period(default: float | None = None, name: str = "n", least: int = 1) -> Parameter:
    return Parameter(name, "period", default, least)


def _window(
    name: str,
    summary: str,
    result: str = "same",
    *,
    least: int = 1,
    default: float | None = None,
    arguments: tuple[str, ...] = ("x",),
    bars: tuple[str, ...] = (),
    more: int = 0,
    default_x: str = "close",
) -> Signature:
    """A function of the last n values (and `more` before them): known and warm as soon as they are there."""
    back = _n(0, 1 - more)
    return Signature(
        name, arguments, bars, (_period(default, least=least),), ("value",), result, summary, back, back, default_x
    )


_HLC = ("high", "low", "close")

SIGNATURES: tuple[Signature, ...] = (
    _window("sma", "Simple moving average (TA-Lib SMA)."),
    _window("avg", "Mean of the last n values; the same as sma."),
    _window("wma", "Linearly weighted moving average (TA-Lib WMA)."),
    _window("sum", "Sum of the last n values (TA-Lib SUM)."),
    _window("stdev", "Standard deviation, ddof 0 (TA-Lib STDDEV).", least=2),
    _window("highest", "Highest of the last n values (TA-Lib MAX)."),
    _window("lowest", "Lowest of the last n values (TA-Lib MIN)."),
    _window("zscore", "Distance from the mean of the last n values in their standard deviations (ddof 0).", "number",
            least=2),
    _window("slope", "Slope a bar of the least-squares line (TA-Lib LINEARREG_SLOPE).", "same", least=2),
    _window("corr", "Pearson's correlation (TA-Lib CORREL).", "number", least=2, arguments=("x", "y")),
    _window("beta", "Beta of x's one-bar returns against y's (TA-Lib BETA).", "number", least=2, arguments=("x", "y"),
            more=1),
    _window("hv", "Historical volatility: standard deviation of log returns (ddof 1), annualised (Hull).", "percent",
            least=2, default=20, more=1, bars=("per_year",)),
    _window("percentile", "Percentage of the n values before this one that lie strictly below it.", "percent", more=1),
    _window("count", "How many of the last n bars met the condition.", "count", arguments=("condition",)),
    _window("change", "Difference from n bars ago (TA-Lib MOM).", default=1, more=1),
    _window("pct_change", "Change from n bars ago in percent (TA-Lib ROC).", "percent", default=1, more=1),
    _window("roc", "Rate of change: change from n bars ago in percent (TA-Lib ROC).", "percent", default=10, more=1),
    _window("cci", "Commodity channel index of the typical price (TA-Lib CCI).", "number", least=2, default=20,
            default_x="typical"),
    Signature("ema", ("x",), (), (_period(),), ("value",), "same",
              "Exponential moving average, seeded by the mean of the first n (TA-Lib EMA).",
              _n(), lambda p: int(p[0]) - 1 + _ema_warm(p[0])),
    Signature("rsi", ("x",), (), (_period(14, least=2),), ("value",), "number",
              "Relative strength index, Wilder's smoothing (TA-Lib RSI).",
              _n(0, 0), lambda p: int(p[0]) + _wilder_warm(p[0])),
    Signature("macd", ("x",), (), (_period(12, "fast", 2), _period(26, "slow", 2), _period(9, "signal")),
              ("line", "signal", "hist"), "same",
              "Moving average convergence divergence; all three start together (TA-Lib MACD).",
              lambda p: int(max(p[0], p[1])) + int(p[2]) - 2,
              lambda p: int(max(p[0], p[1])) + int(p[2]) - 2 + _ema_warm(max(p[0], p[1])) + _ema_warm(p[2])),
    Signature("bb", ("x",), (), (_period(20, least=2), Parameter("k", "real", 2.0)),
              ("upper", "mid", "lower", "width"), "same",
              "Bollinger bands, ddof 0 (TA-Lib BBANDS); width = (upper - lower) / mid in percent.", _n(), _n()),
    Signature("atr", (), _HLC, (_period(14),), ("value",), "price", "Average true range, Wilder (TA-Lib ATR).",
              _n(0, 0), lambda p: int(p[0]) + _wilder_warm(p[0])),
    Signature("adx", (), _HLC, (_period(14, least=2),), ("value", "plus_di", "minus_di"), "number",
              "Average directional index (TA-Lib ADX), and the two directional indicators.",
              lambda p: 2 * int(p[0]) - 1, lambda p: 2 * int(p[0]) - 1 + 2 * _wilder_warm(p[0])),
    Signature("supertrend", (), _HLC, (_period(10), Parameter("m", "real", 3.0)), ("value", "dir"), "price",
              "Supertrend on Wilder's ATR (TA-Lib SUPERTREND); dir is 1 up, -1 down.",
              _n(0, 0), lambda p: int(p[0]) + _wilder_warm(p[0])),
    Signature("stoch", (), _HLC, (_period(14, "k"), _period(3, "smooth"), _period(3, "d")), ("k", "d"), "number",
              "Slow stochastic, simple means (TA-Lib STOCH).",
              lambda p: int(p[0] + p[1] + p[2]) - 3, lambda p: int(p[0] + p[1] + p[2]) - 3),
    Signature("mfi", (), (*_HLC, "volume"), (_period(14, least=2),), ("value",), "number",
              "Money flow index (TA-Lib MFI).", _n(0, 0), _n(0, 0)),
    Signature("obv", (), ("close", "volume"), (), ("value",), "number",
              "On-balance volume, counted from the first bar of the history (TA-Lib OBV).", _none, _none),
    Signature("vwap", (), ("typical", "vwap", "volume", "session"), (), ("value",), "price",
              "Volume-weighted price since the session's open (a bar's own VWAP where it is known, else its "
              "typical price).", _none, _none),
    Signature("bars_since", ("condition",), (), (), ("value",), "count",
              "Bars since the condition was last true, 0 when it is now; unknown before it ever was.", _none, _none),
    Signature("value_when", ("condition", "x"), (), (), ("value",), "same",
              "Value of x at the bar where the condition was last true.", _none, _none),
    Signature("orb", (), ("high", "low", "start", "end", "session", "session_open"), (Parameter("span", "duration"),),
              ("high", "low"), "price",
              "Highest and lowest price from the session's open to open + T; known from the bar that ends then.",
              _none, _none),
    Signature("pivots", (), _HLC, (), ("p", "r1", "s1", "r2", "s2", "r3", "s3"), "price",
              "Classic floor pivots of the bar: p = (high + low + close) / 3, r1 = 2 p - low, s1 = 2 p - high, "
              "r2 = p + (high - low), s2 = p - (high - low), r3 = high + 2 (p - low), s3 = low - 2 (high - p).",
              _none, _none),
    Signature("gap", (), ("open", "close", "session"), (), ("value",), "percent",
              "Open of the session against the last close of the session before, in percent.",
              lambda _: 1, lambda _: 1),
)  # fmt: skip

BY_NAME: dict[str, Signature] = {signature.name: signature for signature in SIGNATURES}

_SPAN = (Parameter("of_time", "real", 0.0), Parameter("span", "real", 1.0))

PREDICATES: dict[str, Signature] = {
    one.name: one
    for one in (
        Signature("held for", ("condition", "end"), (), _SPAN, ("value",), "bool",
                  "The condition has held for so many bars, or so long.", _none, _none),
        Signature("seen in last", ("condition", "end"), (), _SPAN, ("value",), "bool",
                  "The condition was true at one of the last bars.", _none, _none),
        Signature("then", ("first", "second", "end"), (), _SPAN, ("value",), "bool",
                  "The second holds, and the first did within the bars before.", _none, _none),
        Signature("moves by", ("x", "by", "end", "session_open"), (),
                  (Parameter("verb", "real", 0.0), Parameter("is_percent", "real", 1.0), *_SPAN,
                   Parameter("cuts", "real", 1.0)), ("value",), "bool",
                  "A move by so much within a window.", _none, _none),
    )
}  # fmt: skip
"""What predicates over time are made of: functions that a text has words for, not names."""
