"""Published examples: StockCharts' school, Tulip's vectors, SPY's Bollinger bands, RSI and averages of NSE stocks.

Where somebody begins an exponential average with its first value, the same comes of ours on a series that stood
still before (`after_standstill`): the mean of equal values is the value.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from marketbell.core.indicators.implementations import batch
from marketbell.core.quality.daily import judge_daily

Floats = NDArray[np.float64]


def one(name: str, parameters: list[float], *inputs: Floats) -> Floats:
    return batch(name, parameters, list(inputs))[0]


def before(x: Floats, bars: int = 1) -> Floats:
    return np.concatenate([np.full(bars, np.nan), x[:-bars]])


def after_standstill(n: int, x: Floats) -> Floats:
    """ema(x, n) that begins with x[0]."""
    return one("ema", [n], np.concatenate([np.full(n - 1, x[0]), x]))[n - 1 :]


def with_first_range(function: str, n: int, high: Floats, low: Floats, close: Floats) -> Floats:
    """An average range that counts the first bar's high − low: a bar before it closed inside it."""
    middle = (high[:1] + low[:1]) / 2.0
    return one(function, [n], *(np.concatenate([middle, part]) for part in (high, low, close)))[1:]


# --- StockCharts' school -----------------------------------------------------------------------------

Table = pd.DataFrame


def column(table: Table, name: str) -> Floats:
    return pd.to_numeric(table[name], errors="coerce").to_numpy(np.float64)


def hlc(table: Table) -> tuple[Floats, Floats, Floats]:
    names = {name.lower(): name for name in table.columns}
    high, low, close = (column(table, names[name]) for name in ("high", "low", "close"))
    return high, low, close


def school_macd(t: Table) -> dict[str, Floats]:
    close = column(t, "Close")
    line = after_standstill(12, close) - after_standstill(26, close)
    return {"short_ema": after_standstill(12, close), "long_ema": after_standstill(26, close), "MACD_line": line}


def school_ppo(of: str, name: str) -> Callable[[Table], dict[str, Floats]]:
    def formula(t: Table) -> dict[str, Floats]:
        x = column(t, of)
        fast, slow = after_standstill(12, x), after_standstill(26, x)
        line = (fast - slow) / slow * 100.0
        signal = after_standstill(9, line)
        return {
            "12 day EMA": fast,
            "26 day EMA": slow,
            name: line,
            f"{name}_Signal_Line": signal,
            f"{name}_Histogram": line - signal,
        }

    return formula


def school_bands(t: Table) -> dict[str, Floats]:
    close = column(t, "Close")
    upper, mid, lower, width = batch("bb", [20, 2.0], [close])
    return {
        "MiddleBand": mid,
        "20-day Standard Deviation": one("stdev", [20], close),
        "HighBand": upper,
        "LowBand": lower,
        "WidthBand": width,
        "PercentageBand": (close - lower) / (upper - lower),
    }


def school_stoch_rsi(t: Table) -> dict[str, Floats]:
    rsi = school_rsi(column(t, "Close"))
    return {
        "RSI": rsi,
        "RSI Highest High (14)": one("highest", [14], rsi),
        "RSI Lowest Low (14)": one("lowest", [14], rsi),
        "StochRSI(14)": one("stoch", [14, 1, 1], rsi, rsi, rsi) / 100.0,
    }


def school_vortex(t: Table) -> dict[str, Floats]:
    high, low, close = hlc(t)
    plus, minus = np.abs(high - before(low)), np.abs(low - before(high))
    span = one("atr", [1], high, low, close)
    plus14, minus14, span14 = (one("sum", [14], part) for part in (plus, minus, span))
    return {"+VM14": plus14, "-VM14": minus14, "TR14": span14, "+VI14": plus14 / span14, "-VI14": minus14 / span14}


def school_ultimate(t: Table) -> dict[str, Floats]:
    high, low, close = hlc(t)
    pressure = close - np.minimum(low, before(close))
    span = one("atr", [1], high, low, close)
    parts = {n: one("sum", [n], pressure) / one("sum", [n], span) for n in (7, 14, 28)}
    return {
        "AVG-7": parts[7],
        "AVG-14": parts[14],
        "AVG-28": parts[28],
        "Ult_Osc": 100.0 * (4.0 * parts[7] + 2.0 * parts[14] + parts[28]) / 7.0,
    }


def school_vwap(t: Table) -> dict[str, Floats]:
    """Theirs is of the last 14 bars; ours of the session is the same up to the 14th."""
    typical, volume = column(t, "Typical Price"), column(t, "Volume")
    session = one("vwap", [], typical, np.full(len(t), np.nan), volume, np.zeros(len(t)))
    rolling = one("sum", [14], typical * volume) / one("sum", [14], volume)
    return {"vwap": np.where(np.arange(len(t)) < 14, session, rolling)}


def school_obv(t: Table) -> dict[str, Floats]:
    """Theirs begins with the second bar's volume."""
    volume = np.nan_to_num(column(t, "Volume"))
    ours = one("obv", [], column(t, "Close"), volume)
    return {"OBV": np.concatenate([[np.nan], ours[1:]])}


def school_adx(t: Table) -> dict[str, Floats]:
    """They begin Wilder's sums with 14 moves, TA-Lib (and we) with 13: compared where that has faded."""
    value, plus, minus = batch("adx", [14], list(hlc(t)))
    found = {"+DI14": plus, "-DI14": minus, "DX": 100.0 * np.abs(plus - minus) / (plus + minus), "ADX": value}
    return {name: np.where(np.arange(len(t)) > 300, part, np.nan) for name, part in found.items()}


def school_average_range(n: int) -> Callable[[Table], dict[str, Floats]]:
    return lambda t: {"ATR": with_first_range("atr", n, *hlc(t))}


def school_keltner(t: Table) -> dict[str, Floats]:
    high, low, close = hlc(t)
    middle, reach = after_standstill(20, close), with_first_range("atr", 10, high, low, close)
    upper, lower = middle + 2.0 * reach, middle - 2.0 * reach
    return {
        "atr": reach,
        "upper_band": upper,
        "middle_band": np.where(np.isnan(reach), np.nan, middle),
        "lower_band": lower,
        "kc_band_width": (upper - lower) / middle * 100.0,
        "kc_percentage": (close - lower) / (upper - lower),
    }


def school_donchian(late: int) -> Callable[[Table], dict[str, Floats]]:
    def formula(t: Table) -> dict[str, Floats]:
        high, low, close = hlc(t)
        upper, lower, mean = one("highest", [20], high), one("lowest", [20], low), one("sma", [20], close)
        if late:
            upper, lower, mean, close = before(upper), before(lower), before(mean), before(close)
        return {
            "average": mean,
            "upper_band": upper,
            "lower_band": lower,
            "dc_percentage": (close - lower) / (upper - lower),
            "dc_band_width": (upper - lower) / mean * 100.0,
        }

    return formula


def school_force(t: Table) -> dict[str, Floats]:
    force = one("change", [1], column(t, "Close")) * column(t, "Volume")
    return {"FI_1": force, "FI": np.concatenate([[np.nan], after_standstill(13, force[1:])])}


def school_rsi(x: Floats) -> Floats:
    """Theirs begins with no gain and no loss: as after a standstill."""
    return np.where(np.arange(len(x)) < 14, np.nan, one("rsi", [14], np.concatenate([np.full(14, x[0]), x]))[14:])


def school_range_of_highs(t: Table) -> dict[str, Floats]:
    high, low, close = hlc(t)
    ours = one("stoch", [14, 1, 1], high, low, np.nan_to_num(close))
    top, bottom = one("highest", [14], high), one("lowest", [14], low)
    found = {"Highest High (14)": top, "Lowest Low (14)": bottom}
    if "SO" in t:
        return found | {"SO": ours, "SO_SIG": one("sma", [3], ours)}
    return found | {"Williams_%R": ours - 100.0}


SCHOOL: dict[str, tuple[Callable[[Table], dict[str, Floats]], float]] = {
    "cs-bbands": (school_bands, 2e-6),
    "cs-cci": (lambda t: {"20-day SMA of TP": one("sma", [20], column(t, "Typical Price")),
                          "CCI": one("cci", [20], (sum(hlc(t)) / 3.0))}, 5e-5),
    "cs-macd": (school_macd, 1e-8),
    "cs-ppo": (school_ppo("Close", "PPO"), 1e-8),
    "cs-pvo": (school_ppo("Volume", "PVO"), 1e-4),
    "cs-mfi": (lambda t: {"MFI": one("mfi", [14], *hlc(t), column(t, "Volume"))}, 6e-6),
    "cs-obv": (school_obv, 1e-9),
    "cs-percentr": (school_range_of_highs, 2e-6),
    "cs-soo": (school_range_of_highs, 2e-6),
    "cs-roc": (lambda t: {"ROC": one("roc", [12], column(t, "Close"))}, 1e-8),
    "cs-rsi": (lambda t: {"RSI": school_rsi(column(t, "Close"))}, 1e-6),
    "cs-stochrsi": (school_stoch_rsi, 1e-6),
    "cs-vwap": (school_vwap, 5e-6),
    "cs-wma": (lambda t: {"WMA": one("wma", [9], column(t, "Close"))}, 6e-5),
    "cs-vortex": (school_vortex, 1e-6),
    "cs-ultosc": (school_ultimate, 1e-6),
    "cs-atr": (school_average_range(14), 1e-9),
    "cs-atr2": (school_average_range(10), 1e-9),
    "cs-adx": (school_adx, 1e-6),
    "cs-kc": (school_keltner, 1e-8),
    "cs-dc": (school_donchian(0), 1e-5),
    "cs-dc2": (school_donchian(1), 1e-5),
    "cs-fi": (school_force, 1e-5),
    "cs-easeofmovement": (lambda t: {"SMA_EMV": one("sma", [14], column(t, "EMV"))}, 1e-8),
    "cs-vpt": (lambda t: {"pct_change": one("pct_change", [1], column(t, "Close")) / 100.0,
                          "14-smoothed vpt": one("sma", [14], column(t, "unsmoothed vpt"))}, 1e-9),
}  # fmt: skip
"""Expressed by our functions, and how near they were rounded."""

SCHOOL_NOT: dict[str, str] = {
    "cs-accum": "accumulation/distribution line: a running sum without end, no function of the language",
    "cs-kama": "Kaufman's adaptive average: no function of the language",
    "cs-psar": "parabolic SAR: no function of the language",
    "cs-stc": "Schaff trend cycle: a recursion of its own",
    "cs-tsi": "true strength index: worked with smoothing constants rounded to three digits",
    "cs-ui": "ulcer index: needs a square root",
}


@pytest.fixture(scope="module")
def indicators(shared_data: Path) -> Path:
    return shared_data / "indicators"


def test_every_example_has_its_place(indicators: Path) -> None:
    files = {path.stem for path in (indicators / "ta_chartschool").glob("cs-*.csv")}
    assert files == SCHOOL.keys() | SCHOOL_NOT.keys()


@pytest.mark.parametrize("name", SCHOOL)
def test_school(indicators: Path, name: str) -> None:
    formula, near = SCHOOL[name]
    table = pd.read_csv(indicators / "ta_chartschool" / f"{name}.csv")
    compared = 0
    for wanted, ours in formula(table).items():
        theirs = column(table, wanted)
        both = ~np.isnan(theirs) & ~np.isnan(ours)
        np.testing.assert_allclose(ours[both], theirs[both], rtol=1e-8, atol=near, err_msg=wanted)
        compared += both.sum()
    assert compared >= 8


# --- Tulip's vectors ---------------------------------------------------------------------------------

Vector = Callable[[list[Floats], list[float]], list[Floats]]


def tulip_macd(x: list[Floats], p: list[float]) -> list[Floats]:
    line = (after_standstill(int(p[0]), x[0]) - after_standstill(int(p[1]), x[0]))[int(p[1]) - 1 :]
    signal = after_standstill(int(p[2]), line)
    return [line, signal, line - signal]


def tulip_ppo(x: list[Floats], p: list[float]) -> list[Floats]:
    fast, slow = after_standstill(int(p[0]), x[0]), after_standstill(int(p[1]), x[0])
    return [((fast - slow) / slow * 100.0)[1:]]


def tulip_averages(x: Floats, n: int) -> tuple[Floats, Floats, Floats]:
    """ema of ema of ema, each beginning with the n-th value of the one before."""
    parts = [after_standstill(n, x)]
    for times in (1, 2):
        begin = times * (n - 1)
        parts.append(np.concatenate([np.full(begin, np.nan), after_standstill(n, parts[-1][begin:])]))
    return parts[0], parts[1], parts[2]


def tulip_dema(x: list[Floats], p: list[float]) -> list[Floats]:
    first, second, _ = tulip_averages(x[0], int(p[0]))
    return [(2.0 * first - second)[2 * int(p[0]) - 2 :]]


def tulip_tema(x: list[Floats], p: list[float]) -> list[Floats]:
    first, second, third = tulip_averages(x[0], int(p[0]))
    return [(3.0 * first - 3.0 * second + third)[3 * int(p[0]) - 3 :]]


def tulip_trix(x: list[Floats], p: list[float]) -> list[Floats]:
    """In percent of the new value."""
    third = tulip_averages(x[0], int(p[0]))[2][3 * int(p[0]) - 3 :]
    return [one("change", [1], third) / third * 100.0]


def tulip_dx(x: list[Floats], p: list[float]) -> list[Floats]:
    """Without closes: the true range cancels out."""
    _, plus, minus = batch("adx", p, [*x, x[0]])
    return [100.0 * np.abs(plus - minus) / (plus + minus)]


def tulip_stoch_rsi(x: list[Floats], p: list[float]) -> list[Floats]:
    rsi = one("rsi", p, x[0])
    return [one("stoch", [p[0], 1, 1], rsi, rsi, rsi) / 100.0]


def tulip_hull(x: list[Floats], p: list[float]) -> list[Floats]:
    half = one("wma", [p[0] // 2], x[0])
    return [one("wma", [int(p[0] ** 0.5)], 2.0 * half - one("wma", p, x[0]))]


TULIP: dict[str, Vector] = {
    "sma": lambda x, p: [one("sma", p, *x)],
    "wma": lambda x, p: [one("wma", p, *x)],
    "sum": lambda x, p: [one("sum", p, *x)],
    "max": lambda x, p: [one("highest", p, *x)],
    "min": lambda x, p: [one("lowest", p, *x)],
    "mom": lambda x, p: [one("change", p, *x)],
    "lag": lambda x, p: [(x[0] - one("change", p, *x))],
    "roc": lambda x, p: [one("roc", p, *x) / 100.0],
    "rocr": lambda x, p: [one("roc", p, *x) / 100.0 + 1.0],
    "rsi": lambda x, p: [one("rsi", p, *x)],
    "stddev": lambda x, p: [one("stdev", p, *x)],
    "var": lambda x, p: [one("stdev", p, *x) ** 2],
    "linregslope": lambda x, p: [one("slope", p, *x)],
    "bbands": lambda x, p: [batch("bb", p, x)[i] for i in (2, 1, 0)],
    "cci": lambda x, p: [one("cci", p, sum(x) / 3.0)[int(p[0]) * 2 - 2 :]],
    "ema": lambda x, p: [after_standstill(int(p[0]), x[0])],
    "dema": tulip_dema,
    "tema": tulip_tema,
    "trix": tulip_trix,
    "macd": tulip_macd,
    "ppo": tulip_ppo,
    "apo": lambda x, p: [(after_standstill(int(p[0]), x[0]) - after_standstill(int(p[1]), x[0]))[1:]],
    "tr": lambda x, _: [with_first_range("atr", 1, *x)],
    "atr": lambda x, p: [with_first_range("atr", int(p[0]), *x)],
    "natr": lambda x, p: [with_first_range("atr", int(p[0]), *x) / x[2] * 100.0],
    "di": lambda x, p: list(batch("adx", p, x)[1:]),
    "dx": tulip_dx,
    "stoch": lambda x, p: list(batch("stoch", p, x)),
    "stochrsi": tulip_stoch_rsi,
    "willr": lambda x, p: [one("stoch", [p[0], 1, 1], *x) - 100.0],
    "mfi": lambda x, p: [one("mfi", p, *x)],
    "obv": lambda x, _: [one("obv", [], *x) - x[1][0]],
    "typprice": lambda x, _: [one("pivots", [], *x)],
    "hma": tulip_hull,
    "trima": lambda x, p: [one("sma", [(p[0] + 1) // 2], one("sma", [(p[0] + 1) // 2], x[0]))],
    "qstick": lambda x, p: [one("sma", p, x[1] - x[0])],
    "vosc": lambda x, p: [100.0 * (one("sma", p[:1], x[0]) / one("sma", p[1:], x[0]) - 1.0)],
    "vwma": lambda x, p: [one("sum", p, x[0] * x[1]) / one("sum", p, x[1])],
    "volatility": lambda x, p: [one("stdev", p, one("pct_change", [1], x[0]) / 100.0) * np.sqrt(252.0)],
    "wilders": lambda x, p: [one("atr", p, *([np.concatenate([[0.0], x[0]])] + [np.zeros(len(x[0]) + 1)] * 2))[1:]],
}
"""By our functions, as a rule would write them. Other vectors are element-wise mathematics, or indicators that the
language has no function for (adaptive averages, the parabolic SAR, running sums without end)."""

TULIP_NOT = {
    "adx": "begins Wilder's average of DX a bar earlier than TA-Lib, too near for 15 bars to forget",
    "adxr": "as adx",
    "candles.txt": "candlestick patterns are no functions of the language",
}


def vectors(path: Path) -> list[tuple[str, list[float], list[Floats]]]:
    """Name, options and columns of each test: a line of names and numbers, then one {…} a column."""
    found: list[tuple[str, list[float], list[Floats]]] = []
    for line in path.read_text().splitlines():
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if text.startswith("{"):
            found[-1][2].append(np.array([float(part) for part in text.strip("{}").split(",") if part.strip()]))
        else:
            name, *options = text.split()
            found.append((name, [float(option) for option in options], []))
    return found


INPUTS = {
    **dict.fromkeys(("tr", "atr", "natr", "di", "stoch", "willr", "typprice", "cci"), 3),
    **dict.fromkeys(("obv", "qstick", "vwma", "dx"), 2),
    "mfi": 4,
}


def test_tulip(indicators: Path) -> None:
    """Three decimals. Their outputs hold the known values only: compared from the end."""
    done = set()
    for name, options, columns in vectors(indicators / "tulip" / "untest.txt"):
        formula = TULIP.get(name)
        if formula is None:
            continue
        count = INPUTS.get(name, 1)
        ours = formula(columns[:count], options)
        theirs = columns[count:]
        assert len(ours) == len(theirs), name
        for mine, wanted in zip(ours, theirs, strict=True):
            known = mine[~np.isnan(mine)]
            shared = min(len(known), len(wanted))
            assert shared >= 2, name
            assert len(known) == len(wanted) or name in {"di", "dx"}, (name, len(known), len(wanted))
            np.testing.assert_allclose(known[-shared:], wanted[-shared:], rtol=0, atol=6e-4, err_msg=name)
        done.add(name)
    assert done == set(TULIP)
    assert not done & set(TULIP_NOT)


# --- others ------------------------------------------------------------------------------------------


def test_bollinger_bands_of_spy(indicators: Path) -> None:
    """252 days; their deviation is pandas' (ddof 1), √(20 / 19) times ours."""
    table = pd.read_csv(indicators / "spy_daily_bollinger_2011_2012.csv")
    upper, mid, lower, _ = batch("bb", [20, 2.0 * np.sqrt(20 / 19)], [table["Close"].to_numpy(np.float64)])
    for column_, ours in (("UpperB", upper), ("LowerB", lower)):
        theirs = table[column_].to_numpy(np.float64)
        np.testing.assert_allclose(ours[19:], theirs[19:], rtol=1e-9)
    assert np.isnan(mid[:19]).all()


def test_rsi_and_averages_of_nse_stocks(shared_data: Path, indicators: Path) -> None:
    """RSI 14, SMA 50 and 200, EMA 9 of 3 August 2026, published during the session, against the closes of the day.

    Where the close is the price that they saw (the published EMA tells), all equal to rounding; over all stocks RSI
    is within 0.0005 in the median once stale days are dropped.
    """
    published = pd.read_csv(indicators / "nse_published_rsi_sma_20260803.csv").set_index("Symbol")
    table = pd.read_parquet(shared_data / "daily_ohlcv" / "nse_close_delivery_2025_2026.parquet")
    table = table[table["date"] <= "2026-08-03"].sort_values(["symbol", "date"], kind="stable")
    others = {name: table[name].to_numpy() for name in table.columns if name not in {"symbol", "date", "close"}}
    symbols = table["symbol"].to_numpy(object)
    verdict = judge_daily(symbols, {"close": table["close"].to_numpy(np.float64)}, others)
    errors = []
    for symbol, rows in table[verdict.keep].groupby("symbol"):
        if symbol not in published.index or len(rows) < 200:
            continue
        close = rows["close"].to_numpy(np.float64)
        row = published.loc[symbol]
        ours = [one(name, [n], close)[-1] for name, n in (("rsi", 14), ("sma", 50), ("sma", 200), ("ema", 9))]
        wanted = [row["RSI_14"], row["SMA_50"], row["SMA_200"], row["EMA_9"]]
        errors.append([abs(a - b) for a, b in zip(ours, wanted, strict=True)] + [wanted[3]])
    found = np.array(errors)
    assert len(found) > 200
    assert np.median(found[:, 0]) < 0.0005
    assert np.median(found[:, 1] / found[:, 4]) < 1e-12
    assert np.median(found[:, 3] / found[:, 4]) < 1e-12
    same_price = found[:, 3] / found[:, 4] < 1e-12
    assert same_price.mean() > 0.5
    assert np.quantile(found[same_price, 0], 0.9) < 0.05
    assert np.quantile(found[same_price, 1] / found[same_price, 4], 0.9) < 1e-3
    assert np.quantile(found[:, 2] / found[:, 4], 0.9) < 5e-3
