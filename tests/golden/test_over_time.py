"""Fast moves, holds and sequences over recorded ticks and bars, against pandas."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.golden.test_eval import IST, one, table


@pytest.fixture(scope="module")
def days(shared_data: Path) -> list[Path]:
    return [shared_data / f"intraday/nse_ticks/{day}/TCS.csv.gz" for day in ("2021-04-28", "2021-06-11")]


def moved(close: pd.Series, span: str, by: float) -> tuple[pd.Series, pd.Series]:
    """Rises and falls by so many per cent within a span, each day alone: 1, 0, unknown where a tick is alone."""
    found = []
    for up in (True, False):
        parts = []
        for _, part in close.groupby(close.index.date):
            window = part.rolling(span, closed="both")
            holds = part >= (1 + by / 100) * window.min() if up else part <= (1 - by / 100) * window.max()
            parts.append(holds.astype(float).where(window.count() > 1))
        found.append(pd.concat(parts))
    return found[0], found[1]


def held(truth: pd.Series, bars: int) -> pd.Series:
    """True at all of the last bars: false where one was false, unknown where one is not known."""
    is_false = (truth == 0).rolling(bars, min_periods=1).max() > 0
    is_known = truth.rolling(bars).count() == bars
    return pd.Series(np.where(is_false, 0.0, np.where(is_known, 1.0, np.nan)), truth.index)


def test_fast_moves_of_ticks(days: list[Path]) -> None:
    """Tens of thousands of ticks over two sessions; the window is cut where a session begins."""
    found = table(
        days, "c = close + 0", "up = close rises by 0.3% within 5m", "down = close falls by 0.3% within 5m",
        "any = close moves by 0.3% within 5m", "points = close moves by 12 within 3m",
    )  # fmt: skip
    close = one(found, "c")
    close.index = close.index.tz_convert(IST)
    up, down = moved(close, "5min", 0.3)
    assert len(close) > 10_000
    assert min(up.sum(), down.sum()) > 100
    np.testing.assert_array_equal(one(found, "up"), up)
    np.testing.assert_array_equal(one(found, "down"), down)
    np.testing.assert_array_equal(one(found, "any"), np.maximum(up, down))
    parts = []
    for _, part in close.groupby(close.index.date):
        window = part.rolling("3min", closed="both")
        holds = (part - window.min() >= 12) | (window.max() - part >= 12)
        parts.append(holds.astype(float).where(window.count() > 1))
    points = pd.concat(parts)
    assert points.sum() > 10
    np.testing.assert_array_equal(one(found, "points"), points)


def test_holds_and_sequences_of_minutes(days: list[Path]) -> None:
    found = table(
        days, "c = close@1m", "held = (close > sma(close, 10) for 3 bars)@1m",
        "long = (close > sma(close, 10) for 4m)@1m",
        "seen = (close crosses above sma(close, 10) seen in last 5 bars)@1m",
        "then = (close crosses below sma(close, 10) then close crosses above sma(close, 10) within 6 bars)@1m",
        "rise = (close is rising for 3 bars)@1m", "trip = (close rises by 0.2% within 3 bars)@1m",
    )  # fmt: skip
    close = one(found, "c")
    close.index = close.index.tz_convert(IST)
    mean = close.rolling(10).mean()
    above = (close > mean).astype(float).where(mean.notna())
    np.testing.assert_array_equal(one(found, "held"), held(above, 3))

    was = above.shift()
    up = ((close > mean) & (close.shift() <= mean.shift())).astype(float).where(was.notna())
    down = ((close < mean) & (close.shift() >= mean.shift())).astype(float).where(was.notna())
    unknown = up.isna().rolling(5, min_periods=1).max() > 0
    seen = up.fillna(0).rolling(5, min_periods=1).max()
    np.testing.assert_array_equal(one(found, "seen"), seen.where((seen == 1) | ~unknown))

    before = down.fillna(0).shift().rolling(6, min_periods=1).max().fillna(0)
    blind = down.isna().shift(fill_value=False).rolling(6, min_periods=1).max() > 0
    either = before.where((before == 1) | ~blind)
    then = (up * either).where(~((up == 0) | (either == 0)), 0.0).where(up.notna() | (either == 0))
    np.testing.assert_array_equal(one(found, "then"), then)
    assert min(seen.sum(), then.sum()) > 5

    rising = (close > close.shift()).astype(float).where(close.shift().notna())
    np.testing.assert_array_equal(one(found, "rise"), held(rising, 3))
    days_of = close.groupby(close.index.date)
    lowest = pd.concat([part.rolling(4, min_periods=2).min() for _, part in days_of])
    np.testing.assert_array_equal(one(found, "trip"), (close >= 1.002 * lowest).astype(float).where(lowest.notna()))

    # A run that began four minutes ago or earlier: what stood then is what the newest bar up to then said.
    stands = pd.Series(above.to_numpy(), close.index + pd.Timedelta(minutes=1))
    wanted = []
    for end in stands.index:
        since = end - pd.Timedelta(minutes=4)
        before, window = stands[stands.index <= since], stands[(stands.index > since) & (stands.index <= end)]
        truth = [before.iloc[-1] if len(before) else np.nan, *window]
        wanted.append(0.0 if 0.0 in truth else np.nan if np.isnan(truth).any() else 1.0)
    np.testing.assert_array_equal(one(found, "long"), wanted)
