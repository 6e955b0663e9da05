"""Ten indicators as other libraries keep them up: TA-Lib's stream handles and talipp's objects.

RSI 14, EMA 20, SMA 50, MACD 12/26/9, ATR 14, Bollinger 20/2, ADX 14, stochastic 14/3/3, CCI 20, ROC 10.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bars = NDArray[np.float64]
"""[instrument, bar, (high, low, close)]."""

EXPRESSIONS = {
    "rsi": "rsi(close, 14)",
    "ema": "ema(close, 20)",
    "sma": "sma(close, 50)",
    "macd": "macd(close, 12, 26, 9).line",
    "atr": "atr(14)",
    "bb": "bb(close, 20, 2).upper",
    "adx": "adx(14)",
    "stoch": "stoch(14, 3, 3).k",
    "cci": "cci(20)",
    "roc": "roc(close, 10)",
}
"""The same in our language."""


def talib_handles(history: Bars) -> list[tuple[list[Any], list[Any]]]:
    """For each instrument its handles of the close, and those of high, low and close, opened on the history."""
    from talib import stream

    opened = []
    for high, low, close in (np.ascontiguousarray(one.T) for one in history):
        of_close = [
            stream.RSI(close, 14),
            stream.EMA(close, 20),
            stream.SMA(close, 50),
            stream.MACD(close, 12, 26, 9),
            stream.BBANDS(close, 20, 2.0, 2.0),
            stream.ROC(close, 10),
        ]
        of_bar = [
            stream.ATR(high, low, close, 14),
            stream.ADX(high, low, close, 14),
            stream.STOCH(high, low, close, 14, 3, 0, 3, 0),
            stream.CCI(high, low, close, 20),
        ]
        opened.append((of_close, of_bar))
    return opened


def talib_update(handles: list[tuple[list[Any], list[Any]]], bars: list[tuple[float, float, float]]) -> None:
    """One more bar for each instrument."""
    for (of_close, of_bar), (high, low, close) in zip(handles, bars, strict=True):
        for handle in of_close:
            handle.update(close)
        for handle in of_bar:
            handle.update(high, low, close)


def talib_values(handles: list[tuple[list[Any], list[Any]]]) -> dict[str, list[float]]:
    """The newest value of each indicator, in the instruments' order, by our names."""

    def first(handle: Any) -> float:
        value = handle.value
        return float(value[0]) if isinstance(value, tuple) else float(value)

    names = (("rsi", "ema", "sma", "macd", "bb", "roc"), ("atr", "adx", "stoch", "cci"))
    return {
        name: [first(pair[side][at]) for pair in handles]
        for side, group in enumerate(names)
        for at, name in enumerate(group)
    }


class TalippSet:
    """The ten of one instrument."""

    def __init__(self) -> None:
        from talipp.indicators import ADX, ATR, BB, CCI, EMA, MACD, ROC, RSI, SMA, Stoch
        from talipp.ohlcv import OHLCV

        self._bar: Callable[..., Any] = OHLCV
        self._of_close = [RSI(14), EMA(20), SMA(50), MACD(12, 26, 9), BB(20, 2), ROC(10)]
        self._of_bar = [ATR(14), ADX(14, 14), Stoch(14, 3), CCI(20)]

    def add(self, high: float, low: float, close: float) -> None:
        """One more bar."""
        for indicator in self._of_close:
            indicator.add(close)
        bar = self._bar(close, high, low, close)
        for indicator in self._of_bar:
            indicator.add(bar)
