"""Every function that TA-Lib has, over recorded daily bars of several markets, after the quality rules."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from marketbell.core.indicators.catalogue import BY_NAME
from marketbell.core.indicators.implementations import batch
from marketbell.core.quality.daily import judge_daily

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import talib

Floats = NDArray[np.float64]
Bars = dict[str, Floats]

PERIODS = (2, 5, 14, 50, 200)
NEAR = 1e-12

US = ("AAPL", "AAL", "AES", "AGN", "ADS")
NSE = ("RELIANCE", "3MINDIA", "SBIN", "ASHOKLEY", "ALBK")


def usable(table: pd.DataFrame) -> Bars:
    """What the quality rules leave of one symbol's rows: bad and stale days dropped, highs and lows repaired."""
    table = table.sort_values("date").reset_index(drop=True)
    prices = {name: table[name].to_numpy(np.float64) for name in ("open", "high", "low", "close")}
    others = {name: table[name].to_numpy() for name in table.columns if name not in {*prices, "date", "symbol"}}
    verdict = judge_daily(np.zeros(len(table), np.int64), prices, others)
    bars = {name: np.ascontiguousarray(column[verdict.keep]) for name, column in verdict.prices.items()}
    bars["volume"] = table["volume"].to_numpy(np.float64)[verdict.keep]
    return bars


@pytest.fixture(scope="module")
def markets(shared_data: Path) -> dict[str, Bars]:
    """Bars by symbol: US 2013 to 2018, NSE 2015 to 2019."""
    folder = shared_data / "daily_ohlcv"
    found = {}
    for name, symbols in (("us_sp500_daily_2013_2018", US), ("nse_daily_2015_2019", NSE)):
        table = pd.read_parquet(folder / f"{name}.parquet", filters=[("symbol", "in", list(symbols))])
        for symbol, rows in table.groupby("symbol"):
            bars = usable(rows)
            if len(bars["close"]) >= 250 and not np.isnan(bars["volume"]).any():
                found[str(symbol)] = bars
    assert len(found) >= 8, sorted(found)
    return found


def close_to(ours: Floats, theirs: Floats, scale: Floats | float = 0.0) -> None:
    """Known at the same bars, and equal to 1e-12 of the value, or of the numbers whose difference it is (`scale`)."""
    theirs = np.asarray(theirs, np.float64)
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
    known = ~np.isnan(ours)
    size = np.maximum(np.abs(theirs), np.broadcast_to(scale, theirs.shape))
    error = np.abs(ours - theirs)[known]
    assert (error <= NEAR * size[known]).all(), f"{(error / np.maximum(size[known], 1e-300)).max():.3g}"


def pairs(bars: Bars, other: Floats, n: int) -> Iterator[tuple[str, list[float], list[Floats], object, object]]:
    """Function, parameters, inputs; TA-Lib's outputs; the scale of a difference."""
    high, low, close, volume = (bars[name] for name in ("high", "low", "close", "volume"))
    typical = (high + low + close) / 3.0
    level = float(np.abs(close).max())
    hlc = [high, low, close]
    yield "sma", [n], [close], [talib.SMA(close, n)], 0.0
    yield "avg", [n], [close], [talib.SMA(close, n)], 0.0
    yield "ema", [n], [close], [talib.EMA(close, n)], 0.0
    yield "wma", [n], [close], [talib.WMA(close, n)], 0.0
    yield "sum", [n], [close], [talib.SUM(close, n)], 0.0
    yield "sum", [n], [volume], [talib.SUM(volume, n)], 0.0
    yield "rsi", [n], [close], [talib.RSI(close, n)], 0.0
    yield "highest", [n], [high], [talib.MAX(high, n)], 0.0
    yield "lowest", [n], [low], [talib.MIN(low, n)], 0.0
    yield "change", [n], [close], [talib.MOM(close, n)], 0.0
    yield "roc", [n], [close], [talib.ROC(close, n)], 0.0
    yield "pct_change", [n], [volume], [talib.ROC(volume, n)], 0.0
    yield "stdev", [n], [close], [talib.STDDEV(close, n)], 0.0
    yield "stdev", [n], [volume], [talib.STDDEV(volume, n)], 0.0
    yield "slope", [n], [close], [talib.LINEARREG_SLOPE(close, n)], level
    yield "corr", [n], [close, other], [talib.CORREL(close, other, n)], 1.0
    yield "beta", [n], [close, other], [talib.BETA(other, close, n)], 1.0
    yield "cci", [n], [typical], [talib.CCI(*hlc, n)], 100.0
    yield "atr", [n], hlc, [talib.ATR(*hlc, n)], 0.0
    yield "mfi", [n], [*hlc, volume], [talib.MFI(*hlc, volume, n)], 0.0
    yield "adx", [n], hlc, [talib.ADX(*hlc, n), talib.PLUS_DI(*hlc, n), talib.MINUS_DI(*hlc, n)], 1.0
    for k in (1.0, 2.0, 2.5):
        upper, mid, lower = talib.BBANDS(close, n, k, k)
        yield "bb", [n, k], [close], [upper, mid, lower, (upper - lower) / mid * 100.0], 0.0
    for m in (1.0, 3.0):
        value, direction = talib.SUPERTREND(*hlc, n, m)
        direction = np.where(np.isnan(value), np.nan, direction)
        yield "supertrend", [n, m], hlc, [value, direction], 0.0
    for smooth, d in ((1, 1), (3, 3), (5, 2)):
        yield "stoch", [n, smooth, d], hlc, talib.STOCH(*hlc, n, smooth, 0, d, 0), 100.0


@pytest.mark.parametrize("n", PERIODS)
def test_windows_and_averages(markets: dict[str, Bars], n: int) -> None:
    names = set()
    for bars in markets.values():
        other = next(other["close"] for other in markets.values() if len(other["close"]) >= len(bars["close"]))
        other = other[: len(bars["close"])] * 0.5 + bars["open"] * 0.25
        for name, parameters, inputs, theirs, scale in pairs(bars, other, n):
            ours = batch(name, [float(p) for p in parameters], inputs)
            for mine, wanted in zip(ours, theirs, strict=True):
                close_to(mine, wanted, scale)
            lookback = BY_NAME[name].lookback(tuple(float(p) for p in parameters))
            assert np.argmin(np.isnan(ours[0])) == lookback
            names.add(name)
    assert len(names) == 22


@pytest.mark.parametrize("periods", [(12, 26, 9), (26, 12, 9), (5, 35, 5), (3, 10, 1), (7, 7, 3)])
def test_macd(markets: dict[str, Bars], periods: tuple[int, int, int]) -> None:
    for bars in markets.values():
        close = bars["close"]
        ours = batch("macd", [float(n) for n in periods], [close])
        for mine, wanted in zip(ours, talib.MACD(close, *periods), strict=True):
            close_to(mine, wanted, close)
        assert np.argmin(np.isnan(ours[0])) == BY_NAME["macd"].lookback(tuple(float(n) for n in periods))


def test_cumulative(markets: dict[str, Bars]) -> None:
    for bars in markets.values():
        hlc = [bars[name] for name in ("high", "low", "close")]
        volume = bars["volume"]
        np.testing.assert_array_equal(batch("obv", [], [hlc[2], volume])[0], talib.OBV(hlc[2], volume))
        one_session = [sum(hlc) / 3.0, np.full(len(volume), np.nan), volume, np.zeros(len(volume))]
        theirs = talib.VWAP(*hlc, volume)
        close_to(batch("vwap", [], one_session)[0], np.where(np.cumsum(volume) > 0, theirs, np.nan))


@pytest.mark.parametrize("n", [5, 20, 200])
def test_to_the_last_bit(markets: dict[str, Bars], n: int) -> None:
    """Where no product is added to a sum, TA-Lib's compiler cannot have merged the two: equal in every bit."""
    for bars in markets.values():
        close, hlc = bars["close"], [bars[name] for name in ("high", "low", "close")]
        for ours, theirs in (
            (batch("sma", [n], [close])[0], talib.SMA(close, n)),
            (batch("sum", [n], [close])[0], talib.SUM(close, n)),
            (batch("highest", [n], [close])[0], talib.MAX(close, n)),
            (batch("lowest", [n], [close])[0], talib.MIN(close, n)),
            (batch("change", [n], [close])[0], talib.MOM(close, n)),
            (batch("roc", [n], [close])[0], talib.ROC(close, n)),
            (batch("stoch", [n, 3.0, 3.0], hlc)[1], talib.STOCH(*hlc, n, 3, 0, 3, 0)[1]),
        ):
            np.testing.assert_array_equal(ours, theirs)


def test_flat_and_dead_markets_as_talib_has_them() -> None:
    """Prices that never move, then a move, then a halt; no volume for long."""
    close = np.concatenate(
        [np.full(60, 10.0), np.linspace(10, 14, 20), np.full(60, 14.0), [13.0, 15.0], np.full(40, 15.0)]
    )
    volume = np.where(np.arange(len(close)) % 50 < 25, 0.0, 100.0)
    bars = {"high": close, "low": close, "close": close, "volume": volume}
    other = np.concatenate([np.linspace(5, 6, 90), np.full(len(close) - 90, 6.0)])
    for n in (2, 5, 14):
        for name, parameters, inputs, theirs, scale in pairs(bars, other, n):
            ours = batch(name, [float(p) for p in parameters], inputs)
            for mine, wanted in zip(ours, theirs, strict=True):
                close_to(mine, wanted, np.maximum(scale, 100.0))


def test_an_outlier_as_talib_has_it(markets: dict[str, Bars]) -> None:
    """One bad print of a million times the price passes through the windows."""
    bars = {name: column.copy() for name, column in markets["AES"].items()}
    for name in ("high", "close"):
        bars[name][300] *= 1e6
    recursive = {"ema", "atr", "supertrend"}  # what is left of the print fades in proportion
    for name, parameters, inputs, theirs, scale in pairs(bars, markets["AES"]["open"], 20):
        for mine, wanted in zip(batch(name, [float(p) for p in parameters], inputs), theirs, strict=True):
            close_to(mine, wanted, np.maximum(0.0 if name == "slope" else scale, 1e8 if name in recursive else 100.0))
