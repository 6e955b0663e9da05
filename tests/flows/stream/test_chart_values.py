"""Chart values against plain computations over the same bars."""

# ruff: noqa: PD011 — the values of a chart are no data frame

import numpy as np
import pandas as pd
import pytest
import talib

from marketbell.core.columns.frame import Columns
from marketbell.core.market.instrument import Instrument
from marketbell.core.market.timeframe import Timeframe
from marketbell.core.primitives.errors import UserError
from marketbell.flows.stream.chart_values import ChartValues
from marketbell.wiring.calendars import calendars

MINUTE = 60 * 10**9
DAY = 1_440 * MINUTE
OPEN = 1_619_581_500 * 10**9  # 2021-04-28 09:15 in India
STOCK = Instrument("NSE:AAA", calendar="XNSE")
NOTHING = (False, False)


def bars(start: "np.ndarray[tuple[int], np.dtype[np.int64]]", seed: int = 7) -> Columns:
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.002, len(start))))
    return {
        "start": start.astype(np.int64),
        "open": close * 0.999,
        "high": close * 1.002,
        "low": close * 0.998,
        "close": close,
        "volume": rng.integers(1, 1_000, len(start)).astype(float),
        "trades": np.ones(len(start), np.int64),
        "vwap": close,
    }


def minutes(count: int) -> Columns:
    return bars(OPEN + np.arange(count) * MINUTE)


def days(count: int) -> Columns:
    opens = calendars().sessions("XNSE").open
    last = int(np.searchsorted(opens, OPEN))
    return bars(opens[last - count : last], 11)


NONE = {name: column[:0] for name, column in minutes(1).items()}


@pytest.fixture(scope="module")
def values() -> ChartValues:
    return ChartValues(calendars().sessions)


def test_functions_at_minutes_are_those_of_ta_lib(values: ChartValues) -> None:
    given = minutes(120)
    found = values.evaluate(
        STOCK, Timeframe("m"), ["rsi(close, 14)", "macd(close, 12, 26, 9).hist", "close"], given, NONE, (True, False)
    )
    close = np.asarray(given["close"], np.float64)
    np.testing.assert_allclose(found.values[0], talib.RSI(close, 14), rtol=1e-12)
    np.testing.assert_allclose(found.values[1], talib.MACD(close)[2], rtol=1e-9, atol=1e-12)
    assert list(found.types) == ["number", "price", "price"]
    assert found.is_forming
    assert found.starts[-1] == given["start"][-1]


def test_longer_bars_are_rolled_up_with_the_forming_one_last(values: ChartValues) -> None:
    given = minutes(23)
    found = values.evaluate(STOCK, Timeframe("m", 5), ["high", "volume", "sma(close, 2)"], given, NONE, (True, False))
    frame = pd.DataFrame({name: given[name] for name in ("high", "close", "volume")})
    by = frame.groupby(np.arange(23) // 5)
    np.testing.assert_allclose(found.values[0], by["high"].max())
    np.testing.assert_allclose(found.values[1], by["volume"].sum())
    np.testing.assert_allclose(found.values[2], by["close"].last().rolling(2).mean())
    assert found.is_forming
    assert [int(start - OPEN) // MINUTE for start in found.starts] == [0, 5, 10, 15, 20]


def test_a_bar_whose_last_minute_is_forming_is_forming(values: ChartValues) -> None:
    for is_open in (True, False):
        found = values.evaluate(STOCK, Timeframe("m", 5), ["close"], minutes(10), NONE, (is_open, False))
        assert len(found.starts) == 2
        assert found.is_forming is is_open


def test_a_daily_value_at_minutes_is_that_of_the_last_closed_day(values: ChartValues) -> None:
    given = days(40)
    found = values.evaluate(STOCK, Timeframe("m"), ["close / sma(close, 20)@1d"], minutes(3), given, (False, True))
    closed = np.asarray(given["close"], np.float64)[:-1]
    np.testing.assert_allclose(found.values[0], np.asarray(minutes(3)["close"]) / closed[-20:].mean(), rtol=1e-12)


def test_weeks_come_from_days(values: ChartValues) -> None:
    given = days(60)
    found = values.evaluate(STOCK, Timeframe("w"), ["close", "low"], NONE, given, NOTHING)
    dates = pd.to_datetime(np.asarray(given["start"])).tz_localize("UTC").tz_convert("Asia/Kolkata").tz_localize(None)
    weeks = pd.Series(np.asarray(given["low"]), dates).groupby(dates.to_period("W")).min()
    np.testing.assert_allclose(found.values[1], weeks.to_numpy())


def test_enough_bars_are_asked_for(values: ChartValues) -> None:
    assert values.bars_needed(Timeframe("m", 5), ["sma(close, 20)"], 100) == ((100 + 19 + 2) * 5, 0)
    few, many = (values.bars_needed(Timeframe("d"), [f"ema(close, {n})"], 10)[1] for n in (5, 50))
    assert 10 < few < many
    minute, day = values.bars_needed(Timeframe("m"), ["close - sma(close, 50)@1d"], 750)
    assert minute >= 750
    assert day >= 52


@pytest.mark.parametrize(
    ("timeframe", "text", "word"),
    [
        ("1m", "smma(close, 3)", "did you mean"),
        ("1m", "bb(close, 20, 2)", "upper"),
        ("1m", "sma(close, 0)", "1"),
        ("1m", "close +", "column"),
        ("1m", "$NIFTY.close", "another instrument"),
        ("1m", "fund.pe", "fund.pe"),
        ("30s", "close", "minute"),
        ("tick", "close", "ticks"),
    ],
)
def test_what_cannot_be_drawn_is_said(values: ChartValues, timeframe: str, text: str, word: str) -> None:
    with pytest.raises(UserError, match=word):
        values.bars_needed(Timeframe.parse(timeframe), [text], 10)
