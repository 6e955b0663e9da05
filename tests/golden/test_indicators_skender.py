"""The 25 files of results on SPY 2017 to 2018, and the files of bad days, by our functions and what they make.

`COVERED` says how each file is expressed; the formulas are what a rule would write.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from marketbell.core.indicators.catalogue import BY_NAME
from marketbell.core.indicators.implementations import batch

Floats = NDArray[np.float64]


def one(name: str, parameters: list[float], *inputs: Floats) -> Floats:
    return batch(name, parameters, list(inputs))[0]


def before(x: Floats) -> Floats:
    """x[1] of the rule language."""
    return np.concatenate([[np.nan], x[:-1]])


class Spy:
    """Columns of the quotes."""

    def __init__(self, path: Path) -> None:
        table = pd.read_csv(path)
        self.high, self.low, self.close, self.volume = (
            table[name].to_numpy(np.float64) for name in ("high", "low", "close", "volume")
        )
        self.typical = (self.high + self.low + self.close) / 3.0
        self.hlc = (self.high, self.low, self.close)


def macd(q: Spy) -> dict[str, Floats]:
    """Their averages begin on their own: ema(12) − ema(26). (Ours begin together, as TA-Lib's: see the next one.)"""
    line = one("ema", [12], q.close) - one("ema", [26], q.close)
    signal = one("ema", [9], line)
    return {
        "macd": line,
        "signal": signal,
        "histogram": line - signal,
        "fastEma": one("ema", [12], q.close),
        "slowEma": one("ema", [26], q.close),
    }


def stoch_rsi(q: Spy) -> dict[str, Floats]:
    rsi = one("rsi", [14], q.close)
    k = one("stoch", [14, 1, 1], rsi, rsi, rsi)
    return {"stochRsi": k, "signal": one("sma", [3], k)}


def bands(q: Spy) -> dict[str, Floats]:
    upper, mid, lower, width = batch("bb", [20, 2.0], [q.close])
    return {
        "sma": mid,
        "upperBand": upper,
        "lowerBand": lower,
        "width": width / 100.0,
        "percentB": (q.close - lower) / (upper - lower),
        "zScore": one("zscore", [20], q.close),
    }


def donchian(q: Spy) -> dict[str, Floats]:
    """Of the 20 bars before this one."""
    upper, lower = before(one("highest", [20], q.high)), before(one("lowest", [20], q.low))
    middle = (upper + lower) / 2.0
    return {"upperBand": upper, "centerline": middle, "lowerBand": lower, "width": (upper - lower) / middle}


def keltner(q: Spy) -> dict[str, Floats]:
    middle, reach = one("ema", [20], q.close), 2.0 * one("atr", [10], *q.hlc)
    return {
        "upperBand": middle + reach,
        "centerline": middle,
        "lowerBand": middle - reach,
        "width": 2.0 * reach / middle,
    }


def hull(q: Spy) -> dict[str, Floats]:
    return {"hma": one("wma", [3], 2.0 * one("wma", [7], q.close) - one("wma", [14], q.close))}


def stoch(q: Spy) -> dict[str, Floats]:
    k, d = one("stoch", [14, 3, 1], *q.hlc), batch("stoch", [14, 3, 3], list(q.hlc))[1]
    return {"oscillator": k, "signal": d, "percentJ": 3.0 * k - 2.0 * d}


COVERED: dict[str, Callable[[Spy], dict[str, Floats]]] = {
    "sma": lambda q: {"sma": one("sma", [20], q.close)},
    "ema": lambda q: {"ema": one("ema", [20], q.close)},
    "wma": lambda q: {"wma": one("wma", [14], q.close)},
    "hma": hull,
    "rsi": lambda q: {"rsi": one("rsi", [14], q.close)},
    "macd": macd,
    "bb": bands,
    "tr": lambda q: {"tr": one("atr", [1], *q.hlc)},
    "atr": lambda q: {
        "tr": one("atr", [1], *q.hlc),
        "atr": one("atr", [14], *q.hlc),
        "atrp": one("atr", [14], *q.hlc) / q.close * 100.0,
    },
    "stoch": stoch,
    "stoch-rsi": stoch_rsi,
    "vwap": lambda q: {
        "vwap": one("vwap", [], q.typical, q.typical * np.nan, q.volume, np.zeros(len(q.close))),
    },
    "obv": lambda q: {"obv": one("obv", [], q.close, q.volume) - q.volume[0]},  # theirs leaves the first bar out
    "mfi": lambda q: {"mfi": one("mfi", [14], *q.hlc, q.volume)},
    "cci": lambda q: {"cci": one("cci", [20], q.typical)},
    "supertrend": lambda q: {"superTrend": one("supertrend", [10, 3.0], *q.hlc)},
    "donchian": donchian,
    "keltner": keltner,
    "roc": lambda q: {"momentum": one("change", [14], q.close), "roc": one("roc", [14], q.close)},
    "willr": lambda q: {"williamsR": one("stoch", [14, 1, 1], *q.hlc) - 100.0},
    "stdev": lambda q: {
        "stdDev": one("stdev", [14], q.close),
        "mean": one("avg", [14], q.close),
        "zScore": one("zscore", [14], q.close),
    },
}
"""Equal at every bar."""


def adx(q: Spy) -> dict[str, Floats]:
    value, plus, minus = batch("adx", [14], list(q.hlc))
    earlier = np.concatenate([np.full(14, np.nan), value[:-14]])
    return {
        "adx": value,
        "pdi": plus,
        "mdi": minus,
        "dx": 100.0 * np.abs(plus - minus) / (plus + minus),
        "adxr": (value + earlier) / 2.0,
    }


def repeated(q: Spy, n: int) -> tuple[Floats, Floats, Floats]:
    first = one("ema", [n], q.close)
    second = one("ema", [n], first)
    return first, second, one("ema", [n], second)


def dema(q: Spy) -> dict[str, Floats]:
    first, second, _ = repeated(q, 14)
    return {"dema": 2.0 * first - second}


def tema(q: Spy) -> dict[str, Floats]:
    first, second, third = repeated(q, 20)
    return {"tema": 3.0 * first - 3.0 * second + third}


FADED: dict[str, Callable[[Spy], dict[str, Floats]]] = {
    "adx": adx,  # they begin Wilder's sums with 14 moves, TA-Lib (and we) with 13
    "dema": dema,  # they begin ema(ema(x)) together with ema(x), an expression after it
    "tema": tema,
    "macd": lambda q: dict(zip(("macd", "signal", "histogram"), batch("macd", [12, 26, 9], [q.close]), strict=True)),
}
"""Begun differently: equal once where they began has faded, on the last 100 days."""

NOT_EXPRESSIBLE = {"psar": "the parabolic SAR is no function of the language"}


@pytest.fixture(scope="module")
def skender(shared_data: Path) -> Path:
    return shared_data / "indicators" / "skender"


@pytest.fixture(scope="module")
def spy(skender: Path) -> Spy:
    return Spy(skender / "quotes" / "spy_daily_2017_2018.csv")


def test_every_file_has_its_place(skender: Path) -> None:
    files = {path.name.removesuffix(".csv.gz") for path in (skender / "results").glob("*.csv.gz")}
    assert len(files) == 25
    assert files == COVERED.keys() | FADED.keys() | NOT_EXPRESSIBLE.keys()


def published(skender: Path, name: str, column: str) -> Floats:
    return pd.read_csv(skender / "results" / f"{name}.csv.gz")[column].to_numpy(np.float64)


@pytest.mark.parametrize("name", COVERED)
def test_equal_at_every_bar(skender: Path, spy: Spy, name: str) -> None:
    """Known at the same bars, and equal to 1e-11 (of the value, or of the price for differences of prices)."""
    for column, ours in COVERED[name](spy).items():
        theirs = published(skender, name, column)
        np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs), err_msg=column)
        near = {"zScore": 1e-11, "percentB": 1e-11, "width": 1e-13}.get(column, 2e-11)
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=near, equal_nan=True, err_msg=column)


@pytest.mark.parametrize("name", FADED)
def test_equal_once_the_beginning_has_faded(skender: Path, spy: Spy, name: str) -> None:
    for column, ours in FADED[name](spy).items():
        theirs = published(skender, name, column)
        assert (np.isnan(ours) <= (np.isnan(theirs) | (np.arange(len(theirs)) < 60))).all()
        np.testing.assert_allclose(ours[-100:], theirs[-100:], rtol=1e-11, atol=1e-10, err_msg=column)


@pytest.mark.parametrize(
    "file",
    ["spy_daily_with_bad_rows", "zero_prices", "penny_stock_daily", "btc_daily_2017_2021", "spy_daily_2017_2018"],
)
@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_bad_days_do_no_harm(skender: Path, file: str, name: str) -> None:
    """Unknown rows, zero prices, pennies: no exception, nothing infinite, known up to the unknown and not at it."""
    table = pd.read_csv(skender / "quotes" / f"{file}.csv", encoding="utf-8-sig")
    columns = {
        column: pd.to_numeric(table[column], errors="coerce").to_numpy(np.float64)
        for column in ("open", "high", "low", "close", "volume")
    }
    count = len(table)
    day = np.arange(count, dtype=np.float64)
    columns |= {
        "x": columns["close"],
        "y": columns["open"],
        "condition": np.where(np.isnan(columns["close"]), np.nan, columns["close"] > columns["open"]),
        "typical": (columns["high"] + columns["low"] + columns["close"]) / 3.0,
        "vwap": np.full(count, np.nan),
        "start": day * 86_400e9,
        "end": day * 86_400e9 + 6.5 * 3_600e9,
        "session": day,
        "session_open": day * 86_400e9,
        "per_year": np.full(count, 252.0),
    }
    signature = BY_NAME[name]
    parameters = [one.default if one.default is not None else 14.0 for one in signature.parameters]
    if name == "orb":
        parameters = [6.5 * 3_600e9]
    if name == "bb":
        parameters = [20.0, 2.0]
    out = batch(name, parameters, [columns[column] for column in (*signature.arguments, *signature.bars)])
    assert not np.isinf(out).any()
    zeros = (columns["close"] == 0.0).any()  # no return, no spread, nothing traded
    meaningless = {"hv", "gap", "zscore", "vwap", "bb", "value_when", "bars_since"} if zeros else set()
    if name not in meaningless:
        unknown = np.flatnonzero(np.isnan(columns["close"]))
        last = unknown[0] - 1 if len(unknown) else count - 1
        assert not np.isnan(out[:, last]).any()
        assert np.isnan(out[:, unknown]).all()
