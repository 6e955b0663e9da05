"""Backtests on recorded days equal independent pandas and TA-Lib: golden cross, RSI cross, 52-week high."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import talib

from marketbell.core.indicators.catalogue import BY_NAME
from marketbell.wiring.backtest import backtest_to_files

RULES = """
alert "golden" on ALL when sma(close, 50)@1d crosses above sma(close, 200)@1d at 1d close fire once per day
alert "rsi" on ALL when rsi(close, 14) crosses below 30 and close > sma(close, 200) at 1d close fire every time
alert "high" on ALL when high >= highest(high, 252)[1] and turnover > 10Cr at 1d close fire every time
"""


def kept(source: Path) -> pd.DataFrame:
    """The rows that the quality rules let through (definitions §3), by symbol and date."""
    table = pd.read_parquet(source).sort_values(["symbol", "date"], kind="stable").reset_index(drop=True)
    prices = table[["open", "high", "low", "close"]]
    bad = (~np.isfinite(prices) | (prices <= 0)).any(axis=1)
    fields = [name for name in table.columns if name != "date"]
    stale = (table[fields] == table[fields].shift()).all(axis=1) & ~bad
    table = table[~bad & ~stale]
    repaired = table[["open", "high", "low", "close"]]
    return table.assign(high=repaired.max(axis=1), low=repaired.min(axis=1))


def expected(table: pd.DataFrame) -> dict[str, list[tuple[str, str]]]:
    """Symbol and date of each firing."""
    found: dict[str, list[tuple[str, str]]] = {"golden": [], "rsi": [], "high": []}
    warm = BY_NAME["rsi"].warm_up((14.0,))
    for symbol, rows in table.groupby("symbol"):
        close, high = rows.close.to_numpy(), rows.high.to_numpy()
        fast, slow = talib.SMA(close, 50), talib.SMA(close, 200)
        rsi = talib.RSI(close, 14)
        rsi[:warm] = np.nan
        typical = (rows.high + rows.low + rows.close).to_numpy() / 3.0
        turnover = typical * rows.volume.fillna(0.0).to_numpy()
        before = pd.Series(high).rolling(252).max().shift(1).to_numpy()
        with np.errstate(invalid="ignore"):
            golden = (fast[:-1] <= slow[:-1]) & (fast[1:] > slow[1:])
            below = (rsi[:-1] >= 30.0) & (rsi[1:] < 30.0) & (close[1:] > slow[1:])
            highs = (high >= before) & (turnover > 1e8)
        dates = rows.date.dt.strftime("%Y-%m-%d").to_numpy()
        found["golden"] += [(symbol, day) for day in dates[1:][golden]]
        found["rsi"] += [(symbol, day) for day in dates[1:][below]]
        found["high"] += [(symbol, day) for day in dates[highs]]
    return {rule: sorted(pairs) for rule, pairs in found.items()}


@pytest.fixture(scope="module")
def results(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("backtest")
    (folder / "rules.bell").write_text(RULES)
    source = shared_data / "daily_ohlcv/nse_daily_2015_2019.parquet"
    backtest_to_files(str(folder / "rules.bell"), [str(source)], folder / "out")
    return source, folder / "out"


def test_firings_equal_pandas_and_talib(results: tuple[Path, Path]) -> None:
    source, out = results
    firings = pd.read_parquet(out / "firings.parquet")
    local = firings.event_time.dt.tz_convert("Asia/Kolkata").dt.strftime("%Y-%m-%d")
    symbols = firings.instrument.str.removeprefix("NSE:")
    found = {
        rule: sorted(zip(symbols[firings.rule == rule], local[firings.rule == rule], strict=True))
        for rule in ("golden", "rsi", "high")
    }
    wanted = expected(kept(source))
    assert all(len(pairs) > 50 for pairs in wanted.values())
    assert found == wanted


def test_figures_equal_pandas(results: tuple[Path, Path]) -> None:
    source, out = results
    firings = pd.read_parquet(out / "firings.parquet")
    summary = json.loads((out / "summary.json").read_text())
    table = kept(source)
    days = table.date.nunique()
    closes = table.set_index(["symbol", table.date.dt.strftime("%Y-%m-%d")]).close
    after = table.groupby("symbol").close.shift(-1)
    after.index = closes.index
    for one in summary["rules"]:
        mine = firings[firings.rule == one["rule"]]
        dates = mine.event_time.dt.tz_convert("Asia/Kolkata").dt.strftime("%Y-%m-%d")
        assert one["fires"] == len(mine)
        assert one["symbols_fired"] == mine.instrument.nunique()
        counts = dates.value_counts()
        assert one["busiest_day"]["count"] == counts.max()
        assert sum(day["count"] for day in one["by_day"]) == len(mine)
        held = len(one["by_day"])
        assert one["history"]["gaps"] == [f"{held - days} of {held:,} trading days are missing in the data."]
        keys = list(zip(mine.instrument.str.removeprefix("NSE:"), dates, strict=True))
        changes = (after.loc[keys] / closes.loc[keys] - 1.0).dropna() * 100.0
        (outcome,) = [item for item in one["outcomes"] if item["after"] == "1d"]
        assert outcome["count"] == len(changes)
        assert outcome["mean_pct"] == pytest.approx(changes.mean(), abs=1e-3)
        assert outcome["median_pct"] == pytest.approx(changes.median(), abs=1e-3)
        assert outcome["up_pct"] == pytest.approx((changes > 0).mean() * 100.0, abs=0.01)


def test_a_backtest_and_a_replay_give_the_same_ids(results: tuple[Path, Path], tmp_path: Path) -> None:
    from marketbell.wiring.replay import replay_to_files

    source, out = results
    replay_to_files([str(source)], tmp_path / "replay", rules=out.parent / "rules.bell")
    tried = pd.read_parquet(out / "firings.parquet")
    replayed = pd.read_parquet(tmp_path / "replay/firings.parquet")
    assert sorted(tried.firing_id) == sorted(replayed.firing_id)
    assert tried.set_index("firing_id")["values"].to_dict() == replayed.set_index("firing_id")["values"].to_dict()
